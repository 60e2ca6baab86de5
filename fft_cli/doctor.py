"""`fft doctor`: parts of a project that work here, are missing, or differ from the original FFT."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from fft_cli.options import takes_root
from fft_cli.terminal import echo, echo_json, style

_COLORS = {"works": "green", "missing": "red", "differs": "yellow"}


@click.command("doctor")
@takes_root
@click.option(
    "--env",
    "-e",
    metavar="NAME",
    help="The environment: its profile and its .env files. [default: FFT_ACTIVE_ENV, or dev]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(root: Path, env: str | None, as_json: bool) -> None:
    """List the parts of a project that work here, are missing, or differ from the original FFT.

    Opens no database. Exits with 1 if something is missing. PROJECT is the folder with project.yml.
    """
    from fft_core.operations.doctor import examine

    findings = examine(root, env)
    if as_json:
        echo_json({"findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            code = f" [{finding.code}]" if finding.code else ""
            echo(f"{style(f'{finding.state:8}', fg=_COLORS[finding.state])} {finding.what}{code}")
            if finding.hint:
                echo(f"         {finding.hint}")
    sys.exit(1 if any(finding.state == "missing" for finding in findings) else 0)

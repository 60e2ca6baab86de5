"""`fft ci-check`: mistakes and oddities of a project, without a database."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fft_cli.option_values import with_options
from fft_cli.options import ProjectOptions
from fft_cli.terminal import echo, echo_json, style

if TYPE_CHECKING:
    from fft_core.reports.lint.findings import Finding

_COLORS = {"error": "red", "warning": "yellow", "note": "bright_black"}


@click.command("ci-check")
@with_options(ProjectOptions)
@click.option("--sarif", metavar="FILE", type=click.Path(path_type=Path), help="Write the findings as SARIF 2.1.0.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(options: ProjectOptions, sarif: Path | None, as_json: bool) -> None:
    """List mistakes and oddities of the project, with file and line. Opens no database, and changes nothing.

    PROJECT is the folder with project.yml.
    """
    sys.exit(check_files(options, sarif, as_json))


def check_files(options: ProjectOptions, sarif: Path | None, as_json: bool) -> int:
    """Print the findings; return the exit code, which is 1 if there are errors."""
    from fft_core.json_files import write_json_file
    from fft_core.reports.lint.sarif import sarif_report

    findings = _findings(options)
    if sarif is not None:
        write_json_file(sarif, sarif_report(findings, options.root))
    if as_json:
        echo_json({"findings": [finding.to_json() for finding in findings]})
    else:
        _print(findings)
    return 1 if any(finding.level == "error" for finding in findings) else 0


def _findings(options: ProjectOptions) -> Sequence[Finding]:
    from fft_core import ProjectError
    from fft_core.project.profile.profiles import env_to_check
    from fft_core.reports.lint.findings import lint_project, problems_found

    try:
        env = env_to_check(options.root, options.env)
        return lint_project(replace(options, env=env).load())
    except ProjectError as error:
        if not (options.root / "project.yml").is_file():
            raise  # no project, no findings
        return problems_found(error)


def _print(findings: Sequence[Finding]) -> None:
    for finding in findings:
        level = style(finding.level, fg=_COLORS[finding.level])
        echo(f"{finding.where}: {level}: {finding.message} [{finding.code or finding.rule}]")
        if finding.hint:
            echo(f"    hint: {finding.hint}")
    counts = Counter[str](finding.level for finding in findings)
    said = [f"{counts[level]} {level}{'s' * (counts[level] > 1)}" for level in _COLORS if counts[level]]
    echo("\n" + ", ".join(said) if said else "nothing found")

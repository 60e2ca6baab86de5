"""`fft dev`: the Dagster UI on a project and the history of its runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import click

from fft_dagster.cli.options import ProjectOptions, parse_variables, project_options, takes_project


@click.command("dev")
@takes_project
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the UI listens.")
@click.option(
    "--port", "-p", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Where the UI listens."
)
def command(host: str, port: int, **chosen: Any) -> None:  # Any: the values that project_options names
    """Open the Dagster UI on the project and the history of its runs.

    PROJECT is the folder that holds project.yml.
    """
    sys.exit(open_ui(project_options(**chosen), host, port))


def open_ui(options: ProjectOptions, host: str, port: int) -> int:
    """Run `dagster dev` until it ends; give its exit code. A definitions.py of the project's own is what it opens."""
    from fft_core import FftError
    from fft_dagster.instance import code_location, instance_home

    project = options.load()
    if find_spec("dagster_webserver") is None:
        raise FftError("the Dagster UI is not installed", hint='pip install "fft-dagster[ui]"')
    home = instance_home(project.root)
    *location, _ = code_location(project.root)
    click.echo(f"{project.name}: http://{host}:{port}, history in {home}")
    given = parse_variables(options.variables)
    environment = {
        "DAGSTER_HOME": str(home),
        "FFT_PROJECT_DIR": str(project.root),
        "FFT_ACTIVE_ENV": project.env,
        **({"FF_ENGINE": options.engine} if options.engine else {}),
        **({"FFT_VARS": json.dumps(given, default=str)} if given else {}),
        "DAGSTER_EVENT_BATCH_SIZE": os.environ.get("DAGSTER_EVENT_BATCH_SIZE", "1000"),  # see runs.py
    }
    command = [sys.executable, "-m", "dagster", "dev", "-h", host, "-p", str(port), *location]
    try:
        return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode
    except KeyboardInterrupt:  # Dagster has had it, too, and stops what it started
        return 130

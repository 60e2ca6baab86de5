"""`fft dev`: the UI of the scheduler, with a project and the history of its runs."""

from __future__ import annotations

import json
import sys

import click

from fft_cli.option_values import with_options
from fft_cli.options import ProjectOptions, parse_variables
from fft_cli.run_options import SCHEDULER
from fft_cli.terminal import echo


@click.command("dev")
@with_options(ProjectOptions)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address that the UI listens on.")
@click.option(
    "--port", "-p", type=click.IntRange(1, 65535), default=3000, show_default=True, help="The port of the UI."
)
@SCHEDULER
def command(options: ProjectOptions, host: str, port: int, scheduler: str | None) -> None:
    """Open the UI of the scheduler, Dagster or Prefect, with the project and the history of its runs.

    PROJECT is the folder with project.yml.
    """
    sys.exit(open_ui(options, host, port, scheduler))


def open_ui(options: ProjectOptions, host: str, port: int, scheduler: str | None = None) -> int:
    """Open the UI until it ends; return its exit code."""
    from fft_cli.face import face

    project, given = options.load(), parse_variables(options.variables)
    variables = {
        **({"FF_ENGINE": options.engine} if options.engine else {}),
        **({"FFT_VARS": json.dumps(given, default=str)} if given else {}),
    }
    return face(scheduler).open_ui(project, host, port, variables, echo)

"""The commands of `fft`, and what happens when one of them fails."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from fft_core.errors import FftError

PROJECT = typer.Argument(help="The folder that holds project.yml.", show_default=True)
ENV = typer.Option("--env", "-e", help="The profile, and the .env layers. [default: FFT_ACTIVE_ENV, or dev]")

app = typer.Typer(
    name="fft",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Build SQL and Python models as Dagster assets.",
)


@app.callback()
def fft() -> None:
    """Build SQL and Python models as Dagster assets."""


@app.command()
def build(
    project: Annotated[Path, PROJECT] = Path(),
    env: Annotated[str | None, ENV] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Models built at a time.")] = None,
) -> None:
    """Build the whole project: seeds, models and their checks, through Dagster in this process."""
    from fft_dagster.cli.build import build_project

    raise typer.Exit(build_project(project, env, jobs))


def main() -> None:
    """Run the command line; errors are printed to stderr, and tell by the exit code what kind they are."""
    try:
        app()
    except FftError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(130)
    except Exception as error:
        if os.environ.get("FFT_TRACE"):
            raise
        typer.echo(f"unexpected {type(error).__name__}: {error}\n    hint: FFT_TRACE=1 shows the trace.", err=True)
        sys.exit(99)


def print_error(error: FftError) -> None:
    """Print an error; each problem of a project on its own."""
    typer.echo(f"{typer.style('error', fg='red', bold=True)}: {error}", err=True)

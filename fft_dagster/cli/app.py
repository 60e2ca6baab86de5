"""The commands of `fft`, and what happens when one of them fails."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fft_core.errors import FftError

if TYPE_CHECKING:
    from fft_dagster.cli.plan import Options

Command = TypeVar("Command", bound=Callable[..., None])

_PROJECT = click.argument("project", type=click.Path(path_type=Path), default=".")
_ENV = click.option(
    "--env", "-e", metavar="NAME", help="The profile, and the .env layers. [default: FFT_ACTIVE_ENV, or dev]"
)
_WHAT = [
    click.option("--select", "-s", multiple=True, metavar="MODELS", help="As in +mart_users; repeatable."),
    click.option("--exclude", multiple=True, metavar="MODELS", help="To leave out, in the same grammar."),
    click.option(
        "--cache",
        type=click.Choice(["off", "rw", "ro", "wo"]),
        default="rw",
        show_default=True,
        help="rw: reuse and record; ro or wo: only one; off: none.",
    ),
    click.option("--rebuild", multiple=True, metavar="GLOB", help="Models to build in any case; repeatable."),
    click.option(
        "--full-refresh", multiple=True, metavar="GLOB", help="Incremental models to build from scratch; repeatable."
    ),
]


def _chooses(command: Command) -> Command:
    """Add what `fft build` and `fft plan` have in common."""
    for option in reversed([_PROJECT, _ENV, *_WHAT]):
        command = option(command)
    return command


@click.group(
    name="fft",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    help="Build SQL and Python models as Dagster assets.",
)
def app() -> None:
    """The commands."""


@app.command()
@_chooses
@click.option("--jobs", "-j", type=click.IntRange(min=1), help="Models built at a time.")
def build(jobs: int | None, **chosen: Any) -> None:  # Any: the values of _chooses, which _options names
    """Build what must be built: seeds, models and their checks, through Dagster in this process.

    PROJECT is the folder that holds project.yml.
    """
    from fft_dagster.cli.build import build_project

    sys.exit(build_project(_options(**chosen), jobs))


@app.command()
@_chooses
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def plan(as_json: bool, **chosen: Any) -> None:
    """Say what `fft build` would build and what it would reuse, and why. Changes nothing.

    PROJECT is the folder that holds project.yml.
    """
    from fft_dagster.cli.plan import print_plan

    sys.exit(print_plan(_options(**chosen), as_json=as_json))


@app.command()
@_PROJECT
@_ENV
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the UI listens.")
@click.option("--port", "-p", type=int, default=3000, show_default=True, help="Where the UI listens.")
def dev(project: Path, env: str | None, host: str, port: int) -> None:
    """Open the Dagster UI on the project and the history of its runs.

    PROJECT is the folder that holds project.yml.
    """
    from fft_dagster.cli.dev import open_ui

    sys.exit(open_ui(project, env, host, port))


def _options(
    project: Path,
    env: str | None,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    cache: Any,
    rebuild: tuple[str, ...],
    full_refresh: tuple[str, ...],
) -> Options:
    from fft_core import Request
    from fft_dagster.cli.plan import Options

    return Options(project, env, list(select), list(exclude), Request(cache, rebuild, full_refresh))


def main() -> None:
    """Run the command line; errors are printed to stderr, and tell by the exit code what kind they are."""
    gc.set_threshold(50_000, 20, 100)  # a command ends soon: looking for cycles took a tenth of a build's time
    try:
        app(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except FftError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except Exception as error:
        if os.environ.get("FFT_TRACE"):
            raise
        click.echo(f"unexpected {type(error).__name__}: {error}\n    hint: FFT_TRACE=1 shows the trace.", err=True)
        sys.exit(99)


def print_error(error: FftError) -> None:
    """Print an error; each problem of a project on its own."""
    click.echo(f"{click.style('error', fg='red', bold=True)}: {error}", err=True)

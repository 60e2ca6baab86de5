"""The commands of `fft`, and what happens when one of them fails."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fft_core.errors import FftError

if TYPE_CHECKING:
    from fft_core import Request
    from fft_dagster.cli.plan import Options


class CacheMode(StrEnum):
    """What is reused and what is recorded."""

    off = "off"
    rw = "rw"
    ro = "ro"
    wo = "wo"


Project = Annotated[Path, typer.Argument(help="The folder that holds project.yml.")]
Env = Annotated[
    str | None, typer.Option("--env", "-e", help="The profile, and the .env layers. [default: FFT_ACTIVE_ENV, or dev]")
]
Select = Annotated[list[str], typer.Option("--select", "-s", help="Models, as in +mart_users or tag:nightly.")]
Exclude = Annotated[list[str], typer.Option("--exclude", help="Models to leave out, in the same grammar.")]
Cache = Annotated[CacheMode, typer.Option("--cache", help="rw: reuse and record; ro or wo: only one; off: none.")]
Rebuild = Annotated[list[str], typer.Option("--rebuild", help="A glob of models to build in any case.")]
FullRefresh = Annotated[
    list[str], typer.Option("--full-refresh", help="A glob of incremental models to build from scratch.")
]

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
    project: Project = Path(),
    env: Env = None,
    select: Select = [],  # noqa: B006 - typer copies it
    exclude: Exclude = [],  # noqa: B006
    cache: Cache = CacheMode.rw,
    rebuild: Rebuild = [],  # noqa: B006
    full_refresh: FullRefresh = [],  # noqa: B006
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Models built at a time.")] = None,
) -> None:
    """Build what must be built: seeds, models and their checks, through Dagster in this process."""
    from fft_dagster.cli.build import build_project

    request = _request(cache, rebuild, full_refresh)
    raise typer.Exit(build_project(_options(project, env, select, exclude, request), jobs))


@app.command()
def plan(
    project: Project = Path(),
    env: Env = None,
    select: Select = [],  # noqa: B006
    exclude: Exclude = [],  # noqa: B006
    cache: Cache = CacheMode.rw,
    rebuild: Rebuild = [],  # noqa: B006
    full_refresh: FullRefresh = [],  # noqa: B006
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what `fft build` would build and what it would reuse, and why. Changes nothing."""
    from fft_dagster.cli.plan import print_plan

    request = _request(cache, rebuild, full_refresh)
    raise typer.Exit(print_plan(_options(project, env, select, exclude, request), as_json=as_json))


@app.command()
def dev(
    project: Project = Path(),
    env: Env = None,
    host: Annotated[str, typer.Option("--host", help="Where the UI listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", help="Where the UI listens.")] = 3000,
) -> None:
    """Open the Dagster UI on the project and the history of its runs."""
    from fft_dagster.cli.dev import open_ui

    raise typer.Exit(open_ui(project, env, host, port))


def _request(cache: CacheMode, rebuild: list[str], full_refresh: list[str]) -> Request:
    from fft_core import Request

    return Request(cache.value, tuple(rebuild), tuple(full_refresh))


def _options(project: Path, env: str | None, select: list[str], exclude: list[str], request: Request) -> Options:
    from fft_dagster.cli.plan import Options

    return Options(project, env, select, exclude, request)


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

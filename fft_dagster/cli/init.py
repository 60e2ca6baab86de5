"""`fft init`: a new project that runs at once."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from fft_dagster.cli.terminal import echo


@click.command("init")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@click.option(
    "--engine",
    type=click.Choice(["duckdb", "postgres"]),
    default="duckdb",
    show_default=True,
    help="Where it builds its tables.",
)
def command(folder: Path | None, engine: Any) -> None:  # Any: click has checked that it is a NewEngine
    """Write a new project: seeds, models in SQL and Python, checks, a unit test, and definitions for Dagster.

    DIR is its folder, and is made if it is missing. Without DIR, it is the current folder, which must be empty, apart
    from hidden files. A file that is there already is never overwritten: nothing is written then.
    """
    from fft_core import FftError, new_project

    if folder is None:
        folder = Path()
        there = sorted(path.name for path in folder.resolve().iterdir() if not path.name.startswith("."))
        if there:
            hint = "Name a folder: fft init shop. To write into this one all the same: fft init ."
            raise FftError(f"the current folder is not empty: it has {', '.join(there[:3])}", hint=hint)
    files = new_project(folder, engine)
    for path in files:
        echo(f"  {path.as_posix()}")
    echo(f"\n{len(files)} files written. Next:")
    if folder.resolve() != Path.cwd():
        echo(f"  cd {shlex.quote(f'./{folder}' if str(folder).startswith('-') else str(folder))}")
    if engine == "postgres":
        echo("  export FF_PG_DSN=postgresql://user:password@host:5432/database")
    for line in ("fft build", "fft plan", "fft dev"):
        echo(f"  {line}")

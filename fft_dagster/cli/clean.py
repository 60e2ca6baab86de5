"""`fft clean`: what FFT has written beside a project, and can write again, is removed."""

from __future__ import annotations

import os
from pathlib import Path

import click

from fft_dagster.cli.options import takes_root
from fft_dagster.cli.terminal import echo, name_text


@click.command("clean")
@takes_root
@click.option("--history", is_flag=True, help="Also the project's own history of Dagster runs.")
@click.option("--dry-run", is_flag=True, help="Only list the files.")
def command(root: Path, history: bool, dry_run: bool) -> None:
    """Remove reports, logs and caches that FFT wrote into .fastflowtransform/ and into the user's cache folder.

    Databases, the build records in them, installed packages and seeds stay. So does the history of runs without
    --history; one in DAGSTER_HOME always stays.

    PROJECT is the folder that holds project.yml.
    """
    from fft_core import find_leftovers, remove_leftovers, shown_path
    from fft_dagster.instance import FOLDER

    more = [root.resolve() / FOLDER] if history else []
    if history and os.environ.get("DAGSTER_HOME"):
        echo("the history in DAGSTER_HOME is not the project's own: it stays", err=True)
    found = find_leftovers(root, *more)
    for path in found:
        if not dry_run:
            remove_leftovers(root, [path])
        echo(name_text(shown_path(root.resolve(), path).as_posix()))
    said = "would be removed" if dry_run else "removed"
    echo(f"{len(found)} files {said}" if found else "nothing to remove")

"""`fft clean`: removal of files that FFT has written, or of tables of removed models."""

from __future__ import annotations

import os
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fft_cli.option_values import with_options
from fft_cli.options import ProjectOptions
from fft_cli.terminal import echo, name_text

if TYPE_CHECKING:
    from fft_core.operations.orphans import Orphan


def read_age(_context: click.Context, _parameter: click.Parameter, text: str | None) -> timedelta | None:
    """Read an age, such as 30m, 12h or 7d. Raises BadParameter."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)([mhd])", text.strip())
    if match is None:
        raise click.BadParameter(f"{text!r} is not an age: write one as 30m, 12h or 7d")
    return timedelta(**{{"m": "minutes", "h": "hours", "d": "days"}[match[2]]: int(match[1])})


@click.command("clean")
@with_options(ProjectOptions)
@click.option("--history", is_flag=True, help="Also remove the project's own history of Dagster runs.")
@click.option("--orphans", is_flag=True, help="Remove tables and views of models that are no longer in the project.")
@click.option("--snapshots", is_flag=True, help="With --orphans, also snapshots: their history cannot be built again.")
@click.option(
    "--older-than",
    "age",
    metavar="AGE",
    callback=read_age,
    help="With --orphans, only tables and views built longer ago than this, as 12h or 7d.",
)
@click.option("--failures", is_flag=True, help="Remove the tables with failing rows of checks.")
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
def command(
    options: ProjectOptions,
    history: bool,
    orphans: bool,
    snapshots: bool,
    age: timedelta | None,
    failures: bool,
    dry_run: bool,
) -> None:
    """Remove reports, logs and caches that FFT wrote into .fastflowtransform/ and into the user's cache folder.

    Databases, build records in them, installed packages and seeds are kept. The history of runs is kept without
    --history; one in DAGSTER_HOME is always kept.

    With --orphans, no files are removed. Instead, tables and views are dropped that this project built in this
    environment for models and seeds that were removed, or that have another place now. They are dropped only if they
    have the stamp of that build: never a table of another project, or one that was replaced. With a stream, its kept
    events, late events, bad records and position are dropped.

    With --failures, no files are removed. Instead, tables with failing rows of this project's checks are dropped.

    PROJECT is the folder with project.yml.
    """
    if failures:
        if history or orphans or snapshots or age is not None:
            raise click.UsageError("--failures can only be combined with --dry-run; run the command twice")
        clean_failures(options, dry_run=dry_run)
        return
    if orphans:
        if history:
            raise click.UsageError("--history cannot be combined with --orphans; run the command twice")
        sys.exit(clean_orphans(options, snapshots=snapshots, dry_run=dry_run, older_than=age))
    if snapshots or age is not None:
        raise click.UsageError(f"{'--snapshots' if snapshots else '--older-than'} needs --orphans")
    clean_files(options.root, history=history, dry_run=dry_run)


def clean_files(root: Path, *, history: bool, dry_run: bool) -> None:
    """Remove files below the project's folder, or list them."""
    from fft_cli.face import face
    from fft_core.project.scaffold.leftovers import find_leftovers, remove_leftovers, shown_path

    more = [root.resolve() / face().history()] if history else []
    if history and os.environ.get("DAGSTER_HOME"):
        echo("the history in DAGSTER_HOME does not belong to the project and is kept", err=True)
    found = find_leftovers(root, *more)
    for path in found:
        if not dry_run:
            remove_leftovers(root, [path])
        echo(name_text(shown_path(root.resolve(), path).as_posix()))
    said = "would be removed" if dry_run else "removed"
    echo(f"{len(found)} files {said}" if found else "nothing to remove")


def clean_orphans(
    options: ProjectOptions, *, snapshots: bool, dry_run: bool, older_than: timedelta | None = None
) -> int:
    """Drop the tables and views of removed models, or list them; return the exit code."""
    from fft_cli.ctrl_c import opened_warehouse
    from fft_core.operations.orphans import find_orphans, remove_orphans

    project = options.load()
    with opened_warehouse(project, read_only=dry_run) as warehouse:
        found = find_orphans(warehouse, older_than, former_streams=True)
        kept = [orphan for orphan in found if orphan.kind and orphan.recorded.keeps_history and not snapshots]
        chosen = [orphan for orphan in found if orphan not in kept]
        failed = {} if dry_run else remove_orphans(warehouse, chosen)
    removed = [line for orphan in chosen if orphan not in failed for line in orphan_lines(orphan)]
    for line in removed:
        echo(line)
    for orphan in kept:
        echo(f"{orphan_line(orphan)}; it is a snapshot: only --snapshots removes it")
    for orphan, error in failed.items():
        reason = " ".join(error.problem.message.split())
        echo(f"{orphan_lines(orphan)[0]}; it cannot be removed: {reason}", err=True)
    said = "would be removed" if dry_run else "removed"
    echo(f"{len(removed)} {said}" if removed else "nothing to remove")
    return 1 if failed else 0


def clean_failures(options: ProjectOptions, *, dry_run: bool) -> None:
    """Drop the tables of failing rows, or list them."""
    from fft_cli.ctrl_c import opened_warehouse
    from fft_core.operations.failures import find_failures, remove_failures

    with opened_warehouse(options.load(), read_only=dry_run) as warehouse:
        found = find_failures(warehouse)
        if not dry_run:
            remove_failures(warehouse, found.items())
    for relation in found:
        echo(name_text(str(relation)))
    said = "would be removed" if dry_run else "removed"
    echo(f"{len(found)} {said}" if found else "nothing to remove")


def orphan_lines(orphan: Orphan) -> list[str]:
    """Return the lines about an orphan, and about the tables beside it if it was a stream."""
    node = name_text(orphan.recorded.node)
    why = f"{node} is not a stream any more" if orphan.is_replaced else f"kept by the stream {node}"
    beside = [f"{kind.replace('_', ' '):12}  {relation}  {why}" for relation, kind in orphan.beside]
    if not orphan.is_replaced:
        return [orphan_line(orphan), *beside]
    return beside or [f"{'a position':12}  {orphan.recorded.relation}  {why}"]


def orphan_line(orphan: Orphan) -> str:
    """Return a line about an orphan: its kind, and the reason why it is one."""
    recorded = orphan.recorded
    why = f"{recorded.node} is {orphan.moved_to} now" if orphan.moved_to else f"{recorded.node} is not in the project"
    what = (orphan.kind or "only a record").replace("_", " ")
    return f"{what:12}  {recorded.relation}  {why}; built {recorded.built_at:%Y-%m-%d %H:%M} UTC"

"""`fft cache clear`: removal of build records, so that models are built the next time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import click

from fft_cli.cells import aligned
from fft_cli.groups import SuggestingGroup
from fft_cli.option_values import with_options
from fft_cli.options import ProjectOptions, Selection
from fft_cli.terminal import echo

if TYPE_CHECKING:
    from fft_core import Project

_KEPT = {
    "nothing": "",
    "rows": "; its rows stay, and the next build adds an increment",
    "history": "; its versions stay, and the next build adds to them",
}


@click.group("cache", cls=SuggestingGroup)
def command() -> None:
    """Manage the records of builds in the warehouse."""


@command.command("clear")
@with_options(ProjectOptions, Selection)
@click.option("--all", "everything", is_flag=True, help="Remove all records, also damaged ones that cannot be read.")
@click.option("--dry-run", is_flag=True, help="Only list the builds whose records would be removed.")
def clear(options: ProjectOptions, selection: Selection, everything: bool, dry_run: bool) -> None:
    """Forget the builds of the selected models and seeds, or of all: they are built the next time.

    Deletes their records in the table _ff_meta. Tables, views and rows are not changed. The next build of an
    incremental model or a snapshot is an increment to its existing rows; `fft build --full-refresh NAME` builds it from
    scratch. With --all, the tables of records themselves are dropped, including the records of models that were removed
    from the project; the next build makes them again.

    PROJECT is the folder with project.yml.
    """
    if everything:
        if selection.narrows:
            raise click.UsageError("--all takes no selection")
        clear_all(options, dry_run=dry_run)
        return
    project, names, built = recorded_among(options, selection)
    found = [name for name in names if name in built]
    if found and not dry_run:
        from fft_core import open_warehouse
        from fft_core.operations.forget import forget_builds

        with open_warehouse(project) as warehouse:
            forget_builds(warehouse, found)
    for line in said(project, names, built, "would forget" if dry_run else "forgotten"):
        echo(line)
    echo(f"\n{len(found)} {'to forget' if dry_run else 'forgotten'}, {len(names) - len(found)} without a record")


def clear_all(options: ProjectOptions, *, dry_run: bool) -> None:
    """Drop the tables of records."""
    from fft_core import open_warehouse
    from fft_core.operations.forget import forget_all_builds

    project = options.load()
    if not dry_run:
        with open_warehouse(project) as warehouse:
            forget_all_builds(warehouse)
    echo("all build records would be removed" if dry_run else "all build records are removed")


def recorded_among(options: ProjectOptions, selection: Selection) -> tuple[Project, list[str], Mapping[str, datetime]]:
    """Load the project; return it with the selected nodes in build order, and the times of recorded builds."""
    from fft_core import open_warehouse
    from fft_core.operations.forget import recorded_builds

    project = options.load()
    chosen = selection.names(project)
    with open_warehouse(project, read_only=True) as warehouse:
        return project, [node.name for node in project.stored() if node.name in chosen], recorded_builds(warehouse)


def said(project: Project, names: list[str], built: Mapping[str, datetime], verb: str) -> list[str]:
    """Return a line for each node, with a note if its next build keeps the existing rows."""
    return aligned([_row(project, name, built.get(name), verb) for name in names])


def _row(project: Project, name: str, built: datetime | None, verb: str) -> tuple[str, str, str]:
    from fft_core import Model

    if built is None:
        return "", name, "no record"
    node = project.node(name)
    note = _KEPT[node.materialization.keeps] if isinstance(node, Model) else ""
    return verb, name, f"built {built:%Y-%m-%d %H:%M} UTC{note}"

"""`fft sync-db-comments`: descriptions become comments in the database. Nothing here imports Dagster."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from fft_cli.cells import aligned
from fft_cli.option_values import with_options
from fft_cli.options import ProjectOptions, Selection
from fft_cli.terminal import echo

if TYPE_CHECKING:
    from fft_core.operations.comments import CommentChange

_WIDTH = 80


@click.command("sync-db-comments")
@with_options(ProjectOptions, Selection)
@click.option("--dry-run", is_flag=True, help="Only list the comments that would be written.")
def command(
    options: ProjectOptions,
    selection: Selection,
    dry_run: bool,
) -> None:
    """Write the descriptions of models, seeds and their columns into the database, as comments.

    PROJECT is the folder with project.yml.
    """
    from fft_core import open_warehouse
    from fft_core.operations.comments import plan_comments, write_comments

    project = options.load()
    names = selection.names(project)
    with open_warehouse(project, read_only=True) as warehouse:
        plan = plan_comments(warehouse, names)
    if plan.changes and not dry_run:
        with open_warehouse(project) as warehouse:
            write_comments(warehouse, plan.changes)
    for line in aligned([_row(change) for change in plan.changes]):
        echo(line)
    for said in plan.left_out:
        echo(f"left out: {said}", err=True)
    echo(f"{len(plan.changes)} comments {'to write' if dry_run else 'written'}")


def _row(change: CommentChange) -> tuple[str, str]:
    was = f"  (was: {_short(change.old)})" if change.old else ""
    return str(change), f"{_short(change.new)}{was}"


def _short(text: str) -> str:
    return textwrap.shorten(text, _WIDTH, placeholder=" ...")

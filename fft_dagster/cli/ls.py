"""`fft ls`: models and seeds, without opening the database. Nothing here imports Dagster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import click

from fft_dagster.cli.cells import aligned
from fft_dagster.cli.options import project_options, selection_options, takes_project, takes_selection
from fft_dagster.cli.terminal import echo, echo_json, name_text, style

if TYPE_CHECKING:
    from fft_core import Model, Seed

_HEADS = ("name", "kind", "materialized", "tags", "file")


@click.command("ls")
@takes_project
@takes_selection
@click.option(
    "--output",
    "-o",
    type=click.Choice(["table", "name", "path", "json"]),
    default="table",
    show_default=True,
    help="A table, one name or file a line, or JSON.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --output json.")
def command(
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    changed_since: str | None,
    output: Literal["table", "name", "path", "json"],
    as_json: bool,
    **chosen: Any,  # Any: the values that project_options names
) -> None:
    """List models and seeds in build order. Opens no database, unless `state:` asks for it.

    PROJECT is the folder that holds project.yml.
    """
    from fft_core import described_node

    project = project_options(**chosen).load()
    names = selection_options(select, exclude, changed_since).names(project)
    nodes = [node for node in project.stored() if node.name in names]
    match "json" if as_json else output:
        case "json":
            echo_json({"nodes": [described_node(node) for node in nodes]})
        case "table":
            _print_table([_HEADS, *map(_cells, nodes)])
        case "name":
            _print_lines([node.name for node in nodes])
        case "path":
            _print_lines(list(dict.fromkeys(name_text(node.path.as_posix()) for node in nodes)))


def _cells(node: Model | Seed) -> tuple[str, ...]:
    from fft_core import described_node

    described = described_node(node)
    kind, materialized = described["kind"], described["materialized"]
    shown = kind, "" if kind == materialized else materialized, ", ".join(node.tags), described["file"]
    return node.name, *map(name_text, shown)


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    head, *lines = aligned(rows)
    _print_lines([style(head, bold=True), *lines])


def _print_lines(lines: Sequence[str]) -> None:
    for line in lines:
        echo(line)

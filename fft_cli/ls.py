"""`fft ls`: models and seeds, without opening the database. Nothing here imports Dagster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import click

from fft_cli.cells import aligned
from fft_cli.option_values import with_options
from fft_cli.options import ProjectOptions, Selection
from fft_cli.terminal import echo, echo_json, name_text, style

if TYPE_CHECKING:
    from fft_core import Model, Project, Seed

_HEADS = ("name", "kind", "materialized", "tags", "file")


@click.command("ls")
@with_options(ProjectOptions, Selection)
@click.option(
    "--output",
    "-o",
    type=click.Choice(["table", "name", "path", "json"]),
    default="table",
    show_default=True,
    help="table; name or path: one of them a line; json.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --output json.")
def command(
    options: ProjectOptions,
    selection: Selection,
    output: Literal["table", "name", "path", "json"],
    as_json: bool,
) -> None:
    """List models and seeds in build order. Opens no database, except for `state:`.

    PROJECT is the folder with project.yml.
    """
    from fft_core.project.places import planned_places
    from fft_core.reports.described import described_node

    project = options.load()
    names = selection.names(project)
    nodes = [node for node in project.stored() if node.name in names]
    match "json" if as_json else output:
        case "json":
            places = planned_places(project)
            echo_json({"nodes": [{**described_node(n), "relation": str(places.of(n.name))} for n in nodes]})
        case "table":
            _print_table(list(_rows(project, nodes)))
        case "name":
            _print_lines([node.name for node in nodes])
        case "path":
            _print_lines(list(dict.fromkeys(name_text(node.path.as_posix()) for node in nodes)))


def _rows(project: Project, nodes: Sequence[Model | Seed]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table; with the relation of each node, if its name alone does not tell it."""
    from fft_core.project.places import planned_places

    places = planned_places(project)
    has_places = not places.are_plain
    yield (*_HEADS, "relation") if has_places else _HEADS
    for node in nodes:
        cells = _cells(node)
        yield (*cells, name_text(str(places.of(node.name)))) if has_places else cells


def _cells(node: Model | Seed) -> tuple[str, ...]:
    from fft_core.reports.described import described_node

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

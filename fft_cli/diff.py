"""`fft diff`: the differences between two environments. Nothing here imports Dagster."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from fft_cli.cells import aligned, cell_text
from fft_cli.option_values import with_options
from fft_cli.options import ProjectOptions, Selection
from fft_cli.terminal import echo, echo_json, style

if TYPE_CHECKING:
    from fft_core.operations.compare_rows import RowsCompared, Tolerance
    from fft_core.operations.diff import Difference, NodeRows

ROWS_DIFFER = 3


@click.command("diff")
@with_options(ProjectOptions, Selection)
@click.option("--against", metavar="ENV", required=True, help="The environment to compare with.")
@click.option("--definitions", is_flag=True, help="Only compare code and settings of models.")
@click.option("--data", is_flag=True, help="Only compare rows.")
@click.option("--key", metavar="COLUMNS", help="The key of rows, as in id,day. [default: unique_key, or a check's]")
@click.option("--tolerance", metavar="NUMBER", help="The allowed difference of numbers: 0.01, or 1% of the larger.")
@click.option("--ignore", multiple=True, metavar="COLUMN", help="A column to leave out; repeatable.")
@click.option("--samples", type=click.IntRange(min=0), default=5, show_default=True, help="Rows shown of each kind.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="The format of the output.",
)
def command(
    options: ProjectOptions,
    selection: Selection,
    against: str,
    definitions: bool,
    data: bool,
    key: str | None,
    tolerance: str | None,
    ignore: tuple[str, ...],
    samples: int,
    form: str,
) -> None:
    """List the models that differ from another environment, with reasons; then the rows that differ. Changes nothing.

    Ends with 3 if rows differ. PROJECT is the folder with project.yml.
    """
    from fft_cli.ctrl_c import opened_warehouse
    from fft_core.operations.compare_rows import Comparison
    from fft_core.operations.diff import Asked, diff

    how = Comparison(columns_in(key), read_tolerance(tolerance), ignore, samples)
    project = options.load()
    names = selection.names(project) if selection.narrows else None
    asked = Asked(names, definitions or not data, data or not definitions, how)
    with opened_warehouse(project, read_only=True) as warehouse:
        found = diff(warehouse, against, asked)
    print_diff(found, form)
    sys.exit(ROWS_DIFFER if found.rows_differ else 0)


def columns_in(text: str | None) -> tuple[str, ...]:
    """Read names that are separated by commas."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def read_tolerance(text: str | None) -> Tolerance:
    """Read `0.01` or `1%`. Raises UsageError."""
    from fft_core.operations.compare_rows import Tolerance

    if text is None:
        return Tolerance()
    if not re.fullmatch(r"(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?%?", text.strip()):
        raise click.UsageError(f"--tolerance {text!r} is not a number such as 0.01, or a percentage such as 1%")
    amount = float(text.strip().removesuffix("%"))
    return Tolerance(amount / 100, is_share=True) if text.strip().endswith("%") else Tolerance(amount)


def print_diff(found: Difference, form: str) -> None:
    """Print the differences."""
    from fft_core.reports.diff import diff_json, diff_markdown

    match form:
        case "json":
            echo_json(diff_json(found))
        case "markdown":
            echo(diff_markdown(found).rstrip("\n"))
        case _:
            echo("\n".join(_lines(found)))


def _lines(found: Difference) -> Iterator[str]:
    if found.definitions is not None:
        rows = [(d.name, "; ".join(map(str, d.reasons))) for d in found.definitions]
        rows += [(name, f"only in {found.against}") for name in found.gone]
        yield style(f"models that differ from {found.against}: {len(rows)}", bold=True)
        yield from (f"  {line}" for line in aligned(rows))
    if found.nodes is not None:
        if found.definitions is not None:
            yield ""
        yield from _data(found)


def _data(found: Difference) -> Iterator[str]:
    from fft_core.reports.diff import has_other_columns

    nodes = found.nodes or ()
    compared = [node for node in nodes if node.presence == "both"]
    told = [node for node in compared if node.rows is not None and (node.differ or has_other_columns(node.rows))]
    yield style(f"rows, compared with {found.against}: {len(compared) - len(told)} of {len(compared)} equal", bold=True)
    for node in told:
        if node.rows is not None:
            yield from _node(node, node.rows)
    for word, presence in (("not here", "only there"), (f"not in {found.against}", "only here")):
        names = [node.name for node in nodes if node.presence == presence]
        if names:
            yield f"  {word}: {', '.join(names)}"


def _node(node: NodeRows, rows: RowsCompared) -> Iterator[str]:
    from fft_core.reports.diff import column_notes

    changed = f", {rows.changed} changed" if rows.key else ""
    by = f" (by {', '.join(rows.key)})" if rows.key else " (compared without a key)"
    yield f"  {style(node.name, bold=True)}: {rows.there} rows there, {rows.here} here{by}"
    yield f"    {rows.only_there} only there, {rows.only_here} only here{changed}"
    yield from (f"    {note}" for note in column_notes(rows))
    if rows.note:
        yield f"    {rows.note}"
    for row in rows.rows_changed:
        values = ", ".join(f"{name}: {cell_text(there)} -> {cell_text(here)}" for name, there, here in row.values)
        yield f"    {style('~', fg='yellow')} {', '.join(map(cell_text, row.key))}: {values}"
    for sign, color, sample in (("-", "red", rows.rows_there), ("+", "green", rows.rows_here)):
        yield from (f"    {style(sign, fg=color)} {', '.join(map(cell_text, row))}" for row in sample)

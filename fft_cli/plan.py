"""`fft plan`: the nodes that a run would build, and why. Nothing here imports Dagster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from fft_cli.cells import aligned
from fft_cli.option_values import with_options
from fft_cli.options import PlanOptions
from fft_cli.terminal import echo, echo_json, style

if TYPE_CHECKING:
    from fft_core import Decision, Plan, Run, Warehouse
    from fft_core.operations.orphans import Orphan

PATIENCE_SECONDS = 60  # a build waits for others as long as its profile says; a plan does not
_COLORS = {"build": "green", "reuse": "bright_black"}


@click.command("plan")
@with_options(PlanOptions)
@click.option("--verbose", "-v", is_flag=True, help="Also list models that are reused because nothing changed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(options: PlanOptions, verbose: bool, as_json: bool) -> None:
    """List what `fft build` would build, and why; count what it would reuse. Changes nothing.

    PROJECT is the folder with project.yml.
    """
    from fft_core.operations.orphans import find_orphans

    orphans: list[Orphan] = []

    def look(run: Run, warehouse: Warehouse) -> None:
        orphans.extend(find_orphans(warehouse, rows=run.rebuilder.memory.look(warehouse).rows))

    _, plan = options.make_plan(patience_seconds=PATIENCE_SECONDS, afterwards=look)
    print_plan(plan, as_json=as_json, verbose=verbose)
    left = sum(len(orphan.beside) + (orphan.kind is not None) for orphan in orphans)
    if left and not as_json:
        what = "1 table or view of a model that is" if left == 1 else f"{left} tables or views of models that are"
        echo(f"{what} no longer in the project: `fft clean --orphans --dry-run` lists them")


def print_plan(plan: Plan, *, as_json: bool, verbose: bool = False) -> None:
    """Print the nodes to build with reasons; with `verbose`, also the nodes that are reused because nothing changed."""
    if as_json:
        echo_json(plan.to_json())
        return
    listed = [decision for decision in plan.decisions if verbose or not _is_unchanged(decision)]
    for line in aligned([row for decision in listed for row in _rows(decision, verbose=verbose)]):
        echo(line)
    builds = len(plan.builds)
    if listed:
        echo()
    echo(f"{builds} to build, {len(plan.decisions) - builds} to reuse")


def _rows(decision: Decision, *, verbose: bool) -> Iterator[tuple[str, str, str]]:
    """Yield the action for a node, its name, and a reason; then a row for each further reason."""
    views = [view.said_of(decision.name) for view in decision.views]
    first, *others = [*map(str, decision.reasons), *map(str, decision.reads), *views]
    first = f"increment: {first}" if decision.is_build and decision.is_increment else first
    yield style(decision.action, fg=_COLORS[decision.action]), decision.name, first
    yield from (("", "", reason) for reason in others)
    if verbose and (unused := decision.identity.layout_unused):
        yield "", "", f"without effect on this engine: {', '.join(unused)}"


def _is_unchanged(decision: Decision) -> bool:
    return not decision.is_build and all(reason.kind == "unchanged" for reason in decision.reasons)

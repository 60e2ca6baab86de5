"""`fft clone`: copies of another environment's relations in this one. Nothing here imports Dagster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from fft_cli.cells import in_columns, widest
from fft_cli.option_values import with_options
from fft_cli.options import ProjectOptions, Selection
from fft_cli.terminal import echo, echo_json, style

if TYPE_CHECKING:
    from fft_core.operations.clone import Cloned

_COLORS = {"copied": "green", "view": "green", "kept": "bright_black", "missing": "yellow"}


@click.command("clone")
@with_options(ProjectOptions, Selection)
@click.option("--from", "source", metavar="ENV", required=True, help="The environment to copy from.")
@click.option("--force", is_flag=True, help="Also replace newer tables, snapshots, and tables without a build record.")
@click.option("--dry-run", is_flag=True, help="Only list the tables and views that would be copied.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    options: ProjectOptions, selection: Selection, source: str, force: bool, dry_run: bool, as_json: bool
) -> None:
    """Copy tables, seeds and snapshots of another environment into this one, and create its views here.

    The records of their builds are copied as well, so that equal nodes are not built again. Relations that were built
    here later than there are kept, and so are snapshots. PROJECT is the folder with project.yml.
    """
    from fft_cli.ctrl_c import opened_warehouse
    from fft_core.operations.clone import clone

    project = options.load()
    names = selection.names(project) if selection.narrows else None
    found: list[Cloned] = []
    chosen = [node.name for node in project.stored() if names is None or node.name in names]
    widths = [widest(_COLORS), widest(chosen), len("1000000 rows")]
    with opened_warehouse(project, read_only=dry_run) as warehouse:
        for cloned in clone(warehouse, source, names, force=force, dry_run=dry_run):
            found.append(cloned)
            if not as_json:
                echo(_line(cloned, widths))
    done = sum(cloned.is_done for cloned in found)
    if as_json:
        echo_json({"from": source, "to": project.env, "dry_run": dry_run, "nodes": [_as_json(one) for one in found]})
    else:
        would = "would be copied" if dry_run else "copied"
        echo(f"\n{done} {would} from {source}, {len(found) - done} unchanged")


def _line(cloned: Cloned, widths: Sequence[int]) -> str:
    word = style(cloned.outcome, fg=_COLORS[cloned.outcome])
    rows = "" if cloned.rows is None or cloned.outcome != "copied" else f"{cloned.rows} rows"
    return in_columns([word, cloned.name, rows, cloned.why or f"{cloned.source} -> {cloned.relation}"], widths)


def _as_json(cloned: Cloned) -> dict[str, object]:
    return {
        "name": cloned.name,
        "outcome": cloned.outcome,
        "why": cloned.why or None,
        "relation": str(cloned.relation),
        "source": str(cloned.source),
        "rows": cloned.rows,
    }

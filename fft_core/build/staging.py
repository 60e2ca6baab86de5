"""Opens the stage of a node, with the layout of its table."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

from fft_core.engines.protocol import RelationKind, Session, Stage, Start
from fft_core.engines.spec.layout import LAYOUT_KEYS, Layout, LayoutError
from fft_core.engines.spec.registry import spec_of
from fft_core.names import Relation
from fft_core.plan.decision import Decision
from fft_core.plan.layouts import changed_layout
from fft_core.plan.records import Published
from fft_core.project.model import Node
from fft_core.warehouse.warehouse import Warehouse


@contextmanager
def staged(
    warehouse: Warehouse,
    decision: Decision,
    kind: RelationKind,
    existing: Published | None,
    *,
    backing: Relation | None = None,
    start: Start = "empty",
    run: str | None = None,
) -> Iterator[Stage]:
    """Open a stage of the relation of a node, or of the backing table with the rows that a view shows.

    Args:
        warehouse: The session of this thread.
        decision: The decision to build the node.
        kind: The kind of its relation; that of a backing table is a table.
        existing: The relation that is published now; None if none is.
        backing: The table that stores the rows, if the relation is a view of it.
        start: The rows with which the stage begins.
        run: The id of the run, if a retry of the build in that run would make the same rows; see `Trace.attempt`.

    Raises:
        LayoutError: the table cannot have its layout.
    """
    warehouse.engine.trace.attempt = _attempt(decision, run) if run else ""
    node, relation = warehouse.project.node(decision.name), warehouse.relation(decision.name)
    layout = table_layout(warehouse.engine, node, changed_layout(decision))
    place, view = (relation, None) if backing is None else (backing, relation)
    publisher, replaces = warehouse.engine.publisher, existing.kind if existing else None
    stage = publisher.stage(
        place, kind if backing is None else "table", start, view=view, replaces=replaces, layout=layout
    )
    with explained_layout(node), stage as opened:
        yield opened


def _attempt(decision: Decision, run: str) -> str:
    """Return the identifier of a build: its run, its node, its last build and the versions of its inputs."""
    record = decision.record
    return json.dumps([run, decision.name, dict(decision.inputs), record and record.stamp], sort_keys=True)


def table_layout(engine: Session, node: Node, changed: Collection[str] = ()) -> Layout:
    """Return the part of the layout of a node that has an effect on the engine.

    Args:
        engine: The session that creates the table.
        node: The model or seed.
        changed: The keys of which the existing table may have other values.
    """
    layout = spec_of(engine.name).layout.of(node.layout)
    return replace(layout, changed=tuple(key for key in LAYOUT_KEYS if key in changed))


@contextmanager
def explained_layout(node: Node) -> Iterator[None]:
    """Raise an error of a layout again, with the name of the node and the place of the key."""
    try:
        yield
    except LayoutError as error:
        if error.problem.where is not None:
            raise
        raise error.of_node(node.name, node.layout_at.get(error.key)) from error

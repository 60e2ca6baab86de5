"""Tables and views of removed models: this project built them, and they no longer belong to a model or seed of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fft_core.engines.protocol import RelationKind, Row, Want
from fft_core.errors import FftError
from fft_core.names import Relation
from fft_core.project.model import python_view_table
from fft_core.warehouse.records import TABLE, RecordedRelation, delete_recorded, read_rows, recorded_relations
from fft_core.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Orphan:
    """A relation that this project built for a node that was removed, or that has another place now.

    Attributes:
        recorded: The record of the relation.
        kind: The kind of the relation with the stamp of that build; None if there is none, or another one in its place.
        moved_to: The current place of the node; None if the project has no node of that name.
    """

    recorded: RecordedRelation
    kind: RelationKind | None
    moved_to: Relation | None


def find_orphans(
    warehouse: Warehouse, older_than: timedelta | None = None, rows: Sequence[Row] | None = None
) -> tuple[Orphan, ...]:
    """Return the orphans of this project in this environment, the newest first, so that views come before their inputs.

    Only relations that the records name with project, environment, place and stamp count: never a table of another
    project.

    Args:
        warehouse: The environment; all schemas that the records name are searched.
        older_than: Leave out relations that were built within this time.
        rows: The rows of all records, if they have been read already.

    Raises:
        StateError: the records cannot be read.
    """
    project, engine = warehouse.project, warehouse.engine
    nodes = {node.name: warehouse.place(node.name) for node in project.stored()}
    taken = {*nodes.values(), *(warehouse.place(name) for name in project.sources)}
    rows = read_rows(engine) if rows is None else rows
    known = recorded_relations(rows, project.name, warehouse.environment, engine.relation(TABLE))
    if older_than is not None:
        known = tuple(one for one in known if one.built_at <= datetime.now(UTC) - older_than)
    gone = [recorded for recorded in known if recorded.relation not in taken]
    tables = engine.inspect([recorded.relation for recorded in gone], Want.STAMP) if gone else {}
    found = []
    for recorded in gone:
        table = tables.get(recorded.relation)
        kind = table.kind if table is not None and table.stamp == recorded.stamp else None
        found.append(Orphan(recorded, kind, nodes.get(recorded.node)))
    return tuple(found)


def remove_orphan(warehouse: Warehouse, orphan: Orphan) -> None:
    """Drop an orphan, if it still has the stamp, and then delete its record.

    Raises:
        FftError: another object depends on it; nothing is changed.
    """
    engine, recorded = warehouse.engine, orphan.recorded
    with engine.transaction():
        engine.hold(recorded.relation)
        table_of_view = recorded.relation.named(python_view_table(recorded.node))
        there = engine.inspect([recorded.relation, table_of_view], Want.STAMP)
        for relation in (recorded.relation, table_of_view):  # a view before the table that it reads
            if relation in there and there[relation].stamp == recorded.stamp:
                engine.execute(engine.spelling.drop(relation, there[relation].kind))
    with engine.transaction():  # a transaction for each: one transaction of DuckDB writes to one file
        delete_recorded(engine, recorded)


def remove_orphans(warehouse: Warehouse, orphans: Iterable[Orphan]) -> dict[Orphan, FftError]:
    """Remove all orphans that can be removed; return the errors of the others."""
    failed = {}
    for orphan in orphans:
        try:
            remove_orphan(warehouse, orphan)
        except FftError as error:
            failed[orphan] = error
    return failed

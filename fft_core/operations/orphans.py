"""Tables and views of removed models: this project built them, and they no longer belong to a model or seed of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from fft_core.engines.protocol import RelationKind, Row, Session, Want
from fft_core.errors import FftError
from fft_core.names import Relation
from fft_core.project.model import Project, python_view_table
from fft_core.warehouse.records import TABLE, RecordedRelation, delete_recorded, read_rows, recorded_relations
from fft_core.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from fft_core.build.stream_tables import LeftStream


@dataclass(frozen=True)
class Orphan:
    """A relation that this project built for a node that was removed, or that has another place now.

    Attributes:
        recorded: The record of the relation.
        kind: The kind of the relation with the stamp of that build; None if there is none, or another one in its place.
        moved_to: The current place of the node; None if the project has no node of that name.
        stream: The tables beside it and the position, if it was a stream.
        is_replaced: Whether another kind of node has its name and place now: only the tables beside it are left over.
    """

    recorded: RecordedRelation
    kind: RelationKind | None
    moved_to: Relation | None
    stream: LeftStream | None = None
    is_replaced: bool = False

    @property
    def beside(self) -> tuple[tuple[Relation, RelationKind], ...]:
        """The tables of a stream beside its own, with their kinds."""
        return self.stream.tables if self.stream else ()


def find_orphans(
    warehouse: Warehouse,
    older_than: timedelta | None = None,
    rows: Sequence[Row] | None = None,
    *,
    former_streams: bool = False,
) -> tuple[Orphan, ...]:
    """Return the orphans of this project in this environment, the newest first, so that views come before their inputs.

    Only relations that the records name with project, environment, place and stamp count: never a table of another
    project.

    Args:
        warehouse: The environment; all schemas that the records name are searched.
        older_than: Leave out relations that were built within this time.
        rows: The rows of all records, if they have been read already.
        former_streams: Also search for the tables beside models that were streams, and are other models now.

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
    others = [one for one in known if former_streams and one not in gone and _is_no_stream(project, one.node)]
    streams = _streams(engine, [one.relation for one in (*gone, *others)], taken)
    gone = [one for one in gone if one.relation not in streams or streams[one.relation].is_of_a_model]
    tables = engine.inspect([recorded.relation for recorded in gone], Want.STAMP) if gone else {}
    found = []
    for recorded in gone:
        table = tables.get(recorded.relation)
        kind = table.kind if table is not None and table.stamp == recorded.stamp else None
        found.append(Orphan(recorded, kind, nodes.get(recorded.node), streams.get(recorded.relation)))
    replaced = [one for one in others if one.relation in streams and streams[one.relation].is_of_a_model]
    return (*found, *(Orphan(one, None, None, streams[one.relation], is_replaced=True) for one in replaced))


def _streams(engine: Session, targets: Sequence[Relation], taken: Collection[Relation]) -> dict[Relation, LeftStream]:
    if not targets:
        return {}
    from fft_core.build.stream_tables import left_streams  # most projects have no orphans

    return left_streams(engine, targets, taken)


def _is_no_stream(project: Project, name: str) -> bool:
    model = project.models.get(name)
    return model is None or model.kind != "stream"


def remove_orphan(warehouse: Warehouse, orphan: Orphan) -> None:
    """Drop an orphan, if it still has the stamp, and then delete its record; with the tables beside it of a stream.

    Raises:
        FftError: another object depends on it, or a process still writes the stream; nothing is changed.
    """
    engine, recorded = warehouse.engine, orphan.recorded
    with engine.transaction():
        engine.hold(recorded.relation)
        if orphan.stream is not None:
            from fft_core.build.stream_tables import drop_left

            drop_left(engine, recorded.relation, orphan.beside)
        if not orphan.is_replaced:
            _drop(engine, recorded)
    if not orphan.is_replaced:
        with engine.transaction():  # a transaction for each: one transaction of DuckDB writes to one file
            delete_recorded(engine, recorded)


def _drop(engine: Session, recorded: RecordedRelation) -> None:
    table_of_view = recorded.relation.named(python_view_table(recorded.node))
    there = engine.inspect([recorded.relation, table_of_view], Want.STAMP)
    for relation in (recorded.relation, table_of_view):  # a view before the table that it reads
        if relation in there and there[relation].stamp == recorded.stamp:
            engine.execute(engine.spelling.drop(relation, there[relation].kind))


def remove_orphans(warehouse: Warehouse, orphans: Iterable[Orphan]) -> dict[Orphan, FftError]:
    """Remove all orphans that can be removed; return the errors of the others."""
    failed = {}
    for orphan in orphans:
        try:
            remove_orphan(warehouse, orphan)
        except FftError as error:
            failed[orphan] = error
    return failed

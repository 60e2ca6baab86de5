"""The tables beside that of a stream: the events that are kept, late events and bad records."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fft_core.engines.protocol import ColumnType, Session
from fft_core.engines.spec.attachments import Attachment
from fft_core.errors import StatementError, StreamError
from fft_core.names import Relation
from fft_core.names.streams import dead_of, events_of, late_of
from fft_core.streaming.source import OFFSET, PARTITION

if TYPE_CHECKING:
    import pyarrow as pa

RECEIVED, WATERMARK = "_ff_received_at", "_ff_watermark"
OWN = (PARTITION, OFFSET, RECEIVED)


@dataclass(frozen=True)
class StreamTables:
    """The relations of a stream.

    >>> str(StreamTables(Relation("clicks")).dead)
    'clicks__dead'
    """

    target: Relation

    @property
    def events(self) -> Relation:
        """The events that are kept."""
        return events_of(self.target)

    @property
    def late(self) -> Relation:
        """The events that are older than allowed."""
        return late_of(self.target)

    @property
    def dead(self) -> Relation:
        """The records that are not events, with their bytes and errors."""
        return dead_of(self.target)


def columns_of(engine: Session, relation: Relation) -> tuple[ColumnType, ...]:
    """Return the columns of a table; empty if it does not exist."""
    if relation not in engine.inspect([relation]):
        return ()
    return engine.columns(engine.spelling.select_all(relation))


def kinds_of_table(engine: Session, relation: Relation) -> dict[str, Any]:
    """Return the types of a table's columns in Arrow."""
    schema = engine.frames.read(f"{engine.spelling.select_all(relation)} where false").schema
    return {name: schema.field(name).type for name in schema.names}


def add_index(engine: Session, relation: Relation, column: str) -> None:
    """Create an index on a table of a stream, if the engine has indexes: its rows are searched by ranges of time."""
    if engine.capabilities.indexes:
        name = f"_ff_ix_{hashlib.sha256(f'{relation} {column}'.encode()).hexdigest()[:16]}"
        index = Attachment("index", name, (column,))
        for statement in engine.attachments.added(relation, "table", [index], lambda _: relation):
            engine.execute(statement)


def append(engine: Session, relation: Relation, rows: pa.Table) -> None:
    """Add rows to a table of a stream whose columns never change; create it first, if it is missing."""
    with engine.frames.query(rows) as query:
        if relation not in engine.inspect([relation]):
            engine.execute(engine.spelling.create_as(relation, "table", query, replaces=False))
            return
        names = [engine.spelling.quoted(name) for name in rows.column_names]
        engine.execute(engine.spelling.insert(relation, names, f"select {', '.join(names)} from ({query}) as _ff_r"))


def created(engine: Session, relation: Relation, declared: Mapping[str, str]) -> str:
    """Render the statement that creates a table of events, empty, with declared columns and those that FFT adds."""
    spelling = engine.spelling
    own = {PARTITION: spelling.types["text"], OFFSET: spelling.types["integer"], RECEIVED: spelling.types["timestamp"]}
    types = {**{name: engine.types.column_type(kind) for name, kind in declared.items()}, **own}
    return spelling.create_as(relation, "table", _nothing(engine, types), replaces=False)


def _nothing(engine: Session, types: Mapping[str, str]) -> str:
    """Render a query that returns no rows, with columns of these types."""
    spelling = engine.spelling
    columns = (f"{spelling.cast_to('null', kind)} as {spelling.quoted(name)}" for name, kind in types.items())
    return f"select {', '.join(columns)} where false"


def declared_types(engine: Session, declared: Mapping[str, str]) -> dict[str, str]:
    """Return declared types by the names that the database has for them. Raises StreamError."""
    if not declared:
        return {}
    types = {name: engine.types.column_type(kind) for name, kind in declared.items()}
    try:
        return {column.name: column.type for column in engine.columns(_nothing(engine, types))}
    except StatementError as error:
        raise _no_types(declared, error) from error


def declared_kinds(engine: Session, declared: Mapping[str, str]) -> dict[str, Any]:
    """Return the types in Arrow of the columns that FFT adds, and of declared ones. Raises StreamError."""
    own = {PARTITION: "string", OFFSET: "bigint", RECEIVED: "timestamp"}
    types = {name: engine.types.column_type(kind) for name, kind in {**declared, **own}.items()}
    try:
        schema = engine.frames.read(_nothing(engine, types)).schema
    except StatementError as error:
        raise _no_types(declared, error) from error
    return {name: schema.field(name).type for name in schema.names}


def _no_types(declared: Mapping[str, str], error: StatementError) -> StreamError:
    said = ", ".join(f"{name}: {kind}" for name, kind in declared.items())
    message = f"the declared columns have no type of the database ({said}): {error.problem.message}"
    return StreamError(message, keys=("columns",), code="FFT-806")

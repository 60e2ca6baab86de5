"""The tables beside that of a stream: the events that are kept, late events and bad records."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fft_core.engines.protocol import ColumnType, Session
from fft_core.engines.spec.attachments import Attachment
from fft_core.errors import EngineError, StatementError, StreamError
from fft_core.names import Relation
from fft_core.names.columns import ColumnNames
from fft_core.streaming.intake import dead_letters
from fft_core.streaming.source import BYTES, ERROR, OFFSET, PARTITION

if TYPE_CHECKING:
    import pyarrow as pa

RECEIVED, WATERMARK = "_ff_received_at", "_ff_watermark"
OWN = (PARTITION, OFFSET, RECEIVED)
OnNewColumns: TypeAlias = Literal["ignore", "fail", "append_new_columns"]


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
        return self.target.named(f"{self.target.name}__events")

    @property
    def late(self) -> Relation:
        """The events that are older than allowed."""
        return self.target.named(f"{self.target.name}__late")

    @property
    def dead(self) -> Relation:
        """The records that are not events, with their bytes and errors."""
        return self.target.named(f"{self.target.name}__dead")


def columns_of(engine: Session, relation: Relation) -> tuple[ColumnType, ...]:
    """Return the columns of a table; empty if it does not exist."""
    if relation not in engine.inspect([relation]):
        return ()
    return engine.columns(engine.spelling.select_all(relation))


def _kinds_of_table(engine: Session, relation: Relation) -> dict[str, Any]:
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


@dataclass(frozen=True)
class Fitted:
    """Rows with the types of a table, rows that cannot have them, and the statements that change the table first.

    Attributes:
        rows: The rows that fit.
        dead: The rows that do not fit, as bad records.
        statements: The statements to execute before the rows are added.
        is_new: Whether the statements create the table.
        is_retyped: Whether the statements change the types of existing columns.
    """

    rows: pa.Table
    dead: pa.Table
    statements: tuple[str, ...] = ()
    is_new: bool = False
    is_retyped: bool = False


def fitted(
    engine: Session,
    relation: Relation,
    rows: pa.Table,
    declared: Mapping[str, str],
    on_schema_change: OnNewColumns = "append_new_columns",
) -> Fitted:
    """Return rows with the columns and types of a table of events; statements add the columns that the table lacks.

    The statements create a missing table, empty. A column of integers becomes floating point in all rows as soon as one
    value is; any other value that a column cannot store makes its record a bad one.

    Args:
        engine: The session.
        relation: The table.
        rows: The rows, as `Intake` has them.
        declared: Types of columns, by name.
        on_schema_change: The treatment of columns that an existing table lacks.

    Raises:
        StreamError: there are new columns, and `on_schema_change` is "fail".
    """
    fit = _Fit(engine, relation, declared, rows.num_rows)
    arrays = dict[str, Any]()  # Any: Arrow columns
    for name in rows.column_names:
        if name == BYTES:
            continue
        there = fit.known.find(name)
        if there is not None:
            arrays[there] = fit.cast(rows.column(name), there)
        elif on_schema_change == "append_new_columns" or not fit.stored:
            if fit.added(rows.column(name), name):
                arrays[name] = rows.column(name)
        elif on_schema_change == "fail":
            hint = "Set on_schema_change: append_new_columns, or ignore."
            raise StreamError(
                f"events have a new column {name!r}, and on_schema_change is fail", hint=hint, code="FFT-806"
            )
    return fit.result(rows, arrays)


def typed(engine: Session, relation: Relation | None, rows: pa.Table, declared: Mapping[str, str]) -> Fitted:
    """Return rows with the types of a table's columns, or with declared types; the table is not changed."""
    import pyarrow as pa

    kinds = _kinds_of_table(engine, relation) if relation is not None else _declared_kinds(engine, declared)
    known, errors = ColumnNames(kinds), list[str | None]([None] * rows.num_rows)
    arrays = dict[str, Any]()  # Any: Arrow columns
    for name in rows.column_names:
        there = known.find(name) if name not in (*OWN, BYTES) else None
        arrays[there or name] = _cast(rows.column(name), kinds[there], there, errors) if there else rows.column(name)
    if relation is None:
        missing = {name: pa.nulls(rows.num_rows, kinds[name]) for name in declared if name not in arrays}
        arrays |= missing
    dead = dead_letters(rows.append_column(ERROR, pa.array(errors, pa.string())), errors)
    good = pa.array([error is None for error in errors], pa.bool_())
    table = pa.table(arrays)
    return Fitted(table.filter(good) if any(errors) else table, dead)


class _Fit:
    """The work of `fitted` on some rows: the statements and errors so far."""

    def __init__(self, engine: Session, relation: Relation, declared: Mapping[str, str], rows: int) -> None:
        self._engine, self._relation, self._declared = engine, relation, declared
        self.stored = columns_of(engine, relation)
        self.statements = [] if self.stored else [_created(engine, relation, declared)]
        self._kinds = _kinds_of_table(engine, relation) if self.stored else _declared_kinds(engine, declared)
        self.known = ColumnNames(self._kinds)
        self._errors: list[str | None] = [None] * rows
        self._is_retyped = False

    def cast(self, column: Any, name: str) -> Any:  # Any: an Arrow column
        """Return a column with the type that the table has for it, or will have."""
        import pyarrow as pa

        kind = self._kinds[name]
        if pa.types.is_integer(kind) and pa.types.is_floating(column.type) and not _is_whole(column):
            double = ColumnType(name, self._engine.spelling.types["number"])
            self.statements.append(self._engine.spelling.change_type(self._relation, double))
            kind, self._is_retyped = pa.float64(), True
        return _cast(column, kind, name, self._errors)

    def added(self, column: Any, name: str) -> bool:
        """Add a new column to the table. If it cannot be stored, return False, and note errors for its records."""
        import pyarrow as pa

        try:
            self._engine.relation(name)  # the name of a column has the same limits
            with self._engine.frames.query(pa.table({name: column.slice(0, 0)})) as query:
                (found,) = self._engine.columns(query)
        except EngineError as error:
            for place, is_there in enumerate(column.is_valid().to_pylist()):
                if is_there and self._errors[place] is None:
                    self._errors[place] = f"it has a column that cannot be stored: {error.problem.message}"
            return False
        self.statements.append(self._engine.spelling.add_column(self._relation, ColumnType(name, found.type)))
        return True

    def result(self, rows: pa.Table, arrays: Mapping[str, Any]) -> Fitted:
        """Return the rows that fit, those that do not, and the statements."""
        import pyarrow as pa

        table, errors = pa.table(dict(arrays)), self._errors
        batch = rows.append_column(ERROR, pa.array(errors, pa.string()))
        if any(errors):
            table = table.filter(pa.array([error is None for error in errors], pa.bool_()))
        dead, statements = dead_letters(batch, errors), tuple(self.statements)
        return Fitted(table, dead, statements, is_new=not self.stored, is_retyped=self._is_retyped)


def _created(engine: Session, relation: Relation, declared: Mapping[str, str]) -> str:
    spelling = engine.spelling
    own = {PARTITION: spelling.types["text"], OFFSET: spelling.types["integer"], RECEIVED: spelling.types["timestamp"]}
    types = {**{name: engine.types.column_type(kind) for name, kind in declared.items()}, **own}
    return spelling.create_as(relation, "table", _nothing(engine, types), replaces=False)


def _nothing(engine: Session, types: Mapping[str, str]) -> str:
    """Render a query that returns no rows, with columns of these types."""
    spelling = engine.spelling
    columns = (f"{spelling.cast_to('null', kind)} as {spelling.quoted(name)}" for name, kind in types.items())
    return f"select {', '.join(columns)} where false"


def _declared_kinds(engine: Session, declared: Mapping[str, str]) -> dict[str, Any]:
    """Return the types in Arrow of the columns that FFT adds, and of declared ones."""
    own = {PARTITION: "string", OFFSET: "bigint", RECEIVED: "timestamp"}
    types = {name: engine.types.column_type(kind) for name, kind in {**declared, **own}.items()}
    try:
        schema = engine.frames.read(_nothing(engine, types)).schema
    except StatementError as error:
        said = ", ".join(f"{name}: {kind}" for name, kind in declared.items())
        raise StreamError(
            f"the database cannot store the declared types ({said}): {error.problem.message}", code="FFT-806"
        ) from error
    return {name: schema.field(name).type for name in schema.names}


def _is_whole(column: Any) -> bool:
    import pyarrow as pa

    try:
        column.cast(pa.int64())
    except pa.ArrowInvalid:
        return False
    return True


def _cast(column: Any, kind: Any, name: str, errors: list[str | None]) -> Any:
    """Cast a column; values that cannot be cast become errors of their records, and NULL."""
    import pyarrow as pa

    if column.type == kind:
        return column
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    values = []
    for place, value in enumerate(column.to_pylist()):
        try:
            values.append(pa.array([value], column.type).cast(kind)[0].as_py())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            errors[place] = errors[place] or f"its {name!r} is not of type {kind}: {str(value)[:80]!r}"
            values.append(None)
    try:
        return pa.chunked_array([pa.array(values, kind)])
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise StreamError(f"the column {name!r} cannot be stored as {kind}: {error}", code="FFT-806") from error

"""Slices of tables: the rows of some partitions, which are replaced and read without the other rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fft_core.build.failures import keeping_failures
from fft_core.build.publish import StoredFrame, refuse_bad_rows
from fft_core.build.strategies.columns import Adaption, compared, lost_in_casts
from fft_core.engines.changes import Alteration, Change
from fft_core.engines.protocol import ColumnType, Seal, Session, Stage
from fft_core.engines.spec.spelling import Spelling, word
from fft_core.errors import FftError, StatementError, nearest
from fft_core.names import Relation
from fft_core.project.model import SourceName
from fft_core.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = "_ff_slice"  # the name of a table beside the stage


@dataclass(frozen=True)
class TimeRange:
    """The times from a start until an end, without the end itself; both have a time zone."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class PartitionColumn:
    """The name of a column, in upper or lower case."""

    name: str


@dataclass(frozen=True)
class PartitionExpression:
    """A SQL expression over the columns of a table."""

    sql: str


@dataclass(frozen=True)
class Within:
    """A condition on rows: a value of the row is one of the wanted texts, or lies in one of the wanted ranges."""

    value: PartitionColumn | PartitionExpression
    wanted: tuple[str, ...] | tuple[TimeRange, ...]


@dataclass(frozen=True)
class Slice:
    """Some rows of a table.

    Attributes:
        parts: A row is in the slice if it meets all conditions of one part. Without parts, no row is in it.
        name: The name of the slice, for messages.
    """

    parts: tuple[tuple[Within, ...], ...]
    name: str


def publish_slice(
    warehouse: Warehouse, relation: Relation, frame: pa.Table, rows: Slice, source: SourceName | None = None
) -> StoredFrame:
    """Replace a slice of a table by a frame; readers see either the old or the new rows. A missing table is created.

    Args:
        warehouse: The session of this thread.
        relation: The table.
        frame: The rows of the slice, and no others.
        rows: The slice.
        source: The source that the table is; its checks judge the whole table before it is published.

    Raises:
        FftError: rows lie outside of the slice, or the columns are not those of the table.
        CheckFailedError: a check of severity error failed; nothing is published.
    """
    with warehouse.engine.turn(), keeping_failures(warehouse):
        warehouse.ensure_schema(relation)
        with warehouse.engine.frames.query(frame) as query:
            given = _Given(warehouse=warehouse, relation=relation, query=query, rows=rows, has_rows=frame.num_rows > 0)
            while (columns := _published(given, source)) is None:
                pass  # another session has created or dropped the table: try again
    return StoredFrame(relation, frame.num_rows, columns)


@dataclass(frozen=True, kw_only=True)
class _Given:
    """The rows of a slice that are to be published."""

    warehouse: Warehouse
    relation: Relation
    query: str
    rows: Slice
    has_rows: bool

    @property
    def engine(self) -> Session:
        return self.warehouse.engine


def _published(given: _Given, source: SourceName | None) -> tuple[ColumnType, ...] | None:
    """Publish a slice; return its columns. Return None if the table was created or dropped before it was locked."""
    is_kept, relation = _is_kept(given), given.relation
    with given.engine.publisher.stage(relation, "table", "published" if is_kept else "empty") as stage:
        if _is_kept(given) != is_kept:
            return None
        columns = _replaced(given, stage) if is_kept else _created(given, stage)
        refuse_bad_rows(given.warehouse, stage.place, columns, source, published=relation)
        stage.publish(Seal(columns=columns))
    return columns


def read_slice(warehouse: Warehouse, relation: Relation, rows: Slice) -> pa.Table:
    """Read a slice of a table as an Arrow table."""
    everything = warehouse.engine.spelling.select_all(relation)
    condition = _condition(warehouse.engine, relation, warehouse.engine.columns(everything), rows)
    return warehouse.engine.frames.read(f"{everything} where {condition}")


def _is_kept(given: _Given) -> bool:
    """Whether an existing table is changed. An empty one is replaced by new rows: its types may be meaningless."""
    there = given.engine.inspect([given.relation]).get(given.relation)
    if there is not None and there.kind != "table":
        hint = "Drop it, or rename it."
        raise FftError(f"{given.relation} is a {word(there.kind)}; partitions need a table", hint=hint, code="FFT-433")
    return there is not None and (not given.has_rows or _has_rows(given.engine, given.relation))


def _created(given: _Given, stage: Stage) -> tuple[ColumnType, ...]:
    columns, _ = stage.write(given.query)
    if given.has_rows:
        _refuse_rows_outside(given.engine, stage.place, columns, given.rows)
    return columns


def _replaced(given: _Given, stage: Stage) -> tuple[ColumnType, ...]:
    """Replace the slice in the staged table; return its columns."""
    engine = given.engine
    staged, columns = stage.scratch(_ROWS, given.query)
    if given.has_rows:
        _refuse_rows_outside(engine, staged, columns, given.rows)
    if given.has_rows or _has_rows(engine, stage.place):
        _replace_in(given, stage, staged, columns)
    return engine.columns(engine.spelling.select_all(stage.place))


def _has_rows(engine: Session, relation: Relation) -> bool:
    return bool(engine.fetch(f"select 1 from {relation.sql(engine.spelling)} limit 1"))


def _replace_in(given: _Given, stage: Stage, staged: Relation, columns: Sequence[ColumnType]) -> None:
    engine, spelling, table = given.engine, given.engine.spelling, stage.place
    stored = engine.columns(spelling.select_all(table))
    values = _fitted(engine, given.relation, staged, stored, columns)
    into = [spelling.quoted(name) for name in values]
    added = f"select {', '.join(values.values())} from {staged.sql(spelling)}"
    is_replaced = _condition(engine, table, stored, given.rows)

    def statements(table: Relation) -> Sequence[str]:
        return [spelling.delete(table, is_replaced), spelling.insert(table, into, added)]

    def coming(table: Relation) -> str:
        names = ", ".join(spelling.quoted(column.name) for column in stored)
        kept = f"select {names} from {table.sql(spelling)} where not coalesce(({is_replaced}), false)"
        new = ", ".join(f"{values[column.name]} as {spelling.quoted(column.name)}" for column in stored)
        return f"{kept}\nunion all\nselect {new} from {staged.sql(spelling)}"

    stage.change(Change(statements, coming))


def _refuse_rows_outside(engine: Session, staged: Relation, columns: Sequence[ColumnType], rows: Slice) -> None:
    condition = _condition(engine, staged, columns, rows)
    table = staged.sql(engine.spelling)
    ((outside,),) = engine.fetch(f"select count(*) from {table} where ({condition}) is not true")
    if outside:
        values = ", ".join(_spelled(within.value, columns, engine.spelling) for within in rows.parts[0])
        found = engine.fetch(f"select distinct {values} from {table} where ({condition}) is not true limit 3")
        said = "; ".join(", ".join("NULL" if value is None else str(value) for value in row) for row in found)
        raise FftError(
            f"{outside} rows are not in {rows.name}: {values} is {said}",
            hint="Return the rows of the partition only: others would be written twice, or would never be replaced.",
            code="FFT-433",
        )


def _fitted(
    engine: Session,
    relation: Relation,
    staged: Relation,
    stored: Sequence[ColumnType],
    columns: Sequence[ColumnType],
) -> Mapping[str, str]:
    """Map the table's columns to expressions over the rows, which cast them to the types of the table.

    Raises:
        FftError: the columns are not those of the table, or a cast would change values.
    """
    difference = compared(stored, columns)
    if difference.added or difference.missing:
        raise _other_columns(relation, str(difference))
    spelling = engine.spelling
    spelled = {name: spelling.quoted(coming) for name, coming in difference.same.items()}
    casts = {}
    for name, (old, new) in difference.retyped.items():
        ((values,),) = engine.fetch(f"select count({spelled[name]}) from {staged.sql(spelling)}")
        if values and _family(old) != _family(new):
            raise _other_columns(relation, str(difference))
        if values:
            casts[name] = (old, new)
        spelled[name] = spelling.cast_to(spelled[name] if values else "null", old)
    query = lost_in_casts(staged, Adaption(Alteration(), difference.same, casts), engine.types)
    try:
        lost = engine.fetch(query)[0] if query else ()
    except StatementError as error:  # a value that the type of the table cannot hold at all
        raise _other_columns(relation, f"{difference}: {error.problem.message}") from error
    if any(lost):
        raise _other_columns(relation, f"{difference}, and values would change")
    return spelled


def _other_columns(relation: Relation, difference: str) -> FftError:
    return FftError(
        f"the columns differ from those of {relation}: {difference}",
        hint="Return the same columns for every partition. To change them, alter or drop the table, and write "
        "all partitions again.",
        code="FFT-431",
    )


_NUMBER = re.compile(r"u?(?:tiny|small|big|huge)?int(?!erval)|dec|num|float|double|real")


def _family(column_type: str) -> str:
    """Return the family of a type: casts within a family keep the meaning of a value."""
    text = column_type.lower()
    if text.endswith("]"):
        return text
    if text.startswith(("timestamp", "date")):
        return "time with zone" if "with time zone" in text or text.startswith("timestamptz") else "time"
    if _NUMBER.match(text):
        return "number"
    return "text" if text.startswith(("varchar", "text", "char")) else text


def _condition(engine: Session, relation: Relation, columns: Sequence[ColumnType], rows: Slice) -> str:
    """Render the condition for the rows of a relation that are in a slice."""
    types: dict[str, str] = {}
    parts = []
    for part in rows.parts:
        conditions = []
        for within in part:
            value = _spelled(within.value, columns, engine.spelling)
            if value not in types:
                types[value] = _type_of(engine, relation, value)
            conditions.append(_is_within(value, types[value], within.wanted, engine.spelling))
        parts.append(f"({' and '.join(conditions)})")
    return " or ".join(parts) or "false"


def _spelled(value: PartitionColumn | PartitionExpression, columns: Sequence[ColumnType], spelling: Spelling) -> str:
    text = value.sql if isinstance(value, PartitionExpression) else value.name
    known = {column.name.lower(): column.name for column in columns}
    known |= {name: name for name in known.values()}
    name = known.get(text, known.get(text.lower()))
    if name is not None:  # quoted, because the name of a column may be a keyword
        return spelling.quoted(name)
    if isinstance(value, PartitionExpression):
        return f"({text})"
    raise FftError(
        f"partition_by names {text!r}, which is not one of the columns",
        hint=nearest(text, known.values()) or f"Columns: {', '.join(column.name for column in columns)}.",
        code="FFT-433",
    )


def _type_of(engine: Session, relation: Relation, value: str) -> str:
    try:
        (column,) = engine.columns(f"select {value} as value from {relation.sql(engine.spelling)}")
    except StatementError as error:
        raise FftError(
            f"partition_expr {value} cannot be evaluated: {error.problem.message}",
            hint="It is an expression over the columns of the table, as in metadata={'partition_expr': 'day'}.",
            code="FFT-433",
        ) from error
    return column.type


def _is_within(
    value: str, column_type: str, wanted: tuple[str, ...] | tuple[TimeRange, ...], spelling: Spelling
) -> str:
    ranges = [item for item in wanted if isinstance(item, TimeRange)]
    keys = [item for item in wanted if isinstance(item, str)]
    conditions = [f"{value} in ({spelling.literals(keys)})"] if keys else []
    family = _family(column_type)
    if ranges and family not in ("time", "time with zone", "text"):
        raise FftError(
            f"{value} is {column_type}, but the partitions are times",
            hint="Make it a date or timestamp: metadata={'partition_expr': 'to_timestamp(epoch)'}.",
            code="FFT-433",
        )
    if family == "text":
        value = spelling.cast(value, "timestamp")
    zoned = family == "time with zone"
    conditions += [
        f"({value} >= {_time(r.start, zoned, spelling)} and {value} < {_time(r.end, zoned, spelling)})" for r in ranges
    ]
    return f"({' or '.join(conditions) or 'false'})"


def _time(time: datetime, zoned: bool, spelling: Spelling) -> str:
    """Render a time; without a zone, it is the local time in the partitions' zone, as in Dagster's IO managers."""
    return spelling.zoned(time.astimezone(UTC)) if zoned else spelling.timestamp(time)

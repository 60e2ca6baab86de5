"""Frames and files of Spark: Arrow tables that become temporary views of the session; read as Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fft_core.engines.arrow_columns import for_arrow, storable
from fft_core.engines.databricks.types import ARROW_TYPES, arrow_type
from fft_core.engines.protocol import ColumnType, Row
from fft_core.engines.sql_frames import SqlFrames
from fft_core.errors import EngineError
from fft_core.names import Relation

if TYPE_CHECKING:
    import pyarrow as pa

    from fft_core.engines.databricks.session import SparkEngineSession


class SparkFrames(SqlFrames):
    """Frames by Arrow: what is inserted into a temporary table becomes a view over parts, each an Arrow table."""

    rows_at_once = 2000  # of a file that is read in parts; a part has 50 times as many

    def __init__(self, session: SparkEngineSession) -> None:
        super().__init__(session, ARROW_TYPES)
        self._spark = session
        self._parts: dict[str, list[str]] = {}

    def read(self, sql: str) -> pa.Table:
        import pyarrow as pa

        columns, found = self._spark.columns(sql), self._spark.arrow(sql)
        arrays = [_cast(column, found.column(place)) for place, column in enumerate(columns)]
        return pa.Table.from_arrays(arrays, names=[column.name for column in columns])

    @contextmanager
    def query(self, frame: pa.Table) -> Iterator[str]:
        columns = [ColumnType(field.name, self._type_of(field)) for field in frame.schema]
        with self._temporary(columns) as place:
            if frame.num_rows:
                self._add(place, columns, storable(frame, [arrow_type(column.type) for column in columns]))
            yield self._select(place, columns)

    def insert(self, place: Relation, columns: Sequence[ColumnType], rows: Sequence[Row]) -> None:
        import pyarrow as pa

        arrays = []
        for position, column in enumerate(columns):
            kind = arrow_type(column.type)  # None for what only Spark can read
            values = [_held(row[position], kind) for row in rows]
            arrays.append(pa.array(values, pa.string() if kind is None else kind))
        if rows:
            self._add(place, columns, pa.Table.from_arrays(arrays, names=[column.name for column in columns]))

    @contextmanager
    def _temporary(self, columns: Sequence[ColumnType]) -> Iterator[Relation]:
        place = Relation(f"_ff_frame_{uuid4().hex}")
        self._parts[place.name] = []
        try:
            self._spark.execute(self._view(place, columns))
            yield place
        finally:
            for name in (place.name, *self._parts.pop(place.name)):
                with suppress(EngineError):  # of a session that was interrupted or closed; the view goes with it
                    self._spark.drop_view(name)

    def _add(self, place: Relation, columns: Sequence[ColumnType], table: pa.Table) -> None:
        """Add a part to a view; what Spark cannot cast to its column raises StatementError."""
        spelling, parts = self.session.spelling, self._parts[place.name]
        name = f"{place.name}_{len(parts)}"
        self._spark.create_view(table, name)
        parts.append(name)
        own = [column for column in columns if arrow_type(column.type) is None]
        if own:
            casts = [f"count({spelling.cast_to(spelling.quoted(column.name), column.type)})" for column in own]
            self._spark.fetch(f"select {', '.join(casts)} from {spelling.quoted(name)}")
        self._spark.execute(self._view(place, columns))

    def _view(self, place: Relation, columns: Sequence[ColumnType]) -> str:
        return f"create or replace temporary view {self.session.spelling.quoted(place.name)} as\n" + self._select(
            place, columns
        )

    def _select(self, place: Relation, columns: Sequence[ColumnType]) -> str:
        """Render SELECT for the rows of all parts, in the types of the columns."""
        spelling, parts = self.session.spelling, self._parts[place.name]
        names = [spelling.quoted(column.name) for column in columns]
        casts = [f"{spelling.cast_to(n, c.type)} as {n}" for n, c in zip(names, columns, strict=True)]
        nothing = [f"{spelling.cast_to('null', c.type)} as {n}" for n, c in zip(names, columns, strict=True)]
        if not parts:
            return f"select {', '.join(nothing)} where false"
        return " union all ".join(f"select {', '.join(casts)} from {spelling.quoted(part)}" for part in parts)


def _held(value: object, kind: Any) -> object:  # Any: an Arrow type
    if kind is None:
        return None if value is None else str(value)
    return for_arrow(value, kind)


def _cast(column: ColumnType, values: Any) -> Any:
    """Return values in the Arrow type of their column."""
    import pyarrow as pa

    kind = pa.string() if column.type in ("void", "string") else arrow_type(column.type)
    try:
        return values if kind is None else values.cast(kind)
    except (pa.ArrowException, ValueError) as error:
        raise EngineError(
            f"column {column.name!r} ({column.type}) has values that a frame cannot hold: {error}", code="FFT-414"
        ) from error

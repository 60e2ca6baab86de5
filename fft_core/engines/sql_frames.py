"""Frames and files by SELECT and INSERT alone, for engines whose drivers have no support for Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from fft_core.engines.csv_file import CsvTable, ListedRows, declared_by_name, fixed, read_csv
from fft_core.engines.declared_types import form_of, word_of
from fft_core.engines.parquet_file import (
    parquet_schema,
    read_parquet,
    refuse_wide_decimals,
    refuse_wrong_texts,
    write_parquet,
)
from fft_core.engines.protocol import ColumnType, Row, Session
from fft_core.engines.seed_casts import cast_columns
from fft_core.engines.spec.csv_format import CSV_SUFFIXES, DEFAULT, CsvFormat
from fft_core.engines.typed_texts import reader_of
from fft_core.errors import EngineError, SeedError, StatementError
from fft_core.names import Relation

if TYPE_CHECKING:
    import pyarrow as pa

Values: TypeAlias = Sequence[object]  # the values of one column


class SqlFrames:
    """Frames from the rows of queries, and rows of frames in temporary tables.

    An author of an engine overrides `held` if its values differ from those of Python, and `insert` if its driver is
    faster than statements with literals.

    Args:
        session: Runs the statements.
        arrow_types: The Arrow types of the engine's types, by lower-case name: `{"bigint": "int64"}`. Parentheses
            behind a type are ignored. For a type that is missing here, Arrow infers the type from the values.
    """

    rows_at_once: ClassVar[int] = 500
    characters_at_once: ClassVar[int] = 1 << 20

    def __init__(self, session: Session, arrow_types: Mapping[str, str]) -> None:
        self.session = session
        self._arrow_types = arrow_types
        self._numbers = count()

    def held(self, value: object, type: str) -> object:
        """Return a value as the engine stores it in a column of a type. Raises ValueError if it cannot."""
        return value

    def literal(self, value: object) -> str:
        """Render a value from `held`, or its text, as a literal that is cast to the type of its column."""
        spelling = self.session.spelling
        match value:
            case datetime() if value.tzinfo is not None:
                return spelling.zoned(value)
            case float():
                return spelling.text(repr(value))  # a literal may be a decimal, which has no -0.0
            case Decimal():
                return spelling.text(f"{value:f}")
            case bytes():
                return spelling.refuse("literal of bytes")
        return spelling.literal(value)

    def insert(self, place: Relation, columns: Sequence[ColumnType], rows: Sequence[Row]) -> None:
        """Insert rows of values from `held` into a table with these columns."""
        spelling = self.session.spelling
        names = [spelling.quoted(column.name) for column in columns]
        casts = [spelling.cast_to(f"_ff_v.{name}", c.type) for name, c in zip(names, columns, strict=True)]
        spelled = ([self.literal(value) for value in row] for row in rows)
        for batch in self._batches(spelled):
            query = f"select {', '.join(casts)} from {spelling.given(names, batch)}"
            self.session.execute(spelling.insert(place, names, query))

    def _batches(self, rows: Iterable[list[str]]) -> Iterator[list[list[str]]]:
        batch, size = list[list[str]](), 0
        for row in rows:
            batch.append(row)
            size += sum(map(len, row))
            if len(batch) == self.rows_at_once or size > self.characters_at_once:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def read(self, sql: str) -> pa.Table:
        import pyarrow as pa

        columns, rows = self.session.columns(sql), self.session.fetch(sql)
        arrays = [self._array(column, [row[place] for row in rows]) for place, column in enumerate(columns)]
        return pa.Table.from_arrays(arrays, names=[column.name for column in columns])

    def write_parquet(self, sql: str, path: Path) -> None:
        write_parquet(self.read(sql), path)

    def _array(self, column: ColumnType, values: Values) -> pa.Array[Any]:
        import pyarrow as pa

        kind = _arrow_type(self._arrow_types.get(column.type.partition("(")[0].strip().lower()))
        try:
            found: Any = pa.array([_as_arrow(value, kind) for value in values], kind)
        except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
            raise EngineError(
                f"column {column.name!r} ({column.type}) has values of several types: {error}",
                hint="Cast it in the model that makes it.",
                code="FFT-414",
            ) from error
        array: pa.Array[Any] = found.cast(pa.string()) if pa.types.is_null(found.type) else found
        return array

    @contextmanager
    def query(self, frame: pa.Table) -> Iterator[str]:
        columns = [ColumnType(field.name, self._type_of(field)) for field in frame.schema]
        with self._temporary(columns) as place:
            for batch in frame.to_batches(max_chunksize=100 * self.rows_at_once):
                values = [_values(field, column) for field, column in zip(batch.schema, batch.columns, strict=True)]
                held = [
                    self._held(field, column.type, items)
                    for field, column, items in zip(frame.schema, columns, values, strict=True)
                ]
                self.insert(place, columns, list(zip(*held, strict=True)))
            yield self.session.spelling.select_all(place)

    def _held(self, field: pa.Field[Any], type: str, values: Values) -> Values:
        try:
            held = [None if value is None else self.held(value, type) for value in values]
            for value in held:
                if isinstance(value, str):
                    self.session.spelling.refuse_nul(value)
        except (ValueError, EngineError) as error:
            said = error.problem.message if isinstance(error, EngineError) else str(error)
            raise _unstorable(field, f"values that the database cannot hold: {said}") from error
        return held

    def _type_of(self, field: pa.Field[Any]) -> str:
        word = _word_of(field.type)
        if word is not None:
            return self.session.types.column_type(word)
        own = next((own for own, arrow in self._arrow_types.items() if arrow == str(field.type)), None)
        if own is None:
            raise _unstorable(field, "a type that the database does not have")
        return own

    @contextmanager
    def _temporary(self, columns: Sequence[ColumnType]) -> Iterator[Relation]:
        place = self.session.temporary(f"_ff_frame_{next(self._numbers)}")
        self.session.execute(self.session.spelling.create_empty(place.name, columns))
        try:
            yield place
        finally:
            with suppress(EngineError):  # the session was interrupted or closed, which drops the table
                self.session.execute(self.session.spelling.drop(place, "table"))

    @contextmanager
    def file_query(self, path: Path, column_types: Mapping[str, str], form: CsvFormat = DEFAULT) -> Iterator[str]:
        if path.suffix not in CSV_SUFFIXES:
            with self._parquet_query(path, column_types) as query:
                yield query
            return
        table = read_csv(path, form, column_types)
        columns = [ColumnType(c.name, self.session.types.column_type(c.type)) for c in table.columns]
        with self._temporary(columns) as place:
            for texts in _texts(table):
                values = [self._read(table, index, items, columns[index].type) for index, items in enumerate(texts)]
                try:
                    self.insert(place, columns, list(zip(*values, strict=True)))
                except StatementError as error:
                    raise self._misfit(table, columns, texts) or error from error
            yield self.session.spelling.select_all(place)

    def _read(self, table: CsvTable, index: int, texts: Sequence[str | None], type: str) -> Values:
        read, values = reader_of(table.columns[index].type), list[object]()
        for text in texts:
            try:
                values.append(None if text is None else self.held(read(text), type))
            except ValueError as error:
                raise table.misfit(index, text or "") from error
        return values

    def _misfit(
        self, table: CsvTable, columns: Sequence[ColumnType], texts: Sequence[Sequence[str | None]]
    ) -> SeedError | None:
        """Find the first text that the engine cannot cast, if only it can check that; called after a failed insert."""
        self.session.fetch("select 1")  # fails if the engine no longer answers: then no text is the reason
        for index, column in enumerate(table.columns):
            for text in () if column.is_checked else dict.fromkeys(texts[index]):
                if text is not None and not self._is_castable(text, columns[index].type):
                    return table.misfit(index, text)
        return None

    def _is_castable(self, text: str, type: str) -> bool:
        spelling = self.session.spelling
        try:
            self.session.fetch(f"select {spelling.cast_to(spelling.text(text), type)}")
        except StatementError:
            return False
        return True

    @contextmanager
    def _parquet_query(self, path: Path, column_types: Mapping[str, str]) -> Iterator[str]:
        schema = parquet_schema(path)
        refuse_wide_decimals(schema)
        declared = declared_by_name(column_types, schema.names)
        refuse_wrong_texts(path, schema, declared)
        with self.query(_with_read_texts(read_parquet(path), declared)) as query:
            types = {name: self.session.types.column_type(kind) for name, kind in declared.items()}
            there = {column.name: column.type for column in self.session.columns(query)}
            others = {name: kind for name, kind in types.items() if there[name] != kind}
            yield cast_columns(self.session, query, others) if others else query


def _arrow_type(name: str | None) -> pa.DataType | None:
    """Return the Arrow type of a name such as `timestamp[us, tz=UTC]`; None without a name."""
    import pyarrow as pa

    if name == "timestamp[us, tz=UTC]":  # pyarrow has no alias for it
        return pa.timestamp("us", "UTC")
    alias: Any = pa.type_for_alias
    found: pa.DataType | None = alias(name) if name else None
    return found


def _as_arrow(value: object, kind: pa.DataType | None) -> object:
    """Return an engine's value as Arrow takes it: a time may be a text in the engine, and a boolean a number."""
    name = str(kind)
    if isinstance(value, str) and name.startswith("timestamp"):
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if "tz=" in name and time.tzinfo is None else time
    if isinstance(value, str) and name == "date32[day]":
        return date.fromisoformat(value)
    if name == "bool" and value in (0, 1):
        return bool(value)
    return value


def _word_of(kind: Any) -> str | None:
    """Return FFT's name for an Arrow type; None if there is none."""
    import pyarrow as pa

    types: Any = pa.types
    if types.is_dictionary(kind):
        return _word_of(kind.value_type)
    if types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    if types.is_timestamp(kind):
        return "timestamptz" if kind.tz else "timestamp"
    if kind == pa.uint64():
        return "decimal(20, 0)"
    words = {
        "boolean": "boolean",
        "integer": "integer",
        "floating": "double",
        "string": "string",
        "large_string": "string",
        "null": "string",
        "date": "date",
    }
    return next((word for name, word in words.items() if getattr(types, f"is_{name}")(kind)), None)


def _values(field: pa.Field[Any], column: Any) -> Values:
    """Return a batch's column as Python values. Raises EngineError for values that Python cannot hold."""
    import pyarrow as pa

    try:
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", column.type.tz))
        found: Values = column.to_pylist()
    except (pa.ArrowInvalid, ValueError, OverflowError) as error:
        raise _unstorable(field, f"values that the database cannot hold: {error}") from error
    return found


def _unstorable(field: pa.Field[Any], what: str) -> EngineError:
    return EngineError(
        f"the frame cannot be stored: column {field.name!r} ({field.type}) has {what}",
        hint="Round it or cast it in the model, for example to text.",
        code="FFT-413",
    )


def _texts(table: CsvTable) -> Iterator[Sequence[Sequence[str | None]]]:
    """Yield the texts of all columns, in the parts in which the file is read."""
    if isinstance(table.rows, ListedRows):
        yield table.rows.fixed(table.fixes)
        return
    for batch in table.rows.fixed(table.fixes):
        yield [column.to_pylist() for column in batch.columns]


def _with_read_texts(table: pa.Table, declared: Mapping[str, str]) -> pa.Table:
    """Convert the texts of columns that are declared to have another type."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        kind = declared.get(field.name)
        form = form_of(kind) if kind else None
        if kind is None or form is None or word_of(kind) is None or _word_of(field.type) != "string":
            continue
        values = list[object]()
        for text in table.column(place).to_pylist():
            values.append(None if text is None else reader_of(kind)(fixed(text, form.fixes)))
        table = table.set_column(place, field.name, pa.array(values))
    return table

"""Rows as bytes: JSON with exact numbers, lines of JSON, CSV, Arrow streams and Parquet files."""

from __future__ import annotations

import base64
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from fft_core.names.nesting import is_too_deep
from fft_core.names.numbers import WrittenNumber, json_text, read_number

if TYPE_CHECKING:
    import pyarrow as pa

Spell: TypeAlias = Callable[[Any], str]  # Any: a value of one Arrow type
_PLAIN = re.compile(r"[^,\"\r\n]+")
# a format: its media type, and the suffix of its address
MEDIA = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}


class Writer(Protocol):
    """Makes bytes of batches."""

    def begin(self) -> bytes:
        """Return what stands before the rows."""

    def write(self, batch: pa.RecordBatch) -> bytes:
        """Return the bytes of some rows."""

    def end(self) -> bytes:
        """Return what stands behind the rows."""


class JsonRows:
    """A renderer of rows of one schema as JSON objects.

    Args:
        schema: The columns.
        json_columns: Those whose texts are JSON.
    """

    def __init__(self, schema: pa.Schema, json_columns: Iterable[str] = ()) -> None:
        of_json = set(json_columns)
        self._spell = [_json_column if field.name in of_json else spelling_of(field.type) for field in schema]
        self._names = [json.dumps(name, ensure_ascii=False) for name in schema.names]

    def rows(self, batch: pa.RecordBatch) -> Iterator[str]:
        """Yield the object of each row."""
        names = self._names
        for row in zip(*self._columns(batch), strict=True):
            yield "{" + ",".join(f"{name}:{value}" for name, value in zip(names, row, strict=True)) + "}"

    def _columns(self, batch: pa.RecordBatch) -> list[list[str]]:
        return [
            ["null" if value is None else spell(value) for value in values_of(column)]
            for spell, column in zip(self._spell, batch.columns, strict=True)
        ]


class LinesWriter:
    """Writes one JSON object on each line."""

    def __init__(self, schema: pa.Schema, json_columns: Iterable[str] = ()) -> None:
        self._rows = JsonRows(schema, json_columns)

    def begin(self) -> bytes:
        return b""

    def write(self, batch: pa.RecordBatch) -> bytes:
        return "".join(f"{row}\n" for row in self._rows.rows(batch)).encode()

    def end(self) -> bytes:
        return b""


class CsvWriter:
    """Writes CSV by RFC 4180: NULL is an empty field, and an empty text is a pair of quotes."""

    def __init__(self, schema: pa.Schema) -> None:
        self._spell = [_csv_spelling(field.type) for field in schema]
        self._names = schema.names

    def begin(self) -> bytes:
        return (",".join(map(_quoted, self._names)) + "\r\n").encode()

    def write(self, batch: pa.RecordBatch) -> bytes:
        columns = [
            ["" if value is None else spell(value) for value in values_of(column)]
            for spell, column in zip(self._spell, batch.columns, strict=True)
        ]
        return "".join(",".join(row) + "\r\n" for row in zip(*columns, strict=True)).encode()

    def end(self) -> bytes:
        return b""


class ArrowWriter:
    """Writes an Arrow IPC stream. Readers accept one that lacks its end: the end of the HTTP answer shows it."""

    def __init__(self, schema: pa.Schema) -> None:
        import pyarrow as pa

        self._sink = io.BytesIO()
        self._writer = pa.ipc.new_stream(self._sink, schema)

    def begin(self) -> bytes:
        return self._taken()

    def write(self, batch: pa.RecordBatch) -> bytes:
        self._writer.write_batch(batch)
        return self._taken()

    def end(self) -> bytes:
        self._writer.close()
        return self._taken()

    def _taken(self) -> bytes:
        content = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return content


def parquet_bytes(schema: pa.Schema, batches: Iterable[pa.RecordBatch], limit: int) -> bytes | None:
    """Return a Parquet file; None if it would be larger than the limit."""
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            if sink.tell() > limit:
                return None
    return sink.getvalue() if sink.tell() <= limit else None


def writer_of(format: str, schema: pa.Schema, json_columns: Iterable[str] = ()) -> Writer:
    """Return the writer of a format that is streamed."""
    match format:
        case "ndjson":
            return LinesWriter(schema, json_columns)
        case "csv":
            return CsvWriter(schema)
    return ArrowWriter(schema)


def values_of(column: Any) -> Sequence[Any]:
    """Return the values of a column; nanoseconds, which Python has not, as texts."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return [text and text.replace(" ", "T") for text in column.cast(pa.string()).to_pylist()]
    found: Sequence[Any] = column.to_pylist()
    return found


def spelling_of(kind: Any) -> Spell:
    """Return the function that renders values of an Arrow type, except NULL, as JSON."""
    import pyarrow as pa

    types: Any = pa.types
    if types.is_boolean(kind):
        return lambda value: "true" if value else "false"
    if types.is_integer(kind):
        return str
    if types.is_floating(kind):
        return _float
    if types.is_decimal(kind):
        return _decimal
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _list_spelling(spelling_of(kind.value_type))
    if types.is_struct(kind):
        return _struct_spelling({field.name: spelling_of(field.type) for field in kind})
    if types.is_map(kind):
        return _map_spelling(spelling_of(kind.key_type), spelling_of(kind.item_type))
    if types.is_dictionary(kind):
        return spelling_of(kind.value_type)
    return lambda value: json.dumps(plain_text(value), ensure_ascii=False)


def plain_text(value: Any) -> str:
    """Return the text of a value that JSON has no form of its own for.

    >>> plain_text(datetime(2026, 1, 31, 12, tzinfo=UTC)), plain_text(b"ab"), plain_text(timedelta(seconds=90))
    ('2026-01-31T12:00:00Z', 'YWI=', 'PT90S')
    """
    match value:
        case str():
            return value
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
        case timedelta():
            return f"PT{_trimmed(f'{Decimal(value // timedelta(microseconds=1)) / 1_000_000:f}')}S"
        case tuple() if len(value) == 3:  # months, days and nanoseconds of an interval
            months, days, nanoseconds = value
            return f"P{months}M{days}DT{_trimmed(f'{Decimal(nanoseconds) / 1_000_000_000:f}')}S"
    return str(value)


def _float(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'


def _decimal(value: Decimal) -> str:
    return _trimmed(f"{value:f}")


def _trimmed(text: str) -> str:
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _json_column(text: str) -> str:
    """Render a JSON document as it is; one that is not JSON for all readers, or is too deep, as a text."""
    if is_too_deep(text):
        return json.dumps(text, ensure_ascii=False)
    try:
        return json_text(json.loads(text, parse_float=_written_number, parse_constant=_constant))
    except ValueError:
        return json.dumps(text, ensure_ascii=False)


def _written_number(text: str) -> float:
    found = read_number(text)
    return found if math.isfinite(found) else WrittenNumber(text)


def _constant(text: str) -> str:
    return text  # NaN, Infinity and -Infinity, which DuckDB accepts


def _list_spelling(item: Spell) -> Spell:
    return lambda values: "[" + ",".join("null" if v is None else item(v) for v in values) + "]"


def _struct_spelling(fields: dict[str, Spell]) -> Spell:
    names = {name: json.dumps(name, ensure_ascii=False) for name in fields}

    def spell(value: dict[str, Any]) -> str:
        parts = (f"{names[n]}:{'null' if value[n] is None else s(value[n])}" for n, s in fields.items())
        return "{" + ",".join(parts) + "}"

    return spell


def _map_spelling(key: Spell, item: Spell) -> Spell:
    def spell(pairs: Iterable[tuple[Any, Any]]) -> str:
        spelled = [(key(k), "null" if v is None else item(v)) for k, v in pairs]
        if all(name.startswith('"') for name, _ in spelled):
            return "{" + ",".join(f"{name}:{value}" for name, value in spelled) + "}"
        return "[" + ",".join(f"[{name},{value}]" for name, value in spelled) + "]"

    return spell


def _csv_spelling(kind: Any) -> Spell:
    """Return what writes the values of an Arrow type as fields of CSV: texts without the quotes of JSON."""
    import pyarrow as pa

    types: Any = pa.types
    spell = spelling_of(kind)
    if types.is_string(kind) or types.is_large_string(kind):
        return _quoted
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_decimal(kind):
        return spell
    if types.is_floating(kind):
        return lambda value: spell(value).strip('"')
    if types.is_nested(kind):
        return lambda value: _quoted(spell(value))
    return lambda value: _quoted(plain_text(value))


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else '"' + text.replace('"', '""') + '"'

"""Frames in tables of Postgres, by COPY in CSV: each value is a text that Postgres reads as the same value."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from fft_core.engines.postgres.spelling import SPELLING
from fft_core.errors import EngineError

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

_SCALARS = {
    "bool": "boolean",
    "int8": "smallint",
    "int16": "smallint",
    "int32": "integer",
    "int64": "bigint",
    "uint8": "smallint",
    "uint16": "integer",
    "uint32": "bigint",
    "uint64": "numeric(20, 0)",
    "halffloat": "real",
    "float": "real",
    "double": "double precision",
    "string": "text",
    "large_string": "text",
    "string_view": "text",
    "null": "text",
}
_EXTENSIONS = {"arrow.uuid": "uuid", "arrow.json": "json", "arrow.bool8": "boolean"}
_TOO_FINE = "nanoseconds, but Postgres stores microseconds"
_WRITTEN_ONE_BY_ONE = ("jsonb", "json", "uuid", "bytea", "interval")


def definition(schema: pa.Schema) -> str:
    """Render the columns of a table for frames of this schema. Raises EngineError for a type that Postgres lacks."""
    return ", ".join(f"{SPELLING.quoted(field.name)} {_type_of(field)}" for field in schema)


def _type_of(field: pa.Field[Any]) -> str:
    spelled = _sql_type(field.type)
    if spelled is None:
        raise unstorable(field, "a type that Postgres does not have")
    return spelled


def unstorable(field: pa.Field[Any], what: str) -> EngineError:
    """Return the error for a column of a frame that Postgres cannot hold."""
    return EngineError(
        f"the frame cannot be stored: column {field.name!r} ({field.type}) has {what}",
        hint="Round it or cast it in the model, for example to text.",
        code="FFT-413",
    )


def _sql_type(kind: Any) -> str | None:
    import pyarrow as pa

    types: Any = pa.types
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return _sql_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return _EXTENSIONS.get(kind.extension_name)
    if types.is_decimal(kind):
        return f"numeric({kind.precision}, {kind.scale})"
    if types.is_timestamp(kind):
        return "timestamptz" if kind.tz else "timestamp"
    if _is_list(kind):
        item = _sql_type(kind.value_type)
        return item and f"{item.removesuffix('[]')}[]"
    if types.is_struct(kind) or types.is_map(kind):
        return "jsonb"
    if types.is_date(kind):
        return "date"
    if types.is_time(kind):
        return "time"
    if types.is_duration(kind) or types.is_interval(kind):
        return "interval"
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return "bytea"
    return _SCALARS.get(str(kind))


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    types: Any = pa.types
    return bool(
        types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
        or types.is_list_view(kind)
        or types.is_large_list_view(kind)
    )


def write(cursor: psycopg.Cursor[Any], table: str, frame: pa.Table) -> None:
    """Copy the rows of a frame into a table.

    Raises:
        EngineError: a column has values that Postgres would cut, or cannot hold; nothing is cut.
    """
    import pyarrow as pa

    if not frame.num_rows:
        return
    columns = [_copied(field, column) for field, column in zip(frame.schema, frame.columns, strict=True)]
    # for a table with an empty chunk, pyarrow's writer leaves bytes behind that belong to no row
    rows = pa.Table.from_arrays(columns, names=[f"c{i}" for i in range(len(columns))]).combine_chunks()
    with cursor.copy(f"copy {table} from stdin (format csv)".encode()) as copy:
        copy.write(csv_of(rows))


def csv_of(rows: pa.Table | pa.RecordBatch) -> memoryview:
    """Render rows as CSV for Postgres; a NULL has no quotes."""
    import pyarrow as pa
    import pyarrow.csv

    buffer = io.BytesIO()
    pa.csv.write_csv(rows, buffer, pa.csv.WriteOptions(include_header=False))
    return buffer.getbuffer()


def column_of(error: psycopg.Error, frame: pa.Table) -> pa.Field[Any] | None:
    """Find the column whose value Postgres refuses, by the message of Postgres."""
    said = re.search(r'COPY .*?, line \d+, column (.+?)(?:: (?:"|null input)|$)', error.diag.context or "", re.M)
    if said and said[1] in frame.column_names:
        return frame.schema.field(said[1])
    return next(_with_zero_bytes(frame), None) if "0x00" in str(error) else None


def _with_zero_bytes(frame: pa.Table) -> Iterator[pa.Field[Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    for field, column in zip(frame.schema, frame.columns, strict=True):
        if pa.types.is_string(field.type) and pc.any(pc.match_substring(column, "\0")).as_py():
            yield field


def _copied(field: pa.Field[Any], column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """Return a column in a form whose text Postgres reads."""
    import pyarrow as pa

    try:
        return _as_text(column)
    except pa.ArrowInvalid as error:
        raise unstorable(field, f"values that Postgres cannot hold: {error}") from error
    except _Unstorable as error:
        raise unstorable(field, str(error)) from error


class _Unstorable(Exception):
    """The error for a value that Postgres would change or cannot hold."""


def _as_text(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    import pyarrow as pa
    import pyarrow.compute

    kind, types, pc = column.type, pa.types, cast("Any", pyarrow.compute)
    if types.is_dictionary(kind):
        return _as_text(column.cast(kind.value_type))
    if types.is_run_end_encoded(kind):
        return _as_text(pa.chunked_array([pc.run_end_decode(chunk) for chunk in column.chunks]))
    if isinstance(kind, pa.BaseExtensionType) and kind.extension_name != "arrow.uuid":
        chunks: Any = column.chunks  # Any: the stubs do not know the storage of extension arrays
        storages: Any = [chunk.storage for chunk in chunks]
        stored: pa.ChunkedArray[Any] = cast("Any", pa).chunked_array(storages, kind.storage_type)
        return _as_text(stored.cast(pa.bool_()) if kind.extension_name == "arrow.bool8" else stored)
    if types.is_timestamp(kind):  # instants are written in UTC, the session's zone
        return _microseconds(column, pa.timestamp("us", kind.tz)).cast(pa.timestamp("us"))
    if types.is_time64(kind):
        return _microseconds(column, pa.time64("us"))
    if types.is_date64(kind):
        return column.cast(pa.date32())
    if types.is_float16(kind):
        return column.cast(pa.float32())
    if types.is_duration(kind):
        column = _microseconds(column, pa.duration("us"))
    if types.is_binary_view(kind) or types.is_string_view(kind):
        column = column.cast(pa.binary() if types.is_binary_view(kind) else pa.string())
    spelled = _sql_type(kind) or ""
    if spelled in _WRITTEN_ONE_BY_ONE or spelled.endswith("[]"):
        return _one_by_one(column, spelled)
    return column


def _microseconds(column: pa.ChunkedArray[Any], kind: pa.DataType) -> pa.ChunkedArray[Any]:
    import pyarrow as pa

    try:
        return column.cast(kind)
    except pa.ArrowInvalid as error:
        unit = getattr(column.type, "unit", "")
        what = _TOO_FINE if unit == "ns" else f"values that Postgres cannot hold: {error}"
        raise _Unstorable(what) from error


def _one_by_one(column: pa.ChunkedArray[Any], spelled: str) -> pa.ChunkedArray[Any]:
    import pyarrow as pa

    text = _json if spelled in ("json", "jsonb") and not _is_text(column.type) else _text
    try:
        values = [None if value is None else text(value, column.type) for value in column.to_pylist()]
    except (OverflowError, ValueError) as error:
        raise _Unstorable(f"values that Python cannot hold: {error}") from error
    return pa.chunked_array([pa.array(values, pa.string())])


def _is_text(kind: pa.DataType) -> bool:
    return str(kind) in ("string", "large_string")


def _text(value: Any, kind: Any) -> str:
    """Render a value as Postgres reads it."""
    match value:
        case list() if _is_list(kind):
            _refuse_shape(value, kind)
            return "{" + ",".join(_item(item, kind.value_type) for item in value) + "}"
        case list() | dict():  # a map is a list of pairs
            return _json(value, kind)
        case bool():
            return "t" if value else "f"
        case bytes():
            return rf"\x{value.hex()}"
        case timedelta():
            return _interval(value)
        case tuple():  # of months, days and nanoseconds
            return _interval(value)
        case datetime():
            return str(_in_microseconds(value))
    return str(value)


def _item(value: Any, kind: Any) -> str:
    if value is None:
        return "NULL"
    text = _text(value, kind)
    if _is_list(kind) or isinstance(value, bool | int | float | Decimal):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _refuse_shape(value: list[Any], kind: Any) -> None:
    """Raise for lists that are not an array: inner lists need the same length, and none may be empty or NULL."""
    if not _is_list(kind.value_type):
        return
    if any(item is None for item in value):
        raise _Unstorable("NULL instead of a list inside a list, which Postgres arrays cannot store")
    lengths = {len(item) for item in value}
    if len(lengths) > 1 or 0 in lengths:
        raise _Unstorable("lists of different lengths, or empty, inside a list, which Postgres arrays cannot store")


def _interval(value: timedelta | tuple[int, int, int]) -> str:
    if isinstance(value, timedelta):
        whole = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
        return f"{_in_microseconds(value) and whole} microseconds"
    months, days, nanoseconds = value
    if nanoseconds % 1000:
        raise _Unstorable(_TOO_FINE)
    return f"{months} months {days} days {nanoseconds // 1000} microseconds"


def _in_microseconds(value: Any) -> Any:
    """Return a time of Python. Raises _Unstorable for a time of pandas with nanoseconds."""
    if getattr(value, "nanosecond", 0) or getattr(value, "nanoseconds", 0):
        raise _Unstorable(_TOO_FINE)
    return value


def _json(value: Any, kind: Any) -> str:
    """Render a value as JSON: numbers keep their digits, and values without a type in JSON are text."""
    import pyarrow as pa

    match value:
        case None:
            return "null"
        case list() if pa.types.is_map(kind):
            pairs = [(_key(key, kind.key_type), _json(item, kind.item_type)) for key, item in value]
            _refuse_repeated([key for key, _ in pairs])
            return "{" + ",".join(f"{key}:{item}" for key, item in pairs) + "}"
        case list():
            return "[" + ",".join(_json(item, kind.value_type) for item in value) + "]"
        case dict():
            pairs = [(json.dumps(name), _json(item, kind.field(name).type)) for name, item in value.items()]
            return "{" + ",".join(f"{key}:{item}" for key, item in pairs) + "}"
        case bool() | int() | str():
            return json.dumps(value)
        case float() | Decimal():
            if not math.isfinite(value):
                raise _Unstorable(f"{value} inside a struct or map, but JSON has no such number")
            return repr(value) if isinstance(value, float) else f"{value:f}"
        case datetime() | date() | time_of_day():
            return json.dumps(_in_microseconds(value).isoformat())
    return json.dumps(_text(value, kind))


def _refuse_repeated(keys: list[str]) -> None:
    """Raise _Unstorable for a map that has a key twice: `jsonb` would keep only its last value."""
    if len(set(keys)) < len(keys):
        repeated = next(key for index, key in enumerate(keys) if key in keys[:index])
        raise _Unstorable(f"the key {repeated} twice in one map, but jsonb stores one value for each key")


def _key(value: Any, kind: Any) -> str:
    return json.dumps(value if isinstance(value, str) else _json(value, kind).strip('"'))

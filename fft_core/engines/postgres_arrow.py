"""Rows of Postgres as Arrow tables and back, by COPY in CSV: compiled code at both ends, and exact texts."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from fft_core.errors import EngineError
from fft_core.names import quoted

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

_NUMERIC, _BYTEA, _HEADER = 1700, 17, 4  # type numbers of Postgres never change; a modifier counts its own header


def read(cursor: psycopg.Cursor[Any], sql: str) -> pa.Table:
    """Run a query; give its rows with the types of Postgres.

    Numbers without a declared precision become decimals of 38 digits, 18 behind the point, or as many as they need.
    What Arrow has no type for (JSON, UUID, interval, ranges, composites, enums) is text.

    Raises:
        EngineError: a value is beyond Arrow's types, such as the date infinity.
    """
    import pyarrow as pa
    import pyarrow.csv

    cursor.execute(f"select * from ({sql}\n) as described limit 0".encode())
    result = cursor.pgresult
    assert result is not None  # a statement was executed
    names = [(result.fname(i) or b"").decode() for i in range(result.nfields)]
    kinds = [(result.ftype(i), result.fmod(i)) for i in range(result.nfields)]
    if not names:
        raise EngineError("the query has no columns", hint="Name at least one column.")
    with cursor.copy(f"copy ({sql}\n) to stdout (format csv)".encode()) as copy:
        content = b"".join(copy)
    texts = [f"c{i}" for i in range(len(names))]
    types = [_arrow_type(oid, modifier) for oid, modifier in kinds]
    if not content:
        return pa.Table.from_arrays([pa.array([], _final_type(*kind)) for kind in kinds], names=names)
    try:
        table = pa.csv.read_csv(
            io.BytesIO(content),
            read_options=pa.csv.ReadOptions(column_names=texts),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict(zip(texts, types, strict=True)),
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        columns = [_converted(cursor, table.column(i), *kinds[i]) for i in range(len(names))]
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise EngineError(
            f"a value has no place in an Arrow table: {error}", hint="Cast its column, for example to text."
        ) from error
    return pa.Table.from_arrays(columns, names=names)


def _arrow_type(oid: int, modifier: int) -> pa.DataType:
    """The type that a column's text is read as."""
    import pyarrow as pa

    if oid == _NUMERIC and modifier >= 0:
        precision, scale = _precision_scale(modifier)
        if 0 <= scale <= precision <= 38:
            return pa.decimal128(precision, scale)
    types: dict[int, pa.DataType] = {
        16: pa.bool_(),
        20: pa.int64(),
        21: pa.int16(),
        23: pa.int32(),
        26: pa.int64(),
        700: pa.float32(),
        701: pa.float64(),
        1082: pa.date32(),
        1083: pa.time64("us"),
        1114: pa.timestamp("us"),
        1184: pa.timestamp("us", "UTC"),
    }
    return types.get(oid, pa.string())


# arrays: the type of their elements
_ELEMENTS = {1000: 16, 1005: 21, 1007: 23, 1016: 20, 1021: 700, 1022: 701, 1009: 25, 1015: 1043, 1182: 1082, 1115: 1114}
_ELEMENTS |= {1185: 1184, 1183: 1083, 1231: _NUMERIC, 1001: _BYTEA, 1014: 1042, 1002: 18, 1003: 19}


def _final_type(oid: int, modifier: int) -> pa.DataType:
    import pyarrow as pa

    if oid in _ELEMENTS:
        return pa.list_(_final_type(_ELEMENTS[oid], modifier))
    if oid == _BYTEA:
        return pa.binary()
    if oid == _NUMERIC and _arrow_type(oid, modifier) == pa.string():
        return pa.decimal128(38, 18)
    return _arrow_type(oid, modifier)


def _converted(
    cursor: psycopg.Cursor[Any], column: pa.ChunkedArray[Any], oid: int, modifier: int
) -> pa.ChunkedArray[Any]:
    import pyarrow as pa

    final = _final_type(oid, modifier)
    if oid in _ELEMENTS:
        return pa.chunked_array([_lists(cursor, column, oid, final)])
    if oid == _BYTEA:
        values = [None if text is None else bytes.fromhex(text[2:]) for text in column.to_pylist()]
        return pa.chunked_array([pa.array(values, final)])
    return _decimals(column) if final != column.type else column


def _lists(cursor: psycopg.Cursor[Any], column: pa.ChunkedArray[Any], oid: int, final: pa.DataType) -> pa.Array[Any]:
    """Parse arrays; those of more than one dimension are lists of lists."""
    import pyarrow as pa
    from psycopg.adapt import Transformer
    from psycopg.pq import Format

    loader = Transformer(cursor).get_loader(oid, Format.TEXT)
    values = [None if text is None else loader.load(text.encode()) for text in column.to_pylist()]
    depth = max((_depth(value) for value in values), default=1)
    for _ in range(depth - 1):
        final = pa.list_(final)
    return pa.array(values, final)


def _depth(value: Any) -> int:
    return 1 + max((_depth(item) for item in value), default=0) if isinstance(value, list) else 0


def _decimals(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """Read numbers of any precision exactly."""
    import pyarrow as pa

    try:
        return column.cast(pa.decimal128(38, 18))
    except pa.ArrowInvalid:
        values = [None if text is None else Decimal(text) for text in column.to_pylist()]
    strange = [value for value in values if value is not None and not value.is_finite()]
    if strange:
        raise EngineError(f"a numeric column holds {strange[0]}", hint="Cast it to double precision.")
    scale = max([-int(value.as_tuple().exponent) for value in values if value is not None] + [0])
    return pa.chunked_array([pa.array(values, pa.decimal256(76, scale))])


def _precision_scale(modifier: int) -> tuple[int, int]:
    scale = (modifier - _HEADER) & 0x7FF
    return ((modifier - _HEADER) >> 16) & 0xFFFF, scale if scale < 1024 else scale - 2048


def definition(schema: pa.Schema) -> str:
    """Spell the columns of a table for frames of this schema."""
    return ", ".join(f"{quoted(field.name, 'postgres')} {_sql_type(field.type)}" for field in schema)


def _sql_type(kind: Any) -> str:
    import pyarrow as pa

    types: Any = pa.types
    if types.is_dictionary(kind):
        return _sql_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return {"arrow.uuid": "uuid", "arrow.json": "json"}.get(kind.extension_name) or _sql_type(kind.storage_type)
    if types.is_decimal(kind):
        return f"numeric({kind.precision}, {kind.scale})"
    if types.is_timestamp(kind):
        return "timestamptz" if kind.tz else "timestamp"
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return f"{_sql_type(kind.value_type).removesuffix('[]')}[]"
    if types.is_struct(kind) or types.is_map(kind):
        return "jsonb"
    if types.is_date(kind):
        return "date"
    if types.is_time(kind):
        return "time"
    if types.is_duration(kind):
        return "interval"
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return "bytea"
    return _SCALARS.get(str(kind), "text")


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
}
_AS_TEXT = ("jsonb", "json", "uuid", "bytea", "interval")


def write(cursor: psycopg.Cursor[Any], table: str, frame: pa.Table) -> None:
    """Copy the rows of a frame into a table."""
    import pyarrow as pa

    if not frame.num_rows:
        return
    columns = [_copied(column) for column in frame.columns]
    rows = pa.Table.from_arrays(columns, names=[f"c{i}" for i in range(len(columns))])
    with cursor.copy(f"copy {table} from stdin (format csv)".encode()) as copy:
        copy.write(csv_of(rows))


def csv_of(rows: pa.Table | pa.RecordBatch) -> memoryview:
    """Spell rows as Postgres reads them; what is NULL has no quotes."""
    import pyarrow as pa
    import pyarrow.csv

    buffer = io.BytesIO()
    pa.csv.write_csv(rows, buffer, pa.csv.WriteOptions(include_header=False))
    return buffer.getbuffer()


def _copied(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """Give a column in a form that writes as a text which Postgres reads."""
    import pyarrow as pa

    kind, types = column.type, pa.types
    if types.is_dictionary(kind):
        return _copied(column.cast(kind.value_type))
    if types.is_timestamp(kind):  # instants are written in UTC, the session's zone; nanoseconds do not fit
        return column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.timestamp("us"))
    if types.is_float16(kind):
        return column.cast(pa.float32())
    spelled = _sql_type(kind)
    if spelled in _AS_TEXT or spelled.endswith("[]"):
        values = [None if value is None else _value_text(value, spelled) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(values, pa.string())])
    return column


def _value_text(value: Any, spelled: str) -> str:
    if spelled.endswith("[]"):
        return _array_text(value)
    if spelled.startswith("json"):
        return value if isinstance(value, str) else json.dumps(value, default=_json_text)
    if isinstance(value, bytes):
        return rf"\x{value.hex()}"
    return (
        f"{value.total_seconds():.6f} seconds" if spelled == "interval" and not isinstance(value, str) else str(value)
    )


def _array_text(value: Any) -> str:
    """Spell an array literal; nested lists are further dimensions."""
    match value:
        case None:
            return "NULL"
        case list():
            return "{" + ",".join(_array_text(item) for item in value) + "}"
        case bool():
            return "t" if value else "f"
        case int() | float() | Decimal():
            return str(value)
        case bytes():
            text = rf"\x{value.hex()}"
        case dict() | Mapping():
            text = json.dumps(value, default=_json_text)
        case _:
            text = str(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _json_text(value: Any) -> Any:
    """What JSON has no type for; maps come as pairs."""
    if isinstance(value, datetime | date | time_of_day):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return str(value)

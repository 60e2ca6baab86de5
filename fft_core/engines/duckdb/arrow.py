"""DuckDB rows as Arrow tables and back: columns whose values would change are cast to a fitting type, or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fft_core.engines.duckdb.spelling import SPELLING
from fft_core.errors import EngineError
from fft_core.names import repeated_name

if TYPE_CHECKING:
    import pyarrow as pa

# Without a cast, Arrow gets the bytes of a bit, a time without its zone, and -1 for the largest uhugeint.
_READ_AS = {
    "bit": "VARCHAR",
    "time with time zone": "VARCHAR",
    "hugeint": "DECIMAL(38, 0)",
    "uhugeint": "DECIMAL(38, 0)",
}


def casts(names: Sequence[str], types: Sequence[Any]) -> Mapping[str, str]:
    """Return the columns of a query that must be cast so that Arrow gets their exact values, each with its new type.

    Args:
        names: The columns.
        types: Their types, as DuckDB's library returns them.
    """
    wanted = {name: (str(kind), _read_as(kind)) for name, kind in zip(names, types, strict=True)}
    return {name: other for name, (own, other) in wanted.items() if other != own}


def cast_query(sql: str, wanted: Mapping[str, str]) -> str:
    """Render a query around another one that casts some of its columns."""
    columns = [(SPELLING.quoted(name), kind) for name, kind in wanted.items()]
    replaced = ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in columns)
    return f"select * replace ({replaced}) from (\n{sql}\n) as _ff_read"


def _read_as(kind: Any) -> str:
    """Return the type to which values are cast for Arrow; the type itself if no cast is needed."""
    match kind.id:
        case "list":
            ((_, item),) = kind.children
            return _changed(kind, f"{_read_as(item)}[]", item)
        case "array":
            (_, item), (_, size) = kind.children
            return _changed(kind, f"{_read_as(item)}[{size}]", item)
        case "map":
            (_, key), (_, value) = kind.children
            return _changed(kind, f"MAP({_read_as(key)}, {_read_as(value)})", key, value)
        case "struct":
            fields = ", ".join(f"{SPELLING.quoted(name)} {_read_as(part)}" for name, part in kind.children)
            return _changed(kind, f"STRUCT({fields})", *(part for _, part in kind.children))
    return _READ_AS.get(kind.id, str(kind))


def _changed(kind: Any, spelled: str, *parts: Any) -> str:
    return str(kind) if all(_read_as(part) == str(part) for part in parts) else spelled


def storable(frame: pa.Table) -> pa.Table:
    """Return a frame whose columns have types that DuckDB reads. Raises EngineError for values that it would cut."""
    import pyarrow as pa

    repeated = repeated_name(frame.column_names)
    if repeated:
        raise EngineError(
            f"the frame cannot be stored: its columns {repeated[0]!r} and {repeated[1]!r} are the same name to DuckDB",
            hint="Rename or drop one of them.",
            code="FFT-413",
        )
    columns = [_storable(field, column) for field, column in zip(frame.schema, frame.columns, strict=True)]
    fields = [field.with_type(column.type) for field, column in zip(frame.schema, columns, strict=True)]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _storable(field: pa.Field[Any], column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    import pyarrow as pa

    types: Any = pa.types
    kind = column.type
    if _read_from(kind) != kind and types.is_nested(kind):
        return _as(field, column, _read_from(kind), "values with more digits than DuckDB has")
    if types.is_decimal(kind) and _read_from(kind) != kind:
        return _as(field, column, _read_from(kind), "more than the 38 digits that DuckDB has")
    if types.is_duration(kind) and kind.unit == "ns":
        return _as(field, column, pa.duration("us"), "nanoseconds, but INTERVAL stores microseconds")
    if types.is_interval(kind) and any(value is not None and value[2] % 1000 for value in column.to_pylist()):
        raise unstorable(field, "nanoseconds, but INTERVAL stores microseconds")
    if types.is_timestamp(kind) and kind.unit in ("s", "ms"):
        _as(field, column, pa.timestamp("us", kind.tz), "times outside of DuckDB's range")
    return column


def _read_from(kind: Any) -> pa.DataType:
    """Return the Arrow type that DuckDB reads with the meaning of the given one; the type itself if it reads that."""
    import pyarrow as pa

    types: Any = pa.types
    if types.is_decimal256(kind) or (types.is_decimal(kind) and kind.scale < 0):
        return pa.decimal128(38, max(0, kind.scale))
    if types.is_duration(kind) and kind.unit == "ns":
        return pa.duration("us")
    if isinstance(kind, pa.ListType):
        return pa.list_(kind.value_field.with_type(_read_from(kind.value_type)))
    if isinstance(kind, pa.StructType):
        return pa.struct([part.with_type(_read_from(part.type)) for part in kind])
    plain: pa.DataType = kind
    return plain


def _as(field: pa.Field[Any], column: pa.ChunkedArray[Any], kind: pa.DataType, otherwise: str) -> pa.ChunkedArray[Any]:
    import pyarrow as pa

    try:
        changed = column.cast(kind)
        if pa.types.is_decimal(kind) and not changed.cast(column.type).equals(column):  # wrapped without an error
            raise unstorable(field, otherwise)
        return changed
    except pa.ArrowInvalid as error:
        raise unstorable(field, otherwise) from error


def unstorable(field: pa.Field[Any], what: str) -> EngineError:
    """Return the error for a column of a frame whose values the database would change."""
    return EngineError(
        f"the frame cannot be stored: column {field.name!r} ({field.type}) has {what}",
        hint="Round it or cast it in the model, for example to text.",
        code="FFT-413",
    )


def beyond_digits(columns: Sequence[str], said: str) -> EngineError:
    """Return the error for a whole number with more digits than Arrow's decimals have."""
    names = " or ".join(map(repr, columns))
    return EngineError(
        f"column {names} holds a number of more than 38 digits: {said.splitlines()[0]}",
        hint=f"Cast it in SQL: cast({columns[0]} as varchar)",
        code="FFT-414",
    )

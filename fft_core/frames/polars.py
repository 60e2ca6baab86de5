"""Polars frames: all Arrow types except intervals, unions, 24:00 and decimals of more than 38 digits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from fft_core.errors import MissingDriverError, ModelError
from fft_core.frames.columns import said, unreadable

if TYPE_CHECKING:
    import pyarrow as pa

_DAY = 24 * 60 * 60 * 10**9  # in nanoseconds


def is_frame(frame: Any) -> bool:
    """Return whether an object is a frame of Polars, without an import."""
    names = ("DataFrame", "LazyFrame")
    return any(kind.__module__.partition(".")[0] == "polars" and kind.__name__ in names for kind in type(frame).__mro__)


def from_arrow(table: pa.Table) -> Any:
    """Return an Arrow table as a Polars DataFrame. Raises ModelError if Polars lacks a column's type."""
    library = _polars()
    for field, column in zip(table.schema, table.columns, strict=True):
        if _is_lacking(field.type):  # some of them make its threads panic
            raise unreadable("Polars", field)
        if any(map(_has_hour_24, column.chunks)):
            raise unreadable("Polars", field, ValueError("24:00 would become NULL: its hours are 0 to 23"))
    try:
        return library.from_arrow(table)
    except Exception as error:
        for name in table.column_names:
            _try(library, table, name)
        raise ModelError(f"the rows cannot be read as Polars: {said(error)}", code="FFT-414") from error


def _try(library: Any, table: pa.Table, name: str) -> None:
    try:
        library.from_arrow(table.select([name]))
    except Exception as error:
        raise unreadable("Polars", table.schema.field(name), error) from error


def _is_lacking(kind: pa.DataType) -> bool:
    import pyarrow as pa

    types: Any = pa.types
    if types.is_interval(kind) or types.is_union(kind) or types.is_decimal256(kind):
        return True
    return any(_is_lacking(kind.field(index).type) for index in range(kind.num_fields))


def _has_hour_24(values: pa.Array[Any]) -> bool:
    """Return whether an array, or one inside of it, contains 24:00, the time of day that ends a day."""
    import pyarrow as pa
    import pyarrow.compute

    types: Any = pa.types
    kind, content = values.type, cast("Any", values)
    if types.is_time(kind):
        last = cast("Any", pyarrow.compute).max(values.cast(pa.time64("ns")).cast(pa.int64())).as_py()
        return last is not None and last >= _DAY
    if not _has_times(kind):
        return False
    if types.is_map(kind):
        return _has_hour_24(content.keys) or _has_hour_24(content.items)
    parts = content.flatten()  # the columns of a list are one array
    return any(map(_has_hour_24, parts)) if types.is_struct(kind) else _has_hour_24(parts)


def _has_times(kind: pa.DataType) -> bool:
    import pyarrow as pa

    types: Any = pa.types
    return bool(types.is_time(kind)) or any(_has_times(kind.field(index).type) for index in range(kind.num_fields))


def to_arrow(frame: Any) -> pa.Table:
    """Return a Polars frame as an Arrow table. Raises ModelError for columns of types that only Polars has."""
    frame = frame.lazy().collect()
    for column in frame.iter_columns():
        if "Object" in str(column.dtype):  # Arrow would get the addresses of the objects
            raise _unknown(column)
    try:
        table: pa.Table = frame.to_arrow()
    except Exception as error:
        for column in frame.iter_columns():
            _give(column)
        raise ModelError(f"the frame cannot be stored: {said(error)}", code="FFT-413") from error
    return table


def _give(column: Any) -> None:
    try:
        column.to_frame().to_arrow()
    except Exception as error:
        raise _unknown(column) from error


def _unknown(column: Any) -> ModelError:
    return ModelError(
        f"the frame cannot be stored: column {column.name!r} is {column.dtype}, which no database has",
        hint="Cast it to a type that databases have, for example to pl.String.",
        code="FFT-413",
    )


def _polars() -> Any:
    try:
        import polars
    except ModuleNotFoundError as error:
        hint = 'pip install "fft-dagster[polars]"'
        raise MissingDriverError(
            "a model takes Polars frames, but Polars is not installed", hint=hint, code="FFT-211"
        ) from error
    return polars

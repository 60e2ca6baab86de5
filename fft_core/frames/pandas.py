"""pandas frames: the dtype of a column follows from its type, and its values are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fft_core.errors import MissingDriverError, ModelError
from fft_core.frames.columns import said, unreadable
from fft_core.frames.python_values import mixed

if TYPE_CHECKING:
    import pyarrow as pa


_FEW = 10**15
_HINT = "Every column needs values of one database type; cast mixed values to text."


def is_frame(frame: Any) -> bool:
    """Return whether an object is a DataFrame of pandas or of a library that extends it, without an import."""
    return any(
        kind.__module__.partition(".")[0] == "pandas" and kind.__name__ == "DataFrame" for kind in type(frame).__mro__
    )


def from_arrow(table: pa.Table) -> Any:
    """Return an Arrow table as a DataFrame. Raises ModelError for a column that pandas cannot hold."""
    pd = _pandas()
    columns = {}
    for field, column in zip(table.schema, table.columns, strict=True):
        try:
            columns[field.name] = _series(pd, field, column)
        except ModelError:
            raise
        except Exception as error:
            raise unreadable("pandas", field, error) from error
    return pd.DataFrame(columns, columns=table.column_names)


def _series(pd: Any, field: pa.Field[Any], column: pa.ChunkedArray[Any]) -> Any:
    import pyarrow as pa

    types: Any = pa.types
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType) or b"arrow.parquet.variant" in (field.metadata or {}).values():
        raise unreadable("pandas", field)
    if types.is_decimal(kind):
        return _numbers(pd, column)
    if types.is_date32(kind) or types.is_nested(kind) or kind == pa.time64("ns"):
        return column.to_pandas(types_mapper=lambda _: pd.ArrowDtype(kind))
    return _plain(pd, column)


def _plain(pd: Any, column: pa.ChunkedArray[Any]) -> Any:
    """Convert a column as pandas does, except that integers and booleans with NULLs keep their type."""
    import pyarrow as pa

    nullable = {
        pa.int8(): pd.Int8Dtype(),
        pa.int16(): pd.Int16Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.uint8(): pd.UInt8Dtype(),
        pa.uint16(): pd.UInt16Dtype(),
        pa.uint32(): pd.UInt32Dtype(),
        pa.uint64(): pd.UInt64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }
    if column.null_count and column.type in nullable:
        return column.to_pandas(types_mapper=nullable.get)
    return column.to_pandas()


def _numbers(pd: Any, column: pa.ChunkedArray[Any]) -> Any:
    """Return decimals as integers or doubles if they hold every value exactly, else as `decimal.Decimal`."""
    import pyarrow as pa

    if column.type.scale <= 0:
        try:
            return _plain(pd, column.cast(pa.int64()))
        except pa.ArrowInvalid:
            return column.to_pandas()
    quick = _of_few_digits(column)
    if quick is not None:
        return pd.Series(quick)
    # Arrow's cast of a decimal to a double is now and then wrong in the last digit; the cast of a text is exact
    doubles = column.cast(pa.string()).cast(pa.float64())
    if column.type.precision <= 15 or _are_exact(column, doubles):
        return doubles.to_pandas()
    return column.to_pandas()


def _of_few_digits(column: pa.ChunkedArray[Any]) -> Any:
    """Return decimals of up to 15 digits as an array of doubles, which are exact; None if some have more digits.

    Their digits and the power of ten are integers that a double holds exactly, so the division rounds only once.
    """
    import numpy as np
    import pyarrow as pa

    if not pa.types.is_decimal128(column.type) or column.type.scale > 22:
        return None
    parts = [np.empty(0)]
    for chunk in column.chunks:
        content: Any = chunk.buffers()[1]
        halves = np.frombuffer(content, "<i8").reshape(-1, 2)[chunk.offset : chunk.offset + len(chunk)]
        is_null = chunk.is_null().to_numpy(zero_copy_only=False)
        digits = np.where(is_null, 0, halves[:, 0])
        has_few = (digits > -_FEW) & (digits < _FEW) & (np.where(is_null, 0, halves[:, 1]) == digits >> 63)
        if not has_few.all():
            return None
        parts.append(np.where(is_null, np.nan, digits / 10.0**column.type.scale))
    return np.concatenate(parts)


def _are_exact(column: pa.ChunkedArray[Any], doubles: pa.ChunkedArray[Any]) -> bool:
    import pyarrow as pa

    try:
        return doubles.cast(pa.string()).cast(column.type).equals(column)
    except pa.ArrowInvalid:
        return False


def to_arrow(frame: Any) -> pa.Table:
    """Return a DataFrame as an Arrow table.

    Raises:
        ModelError: it has an index or names that would be lost, or a column has a type that no database has.
    """
    import pyarrow as pa

    if callable(getattr(frame, "to_wkb", None)):  # geopandas
        frame = frame.to_wkb()
    _refuse_index(frame.index)
    names = _names(frame)
    objects = [position for position, kind in enumerate(frame.dtypes) if kind.kind == "O" and kind.name == "object"]
    for position in objects:
        _refuse_mixed(names[position], frame.iloc[:, position])
    frame = frame.set_axis(names, axis=1)
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    except Exception as error:
        for name in names:
            _give(name, frame[name])
        raise ModelError(f"the frame cannot be stored: {said(error)}", hint=_HINT, code="FFT-413") from error
    return _with_wide_decimals(table, objects)


def _refuse_index(index: Any) -> None:
    """Raise ModelError if an index holds more than the numbers of the rows."""
    names = [name for name in index.names if name is not None]
    if not names and index.nlevels == 1 and index.inferred_type in ("integer", "empty"):
        return
    called = f"the index {', '.join(map(repr, names))}" if names else f"an index of {index.inferred_type} values"
    raise ModelError(
        f"the frame cannot be stored: it has {called}, which is not a column",
        hint="reset_index() makes it a column; reset_index(drop=True) leaves it out.",
        code="FFT-413",
    )


def _names(frame: Any) -> list[str]:
    """Return the names of columns; numbers, such as the years of a pivot, become text."""
    if frame.columns.nlevels > 1:
        raise ModelError(
            f"the frame cannot be stored: its columns have names of several levels, such as {frame.columns[0]!r}",
            hint="Use one string as each name: df.columns = ['_'.join(map(str, names)) for names in df.columns]",
            code="FFT-413",
        )
    wrong = [name for name in frame.columns if not _is_name(name)]
    if wrong:
        raise ModelError(
            f"the frame cannot be stored: a column is called {wrong[0]!r}, which is not a string",
            hint="Use strings as names: df.columns = df.columns.map(str)",
            code="FFT-413",
        )
    names = [str(name) for name in frame.columns]
    twice = next((name for position, name in enumerate(names) if name in names[:position]), None)
    if twice is not None:
        raise ModelError(
            f"the frame cannot be stored: it has the column {twice!r} twice",
            hint="Rename or drop one of them.",
            code="FFT-413",
        )
    return names


def _is_name(name: object) -> bool:
    import numbers

    return isinstance(name, str) or (isinstance(name, numbers.Integral) and not isinstance(name, bool))


def _refuse_mixed(name: str, column: Any) -> None:
    wrong = mixed(column.dropna())
    if wrong:
        raise ModelError(f"the frame cannot be stored: column {name!r}: {wrong}", hint=_HINT, code="FFT-413")


def _give(name: str, column: Any) -> None:
    import pyarrow as pa

    try:
        pa.Array.from_pandas(column)
    except Exception as error:
        raise ModelError(
            f"the frame cannot be stored: column {name!r} ({column.dtype}): {said(error)}", hint=_HINT, code="FFT-413"
        ) from error


def _with_wide_decimals(table: pa.Table, positions: list[int]) -> pa.Table:
    """Return a table in which decimals from objects have full precision, which no value of a run decides."""
    import pyarrow as pa

    for position in positions:
        field, column = table.schema.field(position), table.column(position)
        if pa.types.is_decimal128(field.type):
            wide = field.with_type(pa.decimal128(38, field.type.scale))
            table = table.set_column(position, wide, column.cast(wide.type))
    return table


def _pandas() -> Any:
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise MissingDriverError(
            "a model takes pandas frames, but pandas is not installed", hint="pip install pandas", code="FFT-211"
        ) from error
    return pandas

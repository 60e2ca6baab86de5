"""Conversion of frames of any library from and to Arrow tables: a value is kept, or there is an error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fft_core.errors import ModelError
from fft_core.frames.columns import said
from fft_core.frames.kinds import READERS, WRITERS

if TYPE_CHECKING:
    import pyarrow as pa


def from_arrow(table: pa.Table, frame_type: str) -> Any:
    """Return an Arrow table as a frame of a library.

    Polars and pyarrow keep every type. In pandas, integers and booleans with NULLs get pandas' nullable types, dates,
    lists, structs and maps are Arrow-backed, and decimals become floating point if their values stay exact.

    Args:
        table: The rows.
        frame_type: The name of a kind of frame: pandas, polars, polars_lazy, arrow or narwhals.

    Raises:
        ModelError: a column, which is named, has values that this library cannot hold; or the kind does not exist.

    >>> import pyarrow
    >>> from fft_core import from_arrow
    >>> from_arrow(pyarrow.table({"id": [1, None]}), "pandas").dtypes["id"]
    Int64Dtype()
    """
    if frame_type not in READERS:
        raise ModelError(f"{frame_type!r} is not a kind of frame", hint=f"Kinds: {', '.join(READERS)}.", code="FFT-410")
    return READERS[frame_type](table)


def to_arrow(frame: Any) -> pa.Table:  # Any: duck-typed, so that only libraries are imported that the model uses
    """Return a frame as an Arrow table: one of pandas, of Polars, or of any library with Arrow's C stream.

    Raises:
        ModelError: it is not a frame, its columns have no distinct names, or it has values that no table can hold.

    >>> import pandas
    >>> from fft_core import to_arrow
    >>> to_arrow(pandas.DataFrame({"id": [1, 2]})).schema.names
    ['id']
    """
    try:
        table = _arrow_table(frame)
        _refuse_names(table.column_names)
        return _storable(table)
    except ModelError:
        raise
    except Exception as error:  # a library's own error, for a frame that it cannot export
        raise ModelError(f"the frame cannot be stored: {said(error)}", code="FFT-413") from error


def _arrow_table(frame: Any) -> pa.Table:
    import pyarrow as pa

    if isinstance(frame, pa.Table):
        return frame
    if callable(getattr(frame, "to_native", None)):  # narwhals: the frame inside has more, such as an index
        return _arrow_table(frame.to_native())
    write = next((write for is_frame, write in WRITERS if is_frame(frame)), None)
    if write is not None:
        return write(frame)
    if not hasattr(frame, "__arrow_c_stream__") or type(frame).__name__ in ("Series", "ChunkedArray"):
        raise ModelError(
            f"a model must return a frame, not {type(frame).__name__}",
            hint="Return a pandas or Polars DataFrame, a pyarrow Table, or any frame that Arrow can read.",
        )
    return pa.RecordBatchReader.from_stream(frame).read_all()


def _refuse_names(names: list[str]) -> None:
    if not names:
        raise ModelError(
            "the frame has no columns", hint="Name the columns, even if the frame is empty.", code="FFT-413"
        )
    if not all(names):
        raise ModelError(
            "the frame cannot be stored: a column has an empty name", hint="Name every column.", code="FFT-413"
        )
    twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if twice is not None:
        raise ModelError(
            f"the frame cannot be stored: it has the column {twice!r} twice",
            hint="Rename or drop one of them.",
            code="FFT-413",
        )


def _storable(table: pa.Table) -> pa.Table:
    """Convert types that some databases lack: Arrow's view types and 16-bit floats become plain ones, NULL text."""
    import pyarrow as pa

    columns, fields = [], []
    for column, field in zip(table.columns, table.schema, strict=True):
        for kind in _parts(field.type):
            if isinstance(kind, pa.BaseExtensionType) and kind.extension_name.startswith("pandas."):
                raise ModelError(
                    f"the frame cannot be stored: column {field.name!r} holds values of"
                    f" {kind.extension_name.replace('.', ' ')}, which no database has",
                    hint="Store its bounds, or its text, in separate columns.",
                    code="FFT-413",
                )
        plain = _plain(field.type)
        if pa.types.is_time64(plain) and plain.unit == "ns" and _is_whole_microseconds(column):
            plain = pa.time64("us")  # Polars reads any time of day as this type
        columns.append(column if plain == field.type else column.cast(plain))
        fields.append(field.with_type(plain))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _parts(kind: pa.DataType) -> Iterator[pa.DataType]:
    """Yield a type, and all types inside of it."""
    import pyarrow as pa

    yield kind
    if pa.types.is_dictionary(kind):
        yield from _parts(kind.value_type)
    elif not isinstance(kind, pa.BaseExtensionType):
        for index in range(kind.num_fields):
            yield from _parts(kind.field(index).type)


def _plain(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    plain: dict[pa.DataType, pa.DataType] = {
        pa.null(): pa.string(),
        pa.string_view(): pa.string(),
        pa.large_string(): pa.string(),
        pa.binary_view(): pa.binary(),
        pa.float16(): pa.float32(),
    }
    if kind in plain:
        return plain[kind]
    if isinstance(kind, pa.ListType):
        return pa.list_(kind.value_field.with_type(_plain(kind.value_type)))
    if isinstance(kind, pa.LargeListType):
        return pa.large_list(kind.value_field.with_type(_plain(kind.value_type)))
    if isinstance(kind, pa.StructType):
        return pa.struct([field.with_type(_plain(field.type)) for field in kind])
    return kind


def _is_whole_microseconds(column: pa.ChunkedArray[Any]) -> bool:
    import pyarrow as pa

    try:
        column.cast(pa.time64("us"))
    except pa.ArrowInvalid:
        return False
    return True

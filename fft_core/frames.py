"""Arrow is what engines speak; pandas, Polars and pyarrow are what Python models get and give."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fft_core.errors import MissingDriverError, ModelError

if TYPE_CHECKING:
    import pyarrow as pa

FrameType: TypeAlias = Literal["pandas", "polars", "polars_lazy", "arrow"]


def frame_type_of(annotation: object) -> FrameType:
    """Read the type of frame from an annotation; pandas where it says nothing.

    A mapping of frames, an optional frame, and an annotation that is text count as the frame that they name.
    """
    text = annotation if isinstance(annotation, str) else _spelled(annotation)
    if "LazyFrame" in text:
        return "polars_lazy"
    if "polars" in text or "pl.DataFrame" in text:
        return "polars"
    return "arrow" if "pyarrow" in text or "pa.Table" in text else "pandas"


def _spelled(annotation: object) -> str:
    inner = " ".join(_spelled(part) for part in typing.get_args(annotation))
    return f"{getattr(annotation, '__module__', '')}.{getattr(annotation, '__name__', '')} {inner}"


def frame_type_of_parameter(function: Callable[..., Any], index: int) -> FrameType:
    """Read the annotation of a function's parameter; those beyond the last count as the last."""
    parameters = list(_signature(function).parameters.values())
    if not parameters:
        return "pandas"
    return frame_type_of(parameters[min(index, len(parameters) - 1)].annotation)


def frame_type_of_named(function: Callable[..., Any], name: str) -> FrameType:
    """Read the annotation of a function's parameter of that name."""
    return frame_type_of(_signature(function).parameters[name].annotation)


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function, eval_str=True)
    except Exception:  # noqa: BLE001 - the user's text: a name may be imported for type checkers only
        return inspect.signature(function)


def from_arrow(table: pa.Table, frame_type: FrameType) -> Any:
    """Give an Arrow table as a frame of that type.

    In pandas, integers and booleans with NULLs get pandas' nullable types, dates stay dates (Arrow-backed) and decimals
    become floating point; all else is pandas' own choice. Polars and pyarrow keep every type.
    """
    match frame_type:
        case "arrow":
            return table
        case "polars":
            return _polars().from_arrow(table)
        case "polars_lazy":
            return _polars().from_arrow(table).lazy()
        case "pandas":
            return _to_pandas(table)


def to_arrow(frame: Any) -> pa.Table:  # Any: duck-typed, so that no library is imported that the model does not use
    """Give a frame of any supported type as an Arrow table. Raises ModelError for anything else."""
    table = _arrow_table(frame)
    if not table.column_names:
        raise ModelError("the frame has no columns", hint="Name the columns, also where there are no rows.")
    return _storable(table)


def _arrow_table(frame: Any) -> pa.Table:
    import pyarrow as pa

    table: pa.Table
    kind = f"{type(frame).__module__.partition('.')[0]}.{type(frame).__name__}"
    match kind:
        case "pyarrow.Table":
            table = frame
            return table
        case "pyarrow.RecordBatchReader":
            return pa.Table.from_batches(frame, frame.schema)
        case "polars.DataFrame" | "polars.LazyFrame":
            table = frame.lazy().collect().to_arrow()
            return table
        case "pandas.DataFrame":
            try:
                return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                text = "; ".join(str(argument) for argument in error.args)
                raise ModelError(
                    f"the frame cannot be stored: {text}",
                    hint="Give every column one type; cast mixed columns to text.",
                ) from error
    raise ModelError(
        f"a model must return a frame, not {type(frame).__name__}",
        hint="Return a pandas or Polars DataFrame, or a pyarrow Table.",
    )


def _to_pandas(table: pa.Table) -> Any:
    import pyarrow as pa

    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        raise MissingDriverError(
            "a model takes pandas frames, and pandas is not installed", hint="pip install pandas"
        ) from error
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
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        if pa.types.is_date32(column.type):
            columns[name] = column.to_pandas(types_mapper=lambda _: pd.ArrowDtype(pa.date32()))
        elif column.null_count and column.type in nullable:
            columns[name] = column.to_pandas(types_mapper=nullable.get)
        else:
            columns[name] = column.to_pandas()
    return pd.DataFrame(columns, columns=table.column_names)


def _storable(table: pa.Table) -> pa.Table:
    """Give the types that every database has: Polars' views and nanoseconds become plain, only NULL becomes text."""
    import pyarrow as pa

    plain: dict[pa.DataType, pa.DataType] = {
        pa.null(): pa.string(),
        pa.string_view(): pa.string(),
        pa.large_string(): pa.string(),
        pa.time64("ns"): pa.time64("us"),
    }
    fields = [field.with_type(plain.get(field.type, field.type)) for field in table.schema]
    return table.cast(pa.schema(fields), safe=False)


def _polars() -> Any:
    try:
        import polars
    except ModuleNotFoundError as error:
        hint = 'pip install "fft-dagster[polars]"'
        raise MissingDriverError("a model takes Polars frames, and Polars is not installed", hint=hint) from error
    return polars

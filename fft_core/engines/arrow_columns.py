"""Arrow columns in the types of a database, for engines that exchange rows with it as Arrow or Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from fft_core.errors import EngineError

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_type_of(name: str | None) -> Any:  # Any: an Arrow type, or None
    """Return the Arrow type with a name, as Arrow prints it; None without a name.

    >>> str(arrow_type_of("timestamp[us, tz=UTC]")), arrow_type_of(None)
    ('timestamp[us, tz=UTC]', None)
    """
    import pyarrow as pa

    # Arrow has no alias for these
    known = {"timestamp[us, tz=UTC]": pa.timestamp("us", "UTC"), "date32[day]": pa.date32(), "double": pa.float64()}
    aliases: Any = pa.type_for_alias
    return None if name is None else known.get(name) or aliases(name)


def for_arrow(value: object, kind: Any) -> object:  # Any: an Arrow type
    """Return a value that Arrow accepts for a type: it converts no int and no float into a decimal."""
    return Decimal(str(value)) if isinstance(value, int | float) and str(kind).startswith("decimal") else value


def storable(frame: pa.Table, kinds: Sequence[Any]) -> pa.Table:
    """Return a frame with its columns in other Arrow types; None keeps a type.

    Raises:
        EngineError: a value does not fit the type of its column.
    """
    import pyarrow as pa

    arrays = []
    for field, values, kind in zip(frame.schema, frame.columns, kinds, strict=True):
        try:
            arrays.append(values if kind is None else values.cast(kind))
        except (pa.ArrowException, ValueError) as error:
            raise EngineError(
                f"the frame cannot be stored: column {field.name!r} ({field.type}) has values that the database cannot "
                f"hold: {error}",
                hint="Round it or cast it in the model, for example to text.",
                code="FFT-413",
            ) from error
    return pa.Table.from_arrays(arrays, names=frame.column_names)

"""The types of columns in Arrow: casts that change no value, and the wider types that a column can get."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from fft_core.errors import StreamError

TimeUnit: TypeAlias = Literal["s", "ms", "us"]
_PER_SECOND: Mapping[TimeUnit, int] = {"s": 1, "ms": 1_000, "us": 1_000_000}
UNITS = tuple(_PER_SECOND)
EXACT_IN_DOUBLE = 2**53  # a double has all whole numbers up to this one
_EPOCH = datetime(1970, 1, 1)
_MOST_DIGITS = 38
_DIGITS = {8: 3, 16: 5, 32: 10, 64: 19}


_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def earlier(time: datetime, by: timedelta) -> datetime:
    """Return a time before another one; the first possible time if there is none so early."""
    return time - by if time - datetime.min > by else datetime.min


def later(time: datetime, by: timedelta) -> datetime:
    """Return a time after another one; the last possible time if there is none so late."""
    return time + by if datetime.max - time > by else datetime.max


def read_time(value: object, unit: TimeUnit | None = None) -> datetime | None:
    """Read a time: ISO 8601, as UTC if it has no zone; or a number, if its unit is known; None for anything else.

    A text of digits is a number, if the unit is known: the values of CSV are texts.
    """
    try:
        if isinstance(value, str) and unit is not None and _NUMBER.fullmatch(value.strip()):
            value = Decimal(value.strip())
        if isinstance(value, str):
            time = datetime.fromisoformat(value.strip())
            return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and unit is not None:
            return _EPOCH + timedelta(microseconds=round(value * (1_000_000 // _PER_SECOND[unit])))
    except (ValueError, OverflowError):
        return None
    return None


def exact(column: Any, kind: Any) -> Any | None:  # Any: arrays and types of Arrow
    """Cast a column; None if a value would not be the same."""
    import pyarrow as pa
    import pyarrow.types as is_

    given = column.type
    if given == kind:
        return column
    if is_.is_temporal(kind) and (_is_number(given) or is_.is_boolean(given)):
        return None
    try:
        if is_.is_decimal(kind) and is_.is_integer(given):  # Arrow refuses each integer that might be too long
            column = column.cast(pa.decimal128(min(_MOST_DIGITS, 20 + kind.scale), kind.scale))
        cast = column.cast(kind)
        return cast if not _may_change(column.type, kind) or cast.cast(column.type).equals(column) else None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return None


def _is_number(kind: Any) -> bool:
    import pyarrow.types as is_

    return bool(is_.is_integer(kind) or is_.is_floating(kind) or is_.is_decimal(kind))


def _may_change(given: Any, kind: Any) -> bool:
    """Return whether Arrow rounds values in a cast between these types, instead of refusing them."""
    import pyarrow.types as is_

    if is_.is_floating(given):
        return bool(is_.is_decimal(kind) or is_.is_boolean(kind) or is_.is_float32(kind))
    return bool(is_.is_boolean(kind) and is_.is_integer(given)) or bool(is_.is_decimal(given) and is_.is_floating(kind))


def cast(column: Any, kind: Any, name: str, errors: list[str | None], more: str = "") -> Any:
    """Cast a column; values that the type cannot hold become errors of their records, and NULL.

    Args:
        column: The column.
        kind: The type.
        name: The name of the column, for messages.
        errors: The errors of the records so far.
        more: A text for the end of these messages.
    """
    import pyarrow as pa

    whole = exact(column, kind)
    if whole is not None:
        return whole
    values = []
    for place, value in enumerate(column.to_pylist()):
        found = None if value is None else _one(value, column.type, kind)
        if found is None and value is not None:
            errors[place] = errors[place] or f"its {name!r} is not of type {kind}: {str(value)[:80]!r}{more}"
        values.append(found)
    try:
        return pa.chunked_array([pa.array(values, kind)])
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise StreamError(f"the column {name!r} cannot be kept as {kind}: {error}", code="FFT-806") from error


def _one(value: object, given: Any, kind: Any) -> object:
    import pyarrow as pa

    found = exact(pa.chunked_array([pa.array([value], given)]), kind)
    if found is not None:
        return found[0].as_py()
    time = read_time(value) if pa.types.is_timestamp(kind) and isinstance(value, str) else None
    return time.replace(tzinfo=UTC) if time is not None and kind.tz else time


def wider(have: Any, given: Any) -> Any | None:
    """Return the smallest type that holds all numbers of two types; None if there is none, or if they are not numbers.

    >>> import pyarrow as pa
    >>> str(wider(pa.int32(), pa.int64())), str(wider(pa.int64(), pa.float64())), wider(pa.int64(), pa.string())
    ('int64', 'double', None)
    """
    import pyarrow as pa
    import pyarrow.types as is_

    if not (_is_number(have) and _is_number(given)):
        return None
    if is_.is_integer(have) and is_.is_integer(given):
        bits = [kind.bit_width * (2 if is_.is_unsigned_integer(kind) else 1) for kind in (have, given)]
        return {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}.get(max(bits))
    if is_.is_decimal(have) and is_.is_floating(given):
        return None
    if is_.is_floating(have) or is_.is_floating(given):
        return None if is_.is_decimal(given) else pa.float64()
    whole = max(_digits(kind) - _scale(kind) for kind in (have, given))
    scale = max(map(_scale, (have, given)))
    return pa.decimal128(whole + scale, scale) if whole + scale <= _MOST_DIGITS else None


def _digits(kind: Any) -> int:
    import pyarrow.types as is_

    return int(kind.precision) if is_.is_decimal(kind) else _DIGITS.get(kind.bit_width, _MOST_DIGITS) + 1


def _scale(kind: Any) -> int:
    import pyarrow.types as is_

    return int(kind.scale) if is_.is_decimal(kind) else 0


def longest_text(type: str) -> int | None:
    """Return the greatest number of characters of a type of text; None if it has no limit, or is not text.

    >>> longest_text("character varying(5)"), longest_text("text")
    (5, None)
    """
    form = r"\s*(?:varchar|character varying|char|character|bpchar|nvarchar)\s*\(\s*(\d+)\s*\)\s*"
    found = re.fullmatch(form, type, re.IGNORECASE)
    return int(found[1]) if found else None

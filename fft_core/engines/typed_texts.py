"""Texts of a declared type as Python values, for engines that take values instead of texts to cast."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

from fft_core.engines.declared_types import word_of

_TIME = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(?: ?([+-])(\d\d)(?::?(\d\d))?)?)?"
)


def reader_of(declared: str) -> Callable[[str], object]:
    """Return the function that converts texts of a declared type, see `declared_types`; texts of other types stay text.

    It raises ValueError for values that a database can hold and Python cannot, such as an infinite date.

    >>> reader_of("date")("2024-1-31"), reader_of("boolean")("TRUE"), reader_of("uuid")("a-b")
    (datetime.date(2024, 1, 31), True, 'a-b')
    """
    return _READERS.get(word_of(declared) or "", str)


def _boolean(text: str) -> bool:
    return text.lower() == "true"


def _date(text: str) -> date:
    return _timestamp(text).date()


def _timestamp(text: str) -> datetime:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} cannot be written as a number")
    *parts, fraction, sign, hours, minutes = found.groups()
    numbers = [int(part or 0) for part in parts]
    year, month, day, hour, minute, second = numbers
    time = datetime(year, month, day, hour, minute, second, int((fraction or "").ljust(6, "0")))
    if sign is None:
        return time
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return time.replace(tzinfo=timezone(offset if sign == "+" else -offset))


def _point_in_time(text: str) -> datetime:
    time = _timestamp(text)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


_READERS: Mapping[str, Callable[[str], object]] = {
    "integer": int,
    "decimal": Decimal,
    "double": float,
    "real": float,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "timestamptz": _point_in_time,
}

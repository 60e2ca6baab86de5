"""Python values in columns of objects: Arrow would convert some mixtures to one type, and lose a part of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import chain
from typing import Any

_MIXTURES = ((date, datetime), (str, bytes))


def mixed(values: Iterable[Any]) -> str | None:
    """Return a message about values that have no common type, or that Arrow would truncate; None if all is well.

    >>> mixed([1, 2]), mixed(["a", b"b"])
    (None, 'it holds str and bytes')
    """
    values = list(values)
    kinds = set(map(type, values))
    for one, other in _MIXTURES:
        exact = {_base(kind) for kind in kinds}
        if one in exact and other in exact:
            return f"it holds {one.__name__} and {other.__name__}"
    if kinds & {set, frozenset}:
        return "it holds sets, which have no order"
    if any(issubclass(kind, datetime | time) for kind in kinds):
        wrong = _mixed_zones(values)
        if wrong:
            return wrong
    if any(issubclass(kind, datetime | timedelta) for kind in kinds) and any(map(_has_nanoseconds, values)):
        return "it holds nanoseconds among objects; convert it with pd.to_datetime or pd.to_timedelta"
    return _mixed_inside(values, kinds)


def _base(kind: type) -> type:
    return next((base for base in (datetime, date, str, bytes) if issubclass(kind, base)), kind)


def _mixed_zones(values: list[Any]) -> str | None:
    if any(isinstance(value, time) and value.tzinfo is not None for value in values):
        return "it holds times of day with a zone"
    zoned = {value.tzinfo is not None for value in values if isinstance(value, datetime)}
    return "it holds timestamps with and without a time zone" if len(zoned) > 1 else None


def _has_nanoseconds(value: Any) -> bool:
    return bool(getattr(value, "nanosecond", 0) or getattr(value, "nanoseconds", 0))  # Timestamp, Timedelta


def _mixed_inside(values: list[Any], kinds: set[type]) -> str | None:
    """Return the same message for the values inside of lists and dicts."""
    if not any(issubclass(kind, list | tuple | dict) for kind in kinds):
        return None
    items = list(chain.from_iterable(value for value in values if isinstance(value, list | tuple)))
    fields: dict[Any, list[Any]] = {}
    for value in values:
        for key, item in value.items() if isinstance(value, dict) else ():
            fields.setdefault(key, []).append(item)
    return next((wrong for inner in _groups(items, fields) if (wrong := mixed(inner))), None)


def _groups(items: list[Any], fields: dict[Any, list[Any]]) -> Iterator[list[Any]]:
    for values in (items, *fields.values()):
        if values:
            yield [value for value in values if value is not None]

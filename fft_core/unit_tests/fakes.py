"""Stand-ins for personal values: they keep the type of a value, and which values are equal."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

_FIRST_DAY = date(2000, 1, 1)


class Fakes:
    """A replacement of values: each distinct value gets the next stand-in of its type, the same one everywhere.

    So joins still find their partners, and a stand-in does not reveal its value. Values without a simple form, such as
    lists and mappings, become NULL.

    >>> fakes = Fakes()
    >>> [fakes.of(value) for value in ("Ann@Home.at", "Ann", "Ann@Home.at", None, 47, True)]
    ['user1@example.com', 'text 2', 'user1@example.com', None, 1000003, False]
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, object], int] = {}

    def of(self, value: object) -> object:
        """Return the stand-in for a value; NULL stays NULL."""
        match value:
            case None:
                return None
            case bool():
                return False
            case str():
                return self._text(value)
            case int() | float() | Decimal():
                number = 1_000_000 + self._number("number", value)
                return number if isinstance(value, int) else type(value)(number)
            case datetime():
                moment = datetime(2000, 1, 1, tzinfo=UTC if value.tzinfo else None)
                return moment + timedelta(days=self._number("date", value))
            case date():
                return _FIRST_DAY + timedelta(days=self._number("date", value))
            case UUID():
                return UUID(int=self._number("uuid", value))
        return None

    def _text(self, value: str) -> str:
        number = self._number("text", value)
        if "@" in value:
            return f"user{number}@example.com"
        return str(1_000_000 + number) if value.isdecimal() else f"text {number}"

    def _number(self, kind: str, value: object) -> int:
        return self._numbers.setdefault((kind, value), len(self._numbers) + 1)

"""The types of SQLite, which are only hints, and the values that it stores: numbers, texts and bytes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from fft_core.engines.protocol import ColumnType, Row
from fft_core.engines.session import StandardTypes
from fft_core.engines.sql_frames import SqlFrames
from fft_core.names import Relation
from fft_sqlite.spelling import NO_TYPE, SPELLING

if TYPE_CHECKING:
    from fft_sqlite.session import SqliteSession

_WORDS = {"date": "DATE TEXT"}
_KINDS = {
    "BOOL": "BOOLEAN",
    "TIMESTAMPTZ|WITH TIME ZONE": "TIMESTAMPTZ TEXT",
    "TIMESTAMP|DATETIME": "TIMESTAMP TEXT",
    "INT|LONG|SHORT|SIGNED": "INTEGER",
    "REAL|FLOA|DOUB": "REAL",
    "DEC|NUMERIC": "NUMERIC",
    "BLOB": NO_TYPE,
}
_ARROW = {
    "boolean": "bool",
    "integer": "int64",
    "real": "double",
    "text": "string",
    "date text": "date32",
    "timestamp text": "timestamp[us]",
    "timestamptz text": "timestamp[us, tz=UTC]",
    "blob data": "binary",
}


class SqliteTypes(StandardTypes):
    """Types by their names, as SQLite reads them; all types except numbers and times are text."""

    def __init__(self) -> None:
        super().__init__(SPELLING, _WORDS)

    def holds_times(self, type: str) -> bool:
        return type in ("TEXT", NO_TYPE) or super().holds_times(type)  # SQLite has no other times

    def read_time(self, value: object) -> datetime:
        return datetime.fromisoformat(value) if isinstance(value, str) else super().read_time(value)

    def column_type(self, declared: str) -> str:
        found = (kind for pattern, kind in _KINDS.items() if re.search(pattern, declared.upper()))
        return self._words.get(declared.strip().lower()) or next(found, "TEXT")


class SqliteFrames(SqlFrames):
    """Frames by the driver's `executemany`."""

    def __init__(self, session: SqliteSession) -> None:
        super().__init__(session, _ARROW)
        self._sqlite = session

    def held(self, value: object, type: str) -> object:
        match value:
            case float() if math.isnan(value):
                raise ValueError("NaN")
            case int() if not -(2**63) <= value < 2**63:
                raise ValueError(f"{value}, which has more than 64 bits")
            case Decimal():
                return _number(value)
            case datetime():
                return (value.astimezone(UTC) if value.tzinfo else value).replace(tzinfo=None).isoformat(" ")
            case date():
                return value.isoformat()
        return value

    def insert(self, place: Relation, columns: Sequence[ColumnType], rows: Sequence[Row]) -> None:
        marks = ", ".join("?" for _ in columns)
        self._sqlite.execute_many(f"insert into {SPELLING.relation(place)} values ({marks})", rows)


def _number(value: Decimal) -> int | float:
    """Return a decimal as a number of SQLite. Raises ValueError for a decimal that would be rounded."""
    if value == value.to_integral_value() and abs(value) < 2**63:
        return int(value)
    if Decimal(repr(float(value))) != value:
        raise ValueError(f"{value}, which would be rounded")
    return float(value)

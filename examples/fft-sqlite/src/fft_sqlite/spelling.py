"""The SQL of SQLite, as far as it differs from that of the base."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from fft_core.engines.spec.spelling import Spelling, TypeWord
from fft_core.errors import EngineError
from fft_core.names import Relation

if TYPE_CHECKING:
    from fft_core.engines.protocol import ColumnType, RelationKind

NO_TYPE = "BLOB"  # a column without a type, which keeps every value as it is
_TIME = "TIMESTAMP TEXT"  # a type with TEXT in its name stores texts


class SqliteSpelling(Spelling):
    """Statements of SQLite. Times are texts in UTC, as `2026-01-03 12:30:00`; truth values are 1 and 0."""

    dialect: ClassVar[str] = "sqlite"
    types: ClassVar[Mapping[TypeWord, str]] = MappingProxyType(
        {
            "text": "TEXT",
            "integer": "INTEGER",
            "small integer": "INTEGER",
            "number": "REAL",
            "boolean": "BOOLEAN",
            "date": "DATE TEXT",
            "timestamp": _TIME,
            "zoned": _TIME,
        }
    )

    def kind(self, kind: RelationKind) -> str:
        return self.refuse("materialized views") if kind == "materialized_view" else kind

    def literal(self, value: object) -> str:
        if isinstance(value, float) and math.isinf(value):
            return "9e999" if value > 0 else "-9e999"
        if isinstance(value, float) and math.isnan(value):
            raise EngineError("SQLite has no NaN", hint="Give NULL instead.", code="FFT-606")
        return super().literal(value)

    def timestamp(self, value: datetime) -> str:
        return self.text(value.replace(tzinfo=None).isoformat(" "))

    def zoned(self, value: datetime) -> str:
        return self.timestamp(value.astimezone(UTC) if value.tzinfo else value)

    def in_utc(self, value: str) -> str:
        return value

    def at_utc(self, value: str) -> str:
        return value

    def finite(self, time: str) -> str:
        return time

    def earlier(self, time: str, interval: str) -> str:
        number, unit = interval.split()
        back = f"-{int(number) * 7} days" if unit.startswith("week") else f"-{interval}"
        return f"substr(datetime({time}, '{back}'), 1, length({time}))"  # for a date, only the date

    def cast_to(self, value: str, type: str) -> str:
        if not re.search("INT|TEXT|CHAR|REAL|FLOA|DOUB|DEC|NUM|BOOL", type.upper()):
            return value  # SQLite would convert it to a number or to bytes
        if type == self.types["boolean"]:
            return f"case lower({value}) when 'true' then 1 when 'false' then 0 else cast({value} as integer) end"
        return super().cast_to(value, type)

    def given(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        cells = ",\n    ".join(f"({', '.join(row)})" for row in rows)
        return f"(with _ff_g({', '.join(names)}) as (values\n    {cells}\n) select * from _ff_g) as _ff_v"

    def is_nan(self, value: str) -> str:
        return "false"  # NaN is stored as NULL

    def differs(self, one: str, other: str) -> str:
        return f"{one} is not {other}"

    def greatest(self, values: Sequence[str]) -> str:
        first, *rest = values
        known = [f"coalesce({value}, {first})" for value in rest]
        return f"max({', '.join([first, *known])})" if rest else first  # of one value, max() is an aggregate

    def joined(self, texts: Sequence[str]) -> str:
        if len(texts) < 2:
            return texts[0] if texts else "''"
        middle = len(texts) // 2  # in halves: a long chain of operators is too deep for SQLite
        return f"({self.joined(texts[:middle])} || '||' || {self.joined(texts[middle:])})"

    def change_type(self, relation: Relation, column: ColumnType) -> str:
        return self.refuse("change of a column's type")

    def comment_on(self, relation: Relation, kind: RelationKind, comment: str) -> str:
        return self.refuse("comments")

    def comment_on_column(self, relation: Relation, column: str, comment: str) -> str:
        return self.refuse("comments")

    def names_like(self, relation: Relation, prefix: str) -> str:
        is_named = f"substr(name, 1, {len(prefix)}) = {self.text(prefix)}"
        return f"select name from main.sqlite_schema where type in ('table', 'view') and {is_named}"


SPELLING = SqliteSpelling()

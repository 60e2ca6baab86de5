"""The SQL of Snowflake. The statements were compared with its documentation; none was run on the service."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from fft_core.engines.spec.layout import Layout
from fft_core.engines.spec.patterns import common_pattern
from fft_core.engines.spec.spelling import BackslashSpelling, ClockWord, TimePart, TypeWord
from fft_core.names import Relation

WIDEST = ("varchar", "number(38,0)")  # a column gets one of these types without a rewrite
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")

if TYPE_CHECKING:
    from fft_core.engines.protocol import ColumnType, RelationKind


def folded(name: str) -> str:
    """Return a name as Snowflake stores it: a plain name in upper case, as if it were written without quotes.

    >>> folded("orders"), folded("Order items")
    ('ORDERS', 'Order items')
    """
    return name.upper() if _PLAIN.fullmatch(name) else name


def shown(name: str) -> str:
    """Return a stored name as the project writes it: a plain name in lower case.

    >>> shown("ORDERS"), shown("Order items")
    ('orders', 'Order items')
    """
    return name.lower() if _PLAIN.fullmatch(name.lower()) and name == name.upper() else name


class SnowflakeValues(BackslashSpelling):
    """The renderer of names and values: a plain name is in upper case, as if it were written without quotes."""

    dialect: ClassVar[str] = "snowflake"
    server_version: ClassVar[str | None] = "select current_version()"
    types: ClassVar[Mapping[TypeWord, str]] = MappingProxyType(
        {
            "text": "varchar",
            "integer": "bigint",
            "small integer": "integer",
            "number": "double",
            "boolean": "boolean",
            "date": "date",
            "timestamp": "timestamp_ntz",
            "zoned": "timestamp_tz",
        }
    )

    clocks: ClassVar[Mapping[str, ClockWord]] = MappingProxyType(
        {
            "current_timestamp": "zoned",
            "localtimestamp": "zoned",
            "getdate": "zoned",
            "systimestamp": "zoned",
            "sysdate": "timestamp",
            "current_date": "date",
            "current_time": "time",
            "localtime": "time",
        }
    )

    def quoted(self, name: str) -> str:
        return super().quoted(folded(name))

    def timestamp(self, value: datetime) -> str:
        return self.cast(f"'{value:%Y-%m-%d %H:%M:%S.%f}'", "timestamp")

    def zoned(self, value: datetime) -> str:
        utc = value.astimezone(UTC) if value.tzinfo else value
        return self.cast(f"'{utc:%Y-%m-%d %H:%M:%S.%f} +00:00'", "zoned")

    def now(self) -> str:
        return "sysdate()"

    def in_utc(self, value: str) -> str:
        return self.cast(f"convert_timezone('UTC', {value})", "timestamp")

    def at_utc(self, value: str) -> str:
        return f"convert_timezone('UTC', 'UTC', {value})"

    def is_zoned(self, kind: str) -> bool:
        return kind.lower().startswith(("timestamp_tz", "timestamp_ltz"))

    def greatest(self, values: Sequence[str]) -> str:
        return f"greatest_ignore_nulls({', '.join(values)})"

    def is_nan(self, value: str) -> str:
        return f"{self.cast(value, 'number')} = 'NaN'::double"

    def matches(self, text: str, pattern: str) -> str:
        return f"regexp_instr({text}, {self.text(common_pattern(pattern))}, 1, 1, 0, 's') > 0"

    def safe_cast(self, value: str, kind: str) -> str:
        return f"try_cast(to_varchar({value}) as {kind})"  # TRY_CAST accepts only texts

    def date_add(self, time: str, part: TimePart, amount: int) -> str:
        return f"dateadd('{part}', {amount}, {time})"


class SnowflakeSpelling(SnowflakeValues):
    """The renderer of Snowflake's statements."""

    def names_like(self, relation: Relation, prefix: str) -> str:
        kept = replace(relation, schema=folded(relation.schema or ""))
        return super().names_like(kept, prefix.upper())

    def grant_reading(self, relation: Relation) -> str:
        return f"grant select on table {self.relation(relation)} to role public"

    def grants_on(self, relation: Relation) -> str:
        catalog = f"{self.quoted(relation.catalog)}." if relation.catalog else ""
        schema, name = (self.text(folded(part or "")) for part in (relation.schema, relation.name))
        named = f"table_schema = {schema} and table_name = {name}"
        return f"select grantee, privilege_type from {catalog}information_schema.table_privileges where {named}"

    def options(self, kind: RelationKind, stamp: str | None, layout: Layout) -> str:
        keys = ", ".join(one.text if one.is_expression else self.quoted(one.text) for one in layout.cluster_by)
        clustered = f" cluster by ({keys})" if keys else ""
        return clustered + ("" if stamp is None else f" copy grants comment = {self.text(stamp)}")

    def kind(self, kind: RelationKind) -> str:
        return self.refuse("materialized views for FFT") if kind == "materialized_view" else super().kind(kind)

    def change_type(self, relation: Relation, column: ColumnType) -> str:
        if column.type not in WIDEST:
            return self.refuse("change of a column's type that casts its values")
        name = self.quoted(column.name)
        return f"alter table {self.relation(relation)} alter column {name} set data type {column.type}"


SPELLING = SnowflakeSpelling()

"""The SQL of Postgres: that of the base, with some differences."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from fft_core.engines.spec.layout import NO_LAYOUT, Layout
from fft_core.engines.spec.patterns import common_pattern
from fft_core.engines.spec.spelling import ClockWord, Spelling, word
from fft_core.names import Relation

if TYPE_CHECKING:
    from fft_core.engines.protocol import RelationKind


class PostgresSpelling(Spelling):
    """Statements of Postgres."""

    dialect: ClassVar[str] = "postgres"
    server_version: ClassVar[str | None] = "show server_version"
    clocks: ClassVar[Mapping[str, ClockWord]] = MappingProxyType(
        {
            **Spelling.clocks,
            "now": "zoned",
            "transaction_timestamp": "zoned",
            "statement_timestamp": "zoned",
            "clock_timestamp": "zoned",
        }
    )
    other_clocks: ClassVar[Mapping[str, int | None]] = MappingProxyType({"age": 1, "timeofday": None})

    def is_nan(self, value: str) -> str:
        return f"{value} = cast('NaN' as numeric)"  # numeric can hold every number

    def matches(self, text: str, pattern: str) -> str:
        return f'({text} collate "C") ~ {self.text(common_pattern(pattern))}'

    def safe_cast(self, value: str, kind: str) -> str:
        return f"cast({value} as {kind})"  # a value that cannot be cast is an error, as documented for FFT

    def create_as(
        self,
        relation: Relation,
        kind: RelationKind,
        query: str,
        *,
        replaces: bool = True,
        stamp: str | None = None,
        layout: Layout = NO_LAYOUT,
    ) -> str:
        if replaces and kind != "view":
            self.refuse(f"{word(kind)} that replaces another one: it is staged, and published in its place")
        return super().create_as(relation, kind, query, replaces=replaces, stamp=stamp, layout=layout)

    def grant_reading(self, relation: Relation) -> str:
        return f"grant select on {self.relation(relation)} to public"

    def grants_on(self, relation: Relation) -> str:
        named = f"table_schema = {self.literal(relation.schema)} and table_name = {self.literal(relation.name)}"
        return f"select grantee, privilege_type from information_schema.table_privileges where {named}"


SPELLING = PostgresSpelling()

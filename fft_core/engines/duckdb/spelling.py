"""The SQL of DuckDB: the statements of the base class, with a few differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from fft_core.engines.duckdb.views import unambiguous
from fft_core.engines.spec.layout import NO_LAYOUT, Layout
from fft_core.engines.spec.spelling import ClockWord, Spelling
from fft_core.names import Relation

if TYPE_CHECKING:
    from fft_core.engines.protocol import RelationKind


class DuckDBSpelling(Spelling):
    """The renderer of DuckDB's statements."""

    dialect: ClassVar[str] = "duckdb"
    takes_nul: ClassVar[bool] = True
    groups_values: ClassVar[bool] = True
    clocks: ClassVar[Mapping[str, ClockWord]] = MappingProxyType(
        {
            **Spelling.clocks,
            "now": "zoned",
            "get_current_timestamp": "zoned",
            "transaction_timestamp": "zoned",
            "today": "date",
            "current_localtimestamp": "timestamp",
            "current_localtime": "time",
            "get_current_time": "zoned time",
        }
    )
    other_clocks: ClassVar[Mapping[str, int | None]] = MappingProxyType({"age": 1})

    def result_of_call(self, name: str) -> str:
        return f"{name}()"

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
        kept = unambiguous(query, relation.catalog) if kind == "view" and relation.catalog else query
        return super().create_as(relation, kind, kept, replaces=replaces, stamp=stamp, layout=layout)

    def kind(self, kind: RelationKind) -> str:
        return self.refuse("materialized views") if kind == "materialized_view" else kind

    def use_schema(self, relation: Relation) -> str:
        places = [".".join(self.quoted(part) for part in parts if part) for parts in _places(relation)]
        return f"set search_path = {self.text(','.join(places))}"

    def names_like(self, relation: Relation, prefix: str) -> str:
        is_there = f" and table_catalog = {self.text(relation.catalog)}" if relation.catalog else ""
        return super().names_like(replace(relation, catalog=None), prefix) + is_there


def _places(relation: Relation) -> tuple[tuple[str | None, str], ...]:
    """Return the catalog and schema of a relation, then those of the schema `main`, which each database has."""
    return (relation.catalog, relation.schema or "main"), (relation.catalog, "main")


SPELLING = DuckDBSpelling()

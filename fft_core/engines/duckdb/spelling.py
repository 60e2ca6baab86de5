"""The SQL of DuckDB: the words of the base."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from fft_core.engines.spec.spelling import Spelling
from fft_core.names import Relation

if TYPE_CHECKING:
    from fft_core.engines.protocol import RelationKind


class DuckDBSpelling(Spelling):
    """Statements of DuckDB."""

    dialect: ClassVar[str] = "duckdb"
    takes_nul: ClassVar[bool] = True

    def kind(self, kind: RelationKind) -> str:
        return self.refuse("materialized views") if kind == "materialized_view" else kind

    def names_like(self, relation: Relation, prefix: str) -> str:
        is_there = f" and table_catalog = {self.text(relation.catalog)}" if relation.catalog else ""
        return super().names_like(replace(relation, catalog=None), prefix) + is_there


SPELLING = DuckDBSpelling()

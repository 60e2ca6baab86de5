"""The SQL of DuckDB: the words of the base."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from fft_core.engines.spec.spelling import Spelling

if TYPE_CHECKING:
    from fft_core.engines.protocol import RelationKind


class DuckDBSpelling(Spelling):
    """Statements of DuckDB."""

    dialect: ClassVar[str] = "duckdb"
    takes_nul: ClassVar[bool] = True

    def kind(self, kind: RelationKind) -> str:
        return self.refuse("materialized views") if kind == "materialized_view" else kind


SPELLING = DuckDBSpelling()

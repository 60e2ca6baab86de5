"""Digests of DuckDB tables, and the macros and types that users created in a database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence

from fft_core.engines.duckdb.definitions import definitions
from fft_core.engines.duckdb.spelling import SPELLING
from fft_core.engines.duckdb.types import is_nested
from fft_core.engines.protocol import ColumnType, Row
from fft_core.engines.session import NoVersions
from fft_core.names import Relation
from fft_core.names.functions import Definition


class DuckDBVersions(NoVersions):
    """Digests of rows, and definitions of users.

    Args:
        fetch: Runs a query.
        mark: Returns a mark of the files of some catalogs, whose names are in lower case.
        attached: Returns the names of databases that are only read. Queries do not find definitions there by name.
    """

    def __init__(
        self,
        fetch: Callable[[str], list[Row]],
        mark: Callable[[Collection[str]], Hashable | None],
        attached: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._fetch = fetch
        self._mark = mark
        self._attached = attached

    def digest(self, alias: str, columns: Sequence[ColumnType], *, in_order: bool = False) -> str:
        if in_order and any(column.name.lower() == "rowid" for column in columns):
            return "null"  # such a column hides the position of the row
        # Two sums of 64-bit hashes, of which the second is a hash of the first: sums ignore order and count duplicates.
        # hash() is the same for values that compare as equal: nested and empty lists, 0 and -0, 30 days and a month.
        # Functions have their schema, because a user's macro with the same name would be called instead.
        seen = [alias, f"{alias}.rowid"] if in_order else [alias]
        for column in columns:
            name = f"{alias}.{SPELLING.quoted(column.name)}"
            if column.type in ("FLOAT", "DOUBLE"):
                seen.append(f"system.main.signbit({name})")
            elif is_nested(column.type) or column.type == "INTERVAL":
                seen.append(f"{name}::varchar")
        row, total = f"system.main.hash({', '.join(seen)})", "system.main.sum"
        return f"system.main.concat({total}({row}::hugeint), '-', {total}(system.main.hash({row})::hugeint))"

    def definitions(self) -> Sequence[Definition]:
        return definitions(self._fetch, self._attached())

    def change_mark(self, relations: Iterable[Relation]) -> Hashable | None:
        return self._mark({(relation.catalog or "").lower() for relation in relations})

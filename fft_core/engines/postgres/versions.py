"""Digests of the rows of Postgres tables, and the definitions of users in a database."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

from fft_core.engines.postgres.definitions import definitions
from fft_core.engines.protocol import ColumnType, Row
from fft_core.engines.session import NoVersions
from fft_core.names import Relation
from fft_core.names.functions import Definition


class PostgresVersions(NoVersions):
    """Digests of rows, and the definitions of users."""

    def __init__(self, fetch: Callable[[str], list[Row]]) -> None:
        self._fetch = fetch

    def digest(self, alias: str, columns: Sequence[ColumnType], *, in_order: bool = False) -> str:
        # A row's text is exact: it distinguishes NULL from '', -0 from 0, 1.0 from 1.00. The sum counts repeated rows.
        row = f"concat({alias}.ctid, {alias}::text)" if in_order else f"{alias}::text"

        def total(seed: int) -> str:
            return f'sum(hashtextextended({row} collate "C", {seed}))'

        return f"concat({total(0)}, '-', {total(1)})"

    def definitions(self) -> Sequence[Definition]:
        return definitions(self._fetch)

    def change_mark(self, relations: Iterable[Relation]) -> Hashable | None:
        return None  # the server's log also grows by writes elsewhere

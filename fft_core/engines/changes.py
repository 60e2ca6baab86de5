"""The changes that an increment makes to a table: statements that change it, and queries of its future rows.

An engine with transactions runs the statements in one, and checks the table before the commit. An engine without
transactions checks the query, and then runs the statements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fft_core.engines.protocol import ColumnType
from fft_core.engines.spec.spelling import CHANGED, Spelling
from fft_core.names import Relation


@dataclass(frozen=True)
class Alteration:
    """The changes to the columns of a table; false if there are none."""

    added: tuple[ColumnType, ...] = ()
    dropped: tuple[str, ...] = ()
    retyped: tuple[ColumnType, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.dropped or self.retyped)

    def statements(self, table: Relation, spelling: Spelling) -> tuple[str, ...]:
        """Render the statements that alter the table."""
        return (
            *(spelling.add_column(table, column) for column in self.added),
            *(spelling.drop_column(table, name) for name in self.dropped),
            *(spelling.change_type(table, column) for column in self.retyped),
        )

    def query(self, rows: str, stored: Sequence[ColumnType], spelling: Spelling) -> str:
        """Render the query of the rows as they are after the table is altered.

        Args:
            rows: The relation or subquery behind FROM.
            stored: The columns that the table has now.
            spelling: Renders names and casts for the engine.
        """
        types = {column.name: column.type for column in self.retyped}
        kept = [column.name for column in stored if column.name not in self.dropped]
        values = [f"{CHANGED}.{spelling.quoted(name)}" for name in kept]
        cast = [
            f"{spelling.cast_to(value, types[name])} as {spelling.quoted(name)}" if name in types else value
            for name, value in zip(kept, values, strict=True)
        ]
        new = [f"{spelling.cast_to('null', column.type)} as {spelling.quoted(column.name)}" for column in self.added]
        return f"select {', '.join([*cast, *new])} from {rows} as {CHANGED}"


@dataclass(frozen=True)
class Change:
    """The changes to the rows of a table; no row is read before the statements run.

    Attributes:
        statements: Renders the statements that change a table. They may run again on rows that they have changed.
        coming: Renders the query of the rows that a table will have, from the rows that it has now.
    """

    statements: Callable[[Relation], Sequence[str]]
    coming: Callable[[Relation], str]

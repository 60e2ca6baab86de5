"""What an increment makes of a table: as statements that change it, and as queries that tell what it will be.

An engine with transactions runs the statements in one, and judges the table. One without judges the query, and then
runs the statements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fft_core.engines.protocol import ColumnType
from fft_core.engines.spec.spelling import CHANGED, Spelling
from fft_core.names import Relation


@dataclass(frozen=True)
class Alteration:
    """What becomes of the columns of a table; false if nothing does."""

    added: tuple[ColumnType, ...] = ()
    dropped: tuple[str, ...] = ()
    retyped: tuple[ColumnType, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.dropped or self.retyped)

    def statements(self, table: Relation, spelling: Spelling) -> tuple[str, ...]:
        """Spell the statements that alter the table."""
        return (
            *(spelling.add_column(table, column) for column in self.added),
            *(spelling.drop_column(table, name) for name in self.dropped),
            *(spelling.change_type(table, column) for column in self.retyped),
        )

    def query(self, rows: str, stored: Sequence[ColumnType], spelling: Spelling) -> str:
        """Spell the rows as they are once the table is altered.

        Args:
            rows: What stands behind FROM.
            stored: The columns that it has now.
            spelling: How the engine spells.
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
    """What is done to the rows of a table; nothing of it looks at the rows before it is run.

    Attributes:
        statements: Spells the statements that change a table, which may be run again on rows that they have changed.
        coming: Spells the query of what a table will hold, from what it holds now.
    """

    statements: Callable[[Relation], Sequence[str]]
    coming: Callable[[Relation], str]

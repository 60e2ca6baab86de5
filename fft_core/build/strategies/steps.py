"""What is done to a table, in full, as text: made before anything is done, carried out in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fft_core.build.strategies.columns import Adaption
from fft_core.engines.changes import Change
from fft_core.engines.protocol import ColumnType
from fft_core.engines.spec.spelling import Spelling
from fft_core.names import Relation


@dataclass(frozen=True)
class Steps:
    """How staged rows change a table, whose columns have been altered.

    Attributes:
        change: What changes the table's rows.
        counts: Queries for what a build counts as its changes, by what is counted.
        needs: Which of the counts must not be zero; else no rows are changed. None if it does not matter.
    """

    change: Change
    counts: Mapping[str, str] = field(default_factory=dict)
    needs: str | None = None


def cast_rows(rows: Relation, columns: Sequence[ColumnType], adaption: Adaption, spelling: Spelling) -> str:
    """Spell the query that gives staged rows the types of the table: not every engine compares what differs."""
    types = {adaption.columns[name]: stored for name, (stored, _) in adaption.casts.items()}
    names = {column.name: spelling.quoted(column.name) for column in columns}
    cast = [f"{spelling.cast_to(n, types[name])} as {n}" if name in types else n for name, n in names.items()]
    return f"select {', '.join(cast)} from {rows.sql(spelling)}"

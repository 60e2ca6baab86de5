"""The steps that change a table, as data: rendered in full before the first one runs."""

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
    """The steps that apply staged rows to a table, after its columns have been altered.

    Attributes:
        change: The change of the table's rows.
        counts: The queries that count the changes of a build, by the names of the counts.
        needs: The count that must not be zero; if it is, the change is skipped. None: never skipped.
    """

    change: Change
    counts: Mapping[str, str] = field(default_factory=dict)
    needs: str | None = None


def cast_rows(rows: Relation, columns: Sequence[ColumnType], adaption: Adaption, spelling: Spelling) -> str:
    """Render the query that casts staged rows to the types of the table: some engines compare only equal types."""
    types = {adaption.columns[name]: stored for name, (stored, _) in adaption.casts.items()}
    names = {column.name: spelling.quoted(column.name) for column in columns}
    cast = [f"{spelling.cast_to(n, types[name])} as {n}" if name in types else n for name, n in names.items()]
    return f"select {', '.join(cast)} from {rows.sql(spelling)}"

"""The differences between the columns of a table and of new rows, and the changes to the table that adapt it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fft_core.engines.changes import Alteration
from fft_core.engines.protocol import ColumnType, Types
from fft_core.names import Relation
from fft_core.names.columns import paired
from fft_core.project.model import OnSchemaChange


@dataclass(frozen=True)
class Difference:
    """The differences between the columns of rows and those of a table; names are matched by `names/columns.py`.

    `same` maps the table's name of a column to that of the rows, if both have it. `added` are columns of the rows only,
    `missing` of the table only. `retyped` maps the table's name of a column to its type there and its other type in the
    rows.
    """

    same: Mapping[str, str]
    added: tuple[ColumnType, ...] = ()
    missing: tuple[str, ...] = ()
    retyped: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.added or self.missing or self.retyped)

    def __str__(self) -> str:
        said = [f"{column.name} ({column.type}) is new" for column in self.added]
        said += [f"{name} is missing" for name in self.missing]
        said += [f"{name} is {new}, and was {old}" for name, (old, new) in self.retyped.items()]
        return "; ".join(said)


@dataclass(frozen=True)
class Adaption:
    """The changes to a table before rows are applied, and the casts of the rows.

    `alteration` changes the columns of the table. `columns` maps the table's name of each written column to that of the
    rows. `casts` maps the table's name of each column that is cast to its type in the table and in the rows; the casts
    must not change values.
    """

    alteration: Alteration
    columns: Mapping[str, str]
    casts: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def compared(table: Sequence[ColumnType], rows: Sequence[ColumnType]) -> Difference:
    """Compare the columns of a table with those of rows. Raises AmbiguousColumnError."""
    pairs = paired([column.name for column in table], [column.name for column in rows])
    known, coming = {column.name: column for column in table}, {column.name: column for column in rows}
    taken = set(pairs.values())
    both = [(known[old], coming[new]) for old, new in pairs.items()]
    return Difference(
        same=pairs,
        added=tuple(column for column in rows if column.name not in taken),
        missing=tuple(column.name for column in table if column.name not in pairs),
        retyped={old.name: (old.type, new.type) for old, new in both if old.type != new.type},
    )


def adapted(difference: Difference, policy: OnSchemaChange) -> Adaption | None:
    """Return the adaption to a difference; None if there is one and the policy is 'fail'."""
    if policy == "fail" and difference:
        return None
    is_added = policy in ("append_new_columns", "sync_all_columns")
    added = difference.added if is_added else ()
    columns = {**difference.same, **{column.name: column.name for column in added}}
    if policy != "sync_all_columns":
        return Adaption(Alteration(added), columns, difference.retyped)
    retyped = tuple(ColumnType(name, new) for name, (_, new) in difference.retyped.items())
    return Adaption(Alteration(added, difference.missing, retyped), columns)


def lost_in_casts(rows: Relation, adaption: Adaption, types: Types) -> str | None:
    """Render a query that counts, for each cast column, the values that the cast changes; None without casts."""
    counts = []
    for name, (old, new) in adaption.casts.items():
        value = types.spelling.quoted(adaption.columns[name])
        there_and_back = types.comparable(types.spelling.cast_to(types.spelling.cast_to(value, old), new), new)
        is_lost = types.spelling.differs(there_and_back, types.comparable(value, new))
        counts.append(f"count(case when {is_lost} then 1 end)")
    return f"select {', '.join(counts)} from {rows.sql(types.spelling)}" if counts else None

"""The columns of a table and of the rows that come: what differs, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fft_core.engines import sql
from fft_core.engines.engine import ColumnType
from fft_core.names import Relation, quoted
from fft_core.project.model import OnSchemaChange


@dataclass(frozen=True)
class Difference:
    """How the columns of rows differ from those of a table. Names are compared in any case, as databases do.

    `same` maps the table's name of a column to that of the rows, where both have it. `retyped` holds those of another
    type, under the table's name: its type there, and that of the rows.
    """

    same: Mapping[str, str]
    added: tuple[ColumnType, ...] = ()
    missing: tuple[str, ...] = ()
    retyped: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.added or self.missing or self.retyped)

    def __str__(self) -> str:
        said = [f"{column.name} ({column.type}) is new" for column in self.added]
        said += [f"{name} is not there any more" for name in self.missing]
        said += [f"{name} is {new}, and was {old}" for name, (old, new) in self.retyped.items()]
        return "; ".join(said)


@dataclass(frozen=True)
class Adaption:
    """What is done to the table before rows are applied.

    `columns` maps the table's name of each column that is written to that of the rows. `casts` are the columns whose
    values are cast to the table's type: they must survive that.
    """

    statements: tuple[str, ...]
    columns: Mapping[str, str]
    casts: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def compared(table: Sequence[ColumnType], rows: Sequence[ColumnType]) -> Difference:
    """Compare the columns of a table with those of rows."""
    known = {column.name.lower(): column for column in table}
    coming = {column.name.lower(): column for column in rows}
    both = [(known[key], coming[key]) for key in coming if key in known]
    return Difference(
        same={old.name: new.name for old, new in both},
        added=tuple(column for key, column in coming.items() if key not in known),
        missing=tuple(column.name for key, column in known.items() if key not in coming),
        retyped={old.name: (old.type, new.type) for old, new in both if old.type != new.type},
    )


def adapted(relation: Relation, difference: Difference, policy: OnSchemaChange, dialect: str) -> Adaption | None:
    """Say what is done about a difference; None where the policy is to fail."""
    columns = dict(difference.same)
    statements: list[str] = []
    if policy == "fail" and difference:
        return None
    if policy in ("append_new_columns", "sync_all_columns"):
        statements += [sql.add_column(relation, column, dialect) for column in difference.added]
        columns |= {column.name: column.name for column in difference.added}
    if policy != "sync_all_columns":
        return Adaption(tuple(statements), columns, difference.retyped)
    statements += [sql.drop_column(relation, name, dialect) for name in difference.missing]
    retyped = [ColumnType(name, new) for name, (_, new) in difference.retyped.items()]
    statements += [sql.change_type(relation, column, dialect) for column in retyped]
    return Adaption(tuple(statements), columns)


def lost_in_casts(rows: Relation, adaption: Adaption, dialect: str) -> str | None:
    """Spell a query that counts, for each column that is cast, the values that change by it; None without any."""
    counts = []
    for name, (old, new) in adaption.casts.items():
        value = quoted(adaption.columns[name], dialect)
        there_and_back = f"cast(cast({value} as {old}) as {new})"
        counts.append(f"count(case when {there_and_back} is distinct from {value} then 1 end)")
    return f"select {', '.join(counts)} from {rows.sql(dialect)}" if counts else None

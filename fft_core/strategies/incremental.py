"""How the staged rows of an incremental model are applied to its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fft_core.names import Relation, quoted
from fft_core.project.model import Incremental
from fft_core.strategies.keys import same_key


def newer_rows(query: str, settings: Incremental, table: Relation, dialect: str) -> str:
    """Keep only the rows of a query that are newer than what the table has, less the lookback.

    Rows with the newest stored time itself, and those without a time, are kept: they may be others.
    """
    if settings.lookback is None:
        return query
    back = f"interval '{settings.lookback}'" if isinstance(settings.lookback, str) else str(settings.lookback)
    conditions = []
    for column in settings.updated_at:
        name = quoted(column, dialect)
        newest = f"(select max({name}) - {back} from {table.sql(dialect)})"
        conditions.append(f"_ff_rows.{name} is null or _ff_rows.{name} >= coalesce({newest}, _ff_rows.{name})")
    return f"select * from (\n{query}\n) as _ff_rows where {' or '.join(conditions)}"


def applied(
    settings: Incremental, table: Relation, delta: Relation, columns: Mapping[str, str], dialect: str
) -> tuple[str, ...]:
    """Spell the statements that apply staged rows to a table.

    Args:
        settings: The model's.
        table: What is changed.
        delta: The staged rows, whose keys are complete and unique.
        columns: Which column of the table gets which one of the rows.
        dialect: The engine's.
    """
    rows = _Application(table, delta, columns, dialect)
    match settings.strategy:
        case "append":
            return (rows.insert(),)
        case "merge":
            return (*rows.update(settings.unique_key), rows.insert(unless_there=settings.unique_key))
        case "delete_insert":
            return (rows.delete(settings.unique_key), rows.insert())
        case "insert_overwrite":
            return (rows.delete(settings.partition_by), rows.insert())


class _Application:
    """The statements, spelled for one table and its delta."""

    def __init__(self, table: Relation, delta: Relation, columns: Mapping[str, str], dialect: str) -> None:
        self._table, self._delta = f"{table.sql(dialect)} as t", f"{delta.sql(dialect)} as d"
        self._columns = {quoted(old, dialect): f"d.{quoted(new, dialect)}" for old, new in columns.items()}
        self._target, self._dialect = table.sql(dialect), dialect

    def insert(self, unless_there: Sequence[str] = ()) -> str:
        names, values = ", ".join(self._columns), ", ".join(self._columns.values())
        known = f"select 1 from {self._table} where {same_key('t', 'd', unless_there, self._dialect)}"
        where = f" where not exists ({known})" if unless_there else ""
        return f"insert into {self._target} ({names}) select {values} from {self._delta}{where}"

    def update(self, key: Sequence[str]) -> tuple[str, ...]:
        """Only rows that differ: the others need not be written, and a repeated run changes nothing."""
        keys = {quoted(column, self._dialect).lower() for column in key}
        others = {old: new for old, new in self._columns.items() if old.lower() not in keys}
        if not others:
            return ()
        values = ", ".join(f"{old} = {new}" for old, new in others.items())
        differs = " or ".join(f"t.{old} is distinct from {new}" for old, new in others.items())
        where = f"{same_key('t', 'd', key, self._dialect)} and ({differs})"
        return (f"update {self._table} set {values} from {self._delta} where {where}",)

    def delete(self, columns: Sequence[str]) -> str:
        known = f"select 1 from {self._delta} where {same_key('t', 'd', columns, self._dialect)}"
        return f"delete from {self._table} where exists ({known})"

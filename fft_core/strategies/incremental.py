"""How the staged rows of an incremental model are applied to its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fft_core.names import Relation, quoted
from fft_core.project.model import Incremental
from fft_core.strategies.columns import Adaption
from fft_core.strategies.keys import ColumnPair, Spelling, differs, is_exact, same_key
from fft_core.strategies.steps import Steps, casts_of


def newer_rows(query: str, columns: Sequence[ColumnPair], lookback: str | int, table: Relation, dialect: str) -> str:
    """Keep only the rows of a query that are newer than what the table has in some of the columns, less the lookback.

    Rows with the newest stored time itself, and those without a time, are kept: they may be others.
    """
    back = f"interval '{lookback}'" if isinstance(lookback, str) else str(lookback)
    conditions = []
    for column in columns:
        name = f"_ff_rows.{quoted(column.given, dialect)}"
        newest = f"(select max({quoted(column.stored, dialect)}) - {back} from {table.sql(dialect)})"
        conditions.append(f"{name} is null or {name} >= coalesce({newest}, {name})")
    return f"select * from (\n{query}\n) as _ff_rows where {' or '.join(conditions)}"


@dataclass(frozen=True)
class Application:
    """Staged rows that are applied to a table.

    Attributes:
        table: What is changed.
        delta: The staged rows, whose keys are complete and unique.
        columns: Which column of the table gets which one of the rows.
        spelling: The engine's.
    """

    table: Relation
    delta: Relation
    columns: Sequence[ColumnPair]
    spelling: Spelling

    def steps(self, settings: Incremental, adaption: Adaption) -> Steps:
        """Spell all that is done; rows are changed only if there are some to apply: else it would touch the table."""
        return Steps(
            casts=casts_of(self.delta, adaption, self.spelling.dialect),
            alterations=adaption.statements,
            counts={"delta_rows": f"select count(*) from {self.delta.sql(self.spelling.dialect)}"},
            needs="delta_rows",
            statements=self.statements(settings),
        )

    def statements(self, settings: Incremental) -> tuple[str, ...]:
        """Spell the statements; the columns of the settings are named as in the rows."""
        key = self._pairs(settings.unique_key)
        match settings.strategy:
            case "append":
                return (self._insert(),)
            case "merge":
                return (*self._update(key), self._insert(unless_there=key))
            case "delete_insert":
                return (self._delete(key), self._insert())
            case "insert_overwrite":
                return (self._delete(self._pairs(settings.partition_by)), self._insert())

    def _pairs(self, given: Sequence[str]) -> list[ColumnPair]:
        return [pair for name in given for pair in self.columns if pair.given == name]

    def _name(self, column: str) -> str:
        return quoted(column, self.spelling.dialect)

    @property
    def _stored(self) -> str:
        return f"{self.table.sql(self.spelling.dialect)} as t"

    @property
    def _rows(self) -> str:
        return f"{self.delta.sql(self.spelling.dialect)} as d"

    def _insert(self, unless_there: Sequence[ColumnPair] = ()) -> str:
        names = ", ".join(self._name(column.stored) for column in self.columns)
        values = ", ".join(f"d.{self._name(column.given)}" for column in self.columns)
        known = f"select 1 from {self._stored} where {same_key('t', 'd', unless_there, self.spelling)}"
        where = f" where not exists ({known})" if unless_there else ""
        return f"insert into {self.table.sql(self.spelling.dialect)} ({names}) select {values} from {self._rows}{where}"

    def _update(self, key: Sequence[ColumnPair]) -> tuple[str, ...]:
        """Only rows that differ: the others need not be written, and a repeated run changes nothing."""
        others = [c for c in self.columns if c not in key or not is_exact(c, self.spelling)]
        if not others:
            return ()
        values = ", ".join(f"{self._name(c.stored)} = d.{self._name(c.given)}" for c in others)
        changed = " or ".join(differs("t", "d", c, self.spelling) for c in others)
        where = f"{same_key('t', 'd', key, self.spelling)} and ({changed})"
        return (*self._made_unequal(key), f"update {self._stored} set {values} from {self._rows} where {where}")

    def _made_unequal(self, key: Sequence[ColumnPair]) -> tuple[str, ...]:
        """Write something else over what an UPDATE would take for the new value, though it looks different."""
        values, conditions = [], []
        for column in [column for column in self.columns if column not in key]:
            stored, given = f"t.{self._name(column.stored)}", f"d.{self._name(column.given)}"
            other = self.spelling.unequal(stored, column.type)
            if other:
                looks_equal = f"{stored} = {given} and {differs('t', 'd', column, self.spelling)}"
                values.append(f"{self._name(column.stored)} = case when {looks_equal} then {other} else {stored} end")
                conditions.append(f"({looks_equal})")
        if not values:
            return ()
        where = f"{same_key('t', 'd', key, self.spelling)} and ({' or '.join(conditions)})"
        return (f"update {self._stored} set {', '.join(values)} from {self._rows} where {where}",)

    def _delete(self, columns: Sequence[ColumnPair]) -> str:
        known = f"select 1 from {self._rows} where {same_key('t', 'd', columns, self.spelling)}"
        return f"delete from {self._stored} where exists ({known})"

"""How the staged rows of an incremental model are applied to its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fft_core.build.strategies.columns import Adaption
from fft_core.build.strategies.keys import ColumnPair, differs, is_exact, same_key
from fft_core.build.strategies.steps import Steps
from fft_core.engines.protocol import Types
from fft_core.engines.spec.spelling import CHANGED, Spelling
from fft_core.names import Relation
from fft_core.project.model import Incremental


def newer_rows(
    query: str, columns: Sequence[ColumnPair], lookback: str | int, table: Relation, spelling: Spelling
) -> str:
    """Keep only the rows of a query that are newer than what the table has in some of the columns, less the lookback.

    Rows with the newest stored time itself, and those without a time, are kept: they may be others.
    """
    conditions = []
    for column in columns:
        name, last = f"_ff_rows.{spelling.quoted(column.given)}", f"max({spelling.quoted(column.stored)})"
        since = spelling.earlier(last, lookback) if isinstance(lookback, str) else f"{last} - {lookback}"
        newest = f"(select {since} from {table.sql(spelling)})"
        conditions.append(f"{name} is null or {name} >= coalesce({newest}, {name})")
    return f"select * from (\n{query}\n) as _ff_rows where {' or '.join(conditions)}"


@dataclass(frozen=True)
class Application:
    """Staged rows that are applied to a table.

    Attributes:
        table: What is changed.
        delta: The staged rows, whose keys are complete and unique.
        columns: Which column of the table gets which one of the rows.
        types: Compares values, and has the words for statements.
    """

    table: Relation
    delta: Relation
    columns: Sequence[ColumnPair]
    types: Types

    def steps(self, settings: Incremental, adaption: Adaption) -> Steps:
        """Spell all that is done; rows are changed only if there are some to apply: else it would touch the table."""
        return Steps(
            alterations=adaption.statements,
            counts={"delta_rows": f"select count(*) from {self.delta.sql(self.types.spelling)}"},
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
        return self.types.spelling.quoted(column)

    @property
    def _rows(self) -> str:
        return f"{self.delta.sql(self.types.spelling)} as _ff_d"

    def _insert(self, unless_there: Sequence[ColumnPair] = ()) -> str:
        names = [self._name(column.stored) for column in self.columns]
        values = ", ".join(f"_ff_d.{self._name(column.given)}" for column in self.columns)
        stored = f"{self.table.sql(self.types.spelling)} as {CHANGED}"
        known = f"select 1 from {stored} where {self._same(unless_there)}"
        where = f" where not exists ({known})" if unless_there else ""
        return self.types.spelling.insert(self.table, names, f"select {values} from {self._rows}{where}")

    def _same(self, key: Sequence[ColumnPair]) -> str:
        return same_key(CHANGED, "_ff_d", key, self.types)

    def _differs(self, column: ColumnPair) -> str:
        return differs(CHANGED, "_ff_d", column, self.types)

    def _update(self, key: Sequence[ColumnPair]) -> tuple[str, ...]:
        """Only rows that differ: the others need not be written, and a repeated run changes nothing."""
        others = [c for c in self.columns if c not in key or not is_exact(c, self.types)]
        if not others:
            return ()
        values = {self._name(c.stored): f"_ff_d.{self._name(c.given)}" for c in others}
        where = f"{self._same(key)} and ({' or '.join(self._differs(c) for c in others)})"
        return (*self._made_unequal(key), self.types.spelling.update_from(self.table, values, self._rows, where))

    def _made_unequal(self, key: Sequence[ColumnPair]) -> tuple[str, ...]:
        """Write something else over what an UPDATE would take for the new value, though it looks different."""
        values, conditions = dict[str, str](), list[str]()
        for column in [column for column in self.columns if column not in key]:
            stored, given = f"{CHANGED}.{self._name(column.stored)}", f"_ff_d.{self._name(column.given)}"
            other = self.types.unequal(stored, column.type)
            if other:
                looks_equal = f"{stored} = {given} and {self._differs(column)}"
                values[self._name(column.stored)] = f"case when {looks_equal} then {other} else {stored} end"
                conditions.append(f"({looks_equal})")
        if not values:
            return ()
        where = f"{self._same(key)} and ({' or '.join(conditions)})"
        return (self.types.spelling.update_from(self.table, values, self._rows, where),)

    def _delete(self, columns: Sequence[ColumnPair]) -> str:
        return self.types.spelling.delete_known(self.table, self._rows, self._same(columns))

"""The statements and queries that apply the staged rows of an incremental model to its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fft_core.build.strategies.keys import ColumnPair, differs, is_exact, same_key
from fft_core.build.strategies.steps import Steps
from fft_core.engines.changes import Change
from fft_core.engines.protocol import ColumnType, Types
from fft_core.engines.spec.spelling import CHANGED, Spelling
from fft_core.names import Relation
from fft_core.project.model import Incremental


def newer_rows(
    query: str, columns: Sequence[ColumnPair], lookback: str | int, table: Relation, spelling: Spelling
) -> str:
    """Render a query of the newer rows: in one of the columns, they exceed the table's maximum minus the lookback.

    Rows with exactly that value and rows with NULL are included, because the table may not have them.
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
        delta: The staged rows; their keys are not NULL, and unique.
        columns: The columns of the table that are written, each with the column of the rows.
        types: The types of the engine, which compare values and render statements.
        settings: The settings of the model, with the columns named as in the rows.
        merges: Whether the strategy "merge" is one MERGE statement.
    """

    delta: Relation
    columns: Sequence[ColumnPair]
    types: Types
    settings: Incremental
    merges: bool = False

    def steps(self, columns_of: Callable[[Relation], Sequence[ColumnType]]) -> Steps:
        """Return all steps. Without rows to apply, the change is skipped, to leave the table untouched.

        Args:
            columns_of: Returns the columns of a table.
        """
        return Steps(
            Change(self.statements, lambda table: self.coming(table, columns_of(table))),
            counts={"delta_rows": f"select count(*) from {self.delta.sql(self.types.spelling)}"},
            needs="delta_rows",
        )

    def statements(self, table: Relation) -> tuple[str, ...]:
        """Render the statements that apply the rows."""
        key = self._pairs(self.settings.unique_key)
        match self.settings.strategy:
            case "append":
                return (self._insert(table),)
            case "merge" if self.merges:
                return (self._merge(table, key),)
            case "merge":
                return (*self._update(table, key), self._insert(table, unless_there=key))
            case "delete_insert":
                return (self._delete(table, key), self._insert(table))
            case "insert_overwrite":
                return (self._delete(table, self._pairs(self.settings.partition_by)), self._insert(table))

    def coming(self, table: Relation, columns: Sequence[ColumnType]) -> str:
        """Render the query of the rows that the table will hold after the statements.

        Args:
            table: The relation with the rows before the statements.
            columns: Its columns.
        """
        stored, settings = f"{table.sql(self.types.spelling)} as {CHANGED}", self.settings
        key, given = self._pairs(settings.unique_key), {pair.stored: pair.given for pair in self.columns}
        new = f"select {', '.join(self._new_value(column, given) for column in columns)} from {self._rows}"
        names = ", ".join(f"{CHANGED}.{self._name(column.name)}" for column in columns)
        match settings.strategy:
            case "append":
                kept = f"select {names} from {stored}"
            case "merge":
                values = ", ".join(self._merged_value(column, given, key[0]) for column in columns)
                kept = f"select {values} from {stored} left join {self._rows} on {self._same(key)}"
                new += f" where not exists (select 1 from {stored} where {self._same(key)})"
            case "delete_insert" | "insert_overwrite" as strategy:
                gone = key if strategy == "delete_insert" else self._pairs(settings.partition_by)
                is_gone = f"exists (select 1 from {self._rows} where {self._same(gone)})"
                kept = f"select {names} from {stored} where not {is_gone}"
        return f"{kept}\nunion all\n{new}"

    def _new_value(self, column: ColumnType, given: Mapping[str, str]) -> str:
        name = self._name(column.name)
        if column.name not in given:
            return f"{self.types.spelling.cast_to('null', column.type)} as {name}"
        return f"_ff_d.{self._name(given[column.name])} as {name}"

    def _merged_value(self, column: ColumnType, given: Mapping[str, str], key: ColumnPair) -> str:
        name, is_known = self._name(column.name), f"_ff_d.{self._name(key.given)} is not null"
        if column.name not in given:
            return f"{CHANGED}.{name}"
        return f"case when {is_known} then _ff_d.{self._name(given[column.name])} else {CHANGED}.{name} end as {name}"

    def _pairs(self, given: Sequence[str]) -> list[ColumnPair]:
        return [pair for name in given for pair in self.columns if pair.given == name]

    def _name(self, column: str) -> str:
        return self.types.spelling.quoted(column)

    @property
    def _rows(self) -> str:
        return f"{self.delta.sql(self.types.spelling)} as _ff_d"

    @property
    def _values(self) -> dict[str, str]:
        """The values of a new row, by the quoted names of the table's columns."""
        return {self._name(column.stored): f"_ff_d.{self._name(column.given)}" for column in self.columns}

    def _insert(self, table: Relation, unless_there: Sequence[ColumnPair] = ()) -> str:
        values = ", ".join(self._values.values())
        stored = f"{table.sql(self.types.spelling)} as {CHANGED}"
        known = f"select 1 from {stored} where {self._same(unless_there)}"
        where = f" where not exists ({known})" if unless_there else ""
        return self.types.spelling.insert(table, list(self._values), f"select {values} from {self._rows}{where}")

    def _same(self, key: Sequence[ColumnPair]) -> str:
        return same_key(CHANGED, "_ff_d", key, self.types)

    def _differs(self, column: ColumnPair) -> str:
        return differs(CHANGED, "_ff_d", column, self.types)

    def _written(self, key: Sequence[ColumnPair]) -> tuple[dict[str, str], str]:
        """Return the new values of a row of the table, and the condition that one differs; both empty if none can."""
        others = [c for c in self.columns if c not in key or not is_exact(c, self.types)]
        values = {self._name(c.stored): f"_ff_d.{self._name(c.given)}" for c in others}
        return values, " or ".join(self._differs(c) for c in others)

    def _merge(self, table: Relation, key: Sequence[ColumnPair]) -> str:
        update, changed = self._written(key)
        return self.types.spelling.merge(table, self._rows, self._same(key), update, changed, self._values)

    def _update(self, table: Relation, key: Sequence[ColumnPair]) -> tuple[str, ...]:
        """Render the UPDATE of the rows that differ, so that a repeated run changes nothing."""
        values, changed = self._written(key)
        if not values:
            return ()
        where = f"{self._same(key)} and ({changed})"
        return (*self._made_unequal(table, key), self.types.spelling.update_from(table, values, self._rows, where))

    def _made_unequal(self, table: Relation, key: Sequence[ColumnPair]) -> tuple[str, ...]:
        """Render an UPDATE of stored values that are equal to the new ones, but look different, as -0 and 0 in DuckDB.

        They get another value first, because the engine would skip the write of an equal value.
        """
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
        return (self.types.spelling.update_from(table, values, self._rows, where),)

    def _delete(self, table: Relation, columns: Sequence[ColumnPair]) -> str:
        return self.types.spelling.delete_known(table, self._rows, self._same(columns))

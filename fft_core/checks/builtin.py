"""Each built-in rule as SQL: a number to be counted in one scan where that is possible, and the rows that offend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fft_core.column_names import AmbiguousColumnError, ColumnNames
from fft_core.engines.engine import ColumnType, Engine
from fft_core.engines.sql import literal, literals, select_all
from fft_core.errors import FftError, nearest
from fft_core.names import Relation, quoted
from fft_core.project.model import (
    AcceptedValues,
    Check,
    Freshness,
    GreaterEqual,
    NonNegativeSum,
    NotNull,
    Relationships,
    RowCountBetween,
    SourceName,
    Unique,
)


@dataclass(frozen=True)
class CheckQuery:
    """A check as SQL over one relation.

    `count` is an aggregate over all rows of the relation that gives the number of failing ones, to be computed together
    with those of other checks; None where the check needs a query of its own. `failing_rows` selects them.
    """

    check: Check
    count: str | None
    failing_rows: str


def check_query(
    check: Check,
    relation: Relation,
    columns: Sequence[ColumnType],
    engine: Engine,
    relation_of: Callable[[str | SourceName], Relation],
    now: datetime,
) -> CheckQuery:
    """Spell a check.

    Args:
        check: The rule, with its `where`.
        relation: Where the rows are: a staged relation or the published one.
        columns: Its columns; a check may write their names in another case.
        engine: Spells it, and is asked for the columns of another relation.
        relation_of: Finds the other relation of a relationships check.
        now: The time to measure freshness against, in UTC.

    Raises:
        FftError: the check names a column that is not there.
    """
    spell = _Spelling(check, relation, columns, engine)
    match check.rule:
        case NotNull(column):
            return spell.by_row(f"{spell.name(column)} is null")
        case AcceptedValues(column, values):
            name = spell.name(column)
            return spell.by_row(f"{name} is not null and {spell.comparable(column)} not in ({literals(values)})")
        case GreaterEqual(column, threshold):
            return spell.by_row(f"{spell.name(column)} < {literal(threshold)}")
        case NonNegativeSum(column):
            return spell.by_total(f"sum({{}}{spell.name(column)}{{}})", "{} < 0", "total")
        case RowCountBetween(minimum, maximum):
            above = f" or {{0}} > {maximum}" if maximum is not None else ""
            return spell.by_total("count({}1{})", f"{{0}} < {minimum}{above}", "row_count")
        case Freshness(column, minutes):
            oldest = literal(now.replace(tzinfo=None) - timedelta(minutes=minutes))
            return spell.by_total(f"max({{}}{spell.name(column)}{{}})", f"{{0}} is null or {{0}} < {oldest}", "latest")
        case Unique(key):
            names = ", ".join(f"{spell.comparable(column)} as {spell.name(column)}" for column in key)
            places = ", ".join(str(place) for place in range(1, len(key) + 1))
            rows = f"select {names}, count(*) as row_count from {spell.rows} group by {places} having count(*) > 1"
            return CheckQuery(check, None, rows)
        case Relationships(column, to, field):
            table = relation_of(to)
            there = columns if table == relation else engine.columns(select_all(table, engine.dialect))
            parent = _Spelling(check, table, there, engine, owner=str(to))
            found = f"{parent.comparable(field, 'parent.')} = {spell.comparable(column, 'child.')}"
            missing = f"not exists (select 1 from {parent.table} as parent where {found})"
            return CheckQuery(check, None, f"select * from {spell.filtered} as child where {missing}")


@dataclass(frozen=True)
class _Spelling:
    check: Check
    relation: Relation
    columns: Sequence[ColumnType]
    engine: Engine
    owner: str = ""

    @property
    def dialect(self) -> str:
        return self.engine.dialect

    def name(self, column: str) -> str:
        return quoted(self._found(column).name, self.dialect)

    def comparable(self, column: str, alias: str = "") -> str:
        found = self._found(column)
        return self.engine.comparable(alias + quoted(found.name, self.dialect), found.type)

    def _found(self, column: str) -> ColumnType:
        columns = {known.name: known for known in self.columns}
        said, where = f"check {self.check.name} names the column {column!r}", self.check.location
        try:
            found = ColumnNames(columns).find(column)
        except AmbiguousColumnError as error:
            raise FftError(f"{said}: {error.problem.message}", where=where, hint=error.problem.hint) from error
        if found is None:
            hint = nearest(column, columns) or f"Its columns: {', '.join(columns)}."
            raise FftError(f"{said}, which {self.owner or self.check.node} does not have", where=where, hint=hint)
        return columns[found]

    @property
    def table(self) -> str:
        return self.relation.sql(self.dialect)

    @property
    def where(self) -> str:
        return f"({self.check.where}\n)"  # the user's text may end in a comment

    @property
    def rows(self) -> str:
        return f"{self.table} where {self.where}" if self.check.where else self.table

    @property
    def filtered(self) -> str:
        return f"(select * from {self.rows})" if self.check.where else self.table

    def by_row(self, offends: str) -> CheckQuery:
        """A rule that each row keeps or breaks by itself."""
        condition = f"{self.where} and ({offends})" if self.check.where else offends
        count = f"coalesce(sum(case when {condition} then 1 else 0 end), 0)"
        return CheckQuery(self.check, count, f"select * from {self.table} where {condition}")

    def by_total(self, aggregate: str, offends: str, called: str) -> CheckQuery:
        """A rule about a total; `aggregate` has two holes around the value, for the filter."""
        opened, closed = (f"case when {self.where} then ", " end") if self.check.where else ("", "")
        total = aggregate.format(opened, closed)
        count = f"case when {offends.format(total)} then 1 else 0 end"
        inner = f"select {aggregate.format('', '')} as {called} from {self.rows}"
        return CheckQuery(self.check, count, f"select * from ({inner}) as total where {offends.format(called)}")

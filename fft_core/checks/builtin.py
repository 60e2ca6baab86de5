"""Each built-in rule as SQL: a number to be counted in one scan where that is possible, and the rows that offend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fft_core.checks.query import CheckQuery
from fft_core.engines.protocol import ColumnType, Session
from fft_core.engines.spec.spelling import Spelling
from fft_core.errors import FftError, nearest
from fft_core.names import Relation
from fft_core.names.columns import AmbiguousColumnError, ColumnNames
from fft_core.project.model import (
    AcceptedValues,
    Check,
    Freshness,
    GreaterEqual,
    NonNegativeSum,
    NotNull,
    PythonCheck,
    ReconcileCoverage,
    ReconcileDifference,
    ReconcileRatio,
    Relationships,
    RowCountBetween,
    SourceName,
    SqlCheck,
    Unique,
)


def check_query(
    check: Check,
    relation: Relation,
    columns: Sequence[ColumnType],
    engine: Session,
    relation_of: Callable[[str | SourceName], Relation],
    now: datetime,
) -> CheckQuery:
    """Spell a check.

    Args:
        check: The rule, with its `where`.
        relation: Where the rows are: a staged relation or the published one.
        columns: Its columns; a check may write their names in another case.
        engine: Spells it, and is asked for the columns of another relation.
        relation_of: Finds the other relations of a check that reads some.
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
            return spell.by_row(
                f"{name} is not null and {spell.comparable(column)} not in ({engine.spelling.literals(values)})"
            )
        case GreaterEqual(column, threshold):
            name = spell.name(column)
            return spell.by_row(f"{name} < {engine.spelling.literal(threshold)} or {engine.spelling.is_nan(name)}")
        case NonNegativeSum(column):
            return spell.by_total(
                "sum", spell.name(column), lambda total: f"{total} < 0 or {engine.spelling.is_nan(total)}", "total"
            )
        case RowCountBetween(minimum, maximum):
            return spell.by_total(
                "count",
                "1",
                lambda count: f"{count} < {minimum}" + (f" or {count} > {maximum}" if maximum is not None else ""),
                "row_count",
            )
        case Freshness(column, minutes):
            oldest = engine.spelling.literal(now.replace(tzinfo=None) - timedelta(minutes=minutes))
            time = engine.spelling.finite(spell.name(column))
            return spell.by_total("max", time, lambda latest: f"{latest} is null or {latest} < {oldest}", "latest")
        case Unique(key):
            names = ", ".join(f"{spell.comparable(column)} as {spell.name(column)}" for column in key)
            positions = ", ".join(str(position) for position in range(1, len(key) + 1))
            rows = f"select {names}, count(*) as row_count from {spell.rows} group by {positions} having count(*) > 1"
            return CheckQuery(check, None, rows)
        case Relationships(column, to, field):
            table = relation_of(to)
            there = columns if table == relation else engine.columns(engine.spelling.select_all(table))
            parent = _Spelling(check, table, there, engine, owner=str(to))
            # the other table is read with one column, of our name, so that none of its own can be taken for the child's
            parent_key = parent.comparable(field, "_ff_other.")
            known = f"select {parent_key} as _ff_key from {parent.table} as _ff_other"
            same = f"_ff_parent._ff_key = {spell.comparable(column, '_ff_child.')}"
            missing = f"not exists (select 1 from ({known}) as _ff_parent where {same})"
            return CheckQuery(check, None, f"select * from {spell.filtered} as _ff_child where {missing}")
        case ReconcileDifference() | ReconcileRatio() | ReconcileCoverage():
            from fft_core.checks.reconcile import reconcile_query  # few projects have such

            return reconcile_query(check, check.rule, relation, engine, relation_of)
        case SqlCheck():
            from fft_core.checks.custom import sql_query  # few projects have such

            return sql_query(check, check.rule, relation, engine, relation_of)
        case PythonCheck():  # its rows are only shown: the function judges
            return CheckQuery(check, None, f"{engine.spelling.select_all(relation)} where 1 = 0")


@dataclass(frozen=True)
class _Spelling:
    check: Check
    relation: Relation
    columns: Sequence[ColumnType]
    engine: Session
    owner: str = ""

    @property
    def spelling(self) -> Spelling:
        return self.engine.spelling

    def name(self, column: str) -> str:
        return self.spelling.quoted(self._found(column).name)

    def comparable(self, column: str, alias: str = "") -> str:
        found = self._found(column)
        return self.engine.types.comparable(alias + self.spelling.quoted(found.name), found.type)

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
        return self.relation.sql(self.spelling)

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

    def by_total(self, function: str, value: str, offends: Callable[[str], str], called: str) -> CheckQuery:
        """A rule about a total: an aggregate function of a value, and when the total breaks the rule."""
        filtered = f"case when {self.where} then {value} end" if self.check.where else value
        count = f"case when {offends(f'{function}({filtered})')} then 1 else 0 end"
        inner = f"select {function}({value}) as {called} from {self.rows}"
        return CheckQuery(self.check, count, f"select * from ({inner}) as _ff_total where {offends(called)}")

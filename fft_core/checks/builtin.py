"""The built-in rules as SQL: a count in the shared scan of a relation if possible, and the failing rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from fft_core.checks.contract import contract_query
from fft_core.checks.query import CheckQuery
from fft_core.checks.rows import offending
from fft_core.checks.spelled import Spelled
from fft_core.checks.totals import Measures, drift_query, total_query
from fft_core.engines.protocol import ColumnType, Session
from fft_core.names import Relation
from fft_core.project.model import (
    AcceptedValues,
    Between,
    Check,
    ColumnTypes,
    Drift,
    Expression,
    Freshness,
    GreaterEqual,
    JudgedRows,
    MatchesRegex,
    NonNegativeSum,
    NotConstant,
    NotNull,
    PythonCheck,
    Recency,
    ReconcileCoverage,
    ReconcileDifference,
    ReconcileRatio,
    Relationships,
    RowCountBetween,
    RowCountEquals,
    SourceName,
    SqlCheck,
    SumBetween,
    Unique,
)

NO_MEASURES: Measures = MappingProxyType({})
Relations = Callable[[str | SourceName], Relation]


def check_query(
    check: Check,
    relation: Relation,
    columns: Sequence[ColumnType],
    engine: Session,
    relation_of: Relations,
    now: datetime,
    before: Mapping[str, float | None] = NO_MEASURES,
) -> CheckQuery:
    """Return a check as SQL.

    Args:
        check: The rule, with its `where`.
        relation: The relation with the rows, staged or published.
        columns: Its columns; a check may write their names in another case.
        engine: The session; it renders SQL, and returns the columns of other relations.
        relation_of: Returns the other relations that a check reads.
        now: The time that freshness is measured against, in UTC.
        before: The measurements of the build before, for checks of changes.

    Raises:
        FftError: the check names a column that does not exist.
    """
    spell = Spelled(check, relation, columns, engine)
    match check.rule:
        case NotNull() | AcceptedValues() | GreaterEqual() | Between() | MatchesRegex() | Expression():
            return spell.by_row(offending(check.rule, spell))
        case NonNegativeSum() | SumBetween() | RowCountBetween() | Freshness() | Recency() | NotConstant():
            return total_query(check.rule, spell, now)
        case Drift():
            return drift_query(check.rule, spell, before)
        case Unique(key):
            return spell.by_group(key, "row_count", "count(*)", lambda count: f"{count} > 1")
        case ColumnTypes():
            return contract_query(check.rule, spell)
        case Relationships():
            return _missing_parents(check.rule, spell, relation_of)
        case RowCountEquals() | ReconcileDifference() | ReconcileRatio() | ReconcileCoverage():
            from fft_core.checks.reconcile import reconcile_query  # few projects have such checks

            return reconcile_query(check, check.rule, relation, engine, relation_of)
        case SqlCheck():
            from fft_core.checks.custom import sql_query  # few projects have such checks

            return sql_query(check, check.rule, relation, engine, relation_of)
        case PythonCheck() | JudgedRows():  # its query only shows the rows: a function judges them
            return CheckQuery(check, None, f"{engine.spelling.select_all(relation)} where 1 = 0")


def _missing_parents(rule: Relationships, spell: Spelled, relation_of: Relations) -> CheckQuery:
    engine = spell.engine
    table = relation_of(rule.to if rule.about is None else rule.about)
    there = spell.columns if table == spell.relation else engine.columns(engine.spelling.select_all(table))
    other = Spelled(spell.check, table, there, engine, owner=str(rule.to if rule.about is None else rule.about))
    spell, parent = (spell, other) if rule.about is None else (other, spell)
    # the other table is read with one column, renamed by us, so that no column of it can be taken for the child's
    known = f"select {parent.comparable(rule.field, '_ff_other.')} as _ff_key from {parent.table} as _ff_other"
    same = f"_ff_parent._ff_key = {spell.comparable(rule.column, '_ff_child.')}"
    missing = f"not exists (select 1 from ({known}) as _ff_parent where {same})"
    failing = f"select * from {spell.filtered} as _ff_child where {missing}"
    total = spell.spelling.cast("null", "integer")  # the number from the scan
    if rule.about is not None:
        total = f"(select count(*) from {spell.filtered} as _ff_all)"
    counted = f"select count(*) as failing, {total} as total from ({failing}) as _ff_missing"
    return CheckQuery(spell.check, None, failing, counted=counted)

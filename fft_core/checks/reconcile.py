"""Rules about two tables as SQL: their totals in one row, and the keys that one of them lacks."""

from __future__ import annotations

from collections.abc import Callable

from fft_core.checks.query import CheckQuery
from fft_core.engines.protocol import Session
from fft_core.names import Relation
from fft_core.project.model import (
    Check,
    Measure,
    ReconcileCoverage,
    ReconcileDifference,
    ReconcileRatio,
    Reconciliation,
    RowCountEquals,
    SourceName,
)


def reconcile_query(
    check: Check,
    rule: RowCountEquals | ReconcileDifference | ReconcileRatio | ReconcileCoverage,
    relation: Relation,
    engine: Session,
    relation_of: Callable[[str | SourceName], Relation],
) -> CheckQuery:
    """Return a reconciliation as SQL: one row with both totals if they differ too much, or the rows with missing keys.

    Args:
        check: The check.
        rule: Its rule.
        relation: The relation with the rows of the judged table.
        engine: The session; it renders SQL.
        relation_of: Returns the other table.
    """
    sides = _Sides(rule, relation, engine, relation_of)
    match rule:
        case RowCountEquals():
            return CheckQuery(check, None, f"select * from {sides.totals()} where left_value <> right_value")
        case ReconcileDifference(at_most=limit):
            apart = f"abs(left_value - right_value) > {engine.spelling.literal(limit)}"
            one_is_null = engine.spelling.differs("(left_value is null)", "(right_value is null)")
            rows = f"select * from {sides.totals()} where {apart} or {one_is_null}"
            return CheckQuery(check, None, rows, made_of=sides.made_of())
        case ReconcileRatio(minimum=minimum, maximum=maximum):
            ratio = f"{engine.spelling.cast('left_value', 'number')} / nullif(right_value, 0)"
            bounds = [f"ratio < {engine.spelling.literal(minimum)}"] if minimum is not None else []
            bounds += [f"ratio > {engine.spelling.literal(maximum)}"] if maximum is not None else []
            rows = f"(select left_value, right_value, {ratio} as ratio from {sides.totals()}) as _ff_ratio"
            failing = f"select * from {rows} where ratio is null or {' or '.join(bounds)}"
            return CheckQuery(check, None, failing, made_of=sides.made_of())
        case ReconcileCoverage(left, right):
            keys = f"select {right.expression} as _ff_key from {sides.rows(right)}"
            missing = f"not exists (select 1 from ({keys}) as _ff_known where _ff_known._ff_key = _ff_needed._ff_key)"
            needed = f"select {left.expression} as _ff_key from {sides.rows(left)}"
            failing = f"select _ff_key as missing_key from ({needed}) as _ff_needed where {missing}"
            all_keys = f"(select count(*) as total from ({needed}) as _ff_all) as _ff_total"
            count = f"(select count(*) from ({failing}) as _ff_missing)"
            counted = f"select {count} as failing, total from {all_keys}"
            made_of = {"missing_key": left.expression}
            return CheckQuery(check, None, failing, counted=counted, made_of=made_of)


class _Sides:
    """The tables of a rule; the judged one is the relation with the rows to judge."""

    def __init__(
        self,
        rule: Reconciliation,
        relation: Relation,
        engine: Session,
        relation_of: Callable[[str | SourceName], Relation],
    ) -> None:
        self._rule, self._relation, self._engine, self._relation_of = rule, relation, engine, relation_of

    def rows(self, side: Measure) -> str:
        """Return the rows of a side, as SQL that follows FROM."""
        is_judged = side.table == self._rule.owner
        table = self._relation if is_judged else self._relation_of(side.table)
        where = f" where ({side.where}\n)" if side.where else ""  # the user's text may end in a comment
        return f"{table.sql(self._engine.spelling)}{where}"

    def totals(self) -> str:
        """Return a query for one row with both values."""
        left, right = (f"(select {side.expression} from {self.rows(side)}\n)" for side in self._both())
        return f"(select {left} as left_value, {right} as right_value) as _ff_totals"

    def made_of(self) -> dict[str, str]:
        """Return the values that the totals show, as SQL."""
        left, right = self._both()
        return {"left_value": left.expression, "right_value": right.expression}

    def _both(self) -> tuple[Measure, Measure]:
        return self._rule.left, self._rule.right

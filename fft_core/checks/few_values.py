"""Patterns on columns of few values: each value is matched once, instead of each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fft_core.checks.query import CheckQuery
from fft_core.checks.spelled import Spelled
from fft_core.engines.protocol import ColumnType, Session
from fft_core.names import Relation
from fft_core.project.model import MatchesRegex

SAMPLE_ROWS = 100_000  # matching fewer rows takes less time than this look at the values
FEW = SAMPLE_ROWS // 20


def matched_by_value(
    queries: Sequence[CheckQuery], engine: Session, relation: Relation, columns: Sequence[ColumnType]
) -> list[CheckQuery]:
    """Return the queries, with faster ones for patterns on columns that have few values among the first rows.

    The result is the same; only the cost is estimated. Views keep their queries: a second one would compute the view
    twice.

    Args:
        queries: The queries of all checks of the relation.
        engine: The session of the database with the relation.
        relation: The rows.
        columns: Its columns.
    """
    patterns = {
        query.check.name: Spelled(query.check, relation, columns, engine)
        for query in queries
        if isinstance(query.check.rule, MatchesRegex)
    }
    if not patterns or not engine.spelling.groups_values or not _is_table(engine, relation):
        return list(queries)
    few = _of_few_values(patterns)
    return [_by_value(query, few[query.check.name]) if query.check.name in few else query for query in queries]


def _is_table(engine: Session, relation: Relation) -> bool:
    there = engine.inspect([relation]).get(relation)
    return there is not None and there.kind == "table"


def _of_few_values(patterns: Mapping[str, Spelled]) -> Mapping[str, Spelled]:
    names = {check: spell.name(spell.check.rule.columns[0]) for check, spell in patterns.items()}
    one = next(iter(patterns.values()))
    first = f"select {', '.join(dict.fromkeys(names.values()))} from {one.table} limit {SAMPLE_ROWS}"
    counted = ", ".join(f"count(distinct {name})" for name in names.values())
    ((rows, *values),) = one.engine.fetch(f"select count(*), {counted} from ({first}) as _ff_first")
    is_large = rows == SAMPLE_ROWS
    found = zip(patterns.items(), values, strict=True)
    return {check: spell for (check, spell), count in found if is_large and count <= FEW}


def _by_value(query: CheckQuery, spell: Spelled) -> CheckQuery:
    rule, spelling = query.check.rule, spell.spelling
    assert isinstance(rule, MatchesRegex)
    offends = f"not ({spelling.matches(spelling.cast('_ff_value', 'text'), rule.pattern)})"
    failing = f"coalesce(sum(case when {offends} then _ff_rows end), 0)"
    groups = f"select {spell.name(rule.column)} as _ff_value, count(*) as _ff_rows from {spell.rows} group by 1"
    nothing = spelling.cast("null", "integer")
    counted = f"select {failing} as failing, {nothing} as total from ({groups}) as _ff_values"
    return replace(query, count=None, counted=counted)

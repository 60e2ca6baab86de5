"""Shared queries of checks: one scan of a relation, and one statement for all checks that group rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fft_core.checks.query import CheckQuery
from fft_core.engines.protocol import Row
from fft_core.project.model import SqlCheck


@dataclass(frozen=True)
class Scan:
    """The result of one scan.

    Attributes:
        row_count: The number of rows of the relation.
        digest: The digest of all rows, if it was requested.
        counts: The failing rows, by the names of checks.
        measures: The measurements to keep for the next build, by the names of checks.
        judged: The numbers of rows that conditions of checks choose, by their text.
        seconds: The time that it took.
    """

    row_count: int
    digest: str | None
    counts: Mapping[str, int]
    measures: Mapping[str, float | None]
    judged: Mapping[str, int]
    seconds: float

    def total(self, query: CheckQuery) -> int | None:
        """Return the number that the failing rows are a part of; None for rules that count no rows."""
        if query.check.rule.counts is None:
            return None
        condition = _condition(query)
        return self.row_count if condition is None else self.judged[condition]


def shared_scan(
    table: str, queries: Sequence[CheckQuery], digest: str, fetch: Callable[[Sequence[CheckQuery], str], list[Row]]
) -> Scan:
    """Scan a relation once.

    Args:
        table: The relation, with the alias that the digest uses.
        queries: The queries of all checks on it.
        digest: An aggregate over the rows.
        fetch: Runs the query; it also gets the checks that share it.
    """
    counted = {query.check.name: query.count for query in queries if query.count is not None}
    measures = {query.check.name: query.measure for query in queries if query.measure is not None}
    conditions = list(dict.fromkeys(_conditions(queries)))
    judged = [f"count(case when {condition} then 1 end)" for condition in conditions]
    asked = ", ".join(["count(*)", digest, *counted.values(), *measures.values(), *judged])
    began = time.perf_counter()
    in_it = [query for query in queries if query.count is not None or _condition(query) is not None]
    ((row_count, rows_digest, *values),) = fetch(in_it, f"select {asked} from {table}")
    found = iter(values)
    return Scan(
        int(row_count),
        rows_digest,
        {name: int(next(found)) for name in counted},
        {name: _number(next(found)) for name in measures},
        {condition: int(next(found)) for condition in conditions},
        time.perf_counter() - began,
    )


@dataclass(frozen=True)
class Groups:
    """The result of one statement: the numbers of failures and, if counted, the totals, by the names of checks."""

    counts: Mapping[str, tuple[int, int | None]]
    seconds: float


def shared_groups(queries: Sequence[CheckQuery], fetch: Callable[[Sequence[CheckQuery], str], list[Row]]) -> Groups:
    """Run in one statement the queries that need more than the scan; the database runs its parts in parallel."""
    asked = [query for query in queries if query.counted is not None]
    if not asked:
        return Groups({}, 0.0)
    parts = [
        f"select {position} as position, failing, total from ({query.counted}) as _ff_counted"
        for position, query in enumerate(asked)
    ]
    began = time.perf_counter()
    rows = fetch(asked, " union all ".join(parts))
    found = {asked[position].check.name: _pair(failing, total) for position, failing, total in rows}
    return Groups(found, time.perf_counter() - began)


def _pair(failing: int, total: int | None) -> tuple[int, int | None]:
    return int(failing), None if total is None else int(total)


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _conditions(queries: Sequence[CheckQuery]) -> Iterator[str]:
    for query in queries:
        condition = _condition(query)
        if condition is not None:
            yield condition


def _condition(query: CheckQuery) -> str | None:
    """Return the condition of the rows that a check judges, if it counts rows; a custom check uses its own itself."""
    rule = query.check.rule
    counts_rows = rule.counts == "rows" and not isinstance(rule, SqlCheck) and not rule.is_of_other
    return f"({query.check.where}\n)" if counts_rows and query.check.where else None

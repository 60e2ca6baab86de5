"""One scan of a relation for all checks that can share it: numbers of rows, of failing ones, measures, and a digest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fft_core.checks.query import CheckQuery
from fft_core.engines.protocol import Row
from fft_core.project.model import SqlCheck


@dataclass(frozen=True)
class Scan:
    """What one scan found.

    Attributes:
        row_count: The rows of the relation.
        digest: Of all of them, if it was asked for.
        counts: The failing rows, by the names of checks.
        measures: What is kept for the build to come, by the names of checks.
        judged: The rows that conditions of checks choose, by their text.
        seconds: How long it took.
    """

    row_count: int
    digest: str | None
    counts: Mapping[str, int]
    measures: Mapping[str, float | None]
    judged: Mapping[str, int]
    seconds: float

    def total(self, query: CheckQuery) -> int | None:
        """Of how many rows the failing ones are; None if a rule finds one fault or none."""
        if query.check.rule.counts is None:
            return None
        condition = _condition(query)
        return self.row_count if condition is None else self.judged[condition]


def shared_scan(
    table: str, queries: Sequence[CheckQuery], digest: str, fetch: Callable[[Sequence[CheckQuery], str], list[Row]]
) -> Scan:
    """Scan a relation once.

    Args:
        table: The relation, with the alias that the digest knows.
        queries: All checks that judge it.
        digest: An aggregate over the rows.
        fetch: Runs the query; it is told which checks are in it.
    """
    counted = {query.check.name: query.count for query in queries if query.count is not None}
    measures = {query.check.name: query.measure for query in queries if query.measure is not None}
    conditions = list(dict.fromkeys(_conditions(queries)))
    judged = [f"count(case when {condition} then 1 end)" for condition in conditions]
    asked = ", ".join(["count(*)", digest, *counted.values(), *measures.values(), *judged])
    began = time.perf_counter()
    ((row_count, rows_digest, *values),) = fetch(queries, f"select {asked} from {table}")
    found = iter(values)
    return Scan(
        int(row_count),
        rows_digest,
        {name: int(next(found)) for name in counted},
        {name: _number(next(found)) for name in measures},
        {condition: int(next(found)) for condition in conditions},
        time.perf_counter() - began,
    )


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _conditions(queries: Sequence[CheckQuery]) -> Iterator[str]:
    for query in queries:
        condition = _condition(query)
        if condition is not None:
            yield condition


def _condition(query: CheckQuery) -> str | None:
    """Return which rows a check judges, if it counts them; a custom check does what it wants with its condition."""
    counts_rows = query.check.rule.counts == "rows" and not isinstance(query.check.rule, SqlCheck)
    return f"({query.check.where}\n)" if counts_rows and query.check.where else None

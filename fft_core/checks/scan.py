"""What checks can be asked together: in one scan of a relation, or in one statement for all that make groups."""

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
    """What one statement found: how much fails and, if it is counted, of how much, by the names of checks."""

    counts: Mapping[str, tuple[int, int | None]]
    seconds: float


def shared_groups(queries: Sequence[CheckQuery], fetch: Callable[[Sequence[CheckQuery], str], list[Row]]) -> Groups:
    """Ask in one statement what needs more than the scan: the database works on its parts at once."""
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
    """Return which rows a check judges, if it counts them; a custom check does what it wants with its condition."""
    rule = query.check.rule
    counts_rows = rule.counts == "rows" and not isinstance(rule, SqlCheck) and not rule.is_of_other
    return f"({query.check.where}\n)" if counts_rows and query.check.where else None

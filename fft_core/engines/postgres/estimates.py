"""What the planner of Postgres expects a query to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fft_core.engines.protocol import Row


class PostgresEstimates:
    """Reads plans: EXPLAIN gives for each node the rows that it expects, and their width in bytes."""

    def __init__(self, fetch: Callable[[str], list[Row]]) -> None:
        self._fetch = fetch

    def bytes_of(self, sql: str) -> int | None:
        ((plans,),) = self._fetch(f"explain (format json) {sql}")
        return sum(_bytes(node) for plan in plans for node in _nodes(plan["Plan"]) if "Plans" not in node)


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _bytes(node: Mapping[str, Any]) -> int:
    """What a leaf gives, which is a scan: rows after its filter, times their width."""
    return int(node["Plan Rows"]) * int(node["Plan Width"])

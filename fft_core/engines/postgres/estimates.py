"""The bytes that a query is expected to read on Postgres, by the plan of its planner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fft_core.engines.postgres.spelling import SPELLING
from fft_core.engines.protocol import Row
from fft_core.names import Relation


class PostgresEstimates:
    """Estimates by plans: a scan of a whole table reads all of it, any other scan its expected rows."""

    def __init__(self, fetch: Callable[[str], list[Row]]) -> None:
        self._fetch = fetch

    def bytes_of(self, sql: str) -> int | None:
        ((plans,),) = self._fetch(f"explain (verbose, format json) {sql}")
        leaves = [node for plan in plans for node in _nodes(plan["Plan"]) if "Plans" not in node]
        whole = [Relation(node["Relation Name"], node["Schema"]) for node in leaves if node["Node Type"] == "Seq Scan"]
        others = [
            int(node["Plan Rows"]) * int(node["Plan Width"]) for node in leaves if node["Node Type"] != "Seq Scan"
        ]
        return sum(others) + self._size_of(whole)

    def _size_of(self, relations: list[Relation]) -> int:
        names = [SPELLING.literal(relation.sql(SPELLING)) for relation in relations]
        ((size,),) = self._fetch(f"select {' + '.join(f'pg_relation_size({name})' for name in names) or '0'}")
        return int(size)


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)

"""The OpenAPI document against a server: what it describes is what is answered, also to input that nobody sends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks
from serve_process import serving
from serve_project import SCHEMA, Served, orders
from sweeps import examples

TYPES = """\
{{ config(serve=true) }}
select
  i as id, i % 2 = 0 as flag, cast(i as double precision) / 8 as ratio, 'said ' || i as said,
  cast('2026-01-31' as date) + i as day, cast('2026-01-31 12:30:00.125' as timestamp) as seen,
  cast('{"a": [1, 2.50]}' as json) as doc, case when i > 1 then i end as "limit"
from (select unnest(array[0, 1, 2, 3]) as i) as numbers
"""
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
]


@pytest.fixture
def address(served_place: Served) -> Iterator[str]:
    served_place.write(
        {"models/orders.ff.sql": orders(range(20)), "models/schema.yml": SCHEMA, "models/types.ff.sql": TYPES}
    )
    served_place.build()
    with serving(served_place, LOG_LEVEL="error") as (_, found):
        yield found
        wait_for_builds(found)


def wait_for_builds(address: str) -> None:
    """Wait for the builds that were begun: they are processes of their own."""
    deadline = time.monotonic() + 120
    while any(one["ended_at"] is None for one in httpx.get(f"{address}/builds", timeout=30).json()["builds"]):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_each_documented_call_is_answered_as_documented(address: str) -> None:
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    seen = set()
    found: Any
    for found in schema.get_all_operations():
        operation = found.ok()
        seen.add((operation.method, operation.path))
        for mode in GenerationMode:
            try_all(operation, mode)
    assert ("get", "/models/types/rows") in seen
    assert len(seen) == 19


def try_all(operation: Any, mode: GenerationMode) -> None:
    count = examples(5, 300)
    if (operation.method, operation.path) == ("post", "/builds") and mode == GenerationMode.POSITIVE:
        count = examples(1, 5)  # each may be a build

    @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Any) -> None:
        answer = case.call(timeout=60)
        is_told = answer.status_code in (503, 504)  # not built, busy, or too slow: with a code
        case.validate_response(answer, checks=CHECKS if is_told else [*CHECKS, not_a_server_error])

    try:
        call()
    except Unsatisfiable:
        assert mode == GenerationMode.NEGATIVE  # nothing of some calls can be wrong

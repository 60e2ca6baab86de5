"""Each type of check on a local Spark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from checks_on_servers import (
    each_case_passes_and_fails,
    patterns_find_what_they_find_elsewhere,
    session_on,
    types_are_what_the_engine_takes_them_for,
    what_cannot_be_evaluated_is_named,
)
from sweeps import only_in_sweeps

from fft_core.engines.protocol import Session

pytestmark = only_in_sweeps

ABSENT = ("uuid", "infinity")
TYPES = {
    ("bigint", "bigint"): 0,
    ("bigint", "integer"): 1,
    ("decimal(9, 2)", "decimal(9, 2)"): 0,
    ("decimal(9, 3)", "decimal(9, 2)"): 1,
    ("string", "varchar"): 0,
    ("double", "double"): 0,
    ("boolean", "boolean"): 0,
    ("date", "timestamp"): 1,
}


@pytest.fixture(scope="module")
def engine(spark_server: Mapping[str, Any]) -> Iterator[Session]:
    with session_on("databricks_spark", spark_server) as session:
        yield session


def test_what_passes_and_what_fails(engine: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    each_case_passes_and_fails(engine, monkeypatch, ABSENT)


def test_types_are_what_the_engine_takes_them_for(engine: Session) -> None:
    types_are_what_the_engine_takes_them_for(engine, TYPES)


def test_patterns_find_what_they_find_elsewhere(engine: Session) -> None:
    patterns_find_what_they_find_elsewhere(engine)


def test_what_cannot_be_evaluated_is_named(engine: Session) -> None:
    what_cannot_be_evaluated_is_named(engine)

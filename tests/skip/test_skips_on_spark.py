"""The oracles and the kill tests on a real Spark, with tables of Parquet, whose rows cannot be changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import seed
from skip_helpers import Place, place
from sweeps import FIRST_SEED, examples, only_in_sweeps
from targets import Target
from test_ended_anywhere import NAMES, end_after_statements
from test_oracle import Oracle, ask
from test_oracle_increments import KeptOracle

# The statements of a build of all models come to some 130: a sweep takes each seventh.
STEP = 7


@pytest.fixture(scope="module")
def target(spark_server: Mapping[str, Any]) -> Target:
    return Target(None, "databricks_spark", spark_server)


@pytest.fixture
def made(tmp_path: Path, target: Target) -> Iterator[Place]:
    with target.profile() as profile:
        yield place(tmp_path / "project", {"profiles.yml": profile})


@only_in_sweeps
def test_a_run_with_skips_equals_a_clean_build(target: Target) -> None:
    ask(seed(FIRST_SEED)(type("Shard", (Oracle,), {"target": target})), examples(1, 6), steps=4)


@only_in_sweeps
def test_what_is_kept_and_what_is_added(target: Target) -> None:
    ask(seed(FIRST_SEED)(type("Shard", (KeptOracle,), {"target": target})), examples(1, 6), steps=4)


@only_in_sweeps
def test_a_build_may_end_after_each_of_its_statements(made: Place) -> None:
    """Also `append` is applied once, wherever the build ended."""
    assert end_after_statements(made, STEP, exactly_once=True) > len(NAMES)

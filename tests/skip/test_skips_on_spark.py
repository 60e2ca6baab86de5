"""The oracles and the kill tests on a real Spark, with tables of Parquet, whose rows cannot be changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import seed
from hypothesis.stateful import invariant
from skip_helpers import Place, place
from sweeps import FIRST_SEED, examples, only_in_sweeps
from targets import Target
from test_ended_anywhere import NAMES, end_after_statements
from test_oracle import Oracle, ask
from test_oracle_increments import KeptOracle
from world import World

from fft_core.engines.by_statement import SwapByStatement


class OnParquet:
    """A stage keeps the replaced rows of its table for readers, until the next build of the table."""

    world: World

    @invariant()
    def no_stage_is_left(self) -> None:
        warehouse = self.world.warehouse
        if warehouse is None:
            return
        place, publisher = warehouse.relation("any"), warehouse.engine.publisher
        assert isinstance(publisher, SwapByStatement)
        names = warehouse.engine.names_beside(place, "")
        left = {name for name in names if name.lower().startswith(("_ff_stage", "_ff_swap", "by_hand"))}
        assert left <= {one.name for one in publisher.retired(place, "_ff_swap_")}
        assert len({name.rpartition("_")[0] for name in left}) == len(left), "a table has two"


# A build of all models has some 80 statements: a sweep takes each seventh, and with another FFT_SWEEP_SEED other ones.
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
    ask(seed(FIRST_SEED)(type("Shard", (OnParquet, Oracle), {"target": target})), examples(1, 6), steps=4)


@only_in_sweeps
def test_what_is_kept_and_what_is_added(target: Target) -> None:
    ask(seed(FIRST_SEED)(type("Shard", (OnParquet, KeptOracle), {"target": target})), examples(1, 6), steps=4)


@only_in_sweeps
def test_a_build_may_end_after_each_of_its_statements(made: Place) -> None:
    """Also `append` is applied once, wherever the build ended."""
    assert end_after_statements(made, STEP, exactly_once=True) > len(NAMES)

"""The oracles and the kill tests on BigQuery's protocol: the emulator proves the order of our statements.

What one statement of the service does, and that it does it wholly, is the service's: see docs/reference/bigquery.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import seed
from skip_helpers import Place, place
from sweeps import FACTOR, FIRST_SEED, examples
from targets import Target
from test_ended_anywhere import NAMES, end_after_statements
from test_oracle import Oracle, ask
from test_oracle_increments import KeptOracle

# The statements of a build of all models come to some 90: each of them in a sweep, some of them each time.
STEP = 41 if FACTOR == 1 else 3


@pytest.fixture(scope="module")
def target(bigquery_server: Mapping[str, Any]) -> Target:
    return Target(None, "bigquery", bigquery_server)


@pytest.fixture
def made(tmp_path: Path, target: Target) -> Iterator[Place]:
    with target.profile() as profile:
        yield place(tmp_path / "project", {"profiles.yml": profile})


def test_a_run_with_skips_equals_a_clean_build(target: Target) -> None:
    ask(seed(FIRST_SEED)(type("Shard", (Oracle,), {"target": target})), examples(1, 40), steps=3)


def test_what_is_kept_and_what_is_added(target: Target) -> None:
    ask(seed(FIRST_SEED)(type("Shard", (KeptOracle,), {"target": target})), examples(1, 40), steps=3)


def test_a_build_may_end_after_each_of_its_statements(made: Place) -> None:
    """The server goes on; nothing of the process that has ended does, not even what would roll back."""
    assert end_after_statements(made, STEP, exactly_once=True) > len(NAMES)

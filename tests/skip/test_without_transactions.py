"""The oracles and the kill tests on a warehouse without transactions: what is skipped is never wrong there, either."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from autocommit_installed import autocommit_installed
from hypothesis import seed
from skip_helpers import place
from sweeps import FIRST_SEED, examples
from targets import Target
from test_increments_killed import BOTH, MODELS, NEW, Chain, killed_in_an_increment
from test_oracle import Oracle, ask
from test_oracle_increments import KeptOracle

from fft_core import Run, load_project
from fft_core.build.publish import BuildResult
from fft_core.engines.leftovers import KEPT_SECONDS, swap_name


@pytest.fixture(scope="module")
def target(postgres_dsn: str) -> Iterator[Target]:
    with autocommit_installed():
        yield Target(postgres_dsn, "autocommit")


@pytest.fixture
def chain(tmp_path: Path, target: Target) -> Iterator[Chain]:
    with target.profile() as profile:
        yield Chain(place(tmp_path / "project", {"profiles.yml": profile}))


def test_a_run_with_skips_equals_a_clean_build(target: Target) -> None:
    ask(seed(FIRST_SEED)(type("Shard", (Oracle,), {"target": target})), examples(4, 60), steps=6)


def test_what_is_kept_and_what_is_added(target: Target) -> None:
    ask(seed(FIRST_SEED)(type("Shard", (KeptOracle,), {"target": target})), examples(3, 40), steps=5)


@pytest.mark.parametrize("attempt", range(examples(2, 15)))
def test_a_killed_increment_is_done_wholly_or_not_at_all(chain: Chain, attempt: int) -> None:
    killed_in_an_increment(chain, attempt)
    assert not chain.place.build().failed
    assert chain.versions("merged") == NEW
    # the rows and the record of an increment are applied together: once, whenever it was killed
    assert chain.versions("added") == BOTH
    assert chain.versions("history") == BOTH
    assert not chain.place.due()


def test_what_a_kill_leaves_staged_is_removed_by_a_build_of_the_next_day(chain: Chain) -> None:
    chain.write(1)
    assert not chain.place.build().failed
    left = swap_name("merged", time.time() - KEPT_SECONDS - 1)
    fresh, of_others = swap_name("merged", time.time() - KEPT_SECONDS + 600), left.replace("_ff_swap_", "_ff_swap_0")
    for name in (left, fresh, of_others):
        chain.place.sql(f"create table {name} as select 1 as a")
    chain.write(2)
    assert not chain.place.build().failed
    assert chain.tables() == {"start", *MODELS, "_ff_meta", "_ff_migrations", fresh, of_others}


def test_a_build_that_fails_leaves_nothing_staged(tmp_path: Path, target: Target) -> None:
    with target.profile() as profile:
        project = "name: p\nversion: '1'\ntests:\n  - {type: not_null, table: t, column: a}\n"
        made = place(tmp_path, {"profiles.yml": profile, "project.yml": project, "models/t.ff.sql": "select 1 as a"})
        assert not made.build().failed
        made.write({"models/t.ff.sql": "select cast(null as integer) as a"})
        assert made.build().failed == {"t"}
        assert made.sql("select a from t") == [(1,)]
        assert Chain(made).tables() == {"t", "_ff_meta", "_ff_migrations"}


def test_a_published_view_that_cannot_be_judged_in_time_is_named(tmp_path: Path, target: Target) -> None:
    """Its text is another one than the project's, so that only the published rows would show what its check says."""
    with target.profile() as profile:
        checks = "tests:\n  - {type: not_null, table: v, column: id}\n"
        made = place(tmp_path, {"profiles.yml": profile, "project.yml": f"name: p\nversion: '1'\n{checks}"})
        view = "{{ config(materialized='view') }} select id from {{ ref('t') }}"
        made.write({"models/t.ff.sql": "select 1 as id", "models/v.ff.sql": view})
        assert not made.build().failed
        made.write({"models/t.ff.sql": "select 2 as id", "models/v.ff.sql": f"{view} where id > 0"})
        with Run(load_project(tmp_path, "dev", environment={}), nodes={"t"}) as run:
            (result,) = [run.build(node) for node in run.order()]
        assert isinstance(result, BuildResult)
        assert [one.view for one in result.unjudged] == ["v"]
        assert "this engine cannot undo" in result.unjudged[0].reason


def test_a_plan_says_that_a_name_is_missing_for_a_moment(tmp_path: Path, target: Target) -> None:
    with target.profile() as profile:
        made = place(tmp_path, {"profiles.yml": profile, "models/t.ff.sql": "select 1 as id"})
        assert not made.build().failed
        made.write({"models/t.ff.sql": "{{ config(materialized='view') }} select 1 as id"})
        (decision,) = made.plan().decisions
        assert "kind_changed" in [reason.kind for reason in decision.reasons]
        assert "the table is dropped before the view has its name" in decision.reasons[-1].detail
        assert not made.build().failed
        assert not made.due()

"""Budgets: a query that would read too much is not run, and a run that has spent too much fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from run_helpers import installed_fft, run_results
from skip_helpers import Place, place
from targets import Target

from fft_core import FftError, Run, load_project
from fft_core.build.publish import BuildResult
from fft_core.build.query_limit import QueryTooLargeError
from fft_dagster import build_definitions
from fft_dagster.execution.executor import iterate_run

FILES = {
    "models/a.ff.sql": "{{ config(tags=['large']) }} select i from generate_series(1, 1000) as t(i)",
    "models/b.ff.sql": "select i from {{ ref('a') }}",
}


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Place]:
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        yield place(tmp_path / "project", {**FILES, "profiles.yml": profile})


@pytest.fixture
def postgres(tmp_path: Path, postgres_dsn: str) -> Iterator[Place]:
    with Target(postgres_dsn).profile() as profile:
        yield place(tmp_path / "project", {**FILES, "profiles.yml": profile})


def build(shop: Place, **environment: str) -> dict[str, int | None]:
    with Run(load_project(shop.root, "dev", environment=environment)) as run:
        results = [run.build(node) for node in run.order()]
    return {r.decision.name: r.bytes_scanned for r in results if isinstance(r, BuildResult)}


def test_what_the_run_its_models_and_tags_have_spent_is_held_against_the_budgets(shop: Place) -> None:
    total, tags = "total: {rows: {warn: 1_500, error: 5_000}}", "tags: {large: {rows: {warn: 1}}}"
    shop.write({"budgets.yml": f"version: 1\n{total}\n{tags}\n"})
    ended = installed_fft("build", shop.root)
    assert ended.code == 0
    assert ended.err.splitlines() == [
        "[BUDGET] warning: the run: 2,000 rows written, and the limit is 1,500",
        "[BUDGET] warning: tag large: 1,000 rows written, and the limit is 1",
    ]
    shop.write({"budgets.yml": "version: 1\nmodels: {b: {rows: {error: 1_000}}}\n"})
    assert installed_fft("build", shop.root).code == 0  # nothing is built, and nothing spent
    ended = installed_fft("build", shop.root, "--rebuild", "*")
    assert ended.code == 1
    assert ended.err.splitlines() == ["[BUDGET] error: model b: 1,000 rows written, and the limit is 1,000"]
    assert not shop.due()


def test_a_run_of_dagster_that_is_over_budget_fails(shop: Place) -> None:
    shop.write({"budgets.yml": "version: 1\ntotal: {rows: {error: 1_500}}\n"})
    job = build_definitions(shop.root, "dev").resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        events = list(iterate_run(job, instance.create_run_for_job(job), instance))
    (failure,) = [event for event in events if event.event_type_value == "PIPELINE_FAILURE"]
    error = failure.job_failure_data.error
    assert error is not None
    assert "over budget: the run: 2,000 rows written" in error.to_string()
    assert not shop.due()


def test_a_query_that_would_read_too_much_is_not_run(postgres: Place) -> None:
    assert build(postgres) == {"a": None, "b": None}  # nobody asks
    postgres.write({"models/b.ff.sql": "select i + 1 as i from {{ ref('a') }}"})
    said = r"model 'b' would read [\d,]+ bytes, more than the limit of a query, 100"
    with pytest.raises(QueryTooLargeError, match=said):
        build(postgres, FF_PG_MAX_BYTES="100")
    assert postgres.sql("select min(i) from b") == [(1,)]
    spent = build(postgres, FF_PG_MAX_BYTES="1_000_000")
    assert list(spent) == ["b"]
    assert (spent["b"] or 0) > 1_000
    postgres.write({"models/b.ff.sql": "select i + 2 as i from {{ ref('a') }}"})
    with pytest.raises(FftError, match="FF_PG_MAX_BYTES must be a number of bytes, not 'much'"):
        build(postgres, FF_PG_MAX_BYTES="much")


def test_what_was_expected_stands_in_the_results_of_a_run(postgres: Place) -> None:
    postgres.write({"budgets.yml": "version: 1\ntotal: {bytes_scanned: {warn: 1}}\n"})
    ended = installed_fft("build", postgres.root)
    assert "[BUDGET] warning: the run: " in ended.err
    assert "bytes scanned, and the limit is 1" in ended.err
    assert all(result["bytes_scanned"] > 0 for result in run_results(postgres.root)["results"])


def test_an_engine_that_cannot_tell_has_no_guard_and_no_zero(tmp_path: Path) -> None:
    shop = place(tmp_path, FILES)
    assert build(shop, FF_DUCKDB_MAX_BYTES="1") == {"a": None, "b": None}


@pytest.mark.parametrize("limit", ["much", "1e6"])
def test_a_limit_that_is_no_number_ends_a_run_before_it_builds(shop: Place, limit: str, target: Target) -> None:
    variable = f"FF_{'PG' if target.engine == 'postgres' else 'DUCKDB'}_MAX_BYTES"
    shop.write({"seeds/s.csv": "id\n1\n"})
    ended = installed_fft("build", shop.root, cwd=None, **{variable: limit})
    assert ended.code == 1
    assert ended.err.startswith(f"error: {variable} must be a number of bytes, not {limit!r}")
    assert set(shop.due()) == {"a", "b", "s"}

"""The checks of views in the steps of what they read: what a run does, and what its history says."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from conftest import FinishedRun, MakeInstance, write
from fft_core import load_project
from fft_dagster import project_definitions
from fft_dagster.execution.executor import iterate_run

GOOD, BAD = "id\n1\n2\n", "id\n1\n1\n"
VIEW = "{{ config(materialized='view') }} "
FILES = {
    "project.yml": "name: v\nversion: '1'\ntests:\n  - {type: unique, table: users, column: id}\n"
    "  - {type: not_null, table: users, column: id, severity: warn}\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: v.duckdb}}\n",
    "seeds/raw.csv": GOOD,
    "models/users.ff.sql": VIEW + "select id from {{ ref('raw') }}",
    "models/counts.ff.sql": "select count(*) as n from {{ ref('users') }}",
}
TWO = {
    "project.yml": "name: v\nversion: '1'\ntests:\n  - {type: unique, table: both, column: id}\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: v.duckdb}}\n",
    "seeds/a.csv": "id\n1\n",
    "seeds/b.csv": "id\n2\n",
    "models/both.ff.sql": VIEW + "select id from {{ ref('a') }} union all select id from {{ ref('b') }}",
}


@pytest.fixture(params=["pooled", "stock"])
def instance(make_instance: MakeInstance, request: pytest.FixtureRequest) -> dg.DagsterInstance:
    return make_instance(request.param)


def run(root: Path, instance: dg.DagsterInstance, *selected: str) -> FinishedRun:
    """Run all assets, or these, with the threads of the project's own executor."""
    definitions = project_definitions(load_project(root, "dev", environment={}))
    job = definitions.resolve_implicit_global_asset_job_def()
    keys = frozenset(dg.AssetKey(name) for name in selected) or None
    if keys is not None:
        job = job.get_subset(asset_selection=keys)
    created = instance.create_run_for_job(job, asset_selection=keys)
    events = list(iterate_run(job, created, instance))
    finished = instance.get_run_by_id(created.run_id)
    assert finished is not None
    return FinishedRun(finished, events)


def evaluations(finished: FinishedRun) -> list[tuple[str, str, bool, str]]:
    """What was told of checks: of which asset, by which step."""
    found = [e for e in finished.events if e.event_type_value == "ASSET_CHECK_EVALUATION"]
    data = [(e.asset_check_evaluation_data, e.step_key or "") for e in found]
    return [(d.asset_key.path[-1], d.check_name, d.passed, step) for d, step in data]


def latest(instance: dg.DagsterInstance, asset: str, check: str) -> tuple[AssetCheckExecutionRecordStatus, str, str]:
    """What the UI shows of a check: its state, the run, and which rows it says it judged."""
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert record.event is not None
    assert record.event.dagster_event is not None
    evaluation = record.event.dagster_event.asset_check_evaluation_data
    return record.status, record.run_id, str(evaluation.metadata["judged"].value)


def test_the_step_of_the_table_fails_and_the_check_of_the_view_says_why(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    root = write(tmp_path / "v", FILES)
    assert run(root, instance).status == "SUCCESS"
    write(root, {"seeds/raw.csv": BAD})
    finished = run(root, instance)
    assert finished.status == "FAILURE"
    assert finished.steps("STEP_FAILURE") == ["raw"]
    assert finished.steps("STEP_START") == ["raw"]
    assert evaluations(finished) == [("users", "unique_id", False, "raw")]
    assert latest(instance, "users", "unique_id") == (
        AssetCheckExecutionRecordStatus.FAILED,
        finished.run.run_id,
        "staged rows, which were not published (in the step of raw)",
    )
    (failure,) = [e for e in finished.events if e.is_step_failure]
    error = failure.step_failure_data.user_failure_data
    assert error is not None
    assert "raw is not published: its rows would fail 1 check(s) of the view users" in str(error.description)


def test_a_run_tells_each_check_once(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    root = write(tmp_path / "v", FILES)
    first = run(root, instance)
    assert sorted(evaluations(first)) == [
        ("users", "not_null_id", True, "users"),
        ("users", "unique_id", True, "users"),
    ]
    assert latest(instance, "users", "unique_id") == (
        AssetCheckExecutionRecordStatus.SUCCEEDED,
        first.run.run_id,
        "the rows of raw, before they were published",
    )


def test_the_check_of_a_view_that_is_not_in_the_run_is_told_by_the_table(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    root = write(tmp_path / "v", FILES)
    run(root, instance)
    write(root, {"seeds/raw.csv": "id\n3\n"})
    finished = run(root, instance, "raw")
    assert finished.status == "SUCCESS"
    assert evaluations(finished) == [("users", "unique_id", True, "raw")]
    status, run_id, judged = latest(instance, "users", "unique_id")
    assert (status, run_id) == (AssetCheckExecutionRecordStatus.SUCCEEDED, finished.run.run_id)
    assert judged == "the rows of raw, before they were published (in the step of raw)"
    write(root, {"seeds/raw.csv": BAD})
    assert evaluations(run(root, instance, "raw")) == [("users", "unique_id", False, "raw")]


def test_tables_under_one_view_go_one_after_the_other(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    root = write(tmp_path / "v", TWO)
    finished = run(root, instance)
    assert finished.status == "SUCCESS"
    assert finished.steps("STEP_START") == ["a", "b", "both"]
    write(root, {"seeds/a.csv": "id\n2\n", "seeds/b.csv": "id\n1\n"})  # alone, either would repeat an id
    assert run(root, instance).status == "SUCCESS"
    write(root, {"seeds/a.csv": "id\n1\n"})
    finished = run(root, instance)  # b has its turn as well, and is reused: nothing is left to a
    assert finished.steps("STEP_FAILURE") == ["a"]
    assert finished.steps("STEP_START") == ["a"]
    assert evaluations(finished) == [("both", "unique_id", False, "a")]


def test_a_table_does_not_wait_for_one_that_is_not_in_the_run(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    root = write(tmp_path / "v", TWO)
    run(root, instance)
    write(root, {"seeds/a.csv": "id\n2\n", "seeds/b.csv": "id\n1\n"})
    assert run(root, instance, "a").steps("STEP_FAILURE") == ["a"]
    assert run(root, instance, "b").steps("STEP_FAILURE") == ["b"]
    assert run(root, instance, "a", "b").status == "SUCCESS"

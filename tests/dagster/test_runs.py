"""Runs of the command line in the history: of a job that all definitions have, with what they select."""

import time
from pathlib import Path

import dagster as dg
import pytest

from conftest import MakeInstance
from fft_core import Project, Request, load_project
from fft_core.run.outcomes import StepEnded
from fft_core.run.work import Work
from fft_dagster import build_definitions
from fft_dagster.runs.runs import run_work


@pytest.fixture
def project(tmp_path: Path) -> Project:
    files = {
        "project.yml": "name: shop\nversion: '1'\ntests:\n"
        "  - {type: not_null, table: a, column: id}\n  - {type: unique, table: a, column: id}\n",
        "profiles.yml": "dev: {engine: duckdb, duckdb: {path: shop.duckdb}}\n",
        "sources.yml": "version: 2\nsources: [{name: web, tables: [{name: a, tests: [{not_null: {column: id}}]}]}]\n",
        "models/a.ff.sql": "select 1 as id",
        "models/b.ff.sql": "select id from {{ ref('a') }}",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return load_project(tmp_path, "dev")


def run(project: Project, instance: dg.DagsterInstance, work: Work) -> tuple[dg.DagsterRun, dict[str, str]]:
    outcomes = list(run_work(project, work, instance))
    (last, *_) = instance.get_runs(limit=1)
    return last, {o.result.name: o.result.status for o in outcomes if isinstance(o, StepEnded)}


def keys(selection: object) -> set[str]:
    return {key.to_user_string() for key in selection or ()}  # type: ignore[attr-defined]


def test_a_build_selects_its_assets_and_all_their_checks(project: Project, instance: dg.DagsterInstance) -> None:
    made, done = run(project, instance, Work("build", builds=("a", "b")))
    assert (made.job_name, made.status, done) == (
        "__ASSET_JOB",
        dg.DagsterRunStatus.SUCCESS,
        {"a": "built", "b": "built"},
    )
    assert (keys(made.asset_selection), made.asset_check_selection) == ({"a", "b"}, None)
    assert made.tags["fft/command"] == "build"
    made, done = run(project, instance, Work("run", builds=("b",)))
    assert (keys(made.asset_selection), done) == ({"b"}, {"b": "reused"})


def test_checks_alone_select_no_asset(project: Project, instance: dg.DagsterInstance) -> None:
    run(project, instance, Work("build", builds=("a",)))
    unique = next(check for check in project.checks if check.type == "unique")
    on_source = next(check for check in project.checks if not isinstance(check.node, str))
    made, done = run(project, instance, Work("test", checks=(unique, on_source), keep_going=True))
    assert done == {"a": "checked", "web.a": "checked"}
    assert (keys(made.asset_selection), keys(made.asset_check_selection)) == (
        set(),
        {"a:unique_id", "web/a:not_null_id"},
    )


def test_its_origin_is_what_fft_dev_opens(project: Project, instance: dg.DagsterInstance) -> None:
    names = []
    for text in (None, "from fft_dagster import build_definitions"):
        if text:
            (project.root / "definitions.py").write_text(text)
        made, _ = run(project, instance, Work("build", builds=("a",)))
        assert made.remote_job_origin is not None
        names.append(made.remote_job_origin.location_name)
    assert names == ["fft_dagster.location", "definitions.py"]


@pytest.mark.parametrize("storage", ["pooled", "stock"])
def test_a_run_is_suspended_and_resumed(project: Project, make_instance: MakeInstance, storage: str) -> None:
    """A status that not every supported Dagster has."""
    events = getattr(dg.DagsterEventType, "RUN_SUSPENDED", None), getattr(dg.DagsterEventType, "RUN_RESUMED", None)
    if None in events:
        pytest.skip("this Dagster suspends no runs")
    instance = make_instance(storage)
    made, _ = run(project, instance, Work("build", builds=("a",)))
    seen = []
    for event in events:
        said = dg.DagsterEvent(event_type_value=event.value, job_name=made.job_name)  # type: ignore[union-attr]
        instance.handle_new_event(
            dg.EventLogEntry(  # type: ignore[no-untyped-call]
                error_info=None,
                level=20,
                user_message="",
                run_id=made.run_id,
                timestamp=time.time(),
                dagster_event=said,
            )
        )
        now = instance.get_run_by_id(made.run_id)
        assert now is not None
        seen.append(now.status.value)
    assert seen == ["SUSPENDED", "STARTED"]
    assert len(instance.all_logs(made.run_id, of_type=set(events))) == 2  # type: ignore[arg-type]


def test_reasons_speak_of_the_run_config(project: Project, instance: dg.DagsterInstance) -> None:
    run(project, instance, Work("build", builds=("a",)))
    made, _ = run(project, instance, Work("build", builds=("a",), request=Request(rebuild=("a",))))
    (record,) = instance.get_records_for_run(made.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    said = record.event_log_entry.asset_materialization.metadata["reasons"].value  # type: ignore[union-attr]
    assert said == "- requested by rebuild: a in the run config of fft_warehouse"


@pytest.mark.parametrize(
    ("env", "variables", "said"),
    [
        ("dev", {"x": 5}, None),
        ("dev", {"x": 1}, "another engine or other variables"),
        ("other", {"x": 5}, "the environment 'dev'"),
    ],
)
def test_a_run_is_executed_again_only_with_its_own_settings(
    project: Project, instance: dg.DagsterInstance, env: str, variables: dict[str, object], said: str | None
) -> None:
    profiles = "other: {engine: duckdb, duckdb: {path: other.duckdb}}\n"
    (project.root / "profiles.yml").write_text((project.root / "profiles.yml").read_text() + profiles)
    (project.root / "models" / "a.ff.sql").write_text("select {{ var('x', 0) }} as id")
    made, _ = run(load_project(project.root, "dev", variables={"x": 5}), instance, Work("build", builds=("a",)))
    again = build_definitions(project.root, env, variables=variables)
    result = again.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, tags=made.tags, asset_selection=[dg.AssetKey("a")], raise_on_error=False
    )
    assert result.success is (said is None)
    if said is not None:
        errors = [event.message or "" for event in result.all_events if event.is_failure]
        assert any(said in error for error in [*errors, *map(str, result.all_events)])
        assert not (project.root / "other.duckdb").exists()

"""Steps with nothing to do are reported together: their events are those of steps that run, and no change is missed."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from dagster._serdes import serialize_value

from conftest import FinishedRun, MakeInstance, write
from fft_core import load_project
from fft_dagster import project_definitions
from fft_dagster.execution import executor, unchanged
from fft_dagster.execution.executor import iterate_run

FILES = {
    "project.yml": "name: v\nversion: '1'\ntests:\n  - {type: unique, table: a, column: id}\n"
    "  - {type: not_null, table: a, column: id}\n  - {type: not_null, table: told, column: id, severity: warn}\n"
    "  - {type: not_null, table: view, column: id}\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: v.duckdb}}\n",
    "sources.yml": "crm: {users: {schema: main, identifier: users}}\n",
    "seeds/raw.csv": "id\n1\n2\n",
    "models/a.ff.sql": "{{ config(tags=['x']) }} select id, 'ä' as name from {{ ref('raw') }}",
    "models/b.ff.sql": "select a.id from {{ ref('a') }} as a join {{ ref('raw') }} as raw on raw.id = a.id",
    "models/told.ff.sql": "select id from {{ ref('b') }}",
    "models/view.ff.sql": "{{ config(materialized='view') }} select id from {{ ref('b') }}",
    "models/py.ff.py": "from fft_core import model\nimport pandas as pd\n\n\n@model(deps=['b'])\n"
    "def py(b: pd.DataFrame) -> pd.DataFrame:\n    return b\n",
    "models/of_source.ff.sql": "select id from {{ source('crm', 'users') }}",
    "models/last.ff.sql": "select id from {{ ref('py') }} union all select id from {{ ref('of_source') }}",
}


@pytest.fixture(params=["pooled", "stock"])
def instance(make_instance: MakeInstance, request: pytest.FixtureRequest) -> dg.DagsterInstance:
    return make_instance(request.param)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = write(tmp_path / "v", FILES)
    with duckdb.connect(str(root / "v.duckdb")) as connection:
        connection.execute("create table users as select 7 as id")
    return root


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps that are reported without running, as they happen."""
    found: list[str] = []
    stock = unchanged.UnchangedSteps._events

    def noted(self: unchanged.UnchangedSteps, steps: Any, results: Any) -> Iterator[dg.DagsterEvent]:
        found.extend(step.key for step in steps)
        return stock(self, steps, results)

    monkeypatch.setattr(unchanged.UnchangedSteps, "_events", noted)
    return found


def run(
    root: Path, instance: dg.DagsterInstance, assets: list[dg.AssetsDefinition] | None = None, *selected: str
) -> FinishedRun:
    """Run all assets, or these, with the threads of the project's own executor."""
    definitions = project_definitions(load_project(root, "dev", environment={}), assets=assets or [])
    job = definitions.resolve_implicit_global_asset_job_def()
    keys = frozenset(dg.AssetKey(name) for name in selected) or None
    if keys is not None:
        job = job.get_subset(asset_selection=keys)
    created = instance.create_run_for_job(job, asset_selection=keys)
    events = list(iterate_run(job, created, instance))
    finished = instance.get_run_by_id(created.run_id)
    assert finished is not None
    return FinishedRun(finished, events)


def actions(finished: FinishedRun) -> dict[str, str]:
    found = [e for e in finished.events if e.event_type_value == "ASSET_MATERIALIZATION"]
    told = [e.step_materialization_data.materialization for e in found]
    return {m.asset_key.path[-1]: str(m.metadata["action"].value) for m in told if "action" in m.metadata}


def stored(instance: dg.DagsterInstance, finished: FinishedRun) -> dict[str, list[Any]]:
    """All stored events of each step, in their order, without what differs between two runs."""
    found: dict[str, list[Any]] = {}
    for record in instance.get_records_for_run(finished.run.run_id).records:
        entry = record.event_log_entry
        text = serialize_value(entry).replace(finished.run.run_id, "<run>")
        text = re.sub(r'"(timestamp|duration_ms|storage_id|pid)": [\d.]+', r'"\1": 0', text)
        text = re.sub(r'"input_event_pointer/(\w+)": "\d+"', r'"input_event_pointer/\1": "<event>"', text)
        text = re.sub(r'(input_event_pointer/\w+": )"\d+"', r'\1"<event>"', text)
        text = re.sub(r" in \d+(\.\d+)?m?s\.", " in <time>.", text)
        text = re.sub(r'("seconds": \{"__class__": "FloatMetadataEntryData", "value": )[\d.]+', r"\g<1>0", text)
        told = json.loads(text)
        for metadata in _metadata(told):
            if metadata["label"] in ("seconds", "query_seconds"):
                metadata["entry_data"]["value"] = 0
        found.setdefault(entry.step_key or "", []).append(told)
    found.pop("")
    return found


def _metadata(told: Any) -> Iterator[dict[str, Any]]:
    if isinstance(told, dict):
        if told.get("__class__") == "EventMetadataEntry":
            yield told
        for value in told.values():
            yield from _metadata(value)
    elif isinstance(told, list):
        for value in told:
            yield from _metadata(value)


@contextmanager
def each_step_runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(
            executor, "unchanged_steps", lambda context, plan, run, tag: unchanged.UnchangedSteps(context, run, {})
        )
        yield


def test_the_stored_events_are_those_of_steps_that_run(
    root: Path, instance: dg.DagsterInstance, together: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(actions(run(root, instance)).values()) == {"build"}
    assert not together
    with each_step_runs(monkeypatch):
        stock = run(root, instance)
    assert not together
    ours = run(root, instance)
    assert set(together) == {"raw", "a", "b", "py", "view", "of_source", "last"}  # and not the one whose check can warn
    assert (stock.status, ours.status) == ("SUCCESS", "SUCCESS")
    assert actions(ours) == actions(stock) == dict.fromkeys(actions(stock), "reuse")
    assert stored(instance, ours) == stored(instance, stock)


def test_what_refers_to_other_events_refers_to_those_of_the_same_run(root: Path, instance: dg.DagsterInstance) -> None:
    run(root, instance)
    finished = run(root, instance)
    keys = [dg.AssetKey(name) for name in ("raw", "a", "b")]
    last = {
        r.asset_entry.asset_key: r.asset_entry.last_materialization_record for r in instance.get_asset_records(keys)
    }
    raw, a, b = (last[key] for key in keys)
    assert raw is not None
    assert a is not None
    assert b is not None
    assert raw.run_id == a.run_id == b.run_id == finished.run.run_id
    materialization = b.event_log_entry.asset_materialization
    assert materialization is not None
    assert materialization.tags is not None
    assert materialization.tags["dagster/input_event_pointer/a"] == str(a.storage_id)
    assert materialization.tags["dagster/input_event_pointer/raw"] == str(raw.storage_id)
    check = dg.AssetCheckKey(dg.AssetKey("a"), "unique_id")
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key([check])[check]
    assert record.event is not None
    assert record.event.dagster_event is not None
    target = record.event.dagster_event.asset_check_evaluation_data.target_materialization_data
    assert target is not None
    assert (target.run_id, target.storage_id, target.timestamp) == (finished.run.run_id, a.storage_id, a.timestamp)


def test_an_edit_runs_what_is_below_it(root: Path, instance: dg.DagsterInstance, together: list[str]) -> None:
    run(root, instance)
    write(root, {"models/b.ff.sql": FILES["models/b.ff.sql"] + " where a.id < 2"})
    finished = run(root, instance)
    assert set(together) == {"raw", "a", "of_source"}
    builds = {name for name, action in actions(finished).items() if action == "build"}
    assert builds == {"b", "told", "view", "py", "last"}


@pytest.mark.parametrize(
    "statement",
    [
        "drop table {}",
        "delete from {} where id = 1",
        "create or replace table {} as select 5 as id",
        "drop table {}; create table {} as select 5 as id",
    ],
)
@pytest.mark.parametrize("name", ["a", "last"])
def test_a_change_of_the_database_is_seen(
    root: Path, instance: dg.DagsterInstance, together: list[str], statement: str, name: str
) -> None:
    run(root, instance)
    with duckdb.connect(str(root / "v.duckdb")) as connection:
        connection.execute(statement.replace("{}", name))
    finished = run(root, instance)
    assert actions(finished)[name] == "build"
    assert name not in together
    with duckdb.connect(str(root / "v.duckdb")) as connection:
        assert connection.execute("select sum(id) from a").fetchall() == [(3,)]
        assert connection.execute("select sum(id) from last").fetchall() == [(10,)]


def test_a_change_in_the_same_run_is_seen(root: Path, instance: dg.DagsterInstance, together: list[str]) -> None:
    """An asset beside the models drops a table, after others were reported and before the turn of its own step."""

    @dg.asset(key=["crm", "users"], required_resource_keys={"fft_warehouse"}, deps=["raw"])
    def users(context: dg.AssetExecutionContext) -> None:
        with context.resources.fft_warehouse.session() as warehouse:
            warehouse.engine.execute("drop table if exists last")
            warehouse.engine.execute("drop table if exists of_source")

    run(root, instance, [users])
    together.clear()
    finished = run(root, instance, [users])
    assert finished.status == "SUCCESS"
    assert {"raw", "a"} <= set(together)
    assert not {"last", "of_source"} & set(together)
    assert (actions(finished)["last"], actions(finished)["of_source"]) == ("build", "build")
    with duckdb.connect(str(root / "v.duckdb")) as connection:
        assert connection.execute("select sum(id) from last").fetchall() == [(10,)]


def test_a_damaged_record_is_reported_by_the_step_itself(root: Path, instance: dg.DagsterInstance) -> None:
    run(root, instance)
    with duckdb.connect(str(root / "v.duckdb")) as connection:
        connection.execute("drop table _ff_meta")
        connection.execute("create table _ff_meta as select 1 as nothing")
    finished = run(root, instance)
    assert finished.status == "FAILURE"
    assert finished.steps("STEP_FAILURE")[0] == "raw"
    assert finished.steps("STEP_START").count("raw") == 1


def test_selected_assets_alone(root: Path, instance: dg.DagsterInstance, together: list[str]) -> None:
    run(root, instance)
    finished = run(root, instance, None, "a", "py")
    assert set(together) == {"a", "py"}
    assert sorted(actions(finished)) == ["a", "py"]
    assert len([e for e in finished.events if e.event_type_value == "ASSET_CHECK_EVALUATION"]) == 2


def test_a_time_limit_or_hooks_let_a_step_run(root: Path, instance: dg.DagsterInstance, together: list[str]) -> None:
    write(root, {"models/b.ff.sql": "{{ config(timeout=30) }}" + FILES["models/b.ff.sql"]})
    run(root, instance)
    run(root, instance)
    assert set(together) == {"raw", "a", "of_source"}  # what is below runs with it
    together.clear()
    write(
        root,
        {
            "project.yml": FILES["project.yml"]
            + "hooks: {on_run_start: [{name: h, kind: sql, sql: 'create table if not exists h (i int)'}]}\n"
        },
    )
    assert run(root, instance).status == "SUCCESS"
    assert not together


def test_hooks_of_the_job_see_each_step(root: Path, instance: dg.DagsterInstance, together: list[str]) -> None:
    seen: list[str] = []

    @dg.success_hook
    def noted(context: dg.HookContext) -> None:
        seen.append(context.op.name)

    definitions = project_definitions(load_project(root, "dev", environment={}))
    job = dg.define_asset_job("all", hooks={noted})
    resolved = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job])).resolve_job_def("all")
    for _ in range(2):
        seen.clear()
        created = instance.create_run_for_job(resolved)
        list(iterate_run(resolved, created, instance))
        assert {"raw", "a", "b"} <= set(seen)
    assert not together

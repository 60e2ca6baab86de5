"""A run of Dagster with skips: what its history says, what it asks again, and what it takes as run config."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest
from skip_helpers import CSV, EVENTS, SOURCES, Place, place

from fft_core import load_project
from fft_dagster import project_definitions

TESTS = "name: skips\nversion: '1'\ntests:\n  - {{type: not_null, table: b, column: id{where}}}\n"
FILES = {
    "project.yml": TESTS.format(where=""),
    "seeds/users.csv": CSV,
    "models/a.ff.sql": "select id from {{ ref('users') }}",
    "models/b.ff.sql": "select id from {{ ref('a') }}",
    "models/c.ff.sql": "select id from {{ ref('b') }}",
}
NAMES = ["users", "a", "b", "c"]


@pytest.fixture(scope="module")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The databases of Dagster, which take long to create."""
    home = tmp_path_factory.mktemp("empty")
    local_instance(home).dispose()
    return home


def local_instance(home: Path) -> dg.DagsterInstance:
    """With our storage: that of Dagster takes a second of a core for each run."""
    ours = {"module": "fft_dagster.storage", "class": "PooledSqliteStorage", "config": {"base_dir": str(home)}}
    return dg.DagsterInstance.local_temp(str(home), overrides={"storage": {"custom": ours}})


@pytest.fixture
def instance(tmp_path: Path, empty_home: Path) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / "home"
    shutil.copytree(empty_home, home)
    with local_instance(home) as instance:
        yield instance


@pytest.fixture
def shop(tmp_path: Path) -> Place:
    return place(tmp_path / "shop", FILES)


def definitions(made: Place, assets: list[dg.AssetsDefinition] | None = None) -> dg.Definitions:
    project = load_project(made.root, "dev", environment=dict(made.environment))
    return project_definitions(project, assets=assets or [], executor=dg.in_process_executor)


def materialize(
    made: Place,
    instance: dg.DagsterInstance,
    *selected: str,
    config: Mapping[str, Any] | None = None,
    assets: list[dg.AssetsDefinition] | None = None,
) -> dg.ExecuteInProcessResult:
    job = definitions(made, assets).resolve_implicit_global_asset_job_def()
    run_config = {"resources": {"fft_warehouse": {"config": dict(config or {})}}}
    keys = [dg.AssetKey(name) for name in selected] or None
    return job.execute_in_process(instance=instance, run_config=run_config, asset_selection=keys, raise_on_error=False)


def actions(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    events = result.get_asset_materialization_events()
    found = [event.step_materialization_data.materialization for event in events]
    return {m.asset_key.path[-1]: str(m.metadata["action"].value) for m in found if "action" in m.metadata}


def versions(instance: dg.DagsterInstance) -> dict[str, str]:
    found = {}
    for name in NAMES:
        event = instance.get_latest_materialization_event(dg.AssetKey(name))
        assert event is not None
        assert event.asset_materialization is not None
        found[name] = (event.asset_materialization.tags or {})["dagster/data_version"]
    return found


def test_a_reused_step_is_reported_with_its_reason_and_its_version(shop: Place, instance: dg.DagsterInstance) -> None:
    assert actions(materialize(shop, instance)) == dict.fromkeys(NAMES, "build")
    before = versions(instance)
    again = materialize(shop, instance)
    assert again.success
    assert actions(again) == dict.fromkeys(NAMES, "reuse")
    assert versions(instance) == before
    event = again.asset_materializations_for_node("c")[0]
    assert str(event.metadata["reasons"].value) == "- nothing changed"


def test_equal_rows_keep_the_version_and_what_is_below_is_reused(shop: Place, instance: dg.DagsterInstance) -> None:
    materialize(shop, instance)
    before = versions(instance)
    shop.write({"models/a.ff.sql": "select id + 0 as id from {{ ref('users') }}"})
    assert actions(materialize(shop, instance)) == {"users": "reuse", "a": "build", "b": "reuse", "c": "reuse"}
    assert versions(instance) == before
    shop.write({"models/a.ff.sql": "select id + 1 as id from {{ ref('users') }}"})
    assert actions(materialize(shop, instance)) == {"users": "reuse", "a": "build", "b": "build", "c": "build"}
    changed = versions(instance)
    assert {name for name in NAMES if changed[name] != before[name]} == {"a", "b", "c"}


def test_the_code_version_is_that_of_the_canonical_code(shop: Place) -> None:
    def code_versions() -> dict[str, str | None]:
        specs = definitions(shop).resolve_all_asset_specs()
        return {spec.key.path[-1]: spec.code_version for spec in specs}

    before = code_versions()
    assert all(before[name] for name in NAMES)
    shop.write({"models/a.ff.sql": "-- why\nSELECT id FROM {{ ref('users') }};"})
    assert code_versions() == before
    shop.write({"models/a.ff.sql": "select id + 1 as id from {{ ref('users') }}"})
    after = code_versions()
    assert {name for name in NAMES if after[name] != before[name]} == {"a"}


def stale(shop: Place, instance: dg.DagsterInstance) -> dict[str, str]:
    """The status that the UI shows."""
    graph = definitions(shop).resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    return {name: resolver.get_status(dg.AssetKey(name)).value for name in NAMES}


def test_the_stale_status_of_the_ui_agrees_with_the_plan(shop: Place, instance: dg.DagsterInstance) -> None:
    materialize(shop, instance)
    materialize(shop, instance)
    assert stale(shop, instance) == dict.fromkeys(NAMES, "FRESH")
    assert not shop.due()
    shop.write({"models/a.ff.sql": "-- why\nselect id from {{ ref('users') }}"})
    assert stale(shop, instance) == dict.fromkeys(NAMES, "FRESH")
    shop.write({"models/a.ff.sql": "select id + 0 as id from {{ ref('users') }}"})
    assert stale(shop, instance)["a"] == "STALE"
    materialize(shop, instance, "a")  # equal rows: what is below is not touched, and is up to date
    assert stale(shop, instance) == dict.fromkeys(NAMES, "FRESH")
    assert not shop.due()


# --- run config -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "built"),
    [
        ({}, set()),
        ({"cache": "rw"}, set()),
        ({"cache": "ro"}, set()),
        ({"cache": "wo"}, set(NAMES)),
        ({"cache": "off"}, set(NAMES)),
        ({"rebuild": ["b"]}, {"b"}),
        ({"rebuild": ["b", "u*"]}, {"b", "users"}),
    ],
)
def test_cache_and_rebuild_as_run_config(
    shop: Place, instance: dg.DagsterInstance, config: Mapping[str, Any], built: set[str]
) -> None:
    shop.build()
    found = actions(materialize(shop, instance, config=config))
    assert {name for name, action in found.items() if action == "build"} == built


def test_a_cache_mode_that_does_not_exist_is_refused(shop: Place) -> None:
    job = definitions(shop).resolve_implicit_global_asset_job_def()
    with pytest.raises(dg.DagsterInvalidConfigError):
        job.execute_in_process(run_config={"resources": {"fft_warehouse": {"config": {"cache": "maybe"}}}})


# --- checks -----------------------------------------------------------------------------------------------------------


BUILT = "the rows of this build, before they were published"


def judged(result: dg.ExecuteInProcessResult) -> list[tuple[bool, str]]:
    return [(bool(check.passed), str(check.metadata["judged"].value)) for check in result.get_asset_check_evaluations()]


def test_a_check_of_reused_rows_runs_only_when_it_is_due(shop: Place, instance: dg.DagsterInstance) -> None:
    assert judged(materialize(shop, instance)) == [(True, BUILT)]
    ((passed, said),) = judged(materialize(shop, instance))
    assert passed
    assert said.startswith("not run again")
    shop.write({"project.yml": TESTS.format(where=", where: 'id > 1'")})
    result = materialize(shop, instance)
    assert judged(result) == [(True, "the published rows")]
    assert actions(result)["b"] == "reuse"
    ((_, said),) = judged(materialize(shop, instance))
    assert said.startswith("not run again")


def test_a_check_whose_condition_reads_the_clock_is_always_due(shop: Place, instance: dg.DagsterInstance) -> None:
    shop.write({"project.yml": TESTS.format(where=", where: 'now() > now()'")})
    for said in (BUILT, "the published rows"):
        assert judged(materialize(shop, instance)) == [(True, said)]


def test_a_new_check_that_fails_on_reused_rows_fails_the_step_every_time(
    shop: Place, instance: dg.DagsterInstance
) -> None:
    materialize(shop, instance)
    shop.write({"project.yml": TESTS.replace("not_null", "accepted_values").format(where=", values: [9]")})
    for _ in range(2):
        result = materialize(shop, instance)
        assert not result.success
        assert judged(result) == [(False, "the published rows")]
        assert "c" not in actions(result)
    assert shop.sql("select count(*) from b") == [(2,)]


# --- sources ----------------------------------------------------------------------------------------------------------


def test_a_source_that_an_asset_fills_in_the_same_run(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    reads = {"sources.yml": SOURCES, "models/r.ff.sql": "select id from {{ source('raw', 'events') }}"}
    made = place(tmp_path / "shop", reads)
    made.sql(EVENTS)
    for rows, action in ((1, "build"), (1, "reuse"), (2, "build"), (2, "reuse")):

        @dg.asset(key=["raw", "events"], io_manager_key="fft_io_manager")
        def filled() -> pd.DataFrame:
            return pd.DataFrame({"id": list(range(rows)), "name": ["x"] * rows})  # noqa: B023 - used in this turn

        result = materialize(made, instance, assets=[filled])
        assert result.success
        assert actions(result) == {"r": action}
        assert made.sql("select count(*) from r") == [(rows,)]


def test_no_secret_is_in_the_history(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    secrets = {"FF_SF_PASSWORD": "sesame-open-1", "FF_API_TOKEN": "hunter2-hunter2"}
    files = {**FILES, "models/a.ff.sql": "select id from {{ ref('users') }} where '{{ env('FF_API_TOKEN') }}' <> ''"}
    made = place(tmp_path / "shop", files, **secrets)
    assert materialize(made, instance).success
    instance.dispose()
    for path in [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "m.ff.sql"]:
        stored = path.read_bytes()
        for value in secrets.values():
            assert value.encode() not in stored, path
            assert hashlib.sha256(value.encode()).hexdigest().encode() not in stored, path
            assert hashlib.md5(value.encode()).hexdigest().encode() not in stored, path

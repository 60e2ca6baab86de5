"""Other libraries open the project's DuckDB file in the process of a run, beside our steps and in the same file."""

import importlib.util
import sys
import threading
from pathlib import Path
from typing import Any

import dagster as dg
import dagster_duckdb
import duckdb
import pandas as pd
import pytest
from dagster_duckdb import DuckDBResource

from conftest import FinishedRun, run_job
from fft_core import FftError, load_project, open_warehouse
from fft_core.build.publish import BuildResult
from fft_core.engines.duckdb import file as duckdb_file
from fft_core.run.turn import build_model
from fft_dagster import FftDuckDBResource, build_definitions

HAS_PANDAS_MANAGER = importlib.util.find_spec("dagster_duckdb_pandas") is not None


@pytest.fixture(autouse=True)
def _with_dagster_duckdb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dagster_duckdb", dagster_duckdb)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    files = {
        "project.yml": "name: shop\nversion: '1'\n",
        "profiles.yml": "dev: {engine: duckdb, duckdb: {path: shop.duckdb, threads: 2, memory_limit: 1GB, "
        "lock_timeout_seconds: 60}}\n",
        "sources.yml": "web:\n  visits: {schema: landing}\n",
        "models/first.ff.sql": "select 1 as id, current_setting('threads') as threads, "
        "current_setting('TimeZone') as zone",
        "models/last.ff.sql": "select count(*) as n from {{ source('web', 'visits') }}",
        **{f"models/m{n}.ff.sql": f"select {n} as n, sum(i) as s from range(200000) as t(i)" for n in range(12)},
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def database(shop: Path) -> str:
    return str(shop / "shop.duckdb")


def plain(database: str, *, deps: list[str], key: list[str], sql: str, **options: Any) -> dg.AssetsDefinition:
    @dg.asset(key=key, deps=deps)
    def made() -> None:
        frame = pd.DataFrame({"id": [1, 2]})
        assert len(frame) == 2
        with duckdb.connect(database, **options) as connection:
            connection.execute(sql)

    return made


def by_resource(*, deps: list[str], name: str, sql: str) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=deps)
    def made(duckdb: dg.ResourceParam[DuckDBResource]) -> None:
        with duckdb.get_connection() as connection:
            connection.execute(sql)

    return made


def run(shop: Path, instance: dg.DagsterInstance, *assets: Any, **resources: Any) -> FinishedRun:
    defs = build_definitions(shop, "dev", assets=assets, resources=resources)
    return run_job(defs.resolve_implicit_global_asset_job_def(), instance, max_concurrent=4)


def said(done: FinishedRun) -> list[str]:
    return [str(e.step_failure_data.error_display_string) for e in done.events if e.is_step_failure]


def test_a_plain_connection_in_the_same_run(
    shop: Path, database: str, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows count for what reads them, its replacement scans work, and so do the settings of our sessions."""
    monkeypatch.delitem(sys.modules, "dagster_duckdb")  # as where nobody has imported it
    fills = "create schema if not exists landing; create or replace table landing.visits as select * from frame"
    visits = plain(database, deps=["first"], key=["web", "visits"], sql=fills)
    others = [
        plain(database, deps=[], key=[f"p{n}"], sql=f"create or replace table p{n} as select {n} as n")
        for n in range(4)
    ]
    done = run(shop, instance, visits, *others)
    assert done.status == "SUCCESS", said(done)
    with duckdb.connect(database) as connection:
        assert connection.sql("select n from last").fetchall() == [(2,)]
        assert connection.sql("select threads, zone from first").fetchall() == [(2, "UTC")]


@pytest.mark.parametrize("kind", ["stock", "ours"])
def test_dagster_duckdbs_resource_in_the_same_run(
    shop: Path, database: str, instance: dg.DagsterInstance, kind: str
) -> None:
    resource = DuckDBResource(database=database) if kind == "stock" else FftDuckDBResource.of(load_project(shop, "dev"))
    others = [
        by_resource(deps=[], name=f"r{n}", sql=f"create or replace table r{n} as select {n} as n") for n in range(4)
    ]
    reads = by_resource(deps=["first", "r1"], name="r9", sql="create or replace table r9 as select id from first")
    done = run(shop, instance, *others, reads, duckdb=resource)
    assert sorted(done.steps("STEP_FAILURE")) == ["last"], said(done)  # nobody fills its source
    with duckdb.connect(database) as connection:
        assert connection.sql("select id from r9").fetchall() == [(1,)]


def test_the_file_stays_open_for_a_step_of_dagster_duckdb(
    shop: Path, database: str, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else connections that open and close it beside each other would meet while the last one closes it."""
    held, looked = list[bool](), duckdb_file.open_files

    def look() -> None:
        looked()
        with pytest.raises(duckdb.ConnectionException, match="different configuration"):
            duckdb.connect(database, config={"threads": 1})
        held.append(True)

    monkeypatch.setattr("fft_core.engines.lending.OPENERS", {look})
    reads = by_resource(deps=["first"], name="r", sql="create or replace table r as select id from first")
    done = run(shop, instance, reads, duckdb=DuckDBResource(database=database))
    assert sorted(done.steps("STEP_FAILURE")) == ["last"], said(done)
    assert held == [True]


def test_plain_connections_and_the_resource_one_after_the_other(
    shop: Path, database: str, instance: dg.DagsterInstance
) -> None:
    """Their configurations differ, so they cannot have the file at once; between our turns it is closed for both."""
    for number in range(12):
        (shop / f"models/m{number}.ff.sql").unlink()
    (shop / "models" / "middle.ff.sql").write_text("select n from {{ source('web', 'visits') }}")
    chain = [
        plain(database, deps=["first"], key=["a"], sql="create or replace table a as select id from first"),
        by_resource(deps=["a"], name="b", sql="create or replace table b as select id from a"),
        plain(
            database,
            deps=["b"],
            key=["web", "visits"],
            sql="create schema landing; create table landing.visits as select id as n from b",
        ),
        by_resource(deps=["middle", "last"], name="c", sql="create table c as select n from middle"),
        plain(database, deps=["c"], key=["d"], sql="select n from c", read_only=True),
    ]
    done = run(shop, instance, *chain, duckdb=DuckDBResource(database=database))
    assert done.status == "SUCCESS", said(done)


def test_our_resource_is_for_our_configuration_only(shop: Path, database: str) -> None:
    resource = FftDuckDBResource(database=database, connection_config={"threads": 1})
    with pytest.raises(FftError, match="connection_config differs from it"), resource.get_connection():
        pass


def test_our_resource_shares_the_file_with_a_session_of_the_same_thread(shop: Path, database: str) -> None:
    frame = pd.DataFrame({"id": [5]})
    with (
        open_warehouse(load_project(shop, "dev")) as warehouse,
        FftDuckDBResource(database=database).get_connection() as connection,
    ):
        connection.execute("create table t as select * from frame")
        assert warehouse.engine.fetch("select id from t") == list(frame.itertuples(index=False, name=None))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_file, "OWN_PROCESS_SECONDS", 0.3)


@pytest.mark.parametrize(
    ("options", "who"),
    [
        ({"read_only": True}, "by a read-only connection"),
        ({"config": {"threads": 1}}, "by a connection with its own configuration"),
        ({"config": {"memory_limit": "1GB"}}, "by a connection with its own configuration"),
        ("attach", "it is attached to another database as elsewhere"),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_who_has_the_file_in_another_way_is_said(shop: Path, database: str, options: Any, who: str) -> None:
    duckdb.connect(database).close()
    other = duckdb.connect() if options == "attach" else duckdb.connect(database, **options)
    if options == "attach":
        other.execute(f"attach '{database}' as elsewhere")
    project = load_project(shop, "dev")
    try:
        with pytest.raises(FftError) as caught:
            open_warehouse(project)
    finally:
        other.close()
    assert f"is open in this process already: {who}" in str(caught.value)
    assert "damaged" not in str(caught.value)
    assert "duckdb.connect(path)" in str(caught.value)
    with open_warehouse(project) as warehouse:
        assert isinstance(build_model(warehouse, project.models["first"]), BuildResult)


def test_a_step_waits_for_a_connection_of_another_thread(shop: Path, database: str) -> None:
    duckdb.connect(database).close()
    other = duckdb.connect(database, config={"threads": 1})
    timer = threading.Timer(0.5, other.close)
    timer.start()
    with open_warehouse(load_project(shop, "dev")) as warehouse:
        assert warehouse.engine.fetch("select 1") == [(1,)]
    timer.join()


def test_a_file_that_is_no_database_is_still_said_to_be_none(shop: Path, database: str) -> None:
    Path(database).write_bytes(b"x" * 20000)
    with pytest.raises(FftError, match="cannot open"):
        open_warehouse(load_project(shop, "dev"))


@pytest.mark.skipif(
    not HAS_PANDAS_MANAGER, reason="dagster-duckdb-pandas takes no pandas 3: test_dagster_versions.py tries it"
)
def test_dagster_duckdbs_io_manager_in_the_same_run(shop: Path, database: str, instance: dg.DagsterInstance) -> None:
    from dagster_duckdb_pandas import DuckDBPandasIOManager  # type: ignore[import-not-found]

    @dg.asset(key=["main", "theirs"], io_manager_key="their_manager", ins={"first": dg.AssetIn("first")})
    def theirs(first: pd.DataFrame) -> pd.DataFrame:
        return first[["id"]] * 3

    @dg.asset(key=["web", "visits"], io_manager_key="fft_io_manager", ins={"theirs": dg.AssetIn(["main", "theirs"])})
    def visits(theirs: pd.DataFrame) -> pd.DataFrame:
        return theirs

    done = run(shop, instance, theirs, visits, their_manager=DuckDBPandasIOManager(database=database))
    assert done.status == "SUCCESS", said(done)
    with duckdb.connect(database) as connection:
        assert connection.sql("select n from last").fetchall() == [(1,)]
        assert connection.sql("select id from landing.visits").fetchall() == [(3,)]

"""The executor on an instance of dagster-postgres: the same results, on connections that stay open."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import psycopg
import pytest
import yaml

from conftest import QUIET_SETTINGS, asset_job, run_job

ASSETS = 20


@pytest.fixture
def postgres_instance(postgres_dsn: str, tmp_path: Path) -> dg.DagsterInstance:
    with psycopg.connect(_plain(postgres_dsn), autocommit=True) as connection:
        connection.execute("drop database if exists dagster")
        connection.execute("create database dagster")
    url = _plain(postgres_dsn, database="dagster").replace("postgresql://", "postgresql+psycopg2://")
    settings = {**QUIET_SETTINGS, "storage": {"postgres": {"postgres_url": url}}}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings))
    return dg.DagsterInstance.from_config(str(tmp_path))


def _plain(dsn: str, database: str | None = None) -> str:
    dsn = dsn.replace("postgresql+psycopg://", "postgresql://")
    return dsn if database is None else f"{dsn.rpartition('/')[0]}/{database}"


def layers(work: Callable[[str], None]) -> list[dg.AssetsDefinition]:
    def made(number: int) -> dg.AssetsDefinition:
        name = f"a{number}"
        deps = [f"a{number - 4}"] if number >= 4 else []

        @dg.asset(name=name, deps=deps, check_specs=[dg.AssetCheckSpec("good", asset=name)])
        def computed() -> dg.MaterializeResult:  # type: ignore[type-arg]
            work(name)
            return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

        return computed

    return [made(number) for number in range(ASSETS)]


def sessions_so_far(dsn: str) -> int:
    with psycopg.connect(_plain(dsn)) as connection:
        row = connection.execute("select sessions from pg_stat_database where datname = 'dagster'").fetchone()
    assert row is not None
    return int(row[0])


def test_a_run_keeps_its_connections(postgres_instance: dg.DagsterInstance, postgres_dsn: str) -> None:
    running, most = set[str](), [0]
    lock = threading.Lock()

    def work(name: str) -> None:
        with lock:
            running.add(name)
            most[0] = max(most[0], len(running))
        time.sleep(0.05)
        with lock:
            running.discard(name)

    with postgres_instance as instance:
        run_job(asset_job(layers(work)), instance)  # connects, and prepares what it needs
        before = sessions_so_far(postgres_dsn)
        finished = run_job(asset_job(layers(work)), instance, max_concurrent=4)
        assert finished.status == "SUCCESS"
        assert len(finished.steps("ASSET_MATERIALIZATION")) == ASSETS
        assert most[0] > 1
        time.sleep(1)  # Postgres counts sessions a moment later
        assert sessions_so_far(postgres_dsn) - before <= 10  # Dagster's own: one for each call, some 20 a step
        stored = instance.get_records_for_run(finished.run.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS).records
        assert len(stored) == ASSETS

"""Fixtures for tests of several folders: a Postgres server for each process of pytest, and a schema for each test."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent / "tests" / "cli"))
sys.path.insert(0, str(Path(__file__).parent / "tests" / "engines"))
sys.path.insert(0, str(Path(__file__).parent / "tests" / "core"))
sys.path.insert(0, str(Path(__file__).parent / "tests" / "prefect"))
sys.path.insert(0, str(Path(__file__).parent / "tests" / "serve"))

from bqemulator_server import running_bqemulator
from fakesnow_server import running_fakesnow
from postgres_server import drop_schema, new_schema, running_server
from prefect_runs import prefect_api, run_flow
from serve_fixtures import closed_apps, served_place
from server_environment import or_skipped
from spark_server import running_spark
from sweeps import FIRST_SEED
from targets import Target
from unit_test_bench import Bench

from fft_core.engines.protocol import Session, open_session

__all__ = ["closed_apps", "prefect_api", "run_flow", "served_place"]  # fixtures

settings.register_profile("same examples each time", derandomize=True, deadline=None)
settings.register_profile("other examples each time", deadline=None, database=None, print_blob=True)
settings.load_profile("other examples each time" if FIRST_SEED else "same examples each time")


def pytest_configure(config: pytest.Config) -> None:
    """Set a cache folder for the tests alone, before a module of tests copies the environment for its commands.

    Of two variables for it, this is the one that tests pass on: many leave out variables that begin with FFT_. Two
    settings of the parent that commands would inherit are undone as well: without bytecode they would compile all
    modules each time, and started in the background by a script they would ignore Ctrl-C.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    folder = tempfile.mkdtemp(prefix="fft_cache_")
    os.environ["XDG_CACHE_HOME" if sys.platform == "linux" else "FFT_CACHE_DIR"] = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


# Tests that share expensive fixtures, by prefixes of their names: one process of xdist runs all of them. Its own mark
# for that, xdist_group, has no effect: pytest 9.2 does not read the names that xdist 3.8 sets.
TOGETHER = (
    ("tests/example/test_marts_against_parquet.py::",),
    ("tests/cli/test_dev_command.py::test_in_the_ui_",),
    ("tests/prefect/",),
    ("tests/serve/test_stack.py::",),
    (  # one server of Spark
        "tests/engines/test_contract.py::TestSpark::",
        "tests/engines/test_spark.py::",
        "tests/checks/test_checks_on_spark.py::",
        "tests/engines/test_projects_on_spark.py::",
        "tests/skip/test_skips_on_spark.py::",
    ),
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    from xdist.scheduler import LoadScopeScheduling

    class OneByOneOrTogether(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((names[0] for names in TOGETHER if nodeid.startswith(names)), nodeid)

    return OneByOneOrTogether(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the number of cores and one: each process waits for commands, databases and disks a third of the time."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(autouse=True)
def _without_dagster_duckdb() -> None:
    """Let no test that imported dagster_duckdb slow down the others: while it is loaded, FFT closes its DuckDB file
    after each turn, and opens it again for the next one.
    """
    sys.modules.pop("dagster_duckdb", None)


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    with running_server() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def snowflake_server() -> Iterator[Mapping[str, Any]]:
    with or_skipped(running_fakesnow()) as settings:
        yield settings


@pytest.fixture(scope="session")
def bigquery_server() -> Iterator[Mapping[str, Any]]:
    with or_skipped(running_bqemulator()) as settings:
        yield settings


@pytest.fixture(scope="session")
def spark_server() -> Iterator[Mapping[str, Any]]:
    with or_skipped(running_spark()) as settings:
        yield settings


@pytest.fixture
def postgres_schema(postgres_dsn: str) -> Iterator[str]:
    schema = new_schema()
    yield schema
    drop_schema(postgres_dsn, schema)


@pytest.fixture(params=["duckdb", "postgres"])
def target(request: pytest.FixtureRequest) -> Target:
    return Target(request.getfixturevalue("postgres_dsn") if request.param == "postgres" else None)


@pytest.fixture(scope="module")
def engines(postgres_dsn: str) -> Iterator[dict[str, Session]]:
    """Open a session on each engine, by its name, for tests that leave nothing behind."""
    both = {
        "duckdb": open_session("duckdb", {"path": ":memory:"}),
        "postgres": open_session("postgres", {"dsn": postgres_dsn}),
    }
    yield both
    for engine in both.values():
        engine.close()


@pytest.fixture
def make_bench(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], Bench]:
    def make(engine: str) -> Bench:
        if engine == "duckdb":
            return Bench(tmp_path, engine, "{path: db.duckdb}")
        dsn, schema = request.getfixturevalue("postgres_dsn"), request.getfixturevalue("postgres_schema")
        return Bench(tmp_path, engine, f"{{dsn: '{dsn}', db_schema: {schema}}}")

    return make


@pytest.fixture(params=["duckdb", "postgres"])
def bench(request: pytest.FixtureRequest, make_bench: Callable[[str], Bench]) -> Bench:
    return make_bench(request.param)

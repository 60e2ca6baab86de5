"""What tests of several folders need: a Postgres server for each process of pytest, and a schema for each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "tests" / "engines"))

from postgres_server import drop_schema, new_schema, running_server
from targets import Target

from fft_core.engines.engine import Engine, open_engine


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    with running_server() as dsn:
        yield dsn


@pytest.fixture
def postgres_schema(postgres_dsn: str) -> Iterator[str]:
    schema = new_schema()
    yield schema
    drop_schema(postgres_dsn, schema)


@pytest.fixture(params=["duckdb", "postgres"])
def target(request: pytest.FixtureRequest) -> Target:
    return Target(request.getfixturevalue("postgres_dsn") if request.param == "postgres" else None)


@pytest.fixture(scope="module")
def engines(postgres_dsn: str) -> Iterator[dict[str, Engine]]:
    """A session on each engine, by its name, for tests that leave nothing behind."""
    both = {
        "duckdb": open_engine("duckdb", {"path": ":memory:"}),
        "postgres": open_engine("postgres", {"dsn": postgres_dsn}),
    }
    yield both
    for engine in both.values():
        engine.close()

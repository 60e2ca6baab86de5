"""Fixtures of the tests of `fft_serve`: a project on each engine, and apps that are closed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import drop_schema, new_schema
from serve_project import Served


@pytest.fixture(params=["duckdb", "postgres"])
def served_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """A folder for a project on each engine."""
    if request.param == "duckdb":
        yield Served(tmp_path)
        return
    dsn, schema = request.getfixturevalue("postgres_dsn"), new_schema()
    yield Served(tmp_path, "postgres", {"dsn": dsn, "db_schema": schema})
    drop_schema(dsn, schema)


@pytest.fixture(autouse=True)
def closed_apps() -> Iterator[None]:
    """Close the apps that a test opened; tests without apps do not import them."""
    yield
    api = sys.modules.get("api")
    while api is not None and api.OPEN:
        api.OPEN.pop().state.service.state.close()

"""Fixtures of the tests of `fft_serve`: a project on each engine, and apps that are closed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import api
import pytest
from postgres_server import drop_schema, new_schema
from serve_project import Served


@pytest.fixture(params=["duckdb", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    if request.param == "duckdb":
        yield Served(tmp_path)
        return
    dsn, schema = request.getfixturevalue("postgres_dsn"), new_schema()
    yield Served(tmp_path, "postgres", {"dsn": dsn, "db_schema": schema})
    drop_schema(dsn, schema)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while api.OPEN:
        api.OPEN.pop().state.service.state.close()

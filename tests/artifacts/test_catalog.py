"""`catalog.json`: what is in the database, on both engines, by the schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flower_shop import build_shop, load_shop, write_shop
from validation import validate

from fft_core import Project, open_warehouse
from fft_core.reports.catalog import read_catalog, write_catalog


@pytest.fixture(params=["duckdb", "postgres"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """The built shop."""
    write_shop(tmp_path)
    if request.param == "duckdb":
        found = load_shop(tmp_path)
    else:
        dsn, schema = request.getfixturevalue("postgres_dsn"), request.getfixturevalue("postgres_schema")
        found = load_shop(tmp_path, "pg", DSN=dsn, SCHEMA=schema)
    build_shop(found)
    return found


def test_it_tells_kinds_rows_and_types_by_the_schema(project: Project) -> None:
    with open_warehouse(project, read_only=True) as warehouse:
        path = write_catalog(read_catalog(warehouse))
    found = json.loads(path.read_text(encoding="utf-8"))
    validate(found, "catalog")
    relations = found["relations"]
    assert list(relations) == ["users", "people", "counted", "recent", "crm.visits"]
    assert {name: (entry["kind"], entry["rows"]) for name, entry in relations.items()} == {
        "users": ("table", 2),
        "people": ("table", 2),
        "counted": ("table", 2),
        "recent": ("view", None),
        "crm.visits": ("table", None),
    }
    types = {"duckdb": ["INTEGER", "DATE"], "postgres": ["integer", "date"]}[project.engine]
    assert [column["type"] for column in relations["crm.visits"]["columns"]] == types
    assert [column["name"] for column in relations["users"]["columns"]] == [
        "id", "email", "_ff_loaded_at", "_ff_seed_id", "_ff_seed_file",
    ]  # fmt: skip


def test_a_view_of_what_is_gone_says_why_it_has_no_columns(tmp_path: Path) -> None:
    project = load_shop(write_shop(tmp_path))
    build_shop(project)
    with open_warehouse(project) as warehouse:
        warehouse.engine.execute("drop table visits")
        found = read_catalog(warehouse).entries
    assert "crm.visits" not in found
    assert found["recent"].columns == ()
    assert "visits" in str(found["recent"].error)
    assert found["people"].error is None


def test_where_nothing_is_built_it_is_empty_and_creates_no_database(tmp_path: Path) -> None:
    project = load_shop(write_shop(tmp_path))
    with open_warehouse(project, read_only=True) as warehouse:
        assert read_catalog(warehouse).entries == {}
    assert not (tmp_path / "shop.duckdb").exists()

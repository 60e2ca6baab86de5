"""The users and orders of the documentation, and example_project, on Snowflake's protocol: their tables are DuckDB's.

The emulator runs on DuckDB: that the rows are the same shows that our statements, frames and types bring them there and
back, and says nothing of functions that Snowflake has in another way, or not at all: the example's make_date and
`filter (where ...)` are read by the emulator.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from targets import Target

from fft_core import Run, load_project, read_relation

ROOT = Path(__file__).parents[2]
USERS_ORDERS, EXAMPLE = ROOT / "tests" / "projects" / "users_orders", ROOT / "example_project"
LOADED = "_ff_loaded_at"


@pytest.fixture(scope="module")
def target(snowflake_server: Mapping[str, Any]) -> Target:
    return Target(None, "snowflake_snowpark", snowflake_server)


def built(root: Path, profile: Mapping[str, Any]) -> dict[str, list[tuple[object, ...]]]:
    """Build all of a project, and give the rows of each table in the order of their values."""
    (root / "profiles.yml").write_text(json.dumps({"dev": profile}))
    with Run(load_project(root, "dev", environment={})) as run:
        nodes = run.order()
        for node in nodes:
            run.build(node)
        warehouse = run.sessions.of_thread()
        found = {}
        for node in nodes:
            table = read_relation(warehouse, warehouse.relation(node.name))
            names = sorted(name for name in table.column_names if name != LOADED)
            rows = [tuple(canonical(row[name]) for name in names) for row in table.to_pylist()]
            found[node.name] = [tuple(names), *sorted(rows, key=repr)]
    return found


def canonical(value: object) -> object:
    """A value as both engines can have it: numbers to nine digits, whatever their type."""
    match value:
        case bool() | None:
            return value
        case int() | float() | Decimal():
            return f"{float(value):.9g}"
        case datetime():
            return value.replace(tzinfo=None).isoformat()
    return str(value)


@pytest.mark.parametrize("project", [USERS_ORDERS, EXAMPLE], ids=["users_orders", "example_project"])
def test_each_table_is_that_of_duckdb(target: Target, tmp_path: Path, project: Path) -> None:
    roots = [tmp_path / "here", tmp_path / "there"]
    for root in roots:
        shutil.copytree(project, root, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    with target.settings() as settings:
        found = built(roots[0], {"engine": target.engine, target.engine: settings})
    wanted = built(roots[1], {"engine": "duckdb", "duckdb": {"path": str(tmp_path / "db.duckdb")}})
    assert found.keys() == wanted.keys()
    for name, rows in wanted.items():
        assert found[name][0] == rows[0], name
        assert len(found[name]) == len(rows), name
        for ours, theirs in zip(found[name], rows, strict=True):
            assert ours == theirs, name

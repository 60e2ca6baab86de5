"""The users and orders of the documentation, and example_project, on a real Spark: their tables are DuckDB's."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sweeps import FACTOR
from targets import Target
from test_projects_on_snowflake import EXAMPLE, USERS_ORDERS, built


@pytest.fixture(scope="module")
def target(spark_server: Mapping[str, Any]) -> Target:
    return Target(None, "databricks_spark", spark_server)


only_in_sweeps = pytest.mark.skipif(FACTOR == 1, reason="takes minutes: FFT_SWEEP")


@pytest.mark.parametrize(
    "project", [USERS_ORDERS, pytest.param(EXAMPLE, marks=only_in_sweeps)], ids=["users_orders", "example_project"]
)
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

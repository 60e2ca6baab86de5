"""The users and orders of the documentation, and example_project, on a real Spark: their tables are DuckDB's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from projects_compared import EXAMPLE, USERS_ORDERS, check_tables
from sweeps import only_in_sweeps
from targets import Target


@pytest.fixture(scope="module")
def target(spark_server: Mapping[str, Any]) -> Target:
    return Target(None, "databricks_spark", spark_server)


@only_in_sweeps
def test_each_table_of_users_and_orders_is_that_of_duckdb(target: Target, tmp_path: Path) -> None:
    check_tables(target, tmp_path, USERS_ORDERS)


@only_in_sweeps
def test_each_table_of_the_example_is_that_of_duckdb(target: Target, tmp_path: Path) -> None:
    check_tables(target, tmp_path, EXAMPLE)

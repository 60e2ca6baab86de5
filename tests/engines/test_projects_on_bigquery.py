"""The users and orders of the documentation, and example_project, on BigQuery's protocol: their tables are DuckDB's.

The emulator runs on DuckDB and reads much that GoogleSQL refuses: in the example, make_date, `filter (where ...)`,
concat_ws, `double precision` and `percentile_cont ... within group`. That the rows are the same shows that our
statements, frames and types bring them there and back. Of the flights, every sixteenth is taken: the emulator sends
rows as JSON, one by one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from projects_compared import EXAMPLE, USERS_ORDERS, check_tables, with_fewer_flights
from sweeps import only_in_sweeps
from targets import Target


@pytest.fixture(scope="module")
def target(bigquery_server: Mapping[str, Any]) -> Target:
    return Target(None, "bigquery", bigquery_server)


def rewritten(project: Path, root: Path) -> None:
    with_fewer_flights(project, root)
    models = root / "models"
    mart = models / "marts" / "mart_weather_delay.ff.sql"
    mart.write_text(without_values(mart.read_text()))
    for path in (models / "macros" / "cleaning.sql", models / "marts" / "mart_daily_operations.ff.sql"):
        path.write_text(path.read_text().replace("decimal(8, 2)", "decimal(18, 3)"))  # the emulator knows no other


def without_values(sql: str) -> str:
    """The example's table of bands as a union: BigQuery has no VALUES in a query, and no names of columns in WITH."""
    head, names, rows, rest = re.split(r"with bands \((.*?)\) as \(\n    values\n(.*?)\n\),\n", sql, flags=re.DOTALL)
    columns = names.split(", ")
    selected = []
    for row in rows.strip().splitlines():
        values = re.findall(r"'[^']*'|[\d.]+", row)
        selected.append("select " + ", ".join(f"{v} as {c}" for v, c in zip(values, columns, strict=True)))
    return f"{head}with bands as (\n{' union all '.join(selected)}\n),\n{rest}"


def test_each_table_of_users_and_orders_is_that_of_duckdb(target: Target, tmp_path: Path) -> None:
    check_tables(target, tmp_path, USERS_ORDERS)


@only_in_sweeps
def test_each_table_of_the_example_is_that_of_duckdb(target: Target, tmp_path: Path) -> None:
    check_tables(target, tmp_path, EXAMPLE, rewritten)

"""The users and orders of the documentation, and example_project, on Snowflake's protocol: their tables are DuckDB's.

The emulator runs on DuckDB: that the rows are the same shows that our statements, frames and types bring them there and
back, and says nothing of functions that Snowflake has in another way, or not at all: the example's make_date and
`filter (where ...)` are read by the emulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from projects_compared import EXAMPLE, USERS_ORDERS, check_tables, copied, with_fewer_flights
from sweeps import FACTOR
from targets import Target


@pytest.fixture(scope="module")
def target(snowflake_server: Mapping[str, Any]) -> Target:
    return Target(None, "snowflake_snowpark", snowflake_server)


def test_each_table_of_users_and_orders_is_that_of_duckdb(target: Target, tmp_path: Path) -> None:
    check_tables(target, tmp_path, USERS_ORDERS)


def test_each_table_of_the_example_is_that_of_duckdb(target: Target, tmp_path: Path) -> None:
    """All flights in sweeps, and every sixteenth otherwise."""
    check_tables(target, tmp_path, EXAMPLE, copied if FACTOR > 1 else with_fewer_flights)

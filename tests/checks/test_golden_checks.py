"""What each check asks in each dialect, word for word: `FFT_WRITE_GOLDEN=1 pytest tests/checks` writes the files anew.

The texts of DuckDB and Postgres are those that `test_each_check.py` executes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from fft_core.checks.builtin import check_query
from fft_core.engines.bigquery.spelling import SPELLING as BIGQUERY
from fft_core.engines.databricks.spelling import SPELLING as DATABRICKS
from fft_core.engines.duckdb.spelling import SPELLING as DUCKDB
from fft_core.engines.postgres.spelling import SPELLING as POSTGRES
from fft_core.engines.protocol import ColumnType, Session
from fft_core.engines.session import StandardTypes
from fft_core.engines.snowflake.spelling import SPELLING as SNOWFLAKE
from fft_core.engines.spec.spelling import Spelling
from fft_core.errors import Location
from fft_core.names import Relation
from fft_core.project.model import (
    AcceptedValues,
    Between,
    Check,
    ColumnTypes,
    Drift,
    Expression,
    Freshness,
    GreaterEqual,
    MatchesRegex,
    Measure,
    NonNegativeSum,
    NotConstant,
    NotNull,
    Recency,
    ReconcileCoverage,
    ReconcileDifference,
    ReconcileRatio,
    Relationships,
    RowCountBetween,
    RowCountEquals,
    Rule,
    SumBetween,
    Unique,
)

GOLDEN = Path(__file__).parent / "golden"
SPELLINGS = {s.dialect: s for s in (DUCKDB, POSTGRES, BIGQUERY, SNOWFLAKE, DATABRICKS)}
ORDERS, USERS = Relation("orders", "shop"), Relation("users", "shop")
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
LEFT, RIGHT = Measure("orders", "sum(amount)", "amount > 0"), Measure("users", "sum(spent)")
RULES: dict[str, Rule] = {
    "not_null": NotNull("name"),
    "unique": Unique(("id",)),
    "unique of two": Unique(("id", "name")),
    "accepted_values": AcceptedValues("name", ("it's", "b")),
    "greater_equal": GreaterEqual("amount", 0),
    "between": Between("amount", 0, 9.5),
    "between times": Between("at", datetime(2024, 1, 1), datetime(2024, 12, 31, 23, 59)),
    "matches_regex": MatchesRegex("name", r"^\w+\.(?:a|b)$"),
    "expression": Expression("amount > 0 or id = 1 -- once"),
    "not_constant": NotConstant("amount"),
    "not_constant, a text": NotConstant("name"),
    "row_count_between": RowCountBetween(1, 9),
    "non_negative_sum": NonNegativeSum("amount"),
    "sum_between": SumBetween("amount", 1, 9.5),
    "freshness": Freshness("at", 60),
    "recency": Recency("at", ("name", "id"), 60),
    "column_types": ColumnTypes((("id", "number"), ("gone", "text")), exact=True),
    "drift of the number of rows": Drift("row_count"),
    "drift of the mean": Drift("mean", "amount"),
    "drift of NULLs": Drift("null_share", "name"),
    "drift of values": Drift("distinct", "name"),
    "relationships": Relationships("id", "users", "id"),
    "row_count_equals": RowCountEquals(Measure("orders", "count(*)"), Measure("users", "count(*)"), owner="orders"),
    "reconcile_equal": ReconcileDifference(LEFT, RIGHT, 0.5, owner="orders"),
    "reconcile_ratio_within": ReconcileRatio(LEFT, RIGHT, 0.9, 1.1, owner="orders"),
    "reconcile_coverage": ReconcileCoverage(Measure("orders", "id"), Measure("users", "id"), owner="orders"),
}
BEFORE = {"row_count": 100.0, "mean|amount": -2.5, "null_share|name": 0.25, "distinct|name": 7.0}


@dataclass(frozen=True)
class Paper:
    """What spells a check needs of a session, without a database: its types are what they are called."""

    spelling: Spelling

    @property
    def types(self) -> StandardTypes:
        return StandardTypes(self.spelling, {"string": self.spelling.types["text"]})

    def columns(self, query: str) -> tuple[ColumnType, ...]:
        return (
            COLUMNS
            if query.startswith("select *")
            else tuple(ColumnType("c", "other") for _ in query.split(" as c")[1:])
        )


COLUMNS = (
    ColumnType("id", "integer"),
    ColumnType("name", "varchar"),
    ColumnType("amount", "double"),
    ColumnType("at", "timestamp"),
)


def written(spelling: Spelling) -> Iterator[str]:
    session = cast(Session, Paper(spelling))
    for name, rule in RULES.items():
        for where in (None, "id > 5 -- all"):
            if where and isinstance(rule, ColumnTypes | RowCountEquals | ReconcileDifference | ReconcileRatio):
                continue
            check = Check("c", "orders", "any", rule, Location(Path("project.yml")), where=where)
            query = check_query(check, ORDERS, COLUMNS, session, lambda _: USERS, NOON, BEFORE)
            yield f"-- {name}{', with a condition' if where else ''}\n"
            yield f"-- counted:\n{query.count}\n" if query.count is not None else "-- not counted with others\n"
            yield f"-- kept:\n{query.measure}\n" if query.measure is not None else ""
            yield f"{query.failing_rows};\n\n"


@pytest.mark.parametrize("dialect", SPELLINGS)
def test_what_is_asked_is_what_was_written_down(dialect: str) -> None:
    made, path = "".join(written(SPELLINGS[dialect])), GOLDEN / f"{dialect}.sql"
    if os.environ.get("FFT_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made

"""NaN and infinity in checks, on each engine: NaN is above all numbers when it is compared, and is at least none."""

from __future__ import annotations

from pathlib import Path

import pytest
from targets import Target

from fft_core.checks.run import run_checks
from fft_core.engines.protocol import open_session
from fft_core.errors import Location
from fft_core.project.model import (
    AcceptedValues,
    Check,
    Freshness,
    GreaterEqual,
    NonNegativeSum,
    Relationships,
    RowCountBetween,
    Rule,
    Unique,
)

NAN, INF = "cast('NaN' as double precision)", "cast('Infinity' as double precision)"
RULES: list[tuple[Rule, str, int]] = [
    (GreaterEqual("x", 0), f"(1.0), ({NAN}), ({INF}), (null)", 1),
    (GreaterEqual("x", -5), f"(-{INF}), ({NAN})", 2),
    (GreaterEqual("x", 0), "(cast('NaN' as real)), (1)", 1),
    (GreaterEqual("x", 9007199254740993), "(9007199254740992), (9007199254740993)", 1),
    (GreaterEqual("x", 10**30), "(1), (2)", 2),
    (GreaterEqual("x", 1e300), "(1), (2)", 2),
    (NonNegativeSum("x"), f"(1.0), ({NAN})", 1),
    (NonNegativeSum("x"), f"({INF}), (-{INF})", 1),
    (NonNegativeSum("x"), f"({INF}), (1.0)", 0),
    (NonNegativeSum("x"), "(1), (2)", 0),
    (AcceptedValues("x", (float("nan"), 1)), f"(1.0), ({NAN}), ({INF})", 1),
    (AcceptedValues("x", (float("inf"), float("-inf"))), f"(1.0), ({NAN}), ({INF}), (-{INF})", 2),
    (AcceptedValues("x", (1, 2)), f"({NAN}), (1.0)", 1),
    (AcceptedValues("x", (float("inf"), 1)), "(1), (2)", 1),
    (Unique(("x",)), f"({NAN}), ({NAN}), ({INF})", 1),
    (RowCountBetween(2), f"({NAN}), (null)", 0),
    (Relationships("x", "other", "y"), f"({NAN}), ({INF})", 1),
    (Freshness("x", 60), "(cast('infinity' as timestamp))", 1),
    (Freshness("x", 60), "(cast('infinity' as timestamp)), (now() at time zone 'UTC')", 0),
    (Freshness("x", 60), "(cast('infinity' as timestamp)), (timestamp '2020-01-01')", 1),
    (Freshness("x", 60), "(cast('infinity' as timestamptz)), (timestamptz '2020-01-01 00:00:00+00')", 1),
    (Freshness("x", 60), "(cast('infinity' as date)), (date '2020-01-01')", 1),
    (Freshness("x", 60), "(cast('-infinity' as timestamp))", 1),
]


@pytest.mark.parametrize("where", [None, "x is not null or x is null"])
@pytest.mark.parametrize(("rule", "values", "failing"), RULES, ids=[f"{i}" for i in range(len(RULES))])
def test_what_is_no_number_keeps_no_rule_about_numbers(
    target: Target, tmp_path: Path, rule: Rule, values: str, failing: int, where: str | None
) -> None:
    with target.settings(str(tmp_path / "db.duckdb")) as settings:
        engine = open_session(target.engine, settings)
        try:
            table, other = engine.relation("t"), engine.relation("other")
            engine.create_schema(table)
            engine.execute(f"create table {table.sql(engine.spelling)} as select * from (values {values}) as v(x)")
            engine.execute(f"create table {other.sql(engine.spelling)} as select {NAN} as y")

            check = Check("c", "t", "any", rule, Location(Path("project.yml"), 7), where=where)
            (result,) = run_checks(
                engine, table, engine.columns(f"select * from {table.sql(engine.spelling)}"), [check], lambda _: other
            ).results
            assert result.failing_rows == failing
            assert len(engine.fetch(result.sql)) == failing
        finally:
            engine.close()


def test_a_numeric_of_any_length_is_compared_and_its_nan_is_found(target: Target, tmp_path: Path) -> None:
    if target.engine == "duckdb":
        pytest.skip("DuckDB's decimals have no NaN, and 38 digits")
    with target.settings() as settings:
        engine = open_session(target.engine, settings)
        try:
            table = engine.relation("t")
            engine.create_schema(table)
            values = f"(cast('NaN' as numeric)), (1{'0' * 400}), (-1{'0' * 400})"
            engine.execute(f"create table {table.sql(engine.spelling)} as select * from (values {values}) as v(x)")
            check = Check("c", "t", "any", GreaterEqual("x", 0), Location(Path("project.yml"), 7))
            (result,) = run_checks(
                engine, table, engine.columns(f"select * from {table.sql(engine.spelling)}"), [check], lambda _: table
            ).results
            assert result.failing_rows == 2
        finally:
            engine.close()

"""Checks that are asked together find what each finds alone, and what plain counting of the shown rows finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from targets import Target

from fft_core.checks.results import CheckResult
from fft_core.checks.run import run_checks
from fft_core.engines.protocol import Session, open_session
from fft_core.engines.trace import LOGGER
from fft_core.errors import Location, StatementError
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
    Relationships,
    RowCountBetween,
    RowCountEquals,
    Rule,
    SumBetween,
    Unique,
)

PLACE = Location(Path("project.yml"), 7)
DAY = datetime(2024, 1, 1)
NUMBER, TEXT, TIME = ("n", "m"), ("s", "t"), ("d",)
WHERE = ["n > 0", "s is not null -- so", "m in (1, 2)", "d > '2024-01-01'", "1 = 0"]


def columns_of(*names: str) -> st.SearchStrategy[str]:
    return st.sampled_from(names)


def bounds(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    pairs = st.tuples(values, values).map(lambda two: (min(two), max(two)))
    return st.one_of(pairs, pairs.map(lambda two: (None, two[1])), pairs.map(lambda two: (two[0], None)))


NUMBERS, KEYS = st.integers(-3, 3), st.lists(columns_of(*NUMBER, *TEXT, *TIME), min_size=1, max_size=3, unique=True)
TIMES = st.integers(-2, 2).map(lambda days: DAY + timedelta(days=days))
PATTERNS = st.sampled_from([r"^a", r"b$", r"^[ab]{1,2}$", r"\d", r"^\w*$"])
SIDES = st.builds(Measure, st.just("t"), columns_of(*NUMBER))
RULES: st.SearchStrategy[Rule] = st.one_of(
    st.builds(NotNull, columns_of(*NUMBER, *TEXT)),
    st.builds(Unique, KEYS.map(tuple)),
    st.builds(Unique, KEYS.map(tuple)),
    st.builds(AcceptedValues, columns_of(*NUMBER), st.lists(NUMBERS, min_size=1, max_size=3).map(tuple)),
    st.builds(AcceptedValues, columns_of(*TEXT), st.lists(st.sampled_from(["a", "ab", ""]), min_size=1).map(tuple)),
    st.builds(lambda c, b: Between(c, *b), columns_of(*NUMBER), bounds(NUMBERS)),
    st.builds(lambda c, b: Between(c, *b), columns_of(*TIME), bounds(TIMES)),
    st.builds(GreaterEqual, columns_of(*NUMBER), NUMBERS),
    st.builds(MatchesRegex, columns_of(*TEXT), PATTERNS),
    st.builds(Expression, st.sampled_from(["n > m", "s = t or n = 0 -- or", "d > '2024-01-01'", "n is null"])),
    st.builds(NotConstant, columns_of(*NUMBER, *TEXT, *TIME)),
    st.builds(lambda b: RowCountBetween(b, b + 2), st.integers(0, 4)),
    st.builds(NonNegativeSum, columns_of(*NUMBER)),
    st.builds(lambda c, b: SumBetween(c, *b), columns_of(*NUMBER), bounds(NUMBERS)),
    st.builds(Freshness, columns_of(*TIME), st.just(1e9)),
    st.builds(Recency, columns_of(*TIME), KEYS.map(tuple), st.sampled_from([1.0, 1e9])),
    st.builds(ColumnTypes, st.just((("n", "integer"), ("s", "double"), ("gone", "text"))), st.booleans()),
    st.builds(lambda m, c: Drift(m, c, 0.2), st.sampled_from(["mean", "null_share", "distinct"]), columns_of(*NUMBER)),
    st.just(Drift("row_count")),
    st.builds(Relationships, columns_of(*NUMBER), st.just("other"), st.just("id")),
    st.just(RowCountEquals(Measure("t", "count(*)"), Measure("other", "count(*)"), owner="t")),
    st.builds(ReconcileCoverage, SIDES, st.just(Measure("other", "id")), owner=st.just("t")),
)
CHECKS = st.lists(st.tuples(RULES, st.one_of(st.none(), st.none(), st.sampled_from(WHERE))), min_size=2, max_size=14)
ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), NUMBERS),
        st.one_of(st.none(), NUMBERS),
        st.one_of(st.none(), st.sampled_from(["a", "ab", "b1", "", "é"])),
        st.one_of(st.none(), st.sampled_from(["a", "b"])),
        st.one_of(st.none(), TIMES),
    ),
    max_size=8,
)
BEFORE = {"row_count": 4.0, "mean|n": 1.0, "null_share|n": 0.5, "distinct|m": 2.0}


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Session]:
    target = Target(request.getfixturevalue("postgres_dsn") if request.param == "postgres" else None)
    with target.settings() as found:
        session = open_session(target.engine, found)
        session.create_schema(session.relation("t"))
        kinds = ("integer", "bigint", "varchar", "varchar", "timestamp")
        spelled = ", ".join(f"{name} {kind}" for name, kind in zip((*NUMBER, *TEXT, *TIME), kinds, strict=True))
        session.execute(f"create table {session.relation('t').sql(session.spelling)} ({spelled})")
        other = session.relation("other").sql(session.spelling)
        session.execute(f"create table {other} as select * from (values (1), (2), (3)) as v(id)")
        yield session
        session.close()


def judged(engine: Session, checks: list[Check]) -> tuple[CheckResult, ...]:
    table = engine.relation("t")
    other = engine.relation("other")

    def relation_of(node: object) -> Relation:
        return other

    columns = engine.columns(engine.spelling.select_all(table))
    found = run_checks(engine, table, columns, checks, relation_of, before=BEFORE).results
    return tuple(replace(result, seconds=0, shared_by=0, sample=()) for result in found)


def test_together_they_find_what_each_finds_alone(engine: Session) -> None:
    @settings(max_examples=80)
    @given(CHECKS, ROWS)
    def check(rules: list[tuple[Rule, str | None]], rows: list[tuple[object, ...]]) -> None:
        table = engine.relation("t")
        engine.execute(engine.spelling.delete(table, None))
        if rows:
            values = ", ".join(f"({engine.spelling.literals(row)})" for row in rows)
            engine.execute(f"insert into {table.sql(engine.spelling)} values {values}")
        checks = [
            Check(f"c{position}", "t", "any", rule, PLACE, where=None if isinstance(rule, ColumnTypes) else where)
            for position, (rule, where) in enumerate(rules)
        ]
        together = [without_times(result) for result in judged(engine, checks)]
        assert together == [without_times(judged(engine, [one])[0]) for one in checks]
        for result in judged(engine, checks):
            assert len(engine.fetch(result.sql)) == result.failing_rows

    check()


def without_times(result: CheckResult) -> CheckResult:
    """Leave the query out: the time that freshness is measured against is in it."""
    return replace(result, sql="")


def test_more_checks_are_no_more_statements(engine: Session, caplog: pytest.LogCaptureFixture) -> None:
    engine.execute(engine.spelling.delete(engine.relation("t"), None))
    one_each: list[Rule] = [NotNull("n"), Unique(("n",)), MatchesRegex("s", "b")]
    many: list[Rule] = [
        *one_each,
        Between("n", 0),
        MatchesRegex("s", "a"),
        Expression("n > m"),
        AcceptedValues("s", ("a",)),
        Drift("mean", "n"),
        SumBetween("n", 0),
        Unique(("n", "s")),
        Recency("d", ("s",), 1),
    ]

    def statements(rules: list[Rule]) -> int:
        caplog.clear()
        with caplog.at_level("DEBUG", logger=LOGGER):
            judged(engine, [Check(f"c{i}", "t", "any", rule, PLACE, where="n > 0") for i, rule in enumerate(rules)])
        return len(caplog.records)

    assert statements(many) == statements(one_each)


def test_what_cannot_be_evaluated_is_named_among_many(engine: Session) -> None:
    checks = [
        Check("good", "t", "any", Unique(("n",)), PLACE),
        Check("bad", "t", "any", Unique(("n",)), PLACE, where="nothing = 1"),
    ]
    with pytest.raises(StatementError, match="check bad of t cannot be evaluated"):
        judged(engine, checks)


@pytest.mark.parametrize("rule", [NonNegativeSum("s"), GreaterEqual("s", 0), Between("s", 1, None)], ids=str)
def test_a_built_in_check_that_a_type_does_not_allow_is_named_rather_than_the_users_sql(
    engine: Session, rule: Rule
) -> None:
    checks = [Check("mine", "t", "any", Expression("n > 0"), PLACE), Check("bad", "t", "any", rule, PLACE)]
    with pytest.raises(StatementError, match="check bad of t cannot be evaluated"):
        judged(engine, checks)


LARGE = 100_000


def test_a_pattern_over_few_values_is_matched_with_each_value_once(
    engine: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """If that costs less: the result is that of a look at each row, also with NULLs, a condition, and many values."""
    table = engine.relation("t")
    engine.execute(engine.spelling.delete(table, None))
    numbers = f"generate_series(1, {LARGE}) as g(i)"
    few = "case when i % 5 = 0 then null when i % 5 = 1 then 'a' else 'b' || (i % 5) end"
    many = "cast(i as varchar)"
    named = ", ".join(engine.spelling.quoted(name) for name in (*NUMBER, *TEXT))
    engine.execute(f"insert into {table.sql(engine.spelling)} ({named}) select i % 3, i, {few}, {many} from {numbers}")
    checks = [
        Check("few", "t", "matches_regex", MatchesRegex(TEXT[0], "^a$"), PLACE),
        Check("some", "t", "matches_regex", MatchesRegex(TEXT[0], "^b"), PLACE, where=f"{NUMBER[0]} = 0 -- of three"),
        Check("many", "t", "matches_regex", MatchesRegex(TEXT[1], "[02468]$"), PLACE),
        Check("number", "t", "matches_regex", MatchesRegex(NUMBER[0], "^[01]$"), PLACE),
    ]
    with caplog.at_level("DEBUG", logger=LOGGER):
        found = judged(engine, checks)
    assert [result.failing_rows for result in found] == [60_000, 6_667, 50_000, 33_333]
    assert [result.total for result in found] == [LARGE, 33_333, LARGE, LARGE]
    for result in found:
        ((counted,),) = engine.fetch(f"select count(*) from ({result.sql}) as f")
        assert counted == result.failing_rows
    grouped = [record.getMessage() for record in caplog.records if "_ff_values" in record.getMessage()]
    assert len(grouped) == (1 if engine.spelling.groups_values else 0)
    assert all(message.count("_ff_values") == 3 for message in grouped)


def test_a_view_is_not_computed_twice_for_a_pattern(engine: Session, caplog: pytest.LogCaptureFixture) -> None:
    view = engine.relation("v")
    engine.execute(
        f"create view {view.sql(engine.spelling)} as select cast(i % 3 as varchar) as s from "
        f"generate_series(1, {LARGE}) as g(i)"
    )
    check = Check("c", "v", "matches_regex", MatchesRegex("s", "[12]"), PLACE)
    columns = engine.columns(engine.spelling.select_all(view))
    with caplog.at_level("DEBUG", logger=LOGGER):
        (result,) = run_checks(engine, view, columns, [check], lambda _: view).results
    assert result.failing_rows == 33_333
    scans = [message for record in caplog.records if "count(" in (message := record.getMessage())]
    assert len(scans) == 1

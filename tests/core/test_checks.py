"""The rules of checks: what passes, what fails, what NULL means, and what a result shows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written_projects import opened

from fft_core import CheckFailedError, FftError, Relation
from fft_core.checks.results import CheckResult
from fft_core.checks.run import run_checks
from fft_core.engines.duckdb.session import DuckDBSession, connect
from fft_core.errors import Location, MissingRelationError
from fft_core.project.model import (
    AcceptedValues,
    Check,
    Freshness,
    GreaterEqual,
    NonNegativeSum,
    NotNull,
    Relationships,
    RowCountBetween,
    Rule,
    SourceName,
    Unique,
)
from fft_core.run.turn import check_node

TABLE = Relation("t", "main", "memory")
PARENT = Relation("parent", "main", "memory")


@pytest.mark.parametrize(
    ("rule", "columns", "needs"),
    [
        (NotNull("a"), ("a",), {}),
        (Unique(("a", "b")), ("a", "b"), {}),
        (AcceptedValues("a", (1,)), ("a",), {}),
        (RowCountBetween(1), (), {}),
        (GreaterEqual("a", 0), ("a",), {}),
        (NonNegativeSum("a"), ("a",), {}),
        (Freshness("a", 5), ("a",), {}),
        (Relationships("a", "users", "id"), ("a",), {"users": ("id",)}),
        (Relationships("a", SourceName("crm", "users"), "id"), ("a",), {SourceName("crm", "users"): ("id",)}),
    ],
)
def test_a_rule_says_what_it_reads(
    rule: Rule, columns: tuple[str, ...], needs: dict[str | SourceName, tuple[str, ...]]
) -> None:
    assert rule.columns == columns
    assert rule.needs == needs
    assert rule.reads == tuple(needs)
    assert rule.linked({"other": "another"}) == rule


def test_a_rule_is_linked_to_what_it_reads() -> None:
    rule = Relationships("a", "crm.users", "id")
    assert rule.linked({"crm.users": SourceName("crm", "users")}) == replace(rule, to=SourceName("crm", "users"))
    assert NotNull("a").linked({"a": "b"}) == NotNull("a")


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBSession]:
    opened_engine = connect()
    yield opened_engine
    opened_engine.close()


def judge(engine: DuckDBSession, rule: Rule, where: str | None = None) -> CheckResult:
    """Check the table `t`."""
    check = Check("the_check", "t", "any", rule, Location(Path("project.yml"), 7), where=where)
    columns = engine.columns("select * from t")
    found = run_checks(engine, TABLE, columns, [check], lambda _: PARENT)
    (result,) = found.results
    return result


def fill(engine: DuckDBSession, rows: str, parent: str = "values (1), (2)") -> None:
    engine.execute(f"create or replace table t as {rows}")
    engine.execute(f"create or replace table parent as select * from ({parent}) as p(id)")


NOW = datetime.now(UTC)


def ago(**time: float) -> str:
    return f"'{NOW - timedelta(**time):%Y-%m-%d %H:%M:%S}'"


X = "select * from (values {}) as v(x)"


RULES: list[tuple[Rule, str, int]] = [
    (NotNull("x"), X.format("(1), (2)"), 0),
    (NotNull("x"), X.format("(1), (null), (null)"), 2),
    (NotNull("x"), "select 1 as x where false", 0),
    (Unique(("x",)), X.format("(1), (2), (null)"), 0),
    (Unique(("x",)), X.format("(1), (1), (2), (2), (2)"), 2),
    (Unique(("x",)), X.format("(null), (null)"), 1),
    (Unique(("x", "y")), "select * from (values (1, 1), (1, 2), (1, null)) as v(x, y)", 0),
    (Unique(("x", "y")), "select * from (values (1, null), (1, null), (2, 2)) as v(x, y)", 1),
    (AcceptedValues("x", ("a", "it's")), X.format("('a'), ('it''s'), (null)"), 0),
    (AcceptedValues("x", ("a",)), X.format("('a'), ('A'), ('b'), (null)"), 2),
    (AcceptedValues("x", (1, 2.5)), X.format("(1.0), (2.5), (3.0)"), 1),
    (AcceptedValues("x", (True,)), X.format("(true), (false), (null)"), 1),
    (AcceptedValues("x", ("2024-01-01",)), X.format("(date '2024-01-01'), (date '2024-01-02')"), 1),
    (RowCountBetween(1), X.format("(1)"), 0),
    (RowCountBetween(1), "select 1 as x where false", 1),
    (RowCountBetween(0, 0), "select 1 as x where false", 0),
    (RowCountBetween(1, 2), X.format("(1), (2), (3)"), 1),
    (RowCountBetween(3, 3), X.format("(1), (null), (3)"), 0),
    (GreaterEqual("x", 0), X.format("(0), (1), (null)"), 0),
    (GreaterEqual("x", 1.5), X.format("(1), (1.5), (-1), (null)"), 2),
    (GreaterEqual("x", -1), X.format("(-1), (-2)"), 1),
    (NonNegativeSum("x"), X.format("(-1), (1)"), 0),
    (NonNegativeSum("x"), X.format("(-1), (0.5), (null)"), 1),
    (NonNegativeSum("x"), X.format("(null::int)"), 0),
    (NonNegativeSum("x"), "select 1 as x where false", 0),
    (Freshness("x", 60), X.format(f"(timestamp {ago(minutes=1)}), (timestamp {ago(days=9)}), (null)"), 0),
    (Freshness("x", 60), X.format(f"(timestamp {ago(minutes=61)})"), 1),
    (Freshness("x", 60), X.format(f"(timestamptz {ago(minutes=1)[:-1]}+00')"), 0),
    (Freshness("x", 60), X.format(f"(timestamptz {ago(minutes=1)[:-1]}+05')"), 1),
    (Freshness("x", 60 * 24 * 3), X.format(f"(date {ago(days=1)[:11]}')"), 0),
    (Freshness("x", 60), X.format("(null::timestamp)"), 1),
    (Freshness("x", 60), "select timestamp '2024-01-01' as x where false", 1),
    (Relationships("x", "parent", "id"), X.format("(1), (2), (2)"), 0),
    (Relationships("x", "parent", "ID"), X.format("(1), (3), (3)"), 2),
    (Relationships("x", "parent", "id"), X.format("(1), (null)"), 1),
]


@pytest.mark.parametrize(
    ("rule", "rows", "failing"), RULES, ids=[f"{type(rule).__name__}{i}" for i, (rule, *_) in enumerate(RULES)]
)
def test_each_rule_counts_what_offends_it(engine: DuckDBSession, rule: Rule, rows: str, failing: int) -> None:
    fill(engine, rows)
    result = judge(engine, rule)
    assert (result.failing_rows, result.passed) == (failing, failing == 0)
    assert result.row_count == engine.fetch("select count(*) from t")[0][0]
    assert len(engine.fetch(result.sql)) == failing
    assert len(result.sample) == min(failing, 5)


def test_null_parents_match_nothing_and_hide_nothing(engine: DuckDBSession) -> None:
    fill(engine, X.format("(1), (3), (null)"), "values (1), (null)")
    assert judge(engine, Relationships("x", "parent", "id")).failing_rows == 2


@pytest.mark.parametrize(
    ("rule", "failing"),
    [
        (NotNull("x"), 1),
        (Unique(("x",)), 1),
        (AcceptedValues("x", (1,)), 0),
        (RowCountBetween(4), 1),
        (RowCountBetween(3, 3), 0),
        (GreaterEqual("x", 2), 2),
        (NonNegativeSum("x"), 0),
        (Relationships("x", "parent", "id"), 1),
    ],
)
def test_where_chooses_the_rows_that_are_judged(engine: DuckDBSession, rule: Rule, failing: int) -> None:
    values = "(1, 'a'), (1, 'a'), (null, 'a'), (-9, 'b'), (-9, 'b'), (null, 'b'), (null, 'b')"
    fill(engine, f"select * from (values {values}) as v(x, g)")
    result = judge(engine, rule, where="g = 'a' or false")
    assert (result.failing_rows, result.row_count) == (failing, 7)
    assert len(engine.fetch(result.sql)) == failing


@pytest.mark.parametrize(("where", "failing"), [("g = 'old'", 1), ("g = 'new'", 0), ("g = 'none'", 1)])
def test_where_counts_for_freshness(engine: DuckDBSession, where: str, failing: int) -> None:
    fill(engine, f"select timestamp {ago(minutes=1)} as x, 'new' as g union all select timestamp {ago(days=2)}, 'old'")
    assert judge(engine, Freshness("x", 60), where).failing_rows == failing


def test_a_where_that_ends_in_a_comment(engine: DuckDBSession) -> None:
    fill(engine, X.format("(1), (null)"))
    assert judge(engine, NotNull("x"), "true -- all of them").failing_rows == 1


def test_columns_may_be_written_in_another_case_or_be_odd(engine: DuckDBSession) -> None:
    fill(engine, 'select null as "My Column", 1 as "select"')
    assert judge(engine, NotNull("my column")).failing_rows == 1
    assert judge(engine, NotNull("SELECT")).failing_rows == 0


@pytest.mark.parametrize(
    "rule",
    [NotNull("amuont"), Unique(("amount", "amuont")), Freshness("amuont", 1), Relationships("amuont", "p", "id")],
)
def test_a_column_that_is_not_there_is_an_error_not_a_pass(engine: DuckDBSession, rule: Rule) -> None:
    fill(engine, "select 1 as amount")
    with pytest.raises(FftError) as caught:
        judge(engine, rule)
    assert str(caught.value) == (
        "project.yml:7: check the_check names the column 'amuont', which t does not have [FFT-502]\n"
        "    hint: Did you mean 'amount'?"
    )


def test_a_parent_column_that_is_not_there_is_an_error(engine: DuckDBSession) -> None:
    fill(engine, X.format("(1)"))
    message = r"project.yml:7: check the_check names the column 'nothing', which parent does not have"
    with pytest.raises(FftError, match=message):
        judge(engine, Relationships("x", "parent", "nothing"))


def test_the_sample_is_five_whole_rows(engine: DuckDBSession) -> None:
    fill(engine, "select range as x, null as y from range(9)")
    result = judge(engine, NotNull("y"))
    assert (result.failing_rows, result.sample_columns, len(result.sample)) == (9, ("x", "y"), 5)
    assert all(row[1] is None for row in result.sample)
    assert str(result) == "the_check: 9 of 9 rows fail"


def test_many_checks_of_a_table_keep_their_order_and_their_counts(engine: DuckDBSession) -> None:
    fill(engine, X.format("(1), (1), (null), (9)"))
    rules: list[tuple[Rule, int]] = [
        (Unique(("x",)), 1),
        (NotNull("x"), 1),
        (Relationships("x", "parent", "id"), 2),
        (GreaterEqual("x", 5), 2),
        (RowCountBetween(4, 4), 0),
    ]
    checks = [Check(f"c{i}", "t", "any", rule, Location(Path("p.yml"))) for i, (rule, _) in enumerate(rules)]
    results = run_checks(engine, TABLE, engine.columns("select * from t"), checks, lambda _: PARENT).results
    assert [(result.check.name, result.failing_rows) for result in results] == [
        (f"c{i}", failing) for i, (_, failing) in enumerate(rules)
    ]


# against plain Python

SMALL = st.one_of(st.none(), st.integers(-3, 3))
ROWS = st.lists(st.tuples(SMALL, SMALL), max_size=8)
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(rows=ROWS, parents=st.lists(SMALL, max_size=3), threshold=st.integers(-3, 3), kept=st.integers(-3, 3))
def test_every_rule_agrees_with_plain_python(
    engine: DuckDBSession,
    rows: list[tuple[int | None, int | None]],
    parents: list[int | None],
    threshold: int,
    kept: int,
) -> None:
    engine.execute("create or replace table t (x integer, y integer)")
    engine.execute("create or replace table parent (id integer)")
    for row in rows:
        engine.fetch("insert into t values (?, ?)", row)
    for parent in parents:
        engine.fetch("insert into parent values (?)", [parent])
    for where, judged in (
        (None, rows),
        (f"y >= {kept}", [row for row in rows if row[1] is not None and row[1] >= kept]),
    ):
        xs = [x for x, _ in judged]
        values = [x for x in xs if x is not None]
        total = sum(values)
        expected: list[tuple[Rule, int]] = [
            (NotNull("x"), xs.count(None)),
            (Unique(("x",)), sum(count > 1 for count in Counter(xs).values())),
            (Unique(("x", "y")), sum(count > 1 for count in Counter(judged).values())),
            (AcceptedValues("x", (threshold, 0)), sum(x not in (threshold, 0) for x in values)),
            (GreaterEqual("x", threshold), sum(x < threshold for x in values)),
            (NonNegativeSum("x"), int(total < 0)),
            (RowCountBetween(2, 5), int(not 2 <= len(judged) <= 5)),
            (Relationships("x", "parent", "id"), sum(x is None or x not in parents for x in xs)),
        ]
        for rule, failing in expected:
            assert judge(engine, rule, where).failing_rows == failing, (rule, where)


@QUICK
@given(text=st.text(max_size=6))
def test_any_text_may_be_an_accepted_value(engine: DuckDBSession, text: str) -> None:
    try:
        engine.fetch("create or replace table t as select ?::varchar as x", [text])
    except (duckdb.Error, UnicodeError, FftError):
        return  # the engine does not store it
    if "\x00" not in text:
        assert judge(engine, AcceptedValues("x", (text,))).passed
        assert not judge(engine, AcceptedValues("x", (f"{text}!",))).passed


# through a project


def test_checks_can_be_run_without_building(tmp_path: Path) -> None:
    tests = [
        {"type": "not_null", "table": "one", "column": "x"},
        {"type": "greater_equal", "table": "one", "column": "x", "threshold": 5, "severity": "warn"},
        {"type": "row_count_between", "table": "crm.users", "min_rows": 2},
    ]
    files = {
        "project.yml": f"name: shop\nversion: '1'\ntests: {json.dumps(tests)}\n",
        "models/one.ff.sql": "select 1 as x",
        "sources.yml": "crm: {users: {identifier: raw_users}}\n",
    }
    with opened(tmp_path, files) as shop:
        one = shop.project.checks_of("one")
        with pytest.raises(MissingRelationError) as caught:
            check_node(shop.warehouse, "one", one)
        assert str(caught.value) == (
            "warehouse.main.one does not exist: nothing to check [FFT-420]\n    hint: Build the model 'one' first."
        )
        shop.build()
        shop.rows("insert into one values (null), (7)")
        assert [(r.check.name, r.failing_rows, r.blocks) for r in check_node(shop.warehouse, "one", one)] == [
            ("not_null_x", 1, True),
            ("greater_equal_x", 1, False),
        ]
        users = SourceName("crm", "users")
        shop.rows("create table raw_users as select 1 as id")
        (result,) = check_node(shop.warehouse, users, shop.project.checks_of(users))
        assert (result.failing_rows, result.row_count) == (1, 1)


def test_a_failing_check_says_how_to_see_the_rows(tmp_path: Path) -> None:
    files = {
        "project.yml": "name: shop\nversion: '1'\ntests:\n"
        "  - {type: not_null, table: one, column: x}\n  - {type: unique, table: one, column: x, severity: warn}\n",
        "models/one.ff.sql": "select null as x from range(1200)",
    }
    with opened(tmp_path, files) as shop, pytest.raises(CheckFailedError) as caught:
        shop.build()
    assert str(caught.value) == (
        "project.yml:4: one is not published: 1 check(s) failed: not_null_x: 1,200 of 1,200 rows fail [FFT-500]\n"
        "    hint: The first of them: x = NULL"
    )
    assert [(result.check.name, result.passed) for result in caught.value.results] == [
        ("not_null_x", False),
        ("unique_x", False),
    ]

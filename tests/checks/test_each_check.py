"""Each type of check on each engine: rows that pass, that fail, no rows, rows of NULLs, and names that need quotes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from targets import Target

from fft_core.checks.results import CheckResult
from fft_core.checks.run import run_checks
from fft_core.engines.protocol import Session, open_session
from fft_core.errors import FftError, Location, StatementError
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

NAMES = [("x", "g"), ('odd "name"', "select"), ("Ünï %s {0}", "it's;--"), ("row_count", "latest")]
NOW = datetime.now(UTC).replace(tzinfo=None)
PLACE = Location(Path("project.yml"), 7)
JAN = datetime(2024, 1, 1)


def ago(minutes: float) -> str:
    return f"'{NOW - timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S}'"


@dataclass(frozen=True)
class Case:
    """A rule about the columns x and g, rows of both, and how many of them break it.

    Where nothing is said of a table without rows, or of one of NULLs, none does.
    """

    rule: Callable[[str, str], Rule]
    kind: str
    good: str
    bad: str
    failing: int = 1
    empty: int = 0
    nulls: int = 0


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def total(table: str, expression: str) -> Measure:
    return Measure(table, expression)


CASES: dict[str, Case] = {
    "not_null": Case(lambda x, g: NotNull(x), "integer", "(1, 'a')", "(1, 'a'), (null, 'a'), (null, null)", 2, nulls=3),
    "unique": Case(lambda x, g: Unique((x,)), "integer", "(1, 'a'), (2, 'a')", "(1, 'a'), (1, 'b')", nulls=1),
    "unique of two": Case(
        lambda x, g: Unique((x, g)), "integer", "(1, 'a'), (1, 'b'), (1, null)", "(1, null), (1, null)", nulls=1
    ),
    "accepted_values": Case(lambda x, g: AcceptedValues(x, (1, 2)), "integer", "(1, 'a')", "(3, 'a'), (1, 'a')"),
    "greater_equal": Case(lambda x, g: GreaterEqual(x, 0), "integer", "(0, 'a')", "(-1, 'a'), (1, 'a')"),
    "between": Case(
        lambda x, g: Between(x, 1, 2.5), "numeric(9, 2)", "(1, 'a'), (2.5, 'a')", "(0.99, 'a'), (2.51, 'b')", 2
    ),
    "between, without max": Case(lambda x, g: Between(x, 1), "integer", "(1, 'a')", "(0, 'a'), (7, 'b')"),
    "between, without min": Case(lambda x, g: Between(x, None, 1), "integer", "(1, 'a')", "(0, 'a'), (7, 'b')"),
    "between NaN": Case(
        lambda x, g: Between(x, 0), "double precision", "('Infinity', 'a')", "('NaN', 'a'), ('-Infinity', 'a')", 2
    ),
    "between dates": Case(
        lambda x, g: Between(x, JAN, JAN + timedelta(days=1)), "date", "('2024-01-02', 'a')", "('2023-12-31', 'a')"
    ),
    "between times": Case(
        lambda x, g: Between(x, JAN),
        "timestamp with time zone",
        "('2024-01-01 01:00:00+01', 'a')",
        "('2024-01-01 00:30:00+01', 'a')",
    ),
    "matches_regex": Case(
        lambda x, g: MatchesRegex(x, r"^[a-z]+\.\d{2}$"), "varchar", "('a.12', 'a')", "('a.1', 'a'), ('a.12\n', 'b')", 2
    ),
    "matches_regex, a number": Case(lambda x, g: MatchesRegex(x, r"^\d{5}$"), "integer", "(12345, 'a')", "(123, 'a')"),
    "expression": Case(
        lambda x, g: Expression(f"{quoted(x)} > 0 or {quoted(g)} = 'a' -- or so", x), "integer", "(1, 'b')", "(0, 'b')"
    ),
    "not_constant": Case(
        lambda x, g: NotConstant(x), "integer", "(1, 'a'), (2, 'a'), (null, 'a')", "(1, 'a'), (1, 'b'), (null, 'b')"
    ),
    "not_constant, booleans": Case(
        lambda x, g: NotConstant(x), "boolean", "(true, 'a'), (false, 'a')", "(true, 'a'), (true, 'b')"
    ),
    "not_constant, texts": Case(lambda x, g: NotConstant(x), "varchar", "('a', 'a'), ('A', 'a')", "('a', 'a')"),
    "not_constant, uuids": Case(
        lambda x, g: NotConstant(x), "uuid", f"('{'0' * 32}', 'a'), ('{'1' * 32}', 'a')", f"('{'0' * 32}', 'a')"
    ),
    "row_count_between": Case(
        lambda x, g: RowCountBetween(1, 3), "integer", "(1, 'a')", "(1, 'a')" + ", (1, 'a')" * 3, empty=1
    ),
    "non_negative_sum": Case(lambda x, g: NonNegativeSum(x), "integer", "(1, 'a')", "(1, 'a'), (-2, 'a')"),
    "sum_between": Case(
        lambda x, g: SumBetween(x, 1, 2.5), "integer", "(1, 'a'), (1, 'a')", "(1, 'a'), (2, 'a')", empty=1, nulls=1
    ),
    "sum_between, without min": Case(lambda x, g: SumBetween(x, None, 2), "integer", "(2, 'a')", "(3, 'a')"),
    "sum_between NaN": Case(
        lambda x, g: SumBetween(x, None, 2), "double precision", "('2', 'a')", "('NaN', 'a')"
    ),
    "freshness": Case(
        lambda x, g: Freshness(x, 60), "timestamp", f"({ago(1)}, 'a')", f"({ago(70)}, 'a')", empty=1, nulls=1
    ),
    "recency": Case(
        lambda x, g: Recency(x, (g,), 60),
        "timestamp",
        f"({ago(1)}, 'a'), ({ago(99)}, 'a'), ({ago(2)}, null)",
        f"({ago(1)}, 'a'), ({ago(99)}, 'b'), (null, 'c'), ('infinity', 'd'), ({ago(70)}, null)",
        4,
        nulls=1,
    ),
    "column_types": Case(
        lambda x, g: ColumnTypes(((x, "bigint"), (g.upper(), "string")), exact=True),
        "bigint", "(1, 'a')", "(1, 'a')", 0,
    ),
    "relationships": Case(lambda x, g: Relationships(x, "other", "id"), "integer", "(1, 'a')", "(9, 'a')", nulls=3),
    "row_count_equals": Case(
        lambda x, g: RowCountEquals(total("t", "count(*)"), total("other", "count(*)"), owner="t"),
        "integer", "(1, 'a'), (1, 'a')", "(1, 'a')", empty=1, nulls=1,
    ),
    "reconcile_equal": Case(
        lambda x, g: ReconcileDifference(total("t", "count(*)"), total("other", "max(id)"), owner="t"),
        "integer", "(1, 'a'), (1, 'a')", "(1, 'a')", empty=1, nulls=1,
    ),
    "reconcile_ratio": Case(
        lambda x, g: ReconcileRatio(total("t", f"count({quoted(x)})"), total("other", "max(id)"), owner="t", minimum=1),
        "integer", "(1, 'a'), (1, 'a')", "(1, 'a')", empty=1, nulls=1,
    ),
    "reconcile_coverage": Case(
        lambda x, g: ReconcileCoverage(total("t", quoted(x)), total("other", "id"), owner="t"),
        "integer", "(1, 'a')", "(9, 'a')", nulls=3,
    ),
    "drift": Case(
        lambda x, g: Drift("row_count", None, 0.5),
        "integer", "(1, 'a')" + ", (1, 'a')" * 9, "(1, 'a')", empty=1, nulls=1,
    ),
    "drift of the mean": Case(
        lambda x, g: Drift("mean", x, 0.5), "integer", "(10, 'a'), (null, 'a'), (14, 'b')", "(1, 'a')", empty=1, nulls=1
    ),
    "drift of NULLs": Case(
        lambda x, g: Drift("null_share", x, 0.2), "varchar", "('1', 'a'), (null, 'b')", "('1', 'a')", empty=1, nulls=1
    ),
    "drift of values": Case(
        lambda x, g: Drift("distinct", x, 0.1), "integer", "(1, 'a'), (2, 'b'), (2, 'b')", "(1, 'a')", empty=1, nulls=1
    ),
}  # fmt: skip
NOTHING: Mapping[str, float | None] = {}
BEFORE = {"row_count": 10.0, "mean": 10.0, "null_share": 0.5, "distinct": 2.0}


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Session]:
    target = Target(request.getfixturevalue("postgres_dsn") if request.param == "postgres" else None)
    with target.settings() as settings:
        session = open_session(target.engine, settings)
        session.create_schema(session.relation("t"))
        yield session
        session.close()


def judge(
    engine: Session, rule: Rule, where: str | None = None, before: Mapping[str, float | None] = NOTHING
) -> CheckResult:
    """Check the table t."""
    check = Check("the_check", "t", "any", rule, PLACE, where=where)
    table = engine.relation("t")
    columns = engine.columns(engine.spelling.select_all(table))
    measured = (
        {f"{key}|{rule.column}" if rule.column else key: v for key, v in before.items()}
        if isinstance(rule, Drift)
        else {}
    )
    (result,) = run_checks(engine, table, columns, [check], lambda _: engine.relation("other"), before=measured).results
    return result


def fill(engine: Session, rows: str, kind: str, names: tuple[str, str] = ("x", "g"), where: str = "1 = 1") -> None:
    x, g = map(quoted, names)
    relations = {
        relation: info.kind
        for relation, info in engine.inspect([engine.relation("t"), engine.relation("other")]).items()
    }
    for relation, found in relations.items():
        engine.execute(engine.spelling.drop(relation, found))
    made(
        engine,
        engine.relation("t"),
        f"select cast(x as {kind}) as {x}, cast(g as varchar) as {g} from (values {rows}) as v(x, g) where {where}",
    )
    made(engine, engine.relation("other"), "select * from (values (1), (2)) as v(id)")


def made(engine: Session, relation: Relation, query: str) -> None:
    engine.execute(engine.spelling.create_as(relation, "table", query, replaces=False))


@pytest.mark.parametrize("names", NAMES, ids=["plain", "quotes", "signs", "ours"])
@pytest.mark.parametrize("case", CASES)
def test_what_passes_and_what_fails(engine: Session, case: str, names: tuple[str, str]) -> None:
    said = CASES[case]
    rule = said.rule(*names)
    for rows, where, failing in (
        (said.good, "1 = 1", 0),
        (said.bad, "1 = 1", said.failing),
        (said.good, "1 = 0", said.empty),
        ("(null, null), (null, null), (null, null)", "1 = 1", said.nulls),
    ):
        fill(engine, rows, said.kind, names, where)
        result = judge(engine, rule, before=BEFORE)
        assert result.failing_rows == failing, rows
        assert len(engine.fetch(result.sql)) == failing, "the query shows them"
        assert bool(result.sample) == bool(failing)


ELSEWHERE = ("column_types", "row_count_equals", "reconcile", "drift")  # what is no condition, or stands in a side


@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith(ELSEWHERE)])
def test_a_condition_chooses_the_rows(engine: Session, case: str) -> None:
    said = CASES[case]
    bad = re.sub(r", (?:'\w'|null)\)", ", 'bad')", said.bad)
    fill(engine, f"{said.good}, {bad}", said.kind)
    assert judge(engine, said.rule("x", "g"), "coalesce(g, '') <> 'bad' -- no more").passed
    assert judge(engine, said.rule("x", "g"), "1 = 0").failing_rows == said.empty


TYPES = [
    ("integer", "bigint", 0),
    ("integer", "integer", 0),
    ("integer", "smallint", 1),
    ("bigint", "integer", 1),
    ("numeric", "numeric(9, 2)", 0),
    ("decimal(9,2)", "numeric(9, 2)", 0),
    ("decimal(9, 3)", "numeric(9, 2)", 1),
    ("text", "varchar", 0),
    ("string", "varchar", 0),
    ("double", "double precision", 0),
    ("double", "real", 1),
    ("real", "real", 0),
    ("TIMESTAMP", "timestamp", 0),
    ("timestamptz", "timestamp", 1),
    ("timestamptz", "timestamp with time zone", 0),
    ("bool", "boolean", 0),
    ("integer[]", "integer[]", 0),
    ("integer[]", "bigint[]", 1),
    ("date", "timestamp", 1),
]


@pytest.mark.parametrize(("promised", "kind", "failing"), TYPES, ids=lambda value: str(value))
def test_a_type_is_what_the_engine_takes_it_for(engine: Session, promised: str, kind: str, failing: int) -> None:
    fill(engine, "(null, 'a')", kind)
    result = judge(engine, ColumnTypes((("x", promised),)))
    assert result.failing_rows == failing, result.first_row
    assert not failing or result.summary.startswith("1 column is not as declared: x is ")


def test_columns_that_are_missing_or_too_many_are_not_as_promised(engine: Session) -> None:
    fill(engine, "(1, 'a')", "integer")
    result = judge(engine, ColumnTypes((("X", "integer"), ("y", "text")), exact=True))
    assert result.failing_rows == 2
    assert [row[0] for row in result.sample] == ["y", "g"]
    assert result.summary.startswith("2 columns are not as declared: y is missing; g (")
    assert result.summary.endswith(") is not declared")
    assert result.first_row == "column_name = y, promised = text, found = NULL"
    assert judge(engine, ColumnTypes((("X", "integer"),))).passed, "others may be there"


def test_a_type_that_the_engine_does_not_know_is_an_error(engine: Session) -> None:
    fill(engine, "(1, 'a')", "integer")
    with pytest.raises(StatementError, match=r"check the_check of t cannot be evaluated.*no_type"):
        judge(engine, ColumnTypes((("x", "no_type"),)))


@pytest.mark.parametrize(
    "rule",
    [Between("y", 1), MatchesRegex("y", "a"), Expression("1 = 1", "y"), NotConstant("y"), SumBetween("y", 1),
     Recency("x", ("y",), 1), Recency("y", ("g",), 1), Drift("mean", "y")],
)  # fmt: skip
def test_a_column_that_is_not_there_is_an_error(engine: Session, rule: Rule) -> None:
    fill(engine, "(1, 'a')", "integer")
    with pytest.raises(FftError, match="names the column 'y', which t does not have"):
        judge(engine, rule)


def test_an_expression_that_cannot_be_evaluated_is_named(engine: Session) -> None:
    fill(engine, "(1, 'a')", "integer")
    columns = engine.columns(engine.spelling.select_all(engine.relation("t")))
    checks = [
        Check("good", "t", "any", NotNull("x"), PLACE),
        Check("bad", "t", "any", Expression("nothing > 0"), PLACE),
    ]
    with pytest.raises(StatementError, match="check bad of t cannot be evaluated"):
        run_checks(engine, engine.relation("t"), columns, checks, lambda _: engine.relation("other"))


@pytest.mark.parametrize(
    ("rule", "before", "failing", "said"),
    [
        (Drift("mean", "x", 0.5), {}, 0, "passed: first build with this measure"),
        (Drift("mean", "x", 0.5), {"mean": 4.0}, 0, "passed"),
        (Drift("mean", "x", 0.5), {"mean": 3.9}, 1, "3.9 before, 6 now"),
        (Drift("mean", "x", 0.5), {"mean": -6.0}, 1, "-6 before, 6 now"),
        (Drift("mean", "x", 0.5), {"mean": 0.0}, 1, "0 before, 6 now"),
        (Drift("mean", "x", 0.5), {"mean": None}, 1, "NULL before, 6 now"),
        (Drift("row_count", None, 0), {"row_count": 2.0}, 0, "passed"),
        (Drift("row_count", None, 0.2), {"row_count": 0.0}, 1, "0 before, 2 now"),
        (Drift("null_share", "g", 0.2), {"null_share": 0.0}, 1, "0 before, 0.5 now"),
        (Drift("null_share", "g", 0.5), {"null_share": 0.0}, 0, "passed"),
    ],
)
def test_what_changed_is_compared_with_what_it_was(
    engine: Session, rule: Rule, before: dict[str, float | None], failing: int, said: str
) -> None:
    fill(engine, "(5, 'a'), (7, null)", "integer")
    result = judge(engine, rule, before=before)
    assert (result.failing_rows, result.passed) == (failing, not failing)
    assert result.summary.startswith(said)
    assert result.measured is not None
    assert result.measured.now == {"mean": 6.0, "row_count": 2.0, "null_share": 0.5}[rule.measure]  # type: ignore[union-attr]


def test_not_a_number_is_a_drift(engine: Session) -> None:
    fill(engine, "('NaN', 'a')", "double precision")
    assert judge(engine, Drift("mean", "x"), before={"mean": 1.0}).failing_rows == 1

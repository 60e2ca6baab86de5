"""Each type of check of a view judges the staged rows of what the view reads, and holds them back: on each engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from shops import TABLE, VIEW, Shop, blocked, built, shop_on, states
from sweeps import FACTOR
from targets import Target

HEAD = "id,mail,n,day\n"
GOOD = f"{HEAD}1,a@x.org,10,2024-01-01\n2,b@x.org,20,2024-01-02\n"
TYPES = "columns: {raw: {id: integer, mail: string, n: integer, day: date}}\n"
CUSTOM = "{{ config(type='few', params=['limit']) }} select id from {{ table }} where n > {{ params.limit }}"
COUNTED = "{{ config(type='counted') }} select count(*) from {{ table }} where {{ column }} > 50"
MENTIONS = "{{ config(type='mentions') }} select id from {{ table }} where n > (select max(m) from {{ ref('limits') }})"
FUNCTION = """\
from fastflowtransform.decorators import dq_test

@dq_test("averages")
def average(con, table, column, params):
    (value,) = con.execute(f"select avg({column}) from {table}").fetchone()
    return value < 50, f"{float(value):g} on average", f"select * from {table}"
"""


@dataclass(frozen=True)
class Case:
    """A check of the view, and a seed that breaks it: all other types would pass with most of these."""

    check: str
    bad: str
    says: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


LIMITS = {"models/limits.ff.sql": TABLE + "select 50 as m"}
CASES = {
    "between": Case(
        "type: between, column: n, max: 50", "1,a@x.org,10,2024-01-01\n2,b@x.org,90,2024-01-02\n", "1 of 2"
    ),
    "between dates": Case(
        "type: between, column: day, min: 2024-01-01", "1,a@x.org,10,2023-12-31\n2,b@x.org,20,2024-01-02\n", "1 of 2"
    ),
    "matches_regex": Case(
        "type: matches_regex, column: mail, pattern: '@x[.]org$'".replace("[.]", r"\."),
        "1,a@x.org,10,2024-01-01\n2,b@y.org,20,2024-01-02\n",
        "1 of 2",
    ),
    "expression": Case('type: expression, expression: "n < id * 50"', "1,a@x.org,60,2024-01-01\n", "1 of 1"),
    "unique": Case(
        "type: unique, column: [mail, day]",
        "1,a@x.org,10,2024-01-01\n2,a@x.org,20,2024-01-01\n",
        "1 value occurs",
    ),
    "not_constant": Case("type: not_constant, column: n", "1,a@x.org,10,2024-01-01\n2,b@x.org,10,2024-01-02\n"),
    "row_count_equals": Case(
        "type: row_count_equals, to: two",
        "1,a@x.org,10,2024-01-01\n",
        "",
        {"models/two.ff.sql": TABLE + "select 1 as i union all select 2"},
    ),
    "column_types": Case("type: column_types, columns: {n: integer}", "", "1 column is not as declared"),
    "sum_between": Case("type: sum_between, column: n, min: 1, max: 50", "1,a@x.org,51,2024-01-01\n"),
    "recency": Case(
        "type: recency, column: day, group_by: mail, max_delay_minutes: 52560000",
        "1,a@x.org,10,1900-01-01\n2,b@x.org,20,2024-01-02\n",
        "1 group is too old",
    ),
    "freshness": Case("type: freshness, column: day, max_delay_minutes: 52560000", "1,a@x.org,10,1900-01-01\n"),
    "drift of rows": Case("type: drift, max_change: 0.4", "1,a@x.org,10,2024-01-01\n", "2 before, 1 now"),
    "drift of a mean": Case(
        "type: drift, column: n, measure: mean",
        "1,a@x.org,10,2024-01-01\n2,b@x.org,50,2024-01-02\n",
        "15 before, 30",
    ),
    "drift of NULLs": Case(
        "type: drift, column: n, measure: null_share",
        "1,a@x.org,,2024-01-01\n2,b@x.org,50,2024-01-02\n",
        "0 before, 0.5",
    ),
    "drift of values": Case(
        "type: drift, column: mail, measure: distinct",
        "1,a@x.org,10,2024-01-01\n2,a@x.org,50,2024-01-02\n",
        "2 before, 1",
    ),
    "threshold": Case(
        'type: between, column: n, max: 50, error_if: "> 50%"',
        "1,a@x.org,90,2024-01-01\n2,b@x.org,90,2024-01-02\n",
        "2 of 2",
    ),
    "relationships": Case(
        "type: relationships, column: n, to: numbers, field: m",
        "1,a@x.org,30,2024-01-01\n",
        "1 of 1",
        {"models/numbers.ff.sql": TABLE + "select 10 as m union all select 20"},
    ),
    "reconcile_equal": Case(
        "type: reconcile_equal, left: {table: over, expr: sum(n)}, right: {table: limits, expr: max(m) - 20}",
        "1,a@x.org,31,2024-01-01\n",
        "left_value = 31, right_value = 30",
        LIMITS,
    ),
    "reconcile_coverage": Case(
        "type: reconcile_coverage, source: {table: over, key: n}, target: {table: numbers, key: m}",
        "1,a@x.org,30,2024-01-01\n",
        "1 key is missing",
        {"models/numbers.ff.sql": TABLE + "select 10 as m union all select 20"},
    ),
    "custom rows": Case("type: few, limit: 50", "1,a@x.org,51,2024-01-01\n", "1 found", {"tests/few.ff.sql": CUSTOM}),
    "custom number": Case(
        "type: counted, column: n", "1,a@x.org,51,2024-01-01\n", "1 found", {"tests/counted.ff.sql": COUNTED}
    ),
    "custom with ref": Case(
        "type: mentions", "1,a@x.org,51,2024-01-01\n", "1 found", {"tests/mentions.ff.sql": MENTIONS, **LIMITS}
    ),
    "custom function": Case(
        "type: averages, column: n", "1,a@x.org,51,2024-01-01\n", "51 on average", {"tests/averages.ff.py": FUNCTION}
    ),
}


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Shop]:
    with shop_on(target, tmp_path) as made:
        yield made


def entry(check: str) -> str:
    table = "" if check.startswith("type: reconcile") else ", table: over"
    return f"  - {{{check}{table}}}\n"


# Each check through a table or a view, in turn; sweeps try both
@pytest.mark.parametrize(
    ("name", "through"),
    [
        (name, through)
        for number, name in enumerate(CASES)
        for turn, through in enumerate(("table", "view"))
        if FACTOR > 1 or number % 2 == turn
    ],
)
def test_a_check_of_a_view_judges_the_staged_rows_of_what_it_reads(shop: Shop, name: str, through: str) -> None:
    case = CASES[name]
    between = {"table": "raw", "view": "mid"}[through]
    files = {
        "seeds/raw.csv": GOOD,
        "seeds/schema.yml": TYPES,
        "models/mid.ff.sql": VIEW + "select id, mail, n, day from {{ ref('raw') }}",
        "models/over.ff.sql": VIEW + f"select id, mail, n, day from {{{{ ref('{between}') }}}}",
        **case.files,
    }
    shop.write(files, entry(case.check))
    first = shop.build()
    assert set(states(first).values()) == {"built"}
    assert any(view.name == "over" for step in first for view in built(first[step]).views)
    as_double = {"seeds/schema.yml": TYPES.replace("n: integer", "n: double")}
    shop.write({"seeds/raw.csv": HEAD + case.bad} if case.bad else as_double)
    error = blocked(shop.build()["raw"])
    (view,) = error.views
    (result,) = view.results
    assert (view.name, result.judged, result.judged_with, result.outcome) == ("over", "staged", "raw", "fail")
    assert case.says in str(result)
    assert shop.rows("over") == shop.rows("raw") == [1, 2]
    shop.write({"seeds/raw.csv": GOOD.replace("a@x", "c@x"), "seeds/schema.yml": TYPES})
    assert states(shop.build())["raw"] == "built"


def test_what_may_fail_of_a_view_holds_nothing_back(shop: Shop) -> None:
    shop.write(
        {
            "seeds/raw.csv": GOOD,
            "seeds/schema.yml": TYPES,
            "models/over.ff.sql": VIEW + "select id, mail, n, day from {{ ref('raw') }}",
        },
        entry('type: between, column: n, max: 50, error_if: "> 50%"'),
    )
    shop.build()
    shop.write({"seeds/raw.csv": HEAD + "1,a@x.org,10,2024-01-01\n2,b@x.org,90,2024-01-02\n"})
    outcomes = shop.build()
    assert states(outcomes)["raw"] == "built"
    (view,) = built(outcomes["raw"]).views
    assert [result.outcome for result in view.results] == ["warn"]

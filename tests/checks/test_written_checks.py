"""The types of checks as users write them: in project.yml, beside models, seeds and sources; and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from targets import Target
from written_projects import Files, loaded, opened, problems

from fft_core import CheckFailedError, Run, load_project
from fft_core.checks.words import in_words
from fft_core.run.turn import check_node

SHOP: Files = {
    "seeds/raw.csv": "id,amount,name\n1,10.5,a1\n2,20,b2\n3,30,c3\n",
    "seeds/schema.yml": "columns: {raw: {id: integer, amount: double, name: text}}\n",
    "models/orders.ff.sql": "select id, amount, name from {{ ref('raw') }}",
    "models/counted.ff.sql": "select id from {{ ref('orders') }}",
}
FLAT = {
    "type: between, column: id, min: 1": "id is at least 1, or NULL",
    "type: between, column: id, max: 2024-12-31": "id is at most 2024-12-31, or NULL",
    "type: between, column: id, min: '2024-01-01T10:00:00+01:00', max: 2025-01-01": (
        "id is at least 2024-01-01 09:00:00 and at most 2025-01-01, or NULL"
    ),
    r"type: matches_regex, column: name, pattern: '^\w\d$'": r"name matches ^\w\d$, or is NULL",
    "type: expression, expression: id > 0": "id > 0 is true or NULL",
    "type: not_constant, column: id": "id has more than one value; NULL does not count",
    "type: sum_between, column: id, min: 1, max: 9.5": "the sum of id is at least 1 and at most 9.5",
    "type: recency, column: at, group_by: name, max_delay_minutes: 60": (
        "the latest at for each name is at most 60 minutes old"
    ),
    "type: column_types, columns: {id: integer, name: text}": "the columns include id integer, name text",
    "type: column_types, columns: {id: integer}, exact: true": "the columns are id integer",
    "type: drift": "the number of rows changes by at most 20% from build to build",
    "type: drift, column: id, measure: mean, max_change: 0.1": (
        "the mean of id changes by at most 10% from build to build"
    ),
    "type: drift, column: id, measure: null_share": "the share of NULLs in id changes by at most 20 percentage points",
    "type: drift, column: id, measure: distinct": (
        "the number of distinct id changes by at most 20% from build to build"
    ),
    "type: row_count_equals, to: raw": "orders has as many rows as raw",
    "type: row_count_equals, to: raw, where: id > 1": "orders where id > 1 has as many rows as raw",
}


def project(*tests: str) -> str:
    return "name: shop\nversion: '1'\ntests:\n" + "".join(f"  - {{table: orders, {test}}}\n" for test in tests)


@pytest.mark.parametrize("test", FLAT)
def test_a_test_in_words(tmp_path: Path, test: str) -> None:
    (check,) = loaded(tmp_path, {**SHOP, "project.yml": project(test)}).checks
    assert in_words(check) == FLAT[test]


BESIDE = """\
version: 2
{section}:
  - name: {name}
    tests:
      - row_count_equals: {{to: raw}}
      - drift
      - expression: {{expression: id > 0, name: positive}}
      - column_types:
          columns: {{id: bigint, amount: double, name: text}}
    columns:
      - name: id
        tests:
          - between: {{min: 1, max: 3}}
          - not_constant
          - sum_between: {{arguments: {{min: 6, max: 6}}}}
          - drift: {{measure: mean}}
          - expression: {{expression: id < 4}}
      - name: name
        tests:
          - matches_regex: {{pattern: '^[a-c][0-9]$', config: {{severity: warn}}}}
"""
NAMES = {
    "drift", "positive", "column_types", "between_id", "not_constant_id", "sum_between_id", "drift_id", "expression_id",
    "matches_regex_name", "row_count_equals",
}  # fmt: skip


@pytest.mark.parametrize(("section", "name"), [("models", "orders"), ("seeds", "raw")])
def test_checks_beside_models_and_seeds_judge(tmp_path: Path, target: Target, section: str, name: str) -> None:
    beside = BESIDE.format(section=section, name=name)
    if section == "seeds":
        beside = beside.replace("to: raw", "to: orders")  # then the model is built later, and is judged
    with (
        target.profile() as profile,
        opened(tmp_path, {**SHOP, "profiles.yml": profile, "models/s.yml": beside}) as shop,
    ):
        found = {check.check.name: check.passed for built in shop.build() for check in built.checks}
        assert found == dict.fromkeys(NAMES, True)


SOURCE = """\
version: 2
sources:
  - name: crm
    schema: {schema}
    tables:
      - name: users
        tests:
          - column_types: {{columns: {{id: integer}}}}
          - row_count_equals: {{to: orders}}
        columns:
          - name: id
            tests: [{{between: {{max: 3}}}}]
"""


def test_checks_of_sources_judge(tmp_path: Path, target: Target) -> None:
    with target.profile() as profile:
        files = {**SHOP, "profiles.yml": profile, "sources.yml": SOURCE.format(schema="null")}
        with opened(tmp_path, files) as shop:
            shop.warehouse.engine.create_schema(shop.warehouse.relation("orders"))
            users = shop.warehouse.engine.relation("users").sql(shop.warehouse.engine.spelling)
            shop.warehouse.engine.execute(f"create table {users} as select 7 as id")
            (source,) = shop.project.sources
            results = check_node(shop.warehouse, source, shop.project.checks_of(source))
            assert {r.check.name: r.failing_rows for r in results} == {"column_types": 0, "between_id": 1}
            with pytest.raises(CheckFailedError, match="row_count_equals: left_value = 1, right_value = 3"):
                shop.build()


def test_a_promise_that_is_broken_is_not_published(tmp_path: Path, target: Target) -> None:
    with target.profile() as profile:
        files = {**SHOP, "project.yml": project("type: column_types, columns: {id: text}"), "profiles.yml": profile}
        with opened(tmp_path, files) as shop:
            shop.build("raw")
            with pytest.raises(CheckFailedError, match=r"orders is not published: .*1 column is not as declared"):
                shop.build("orders")
            assert shop.warehouse.relation("orders") not in shop.warehouse.engine.inspect(
                [shop.warehouse.relation("orders")]
            )


def test_a_count_waits_for_the_other_table(tmp_path: Path) -> None:
    """The table that is built later is judged, whichever is named first; no cycle is made."""
    test = "type: row_count_equals, to: counted, name: as_many"
    shop = loaded(tmp_path, {**SHOP, "project.yml": project(test)})
    assert [(check.node, check.rule.reads) for check in shop.checks] == [("counted", ("orders",))]


def test_drift_from_build_to_build(tmp_path: Path, target: Target) -> None:
    test = "type: drift, max_change: 0.5, name: rows"
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        files = {**SHOP, "profiles.yml": profile, "project.yml": project(test)}

        def built(rows: int) -> tuple[bool, str]:
            model = f"select 1 as id from {{{{ ref('raw') }}}} where id <= {rows}"
            with opened(tmp_path, {**files, "models/orders.ff.sql": model}) as shop:
                results = [check for result in shop.build("raw", "orders") for check in result.checks]
                published = check_node(shop.warehouse, "orders", shop.project.checks)
                assert [r.passed for r in published] == [True], "it is compared with the build before, again"
                return results[0].passed, results[0].summary

        assert built(1) == (True, "passed: first build with this measure, nothing to compare with")
        with pytest.raises(CheckFailedError, match=r"1 before, 3 now"):
            built(3)
        with pytest.raises(CheckFailedError, match=r"1 before, 3 now"):
            built(3)  # what is not published is nothing to compare with
        assert built(1) == (True, "passed")


VIEW = "{{ config(materialized='view') }} select id, amount, name from {{ ref('orders') }}"
OF_VIEWS = [
    "type: between, column: id, max: 3",
    "type: matches_regex, column: name, pattern: '^[a-c]'",
    "type: expression, expression: amount < 40",
    "type: not_constant, column: name",
    "type: sum_between, column: id, max: 6",
    "type: row_count_equals, to: raw",
    "type: column_types, columns: {amount: double}",
    "type: drift, max_change: 0.2",
    "type: drift, column: id, measure: mean, max_change: 0.1",
]
BAD = {
    "type: not_constant, column: name": "select id, amount, 'a' as name from {{ ref('raw') }}",
    "type: row_count_equals, to: raw": "select id, amount, name from {{ ref('raw') }} where id < 3",
    "type: column_types, columns: {amount: double}": (
        "select id, cast(id as integer) as amount, name from {{ ref('raw') }}"
    ),
}
MORE = "select id, amount, name from {{ ref('raw') }} union all select 4, 50, 'd'"


def build_all(folder: Path) -> None:
    with Run(load_project(folder, environment={})) as run:
        for node in run.order():
            run.build(node)


@pytest.mark.parametrize("test", OF_VIEWS)
def test_a_view_is_judged_with_the_staged_rows_of_what_it_reads(tmp_path: Path, target: Target, test: str) -> None:
    checks = f"name: shop\nversion: '1'\ntests:\n  - {{table: best, {test}}}\n"
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        files = {**SHOP, "profiles.yml": profile, "project.yml": checks, "models/best.ff.sql": VIEW}
        loaded(tmp_path, files)
        build_all(tmp_path)
        loaded(tmp_path, {**files, "models/orders.ff.sql": BAD.get(test, MORE)})
        judged_first = r"orders is not published: its rows would fail 1 check.* of the view best"
        with pytest.raises(CheckFailedError, match=judged_first):
            build_all(tmp_path)


def test_what_a_view_measures_is_kept_when_what_it_reads_is_built(tmp_path: Path, target: Target) -> None:
    checks = "name: shop\nversion: '1'\ntests:\n  - {table: best, type: drift, max_change: 0.5}\n"
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        files = {**SHOP, "profiles.yml": profile, "project.yml": checks, "models/best.ff.sql": VIEW}
        for rows in (3, 4, 6, 9):  # from 3 to 9 would be too many at once
            many = " union all ".join(f"select {i} as id, 1 as amount, 'a' as name" for i in range(rows))
            loaded(tmp_path, {**files, "models/orders.ff.sql": many})
            build_all(tmp_path)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("type: betwen, column: id", "unknown type 'betwen' [FFT-151]. Did you mean 'between' or"),
        (
            "type: unique, column: []",
            "tests.0.column: Value should have at least 1 item after validation, not 0 [FFT-150]",
        ),
        ("type: between, column: id, minimum: 1", "unknown key 'minimum' in tests.0 [FFT-101]. Did you mean 'min'?"),
        ("type: between, column: id", "set min, max, or both [FFT-150]"),
        ("type: between, column: id, min: 2, max: 1", "max (1) is below min (2) [FFT-150]"),
        ("type: between, column: id, min: 1, max: 2024-01-01", "min and max have two types"),
        ("type: between, column: id, min: a", "'a' is not a bound: write a number, or a date as 2024-12-31 [FFT-150]"),
        ("type: between, column: id, min: .nan", "nan is not a bound"),
        ("type: between, column: id, min: yes", "True is not a bound"),
        ("type: matches_regex, column: id, pattern: '(?=a)'", "the pattern '(?=a)' has (?="),
        ("type: matches_regex, column: id, patern: a", "unknown key 'patern'"),
        ("type: expression", "missing key 'expression' in tests.0 [FFT-105]"),
        ("type: recency, column: id, max_delay_minutes: 1", "missing key 'group_by' in tests.0 [FFT-105]"),
        ("type: recency, column: id, group_by: a, max_delay_minutes: 0", "greater than 0 [FFT-150]"),
        ("type: column_types, columns: {}", "at least 1 item"),
        ("type: column_types, columns: {a: text, A: text}", "the column 'a' is declared twice"),
        ("type: drift, measure: mean", "mean is a measure of a column: set column [FFT-150]"),
        ("type: drift, column: id", "set measure to mean, null_share or distinct [FFT-150]"),
        ("type: drift, column: id, measure: row_count", "row_count measures the table"),
        ("type: drift, measure: median, column: id", "unknown value 'median' [FFT-150]. Did you mean 'mean'?"),
        ("type: drift, max_change: -1", "greater than or equal to 0"),
        ("type: drift, scope: delta", "unknown value 'delta' [FFT-150]"),
        ("type: row_count_equals, to: raws", "'raws' is not a model, seed or source [FFT-113]. Did you mean 'raw'?"),
        ("type: row_count_equals, column: id, to: raw", "tests.0.column"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(tmp_path: Path, test: str, said: str) -> None:
    found = problems(tmp_path, {**SHOP, "project.yml": project(test)})
    assert any(said in " ".join(problem.replace("hint: ", ". ").split()).replace(" . ", ". ") for problem in found), (
        found
    )
    assert all(problem.startswith("project.yml:4: ") for problem in found), found


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    tests = ["type: between, column: id", "type: drfit", "type: expression", "type: drift, column: id, max_chnge: 1"]
    found = problems(tmp_path, {**SHOP, "project.yml": project(*tests)})
    assert {problem.split(": ")[0] for problem in found} == {f"project.yml:{line}" for line in (4, 5, 6, 7)}


def test_a_source_has_no_build_to_compare_with(tmp_path: Path) -> None:
    source = SOURCE.format(schema="main").replace("row_count_equals: {to: orders}", "drift")
    (said,) = problems(tmp_path, {**SHOP, "sources.yml": source})
    assert "drift compares a build with the one before, and crm.users is not built here [FFT-150]" in said
    assert said.startswith("sources.yml:9: ")


def test_a_clock_in_an_expression_is_always_due(tmp_path: Path) -> None:
    from fft_core.compile.identity import project_identities

    def digest(test: str) -> str | None:
        shop = loaded(tmp_path, {**SHOP, "project.yml": project(test)})
        return next(i.checks for i in project_identities(shop) if i.name == "orders")

    assert digest("type: expression, expression: id > 0") is not None
    assert digest("type: expression, expression: current_timestamp > '2024-01-01'") is None
    assert digest("type: recency, column: id, group_by: id, max_delay_minutes: 9") is None

"""The four rules about two tables, and `min`/`max` as other names of the bounds of row_count_between."""

from __future__ import annotations

from pathlib import Path

import pytest
from targets import Target
from written_projects import Files, loaded, opened, problems

from fft_core import CheckFailedError
from fft_core.checks.words import in_words
from fft_dagster import FftTranslator

FILES: Files = {
    "seeds/orders.csv": "id,amount\n1,10.5\n2,20\n3,30\n",
    "seeds/schema.yml": "columns: {orders: {id: integer, amount: double}}\n",
    "models/mart.ff.sql": "select id, amount from {{ ref('orders') }} where id < 3",
    "models/empty.ff.sql": "select id, amount from {{ ref('orders') }} where id < 0",
    "models/other.ff.sql": "select 1 as id, 60.0 as amount union all select null, 1.0",
}
TOTALS = "left: {{table: {}, expr: {}}}, right: {{table: {}, expr: {}}}"
COVERAGE = "source: {{table: {}, key: id}}, target: {{table: {}, key: id}}"
SUMS = TOTALS.format("mart", "sum(amount)", "orders", "sum(amount)")

CASES = {
    "equal": (f"type: reconcile_equal, {TOTALS.format('mart', 'count(*)', 'orders', 'count(*) - 1')}", "passed"),
    "not equal": (f"type: reconcile_equal, {SUMS}", "left_value = 30.5, right_value = 60.5"),
    "within tolerance": (f"type: reconcile_equal, {SUMS}, abs_tolerance: 30", "passed"),
    "both empty": (f"type: reconcile_equal, {TOTALS.format('empty', 'sum(id)', 'empty', 'max(id)')}", "passed"),
    "one empty": (
        f"type: reconcile_equal, {TOTALS.format('empty', 'sum(id)', 'mart', 'max(id)')}, abs_tolerance: 9",
        "left_value = NULL, right_value = 2",
    ),
    "a condition": (
        (
            "type: reconcile_equal, left: {table: mart, expr: sum(id)}, "
            'right: {table: orders, expr: sum(id), where: "id < 3 -- all"}'
        ),
        "passed",
    ),
    "difference": (f"type: reconcile_diff_within, {SUMS}, max_abs_diff: 30", "passed"),
    "difference, too large": (
        f"type: reconcile_diff_within, {SUMS}, max_abs_diff: 29.9",
        "left_value = 30.5, right_value = 60.5",
    ),
    "ratio": (f"type: reconcile_ratio_within, {SUMS}, min_ratio: 0.5, max_ratio: 0.6", "passed"),
    "ratio, too low": (
        f"type: reconcile_ratio_within, {SUMS}, min_ratio: 0.9",
        "left_value = 30.5, right_value = 60.5, ratio =",
    ),
    "ratio, too high": (
        f"type: reconcile_ratio_within, {SUMS}, max_ratio: 0.1",
        "left_value = 30.5, right_value = 60.5, ratio =",
    ),
    "ratio of nothing": (
        f"type: reconcile_ratio_within, {TOTALS.format('mart', 'sum(id)', 'empty', 'count(*)')}, min_ratio: 0",
        "left_value = 3, right_value = 0, ratio = NULL",
    ),
    "covered": (f"type: reconcile_coverage, {COVERAGE.format('mart', 'orders')}", "passed"),
    "not covered": (f"type: reconcile_coverage, {COVERAGE.format('orders', 'mart')}", "1 key is missing"),
    "not covered, NULL": (f"type: reconcile_coverage, {COVERAGE.format('other', 'mart')}", "1 key is missing"),
    "nothing in the target": (f"type: reconcile_coverage, {COVERAGE.format('mart', 'empty')}", "2 keys are missing"),
    "min and max": ("type: row_count_between, table: mart, min: 1, max: 2", "passed"),
    "min": ("type: row_count_between, table: mart, min: 3", "row_count = 2"),
}


def project(*tests: str, severity: str = "warn") -> str:
    return "name: shop\nversion: '1'\ntests:\n" + "".join(f"  - {{severity: {severity}, {test}}}\n" for test in tests)


@pytest.mark.parametrize("case", CASES)
def test_two_tables_are_compared(tmp_path: Path, target: Target, case: str) -> None:
    test, summary = CASES[case]
    with target.profile() as profiles:
        files = {**FILES, "project.yml": project(test), "profiles.yml": profiles}
        with opened(tmp_path, files) as shop:
            (result,) = [check for built in shop.build() for check in built.checks]
            assert result.summary.startswith(summary)


def test_the_table_that_is_built_later_is_judged_before_it_is_published(tmp_path: Path) -> None:
    files = {**FILES, "project.yml": project(f"type: reconcile_equal, name: r, {SUMS}", severity="error")}
    with opened(tmp_path, files) as shop:
        assert [(check.node, check.rule.reads) for check in shop.project.checks] == [("mart", ("orders",))]
        with pytest.raises(CheckFailedError, match=r"left_value = 30\.5, right_value"):
            shop.build()
        assert "main.mart" not in shop.relations()


def test_no_cycle_is_made_of_checks(tmp_path: Path) -> None:
    """`other` waits for `mart` because of its own check: the reconciliation is judged with it, whatever stands left."""
    tests = [
        "type: reconcile_coverage, " + COVERAGE.format("mart", "other"),
        "type: relationships, table: other, column: id, to: mart, to_field: id",
    ]
    shop = loaded(tmp_path, {**FILES, "project.yml": project(*tests)})
    assert {check.node for check in shop.checks} == {"other"}
    assert shop.waits_for("other") == ("mart",)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (
            f"type: reconcile_equal, {TOTALS.format('marts', 'sum(id)', 'orders', 'sum(id)')}",
            "'marts' is not a model, seed",
        ),
        (f"type: reconcile_equal, {SUMS}, abs_tolerace: 1", "unknown key 'abs_tolerace' in tests.0"),
        (f"type: reconcile_ratio_within, {SUMS}", "tests.0: set min_ratio, max_ratio, or both"),
        (
            f"type: reconcile_ratio_within, {SUMS}, min_ratio: 2, max_ratio: 1",
            "tests.0: max_ratio (1) is below min_ratio (2)",
        ),
        ("type: reconcile_equal, left: {table: mart}", "missing key 'expr' in tests.0.left"),
        (
            "type: row_count_between, table: mart, min: 1, min_rows: 2",
            "min and min_rows are the same setting: set one of them",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, test: str, said: str) -> None:
    assert any(said in problem for problem in problems(tmp_path, {**FILES, "project.yml": project(test)}))


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (f"type: reconcile_equal, {SUMS}", "sum(amount) of mart equals sum(amount) of orders"),
        (
            f"type: reconcile_diff_within, {SUMS}, max_abs_diff: 3",
            "sum(amount) of mart differs from sum(amount) of orders by at most 3",
        ),
        (
            f"type: reconcile_ratio_within, {SUMS}, min_ratio: 0.5",
            "sum(amount) of mart divided by sum(amount) of orders is at least 0.5",
        ),
        (
            f"type: reconcile_coverage, {COVERAGE.format('orders', 'mart')}",
            "each id of orders is one of id of mart; NULL is not",
        ),
    ],
)
def test_rules_in_words(tmp_path: Path, test: str, words: str) -> None:
    (check,) = loaded(tmp_path, {**FILES, "project.yml": project(test)}).checks
    assert in_words(check) == words


def test_dagster_shows_what_is_compared(tmp_path: Path) -> None:
    shop = loaded(tmp_path, {**FILES, "project.yml": project(f"type: reconcile_equal, {SUMS}")})
    spec = FftTranslator().get_check_spec(shop.checks[0], shop.models["mart"])
    assert spec.metadata is not None
    assert spec.metadata["left"] == "sum(amount) of mart"

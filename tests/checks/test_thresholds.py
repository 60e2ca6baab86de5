"""`warn_if` and `error_if`: how many may fail, what that means for a build, and which thresholds are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from targets import Target
from written_projects import Files, loaded, opened, problems

from fft_core import CheckFailedError, ReuseResult, Run, load_project
from fft_core.compile.identity import project_identities
from fft_core.project.model import Outcome, Threshold

ROWS = " union all ".join(f"select {i} as id, {i} % 50 as half, {i} % 2 as odd" for i in range(100))
SHOP: Files = {"models/m.ff.sql": ROWS, "models/few.ff.sql": "select 1 as id union all select 2"}


def project(test: str) -> str:
    return f"name: shop\nversion: '1'\ntests:\n  - {{table: m, {test}}}\n"


FIVE_FAIL = "type: between, column: id, min: 5"
CASES: dict[str, tuple[str, Outcome]] = {
    "nothing said": ("", "fail"),
    "a warning": ("severity: warn", "warn"),
    "error above": ("error_if: '> 5'", "warn"),
    "error at": ("error_if: '>= 5'", "fail"),
    "error below": ("error_if: '> 4'", "fail"),
    "share above": ("error_if: '> 5%'", "warn"),
    "share at": ("error_if: '>=5%'", "fail"),
    "share below": ("error_if: '>4.9%'", "fail"),
    "both, in between": ("warn_if: '> 4', error_if: '> 10%'", "warn"),
    "both, below": ("warn_if: '> 5', error_if: '> 10'", "pass"),
    "warning, below": ("severity: warn, warn_if: '> 5%'", "pass"),
    "warning, above": ("severity: warn, warn_if: '> 4'", "warn"),
    "warn_if alone": ("warn_if: '> 10'", "fail"),
    "of the rows that are judged": ("where: id < 10, error_if: '> 49%'", "fail"),
    "of the rows that are judged, above": ("where: id < 10, error_if: '> 50%'", "warn"),
}


@pytest.mark.parametrize("case", CASES)
def test_how_many_may_fail(tmp_path: Path, target: Target, case: str) -> None:
    said, outcome = CASES[case]
    with target.profile() as profile:
        files = {**SHOP, "profiles.yml": profile, "project.yml": project(f"{FIVE_FAIL}, {said or 'tags: []'}")}
        with opened(tmp_path, files) as shop:
            if outcome == "fail":
                with pytest.raises(CheckFailedError) as caught:
                    shop.build("m")
                (result,) = caught.value.results
            else:
                (result,) = [check for built in shop.build("m") for check in built.checks]
    assert (result.outcome, result.failing_rows, result.passed, result.blocks) == (
        outcome,
        5,
        outcome == "pass",
        outcome == "fail",
    )
    assert result.total == (10 if "where" in said else 100)
    assert result.share == 5 / result.total
    of = f"5 of {result.total} rows fail"
    assert result.summary == (f"passed: {of}, which is allowed" if outcome == "pass" else of)


@pytest.mark.parametrize(
    ("test", "failing", "total"),
    [
        ("type: unique, column: half", 50, 50),
        ("type: unique, column: id", 0, 100),
        ("type: unique, column: [odd, half]", 50, 50),
        ("type: unique, column: half, where: id < 60", 10, 50),
        ("type: relationships, column: id, to: few", 98, 100),
        ("type: relationships, column: id, to: few, where: id < 10", 8, 10),
        ("type: reconcile_coverage, source: {table: m, key: id, where: id < 10}, target: {table: few, key: id}", 8, 10),
        ("type: not_null, column: id, where: odd = 1", 0, 50),
        ("type: sum_between, column: id, max: 1", 1, None),
        ("type: row_count_between, min: 200", 1, None),
        ("type: not_constant, column: id", 0, None),
    ],
)
def test_a_share_is_one_of_what_the_rule_counts(
    tmp_path: Path, target: Target, test: str, failing: int, total: int | None
) -> None:
    written = project(f"severity: warn, {test}").replace(
        "table: m, severity", "severity" if "reconcile" in test else "table: m, severity"
    )
    with (
        target.profile() as profile,
        opened(tmp_path, {**SHOP, "profiles.yml": profile, "project.yml": written}) as shop,
    ):
        (result,) = [check for built in shop.build() for check in built.checks]
    assert (result.failing_rows, result.total) == (failing, total)
    assert result.share == (failing / total if total else None)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (f"{FIVE_FAIL}, severity: warn, error_if: '> 5'", "error_if has no effect with severity: warn"),
        (f"{FIVE_FAIL}, warn_if: '> 5', error_if: '>= 5'", "warn_if (> 5) is above error_if (>= 5)"),
        (f"{FIVE_FAIL}, warn_if: '> 5%', error_if: '>= 5%'", "warn_if (> 5%) is above error_if (>= 5%)"),
        (f"{FIVE_FAIL}, warn_if: '>= 7', error_if: '> 5'", "warn_if (>= 7) is above error_if (> 5)"),
        (f"{FIVE_FAIL}, where: '1=1) or (2=2'", "'1=1) or (2=2' is not one condition: its parentheses do not match"),
        (f'{FIVE_FAIL}, where: "id > (1 -- )"', "is not one condition"),
        ("type: expression, expression: 'id > 1) or (true'", "is not one condition: its parentheses do not match"),
        (f"{FIVE_FAIL}, warn_if: 5", '5 is not a threshold: write "> 10" for a number of rows'),
        (f"{FIVE_FAIL}, warn_if: '< 5'", "'< 5' is not a threshold"),
        (f"{FIVE_FAIL}, error_if: '> 1.5'", "'> 1.5' is not a threshold: a number of rows is whole"),
        (f"{FIVE_FAIL}, error_if: '> 101%'", "more than 100% cannot fail"),
        (f"{FIVE_FAIL}, eror_if: '> 1'", "unknown key 'eror_if' in tests.0"),
        (
            "type: sum_between, column: id, max: 9, error_if: '> 1%'",
            "error_if: a check of type sum_between",
        ),
        ("type: row_count_between, warn_if: '> 1%'", "warn_if: a check of type row_count_between counts no rows"),
        ("type: freshness, column: id, max_delay_minutes: 9, warn_if: '> 1%'", "type freshness counts no rows"),
        ("type: drift, warn_if: '> 1%'", "type drift counts no rows"),
        ("type: column_types, columns: {id: text}, warn_if: '> 1%'", "type column_types counts no rows"),
        ("type: row_count_equals, to: few, warn_if: '> 1%'", "type row_count_equals counts no rows"),
    ],
)
def test_thresholds_that_cannot_be_meant_are_refused(tmp_path: Path, test: str, said: str) -> None:
    (found,) = problems(tmp_path, {**SHOP, "project.yml": project(test)})
    assert said in found
    assert found.startswith("project.yml:4: ")


@pytest.mark.parametrize(
    "more",
    [
        "warn_if: '> 5', error_if: '> 5'",  # below it passes without a word
        "warn_if: '> 5', error_if: '>= 6'",
        "warn_if: '>= 5%', error_if: '> 5%'",
        "warn_if: '> 50%', error_if: '> 5'",
        "where: \"name in (')', 'a''(') /* ( */\"",
        "where: \"name = '\\\\' and (id > 1)\"",
    ],
)
def test_what_could_be_taken_for_a_mistake_is_none(tmp_path: Path, more: str) -> None:
    assert loaded(tmp_path, {**SHOP, "project.yml": project(f"{FIVE_FAIL}, {more}")}).checks


def test_a_threshold_in_words() -> None:
    assert [str(Threshold(1)), str(Threshold(2.5, is_share=True, is_reached=True))] == ["> 1", ">= 2.5%"]


def test_no_row_is_no_share_of_none() -> None:
    assert not Threshold(0, is_share=True, is_reached=True).is_passed_by(0, 0)
    assert not Threshold(0, is_reached=True).is_passed_by(0, 9)


def test_what_warned_is_said_again_when_the_model_is_reused(tmp_path: Path) -> None:
    """The record of a build tells what passed, and not what warned."""
    loaded(tmp_path, {**SHOP, "project.yml": project(f"{FIVE_FAIL}, error_if: '> 5'")})
    for _ in range(2):
        with Run(load_project(tmp_path, environment={}), nodes={"m"}) as run:
            (result,) = [run.build(node) for node in run.order()]
        assert [check.outcome for check in result.checks] == ["warn"]
    assert isinstance(result, ReuseResult)
    assert result.unchanged_checks == ()


def test_a_threshold_that_changes_makes_a_check_due_and_a_note_does_not(tmp_path: Path) -> None:
    def digest(more: str) -> str | None:
        shop = loaded(tmp_path, {**SHOP, "project.yml": project(f"{FIVE_FAIL}{more}")})
        return next(identity.checks for identity in project_identities(shop) if identity.name == "m")

    assert digest("") == digest(", meta: {team: sales}")
    assert len({digest(""), digest(", error_if: '> 5'"), digest(", error_if: '> 6'"), digest(", warn_if: '> 6'")}) == 4

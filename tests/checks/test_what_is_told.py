"""What is told of a check: numbers, its query, the time, which rows were judged, a sample without personal values."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from fft_process import run_process
from targets import Target
from written_projects import Files, loaded, opened

from fft_core import CheckFailedError
from fft_core.checks.results import CheckResult
from fft_core.engines.spec.masking import Masker
from fft_core.run.results import CheckRunResult
from fft_core.run.turn import check_node
from fft_dagster import FftTranslator, events

SHOP: Files = {
    "models/users.ff.sql": """\
        select 1 as id, 'a@x.org' as "Email", timestamp '2020-01-01 00:00:00' as at
        union all select 2, 'b@x.org', timestamp '2020-01-01 00:00:00'
        union all select 2, 'b@x.org', null
    """,
    "models/best.ff.sql": "{{ config(materialized='view') }} select * from {{ ref('users') }}",
    "models/known.ff.sql": "select 'a@x.org' as mail",
    "models/schema.yml": """\
        version: 2
        models:
          - name: users
            columns:
              - {name: email, tags: [PII, contact], meta: {owner: sales}}
              - {name: at, tags: [pii]}
    """,
}


def project(*tests: str) -> str:
    return "name: shop\nversion: '1'\ntests:\n" + "".join(f"  - {{{test}}}\n" for test in tests)


MASKED: dict[str, list[tuple[object, ...]]] = {
    "type: between, column: id, max: 1, table: users": [(2, "***", "***"), (2, "***", None)],
    "type: unique, column: email, table: users": [("***", 2)],
    "type: unique, column: [id, email], table: users": [(2, "***", 2)],
    "type: expression, expression: id < 2, table: users": [(2, "***", "***"), (2, "***", None)],
    "type: freshness, column: at, max_delay_minutes: 1, table: users": [("***",)],
    "type: not_constant, column: at, table: users": [("***", "***")],
    "type: recency, column: at, group_by: email, max_delay_minutes: 1, table: users": [("***", "***"), ("***", "***")],
    "type: relationships, column: email, to: known, to_field: mail, table: users": [
        (2, "***", "***"),
        (2, "***", None),
    ],
    "type: reconcile_coverage, source: {table: users, key: 'lower(\"Email\")'}, target: {table: known, key: mail}": [
        ("***",),
        ("***",),
    ],
    "type: sum_between, column: id, max: 1, table: users": [(5,)],
}


@pytest.mark.parametrize("test", MASKED)
def test_personal_values_are_not_shown(tmp_path: Path, target: Target, test: str) -> None:
    with target.profile() as profile:
        files = {**SHOP, "profiles.yml": profile, "project.yml": project(f"severity: warn, {test}")}
        with opened(tmp_path, files) as shop:
            (result,) = [check for built in shop.build() for check in built.checks]
            plain = [
                tuple(int(v) if not isinstance(v, str) and v is not None else v for v in row) for row in result.sample
            ]
            assert sorted(plain, key=str) == sorted(MASKED[test] or [], key=str)
            assert "x.org" not in f"{result.first_row}{result}"


def test_an_error_shows_no_personal_value(tmp_path: Path) -> None:
    files = {**SHOP, "project.yml": project("type: unique, column: email, table: users")}
    with opened(tmp_path, files) as shop, pytest.raises(CheckFailedError) as caught:
        shop.build("users")
    assert "The first of them: Email = ***, row_count = 2" in str(caught.value)


def test_which_rows_were_judged(tmp_path: Path, target: Target) -> None:
    tests = ["type: not_null, column: id, table: users", "type: not_null, column: id, table: best"]
    with (
        target.profile() as profile,
        opened(tmp_path, {**SHOP, "profiles.yml": profile, "project.yml": project(*tests)}) as shop,
    ):
        built = shop.build("users", "best")
        assert [check.judged for result in built for check in result.checks] == ["staged", "staged"]
        again = shop.build("users")
        assert [(r.judged, r.judged_with) for view in again[0].views for r in view.results] == [("staged", "users")]
        assert [r.judged for r in check_node(shop.warehouse, "users", shop.project.checks[:1])] == ["published"]


def test_time_is_told_with_what_shared_it(tmp_path: Path) -> None:
    tests = ["type: not_null, column: id, table: users", "type: not_null, column: email, table: users",
             "type: unique, column: id, table: users, severity: warn"]  # fmt: skip
    with opened(tmp_path, {**SHOP, "project.yml": project(*tests)}) as shop:
        one, other, alone = shop.build("users")[0].checks
    assert one.seconds == other.seconds > 0
    assert (one.shared_by, other.shared_by, alone.shared_by) == (2, 2, 1)
    assert alone.seconds > 0


def result_of(tmp_path: Path, test: str) -> CheckResult:
    with opened(tmp_path, {**SHOP, "project.yml": project(f"severity: warn, table: users, {test}")}) as shop:
        return shop.build("users")[0].checks[0]


def test_dagster_is_told_all_of_it(tmp_path: Path) -> None:
    result = result_of(tmp_path, "type: between, column: id, max: 1, meta: {since: 2024-01-01}")
    told = events.check_result(dg.AssetKey("users"), result, events.BUILT, Masker(frozenset()))
    assert told.metadata["failing_rows"].value == 2
    assert told.metadata["total"].value == 3
    assert told.metadata["share"].value == 0.666667
    assert told.metadata["judged"].value == events.BUILT
    assert told.metadata["meta"].value == {"since": "2024-01-01"}
    assert isinstance(told.metadata["seconds"].value, float)
    assert "\\*\\*\\*" in str(told.metadata["sample"].value)
    assert "x.org" not in str(told.metadata)


def test_dagster_knows_a_failure_that_only_warns(tmp_path: Path) -> None:
    test = "table: users, type: between, column: id, max: 1, error_if: '> 2'"
    with opened(tmp_path, {**SHOP, "project.yml": project(test)}) as shop:
        (result,) = shop.build("users")[0].checks
    told = events.check_result(dg.AssetKey("users"), result, events.BUILT, Masker(frozenset()))
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_notes_of_a_check_are_shown_in_dagster_and_in_the_manifest(tmp_path: Path) -> None:
    from fft_core.reports.manifest import make_manifest

    test = "table: users, type: between, column: id, max: 1, meta: {since: 2024-01-01, by: [ann]}, error_if: '> 1%'"
    shop = loaded(tmp_path, {**SHOP, "project.yml": project(test)})
    (check,) = shop.checks
    assert check.meta == {"since": date(2024, 1, 1), "by": ["ann"]}
    spec = FftTranslator().get_check_spec(check, shop.models["users"])
    assert spec.metadata is not None
    assert spec.metadata["meta"].value == {"since": "2024-01-01", "by": ["ann"]}
    assert spec.metadata["error_if"] == "> 1%"
    node = make_manifest(shop).to_json()["nodes"]["users"]
    assert node["checks"][0]["meta"] == {"since": "2024-01-01", "by": ["ann"]}
    assert node["checks"][0]["error_if"] == "> 1%"
    assert node["columns"][0]["tags"] == ["PII", "contact"]
    assert node["columns"][0]["meta"] == {"owner": "sales"}


def test_run_results_hold_all_of_it(tmp_path: Path) -> None:
    loaded(tmp_path, {**SHOP, "project.yml": project("table: users, type: between, column: id, max: 1")})
    done = run_process(sys.executable, "-m", "fft_cli", "build", str(tmp_path))
    assert done.returncode == 2
    written = json.loads((tmp_path / ".fastflowtransform/target/run_results.json").read_text())
    (check,) = [check for result in written["results"] for check in result["checks"]]
    assert check.pop("seconds") >= 0
    assert check.pop("sql").startswith("select * from")
    assert check == {
        "name": "between_id",
        "status": "fail",
        "severity": "error",
        "type": "between",
        "message": "2 of 3 rows fail",
        "failing_rows": 2,
        "total": 3,
        "share": 0.666667,
        "judged": "staged",
        "shared_by": 1,
        "sample_columns": ["id", "Email", "at"],
        "sample": [["2", "***", "***"], ["2", "***", None]],
        "failures": None,
    }


def test_what_passes_with_a_remark_is_said_on_the_terminal(tmp_path: Path) -> None:
    tests = [
        "table: users, type: drift",
        "table: users, type: between, column: id, max: 1, warn_if: '> 2', error_if: '> 2'",
    ]
    loaded(tmp_path, {**SHOP, "project.yml": project(*tests)})
    said = run_process(sys.executable, "-m", "fft_cli", "build", str(tmp_path)).stdout
    assert "drift: passed: first build with this measure, nothing to compare with" in said
    assert "between_id: passed: 2 of 3 rows fail, which is allowed" in said
    assert "warned" not in said


def test_secrets_are_masked_in_samples(tmp_path: Path) -> None:
    told = CheckRunResult.of(result_of(tmp_path, "type: between, column: id, max: 1, where: \"'hush' = 'hush'\""))
    masked = told.masked(lambda text: text.replace("hush", "***").replace("2", "two"))
    assert "hush" not in str(masked)
    assert masked.sample[0][0] == "two"

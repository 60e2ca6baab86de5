"""What a step found becomes one value, which all reports are made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fft_core import CheckFailedError, FftError, Run, load_project
from fft_core.run.outcomes import ended_with_checks, ended_with_error, ended_with_rows, not_started
from fft_core.run.results import NodeRunResult
from fft_core.warehouse.warehouse import planned_relations

FILES = {
    "project.yml": "name: told\nversion: '1'\ntests:\n"
    "  - {type: not_null, table: good, column: id}\n"
    "  - {type: accepted_values, table: good, column: id, values: [7], severity: warn}\n"
    "  - {type: not_null, table: bad, column: id}\n"
    "  - {type: not_null, table: over, column: id}\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: told.duckdb}}\n",
    "models/good.ff.sql": "select 1 as id",
    "models/bad.ff.sql": "select null::integer as id",
    "models/broken.ff.sql": "select nothing from nowhere",
    "models/below.ff.sql": "select null::integer as id",
    "models/over.ff.sql": "{{ config(materialized='view') }} select id from {{ ref('below') }}",
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return Run(load_project(tmp_path))


def begun(run: Run, name: str) -> NodeRunResult:
    return not_started(run.project.node(name), planned_relations(run.project)(name))


def failed(run: Run, name: str) -> FftError:
    with pytest.raises(FftError) as caught:
        run.build(run.project.node(name))
    return caught.value


def test_before_its_turn_a_node_has_a_kind_and_a_place(run: Run) -> None:
    step = begun(run, "good")
    assert (step.kind, step.status, step.relation) == ("sql", "not_started", "told.main.good")


def test_rows_that_were_built_and_then_reused(run: Run) -> None:
    with run:
        first = ended_with_rows(begun(run, "good"), run.build(run.project.node("good")))
        second = ended_with_rows(begun(run, "good"), run.build(run.project.node("good")))
    assert (first.result.status, first.result.rows, first.result.selector_status) == ("built", 1, "warn")
    assert first.remarks == ("warned: accepted_values_id: 1 of 1 rows fail",)
    assert [check.status for check in first.result.checks] == ["pass", "warn"]
    assert (second.result.status, [reason.kind for reason in second.result.reasons]) == ("reused", ["unchanged"])
    assert first.result.duration_ms is not None


def test_checks_that_stop_a_build_and_a_query_that_fails(run: Run) -> None:
    with run:
        blocked = ended_with_error(begun(run, "bad"), failed(run, "bad"))
        broken = ended_with_error(begun(run, "broken"), failed(run, "broken"))
    assert (blocked.result.status, blocked.result.selector_status) == ("blocked", "fail")
    assert blocked.remarks == ("failed: not_null_id: 1 of 1 rows fail",)
    assert (broken.result.status, broken.result.checks) == ("failed", ())
    assert broken.result.error is not None
    assert broken.result.error.file == "models/broken.ff.sql"


def test_views_that_judged_rows_which_are_not_published_are_told(run: Run) -> None:
    with run:
        error = failed(run, "below")
    assert isinstance(error, CheckFailedError)
    ended = ended_with_error(begun(run, "below"), error)
    assert [(view.name, view.blocks) for view in ended.views] == [("over", True)]
    assert ended.result.status == "blocked"


def test_checks_alone(run: Run) -> None:
    with run:
        run.build(run.project.node("good"))
        passed = ended_with_checks(begun(run, "good"), run.check("good"))
        (first, *_) = run.check("good")
    wrong = ended_with_checks(begun(run, "good"), (replace(first, failing_rows=1),))
    assert (passed.result.status, passed.result.error, passed.result.selector_status) == ("checked", None, "warn")
    assert (wrong.result.status, wrong.result.selector_status) == ("checked", "fail")
    assert wrong.result.error is not None

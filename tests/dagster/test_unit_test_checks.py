"""Unit tests as asset checks: they run if they are asked for, and in no job of the models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest
from written_projects import write_project

from conftest import FinishedRun, run_job
from fft_core import load_project
from fft_dagster import FftTranslator, build_definitions, unit_test_selection

FILES = {
    "seeds/raw_users.csv": "id,email\n1,a@x.at\n",
    "models/users.ff.sql": "select id, lower(email) as email from {{ ref('raw_users') }}",
    "models/loud.ff.py": """\
        from datetime import datetime
        from fft_core import model

        @model(deps=["users"])
        def loud(users):
            print("said by the model")
            return users.assign(at=datetime.now())
        """,
    "tests/unit/users.yml": """\
        model: users
        defaults: {inputs: {raw_users: {rows: [{id: 1, email: A}, {id: 2, email: B}]}}}
        cases:
          - {name: lower case!, expect: {rows: [{email: a}, {email: b}]}}
          - {name: lower/case, expect: {rows: [{email: a}, {email: b}]}}
          - {name: wrong, expect: {order_by: [id], rows: [{id: 1, email: a}, {id: 2, email: B}, {id: 3, email: c}]}}
          - {name: broken, inputs: {raw_users: {rows: [{x: 1}]}}, expect: {rows: []}}
        """,
    "tests/unit/loud.yml": """\
        models: [users, loud]
        cases:
          - name: at noon
            freeze: 2001-01-01T12:00:00Z
            inputs: {raw_users: {rows: [{id: 1, email: A}]}}
            expect: [{relation: users, rows: [{id: 1}]}, {rows: [{at: 2001-01-01 12:00:00}]}]
        """,
}
MODELS = {"raw_users", "users", "loud"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_project(tmp_path / "shop", FILES)


def job(definitions: dg.Definitions, selection: dg.AssetSelection | str) -> dg.JobDefinition:
    made = dg.Definitions(jobs=[dg.define_asset_job("some", selection=selection)])
    return dg.Definitions.merge(definitions, made).resolve_job_def("some")


def evaluations(finished: FinishedRun) -> dict[str, dg.AssetCheckEvaluation]:
    found: Sequence[dg.AssetCheckEvaluation] = [
        event.asset_check_evaluation_data
        for event in finished.events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    return {f"{one.asset_key.to_user_string()}:{one.check_name}": one for one in found}


def test_there_are_none_unless_they_are_asked_for(shop: Path) -> None:
    graph = build_definitions(shop, "dev").resolve_asset_graph()
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == MODELS
    assert not graph.asset_check_keys


@pytest.mark.parametrize(
    "selection",
    ["*", dg.AssetSelection.all(), dg.AssetSelection.assets("raw_users").downstream(), "key:users+", "+key:loud"],
)
def test_jobs_of_models_leave_them_out(shop: Path, selection: dg.AssetSelection | str) -> None:
    definitions = build_definitions(shop, "dev", unit_tests=True)
    assert {node.name for node in job(definitions, selection).nodes} <= MODELS


def test_a_job_of_unit_tests_reports_each_case_and_builds_nothing(shop: Path, instance: dg.DagsterInstance) -> None:
    definitions = build_definitions(shop, "dev", unit_tests=True)
    project = load_project(shop, "dev")
    finished = run_job(job(definitions, unit_test_selection(project)), instance)
    assert finished.status == "SUCCESS"
    assert set(finished.steps("STEP_SUCCESS")) == {"users_unit_tests", "loud_unit_tests"}
    found = evaluations(finished)
    first, second = sorted(name for name in found if "lower" in name)
    assert first.startswith("unit_tests/users:lower_case_")
    assert {name: one.passed for name, one in found.items()} == {
        first: True,
        second: True,
        "unit_tests/users:wrong": False,
        "unit_tests/users:broken": False,
        "unit_tests/loud:at_noon": True,
    }
    wrong, broken = found["unit_tests/users:wrong"], found["unit_tests/users:broken"]
    assert wrong.description == "rows: 1 as expected, 1 with other values, 1 missing"
    assert wrong.metadata["case"].value == "wrong"
    table = str(wrong.metadata["rows of users"].value)
    assert "B -\\> b" in table
    assert "| - | 3 | c |" in " ".join(table.split())
    assert "models/users.ff.sql:1: model 'users'" in (broken.description or "")
    assert not (shop / "warehouse.duckdb").exists()


def test_one_case_is_run_alone(shop: Path, instance: dg.DagsterInstance) -> None:
    definitions = build_definitions(shop, "dev", unit_tests=True)
    key = dg.AssetCheckKey(dg.AssetKey(["unit_tests", "users"]), "wrong")
    finished = run_job(job(definitions, dg.AssetSelection.checks(key)), instance)
    assert list(evaluations(finished)) == ["unit_tests/users:wrong"]


def test_a_failing_case_keeps_no_model_from_being_built(shop: Path, instance: dg.DagsterInstance) -> None:
    """Also in a job of all there is."""
    definitions = build_definitions(shop, "dev", unit_tests=True)
    finished = run_job(definitions.resolve_implicit_global_asset_job_def(), instance)
    assert finished.status == "SUCCESS"
    assert set(finished.steps("STEP_SUCCESS")) == {*MODELS, "users_unit_tests", "loud_unit_tests"}
    assert not evaluations(finished)["unit_tests/users:wrong"].passed
    assert not any(spec.blocking for checks in definitions.asset_checks or () for spec in checks.check_specs)


def test_names_are_those_of_the_translator(shop: Path) -> None:
    class InWarehouse(FftTranslator):
        def get_asset_key(self, node: object) -> dg.AssetKey:
            return super().get_asset_key(node).with_prefix("warehouse")  # type: ignore[arg-type]

    definitions = build_definitions(shop, "dev", translator=InWarehouse(), unit_tests=True)
    keys = {key.asset_key.to_user_string() for key in definitions.resolve_asset_graph().asset_check_keys}
    assert keys == {"unit_tests/warehouse/users", "unit_tests/warehouse/loud"}

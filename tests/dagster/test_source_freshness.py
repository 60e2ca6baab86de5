"""The freshness of a source as an asset check: what it reports, and that it blocks nothing."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import duckdb
import pytest

from conftest import run_job
from fft_dagster import build_definitions

FILES = {
    "project.yml": "name: shop\nversion: '1'\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: dev.duckdb}}\n",
    "models/users.ff.sql": "select id from {{ source('crm', 'old') }}",
    "sources.yml": """\
version: 2
sources:
  - name: crm
    tables:
      - name: old
        identifier: loads
        freshness: {loaded_at_field: loaded, error_after: {count: 1, period: day}}
      - name: late
        identifier: loads
        tests: [{row_count_between: {name: freshness}}]
        freshness: {loaded_at_field: loaded, warn_after: {count: 1, period: hour}}
      - {name: gone, freshness: {loaded_at_field: loaded, warn_after: {count: 1, period: hour}}}
""",
}


@pytest.fixture
def definitions(tmp_path: Path) -> dg.Definitions:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with duckdb.connect(str(tmp_path / "dev.duckdb")) as connection:
        connection.execute("create table loads as select 1 as id, timestamp '2025-01-01 00:00:00' as loaded")
    return build_definitions(tmp_path, "dev")


def test_old_rows_are_reported_and_block_nothing(definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    finished = run_job(definitions.resolve_implicit_global_asset_job_def(), instance)
    assert finished.status == "SUCCESS"
    assert "users" in finished.steps("STEP_SUCCESS")
    found = {}
    for event in finished.events:
        if event.event_type_value == "ASSET_CHECK_EVALUATION":
            result = event.asset_check_evaluation_data
            found[result.asset_key.path[-1], result.check_name] = result
    assert {name: (result.passed, result.severity.value) for name, result in found.items()} == {
        ("late", "freshness"): (True, "ERROR"),  # the user's own, of that name
        ("late", "source_freshness"): (False, "WARN"),
        ("old", "freshness"): (False, "ERROR"),
        ("gone", "freshness"): (False, "ERROR"),
    }
    old, gone = found["old", "freshness"], found["gone", "freshness"]
    assert old.metadata["loaded_at"].value == 1735689600.0
    assert float(str(old.metadata["age_minutes"].value)) > 1440
    assert "dev.main.gone does not exist" in (gone.description or "")

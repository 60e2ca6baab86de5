"""What was built is an asset, with what is known of it; Prefect's open source server keeps that as events."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from prefect_runs import RunFlow
from written_projects import write_project

from fft_prefect import project_flow

MADE, FAILED, READ = (
    "prefect.asset.materialization.succeeded",
    "prefect.asset.materialization.failed",
    "prefect.asset.referenced",
)
FILES = {
    "project.yml": 'name: shop\nversion: "1"\ntests:\n  - {type: not_null, table: users, column: id}\n',
    "sources.yml": "version: 2\nsources:\n  - name: crm\n    tables: [{name: orders}]\n",
    "seeds/raw.csv": "id,email\n1,a@x.at\n2,b@x.at\n",
    "models/eph.ff.sql": "{{ config(materialized='ephemeral') }}select * from {{ ref('raw') }}",
    "models/users.ff.sql": "{{ config(owners=['team:crm']) }}select id, email from {{ ref('eph') }}",
    "models/readers.ff.sql": "select count(*) as n from {{ ref('users') }}",
}


NO_ID = "{{ config(materialized='ephemeral') }}select null as id, email from {{ ref('raw') }}"
PROFILES = "dev: {engine: duckdb, duckdb: {path: told_assets.duckdb}}\n"


def events(api: str, path: str, expected: int) -> list[Mapping[str, Any]]:
    """Read the events about assets of a database file, when there are as many as expected."""
    wanted = {"filter": {"event": {"prefix": ["prefect.asset."]}}, "limit": 50}
    found: list[Mapping[str, Any]] = []
    deadline = time.monotonic() + 20
    while len(found) < expected and time.monotonic() < deadline:
        answer = httpx.post(f"{api}/events/filter", json=wanted, timeout=30).json()
        assert "events" in answer, answer
        found = [one for one in answer["events"] if path in one["resource"]["prefect.resource.id"]]
        time.sleep(0.2)
    assert len(found) == expected
    return found


def key(found: Mapping[str, Any]) -> str:
    return str(found["resource"]["prefect.resource.id"])


def test_what_is_built_is_an_asset_with_its_metadata_and_what_it_reads(
    tmp_path: Path, prefect_api: str, run_flow: RunFlow
) -> None:
    root = write_project(tmp_path / "shop", {**FILES, "profiles.yml": PROFILES})
    run_flow(project_flow(root))
    found = events(prefect_api, "/told_assets/", 5)
    made = {key(one): one for one in found if one["event"] == MADE}
    place = "duckdb://told_assets/main"
    assert set(made) == {f"{place}/raw", f"{place}/users", f"{place}/readers"}
    assert {key(one) for one in found if one["event"] == READ} == {f"{place}/raw", f"{place}/users"}
    users = made[f"{place}/users"]
    assert users["resource"]["prefect.resource.name"] == "users"
    assert users["resource"]["prefect.asset.owners"] == '["team:crm"]'
    related = {(one["prefect.resource.role"], one["prefect.resource.id"]) for one in users["related"]}
    assert {("asset", f"{place}/raw"), ("asset-materialized-by", "fft")} <= related
    payload = users["payload"]
    assert (payload["rows"], payload["relation"]) == (2, "told_assets.main.users")
    assert list(payload["columns"]) == ["id", "email"]
    assert payload["reasons"] == ["no build is recorded"]
    assert len(payload["data_version"]) > 10
    assert [(check["name"], check["outcome"]) for check in payload["checks"]] == [("not_null_id", "pass")]

    run_flow(project_flow(root, show_reused=True), rebuild=["users"])  # no event for what is reused
    again = events(prefect_api, "/told_assets/", 7)
    assert sorted(key(one) for one in again if one["event"] == MADE) == sorted([*made, f"{place}/users"])


def test_what_its_checks_block_is_a_failed_asset(tmp_path: Path, prefect_api: str, run_flow: RunFlow) -> None:
    files = {
        **FILES,
        "profiles.yml": PROFILES.replace("told", "blocked"),
        "models/eph.ff.sql": NO_ID,
    }
    run_flow(project_flow(write_project(tmp_path / "shop", files), select=["+users"]))
    found = events(prefect_api, "/blocked_assets/", 3)
    assert {(one["event"], key(one)) for one in found} == {
        (MADE, "duckdb://blocked_assets/main/raw"),
        (FAILED, "duckdb://blocked_assets/main/users"),
        (READ, "duckdb://blocked_assets/main/raw"),
    }

"""Unit tests of models: what they are given, what is compared, and that nothing of the project's database is touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from fft_core import UnitTestResult, load_project, run_unit_tests

Files = Mapping[str, str]
Run = Callable[..., dict[str, UnitTestResult]]

USERS: Files = {
    "project.yml": "name: shop\nversion: '1'\n",
    "seeds/raw_users.csv": "id,email\n1,a@x.at\n",
    "models/users.ff.sql": "select id, lower(email) as email from {{ ref('raw_users') }} where email is not null",
}


def write(root: Path, files: Files) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture(params=["duckdb", "postgres"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Write a project and run its unit tests; results by the name of the case."""
    if request.param == "duckdb":
        settings = "{path: db.duckdb}"
    else:
        dsn, schema = request.getfixturevalue("postgres_dsn"), request.getfixturevalue("postgres_schema")
        settings = f"{{dsn: '{dsn}', db_schema: {schema}}}"

    def run(files: Files, **environment: str) -> dict[str, UnitTestResult]:
        profiles = f"dev: {{engine: {request.param}, {request.param}: {settings}}}\n"
        write(tmp_path, {"project.yml": USERS["project.yml"], "profiles.yml": profiles, **files})
        project = load_project(tmp_path, "dev", environment=environment)
        return {result.test.name: result for result in run_unit_tests(project, project.unit_tests)}

    return run


def outcome(results: Mapping[str, UnitTestResult]) -> dict[str, str]:
    return {name: f"{r.status}: {r.error or r.mismatch}" if r.status != "pass" else "pass" for name, r in results.items()}


def test_x(run: Run) -> None:
    results = run(
        {
            **USERS,
            "models/inc.ff.sql": "{{ config(materialized='incremental', unique_key='id', updated_at_column='seen') }}"
            "select id, seen, n from {{ source('crm', 'events') }}"
            "{% if is_incremental() %} where seen > (select max(seen) from {{ this }}){% endif %}",
            "sources.yml": "version: 2\nsources: [{name: crm, schema: raw, tables: [{name: events, identifier: ev}]}]",
            "models/snap.ff.sql": "{{ config(materialized='snapshot', unique_key='id', "
            "snapshot={'strategy': 'timestamp', 'updated_at': 'seen'}) }}"
            "select id, seen, n from {{ source('crm', 'events') }}",
            "models/py.ff.py": "from fft_core import model\n@model(deps=['users'])\ndef py(users):\n"
            "    return users.assign(n=users['id'] * 2)\n",
            "models/inc_py.ff.py": "from fft_core import model\n@model(deps=['users'], materialized='incremental', unique_key='id')\ndef inc_py(users, *, this=None, is_incremental=False):\n"
            "    return users if this is None else users[users['id'] > this['id'].max()]\n",
            "tests/unit/a.yml": """
model: users
cases:
  - name: ok
    inputs: {raw_users: {rows: [{id: 1, email: "A"}, {id: 2}]}}
    expect: {rows: [{id: 1, email: a}]}
""",
            "tests/unit/i.yml": """
model: inc
cases:
  - name: first
    inputs: {ev: {rows: [{id: 1, seen: 2025-01-01, n: 1.5}]}}
    expect: {rows: [{id: 1, seen: 2025-01-01}]}
  - name: next
    inputs:
      crm.events: {rows: [{id: 1, seen: 2025-01-03, n: 2.5}, {id: 2, seen: 2024-01-01, n: 1}]}
      this: {rows: [{id: 1, seen: 2025-01-02}, {id: 3, seen: 2024-01-01}]}
    expect: {rows: [{id: 1, seen: 2025-01-03, n: 2.5}, {id: 3, seen: 2024-01-01, n: null}]}
""",
            "tests/unit/s.yml": """
model: snap
cases:
  - name: sfirst
    inputs: {ev: {rows: [{id: 1, seen: 2025-01-01, n: 1.5}]}}
    expect: {rows: [{id: 1, _ff_valid_from: 2025-01-01, _ff_is_current: true}]}
  - name: snext
    inputs:
      ev: {rows: [{id: 1, seen: 2025-01-02, n: 2.5}]}
      this: 
        rows: 
           - {id: 1, seen: 2025-01-01, n: 1.5, _ff_updated_at: 2025-01-01, _ff_valid_from: 2025-01-01, _ff_valid_to: null, _ff_is_current: true, _ff_snapshot_hash: null}
        columns: {_ff_valid_to: timestamp}
    expect: {rows: [{id: 1, n: 1.5, _ff_is_current: false}, {id: 1, n: 2.5, _ff_is_current: true}]}
""",
            "tests/unit/p.yml": """
model: py
cases:
  - name: py
    inputs: {users: {rows: [{id: 1}]}}
    expect: {rows: [{id: 1, n: 2}]}
""",
            "tests/unit/pi.yml": """
model: inc_py
cases:
  - name: pfirst
    inputs: {users: {rows: [{id: 1}]}}
    expect: {rows: [{id: 1}]}
  - name: pnext
    inputs: {users: {rows: [{id: 1}, {id: 2}]}, this: {rows: [{id: 1}]}}
    expect: {rows: [{id: 1}, {id: 2}]}
""",
        }
    )
    assert outcome(results) == {}

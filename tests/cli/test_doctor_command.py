"""`fft doctor`: what works, what is missing, and what differs from the original FFT."""

from __future__ import annotations

import json
from importlib import util
from pathlib import Path

import pytest
from run_helpers import installed_fft, write

from fft_core.operations import doctor

FILES = {
    "project.yml": "name: old\nversion: '1'\ntests:\n  - {type: not_null, table: a, column: id}\n"
    "hooks:\n  on_run_end:\n    - {name: x, kind: sql, sql: select 1}\n",
    "profiles.yml": "dev: {engine: duckdb}\nother: {engine: postgres, postgres: {db_schema: x}}\n",
    "seeds/raw.csv": "id\n1\n",
    "models/a.ff.sql": "{{ config(materialized='incremental', strategy='append') }} select id from {{ ref('raw') }}",
    "models/h.ff.py": "from fastflowtransform import engine_model\nfrom fastflowtransform.api.http import get_df\n\n"
    "@engine_model(only='duckdb', name='h')\ndef h():\n    return get_df(url='http://127.0.0.1:1')\n",
}


def test_what_works_and_what_differs_is_told(tmp_path: Path) -> None:
    ended = installed_fft("doctor", write(tmp_path, FILES))
    assert (ended.code, ended.err) == (0, "")
    said = [line for line in ended.out.splitlines() if not line.startswith(" ")]
    assert said == [
        "works    the project 'old' loads for dev on duckdb: 1 sql model, 1 python model, 1 seed, 1 check, 1 hook",
        "works    the profile dev has all settings that duckdb needs",
        "differs  checks run before a table is published",
        "differs  seeds are nodes of the graph",
        "differs  incremental models without a unique_key add rows",
        "differs  hooks at the end of a run also run after a failed run",
    ]


def test_what_is_missing_is_told_with_what_to_do(tmp_path: Path) -> None:
    ended = installed_fft("doctor", write(tmp_path, FILES), "--env", "other", "--json")
    assert ended.code == 1
    (missing,) = [found for found in json.loads(ended.out)["findings"] if found["state"] == "missing"]
    assert "dsn" in missing["what"]


def test_packages_that_are_not_installed_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = {"httpx", "duckdb"}
    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name in lacking else found(name))
    findings = doctor.examine(write(tmp_path, FILES), "dev")
    assert [(f.what, f.hint) for f in findings if f.state == "missing"] == [
        ("the driver of DuckDB: duckdb", 'pip install "fft-dagster[duckdb]"'),
        ("get_df and get_json need httpx", 'pip install "fft-dagster[http]"'),
    ]


def test_every_problem_of_a_project_that_does_not_load_is_named(tmp_path: Path) -> None:
    broken = {"models/a.ff.sql": "select {{ ref('nothing') }}", "models/b.ff.sql": "{{ config(x=1) }} select 1"}
    ended = installed_fft("doctor", write(tmp_path, {**FILES, **broken}))
    assert ended.code == 1
    assert ended.out.count("missing  ") == 2
    assert "Traceback" not in ended.out + ended.err


def test_a_folder_without_a_project_is_an_error(tmp_path: Path) -> None:
    ended = installed_fft("doctor", tmp_path)
    assert ended.code == 1
    assert "project.yml" in ended.out + ended.err

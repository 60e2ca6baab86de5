"""Secrets are in nothing that a run leaves behind: files, databases of Dagster, compute logs, terminal."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from fft_process import run_process
from told import DOT_ENV, SECRETS, VARIABLE, files, leaks, leaks_below

PASSWORD = "pg-pass/word-1"
ALL = {**SECRETS, "FF_FROM_FILE": DOT_ENV, "login": VARIABLE, "dsn": PASSWORD}


@pytest.fixture
def profile(request: pytest.FixtureRequest) -> str:
    if request.param == "duckdb":
        return "dev: {engine: duckdb, duckdb: {path: rows.duckdb}}\n"
    dsn, schema = request.getfixturevalue("postgres_dsn"), request.getfixturevalue("postgres_schema")
    with_password = re.sub(r"://(\w*)(:[^@/]*)?@", r"://\1:pg-pass%2Fword-1@", dsn)
    assert with_password != dsn
    return f"dev: {{engine: postgres, postgres: {{dsn: {with_password!r}, db_schema: {schema}}}}}\n"


both_engines = pytest.mark.parametrize("profile", ["duckdb", "postgres"], indirect=True)


def written(root: Path, content: Mapping[str, str]) -> frozenset[Path]:
    for name, text in content.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return frozenset(root / name for name in content)


def fft(root: Path, *arguments: str, **environment: str) -> tuple[int, bytes]:
    """Call the command; give its exit code, and all that it printed."""
    finished = run_process(
        *(sys.executable, "-m", "fft_cli", *arguments, "--vars", f"login={VARIABLE}"),
        cwd=root,
        environment={**os.environ, **SECRETS, "FFT_CACHE_DIR": str(root / "caches"), **environment},
    )
    return finished.returncode, (finished.stdout + finished.stderr).encode()


@both_engines
def test_no_file_of_a_run_and_no_line_of_a_terminal_has_a_secret(profile: str, tmp_path: Path) -> None:
    content = files(profile)
    by_hand = written(tmp_path, content)
    code, said = fft(tmp_path, "plan")
    assert (code, list(leaks(said, ALL))) == (1, [])  # a template fails, and says what it was given
    assert b"template error" in said
    (tmp_path / "models" / "bad_jinja.ff.sql").unlink()
    code, said = fft(tmp_path, "build", "--keep-going", "-vv", FFT_TRACE="1", FFT_SQL_DEBUG="1")
    assert (code, list(leaks(said, ALL))) == (1, [])
    for part in (b"out ***", b"err ***", b"bytes ***", b"logged ***", b"odd (['***'", b"raised RuntimeError"):
        assert part in said
    calls = {
        "build --keep-going --json": 1,
        "plan --json": 0,
        "show good --json": 0,
        "show good": 0,
        "show good --sql": 0,
        "ls --json": 0,
        "docgen": 0,
        "ci-check --sarif found.sarif": 0,
        "test": 1,
        "sync-db-comments": 0,
        "dag": 0,
    }
    for call, expected in calls.items():
        code, said = fft(tmp_path, *call.split())
        assert (call, code, list(leaks(said, ALL))) == (call, expected, [])
    assert leaks_below(tmp_path, ALL, by_hand) == []
    assert (tmp_path / ".fastflowtransform" / "target" / "run_results.json").exists()
    assert list((tmp_path / ".fastflowtransform" / "dagster" / "history" / "runs").glob("*-*.db"))


RUN = """
import sys, warnings
warnings.simplefilter("always")
import dagster as dg
from fft_dagster import build_definitions
from fft_dagster.execution.executor import iterate_run
job = build_definitions(sys.argv[1]).resolve_implicit_global_asset_job_def()
with dg.DagsterInstance.get() as instance:
    run = instance.create_run_for_job(job)
    events = list(iterate_run(job, run, instance))
print(sum(event.is_step_failure for event in events), "failures")
"""
DAGSTER_YAML = """
storage: {{sqlite: {{base_dir: '{home}'}}}}
telemetry: {{enabled: false}}
python_logs: {{managed_python_loggers: [told], python_log_level: INFO}}
"""


@both_engines
def test_no_secret_is_in_the_history_and_compute_logs_of_dagsters_own_storage(profile: str, tmp_path: Path) -> None:
    """As in the UI: stock storage, lines of loggers are stored, and what models print is captured."""
    root, home = tmp_path / "told", tmp_path / "home"
    by_hand = written(root, files(profile))
    (root / "models" / "bad_jinja.ff.sql").unlink()
    written(home, {"dagster.yaml": DAGSTER_YAML.format(home=home)})
    environment = {**os.environ, **SECRETS, "DAGSTER_HOME": str(home), "FFT_VARS": json.dumps({"login": VARIABLE})}
    finished = run_process(sys.executable, "-c", RUN, root, cwd=tmp_path, environment=environment)
    assert finished.stdout.endswith(" failures\n"), finished.stderr[-2000:]
    assert int(finished.stdout.split()[-2]) >= 6
    assert list(leaks((finished.stdout + finished.stderr).encode(), ALL)) == []
    assert leaks_below(tmp_path, ALL, by_hand) == []
    captured = {path.suffix: path.read_bytes() for path in home.rglob("*") if path.suffix in (".out", ".err")}
    assert b"out ***" in captured[".out"]
    assert b"bytes ***" in captured[".out"]
    assert b"err ***" in captured[".err"]
    assert b"warned ***" in captured[".err"]
    (history,) = (path.read_bytes() for path in (home / "history" / "runs").glob("*-*.db"))
    for part in (b"logged ***", b"cannot log in with ***; ***", b"ValueError: ['***'", b"note ***"):
        assert part in history

"""`fft run`, `build` and `dev` with Prefect: the same lines, exit codes and run_results.json as with Dagster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fft_process import FFT
from prefect_runs import QUIET, flow_run
from run_helpers import golden, installed_fft, run_results, shop, write

PROJECT = "name: shop\nversion: '1'\n"
DUCKDB = "dev: {engine: duckdb, duckdb: {path: dev.duckdb}}\n"
ENDLESS = "select count(*) as n from range(200000) a, range(200000) b where a.range * b.range % 7 = 3"


def environment(api: str, home: Path) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "FFT_WITH"))}
    return {**mine, **QUIET, "PREFECT_API_URL": api, "PREFECT_HOME": str(home / "prefect")}


def fft(api: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    root = next(word for word in words if isinstance(word, Path))
    command = [str(FFT), *map(str, words)]
    return subprocess.run(
        command, env=environment(api, root.parent), capture_output=True, text=True, check=False, timeout=120
    )


def told(root: Path) -> list[tuple[Any, ...]]:
    """What run_results.json says, without times and the run's id."""
    metadata, results = run_results(root)["metadata"], run_results(root)["results"]
    found = [
        (
            one["name"],
            one["kind"],
            one["status"],
            one["rows"],
            one["reasons"],
            [c["status"] for c in one["checks"]],
            one["error"],
        )
        for one in results
    ]
    return [(metadata["command"], metadata["exit_code"]), *sorted(found)]


def postgres(dsn: str, schema: str) -> str:
    return f"dev: {{engine: postgres, postgres: {{dsn: '{dsn}', db_schema: {schema}}}}}\n"


def lines(text: str) -> list[str]:
    """The lines of a run; independent steps end in any order."""
    return sorted(golden(text))


CASES: Mapping[str, Mapping[str, str]] = {
    "well": {},
    "blocked": {"models/users.ff.sql": "select null as id, email from {{ source('crm', 'users') }}"},
    "failed": {"models/users.ff.sql": "select nosuch from {{ source('crm', 'users') }}"},
}


@pytest.mark.parametrize(("case", "code"), [("well", 0), ("blocked", 2), ("failed", 1)])
def test_the_same_is_told_as_with_dagster(tmp_path: Path, prefect_api: str, case: str, code: int) -> None:
    roots = {name: write(shop(tmp_path / name / "shop"), CASES[case]) for name in ("dagster", "prefect")}
    by_dagster = installed_fft("build", roots["dagster"], "--with", "dagster", "--keep-going")
    by_prefect = fft(prefect_api, "build", roots["prefect"], "--with", "prefect", "--keep-going")
    assert (by_dagster.code, by_prefect.returncode) == (code, code)
    assert lines(by_prefect.stdout) == lines(by_dagster.out)
    assert by_prefect.stderr == by_dagster.err
    assert told(roots["prefect"]) == told(roots["dagster"])
    run = flow_run(None, UUID(run_results(roots["prefect"])["metadata"]["run_id"]))
    assert run.name == "fft build (dev)"
    assert run.state == ("Completed" if code == 0 else "Failed")
    if case == "well":  # and what one has built, the other one reuses
        assert golden(installed_fft("build", roots["prefect"]).out)[-1].startswith("4 reused; ")
        again = fft(prefect_api, "build", roots["dagster"], "--with", "prefect")
        assert golden(again.stdout)[-1].startswith("4 reused; ")


def test_a_scheduler_that_is_not_there_is_named(tmp_path: Path, prefect_api: str) -> None:
    done = fft(prefect_api, "build", shop(tmp_path / "shop"), "--with", "perfect")
    assert done.returncode == 2
    assert "--with 'perfect': this scheduler is not installed" in done.stderr
    assert "Did you mean 'prefect'?" in done.stderr


def test_an_api_that_does_not_answer_is_an_error_without_a_trace(tmp_path: Path) -> None:
    done = fft("http://127.0.0.1:9/api", "run", shop(tmp_path / "shop"), "--with", "prefect")
    assert done.returncode == 1
    assert "Prefect did not start a flow run" in done.stderr
    assert "hint: PREFECT_API_URL is http://127.0.0.1:9/api: is a server running there?" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_cancels_the_running_statement(tmp_path: Path, prefect_api: str) -> None:
    root = write(
        tmp_path / "shop", {"project.yml": "name: shop\nversion: '1'\n", "models/quick.ff.sql": "select 1 as n"}
    )
    write(root, {"profiles.yml": "dev: {engine: duckdb, duckdb: {path: dev.duckdb}}\n"})
    write(root, {"models/endless.ff.sql": f"{ENDLESS} and a.range < (select n + 200000 from {{{{ ref('quick') }}}})"})
    command = [str(FFT), "build", str(root), "--with", "prefect"]
    process = subprocess.Popen(
        command, env=environment(prefect_api, tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert any(line.startswith("built") and "quick" in line for line in iter(process.stdout.readline, ""))
    time.sleep(0.7)  # the endless statement has begun, or is about to
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "interrupted\n")
    assert out.splitlines()[-1].startswith("1 built, 1 interrupted; ")
    run = flow_run(None, UUID(run_results(root)["metadata"]["run_id"]))
    assert run.type == "CANCELLED"
    assert run.states == {"endless": "Cancelled", "quick": "Completed"}


FLOW = """\
from pathlib import Path
from fft_prefect import project_flow

flow = project_flow(Path(__file__).parent)

if __name__ == "__main__":
    flow()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_worker_that_ends_the_process_of_a_flow_ends_its_statement(
    tmp_path: Path, prefect_api: str, postgres_dsn: str, postgres_schema: str
) -> None:
    """As a worker of type process does when a run is cancelled: SIGTERM, and later SIGKILL."""
    import psycopg

    files = {"project.yml": PROJECT, "profiles.yml": postgres(postgres_dsn, postgres_schema), "flow.py": FLOW}
    root = write(tmp_path / "shop", {**files, "models/asleep.ff.sql": "select 1 as id, pg_sleep(600)::text as s"})
    process = subprocess.Popen([sys.executable, str(root / "flow.py")], env=environment(prefect_api, tmp_path))

    def asleep() -> int:
        with psycopg.connect(postgres_dsn) as connection:
            row = connection.execute(
                "select count(*) from pg_stat_activity where state = 'active' and query like '%pg_sleep(600)%'"
                " and pid <> pg_backend_pid()"
            ).fetchone()
        return int(row[0]) if row else 0

    deadline = time.monotonic() + 60
    while not asleep() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert asleep() == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) != 0
    assert asleep() == 0


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_two_schedulers_at_once_on_one_warehouse(
    tmp_path: Path, prefect_api: str, engine: str, request: pytest.FixtureRequest
) -> None:
    """Each waits for the other, or decides anew; none fails, and what is left is known."""
    names = [f"m{number}" for number in range(6)]
    series = "range" if engine == "duckdb" else "generate_series"
    models = {f"models/{name}.ff.sql": f"select i as id from {series}(1, 5000) as t(i)" for name in names}
    total = " union all ".join(f"select count(*) as n from {{{{ ref('{name}') }}}}" for name in names)
    profile = DUCKDB
    if engine == "postgres":
        profile = postgres(request.getfixturevalue("postgres_dsn"), request.getfixturevalue("postgres_schema"))
    files = {"project.yml": PROJECT, "profiles.yml": profile, "models/total.ff.sql": total}
    root = write(tmp_path / "shop", {**files, **models})
    running = {
        name: subprocess.Popen(
            [str(FFT), "build", str(root), "--with", name, "--rebuild"],
            env=environment(prefect_api, tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in ("dagster", "prefect")
    }
    said = {name: process.communicate(timeout=120)[0] for name, process in running.items()}
    assert {name: process.returncode for name, process in running.items()} == {"dagster": 0, "prefect": 0}, said
    for text in said.values():
        assert text.splitlines()[-1].startswith("7 built; ")
    assert installed_fft("plan", root).out == "0 to build, 7 to reuse\n"

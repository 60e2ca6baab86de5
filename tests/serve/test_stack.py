"""The stack of all parts as processes: builds on two workers at once, lost workers and parts, and its end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from serve_project import Served
from sweeps import FACTOR

from tools.stack import parts
from tools.stack.__main__ import main
from tools.stack.parts import Place

sweep_only = pytest.mark.skipif(FACTOR == 1, reason="only with FFT_SWEEP: it takes a minute")
ROOT = Path(__file__).parents[2]
FILES = {
    "definitions.py": """\
from pathlib import Path
from fft_dagster import build_definitions
defs = build_definitions(Path(__file__).parent)
""",
    "models/numbers.ff.sql": "select i as id from generate_series(1, 50) as i",
    "models/slow.ff.sql": "{{ config(serve=true) }} select id, cast(pg_sleep(0.05) as text) as slept"
    " from {{ ref('numbers') }}",
    "models/deltas.ff.sql": """\
{{ config(materialized='incremental', incremental={'strategy': 'append'}) }}
select id, clock_timestamp() as at, pg_backend_pid() as process from {{ ref('slow') }}
{% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}
""",
    "models/frames.ff.py": """\
from fft_core import model

@model(deps=["deltas"])
def frames(deltas):
    return deltas[["id"]]
""",
}
STEPS = """\
from pathlib import Path
from dagster_celery import celery_executor
from fft_dagster import build_definitions
address = {"env": "REDIS_URL"}
executor = celery_executor.configured({"broker": address, "backend": address})
defs = build_definitions(Path(__file__).parent, executor=executor)
"""
_LAUNCH = """
mutation ($selector: JobOrPipelineSelector!, $config: RunConfigData) {
  launchRun(executionParams: {selector: $selector, runConfigData: $config}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}
"""


@dataclass
class Stack:
    """A running stack."""

    process: subprocess.Popen[str]
    place: Place
    processes: dict[str, int]

    def launch(self, **config: Any) -> str:
        selector = {"repositoryName": "__repository__", "repositoryLocationName": "definitions.py",
                    "pipelineName": "__ASSET_JOB"}  # fmt: skip
        given = {"resources": {"fft_warehouse": {"config": config}}} if config else {}
        found = parts.graphql(self.place, _LAUNCH, {"selector": selector, "config": given})["launchRun"]
        assert "run" in found, found
        return str(found["run"]["runId"])

    def status(self, run: str) -> str:
        asked = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
        return str(parts.graphql(self.place, asked, {"id": run})["runOrError"]["status"])

    def wait(self, run: str, *statuses: str) -> str:
        deadline = time.monotonic() + 180
        while (found := self.status(run)) not in statuses:
            assert time.monotonic() < deadline, found
            assert self.process.poll() is None
            time.sleep(0.2)
        return found

    def log(self, name: str) -> str:
        return (self.place.folder / "logs" / f"{name}.log").read_text(errors="replace")

    def ended(self, seconds: float = 120) -> int:
        """Wait for its end; none of its processes is left."""
        code = self.process.wait(seconds)
        for process in self.processes.values():
            with pytest.raises(ProcessLookupError):
                os.kill(process, 0)
        return code


def started(folder: Path, *options: str) -> Stack:
    project = folder / "project"
    settings = {"dsn": "{{ env('FF_PG_DSN') }}", "db_schema": "shop"}
    Served(project, "postgres", settings, {"FF_PG_DSN": "postgresql://localhost/none"}).write(FILES)
    ports = [option for name in ("postgres", "redis", "web", "api") for option in (f"--{name}-port", "0")]
    command = [sys.executable, "-m", "tools.stack", "--project", str(project), "--env", "dev"]
    variables = {name: value for name, value in os.environ.items() if name not in ("FF_PG_DSN", "DAGSTER_HOME")}
    process = subprocess.Popen(
        [*command, "--folder", str(folder / "stack"), *ports, *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=variables, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.startswith("Ctrl-C"):
            break
    assert "Ctrl-C stops all" in text, text
    found = {name: int(port) for name, port in re.findall(r"^(\w+): \w+://.*?:(\d+)\b", text, re.MULTILINE)}
    ports_of = {"postgres": found["Postgres"], "redis": found["Redis"], "web": found["Dagster"], "api": found["API"]}
    processes = {name: int(number) for name, number in re.findall(r"(\w+): process (\d+)", text)}
    return Stack(process, Place(folder / "stack", project, "dev", ports_of), processes)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    forget(folder)
    found = started(folder, "--build")
    yield found
    found.process.terminate()  # it stops its parts; killed, it would leave them behind
    found.process.wait(120)
    forget(folder)


def forget(folder: Path) -> None:
    """Remove the files of Postgres, which are not below the folder if the tests run as root."""
    shutil.rmtree(parts.postgres_data(Place(folder / "stack", folder / "project", "dev", {})), ignore_errors=True)


def test_the_project_is_built_on_a_worker_and_served(stack: Stack) -> None:
    page = httpx.get(f"{stack.place.api}/models/slow/rows?limit=3&select=id&order=id").json()
    assert page["rows"] == [{"id": 1}, {"id": 2}, {"id": 3}]
    model = httpx.get(f"{stack.place.api}/models/slow").json()
    assert (model["rows"], model["is_stale"]) == (50, False)
    run = parts.graphql(stack.place, "{ runsOrError(limit: 5) { ... on Runs { results { runId tags { key } } } } }")
    (built,) = run["runsOrError"]["results"]
    assert built["runId"] == model["run_id"]
    assert "dagster-celery/task_id" in {tag["key"] for tag in built["tags"]}


def test_runs_on_two_workers_at_once_build_each_model_once(stack: Stack) -> None:
    """Each of four runs wants all models with new rows: one builds a model, and the others wait and reuse it."""
    path = stack.place.project / "models/numbers.ff.sql"
    path.write_text(FILES["models/numbers.ff.sql"].replace("50", "60"))
    runs = [stack.launch() for _ in range(4)]
    assert [stack.wait(run, "SUCCESS", "FAILURE") for run in runs] == ["SUCCESS"] * 4
    assert all("Task execute_job" in stack.log(name) for name in ("worker1", "worker2"))
    with psycopg.connect(stack.place.dsn("warehouse")) as connection:
        counts = "select count(*), count(distinct id), count(distinct process) from shop.deltas"
        assert connection.execute(counts).fetchall() == [(60, 60, 2)]  # the first build, and one for the new rows
        assert connection.execute("select count(*) from shop.frames").fetchall() == [(60,)]
        left = "select count(*) from pg_class where relnamespace = 'shop'::regnamespace and relname like '\\_\\_ff%'"
        assert connection.execute(left.encode()).fetchall() == [(0,)]


def begun(stack: Stack, **said: Any) -> str:
    answer = httpx.post(f"{stack.place.api}/builds", json=said, timeout=60)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def events_of(stack: Stack, build: str) -> list[dict[str, Any]]:
    """Return all events of a build, when it has ended."""
    text = httpx.get(f"{stack.place.api}/builds/{build}/events", timeout=180).text
    return [json.loads(line.partition("data: ")[2]) for line in text.split("\n\n") if "data: " in line]


def until(stack: Stack, build: str, *statuses: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while True:
        found: dict[str, Any] = httpx.get(f"{stack.place.api}/builds/{build}", timeout=60).json()
        if found["status"] in statuses:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_a_build_over_http_is_a_run_of_a_worker(stack: Stack) -> None:
    events = events_of(stack, build := begun(stack, select="slow", rebuild=True))
    kinds = ["started", "run_queued", "run_started", "step_started", "step_ended", "ended"]
    assert [event["event"] for event in events] == kinds
    done = httpx.get(f"{stack.place.api}/builds/{build}").json()
    assert (done["status"], done["nodes"]) == ("succeeded", {"slow": "built"})
    assert (events[4]["result"]["rows"], events[4]["result"]["reasons"][0]["kind"]) == (60, "requested")
    assert stack.status(done["run_id"]) == "SUCCESS"
    asked = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { tags { key value } } } }"
    found = parts.graphql(stack.place, asked, {"id": done["run_id"]})["runOrError"]["tags"]
    tags = {tag["key"]: tag["value"] for tag in found}
    assert tags["fft/build"] == build
    assert any(tags["dagster-celery/task_id"] in stack.log(name) for name in ("worker1", "worker2"))


def test_a_build_over_http_has_the_models_and_checks_of_now(stack: Stack) -> None:
    """The web server has loaded the project before: it loads it again."""
    (stack.place.project / "models/doubled.ff.sql").write_text("select 1 as id from {{ ref('numbers') }}")
    checks = "models: [{name: doubled, columns: [{name: id, tests: [unique, not_null]}]}]"
    (stack.place.project / "models/schema.yml").write_text(f"version: 2\n{checks}\n")
    events = events_of(stack, build := begun(stack, select="doubled"))
    assert (events[-1]["status"], until(stack, build, "blocked")["nodes"]) == ("blocked", {"doubled": "blocked"})
    (result,) = [event["result"] for event in events if event["event"] == "step_ended"]
    assert {check["name"]: check["status"] for check in result["checks"]} == {
        "unique_id": "fail", "not_null_id": "pass",
    }  # fmt: skip
    assert result["error"]["hint"] is None  # it shows a row
    (stack.place.project / "models/doubled.ff.sql").unlink()
    (stack.place.project / "models/schema.yml").unlink()


def test_a_build_over_http_is_cancelled_on_its_worker(stack: Stack) -> None:
    path = stack.place.project / "models/slow.ff.sql"
    path.write_text(FILES["models/slow.ff.sql"].replace("pg_sleep(0.05)", "pg_sleep(5)"))
    build = begun(stack, select="slow")
    while not any(event["event"] == "step_started" for event in lines_of(stack, build)):
        time.sleep(0.1)
    assert httpx.delete(f"{stack.place.api}/builds/{build}", timeout=60).status_code == 202
    assert stack.status(until(stack, build, "cancelled", "failed", "lost")["run_id"]) == "CANCELED"
    assert until(stack, build, "cancelled", "failed", "lost")["status"] == "cancelled"
    path.write_text(FILES["models/slow.ff.sql"])


def lines_of(stack: Stack, build: str) -> list[dict[str, Any]]:
    file = stack.place.project / ".fastflowtransform/serve/builds" / build / "events.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_the_next_api_follows_a_build_whose_follower_was_killed(stack: Stack) -> None:
    path = stack.place.project / "models/slow.ff.sql"
    path.write_text(FILES["models/slow.ff.sql"].replace("pg_sleep(0.05)", "pg_sleep(0.1)"))
    build = begun(stack, select="slow")
    while not any(event["event"] == "step_started" for event in lines_of(stack, build)):
        time.sleep(0.1)
    lock = stack.place.project / ".fastflowtransform/serve/builds" / build / "lock"
    os.kill(int(lock.read_text()), signal.SIGKILL)
    assert until(stack, build, "lost")["run_id"]
    given = {**stack.place.variables(), "FFT_SERVE_DAGSTER_URL": stack.place.web}
    code = "import sys, fft_serve; fft_serve.app(sys.argv[1], 'dev')"
    subprocess.run([sys.executable, "-c", code, str(stack.place.project)], env=given, check=True, timeout=120)
    done = until(stack, build, "succeeded", "failed")
    assert (done["status"], done["nodes"]) == ("succeeded", {"slow": "built"})
    kinds = [event["event"] for event in events_of(stack, build)]
    assert [kinds.count(kind) for kind in ("run_queued", "run_started", "step_started", "step_ended")] == [1, 1, 1, 1]
    assert (kinds.count("resumed"), kinds[-1]) == (1, "ended")


@sweep_only
def test_a_terminated_run_is_canceled_and_not_tried_again(stack: Stack) -> None:
    run = stack.launch(rebuild=["slow"])
    stack.wait(run, "STARTED")
    asked = "mutation ($id: String!) { terminateRun(runId: $id) { __typename } }"
    found = parts.graphql(stack.place, asked, {"id": run})["terminateRun"]
    assert found["__typename"] == "TerminateRunSuccess"
    assert stack.wait(run, "CANCELED", "FAILURE", "SUCCESS") == "CANCELED"


@sweep_only
def test_the_run_of_a_killed_worker_process_is_tried_again(stack: Stack) -> None:
    (stack.place.project / "models/slow.ff.sql").write_text(
        FILES["models/slow.ff.sql"].replace("pg_sleep(0.05)", "pg_sleep(0.2)")
    )
    run = stack.launch()
    stack.wait(run, "STARTED")
    events_of = "... on EventConnection { events { ... on EngineEvent { message } } }"
    asked = f"query ($id: ID!) {{ logsForRun(runId: $id) {{ {events_of} }} }}"
    deadline = time.monotonic() + 60
    while True:
        events = parts.graphql(stack.place, asked, {"id": run})["logsForRun"]["events"]
        found = re.search(r"threads \(pid: (\d+)\)", " ".join(event.get("message", "") for event in events))
        if found:
            break
        assert time.monotonic() < deadline
        time.sleep(0.2)
    os.kill(int(found[1]), signal.SIGKILL)
    assert stack.wait(run, "FAILURE", "SUCCESS") == "FAILURE"
    asked = "query ($id: ID!) { runGroupOrError(runId: $id) { ... on RunGroup { runs { runId status } } } }"
    deadline = time.monotonic() + 120
    while True:
        runs = parts.graphql(stack.place, asked, {"id": run})["runGroupOrError"].get("runs", [])
        if any(one["status"] == "SUCCESS" for one in runs):
            break
        assert time.monotonic() < deadline, runs
        time.sleep(0.5)


@sweep_only
def test_steps_of_a_run_are_tasks_of_workers(stack: Stack) -> None:
    """With the executor of dagster-celery, each step is built by a worker, in its order."""
    file = stack.place.project / "steps.py"
    file.write_text(STEPS)
    command = [str(Path(sys.executable).parent / "dagster"), "job", "execute", "-f", str(file), "-j", "__ASSET_JOB"]
    before = [stack.log(name).count("Task execute_plan") for name in ("worker1", "worker2")]
    (stack.place.project / "models/numbers.ff.sql").write_text("select i as id from generate_series(1, 70) as i")
    finished = subprocess.run(
        command, env=stack.place.variables(), capture_output=True, text=True, check=False, timeout=180
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    after = [stack.log(name).count("Task execute_plan") for name in ("worker1", "worker2")]
    assert sum(after) - sum(before) >= 2 * 4  # each is received, and has succeeded
    with psycopg.connect(stack.place.dsn("warehouse")) as connection:
        assert connection.execute("select count(*) from shop.frames").fetchall() == [(70,)]


def test_a_part_that_ends_stops_all_others(stack: Stack) -> None:
    os.kill(stack.processes["worker2"], signal.SIGKILL)
    assert stack.ended() == 1
    assert stack.process.stdout is not None
    assert "error: worker2 has ended (-9)" in stack.process.stdout.read()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(stack.place.dsn("warehouse"), connect_timeout=2)


@sweep_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly_and_keeps_its_databases(tmp_path: Path, number: signal.Signals) -> None:
    first = started(tmp_path, "--workers", "1", "--build")
    run = first.launch(rebuild=["slow"])
    first.wait(run, "STARTED")
    first.process.send_signal(number)
    assert first.ended() == 0
    again = started(tmp_path, "--workers", "1")
    assert len(httpx.get(f"{again.place.api}/models/slow/rows?limit=100").json()["rows"]) == 50
    again.process.send_signal(number)
    assert again.ended() == 0
    forget(tmp_path)


def test_a_port_in_use_and_a_second_stack_are_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        import fcntl
        import socket

        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            assert main(["--folder", str(tmp_path), "--web-port", port, "--api-port", "0"]) == 1
        assert f"the port {port} of web is in use" in capsys.readouterr().err
        with (tmp_path / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert main(["--folder", str(tmp_path)]) == 1
        assert "a stack is running in" in capsys.readouterr().err
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)

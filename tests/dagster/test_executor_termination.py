"""How a run of `thread_executor` ends when it is told to: from its own process, and through the stock web server."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from conftest import asset_job, run_job, subprocess_environment, write_dagster_yaml
from fft_dagster.execution.executor import interruptible

PATIENCE_SECONDS = 20.0  # for what takes milliseconds on an idle machine
ENDLESS_SQL = "select count(*) from range(1000000000) a, range(1000000000) b where a.range % 7 = b.range % 11"


def terminate(instance: dg.DagsterInstance, run_id: str) -> None:
    """What the run launcher does when somebody presses Terminate: a status, and a signal to the process of the run."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    instance.report_run_canceling(run)
    os.kill(os.getpid(), signal.SIGINT)


def test_termination_interrupts_running_statements_and_publishes_nothing(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    connection = duckdb.connect(str(tmp_path / "warehouse.duckdb"))
    connection.execute("create table published as select 'old' as version")
    running = threading.Barrier(2, timeout=PATIENCE_SECONDS)

    @dg.asset
    def model() -> None:
        cursor = connection.cursor()
        running.wait()
        with interruptible(cursor.interrupt):
            cursor.execute(f"create or replace table published as {ENDLESS_SQL}")

    @dg.asset
    def other(context: dg.AssetExecutionContext) -> None:
        running.wait()
        time.sleep(0.2)
        terminate(context.instance, context.run.run_id)
        time.sleep(0.2)
        with interruptible(lambda: None):
            pytest.fail("This body begins after the termination.")

    @dg.asset(deps=[model])
    def below() -> None: ...

    started = time.monotonic()
    finished = run_job(asset_job([model, other, below]), instance)
    assert time.monotonic() - started < PATIENCE_SECONDS
    assert finished.status == "CANCELED"
    assert sorted(finished.steps("STEP_START")) == ["model", "other"]
    failures = {event.step_key: event.step_failure_data for event in finished.events if event.is_step_failure}
    assert {key: str(data.error_source) for key, data in failures.items()} == {
        "model": "ErrorSource.INTERRUPT",
        "other": "ErrorSource.INTERRUPT",
    }
    assert connection.execute("select version from published").fetchall() == [("old",)]
    connection.close()


def test_a_statement_that_begins_late_is_interrupted_too(instance: dg.DagsterInstance) -> None:
    """An interruption that comes before the statement has begun has no effect: once is not enough."""
    connection = duckdb.connect()

    @dg.asset
    def model(context: dg.AssetExecutionContext) -> None:
        with interruptible(connection.interrupt):
            terminate(context.instance, context.run.run_id)
            time.sleep(0.5)
            connection.execute(ENDLESS_SQL)

    assert run_job(asset_job([model]), instance, cancel_grace_seconds=PATIENCE_SECONDS).status == "CANCELED"
    assert connection.execute("select 1").fetchall() == [(1,)]


def test_what_runs_after_an_interrupted_body_is_not_cancelled(instance: dg.DagsterInstance) -> None:
    connection = duckdb.connect()
    cleaned_up: list[object] = []

    @dg.asset
    def model(context: dg.AssetExecutionContext) -> None:
        terminate(context.instance, context.run.run_id)
        try:
            with interruptible(connection.interrupt):
                connection.execute(ENDLESS_SQL)
        finally:
            for _ in range(10):
                cleaned_up.extend(connection.execute("select sum(range) from range(3000000)").fetchall())

    assert run_job(asset_job([model]), instance).status == "CANCELED"
    assert len(cleaned_up) == 10


def test_termination_cancels_async_ops(instance: dg.DagsterInstance) -> None:
    @dg.asset
    async def model(context: dg.AssetExecutionContext) -> None:
        terminate(context.instance, context.run.run_id)
        await asyncio.sleep(1000)

    started = time.monotonic()
    assert run_job(asset_job([model]), instance).status == "CANCELED"
    assert time.monotonic() - started < PATIENCE_SECONDS


def test_termination_while_a_retry_or_a_pool_is_waited_for(instance: dg.DagsterInstance) -> None:
    instance.event_log_storage.set_concurrency_slots("narrow", 1)
    instance.event_log_storage.claim_concurrency_slot("narrow", "another-run", "its-step")

    @dg.asset(pool="narrow")
    def waits_for_a_slot() -> None: ...

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=1, delay=1000))
    def waits_for_a_retry(context: dg.AssetExecutionContext) -> None:
        threading.Timer(0.3, terminate, [context.instance, context.run.run_id]).start()
        raise ValueError("as intended")

    started = time.monotonic()
    assert run_job(asset_job([waits_for_a_slot, waits_for_a_retry]), instance).status == "CANCELED"
    assert time.monotonic() - started < PATIENCE_SECONDS
    pending = instance.event_log_storage.get_concurrency_info("narrow").pending_steps
    assert [step.run_id for step in pending] == ["another-run"]


def test_a_step_that_ignores_the_termination_is_left_behind_and_publishes_nothing(
    instance: dg.DagsterInstance,
) -> None:
    instance.event_log_storage.set_concurrency_slots("narrow", 1)
    may_end, ended, written = threading.Event(), threading.Event(), list[object]()

    class Writer(dg.IOManager):
        def handle_output(self, context: dg.OutputContext, obj: object) -> None:
            written.append(obj)

        def load_input(self, context: dg.InputContext) -> None: ...

    @dg.asset(pool="narrow")
    def stubborn(context: dg.AssetExecutionContext) -> int:
        terminate(context.instance, context.run.run_id)
        try:
            may_end.wait(PATIENCE_SECONDS)
            context.log.info("line of a step that was left behind")
            return 1
        finally:
            ended.set()

    job = asset_job([stubborn], resources={"io_manager": Writer()})
    finished = run_job(job, instance, cancel_grace_seconds=0.3)
    assert finished.status == "CANCELED"
    expected = "Steps did not end within 0.3 s of the termination: ['stubborn']"
    assert expected in finished.messages("ENGINE_EVENT")
    assert instance.event_log_storage.get_concurrency_info("narrow").claimed_slots == []
    stored = len(instance.get_records_for_run(finished.run.run_id).records)
    may_end.set()
    assert ended.wait(PATIENCE_SECONDS)
    time.sleep(0.2)
    assert written == []
    assert len(instance.get_records_for_run(finished.run.run_id).records) == stored


def test_interruptible_does_nothing_outside_of_the_executor(instance: dg.DagsterInstance) -> None:
    def never() -> None:
        pytest.fail("Nothing is terminated here.")

    with interruptible(never):
        pass
    with pytest.raises(ValueError, match="its own error"), interruptible(never):
        raise ValueError("its own error")

    @dg.asset
    def in_process() -> None:
        with interruptible(never):
            pass

    assert dg.materialize([in_process], instance=instance).success


# The process of a run

SCRIPT = """
import os, signal, sys, threading, time
import dagster as dg
from fft_dagster.execution.executor import iterate_run, thread_executor

@dg.asset
def speaks(): print("words of speaks", flush=True)

@dg.asset
def speaks_too(): print("words of speaks_too", flush=True)

@dg.asset
def stubborn(context):
    context.instance.report_run_canceling(context.run)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(1000)

assets = {"logs": [speaks, speaks_too], "hang": [stubborn]}[sys.argv[1]]
job = dg.Definitions(assets=assets, executor=thread_executor).resolve_implicit_global_asset_job_def()
with dg.DagsterInstance.get() as instance:
    config = {"execution": {"config": {"cancel_grace_seconds": 0.2}}}
    run = instance.create_run_for_job(job, run_config=config)
    for event in iterate_run(job, run, instance):
        if event.event_type_value == "LOGS_CAPTURED":
            print("captured", *sorted(event.event_specific_data.step_keys))
    print("status", instance.get_run_by_id(run.run_id).status.value, flush=True)
"""


def _run_script(home: Path, what: str) -> str:
    command = [sys.executable, "-c", SCRIPT, what]
    environment = subprocess_environment(home)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_stubborn_step_cannot_keep_the_process_alive(tmp_path: Path) -> None:
    write_dagster_yaml(tmp_path)
    assert "status CANCELED" in _run_script(tmp_path, "hang")


def test_the_output_of_all_steps_is_captured_once(tmp_path: Path) -> None:
    local = {"module": "dagster._core.storage.local_compute_log_manager", "class": "LocalComputeLogManager"}
    write_dagster_yaml(tmp_path, compute_logs={**local, "config": {"base_dir": str(tmp_path / "logs")}})
    stdout = _run_script(tmp_path, "logs")
    assert stdout.count("captured") == 1
    assert "captured speaks speaks_too" in stdout
    (captured,) = (tmp_path / "logs").rglob("*.out")
    assert captured.read_text().count("words of speaks_too") == 1  # lines of two threads may share one
    assert captured.read_text().count("words of speaks") == 2


# The stock web server

LAUNCHED = f"""
from pathlib import Path
import dagster as dg, duckdb
from fft_dagster.execution.executor import interruptible, thread_executor

def open_warehouse():  # in the process of the run: the code server must not hold the file
    return duckdb.connect(str(Path(__file__).with_name("warehouse.duckdb")))

@dg.asset
def quick():
    open_warehouse().execute("create or replace table quick as select 1 as one")

@dg.asset(deps=[quick])
def endless():
    cursor = open_warehouse()
    with interruptible(cursor.interrupt):
        cursor.execute("create or replace table quick as {ENDLESS_SQL}")

@dg.asset(deps=[endless])
def below(): ...

defs = dg.Definitions(assets=[quick, endless, below], executor=thread_executor)
"""


@contextmanager
def webserver(home: Path, definitions: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # A shell may have told its background processes to ignore signals, and the run would inherit that.
    command = ["env", "--default-signal=HUP,INT,QUIT,TERM", str(Path(sys.executable).with_name("dagster-webserver"))]
    log = (home / "webserver.log").open("w")
    process = subprocess.Popen(
        [*command, "-f", definitions.name, "-h", "127.0.0.1", "-p", str(port)],
        cwd=definitions.parent,
        env=subprocess_environment(home),
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        yield f"http://127.0.0.1:{port}/graphql"
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):  # the server, its code server and the process of the run
            try:
                os.killpg(process.pid, number)
                process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        log.close()


def ask(url: str, query: str, **variables: Any) -> Any:  # Any: what the query asks for
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
        answer = json.load(response)
    assert "errors" not in answer, answer
    return answer["data"]


def ask_until(url: str, query: str, accept: Any, *, seconds: float = 60.0, **variables: Any) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = ask(url, query, **variables)
        except OSError as error:  # the server does not listen yet
            answer = error
        if not isinstance(answer, OSError) and accept(answer):
            return answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)


REPOSITORIES = """{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"""
LAUNCH = """mutation($selector: JobOrPipelineSelector!, $config: RunConfigData!) {
  launchPipelineExecution(executionParams: {selector: $selector, runConfigData: $config, mode: "default"}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
TERMINATE = "mutation($run: String!) { terminateRun(runId: $run) { __typename } }"
RUN = """query($run: ID!) { runOrError(runId: $run) { ... on Run { status stepStats { stepKey status } } }
  logsForRun(runId: $run) { ... on EventConnection { events { __typename } } } }"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals to a group of processes")
def test_a_run_is_launched_and_terminated_through_the_stock_webserver(tmp_path: Path) -> None:
    home, definitions = tmp_path / "home", tmp_path / "project" / "launched_definitions.py"
    definitions.parent.mkdir()
    definitions.write_text(LAUNCHED)
    # The default coordinator queues runs for the daemon, which does not run here.
    coordinator = {"module": "dagster._core.run_coordinator", "class": "DefaultRunCoordinator"}
    write_dagster_yaml(home, run_coordinator=coordinator)
    with webserver(home, definitions) as url:
        found = ask_until(url, REPOSITORIES, lambda data: data["repositoriesOrError"].get("nodes"))
        (repository,) = found["repositoriesOrError"]["nodes"]
        selector = {
            "repositoryLocationName": repository["location"]["name"],
            "repositoryName": repository["name"],
            "pipelineName": "__ASSET_JOB",
        }
        config = {"execution": {"config": {"cancel_grace_seconds": 600.0}}}  # so that nothing is left behind
        launched = ask(url, LAUNCH, selector=selector, config=config)["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run_id = launched["run"]["runId"]
        ask_until(url, RUN, _endless_runs_or_all_is_lost, run=run_id)
        ask(url, TERMINATE, run=run_id)
        ended = ask_until(url, RUN, _is_canceled, run=run_id)
        assert _step_statuses(ended) == {"quick": "SUCCESS", "endless": "FAILURE"}
    with duckdb.connect(str(definitions.with_name("warehouse.duckdb"))) as warehouse:
        assert warehouse.execute("select * from quick").fetchall() == [(1,)]


def _is_canceled(data: Any) -> bool:
    """By its status and by its events: one query reads them one after the other."""
    events = {event["__typename"] for event in data["logsForRun"]["events"]}
    return data["runOrError"]["status"] == "CANCELED" and "RunCanceledEvent" in events


def _endless_runs_or_all_is_lost(data: Any) -> bool:
    return _step_statuses(data).get("endless") == "IN_PROGRESS" or data["runOrError"]["status"] == "FAILURE"


def _step_statuses(data: Any) -> dict[str, str]:
    return {step["stepKey"]: step["status"] for step in data["runOrError"]["stepStats"]}

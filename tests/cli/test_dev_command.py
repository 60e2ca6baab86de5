"""`fft dev` shows the history that `fft build` wrote, and "Materialize all" there builds on DuckDB, in threads."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from fft_process import run_process

USERS_ORDERS = Path(__file__).parents[1] / "projects" / "users_orders"
PATIENCE_SECONDS = 120
LAUNCH = """
mutation($location: String!, $repository: String!) {
  launchRun(executionParams: {mode: "default", selector: {
    repositoryLocationName: $location, repositoryName: $repository, jobName: "__ASSET_JOB"}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
# What the UI sends where somebody clicks on "Re-execute all", or "from failure"
AGAIN = """
mutation($parent: String!, $strategy: ReexecutionStrategy!) {
  launchRunReexecution(reexecutionParams: {parentRunId: $parent, strategy: $strategy}) {
    __typename ... on LaunchRunSuccess { run { runId parentRunId stepKeysToExecute assetSelection { path } } }
    ... on PythonError { message } } }
"""
# ... and in some cases
AGAIN_BY_SELECTION = """
mutation($parent: String!, $location: String!, $repository: String!, $config: RunConfigData!) {
  launchRunReexecution(executionParams: {mode: "default", runConfigData: $config,
    executionMetadata: {parentRunId: $parent, rootRunId: $parent}, selector: {repositoryLocationName: $location,
    repositoryName: $repository, jobName: "__ASSET_JOB", assetSelection: [{path: ["labelled"]}]}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } } } }
"""
RUNS = """
{ runsOrError { ... on Runs { results {
  runId status jobName runConfigYaml repositoryOrigin { repositoryLocationName repositoryName } } } } }
"""
FAILURES = """
query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
  ... on RunFailureEvent { message error { message stack } }
  ... on ExecutionStepFailureEvent { stepKey error { message stack causes { message } } } } } } }
"""
LOCATIONS = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def fft_dev(root: Path) -> Iterator[Callable[..., Any]]:
    """Start the command in a group of its own; give a function that asks its GraphQL."""
    port = free_port()
    environment = {key: value for key, value in os.environ.items() if key != "DAGSTER_HOME"}
    command = ["env", "--default-signal=HUP,INT,QUIT,TERM", sys.executable, "-m", "fft_cli", "dev", str(root)]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--vars", "label=[from, dev]", "--engine", "duckdb"],
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )

    def ask(query: str, **variables: Any) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)["data"]

    try:
        yield ask
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until(question: Callable[[], Any]) -> Any:
    """Ask until the answer is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            answer = question()
        except OSError:  # it does not listen yet
            answer = None
        if answer:
            return answer
        time.sleep(0.5)
    raise AssertionError("no answer in time")


def build(root: Path, *options: str) -> int:
    return run_process(sys.executable, "-m", "fft_cli", "build", root, *options).returncode


@contextmanager
def open_ui(root: Path) -> Iterator[Ui]:
    """Start `fft dev`, and wait until it has loaded the project."""
    with fft_dev(root) as ask:
        (node,) = until(lambda: ask(LOCATIONS)["repositoriesOrError"].get("nodes"))
        yield Ui(ask, location=node["location"]["name"], repository=node["name"])


@dataclass
class Ui:
    """What people do in the UI, by its GraphQL."""

    ask: Callable[..., Any]
    location: str
    repository: str

    def runs(self) -> list[Any]:
        """The runs of the history, the last one first."""
        return list(self.ask(RUNS)["runsOrError"]["results"])

    def end(self, run: Any) -> str:
        """Wait for the end of a run. Return its status, and what failed."""
        question, ended = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }", "SUCCESS FAILURE"
        asked = {"id": run["runId"]}
        status = until(lambda: (s := self.ask(question, **asked)["runOrError"]["status"]) in ended.split() and s)
        failures = [event for event in self.ask(FAILURES, **asked)["logsForRun"]["events"] if event]
        return f"{status} {failures}" if failures else str(status)

    def again(self, parent: Any, strategy: str) -> Any:
        launched = self.ask(AGAIN, parent=parent["runId"], strategy=strategy)["launchRunReexecution"]
        assert launched["run"]["parentRunId"] == parent["runId"], launched
        return launched["run"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two runs of `fft build`: one that failed, and the last one, for which there were no variables."""
    root = tmp_path_factory.mktemp("dev") / "users_orders"
    shutil.copytree(USERS_ORDERS, root, ignore=shutil.ignore_patterns(".*"))
    model = root / "models" / "labelled.ff.sql"
    model.write_text("select nosuch as label")
    assert build(root, "--keep-going", "--vars", "label=[from, dev]") == 1
    model.write_text("select '{{ var('label', ['built']) | join('-') }}' as label")
    assert build(root) == 0
    return root


@pytest.fixture(scope="module")
def shown(root: Path) -> Iterator[Ui]:
    """The UI of both tests below, which conftest.py keeps together: it takes ten seconds of a core to start."""
    with open_ui(root) as ui:
        yield ui


@contextmanager
def database(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the project's, when the process of the last run has let go of it."""

    def opened() -> duckdb.DuckDBPyConnection | None:
        with suppress(duckdb.IOException):
            return duckdb.connect(str(root / ".local" / "demo.duckdb"))
        return None

    with until(opened) as connection:
        yield connection


def test_in_the_ui_the_history_is_shown_and_all_is_materialized(root: Path, shown: Ui) -> None:
    (root / "seeds" / "seed_orders.csv").write_text("order_id,user_id,amount\n100,1,19.9\n101,2,7\n")
    built, failed = shown.runs()
    assert [(run["status"], run["jobName"]) for run in (built, failed)] == [
        ("SUCCESS", "__ASSET_JOB"),
        ("FAILURE", "__ASSET_JOB"),
    ]
    found = {"repositoryLocationName": shown.location, "repositoryName": shown.repository}
    assert built["repositoryOrigin"] == found
    launched = shown.ask(LAUNCH, location=shown.location, repository=shown.repository)["launchRun"]
    assert shown.end(launched["run"]) == "SUCCESS"
    refused = shown.end(shown.again(built, "ALL_STEPS"))
    assert "made by `fft build` for another engine or other variables (--vars)" in refused
    with database(root) as connection:
        amounts = connection.execute("select order_id, amount from mart_orders_enriched order by 1").fetchall()
        labels = connection.execute("select label from labelled").fetchall()
    assert labels == [("from-dev",)]
    assert amounts == [(100, 19.9), (101, 7.0)]


def test_in_the_ui_runs_of_the_command_line_are_executed_again(root: Path, shown: Ui) -> None:
    with database(root) as connection:
        connection.execute("drop table labelled")
    failed = shown.runs()[-1]
    assert failed["status"] == "FAILURE"
    healed = shown.again(failed, "FROM_FAILURE")
    assert shown.end(healed) == "SUCCESS"
    assert healed["stepKeysToExecute"] == ["labelled"]
    again = shown.again(failed, "ALL_STEPS")
    assert len(again["assetSelection"]) > 3
    place = {"location": shown.location, "repository": shown.repository}
    config = yaml.safe_load(failed["runConfigYaml"])
    one = shown.ask(AGAIN_BY_SELECTION, parent=failed["runId"], config=config, **place)["launchRunReexecution"]
    assert shown.end(again) == shown.end(one["run"]) == "SUCCESS"
    with database(root) as connection:
        assert connection.execute("select label from labelled").fetchall() == [("from-dev",)]


# --- its end ----------------------------------------------------------------------------------------------------------

SHOP = {
    "project.yml": "name: shop\nversion: '1'\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: shop.duckdb}}\n",
    "models/a.ff.sql": "select 1 as id",
}


@dataclass
class Dev:
    """`fft dev` as a shell or a supervisor starts it; `told` is what it printed."""

    process: subprocess.Popen[bytes]
    port: int
    told: Path

    def listens(self) -> bool:
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", self.port)) == 0

    def started(self) -> set[int]:
        """The processes that the command started, directly or not, and that are there now."""
        return processes_with(f"FFT_PROJECT_DIR={self.told.parent}")


def processes_with(setting: str) -> set[int]:
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if setting.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.add(int(folder.name))
        except OSError:  # it has ended, or is another user's
            continue
    return found


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    for name, text in SHOP.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    port, told = free_port(), tmp_path / "told.txt"
    environment = {key: value for key, value in os.environ.items() if key != "DAGSTER_HOME"}
    command = ["env", "--default-signal=HUP,INT,QUIT,TERM", sys.executable, "-m", "fft_cli", "dev"]
    with told.open("wb") as file:
        process = subprocess.Popen(
            [*command, str(tmp_path), "--port", str(port)], env=environment, stdout=file, stderr=file
        )
    place = Dev(process, port, told)
    try:
        yield place
    finally:
        for pid in {process.pid} | place.started():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found by /proc, as on Linux")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_dagster_ends_with_the_command(dev: Dev, number: signal.Signals) -> None:
    until(dev.listens)
    assert dev.started()
    dev.process.send_signal(number)
    code = dev.process.wait(PATIENCE_SECONDS)
    assert code == (-number if number == signal.SIGKILL else 128 + number)
    until(lambda: not dev.started())
    assert not dev.listens()
    told = dev.told.read_text()
    assert "Traceback" not in told
    assert "superseded" not in told  # by dg dev, which nobody called here


def test_a_second_one_is_refused(dev: Dev, tmp_path: Path) -> None:
    until(lambda: "http://" in dev.told.read_text())
    command = [sys.executable, "-m", "fft_cli", "dev", str(tmp_path), "--port", str(free_port())]
    second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
    assert second.returncode == 1
    assert f"is open already: http://127.0.0.1:{dev.port} (pid {dev.process.pid})" in second.stderr


def test_a_port_that_is_taken_is_said_at_once(tmp_path: Path) -> None:
    for name, text in SHOP.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        command = [sys.executable, "-m", "fft_cli", "dev", str(tmp_path), "--port", str(port)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: another program listens there" in ended.stderr

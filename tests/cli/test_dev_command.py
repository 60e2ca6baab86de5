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

USERS_ORDERS = Path(__file__).parents[1] / "projects" / "users_orders"
PATIENCE_SECONDS = 120
LAUNCH = """
mutation($location: String!, $repository: String!) {
  launchRun(executionParams: {mode: "default", selector: {
    repositoryLocationName: $location, repositoryName: $repository, jobName: "__ASSET_JOB"}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
# What the UI sends where somebody clicks on "Re-execute all"
AGAIN = """
mutation($parent: String!) {
  launchRunReexecution(reexecutionParams: {parentRunId: $parent, strategy: ALL_STEPS}) {
    __typename ... on LaunchRunSuccess { run { runId parentRunId assetSelection { path } } }
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
    command = ["env", "--default-signal=HUP,INT,QUIT,TERM", sys.executable, "-m", "fft_dagster.cli", "dev", str(root)]
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


def test_the_ui_shows_the_history_and_materializes_all(tmp_path: Path) -> None:
    root = tmp_path / "users_orders"
    shutil.copytree(USERS_ORDERS, root, ignore=shutil.ignore_patterns(".*"))
    (root / "models" / "labelled.ff.sql").write_text("select '{{ var('label', ['built']) | join('-') }}' as label")
    subprocess.run([sys.executable, "-m", "fft_dagster.cli", "build", str(root)], check=True, stdout=subprocess.DEVNULL)
    (root / "seeds" / "seed_orders.csv").write_text("order_id,user_id,amount\n100,1,19.9\n101,2,7\n")
    with fft_dev(root) as ask:
        (node,) = until(lambda: ask(LOCATIONS)["repositoriesOrError"].get("nodes"))
        (built,) = ask(RUNS)["runsOrError"]["results"]
        assert (built["status"], built["jobName"]) == ("SUCCESS", "__ASSET_JOB")
        found = {"repositoryLocationName": node["location"]["name"], "repositoryName": node["name"]}
        assert built["repositoryOrigin"] == found
        launched = ask(LAUNCH, location=node["location"]["name"], repository=node["name"])["launchRun"]
        runs = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
        ended = ("SUCCESS", "FAILURE", "CANCELED")

        def ends(run: Any) -> str:
            status = until(lambda: (s := ask(runs, id=run["runId"])["runOrError"]["status"]) in ended and s)
            failures = [event for event in ask(FAILURES, id=run["runId"])["logsForRun"]["events"] if event]
            return f"{status} {failures}" if failures else str(status)

        assert ends(launched["run"]) == "SUCCESS"
        again = ask(AGAIN, parent=built["runId"])["launchRunReexecution"]
        assert again["run"]["parentRunId"] == built["runId"], again
        assert len(again["run"]["assetSelection"]) > 3
        config, names = yaml.safe_load(built["runConfigYaml"]), {"location": node["location"]["name"]}
        one = ask(AGAIN_BY_SELECTION, parent=built["runId"], repository=node["name"], config=config, **names)
        assert ends(again["run"]) == ends(one["launchRunReexecution"]["run"]) == "SUCCESS"
    with duckdb.connect(str(root / ".local" / "demo.duckdb"), read_only=True) as connection:
        amounts = connection.execute("select order_id, amount from mart_orders_enriched order by 1").fetchall()
        labels = connection.execute("select label from labelled").fetchall()
    assert labels == [("from-dev",)]
    assert amounts == [(100, 19.9), (101, 7.0)]


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
    command = ["env", "--default-signal=HUP,INT,QUIT,TERM", sys.executable, "-m", "fft_dagster.cli", "dev"]
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
    assert "Traceback" not in dev.told.read_text()


def test_a_second_one_is_refused(dev: Dev, tmp_path: Path) -> None:
    until(lambda: "http://" in dev.told.read_text())
    command = [sys.executable, "-m", "fft_dagster.cli", "dev", str(tmp_path), "--port", str(free_port())]
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
        command = [sys.executable, "-m", "fft_dagster.cli", "dev", str(tmp_path), "--port", str(port)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: another program listens there" in ended.stderr

"""Runs the stack: Postgres, Redis, Dagster's web server and daemon, workers and the API, until Ctrl-C."""

from __future__ import annotations

import argparse
import fcntl
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.stack import parts
from tools.stack.parts import Place
from tools.stack.processes import Processes, StackError, StoppedError

_JOB = "__ASSET_JOB"
_LAUNCH = """
mutation ($selector: JobOrPipelineSelector!) {
  launchRun(executionParams: {selector: $selector}) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
_PORTS = {"postgres": 5442, "redis": 6389, "web": 3000, "api": 8000}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stack; return the exit code."""
    given = _parser().parse_args(arguments)
    folder, project = Path(given.folder).resolve(), Path(given.project).resolve()
    processes = Processes(folder / "logs")

    def on_signal(*_: object) -> None:
        processes.is_stopped = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    code = 0
    try:
        with _alone(folder):
            wanted = {name: getattr(given, f"{name}_port") for name in _PORTS}
            place = Place(folder, project, given.env, parts.free_ports(wanted))
            try:
                _start(place, processes, given.workers, given.runs)
                if given.build:
                    _build(place, processes)
                _say("Ctrl-C stops all.")
                while True:
                    processes.check()
                    time.sleep(0.2)
            finally:
                _say("stopping ...")
                processes.stop()
    except StoppedError:
        _say("stopped")
    except StackError as error:
        sys.stderr.write(f"error: {error}\n")
        code = 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.stack", description=__doc__)
    parser.add_argument("--project", default="example_project", help="the project, with a definitions.py")
    parser.add_argument("--env", default="postgres", help="the environment of the project")
    parser.add_argument("--folder", default=".local/stack", help="databases, logs, and the instance of Dagster")
    parser.add_argument("--workers", type=int, default=2, help="the number of workers")
    parser.add_argument("--runs", type=int, default=1, help="runs of a worker at a time")
    parser.add_argument("--build", action="store_true", help="build the project when all is started")
    for name, port in _PORTS.items():
        parser.add_argument(f"--{name}-port", type=int, default=port, help=f"{port}, or 0 for a free one")
    return parser


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError(f"a stack is running in {folder}") from error
        yield


def _start(place: Place, processes: Processes, workers: int, runs: int) -> None:
    parts.write_home(place)
    processes.start(parts.postgres(place))
    processes.start(parts.redis(place))
    processes.wait("Postgres", lambda: parts.has_postgres(place))
    processes.wait("Redis", lambda: parts.has_redis(place))
    _say(f"Postgres: {place.dsn('warehouse')}")
    _say(f"Redis: {place.redis}")
    web = processes.start(parts.dagster_web(place))
    processes.wait("the web server", lambda: parts.has_web(place))  # it makes the tables of Dagster
    _say(f"Dagster: {place.web} (process {web})")
    numbers = range(1, workers + 1)
    started = {"daemon": processes.start(parts.daemon(place))}
    started |= {f"worker{number}": processes.start(parts.worker(place, number, runs)) for number in numbers}
    started["api"] = processes.start(parts.api(place))
    for number in numbers:
        processes.wait(f"worker {number}", parts.has_worker(processes.log(f"worker{number}")))
    processes.wait("the API", lambda: parts.has_api(place))
    processes.wait("the daemon", lambda: parts.has_daemon(place))
    _say(f"API: {place.api}")
    _say("; ".join(f"{name}: process {process}" for name, process in started.items()))


def _build(place: Place, processes: Processes) -> None:
    """Launch a run of all assets over the web server; wait for its end. Raises StackError if it fails."""
    location = parts.graphql(place, "{ repositoriesOrError { ... on RepositoryConnection { nodes { name "
                             "location { name } } } } }")["repositoriesOrError"]["nodes"][0]  # fmt: skip
    selector: dict[str, Any] = {
        "repositoryName": location["name"],
        "repositoryLocationName": location["location"]["name"],
        "pipelineName": _JOB,
    }
    found = parts.graphql(place, _LAUNCH, {"selector": selector})["launchRun"]
    if "run" not in found:
        raise StackError(f"the run was not launched: {found.get('message', found['__typename'])}")
    run = found["run"]["runId"]
    began, status = time.monotonic(), ""

    def has_ended() -> bool:
        nonlocal status
        asked = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
        status = parts.graphql(place, asked, {"id": run})["runOrError"]["status"]
        return status in ("SUCCESS", "FAILURE", "CANCELED")

    processes.wait("the run", has_ended, 3600)
    if status != "SUCCESS":
        raise StackError(f"the run {run} ended as {status}: {place.web}/runs/{run}")
    _say(f"built by the run {run} in {time.monotonic() - began:.0f} s: {place.web}/runs/{run}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

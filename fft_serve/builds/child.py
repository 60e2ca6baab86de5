"""The process of one build: `python -m fft_serve.builds.child`. What it needs comes as JSON on its standard input."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fft_core import FftError, Plan, Run, load_project
from fft_core.project.model import JudgedRows
from fft_core.project.model.project import without_hooks
from fft_core.project.profile.secret_values import environment_masker
from fft_core.reports.manifest import make_manifest, write_manifest
from fft_core.run.outcomes import RunEvent, RunQueued, RunStarted, StepEnded, StepStarted, Unexpected
from fft_core.run.report import INTERRUPTED, Report, remember
from fft_core.run.work import Work, planned
from fft_serve.builds.face import Face, face
from fft_serve.builds.results import result_json
from fft_serve.builds.store import Build, Events
from fft_serve.plans import chosen_nodes, request_of
from fft_serve.problems import ProblemError

_STATUS = {0: "succeeded", 2: "blocked", INTERRUPTED: "cancelled"}


@dataclass(frozen=True)
class Order:
    """The task of the process.

    Attributes:
        folder: The folder of the build.
        root: The folder of the project.
        env: The environment.
        engine: Instead of the profile's engine.
        allowed: The selection that a build stays within.
        jobs: How many steps run at a time.
        variables: The environment variables of the project.
        dagster_url: The web server that launches the run on a worker; None: the run is in this process.
        resumes: Whether to follow a run that was launched before.
    """

    folder: str
    root: str
    env: str
    engine: str | None
    allowed: str
    jobs: int | None
    variables: Mapping[str, str]
    dagster_url: str | None = None
    resumes: bool = False


def main(order: Order) -> int:
    """Build, and write what happens; return the exit code."""
    build = Build(Path(order.folder))
    events = Events(build)
    with (build.folder / "lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _note_process(lock)
        if order.resumes and build.has_ended():  # by another process, for which this one waited
            return 0
        events.add("resumed" if order.resumes else "started")
        try:
            code, message = _run(order, build, events)
            status = _STATUS.get(code, "failed")
        except FftError as error:
            code, status, message = error.exit_code, "failed", environment_masker(order.variables)(str(error))
        except ProblemError as error:  # the project has changed since the request
            code, status, message = 1, "failed", environment_masker(order.variables)(error.detail)
        except KeyboardInterrupt:
            code, status, message = INTERRUPTED, "cancelled", "cancelled before it ran"
        except Exception as error:  # noqa: BLE001 - the last boundary: its text may be that of anything
            code, status, message = 99, "failed", f"unexpected: {type(error).__name__}"
            sys.excepthook(*sys.exc_info())
        events.add("ended", status=status, message=message)
    return code


def _note_process(lock: IO[str]) -> None:
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()


def _run(order: Order, build: Build, events: Events) -> tuple[int, str]:
    """Plan again, as others may have built meanwhile, and run."""
    asked, scheduler = build.asked(), face()
    project = load_project(order.root, order.env, engine=order.engine, environment=order.variables)
    if any(isinstance(check.rule, JudgedRows) for check in project.checks):
        project = scheduler.with_functions(project)
    if order.dagster_url is not None:
        project = without_hooks(project)  # the worker runs them
    began = time.perf_counter()
    request = request_of(asked["rebuild"])
    chosen = chosen_nodes(project, asked["select"], order.allowed)
    run = Run(project, request, nodes=chosen)
    if order.resumes:
        report = _follow(scheduler, run, order, build, events)
        return report.exit_code, run.masker(report.summary(time.perf_counter() - began))
    plan = _plan(run, chosen)
    report = _work(scheduler, run, plan, order, events)
    write_manifest(make_manifest(project, run))
    remember(run, "serve", report, time.perf_counter() - began)
    return report.exit_code, run.masker(report.summary(time.perf_counter() - began))


def _plan(run: Run, chosen: frozenset[str]) -> Plan:
    """Run the start hooks, and decide; the database is closed before the scheduler begins."""
    if run.project.hooks:
        run.hooks.begin()
        return run.plan(run.sessions.of_thread(), chosen)
    with run.open(read_only=True) as warehouse:
        return run.plan(warehouse, chosen)


def _work(scheduler: Face, run: Run, plan: Plan, order: Order, events: Events) -> Report:
    todo, report = planned(run.project, plan, checks_alone=True), Report()
    for result in todo.reused:
        report.results[result.name] = result
        events.add("step_ended", result=result_json(result, run.masker))
    error: str | None = "the run ended early"
    try:
        if todo.names:
            for event in _begun(scheduler, run, todo.work("build", run, jobs=order.jobs), order):
                report.see(event)
                _tell(event, run, events)
        error = f"exit code {report.exit_code}" if report.exit_code else None
    finally:
        if run.project.hooks:
            run.hooks.end(error)
            run.sessions.close()
    return report


def _begun(scheduler: Face, run: Run, work: Work, order: Order) -> Iterator[RunEvent]:
    """Begin a run in this process, or on a worker."""
    if order.dagster_url is None:
        return scheduler.run(run.project, work, run)
    found = scheduler.run_queued(run.project, work, run, address=order.dagster_url, build=Path(order.folder).name)
    return found or iter(())


def _follow(scheduler: Face, run: Run, order: Order, build: Build, events: Events) -> Report:
    """Follow the run that was launched before; what has been told before is not told again. Raises FftError."""
    told, report = build.told(), Report()
    found = scheduler.run_queued(run.project, None, run, address=order.dagster_url or "", build=build.id)
    if found is None:
        raise FftError("it was interrupted before its run was launched", hint="Request it again.", code="FFT-908")
    for event in found:
        report.see(event)
        _tell(event, run, events, told)
    return report


def _tell(event: RunEvent, run: Run, events: Events, told: Set[tuple[str, str]] = frozenset()) -> None:
    match event:
        case RunQueued(run_id) if ("run_queued", run_id) not in told:
            events.add("run_queued", run_id=run_id)
        case RunStarted(run_id) if ("run_started", run_id) not in told:
            events.add("run_started", run_id=run_id)
        case StepStarted(name) if ("step_started", name) not in told:
            events.add("step_started", name=name)
        case StepEnded(result, remarks) if ("step_ended", result.name) not in told:
            said = result_json(result, run.masker)
            events.add("step_ended", result=said, remarks=[run.masker(remark) for remark in remarks])
        case Unexpected(message):
            events.add("unexpected", message=run.masker(message))


if __name__ == "__main__":
    exit_code = main(Order(**json.load(sys.stdin)))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)  # threads of a scheduler may still wait

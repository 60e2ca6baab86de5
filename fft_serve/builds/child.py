"""The process of one build: `python -m fft_serve.builds.child`. What it needs comes as JSON on its standard input."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fft_core import FftError, Plan, Request, Run, load_project
from fft_core.project.model import JudgedRows
from fft_core.project.profile.secret_values import environment_masker
from fft_core.reports.manifest import make_manifest, write_manifest
from fft_core.run.outcomes import RunEvent, RunStarted, StepEnded, StepStarted, Unexpected
from fft_core.run.report import INTERRUPTED, Report, remember
from fft_core.run.work import planned
from fft_serve.builds.face import face
from fft_serve.builds.results import result_json
from fft_serve.builds.store import Build, Events
from fft_serve.plans import chosen_nodes

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
    """

    folder: str
    root: str
    env: str
    engine: str | None
    allowed: str
    jobs: int | None
    variables: Mapping[str, str]


def main(order: Order) -> int:
    """Build, and write what happens; return the exit code."""
    build = Build(Path(order.folder))
    events = Events(build)
    with (build.folder / "lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _note_process(lock)
        events.add("started")
        try:
            code, message = _run(order, build, events)
            status = _STATUS.get(code, "failed")
        except FftError as error:
            code, status, message = error.exit_code, "failed", environment_masker(order.variables)(str(error))
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
    began = time.perf_counter()
    run = Run(project, Request("rw", ("*",) if asked["rebuild"] else ()))
    chosen = chosen_nodes(project, asked["select"], order.allowed)
    run = Run(project, run.request, nodes=chosen)
    plan = _plan(run, chosen)
    report = _work(scheduler, run, plan, order.jobs, events)
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


def _work(scheduler: Any, run: Run, plan: Plan, jobs: int | None, events: Events) -> Report:
    todo, report = planned(run.project, plan, checks_alone=True), Report()
    for result in todo.reused:
        report.results[result.name] = result
        events.add("step_ended", result=result_json(result, run.masker))
    error: str | None = "the run ended early"
    try:
        if todo.names:
            for event in scheduler.run(run.project, todo.work("build", run, jobs=jobs), run):
                report.see(event)
                _tell(event, run, events)
        error = f"exit code {report.exit_code}" if report.exit_code else None
    finally:
        if run.project.hooks:
            run.hooks.end(error)
            run.sessions.close()
    return report


def _tell(event: RunEvent, run: Run, events: Events) -> None:
    match event:
        case RunStarted(run_id):
            events.add("run_started", run_id=run_id)
        case StepStarted(name):
            events.add("step_started", name=name)
        case StepEnded(result, remarks):
            said = result_json(result, run.masker)
            events.add("step_ended", result=said, remarks=[run.masker(remark) for remark in remarks])
        case Unexpected(message):
            events.add("unexpected", message=run.masker(message))


if __name__ == "__main__":
    exit_code = main(Order(**json.load(sys.stdin)))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)  # threads of a scheduler may still wait

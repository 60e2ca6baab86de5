"""Runs on workers: launched through Dagster's web server, and followed by the events in the instance."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from fft_core import FftError, Project, Run
from fft_core.plan.decision import Decision
from fft_core.project.model import Check, SourceName
from fft_core.run.outcomes import RunEvent, RunQueued, RunStarted, StepEnded, StepStarted, Terminating
from fft_core.run.results import CheckRunResult, NodeRunResult, RunError
from fft_core.run.steps import waits_of
from fft_core.run.work import Work
from fft_dagster.events import PUBLISHED, UNCHANGED
from fft_dagster.resource import RESOURCE_KEY
from fft_dagster.runs.follow import RunFollower
from fft_dagster.runs.past import failure_of
from fft_dagster.runs.runs import ASSET_JOB, empty_steps, readable_history
from fft_dagster.runs.settings import BUILD_TAG, run_tags
from fft_dagster.runs.web_server import Launch, WebServer
from fft_dagster.runs.web_server import Path as KeyPath
from fft_dagster.translator import FftTranslator

_LOOK_SECONDS, _RETRY_SECONDS, _PATIENCE_SECONDS = 0.3, 120.0, 60.0
_PAGE = 1000
_WILL_RETRY, _RETRIED_BY = "dagster/will_retry", "dagster/auto_retry_run_id"  # tags of a failed run


@dataclass(frozen=True)
class Queue:
    """The place where runs are launched and followed.

    Attributes:
        server: Dagster's web server.
        instance: The instance, which must be that of the server.
        build: The name of the request, which is a tag of its runs.
    """

    server: WebServer
    instance: dg.DagsterInstance
    build: str


def run_queued(project: Project, work: Work, queue: Queue, planned: Run) -> Iterator[RunEvent]:
    """Launch a run of some work, and yield its outcomes as they happen; SIGINT terminates the run.

    Raises:
        FftError: the run cannot be launched, or its events cannot be read.
    """
    run = planned.limited(frozenset(work.builds), work.planned)
    with _interrupts() as interrupts, readable_history(Path(queue.instance.root_directory)):
        run_id = _launched(project, work, queue, run)
        yield from _Watch(project, work, queue, run, interrupts).events(run_id)


def resumed(project: Project, queue: Queue, planned: Run) -> Iterator[RunEvent] | None:
    """Follow the run of a request whose follower was lost; None if it was not launched. Raises FftError."""
    with readable_history(Path(queue.instance.root_directory)):
        runs = queue.instance.get_runs(dg.RunsFilter(tags={BUILD_TAG: queue.build}))
    first = next((run for run in runs if run.parent_run_id is None), None)
    return None if first is None else _followed(project, queue, planned, first)


def _followed(project: Project, queue: Queue, planned: Run, first: dg.DagsterRun) -> Iterator[RunEvent]:
    work = _work_of(project, first)
    run = planned.limited(frozenset(work.builds), None)
    with _interrupts() as interrupts, readable_history(Path(queue.instance.root_directory)):
        yield from _Watch(project, work, queue, run, interrupts).events(first.run_id)


def _work_of(project: Project, run: dg.DagsterRun) -> Work:
    """Return the work of a run that was launched before, as far as the project still has it."""
    translator = FftTranslator()
    keys, checks = run.asset_selection or frozenset(), run.asset_check_selection or frozenset()
    builds = tuple(node.name for node in project.stored() if translator.get_asset_key(node) in keys)
    of_sources = {key.asset_key for key in checks}
    sources = [name for name, source in project.sources.items() if translator.get_asset_key(source) in of_sources]
    return Work("serve", builds, tuple(check for name in sources for check in project.checks_of(name)))


def _launched(project: Project, work: Work, queue: Queue, run: Run) -> str:
    """Launch the run, and return its id. An answer that was lost launches no second one."""
    try:
        run_id = queue.server.launch(_launch_of(project, work, queue.build, run))
    except FftError:
        runs = queue.instance.get_runs(dg.RunsFilter(tags={BUILD_TAG: queue.build}))
        if not runs:
            raise
        run_id = runs[0].run_id
    if queue.instance.get_run_by_id(run_id) is None:
        raise FftError(
            f"the run {run_id} was launched, and is not in the history of {queue.instance.root_directory}",
            hint="Set DAGSTER_HOME to the instance of the web server.",
            code="FFT-908",
        )
    return run_id


def _launch_of(project: Project, work: Work, build: str, run: Run) -> Launch:
    translator = FftTranslator()

    def path(name: str | SourceName) -> KeyPath:
        node = project.sources[name] if isinstance(name, SourceName) else project.node(name)
        return tuple(translator.get_asset_key(node).path)

    code = {identity.name: identity.code for identity in run.identities.all()}
    of_builds = [check for name in work.builds for check in project.checks_of(name)]
    known = dict[KeyPath, frozenset[str]]()
    for check in (*of_builds, *work.checks):
        known[path(check.node)] = known.get(path(check.node), frozenset()) | {check.name}
    checks = [(path(check.node), check.name) for check in (*of_builds, *work.checks)] if work.checks else None
    request = work.request
    wanted = {
        name: value
        for name, value in (("rebuild", list(request.rebuild)), ("full_refresh", list(request.full_refresh)))
        if value
    }
    return Launch(
        ASSET_JOB,
        {path(name): code[name] for name in work.builds},
        known,
        checks,
        {"resources": {RESOURCE_KEY: {"config": wanted}}} if wanted else {},
        {**run_tags(project, work.command), BUILD_TAG: build},
    )


@dataclass
class _Interrupts:
    """Whether the run is to be terminated."""

    is_set: bool = False


@contextmanager
def _interrupts() -> Iterator[_Interrupts]:
    """Note Ctrl-C instead of raising KeyboardInterrupt: the run is terminated, and its end is waited for."""
    found = _Interrupts()

    def on_signal(*_: object) -> None:
        found.is_set = True

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield found
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass
class _Told:
    """The events of one step."""

    materialization: dg.AssetMaterialization | None = None
    checks: list[CheckRunResult] = field(default_factory=list)


class _Watch:
    """Follows a run, and the runs that Dagster's daemon starts instead if its worker is lost."""

    def __init__(self, project: Project, work: Work, queue: Queue, run: Run, interrupts: _Interrupts) -> None:
        self._queue, self._interrupts = queue, interrupts
        translator = FftTranslator()
        self._steps = empty_steps(project, work, translator)
        self._follower = RunFollower(self._steps, waits_of(project, work.builds, run.live_views), run.masker)
        self._checks = _checks_by_key(project, work, translator)
        self._decisions = {decision.name: decision for decision in work.plan.decisions} if work.plan else {}
        self._told: dict[str, _Told] = {}
        self._failure: dg.DagsterEvent | None = None
        self._asked = 0.0

    def events(self, run_id: str) -> Iterator[RunEvent]:
        following: str | None = run_id
        while following is not None:
            yield RunQueued(following)
            yield from self._of_run(following)
            again = self._retry_of(following)
            if again is None and self._failure is not None:
                yield from self._follower.see(self._failure)
            following, self._failure = again, None
        yield from self._follower.end()

    def _of_run(self, run_id: str) -> Iterator[RunEvent]:
        cursor: str | None = None
        while True:
            run, page = self._looked(run_id, cursor)
            cursor = page.cursor
            for record in page.records:
                event = record.event_log_entry.dagster_event
                if event is not None:
                    yield from self._see(event, datetime.fromtimestamp(record.timestamp, UTC), run_id)
            if page.has_more:
                continue
            if run is None or run.is_finished:
                return
            if self._interrupts.is_set and self._terminates(run):
                yield Terminating()
            time.sleep(_LOOK_SECONDS)

    def _looked(self, run_id: str, cursor: str | None) -> tuple[dg.DagsterRun | None, Any]:
        """Return the run, and its events behind the cursor; a database that starts again is waited for."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                run = self._queue.instance.get_run_by_id(run_id)  # before the events: the last ones are not missed
                return run, self._queue.instance.get_records_for_run(run_id, cursor, limit=_PAGE)
            except (OSError, SQLAlchemyError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def _terminates(self, run: dg.DagsterRun) -> bool:
        """Terminate the run, again and again until it ends; return whether this was the first time."""
        if time.monotonic() - self._asked < 5 or run.status is dg.DagsterRunStatus.CANCELING:
            return False
        is_first, self._asked = not self._asked, time.monotonic()
        try:
            self._queue.server.terminate(run.run_id)
        except FftError:  # it has just ended, or the server starts again
            return False
        return is_first

    def _retry_of(self, run_id: str) -> str | None:
        """Return the run that is started instead of a failed one, if there is one."""
        if self._failure is None or not self._queue.instance.run_retries_enabled:
            return None
        began = time.monotonic()
        while time.monotonic() - began < _RETRY_SECONDS:
            run, _ = self._looked(run_id, None)
            tags = run.tags if run is not None else {}
            if _RETRIED_BY in tags:
                return tags[_RETRIED_BY]
            will_retry = tags.get(_WILL_RETRY)  # the tag is written after the event
            if will_retry == "false" or (will_retry is None and time.monotonic() - began > 5):
                return None
            time.sleep(_LOOK_SECONDS)
        return None

    def _see(self, event: dg.DagsterEvent, at: datetime, run_id: str) -> Iterator[RunEvent]:
        step = self._steps.get(event.step_key or "")
        kind = event.event_type
        if step is not None:
            self._see_step(step, event, at)
        elif kind is dg.DagsterEventType.RUN_START:
            yield RunStarted(run_id)
        elif kind is dg.DagsterEventType.RUN_FAILURE:
            self._failure = event  # it may be tried again
            return
        yield from self._follower.see(event)

    def _see_step(self, step: NodeRunResult, event: dg.DagsterEvent, at: datetime) -> None:
        told = self._told.setdefault(step.name, _Told())
        match event.event_type:
            case dg.DagsterEventType.STEP_START | dg.DagsterEventType.STEP_RESTARTED:
                self._told[step.name] = _Told()
                self._follower.tell(StepStarted(step.name, at))
            case dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                found = self._check(event.asset_check_evaluation_data)
                told.checks += [found] if found is not None else []
            case dg.DagsterEventType.ASSET_MATERIALIZATION:
                told.materialization = event.materialization
            case dg.DagsterEventType.STEP_SUCCESS:
                milliseconds = round(event.step_success_data.duration_ms)
                self._follower.tell(_ended(step, told, milliseconds, self._decisions.get(step.name)))
            case dg.DagsterEventType.STEP_FAILURE:
                ended = _failed(step, told, event)
                if ended is not None:
                    self._follower.tell(ended)

    def _check(self, found: dg.AssetCheckEvaluation) -> CheckRunResult | None:
        """Return the result of a check; None for one that was not run again, or belongs to another node."""
        check = self._checks.get((found.asset_key, found.check_name))
        metadata = _values(found.metadata)
        if check is None or metadata.get("judged") == UNCHANGED:
            return None
        is_warning = found.severity is dg.AssetCheckSeverity.WARN
        return CheckRunResult(
            name=check.name,
            status="pass" if found.passed else "warn" if is_warning else "fail",
            severity=check.severity,
            type=check.type,
            message=found.description or "",
            failing_rows=metadata.get("failing_rows"),
            total=metadata.get("total"),
            share=metadata.get("share"),
            judged="published" if metadata.get("judged") == PUBLISHED else "staged",
            seconds=metadata.get("seconds"),
        )


def _checks_by_key(project: Project, work: Work, translator: FftTranslator) -> dict[tuple[dg.AssetKey, str], Check]:
    names = dict.fromkeys([*work.builds, *(check.node for check in work.checks)])
    found = {}
    for name in names:
        node = project.sources[name] if isinstance(name, SourceName) else project.node(name)
        for check in project.checks_of(name):
            found[translator.get_asset_key(node), check.name] = check
    return found


def _ended(step: NodeRunResult, told: _Told, milliseconds: int, decision: Decision | None) -> StepEnded:
    """Return the end of a step that succeeded."""
    result = replace(step, status="checked", duration_ms=milliseconds, checks=tuple(told.checks))
    if told.materialization is not None:
        metadata = _values(told.materialization.metadata)
        action = metadata.get("action")
        result = replace(
            result,
            status="reused" if action == "reuse" else "built",
            reasons=decision.reasons if decision is not None and decision.action == action else (),
            rows=metadata.get("dagster/row_count"),
            bytes_scanned=metadata.get("bytes_scanned"),
            relation=metadata.get("dagster/table_name", step.relation),
        )
    return StepEnded(result, _remarks(told.checks))


def _failed(step: NodeRunResult, told: _Told, event: dg.DagsterEvent) -> StepEnded | None:
    """Return the end of a step that failed by an error of FFT; None for other errors."""
    data = event.step_failure_data.user_failure_data
    if data is None or "exit_code" not in data.metadata:
        return None
    status, message = failure_of(event.step_failure_data)
    text, _, hint = message.partition("\n    hint: ")
    error = RunError(message=text, hint=hint or None, code=_values(data.metadata).get("code"))
    return StepEnded(replace(step, status=status, error=error, checks=tuple(told.checks)), _remarks(told.checks))


def _remarks(checks: Sequence[CheckRunResult]) -> tuple[str, ...]:
    return tuple(
        f"{'failed' if check.status == 'fail' else 'warned'}: {check.name}: {check.message}"
        for check in checks
        if check.status != "pass"
    )


def _values(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.value for name, value in metadata.items()}

"""Follows a run: what its steps found and what Dagster's events say become outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from fft_core.checks.results import CheckResult
from fft_core.engines.spec.masking import Masker
from fft_core.run.outcomes import RunEnded, RunEvent, StepEnded, StepStarted, Terminating, Unexpected, with_checks
from fft_core.run.results import NodeRunResult, RunError
from fft_dagster.execution.executor import TERMINATING


class RunFollower:
    """Follows one run.

    Args:
        steps: What each step is for, as its result begins: name, kind, and where it is published.
        reads: What each of these nodes waits for.
        masker: Masks secrets in what is said of them.
    """

    def __init__(self, steps: Mapping[str, NodeRunResult], reads: Mapping[str, frozenset[str]], masker: Masker) -> None:
        self._steps = steps
        self._reads = reads
        self._masker = masker
        self._found: dict[str, StepEnded] = {}
        self._told: dict[str, datetime] = {}  # when
        self._started: dict[str, datetime] = {}
        self._ended: dict[str, NodeRunResult] = {}
        self._views: dict[str, tuple[CheckResult, ...]] = {}  # what their checks found of what was not published
        self._is_interrupted = False
        self._is_explained = False

    def tell(self, outcome: StepStarted | StepEnded) -> None:
        """Take what a step tells of itself; called in its thread, before the event that ends it."""
        match outcome:
            case StepStarted(name, at):
                self._started[name] = at
            case StepEnded(result):
                self._views.update({view.name: view.results for view in outcome.views})
                self._found[result.name] = outcome
                self._told[result.name] = datetime.now(UTC)

    def see(self, event: dg.DagsterEvent) -> Iterator[RunEvent]:
        """Take an event, and say what came of it."""
        step = self._steps.get(event.step_key or "")
        if step is None:
            yield from self._see_run(event)
        elif event.is_step_start:
            # the event may be seen late, with that of the end: the step itself knows better
            yield StepStarted(step.name, self._started.setdefault(step.name, datetime.now(UTC)))
        elif event.is_step_success:
            ended = self._found.get(step.name) or StepEnded(replace(step, status="checked"))
            milliseconds = round(event.step_success_data.duration_ms)
            if ended.result.duration_ms is None:
                ended = replace(ended, result=replace(ended.result, duration_ms=milliseconds))
            yield self._end(ended)
        elif event.is_step_failure:
            yield from self._see_failure(step, event)
        elif event.is_step_skipped:
            yield self._end(_judged_before(StepEnded(replace(step, status="skipped")), self._views))

    def end(self) -> Iterator[RunEvent]:
        """Say what became of the others: after the last event."""
        left_behind = False
        for step in self._steps.values():
            if step.name in self._ended:
                continue
            if step.name in self._started:
                left_behind = True
                yield self._end(StepEnded(replace(step, status="interrupted")))
            elif lacks := self._lacks(step.name):
                yield self._end(_judged_before(StepEnded(replace(step, status="skipped"), lacks), self._views))
            else:
                yield self._end(_judged_before(StepEnded(replace(step, status="not_started")), self._views))
        yield RunEnded(self._is_interrupted, left_behind)

    def _lacks(self, name: str) -> tuple[str, ...]:
        """Say what a node waits for in vain."""
        reads = [self._ended[read] for read in sorted(self._reads.get(name, ())) if read in self._ended]
        missing = ("failed", "blocked", "skipped")
        return tuple(f"{read.name}: {read.status}" for read in reads if read.status in missing)

    def _see_run(self, event: dg.DagsterEvent) -> Iterator[RunEvent]:
        if event.event_type_value == "PIPELINE_CANCELED":
            self._is_interrupted = True
        elif event.event_type_value == "ENGINE_EVENT" and event.message == TERMINATING:
            yield Terminating()
        elif event.event_type_value == "PIPELINE_FAILURE" and not self._is_explained and not self._is_interrupted:
            error = event.job_failure_data.error
            said = _innermost(error) if error else "the run failed"
            yield Unexpected(event.message or said, error.to_string() if error else "")

    def _see_failure(self, step: NodeRunResult, event: dg.DagsterEvent) -> Iterator[RunEvent]:
        self._is_explained = True
        error, found = event.step_failure_data.error, self._found.get(step.name)
        if error is not None and error.cls_name == "DagsterExecutionInterruptedError":
            self._is_interrupted = True
            yield self._end(StepEnded(replace(step, status="interrupted")))
        elif found is not None and found.result.status not in ("built", "reused"):
            yield self._end(found)
        else:  # user code fails as an FftError
            message = _innermost(error) if error else "it failed"
            yield self._end(StepEnded(replace(step, status="failed", error=RunError(message=message))))
            yield Unexpected(f"{step.name}: {message}", error.to_string() if error else "")

    def _end(self, ended: StepEnded) -> StepEnded:
        result, started = ended.result, self._started.get(ended.result.name)
        if started is not None:
            taken = self._told.get(result.name, datetime.now(UTC)) - started
            milliseconds = round(taken.total_seconds() * 1000) if result.duration_ms is None else result.duration_ms
            result = replace(result, started_at=started, duration_ms=milliseconds)
        result = result.masked(self._masker)
        self._ended[result.name] = result
        return replace(ended, result=result)


def _judged_before(ended: StepEnded, views: Mapping[str, tuple[CheckResult, ...]]) -> StepEnded:
    """Add what the checks of a view found before its turn, which did not come."""
    judged = with_checks(ended.result, views.get(ended.result.name, ()))
    return replace(judged, remarks=(*ended.remarks, *judged.remarks))


def _innermost(error: SerializableErrorInfo) -> str:
    """Return the exception that all others were raised from: Dagster wraps what a step raises."""
    while error.cause is not None:
        error = error.cause
    message = error.message.strip()  # mostly with the exception's name, and its module before that
    return message if error.cls_name and error.cls_name in message.partition(":")[0] else f"{error.cls_name}: {message}"

"""A follower of a run, which turns results of steps and events of Dagster into outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from fft_core.engines.spec.masking import Masker
from fft_core.error_codes import UNEXPECTED
from fft_core.run.outcomes import RunEnded, RunEvent, StepEnded, StepStarted, Terminating, Unexpected
from fft_core.run.results import NodeRunResult, RunError
from fft_core.run.steps import StepOutcomes
from fft_dagster.execution.executor import TERMINATING


class RunFollower:
    """A follower of one run.

    Args:
        steps: The empty result of each step: name, kind, and relation.
        reads: The nodes that each of these nodes waits for.
        masker: The masker of secrets in messages.
    """

    def __init__(self, steps: Mapping[str, NodeRunResult], reads: Mapping[str, frozenset[str]], masker: Masker) -> None:
        self._steps = steps
        self._outcomes = StepOutcomes(steps.values(), reads, masker)
        self._is_interrupted = False
        self._is_explained = False

    def tell(self, outcome: StepStarted | StepEnded) -> None:
        """Take the outcome of a step; called in the step's thread, before the event that ends it."""
        self._outcomes.tell(outcome)

    def see(self, event: dg.DagsterEvent) -> Iterator[RunEvent]:
        """Take an event, and yield its outcomes."""
        step = self._steps.get(event.step_key or "")
        if step is None:
            yield from self._see_run(event)
        elif event.is_step_start:
            # the event may arrive late, together with the end: the step's own report is exact
            yield self._outcomes.begin(step.name)
        elif event.is_step_success:
            ended = self._outcomes.found(step.name) or StepEnded(replace(step, status="checked"))
            milliseconds = round(event.step_success_data.duration_ms)
            if ended.result.duration_ms is None:
                ended = replace(ended, result=replace(ended.result, duration_ms=milliseconds))
            yield self._outcomes.end(ended)
        elif event.is_step_failure:
            yield from self._see_failure(step, event)
        elif event.is_step_skipped:
            yield self._outcomes.skip(step.name)

    def end(self) -> Iterator[RunEvent]:
        """Yield the outcomes of the remaining steps, after the last event."""
        left_behind = bool(self._outcomes.working)
        yield from self._outcomes.rest()
        yield RunEnded(self._is_interrupted, left_behind)

    def _see_run(self, event: dg.DagsterEvent) -> Iterator[RunEvent]:
        if event.event_type_value == "PIPELINE_CANCELED":
            self._is_interrupted = True
        elif event.event_type_value == "ENGINE_EVENT" and event.message == TERMINATING:
            yield Terminating()
        elif event.event_type_value == "PIPELINE_FAILURE" and not self._is_explained and not self._is_interrupted:
            data = event.event_specific_data  # there is none if another process reports the end
            error = event.job_failure_data.error if data is not None else None
            said = innermost(error) if error else "the run failed"
            yield Unexpected(event.message or said, error.to_string() if error else "")

    def _see_failure(self, step: NodeRunResult, event: dg.DagsterEvent) -> Iterator[RunEvent]:
        self._is_explained = True
        error, found = event.step_failure_data.error, self._outcomes.found(step.name)
        if error is not None and error.cls_name == "DagsterExecutionInterruptedError":
            self._is_interrupted = True
            yield self._outcomes.end(StepEnded(replace(step, status="interrupted")))
        elif found is not None and found.result.status not in ("built", "reused"):
            yield self._outcomes.end(found)
        else:  # user code fails as an FftError
            message = innermost(error) if error else "it failed"
            failed = RunError(message=message, code=UNEXPECTED)
            yield self._outcomes.end(StepEnded(replace(step, status="failed", error=failed)))
            yield Unexpected(f"{step.name}: {message}", error.to_string() if error else "")


def innermost(error: SerializableErrorInfo) -> str:
    """Return the innermost cause of an error: Dagster wraps the exceptions of a step."""
    while error.cause is not None:
        error = error.cause
    message = error.message.strip()  # usually begins with the exception's module and name
    return message if error.cls_name and error.cls_name in message.partition(":")[0] else f"{error.cls_name}: {message}"

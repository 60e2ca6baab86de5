"""The steps of a run inside a flow run: each is submitted to a thread when its inputs have had their turn."""

from __future__ import annotations

import heapq
import logging
import os
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import httpx
from prefect import Task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import TaskRunResult
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner

from fft_core import Model, Run, Seed, Source
from fft_core.error_codes import UNEXPECTED
from fft_core.project.model import SourceName
from fft_core.run.order import inverted, remaining_seconds
from fft_core.run.outcomes import RunEnded, RunEvent, StepEnded, StepStarted, Terminating, Unexpected
from fft_core.run.results import NodeRunResult, RunError
from fft_core.run.steps import StepOutcomes, steps_of, waits_of
from fft_core.run.termination import Termination
from fft_core.run.work import Work
from fft_prefect.tasks import InterruptedStepError, Steps
from fft_prefect.translator import FftTranslator

if TYPE_CHECKING:
    from prefect.client.schemas.objects import RunInput  # older versions call it TaskRunInput

_log = logging.getLogger(__name__)
TICK_SECONDS = 0.2  # the longest delay until a request to end the run is noticed
ASK_SECONDS = 5.0  # between two queries to Prefect whether the run was cancelled
Tell: TypeAlias = Callable[[RunEvent], None]
_Name: TypeAlias = "str | SourceName"


@dataclass(frozen=True)
class RunSettings:
    """The settings for the steps of a flow run.

    Attributes:
        translator: The names and descriptions of nodes in Prefect.
        show_reused: Whether nodes that the plan reuses have task runs, too, with the reasons.
        limit: The global concurrency limit of which each step takes a slot, if there is one.
        cancel_grace_seconds: The longest wait for running steps when the run is cancelled.
    """

    translator: FftTranslator
    show_reused: bool = False
    limit: str | None = None
    cancel_grace_seconds: float = 20.0


def carry_out(
    run: Run, work: Work, settings: RunSettings, run_id: str, tell: Tell, termination: Termination | None = None
) -> None:
    """Run the steps of some work as tasks of the current flow run; report each event, as it happens.

    Args:
        run: The run that made the plan of the work.
        work: The work.
        settings: The settings of the run.
        run_id: The id of the flow run.
        tell: Called with each event, in this thread.
        termination: The request to end the run, for other threads.
    """
    limited = run.limited(frozenset(work.builds), work.planned)
    ended: SimpleQueue[str] = SimpleQueue()
    begun = steps_of(run.project, work)
    reads = waits_of(run.project, work.builds, limited.live_views)
    outcomes = StepOutcomes(begun.values(), reads, run.masker)
    termination = termination or new_termination()
    started: SimpleQueue[str] = SimpleQueue()

    def told(outcome: StepStarted | StepEnded) -> None:
        outcomes.tell(outcome)
        if isinstance(outcome, StepStarted):
            started.put(outcome.name)

    steps = Steps(limited, settings.translator, termination, told, run_id, settings.limit)
    _Loop(steps, work, settings, begun, reads, outcomes, _Ends(ended, started), tell).run()


def new_termination() -> Termination:
    """Return the object by which the end of a run can be requested."""
    return Termination(InterruptedStepError)


@dataclass(frozen=True)
class _Ends:
    """The queues from the threads of the steps to the loop: steps that have ended, and steps that have begun."""

    ended: SimpleQueue[str]
    started: SimpleQueue[str]

    def begun(self) -> Iterator[str]:
        while True:
            try:
                yield self.started.get_nowait()
            except Empty:
                return

    def note(self, name: str, future: object) -> None:
        self.ended.put(name)

    def next(self, seconds: float) -> str | None:
        try:
            return self.ended.get(timeout=seconds)
        except Empty:
            return None


class _Loop:
    """The loop that submits the steps of one run, and handles their ends."""

    def __init__(
        self,
        steps: Steps,
        work: Work,
        settings: RunSettings,
        begun: Mapping[_Name, NodeRunResult],
        reads: Mapping[str, frozenset[str]],
        outcomes: StepOutcomes,
        ends: _Ends,
        tell: Tell,
    ) -> None:
        self._steps = steps
        self._work = work
        self._settings = settings
        self._begun = begun
        self._outcomes = outcomes
        self._ends = ends
        self._tell = tell
        self._names = {str(name): name for name in begun}
        self._reads = reads
        self._waiting = {name: set(waits) for name, waits in self._waits().items()}
        self._readers = inverted(self._waiting)
        self._rank = remaining_seconds(self._waiting, {})
        self._ready = [(self._priority(name), name) for name, waits in self._waiting.items() if not waits]
        heapq.heapify(self._ready)
        self._jobs = work.jobs or max(4, os.cpu_count() or 1)
        self._running: dict[str, PrefectFuture[Any]] = {}
        self._futures: dict[str, PrefectFuture[Any]] = {}  # of all task runs, for the edges of the graph
        self._shown: list[PrefectFuture[Any]] = []  # of task runs that only show a result
        self._seen: set[str] = set()  # steps whose beginning was reported
        self._starts_no_more = False
        self._is_terminating = False
        self._asked_at = time.monotonic()

    def run(self) -> None:
        """Run all steps. An exception in this thread ends the run: statements are cancelled, then it is raised."""
        with ExitStack() as stack:
            self._runner: ThreadPoolTaskRunner[Any] = stack.enter_context(ThreadPoolTaskRunner(max_workers=self._jobs))
            try:
                self._show_reused()
                self._work_off()
            except BaseException:
                self._steps.termination.request()
                raise
            finally:
                try:
                    self._finish()
                finally:
                    if self._running:  # do not wait for these threads
                        stack.pop_all()

    def _work_off(self) -> None:
        while True:
            if self._steps.termination.is_requested or self._is_cancelled():
                return
            self._start_ready()
            if not self._running:
                return
            self._see_next()

    def _start_ready(self) -> None:
        while self._ready and not self._starts_no_more and len(self._running) < self._jobs:
            _, name = heapq.heappop(self._ready)
            future = self._submit(name, self._task(name), self._reads.get(name, frozenset()))
            self._running[name] = future
            future.add_done_callback(partial(self._ends.note, name))

    def _submit(self, name: str, task: Task[Any, Any], after: frozenset[str]) -> PrefectFuture[Any]:
        # With `wait_for`, Prefect would request the results of the parents, and a failed parent would leave the task
        # run NotReady, as if it were still to come. The parents have ended, and only their edges are needed.
        read = [parent for parent in sorted(after) if parent in self._futures]
        edges: set[RunInput] = {TaskRunResult(id=self._futures[parent].task_run_id) for parent in read}
        future = self._runner.submit(task, parameters={"reads": read}, dependencies={"reads": edges})
        self._futures[name] = future
        return future

    def _task(self, name: str) -> Task[Any, Any]:
        node, begun = self._node(name), self._begun[self._names[name]]
        if not isinstance(node, Source) and name in self._builds:
            return self._steps.task_of(begun, node)
        return self._steps.check_task_of(begun, node, self._checks_of(name))

    def _see_next(self) -> None:
        name = self._ends.next(TICK_SECONDS)
        self._tell_terminating()
        self._tell_begun()
        if name is not None:
            self._see_end(name, self._running.pop(name))

    def _tell_terminating(self) -> None:
        if self._steps.termination.is_requested and not self._is_terminating:
            self._is_terminating = True
            self._tell(Terminating())

    def _tell_begun(self) -> None:
        for name in self._ends.begun():
            if name not in self._seen:  # a retry is the same turn
                self._seen.add(name)
                self._tell(self._outcomes.begin(name))

    def _see_end(self, name: str, future: PrefectFuture[Any]) -> None:
        future.wait()  # afterwards it knows its state, without a call of the API
        found = self._outcomes.found(name)
        told_well = found is not None and found.result.status in ("built", "reused", "checked")
        if found is None or (told_well and not future.state.is_completed() and found.result.error is None):
            found = self._unexpected(name, future)
        ended = self._outcomes.end(found)
        self._tell(ended)
        if ended.result.status in ("built", "reused", "checked"):
            self._release_readers(name)
        elif ended.result.status == "interrupted":
            self._starts_no_more = True
        elif self._work.keep_going:
            self._skip_readers(name)
        else:
            self._starts_no_more = True

    def _unexpected(self, name: str, future: PrefectFuture[Any]) -> StepEnded:
        """Return the end of a step that has reported nothing, because of an error in FFT or in Prefect."""
        message = future.state.message or future.state.name or "it failed"
        error = future.state.result(raise_on_failure=False)
        lines = traceback.format_exception(error) if isinstance(error, BaseException) else [message]
        masker = self._steps.run.masker
        self._tell(Unexpected(masker(f"{name}: {message}"), masker("".join(lines))))
        step = self._begun[self._names[name]]
        return StepEnded(replace(step, status="failed", error=RunError(message=message, code=UNEXPECTED)))

    def _release_readers(self, name: str) -> None:
        for reader in self._readers.get(name, ()):
            waits = self._waiting[reader]
            waits.discard(name)
            if not waits:
                heapq.heappush(self._ready, (self._priority(reader), reader))

    def _skip_readers(self, name: str) -> None:
        for reader in self._readers.get(name, ()):
            if reader in self._waiting and reader not in self._futures:
                self._show_blocked(self._outcomes.skip(reader))
                self._skip_readers(reader)

    def _show_blocked(self, ended: StepEnded) -> None:
        """Create a task run for a node that has no turn; its state has the reason."""
        name = ended.result.name
        self._tell(ended)
        self._show(ended, self._reads.get(name, frozenset()))

    def _show_reused(self) -> None:
        if self._settings.show_reused:
            for result in self._work.reused:
                self._show(StepEnded(result.masked(self._steps.run.masker)), frozenset())

    def _show(self, ended: StepEnded, after: frozenset[str]) -> None:
        name = ended.result.name
        self._shown.append(self._submit(name, self._steps.told_task(ended, self._node(name)), after))

    def _finish(self) -> None:
        """Wait for running steps, no longer than `cancel_grace_seconds`; then report the outcomes of all others."""
        self._tell_terminating()
        deadline = time.monotonic() + self._settings.cancel_grace_seconds
        while self._running and time.monotonic() < deadline and not self._steps.termination.is_given_up:
            self._see_next()
        left_behind = bool(self._running)
        if left_behind:
            self._steps.termination.give_up()
            _log.warning("still running: %s", ", ".join(sorted(self._running)))
        for ended in self._outcomes.rest():
            if ended.result.status == "skipped" and not self._is_terminating:
                self._show_blocked(ended)
            else:
                self._tell(ended)
        for shown in self._shown:
            shown.wait()  # the task runner does not: at its end it cancels task runs that have not begun
        self._tell(RunEnded(self._is_terminating, left_behind))

    def _is_cancelled(self) -> bool:
        """Return whether the flow run was cancelled, as Prefect says from time to time; if so, end the run."""
        if time.monotonic() - self._asked_at < ASK_SECONDS:
            return False
        self._asked_at = time.monotonic()
        try:
            with get_client(sync_client=True) as client:
                state = client.read_flow_run(UUID(self._steps.run_id)).state
        except httpx.HTTPError as error:  # the run does not depend on it
            _log.warning("Prefect does not say whether the run is cancelled: %s", error)
            return False
        if state is not None and (state.is_cancelling() or state.is_cancelled()):
            self._steps.termination.request()
            return True
        return False

    def _priority(self, name: str) -> tuple[int, float]:
        """Return the sort key of a ready step: the model's priority, then the longest path to the end of the run."""
        node = self._node(name)
        asked = 0 if isinstance(node, Source) else node.step.priority or 0
        return -asked, -self._rank.get(name, 0.0)

    def _node(self, name: str) -> Model | Seed | Source:
        known, project = self._names.get(name, name), self._steps.project
        return project.sources[known] if isinstance(known, SourceName) else project.node(known)

    def _waits(self) -> dict[str, frozenset[str]]:
        """Return the steps of this run that each step waits for."""
        stored = frozenset(self._work.builds)
        waits = {name: self._reads[name] & stored - {name} for name in self._work.builds}
        for name in self._begun:
            if isinstance(name, SourceName):
                is_of_hooks = self._steps.project.sources[name].is_of_hooks  # builds may run these hooks
                waits[str(name)] = stored if is_of_hooks else frozenset()
            else:
                waits.setdefault(name, frozenset())
        return waits

    @property
    def _builds(self) -> frozenset[str]:
        return frozenset(self._work.builds)

    def _checks_of(self, name: str) -> tuple[Any, ...]:
        return tuple(check for check in self._work.checks if str(check.node) == name)

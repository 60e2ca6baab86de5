"""Flow runs that the command line starts and follows: the flow runs in a thread, and its events are yielded here."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

from prefect import Flow
from prefect.logging.handlers import APILogHandler

from fft_core import FftError, Project, Run
from fft_core.run.outcomes import RunEnded, RunEvent, Unexpected
from fft_core.run.report import Report
from fft_core.run.termination import Termination
from fft_core.run.work import Work
from fft_prefect.flow import ended, show_summary, work_off
from fft_prefect.runs import RunSettings, new_termination
from fft_prefect.translator import FftTranslator

TICK_SECONDS = 0.2
SECOND_WISH_SECONDS = 0.5
END_SECONDS = 10.0  # in which the flow run must end, once its threads are left behind
_ENDINGS = (signal.SIGINT, signal.SIGTERM)


def run_work(project: Project, work: Work, planned: Run) -> Iterator[RunEvent]:
    """Run the steps of some work as a flow run of this process; yield the events of the run, as they happen.

    Ctrl-C and SIGTERM end the run: its statements are cancelled.

    Args:
        project: The project; the flow has its name.
        work: The work.
        planned: The run that made the plan of the work.

    Raises:
        FftError: Prefect's API cannot be reached.
    """
    flow_run = _FlowRun(project, work, planned)
    with _ended_by_signals(flow_run.termination):
        threading.Thread(target=flow_run.call, name="fft-flow", daemon=True).start()
        try:
            yield from flow_run.events()
        finally:
            if flow_run.is_left_behind:  # the process will end without its exit handlers
                from prefect.server.api.server import SubprocessASGIServer  # slow

                SubprocessASGIServer().stop()
    if isinstance(flow_run.error, FftError):
        raise flow_run.error
    if flow_run.error is not None:
        masker = planned.masker
        trace = "".join(traceback.format_exception(masker.error(flow_run.error)))
        yield Unexpected(masker(f"{type(flow_run.error).__name__}: {flow_run.error}"), masker(trace))


class _FlowRun:
    """A flow run in a thread of its own.

    Attributes:
        termination: The request to end the run, for other threads.
        error: The error of the run as a whole, if there is one.
        is_left_behind: Whether threads of the run still work, and nobody waits for them.
    """

    def __init__(self, project: Project, work: Work, planned: Run) -> None:
        self.termination = new_termination()
        self.error: BaseException | None = None
        self.is_left_behind = False
        self._work = work
        self._planned = planned
        self._told: SimpleQueue[RunEvent | None] = SimpleQueue()
        self._has_begun = False
        self._flow = Flow(
            self._carry_out,
            name=project.name,
            description=f"What commands of fft build of {project.name}.",
            flow_run_name=f"fft {work.command} ({project.env})",
            validate_parameters=False,
            persist_result=False,
            retries=0,
        )

    def events(self) -> Iterator[RunEvent]:
        """Yield the events of the run until it is over; if threads are left behind, for a limited time."""
        deadline = None
        while deadline is None or time.monotonic() < deadline:
            try:
                event = self._told.get(timeout=TICK_SECONDS)
            except Empty:
                if self.termination.is_requested and not self._has_begun:  # it waits for a server
                    self.is_left_behind = True
                    yield RunEnded(interrupted=True, left_behind=True)
                    return
                continue
            if event is None:
                return
            yield event
            if isinstance(event, RunEnded) and event.left_behind:
                self.is_left_behind = True
                deadline = time.monotonic() + END_SECONDS

    def call(self) -> None:
        """Run the flow; put None into the queue of events when it is over."""
        request = self._work.request
        try:
            self._flow(
                command=self._work.command,
                models=[*self._work.builds],
                cache=request.cache,
                rebuild=[*request.rebuild],
                full_refresh=[*request.full_refresh],
                return_state=True,
            )
        except Exception as error:  # noqa: BLE001 - the boundary of the thread: the command's thread raises it
            self.error = self.error or (error if self._has_begun else _not_begun(error))
        APILogHandler().flush()  # a server of this process ends before the logs would be sent
        self._told.put(None)

    def _carry_out(
        self, command: str, models: list[str], cache: str, rebuild: list[str], full_refresh: list[str]
    ) -> Any:  # Any: a state
        self._has_begun, began = True, time.perf_counter()
        report = Report()
        try:
            settings = RunSettings(FftTranslator())
            work_off(self._planned, self._work, settings, report, self._told.put, self.termination)
        except Exception as error:
            self.error = error
            raise
        seconds = time.perf_counter() - began
        show_summary(self._planned, report, seconds)
        return ended(report, seconds)


def _not_begun(error: Exception) -> FftError:
    """Return the error of a flow run that could not begin: usually the API is missing."""
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    api = os.environ.get("PREFECT_API_URL")
    hint = f"PREFECT_API_URL is {api}: is a server running there?" if api else "`prefect server start` may show more."
    return FftError(f"Prefect did not start a flow run: {said}", hint=hint, code="FFT-903")


@contextmanager
def _ended_by_signals(termination: Termination) -> Iterator[None]:
    """End a run on Ctrl-C and SIGTERM; on a second signal, stop waiting for its running steps."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked_at = 0.0

    def end(number: int, _: FrameType | None) -> None:
        nonlocal asked_at
        if not termination.is_requested:
            asked_at = time.monotonic()
            termination.request()
        elif time.monotonic() - asked_at > SECOND_WISH_SECONDS:  # one key press can send two signals
            termination.give_up()

    before = {number: signal.signal(number, end) for number in _ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

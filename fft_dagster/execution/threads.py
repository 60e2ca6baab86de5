"""The threads of a run's steps: how they take turns, report, log, and are interrupted.

Dagster's bookkeeping is pure Python, so it takes turns under one lock a run. User code runs beside it.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from dagster import DagsterEvent, DagsterExecutionInterruptedError, DagsterLogManager, EventLogEntry

from fft_core.engines.lending import keep_databases
from fft_core.run.termination import Termination


@contextmanager
def interruptible(cancel: Callable[[], None]) -> Iterator[None]:
    """Cancel the body early if its run is terminated; without effect outside of a step of `thread_executor`.

    `cancel` is called from another thread, repeatedly until the body has ended. The exception that the body then raises
    is reported as an interruption of the step, and the run ends as canceled.

    >>> import duckdb
    >>> from fft_dagster import interruptible
    >>> connection = duckdb.connect()
    >>> with interruptible(connection.interrupt):
    ...     connection.execute("select 42").fetchall()
    [(42,)]
    """
    step_log = _step_log.get()
    if step_log is None:
        yield
        return
    with step_log.run.termination.cancelling(cancel):
        yield


class RunThreads:
    """The state that threads of one run share. Nothing is at module level: runs in one process stay separate.

    Args:
        log: The log of the run.
        takes_turns: Whether only one thread at a time does Dagster's bookkeeping. (Why: docs/decisions.)
        store: A callback that stores events without log records; None if a handler needs to see all events.
    """

    def __init__(
        self, log: DagsterLogManager, *, takes_turns: bool, store: Callable[[EventLogEntry], None] | None
    ) -> None:
        self.termination = Termination(DagsterExecutionInterruptedError)
        self.is_over = False
        self.log = log
        self.store = store
        self.main_thread = threading.get_ident()
        self.in_user_code: set[StepLog] = set()
        self.context = contextvars.copy_context()  # of the caller that started the run: steps see its context variables
        self._turn = threading.Lock() if takes_turns else None

    @contextmanager
    def bookkeeping(self) -> Iterator[None]:
        self.begin_bookkeeping()
        try:
            yield
        finally:
            self.end_bookkeeping()

    def begin_bookkeeping(self) -> None:
        if self._turn is not None:
            self._turn.acquire()

    def end_bookkeeping(self) -> None:
        if self._turn is not None:
            self._turn.release()


class StepLog(DagsterLogManager):
    """The log of one step, which also switches between Dagster's bookkeeping and user code.

    Private: Dagster brackets all user code (op bodies, IO managers, type checks, hooks) with begin_python_log_capture
    and end_python_log_capture of the step's log. Stock code adds the step's handler to loggers of the whole process
    there, where with threads it would receive the lines of every other step too.
    """

    def __init__(self, stock: DagsterLogManager, run: RunThreads) -> None:
        super().__init__(stock._dagster_handler, level=stock.level)
        self.run = run
        self._depth = 0

    def begin_python_log_capture(self) -> None:
        self._depth += 1
        if self._depth == 1:
            self.run.in_user_code.add(self)
            self.run.end_bookkeeping()

    def end_python_log_capture(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.run.begin_bookkeeping()
            self.run.in_user_code.discard(self)
            if self.run.is_over:
                raise DagsterExecutionInterruptedError("The run ended without waiting for this step.")

    def log_dagster_event(
        self,
        level: str | int,
        msg: str,
        dagster_event: DagsterEvent,
        batch_metadata: Any = None,  # Any: private in Dagster
    ) -> None:
        """Store an event. Private: stock makes a log record of each event, at 0.2 ms, which mostly nobody reads."""
        loggers = self._dagster_handler._loggers
        if self.run.store is None or batch_metadata or isinstance(level, str) or _any_listens(loggers, level):
            super().log_dagster_event(level, msg, dagster_event, batch_metadata)
        elif not self.run.is_over:
            self.run.store(self._entry(level, msg, dagster_event))

    def _entry(self, level: int, message: str, dagster_event: DagsterEvent) -> EventLogEntry:
        return EventLogEntry(  # type: ignore[no-untyped-call]
            error_info=None,
            level=level,
            user_message=message,
            run_id=self.metadata["run_id"] or "",
            timestamp=time.time(),
            step_key=self.metadata["step_key"] or dagster_event.step_key,
            job_name=self.metadata["job_name"],
            dagster_event=dagster_event,
        )

    def handle(self, record: logging.LogRecord) -> None:
        if not self.run.is_over:  # a step that was left behind logs nothing more
            super().handle(record)

    def handle_python_log(self, record: logging.LogRecord) -> None:
        if self._depth and not self.run.is_over:
            self._dagster_handler.handle(record)


def _any_listens(loggers: Sequence[logging.Logger], level: int) -> bool:
    return any(logger.isEnabledFor(level) for logger in loggers)


# Not state of a run: in each thread it is the step that runs there.
_step_log: contextvars.ContextVar[StepLog | None] = contextvars.ContextVar("_step_log", default=None)


class PythonLogs(logging.Handler):
    """A handler that passes each line of the loggers that Dagster manages to the step that wrote it."""

    def __init__(self, run: RunThreads) -> None:
        super().__init__()
        self._run = run

    def emit(self, record: logging.LogRecord) -> None:
        step_log = _step_log.get()
        if step_log is not None:
            if step_log.run is self._run:
                step_log.handle_python_log(record)
        elif record.thread != self._run.main_thread:
            self._handle_line_of_unknown_thread(record)

    def _handle_line_of_unknown_thread(self, record: logging.LogRecord) -> None:
        """Handle a line from a thread that an op started, without a step; Dagster's own executors take it, too."""
        steps = list(self._run.in_user_code)
        if len(steps) == 1:
            steps[0].handle_python_log(record)
        elif not self._run.is_over:
            self._run.log._dagster_handler.handle(record)  # private: the handler of the run, which names no step

    @contextmanager
    def attached(self) -> Iterator[None]:
        loggers = list(self._run.log._managed_loggers)  # private: Dagster's own and those that dagster.yaml names
        for logger in loggers:
            logger.addHandler(self)
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeHandler(self)


@dataclass(frozen=True)
class HasToRun:
    """A report on a step that was expected to have nothing to do: it has to run."""

    step_key: str


@dataclass(frozen=True)
class StepTask:
    """A step to run: its events are computed by its iterator, and stored before they are returned."""

    step_key: str
    log: StepLog
    events: Callable[[asyncio.AbstractEventLoop], Iterator[DagsterEvent | HasToRun]]


@dataclass(frozen=True)
class StepEnded:
    """The last report on a step. The error is an interruption, one that `raise_on_error` requests, or Dagster's own."""

    step_key: str
    error: BaseException | None


class Workers:
    """Daemon threads, as many as steps ran at once: the interpreter would wait for non-daemon threads at exit."""

    def __init__(self, run: RunThreads) -> None:
        self._run = run
        self._tasks: SimpleQueue[StepTask | None] = SimpleQueue()
        self._threads = 0
        # An event alone wakes no thread: it is stored already, and waking one takes the GIL from a thread that works.
        self._reports: deque[DagsterEvent | HasToRun | StepEnded] = deque()
        self._step_ended = threading.Event()

    def start(self, task: StepTask, *, running: int) -> None:
        if self._threads < running:
            threading.Thread(target=self._work, name=f"step-{self._threads}", daemon=True).start()
            self._threads += 1
        self._tasks.put(task)

    def reports(self) -> Iterator[DagsterEvent | HasToRun | StepEnded]:
        self._step_ended.clear()
        while self._reports:
            yield self._reports.popleft()

    def wait(self, seconds: float) -> None:
        self._step_ended.wait(seconds)

    def dismiss(self) -> None:
        for _ in range(self._threads):
            self._tasks.put(None)

    def _work(self) -> None:
        event_loop = asyncio.new_event_loop()
        while (task := self._tasks.get()) is not None:
            self._run.context.copy().run(self._run_step, task, event_loop)
        event_loop.close()

    def _run_step(self, task: StepTask, event_loop: asyncio.AbstractEventLoop) -> None:
        _step_log.set(task.log)
        keep_databases()
        error: BaseException | None = None
        try:
            with interruptible(functools.partial(_cancel_async_ops, event_loop)), self._run.bookkeeping():
                for event in task.events(event_loop):
                    self._reports.append(event)
        except BaseException as raised:  # noqa: BLE001 - the step boundary: the run's own thread raises it again
            error = raised
        self._reports.append(StepEnded(task.step_key, error))
        self._step_ended.set()


def _cancel_async_ops(event_loop: asyncio.AbstractEventLoop) -> None:
    def cancel() -> None:
        for task in asyncio.all_tasks(event_loop):
            if not task.cancelling():
                task.cancel()

    if event_loop.is_running():
        event_loop.call_soon_threadsafe(cancel)

"""The time that the statements of one session take. Each statement is logged by the logger `fft.sql`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOGGER = "fft.sql"
_log = logging.getLogger(LOGGER)


class Trace:
    """The statements of one session, which is used by one thread at a time.

    Attributes:
        seconds: The time of all statements together.
        node: The model, seed or source that the statements run for.
        project: The name of the project.
        run: The id of the run; empty outside of a run.
        attempt: An identifier of the work of a step, equal if the step is retried with the same inputs. A
            warehouse whose jobs outlive their client finds the job of the earlier attempt by it. Empty if unknown.
        mask: Removes secrets from the text for the log.
    """

    def __init__(self) -> None:
        self.mask: Callable[[str], str] = str
        self.seconds = 0.0
        self.node = self.project = self.run = self.attempt = ""

    @contextmanager
    def about(self, node: str, run: str | None = None) -> Iterator[None]:
        """Log the statements inside the context with the name of a node, and label them with it and with the run."""
        before = self.node, self.run
        self.node, self.run, self.attempt = node, run or "", ""
        try:
            yield
        finally:
            self.node, self.run = before
            self.attempt = ""

    def labels(self) -> dict[str, str]:
        """Return what a warehouse is told of a statement: `project`, `node` and `run`, as far as they are known."""
        known = {"project": self.project, "node": self.node, "run": self.run}
        return {name: value for name, value in known.items() if value}

    def ended(self, sql: str, started: float) -> None:
        """Add the time of a statement that began at a time of `time.perf_counter()`, and log the statement."""
        seconds = time.perf_counter() - started
        self.seconds += seconds
        if _log.isEnabledFor(logging.DEBUG):
            milliseconds = round(seconds * 1000, 3)
            sql = self.mask(sql)
            told = {"node": self.node, "milliseconds": milliseconds, "sql": sql}
            _log.debug("%s: %.1f ms: %s", self.node or "-", milliseconds, sql, extra=told)

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
        node: The model, seed or source that the statements run for, for the log.
        mask: Removes secrets from the text for the log.
    """

    def __init__(self) -> None:
        self.mask: Callable[[str], str] = str
        self.seconds = 0.0
        self.node = ""

    @contextmanager
    def about(self, node: str) -> Iterator[None]:
        """Log the statements inside the context with the name of a node."""
        before, self.node = self.node, node
        try:
            yield
        finally:
            self.node = before

    def ended(self, sql: str, started: float) -> None:
        """Add the time of a statement that began at a time of `time.perf_counter()`, and log the statement."""
        seconds = time.perf_counter() - started
        self.seconds += seconds
        if _log.isEnabledFor(logging.DEBUG):
            milliseconds = round(seconds * 1000, 3)
            sql = self.mask(sql)
            told = {"node": self.node, "milliseconds": milliseconds, "sql": sql}
            _log.debug("%s: %.1f ms: %s", self.node or "-", milliseconds, sql, extra=told)

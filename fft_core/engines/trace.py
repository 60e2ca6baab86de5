"""What the statements of one session take; each of them goes to the logger `fft.sql`, for whoever listens there."""

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
        seconds: What all of them took together.
        node: The model, seed or source that they are run for, for the log.
        mask: Takes secrets out of what the log is told.
    """

    def __init__(self) -> None:
        self.mask: Callable[[str], str] = str
        self.seconds = 0.0
        self.node = ""

    @contextmanager
    def about(self, node: str) -> Iterator[None]:
        """Say in the log what the statements inside are run for."""
        before, self.node = self.node, node
        try:
            yield
        finally:
            self.node = before

    def ended(self, sql: str, started: float) -> None:
        """Count a statement that began at this time of `time.perf_counter()`, and show it to those who listen."""
        seconds = time.perf_counter() - started
        self.seconds += seconds
        if _log.isEnabledFor(logging.DEBUG):
            milliseconds = round(seconds * 1000, 3)
            sql = self.mask(sql)
            told = {"node": self.node, "milliseconds": milliseconds, "sql": sql}
            _log.debug("%s: %.1f ms: %s", self.node or "-", milliseconds, sql, extra=told)

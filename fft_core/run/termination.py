"""The request to end a run: the steps that run in its threads are cancelled, in the database as well."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# `cancel` has no effect on a statement that has not begun, so it is called again after this time.
CANCEL_AGAIN_SECONDS = 0.2


class Termination:
    """The request to end one run, and the callbacks that cancel its running steps. Threads may share it.

    Args:
        interruption: The exception by which the scheduler recognizes an interruption; it is called with a message.
    """

    def __init__(self, interruption: Callable[[str], BaseException]) -> None:
        self._interruption = interruption
        self._requested = threading.Event()
        self._given_up = threading.Event()
        self._lock = threading.Lock()
        self._bodies: set[Canceller] = set()

    @property
    def is_requested(self) -> bool:
        """Whether the end of the run was requested."""
        return self._requested.is_set()

    @property
    def is_given_up(self) -> bool:
        """Whether the process no longer waits for the running steps."""
        return self._given_up.is_set()

    @contextmanager
    def cancelling(self, cancel: Callable[[], None]) -> Iterator[None]:
        """Call `cancel` repeatedly, in another thread, if the end of the run is requested before the body has ended.

        Raises:
            BaseException: the interruption, instead of the exception with which the body ends; or before the body
                begins, if the end of the run was requested already.
        """
        body = self._begin(cancel)
        try:
            yield
        except Exception as error:  # user code: each driver has its own exception for an interrupted statement
            if self._requested.is_set():
                raise self._interruption("The run was terminated.") from error
            raise
        finally:
            body.end()
            with self._lock:
                self._bodies.discard(body)

    def _begin(self, cancel: Callable[[], None]) -> Canceller:
        body = Canceller(cancel)
        with self._lock:
            if self._requested.is_set():
                raise self._interruption("The run was terminated.")
            self._bodies.add(body)
        return body

    def request(self) -> None:
        """Request the end of the run: cancel its running steps."""
        with self._lock:
            self._requested.set()
            bodies = list(self._bodies)
        for body in bodies:  # a thread for each: a driver may be slow to cancel, or hang
            threading.Thread(target=body.cancel_until_ended, name="cancel-step", daemon=True).start()

    def give_up(self) -> None:
        """Stop cancelling and waiting: the process is about to end, and the sessions of the steps are closed."""
        self._given_up.set()
        with self._lock:
            bodies = list(self._bodies)
        for body in bodies:
            body.give_up()


class Canceller:
    """A loop that calls `cancel` until the body has ended, and never later: it would hit the next statement."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel = cancel
        self._calling = threading.Lock()
        self._ended = threading.Event()

    def end(self) -> None:
        """Note that the body has ended, and wait until a running call of `cancel` returns."""
        self._ended.set()
        with self._calling:
            return

    def give_up(self) -> None:
        """Stop calling `cancel`, without waiting for a running call."""
        self._ended.set()

    def cancel_until_ended(self) -> None:
        """Call `cancel` repeatedly until the body has ended; log its exceptions."""
        while not self._ended.is_set():
            with self._calling:
                if not self._ended.is_set():
                    self._call()
            self._ended.wait(CANCEL_AGAIN_SECONDS)

    def _call(self) -> None:
        try:
            self._cancel()
        except Exception:  # user code
            logging.getLogger(__name__).exception("Cancelling a statement failed")

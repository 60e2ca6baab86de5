"""The wish to end a run: what runs in its threads is cancelled, in the database as well."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# A statement which has not yet begun when the run is terminated does not notice an interruption: it is repeated.
CANCEL_AGAIN_SECONDS = 0.2


class Termination:
    """The wish to end one run, and how to end what runs in it. Threads may share it.

    Args:
        interruption: The exception by which the scheduler knows an interruption; it is given a message.
    """

    def __init__(self, interruption: Callable[[str], BaseException]) -> None:
        self._interruption = interruption
        self._requested = threading.Event()
        self._given_up = threading.Event()
        self._lock = threading.Lock()
        self._bodies: set[Canceller] = set()

    @property
    def is_requested(self) -> bool:
        """Whether the run is to end."""
        return self._requested.is_set()

    @property
    def is_given_up(self) -> bool:
        """Whether nobody waits any longer for what runs."""
        return self._given_up.is_set()

    @contextmanager
    def cancelling(self, cancel: Callable[[], None]) -> Iterator[None]:
        """Call `cancel` again and again, in another thread, if the run is to end before the body has.

        Raises:
            BaseException: the interruption, in place of that with which the body then ends; or at once, if the run is
                to end already.
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
        """End the run: cancel what runs in it."""
        with self._lock:
            self._requested.set()
            bodies = list(self._bodies)
        for body in bodies:  # a thread for each: a driver may take its time over it, or hang
            threading.Thread(target=body.cancel_until_ended, name="cancel-step", daemon=True).start()

    def give_up(self) -> None:
        """Cancel no more, and wait no longer: the process is about to end, and what the bodies use is closed."""
        self._given_up.set()
        with self._lock:
            bodies = list(self._bodies)
        for body in bodies:
            body.give_up()


class Canceller:
    """Calls `cancel` until the body has ended, and never after that: it would hit the statement that comes next."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel = cancel
        self._calling = threading.Lock()
        self._ended = threading.Event()

    def end(self) -> None:
        """Note that the body has ended, and wait for a call that is under way."""
        self._ended.set()
        with self._calling:
            return

    def give_up(self) -> None:
        """Call `cancel` no more, and wait for nothing."""
        self._ended.set()

    def cancel_until_ended(self) -> None:
        """Call `cancel` again and again until the body has ended; log what it raises."""
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

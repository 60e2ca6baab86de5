"""A limit of requests that read rows at once; others wait a moment, and then get a 503."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio import to_thread

from fft_serve.problems import busy

_T = TypeVar("_T")


class Slots:
    """The places of requests that read rows.

    Args:
        number: How many there are.
        wait_seconds: The longest wait for one.
    """

    def __init__(self, number: int, wait_seconds: float) -> None:
        self._number, self._wait = number, wait_seconds
        self._free: anyio.Semaphore | None = None
        self._threads: anyio.CapacityLimiter | None = None

    async def take(self) -> Slot:
        """Return a place. Raises ProblemError if all stay taken."""
        if self._free is None or self._threads is None:  # made in the event loop that they belong to
            self._free = anyio.Semaphore(self._number)
            self._threads = anyio.CapacityLimiter(self._number + 1)
        try:
            self._free.acquire_nowait()
        except anyio.WouldBlock:
            with anyio.move_on_after(self._wait) as scope:
                await self._free.acquire()
            if scope.cancelled_caught:
                raise busy(f"{self._number} requests are answered just now: try again") from None
        return Slot(self._free, self._threads)


class Slot:
    """One place, and the threads in which its request works."""

    def __init__(self, free: anyio.Semaphore, threads: anyio.CapacityLimiter) -> None:
        self._free, self._threads = free, threads
        self._is_left = False

    async def run(self, work: Callable[[], _T]) -> _T:
        """Run what blocks in a thread."""
        return await to_thread.run_sync(work, limiter=self._threads)

    def leave(self) -> None:
        """Hand the slot to the next request."""
        if not self._is_left:
            self._is_left = True
            self._free.release()

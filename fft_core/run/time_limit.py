"""The time limit of a step: a step that takes longer than its model allows is interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fft_core.errors import StepTimeoutError
from fft_core.run.termination import Canceller


@contextmanager
def limited(seconds: float | None, interrupt: Callable[[], None], name: str) -> Iterator[None]:
    """Interrupt the body of the context after a number of seconds; never if it is None.

    A statement ends at once. A Python model ends when its function returns; its rows are not published.

    Raises:
        StepTimeoutError: the body failed after the time was over.
    """
    if seconds is None:
        yield
        return
    is_over, canceller = threading.Event(), Canceller(interrupt)

    def end() -> None:
        is_over.set()
        canceller.cancel_until_ended()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:  # user code: each driver has its own exception for an interrupted statement
        if not is_over.is_set():
            raise
        raise StepTimeoutError(
            f"{name} took longer than its timeout of {seconds:g} s",
            hint="Raise `timeout` in its config, or make it faster.",
        ) from error
    finally:
        timer.cancel()
        canceller.end()

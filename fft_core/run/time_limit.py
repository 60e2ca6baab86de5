"""A step that takes longer than its model allows is interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fft_core.errors import FftError, StepTimeoutError


@contextmanager
def limited(seconds: float | None, interrupt: Callable[[], None], name: str) -> Iterator[None]:
    """Interrupt what is done in the context after so many seconds; without any, never.

    A statement ends at once, and a Python model when it has returned: its rows are not published then.

    Raises:
        StepTimeoutError: the time was over before the context was.
    """
    if seconds is None:
        yield
        return
    is_over, has_ended = threading.Event(), threading.Event()

    def end() -> None:
        is_over.set()
        interrupt()
        while not has_ended.wait(0.1):  # what is sent before a statement begins has no effect
            interrupt()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except FftError as error:
        if not is_over.is_set():
            raise
        raise StepTimeoutError(
            f"{name} took longer than its timeout of {seconds:g} s",
            hint="Raise `timeout` in its config, or make it faster.",
        ) from error
    finally:
        has_ended.set()
        timer.cancel()

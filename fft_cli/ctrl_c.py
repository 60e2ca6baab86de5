"""A database that a command opens itself, outside of a Dagster run; Ctrl-C cancels its statements."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

CANCEL_AGAIN_SECONDS = 0.2

if TYPE_CHECKING:
    from fft_core import Project, Warehouse


@contextmanager
def opened_warehouse(
    project: Project, *, read_only: bool = False, patience_seconds: int | None = None
) -> Iterator[Warehouse]:
    """Open the warehouse of a project. Raises the errors of `open_warehouse`."""
    from fft_core import open_warehouse

    opened = open_warehouse(project, read_only=read_only, patience_seconds=patience_seconds)
    with opened as warehouse, cancelled_by_ctrl_c(warehouse.engine.interrupt):
        yield warehouse


@contextmanager
def cancelled_by_ctrl_c(cancel: Callable[[], None]) -> Iterator[None]:
    """Cancel statements on SIGINT, and on SIGTERM if it has a handler.

    Handlers of Python wait until the main thread returns from the driver.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    before = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    watcher = threading.Thread(target=_cancel_when_told, args=(told, cancel), name="fft-ctrl-c", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(tell)
        watcher.join(timeout=1)  # a cancellation may still wait for the server


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """End as after Ctrl-C if a CI system ends the job, so that a scratch schema is dropped."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _cancel_when_told(told: int, cancel: Callable[[], None]) -> None:
    """Cancel when a signal comes. Closes the pipe itself: a file opened later may get the number of a closed one."""
    try:
        while signals := os.read(told, 1):  # empty if the other end was closed
            if signals[0] in (signal.SIGINT, signal.SIGTERM):
                cancel()
                # a statement that had not begun yet does not notice
                while not select.select([told], [], [], CANCEL_AGAIN_SECONDS)[0]:
                    cancel()
    finally:
        os.close(told)

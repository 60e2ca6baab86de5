"""A queue of processes for a file, by two lock files beside it; the process that has the file sees that others wait.

The process that holds the lock on `<file>.lock` has the file. The one that holds the lock on `<file>.queue` is next,
and the others wait for that lock. These are locks of the operating system, which end with their process. The files
stay, and are empty while no process holds the locks.
"""

from __future__ import annotations

import errno
import os
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

if sys.platform != "win32":
    import fcntl

Pause: TypeAlias = Callable[[str], None]
OTHERS_FIRST_SECONDS = 0.05  # longer than a pause of a waiting process, which must be next, not the last owner
_LONGEST_NAME = 200


class FileQueue:
    """The place of one process in the queue for a file.

    Args:
        path: The file.
        shared: Whether other processes with `shared` may have the file at the same time: for readers.
    """

    def __init__(self, path: Path, *, shared: bool) -> None:
        self._path = path
        self._shared = shared
        self._release: weakref.finalize[[int], FileQueue] | None = None
        self._left_at = 0.0

    def enter(self, pause: Pause) -> None:
        """Wait until this process has the file. `pause` gets the name of the holder, or ""; it sleeps, or raises.

        Raises:
            OSError: the lock files cannot be created or locked here; no lock is held then.
        """
        others_first = self._left_at + OTHERS_FIRST_SECONDS - time.monotonic()
        time.sleep(max(0.0, others_first))
        with self._opened("queue") as queue, self._opened("lock") as lock:
            self._wait(queue, pause, shared=False)
            self._wait(lock, pause, shared=self._shared)
            held = os.dup(lock)  # a lock lasts as long as one of its descriptors
            self._release = weakref.finalize(self, _release, held)  # also if this object is garbage
            _write(held, own_name())

    def leave(self) -> None:
        """Release the file for the next process."""
        if self._release is not None:
            self._release()
            self._release, self._left_at = None, time.monotonic()

    def somebody_waits(self) -> bool:
        """Whether another process wants the file."""
        with self._opened("queue") as queue:
            return not _try_lock(queue, shared=True)

    def _wait(self, descriptor: int, pause: Pause, *, shared: bool) -> None:
        while not _try_lock(descriptor, shared=shared):
            pause(self._holder())

    def _holder(self) -> str:
        try:
            return Path(f"{self._path}.lock").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""

    @contextmanager
    def _opened(self, suffix: str) -> Iterator[int]:
        descriptor = _open(f"{self._path}.{suffix}")
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def own_name() -> str:
    """Return the name of this process for waiting ones: its id, and its command without values that may be secrets."""
    words = [word.partition("=")[0] + "=..." if "=" in word else word for word in sys.orig_argv]
    command = " ".join(Path(word).name if Path(word).is_absolute() else word for word in words)
    return f"pid {os.getpid()} ({' '.join(command.split())[:_LONGEST_NAME]})"


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:  # a file of another user can be locked, too
        return os.open(path, os.O_RDONLY)


def _release(descriptor: int) -> None:
    _write(descriptor, "")
    fcntl.flock(descriptor, fcntl.LOCK_UN)  # a forked child has the descriptor, too
    os.close(descriptor)


def _try_lock(descriptor: int, *, shared: bool) -> bool:
    if sys.platform == "win32":
        raise OSError(errno.ENOLCK, "flock is not available")
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(descriptor: int, text: str) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
    except OSError:  # a file of another user: waiting processes do not get our name
        return

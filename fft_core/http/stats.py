"""Counts of the requests of a piece of work, and of those that the cache answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass
class HttpStats:
    """The counts: all requests, those that the cache answered, the bytes of the answers, and whether offline."""

    requests: int = 0
    cache_hits: int = 0
    bytes: int = 0
    used_offline: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, size: int, *, from_cache: bool, offline: bool) -> None:
        """Count one request."""
        with self._lock:
            self.requests += 1
            self.cache_hits += from_cache
            self.bytes += size
            self.used_offline = self.used_offline or offline

    def as_json(self) -> dict[str, int | bool]:
        """Return the counts by name, as in run_results.json."""
        return {
            "requests": self.requests,
            "cache_hits": self.cache_hits,
            "bytes": self.bytes,
            "used_offline": self.used_offline,
        }


_collected: ContextVar[HttpStats | None] = ContextVar("fft_http_stats", default=None)
_active: list[HttpStats] = []
_active_lock = threading.Lock()


@contextmanager
def collecting() -> Iterator[HttpStats]:
    """Count the requests in this context, and those of threads without a context of their own; see `current`."""
    stats = HttpStats()
    token = _collected.set(stats)
    with _active_lock:
        _active.append(stats)
    try:
        yield stats
    finally:
        with _active_lock:
            _active[:] = [other for other in _active if other is not stats]
        _collected.reset(token)


def current() -> HttpStats | None:
    """Return the current counts, or None outside of `collecting`.

    A thread that a model starts does not inherit the context of the model (before Python 3.14). Its requests belong to
    the only model that collects at that time; with several of them, the owner is unknown, and None is returned.
    """
    own = _collected.get()
    if own is not None:
        return own
    with _active_lock:
        return _active[0] if len(_active) == 1 else None

"""The sessions of one run on its warehouse: one for each thread, on one connection, opened at the first request."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fft_core.warehouse.warehouse import Warehouse


class Sessions:
    """A session for each thread, all on one connection.

    Args:
        open: Opens the database, at the first request for a session.
    """

    def __init__(self, open: Callable[[], Warehouse]) -> None:
        self._open = open
        self._lock = threading.Lock()
        self._warehouse: Warehouse | None = None
        self._sessions: list[Warehouse] = []
        self._of_thread = threading.local()

    def of_thread(self) -> Warehouse:
        """Return the session of this thread, which `close` closes. Raises the errors of `open_warehouse`."""
        opened: Warehouse | None = getattr(self._of_thread, "session", None)
        if opened is None:
            with self._lock:
                if self._warehouse is None:
                    self._warehouse = self._open()
                opened = self._warehouse.session()
                self._sessions.append(opened)
            self._of_thread.session = opened
        return opened

    def prepared(self, prepare: Callable[[Warehouse], None]) -> Sessions:
        """Return the same sessions for a run that calls `prepare` with a session at each request for it."""
        return _PreparedSessions(self, prepare)

    @property
    def unprepared(self) -> Sessions:
        """The same sessions, without a run's `prepare`."""
        return self

    def close(self) -> None:
        """Close the sessions, and the database if it was opened. A later request for a session opens it again."""
        with self._lock:
            for session in self._sessions:
                session.close()
            if self._warehouse is not None:
                self._warehouse.close()
            self._warehouse, self._sessions, self._of_thread = None, [], threading.local()


class _PreparedSessions(Sessions):
    """The sessions of a run that calls `prepare` with a session at each request for it."""

    def __init__(self, sessions: Sessions, prepare: Callable[[Warehouse], None]) -> None:
        self._sessions_of_all = sessions
        self._prepare = prepare

    def of_thread(self) -> Warehouse:
        session = self._sessions_of_all.of_thread()
        self._prepare(session)
        return session

    def prepared(self, prepare: Callable[[Warehouse], None]) -> Sessions:
        return self._sessions_of_all.prepared(prepare)

    @property
    def unprepared(self) -> Sessions:
        return self._sessions_of_all

    def close(self) -> None:
        self._sessions_of_all.close()

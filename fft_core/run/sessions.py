"""The sessions of one run on its warehouse: a session for each thread, on one connection, opened when it is needed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fft_core.warehouse.warehouse import Warehouse


class Sessions:
    """Gives each thread a session of its own on one connection.

    Args:
        open: Opens the database, when the first session is asked for.
    """

    def __init__(self, open: Callable[[], Warehouse]) -> None:
        self._open = open
        self._lock = threading.Lock()
        self._warehouse: Warehouse | None = None
        self._sessions: list[Warehouse] = []
        self._of_thread = threading.local()

    def of_thread(self) -> Warehouse:
        """Return the session of this thread; it is closed with the others. Raises what `open_warehouse` raises."""
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
        """Give the same sessions to a run that prepares them each time that it asks for one."""
        return _PreparedSessions(self, prepare)

    @property
    def unprepared(self) -> Sessions:
        """The same sessions, which no run prepares."""
        return self

    def close(self) -> None:
        """Close the sessions and the database, if it was opened. A session that is asked for later opens it again."""
        with self._lock:
            for session in self._sessions:
                session.close()
            if self._warehouse is not None:
                self._warehouse.close()
            self._warehouse, self._sessions, self._of_thread = None, [], threading.local()


class _PreparedSessions(Sessions):
    """The sessions of a run that does something with each before it is used."""

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

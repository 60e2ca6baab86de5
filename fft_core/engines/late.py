"""A session that opens its database only when a statement needs it, for plans that may know its content already."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, cast

from fft_core.engines.protocol import Session
from fft_core.engines.spec import EngineSpec, Namespace
from fft_core.engines.spec.registry import spec_of
from fft_core.engines.trace import Trace
from fft_core.errors import BusyError
from fft_core.names import Relation


class LateSession:
    """A read-only session of one thread. What its spec knows needs no database; all else opens it.

    Args:
        spec: The engine, with a `mark`.
        settings: The settings of the profile.

    Attributes:
        spec, settings: As given.
        mark: The mark of the database before it is opened; None if nothing can be known of it without opening.
    """

    def __init__(self, spec: EngineSpec, settings: Mapping[str, Any]) -> None:
        self.spec = spec
        self.name, self.dialect, self.capabilities, self.spelling = spec.name, spec.dialect, spec.can, spec.spelling
        self.trace = Trace()
        self.mark = self._mark_of(settings)
        self.settings = settings
        self._namespace: Namespace = spec.namespace(settings)
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._turns, self._held = 0, ExitStack()
        self._relies_on_mark = False
        self._at_close: list[Callable[[], None]] = []

    @property
    def is_open(self) -> bool:
        """Whether the database was opened."""
        return self._session is not None

    def rely_on_mark(self) -> None:
        """Note that facts are used that were read under `mark`: if it has changed, opening the database fails."""
        self._relies_on_mark = True

    def at_close(self, keep: Callable[[], None]) -> None:
        """Call a function after the database is closed, if nobody has changed it since before it was opened."""
        self._at_close.append(keep)

    def relation(self, name: str, schema: str | None = None, catalog: str | None = None) -> Relation:
        """Complete a physical name with the profile's schema and catalog."""
        return self._namespace.relation(name, schema, catalog)

    def openings(self) -> int:
        """Count how often this process opened the database."""
        return self._session.openings() if self._session is not None else 0

    def turn(self) -> AbstractContextManager[None]:
        """Keep the database while the context lasts, from the first statement in it."""
        return self._late_turn() if self._session is None else self._session.turn()

    @contextmanager
    def _late_turn(self) -> Iterator[None]:
        self._turns += 1
        try:
            yield
        finally:
            self._turns -= 1
            if not self._turns:
                self._held.close()

    def interrupt(self) -> None:
        """Cancel the running statement, if there is one."""
        if self._session is not None:
            self._session.interrupt()

    def close(self) -> None:
        """End the session."""
        if self._session is None:
            return
        self._session.close()
        if self.mark is not None and self.mark == self._mark_of(self.settings):
            for keep in self._at_close:
                keep()

    def __getattr__(self, name: str) -> Any:  # Any: the other members of a session, of the types that it declares
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._opened(), name)

    def _opened(self) -> Session:
        with self._lock:
            if self._session is None:
                session = self.spec.connect(self.settings, read_only=True)
                session.trace = self.trace
                if self._turns:
                    self._held.enter_context(session.turn())
                if self._relies_on_mark and self.mark != self._mark_of(self.settings):
                    self._held.close()
                    session.close()
                    raise BusyError(
                        "another process has changed the database while the plan was made",
                        hint="Run the command again.",
                        code="FFT-222",
                    )
                self._session = session
            return self._session

    def _mark_of(self, settings: Mapping[str, Any]) -> Hashable | None:
        return self.spec.mark(settings) if self.spec.mark else None


def late_session(name: str, settings: Mapping[str, Any]) -> Session | None:
    """Return a read-only session that opens its database late; None if the state of the database cannot be known."""
    spec = spec_of(name)
    session = LateSession(spec, settings) if spec.mark else None
    return cast("Session", session) if session is not None and session.mark is not None else None

"""Locks that exclude readers, taken in short attempts, because readers queue behind a long attempt."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from psycopg import errors

from fft_core.engines.protocol import Row, Stats
from fft_core.errors import BusyError
from fft_core.names import Relation

_log = logging.getLogger(__name__)
_IN_THE_WAY = (errors.LockNotAvailable, errors.DeadlockDetected)
_PATIENCE_SECONDS = 0.1  # how long readers may have to queue behind one attempt
_DEADLOCKS = 3  # how often to try again after a deadlock


class InTransaction(Protocol):
    """The methods of a session that publishing uses inside a transaction."""

    def execute(self, sql: str) -> Stats:
        """Run a statement."""

    def fetch(self, sql: str) -> list[Row]:
        """Run a query."""

    @property
    def is_closed(self) -> bool:
        """Whether the connection is closed."""


@dataclass(frozen=True)
class Locks:
    """The locks of a session, with a limit to how long it waits for other sessions.

    Attributes:
        session: A session in a transaction.
        timeout_seconds: How long it waits in all attempts together.
    """

    session: InTransaction
    timeout_seconds: float

    def politely(
        self,
        relation: Relation,
        oid: int,
        action: Callable[[], None],
        *,
        attempts: int | None = None,
        locks_several: bool = False,
    ) -> None:
        """Run an action that needs a relation exclusively. An attempt that fails releases all its locks.

        Raises:
            BusyError: no attempt got the locks.
        """
        deadline, said, tried, deadlocks = time.monotonic() + self.timeout_seconds, False, 0, 0
        while True:
            try:
                # Some attempts last longer than the server needs to find a deadlock. One that takes several locks never
                # does: while it holds some of them, the server could resolve the deadlock by ending a reader.
                patience = 1.5 if tried % 20 == 19 and not locks_several else _PATIENCE_SECONDS
                with self.savepoint(), self.limited(patience):
                    action()
                return
            except BusyError as error:
                tried += 1
                deadlocks += isinstance(error.__cause__, errors.DeadlockDetected)
                is_out_of_time = time.monotonic() > deadline or tried == attempts or deadlocks > _DEADLOCKS
                if is_out_of_time or not isinstance(error.__cause__, _IN_THE_WAY):
                    raise
            if not said and attempts is None:
                _log.warning("waiting to replace %s, which is in use by %s", relation, self._users(oid))
                said = True
            time.sleep(random.uniform(0.05, 0.2) * (1 + deadlocks))

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo the statements of the context, and no others, if an exception leaves it."""
        self.session.execute("savepoint _ff")
        try:
            yield
        except BaseException:
            if not self.session.is_closed:
                self.session.execute("rollback to savepoint _ff")
                self.session.execute("release savepoint _ff")
            raise
        self.session.execute("release savepoint _ff")

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Limit how many seconds a statement waits for each lock."""
        self.session.execute(f"set local lock_timeout = {max(1, int(seconds * 1000))}")
        yield
        self.session.execute("set local lock_timeout to default")  # the user's default, from the role or the dsn

    def _users(self, oid: int) -> str:
        rows = self.session.fetch(
            "select distinct a.pid, a.application_name from pg_locks as l join pg_stat_activity as a using (pid) "
            f"where l.relation = {oid} and l.granted and a.pid <> pg_backend_pid()"
        )
        return ", ".join(f"pid {pid} ({name or 'unnamed'})" for pid, name in rows) or "another session"

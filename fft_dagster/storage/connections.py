"""SQLite databases that stay open: safe with threads, with forks, and beside other processes that use the files."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import weakref
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import sqlalchemy as db
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

# A web server reads any number of runs, each in a database of its own; the process of a run needs two.
MAX_OPEN_DATABASES = 16
BUSY_TIMEOUT_SECONDS = 30  # as stock Dagster
FORK_WAITS_SECONDS = 5.0


class OpenDatabases:
    """The open SQLite databases of one storage, which lend a connection for one transaction at a time.

    Args:
        durable: True waits for the disk at each commit, as stock Dagster does. False leaves that to the operating
            system: a killed process loses nothing, a power cut the last moments; the file stays consistent either way.
        in_forked_child: A callback in a forked child, to forget the parent's state.
    """

    def __init__(self, *, durable: bool, in_forked_child: Callable[[], None] = lambda: None) -> None:
        self._durable = durable
        self._in_forked_child = in_forked_child
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._forget_users()
        _open_databases.add(self)

    def _forget_users(self) -> None:
        self._borrowers: Counter[str] = Counter()
        self._changed = threading.Condition(threading.Lock())
        self.writing = threading.RLock()  # SQLite's own queue of writers sleeps between its tries

    @contextmanager
    def transaction(self, url: str) -> Iterator[Connection]:
        with self.engine(url) as engine, engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def engine(self, url: str) -> Iterator[Engine]:
        with self._changed:
            self._borrowers[url] += 1
            engine = self._engines.get(url) or self._engines.setdefault(url, self._open(url))
            self._engines.move_to_end(url)
            self._close_idle(keep=MAX_OPEN_DATABASES)
        try:
            yield engine
        finally:
            with self._changed:
                self._borrowers[url] -= 1
                self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._close_idle(keep=0)

    def _open(self, url: str) -> Engine:
        # A connection passes from thread to thread, but never serves two at once.
        arguments = {"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
        engine = db.create_engine(url, poolclass=QueuePool, pool_size=2, max_overflow=-1, connect_args=arguments)
        if not self._durable:
            sqlalchemy_event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=NORMAL").close())
        return engine

    def _close_idle(self, *, keep: int) -> None:
        for url in [url for url in self._engines if not self._borrowers[url]]:
            if len(self._engines) <= keep:
                return
            self._engines.pop(url).dispose()
            del self._borrowers[url]

    def before_fork(self) -> None:
        """Close all connections and lock: a child with its parent's SQLite connections would count on its locks."""
        self._changed.acquire()
        self._changed.wait_for(lambda: not self._borrowers.total(), timeout=FORK_WAITS_SECONDS)
        self._close_idle(keep=0)

    def after_fork_in_parent(self) -> None:
        self._changed.release()

    def after_fork_in_child(self) -> None:
        for engine in self._engines.values():
            engine.dispose(close=False)
        self._engines.clear()
        self._forget_users()
        self._in_forked_child()


# Not state of a run: the hooks below cannot be removed, and reach the storages in use through this.
_open_databases: weakref.WeakSet[OpenDatabases] = weakref.WeakSet()


# A child that is forked while another thread creates a database would inherit its lock of the folder, and wait for it
# forever: no thread is left to release it.
_creating = threading.RLock()


def _at_fork(prepare: Callable[[OpenDatabases], None]) -> None:
    for databases in list(_open_databases):
        prepare(databases)


def _before_fork() -> None:
    _creating.acquire(timeout=FORK_WAITS_SECONDS)
    _at_fork(OpenDatabases.before_fork)


def _after_fork_in_parent() -> None:
    _at_fork(OpenDatabases.after_fork_in_parent)
    with suppress(RuntimeError):  # the lock was not free in time
        _creating.release()


def _after_fork_in_child() -> None:
    global _creating
    _creating = threading.RLock()
    _at_fork(OpenDatabases.after_fork_in_child)


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


@contextmanager
def one_creates(folder: str) -> Iterator[None]:
    """Let one thread of one process at a time create databases in a folder.

    It is not safe in stock Dagster: two processes may both stamp the schema of a database, which breaks it.
    """
    with _creating, _locked(folder):
        yield


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    if sys.platform == "win32":  # has no such locks; there it is as in stock
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def insert_text(table: db.Table, *columns: str) -> str:
    """Return an INSERT of values by name. Raises KeyError if the table has no such column."""
    names = [table.c[column].name for column in columns]
    return f"insert into {table.name} ({', '.join(names)}) values ({', '.join(f':{name}' for name in names)})"


def update_text(table: db.Table, columns: Iterable[str], where: str) -> str:
    """Return an UPDATE of columns by values with their names. Raises KeyError if the table has no such column."""
    return f"update {table.name} set {', '.join(f'{table.c[name].name} = :{name}' for name in columns)} where {where}"


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the standard library's connection inside one of SQLAlchemy's, in the same transaction."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def bound(values: Mapping[str, Any]) -> dict[str, Any]:  # Any: any value that SQLite takes
    """Return values with timestamps in the text form of SQLAlchemy for SQLite."""
    return {
        key: value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value
        for key, value in values.items()
    }

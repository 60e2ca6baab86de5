"""One DuckDB database of this process: threads use it in turns, and between turns other processes get the file.

A DuckDB file that one process has opened for writing cannot be opened by another one, not even for reading. So the file
is closed when another process waits for it and all turns of this process have ended. The next turn queues up behind the
waiting processes, and opens it again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import re
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import duckdb

from fft_core.engines.duckdb.attached import AttachedFiles
from fft_core.engines.duckdb.file_marks import FileMark, file_mark
from fft_core.engines.duckdb.queue import FileQueue
from fft_core.engines.lending import LENDERS, LENDS_AFTER_TURNS, OPENED_ALIKE_BY, OPENERS
from fft_core.errors import BusyError, ConnectError, EngineError

_log = logging.getLogger(__name__)
Connection: TypeAlias = duckdb.DuckDBPyConnection
KEPT_SECONDS = 0.2  # at least, because closing and opening take 50 ms or more
_LOOK_SECONDS = 0.1
OWN_PROCESS_SECONDS = 10.0  # at most: a thread may be waiting for its own connection
_LONGEST_PAUSE_SECONDS = 1.0


class DuckDBFile:
    """A database, opened by `connect` when a turn begins, and shared by the sessions of one process.

    Args:
        path: The file; None for a database in memory, which no other process can open.
        connect: Opens the database.
        read_only: Whether the file is only read, so that other processes can read it at the same time.
        lends: Returns whether libraries are loaded that may open the file in this process with other settings than FFT.
            For them, the file is closed between turns, see `LENDS_AFTER_TURNS`.
    """

    def __init__(
        self,
        path: Path | None,
        connect: Callable[[], Connection],
        *,
        read_only: bool,
        lends: Callable[[], bool] = lambda: False,
    ) -> None:
        self._path = path
        self._connect = connect
        self._lends = lends
        self._queue = FileQueue(path.resolve(), shared=read_only) if path else None
        self._state: Literal["closed", "opening", "open", "leaving"] = "closed"
        self._changed = threading.Condition()
        self._attaching = threading.Lock()
        self._turns: Counter[int] = Counter()  # by thread
        self._connection: Connection | None = None
        self._cursors: dict[object, Connection] = {}
        self._sessions = 0
        self._kept_until = 0.0
        self._is_over = threading.Event()
        self._said = set[str]()
        self.attached = AttachedFiles()
        self.openings = 0

    def join(self) -> bool:
        """Add a session; return False if the last session has ended, after which this object cannot be used."""
        with self._changed:
            if self._is_over.is_set():
                return False
            self._sessions += 1
            return True

    def part(self, session: object) -> None:
        """Remove a session; the last one closes the file."""
        with self._changed:
            self._sessions -= 1
            self.drop_cursor(session)
            if not self._sessions:
                self._is_over.set()
                self._leave()

    def cursor(self, session: object, settings: Sequence[str] = ()) -> Connection:
        """Return the cursor of a session, inside a turn; a new cursor executes the settings first."""
        with self._changed:
            if session not in self._cursors:
                assert self._connection is not None  # the turn has opened it
                cursor = self._connection.cursor()
                for setting in settings:
                    cursor.execute(setting)
                self._cursors[session] = cursor
            return self._cursors[session]

    def drop_cursor(self, session: object) -> None:
        """Close the cursor of a session, which may ask for another one later."""
        with self._changed:
            cursor = self._cursors.pop(session, None)
            if cursor is not None:
                cursor.close()

    def is_at(self, path: Path) -> bool:
        """Whether a path is that of the file."""
        return self._path is not None and self._path.resolve() == path.resolve()

    def attach(
        self,
        path: Path,
        wanted: str,
        taken: Sequence[str],
        timeout_seconds: float,
        cancelled: threading.Event,
        *,
        writes: bool = False,
    ) -> str:
        """Attach another file inside a turn, and from now on each time this one is opened; return its catalog's name.

        Raises:
            ConnectError: it is missing, or is not a database.
            BusyError: another process writes to it for too long.
        """
        with self._attaching:
            assert self._connection is not None  # the turn has opened it
            with contextlib.closing(self._connection.cursor()) as cursor:
                patience = partial(_Patience, seconds=timeout_seconds, cancelled=cancelled, said=self._said)
                return self.attached.add(path, wanted, taken, cursor, patience, writes=writes)

    def change_mark(self, catalogs: Collection[str], own: str) -> FileMark | None:
        """Return a mark of the files of some catalogs, see `file_mark`; the names of catalogs are in lower case.

        Returns None if a catalog has no known file.
        """
        paths = {name.lower(): path for name, path in self.attached.paths.items()}
        if self._path is not None:
            paths[own] = self._path
        return file_mark(paths[name] for name in sorted(catalogs)) if paths.keys() >= set(catalogs) else None

    def interrupt(self, session: object) -> None:
        """Cancel the running statement of a session."""
        with self._changed:
            cursor = self._cursors.get(session)
        if cursor is not None:
            cursor.interrupt()

    @contextmanager
    def turn(self, timeout_seconds: float, cancelled: threading.Event) -> Iterator[None]:
        """Keep the file open while the context lasts; a thread may nest its turns.

        Raises:
            BusyError: another process keeps the file for too long.
            ConnectError: the file cannot be opened.
            EngineError: the turn was cancelled before it began.
        """
        thread = threading.get_ident()
        self._begin(thread, timeout_seconds, cancelled)
        try:
            yield
        finally:
            self._end(thread)

    def _begin(self, thread: int, timeout_seconds: float, cancelled: threading.Event) -> None:
        with self._changed:
            # Wait without a time limit: another thread opens the file, or turns must end before it is closed.
            while self._state == "opening" or (self._state == "leaving" and not self._turns[thread]):
                self._changed.wait(0.05)
                _refuse_cancelled(cancelled)
            if self._state != "closed":
                self._turns[thread] += 1
                return
            self._state = "opening"
        try:
            connection = self._opened(_Patience(self._path, timeout_seconds, cancelled, self._said))
        except BaseException:
            self._become("closed")
            raise
        with self._changed:
            self._connection, self._kept_until = connection, time.monotonic() + KEPT_SECONDS
            self._turns[thread] += 1
            self.openings += 1
            self._become("open")

    def _end(self, thread: int) -> None:
        with self._changed:
            self._turns[thread] -= 1
            if not self._turns[thread]:
                del self._turns[thread]
            if self._state == "leaving" and not self._turns:
                self._leave()
        if LENDS_AFTER_TURNS.get():
            self.lend()

    def lend(self) -> None:
        """Close the file if no turn is open and a library of this process may open it with other settings."""
        with self._changed:
            if self._queue is not None and self._state == "open" and not self._turns and self._lends():
                self._leave()

    def _become(self, state: Literal["closed", "open"]) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def _leave(self) -> None:
        """Close the file with all its cursors, and leave the queue, so that the next process gets the file."""
        for cursor in self._cursors.values():
            cursor.close()
        self._cursors.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self.attached.close()
        if self._queue is not None:
            self._queue.leave()
        self._become("closed")

    def leave_if_wanted(self) -> None:
        """If another process waits for the file, begin no new turn, and close the file when all turns have ended."""
        if self._queue is None or self._state not in ("open", "leaving") or time.monotonic() < self._kept_until:
            return
        is_wanted = self._queue.somebody_waits() or self.attached.somebody_waits()
        with self._changed:
            if is_wanted and self._state == "open":
                self._state = "leaving"
                if not self._turns:
                    self._leave()
            elif not is_wanted and self._state == "leaving":
                self._become("open")  # the waiting process has given up

    def watch(self) -> None:
        """Start a thread that checks every 0.1 seconds whether another process waits, also between turns."""
        if self._queue is not None:
            watched = (weakref.ref(self), self._is_over)
            threading.Thread(target=_watch, args=watched, name="duckdb-queue", daemon=True).start()

    def _opened(self, patience: _Patience) -> Connection:
        if self._queue is not None:
            try:
                self._queue.enter(patience.pause)
            except OSError as error:
                _log.info("%s stays open because the lock files next to it cannot be used: %s", self._path, error)
                self._queue = None
        connection: Connection | None = None
        try:
            connection = self._connected(patience)
            self.attached.open(connection, patience.about)
            return connection
        except BaseException:
            if connection is not None:
                connection.close()
            if self._queue is not None:
                self._queue.leave()
            raise

    def _connected(self, patience: _Patience) -> Connection:
        """Open the file; retry while a process that does not queue up, or this one, has it open."""
        while True:
            began = time.thread_time()
            try:
                return self._connect()
            except duckdb.IOException as error:
                if "lock" not in str(error).lower():
                    raise ConnectError(f"cannot open {self._path}: {_first_line(error)}") from error
                patience.pause(_holder(error), after=time.thread_time() - began)
            except duckdb.Error as error:
                if self._path is not None and is_open_otherwise(error):
                    patience.pause_for_own_process(_opened_here(self._path, error))
                    continue
                hint = "If the file is damaged: move it away, and build the project again."
                raise ConnectError(f"cannot open {self._path}: {_first_line(error)}", hint=hint) from error


def _watch(reference: weakref.ref[DuckDBFile], is_over: threading.Event) -> None:
    while not is_over.wait(_LOOK_SECONDS):
        file = reference()
        if file is None:
            return
        file.leave_if_wanted()
        del file  # else this thread would keep it alive


class _Patience:
    """The time limit for the beginning of a turn, with one warning for each process that has the file."""

    def __init__(self, path: Path | None, seconds: float, cancelled: threading.Event, said: set[str]) -> None:
        self._path = path
        self._deadline = time.monotonic() + seconds
        self._own_deadline = time.monotonic() + min(seconds, OWN_PROCESS_SECONDS)
        self._cancelled = cancelled
        self._said = said
        self._spent = 0.0  # seconds of CPU in failed attempts

    def about(self, path: Path) -> _Patience:
        """Return an object with the same time limit for an attached file."""
        seconds = max(0.0, self._deadline - time.monotonic())
        return _Patience(path, seconds, self._cancelled, self._said)

    def pause(self, holder: str, *, after: float = 0.0) -> None:
        """Sleep for a moment. Raises BusyError if the time is over.

        Args:
            holder: The process that has the file; empty if it is unknown.
            after: The seconds of CPU that the failed attempt took: the sleep grows until attempts take 1 % of a core.
        """
        _refuse_cancelled(self._cancelled)
        if time.monotonic() > self._deadline:
            raise BusyError(
                f"{self._path} is open in another process: {holder or 'an unknown process'}",
                hint="DuckDB lets one process write to a file. Close the other one, or wait for it.",
                code="FFT-222",
            )
        if holder and holder not in self._said:
            _log.warning("waiting for %s, which is open in another process: %s", self._path, holder)
            self._said.add(holder)
        self._spent += after
        # Short sleeps, as long ones starve the waiting process; longer ones if the holder does not queue up.
        seconds = max(0.01, min(_LONGEST_PAUSE_SECONDS, 100 * after, 10 * self._spent))
        if self._cancelled.wait(seconds * random.uniform(0.5, 1.5)):
            _refuse_cancelled(self._cancelled)

    def pause_for_own_process(self, holder: str) -> None:
        """Sleep for a moment, because another connection of this process has the file. Raises BusyError after 10 s."""
        _refuse_cancelled(self._cancelled)
        if time.monotonic() > self._own_deadline:
            raise BusyError(
                f"{self._path} is open in this process already: {holder}",
                hint="Open it with duckdb.connect(path), without config and read_only, and close it after use; "
                "or use a connection of FFT: FftDuckDBResource, or context.resources.fft_warehouse.session().",
                code="FFT-222",
            )
        time.sleep(0.05)


def _refuse_cancelled(cancelled: threading.Event) -> None:
    if cancelled.is_set():
        raise EngineError("the statement was interrupted", code="FFT-604")


def shared_file(
    path: Path | None,
    connect: Callable[[], Connection],
    *,
    read_only: bool,
    catalog: str,
    lends: Callable[[], bool] = lambda: False,
) -> DuckDBFile:
    """Return the process's only `DuckDBFile` for a path and catalog, with one more session.

    Two objects for one file would wait for each other's locks. DuckDB, too, opens a file only once for a process.
    """
    key = (os.getpid(), path.resolve(), catalog, read_only) if path else None
    while True:
        with _opening:
            file = _files.get(key) if key else None
            if file is None:
                file = DuckDBFile(path, connect, read_only=read_only, lends=lends)
                file.watch()
                if key:
                    _files[key] = file
        if file.join():
            return file
        with _opening:
            if key and _files.get(key) is file:
                del _files[key]


def lend_files() -> None:
    """Close the files of this process that have no turn now, if a library may open them with other settings."""
    with _opening:
        files = list(_files.values())
    for file in files:
        file.lend()


def open_files() -> None:
    """Open the files of this process again, unless another process has them.

    This keeps them open while another library closes its connection. If that were the last one, DuckDB would close the
    file, and refuse to open it meanwhile.
    """
    with _opening:
        files = list(_files.values())
    for file in files:
        with suppress(BusyError, ConnectError), file.turn(0, threading.Event()):
            pass


LENDERS.add(lend_files)
OPENERS.add(open_files)
OPENED_ALIKE_BY.add("dagster_duckdb")
_opening = threading.Lock()
# State of the process, like DuckDB's own list of open files: see docs/decisions/duckdb-handover.md.
_files: weakref.WeakValueDictionary[tuple[int, Path, str, bool], DuckDBFile] = weakref.WeakValueDictionary()


def is_open_otherwise(error: duckdb.Error) -> bool:
    """Whether opening failed because this process has the file open with another configuration, or attached."""
    text = str(error)
    return "different configuration than existing connections" in text or "Unique file handle conflict" in text


def _opened_here(path: Path, error: duckdb.Error) -> str:
    """Return a description of the connection of this process that has the file open, as far as DuckDB reports it."""
    if "Unique file handle conflict" in str(error):
        attached = re.search(r'already attached by database "([^"]+)"', str(error))
        return f"it is attached to another database{f' as {attached[1]}' if attached else ''}"
    try:
        duckdb.connect(str(path), read_only=True).close()
    except duckdb.Error:
        return "by a connection with its own configuration, such as duckdb.connect(path, config={...})"
    return "by a read-only connection, such as duckdb.connect(path, read_only=True)"


def _first_line(error: duckdb.Error) -> str:
    return str(error).strip().splitlines()[0]


def _holder(error: duckdb.Error) -> str:
    match = re.search(r"Conflicting lock is held in (.*?\(PID \d+\))", str(error))
    return match.group(1) if match else _first_line(error)

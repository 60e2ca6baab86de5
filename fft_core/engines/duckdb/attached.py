"""Attached files: they are attached for reading or writing each time the main file of a process is opened."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import duckdb

from fft_core.engines.duckdb.queue import FileQueue
from fft_core.engines.duckdb.spelling import SPELLING
from fft_core.errors import ConnectError

_log = logging.getLogger(__name__)


class Patience(Protocol):
    """A time limit for the opening of a file."""

    def pause(self, holder: str, *, after: float = 0.0) -> None:
        """Sleep for a moment, while `holder` has the file. Raises BusyError if the time is over."""


@dataclass
class _Attached:
    """A file with the name of its catalog; the process queues up for it as a reader, unless `writes` is set."""

    path: Path
    name: str
    writes: bool = False
    queue: FileQueue | None = field(init=False)

    def __post_init__(self) -> None:
        self.queue = FileQueue(self.path, shared=not self.writes)

    def open(self, connection: duckdb.DuckDBPyConnection, patience: Patience) -> None:
        if self.queue is not None:
            try:
                self.queue.enter(patience.pause)
            except OSError as error:  # a folder without write permission: nobody writes to the file either
                _log.info("the lock files next to %s cannot be used: %s", self.path, error)
                self.queue = None
        try:
            self._attach(connection, patience)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self.queue is not None:
            self.queue.leave()

    def _attach(self, connection: duckdb.DuckDBPyConnection, patience: Patience) -> None:
        if not self.writes and not self.path.is_file():
            message = f"cannot read {self.path}: the file does not exist"
            raise ConnectError(message, hint="Build that environment first.")
        mode = "" if self.writes else " (read_only)"
        statement = f"attach {SPELLING.literal(str(self.path))} as {SPELLING.quoted(self.name)}{mode}"
        while True:
            try:
                connection.execute(statement)
                return
            except duckdb.Error as error:
                said = str(error).strip().splitlines()[0]
                if "lock" not in said.lower() and "Unique file handle conflict" not in said:
                    verb = "attach" if self.writes else "read"
                    raise ConnectError(f"cannot {verb} {self.path}: {said}") from error
                patience.pause(said)


class AttachedFiles:
    """The files attached to a main file. `DuckDBFile` calls `open` and `close` when it opens and closes that file."""

    def __init__(self) -> None:
        self._files: dict[Path, _Attached] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of their catalogs."""
        return tuple(file.name for file in self._files.values())

    @property
    def paths(self) -> Mapping[str, Path]:
        """The paths of the files, by the names of their catalogs."""
        return {file.name: file.path for file in self._files.values()}

    @property
    def only_read(self) -> tuple[str, ...]:
        """The names of the catalogs that are attached read-only."""
        return tuple(file.name for file in self._files.values() if not file.writes)

    def add(
        self,
        path: Path,
        wanted: str,
        taken: Iterable[str],
        connection: duckdb.DuckDBPyConnection,
        patience: Callable[[Path], Patience],
        *,
        writes: bool = False,
    ) -> str:
        """Attach a file if it is not attached; return its catalog's name: `wanted`, or a similar one if it is taken.

        Raises:
            ConnectError: the file is missing, or is not a database.
            BusyError: another process writes to it for too long.
        """
        path = path.resolve()
        if path not in self._files:
            file = _Attached(path, _free(wanted, [*taken, *self.names]), writes)
            file.open(connection, patience(path))
            self._files[path] = file
        return self._files[path].name

    def open(self, connection: duckdb.DuckDBPyConnection, patience: Callable[[Path], Patience]) -> None:
        """Attach the files again, to a connection that was just opened. Raises the errors of `add`."""
        opened: list[_Attached] = []
        try:
            for file in self._files.values():
                file.open(connection, patience(file.path))
                opened.append(file)
        except BaseException:
            for file in opened:
                file.close()
            raise

    def close(self) -> None:
        """Leave the queues of the files, after the connection is closed, so that other processes can write to them."""
        for file in self._files.values():
            file.close()

    def somebody_waits(self) -> bool:
        """Whether another process waits for one of the files."""
        return any(file.queue is not None and file.queue.somebody_waits() for file in self._files.values())


_RESERVED = ("main", "system", "temp")


def _free(wanted: str, taken: Iterable[str]) -> str:
    """Return a name that no other database has, in upper or lower case. Views in a file work under any catalog name."""
    used = {name.lower() for name in (*taken, *_RESERVED)}
    names = [wanted, *(f"{wanted}_{number}" for number in range(2, len(used) + 3))]
    return next(name for name in names if name.lower() not in used)

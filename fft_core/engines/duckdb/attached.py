"""Files that are used beside the one of a process: attached each time that one is opened, to read or to write."""

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
    """How long the opening of a file may take."""

    def pause(self, holder: str, *, after: float = 0.0) -> None:
        """Sleep for a moment; `holder` has the file. Raises BusyError after the last one."""


@dataclass
class _Attached:
    """A file and the name that it is attached by; it is queued up for as a reader, unless it is written to."""

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
            except OSError as error:  # a folder that nobody may write to: then nobody writes to the file either
                _log.info("the lock files beside %s cannot be used: %s", self.path, error)
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
            raise ConnectError(f"cannot read {self.path}: there is no such file", hint="Build that environment first.")
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
    """The files that are used beside one that is open. Whoever opens and closes that one calls them in turn."""

    def __init__(self) -> None:
        self._files: dict[Path, _Attached] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names that they are attached by."""
        return tuple(file.name for file in self._files.values())

    @property
    def paths(self) -> Mapping[str, Path]:
        """The files, by the names that they are attached by."""
        return {file.name: file.path for file in self._files.values()}

    @property
    def only_read(self) -> tuple[str, ...]:
        """The names of those that are only read."""
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
        """Attach a file, if it is not; return its name: the wanted one, or one beside those that are taken.

        Raises:
            ConnectError: it is not there, or no database.
            BusyError: another process writes to it for too long.
        """
        path = path.resolve()
        if path not in self._files:
            file = _Attached(path, _free(wanted, [*taken, *self.names]), writes)
            file.open(connection, patience(path))
            self._files[path] = file
        return self._files[path].name

    def open(self, connection: duckdb.DuckDBPyConnection, patience: Callable[[Path], Patience]) -> None:
        """Attach them again, to a connection that was just opened. Raises what `add` raises."""
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
        """Let others write to them, once the connection is closed."""
        for file in self._files.values():
            file.close()

    def somebody_waits(self) -> bool:
        """Whether another process wants to write to one of them."""
        return any(file.queue is not None and file.queue.somebody_waits() for file in self._files.values())


_RESERVED = ("main", "system", "temp")


def _free(wanted: str, taken: Iterable[str]) -> str:
    """Return a name that no other database has, in any case: views in a file name none, and work by any of them."""
    used = {name.lower() for name in (*taken, *_RESERVED)}
    names = [wanted, *(f"{wanted}_{number}" for number in range(2, len(used) + 3))]
    return next(name for name in names if name.lower() not in used)

"""Sessions on a DuckDB file or a database in memory: it is opened once for the process; each session has a cursor."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

import duckdb

from fft_core.engines.duckdb import MEMORY, SPEC, catalog, namespace, own_catalog
from fft_core.engines.duckdb.file import Connection, DuckDBFile, is_open_otherwise, shared_file
from fft_core.engines.duckdb.frames import DuckDBFrames
from fft_core.engines.duckdb.places import DuckDBPlaces
from fft_core.engines.duckdb.spelling import SPELLING
from fft_core.engines.duckdb.types import DuckDBTypes
from fft_core.engines.duckdb.versions import DuckDBVersions
from fft_core.engines.protocol import (
    ColumnType,
    Row,
    Stats,
    TableInfo,
    Want,
)
from fft_core.engines.publishing import InTransaction, Order
from fft_core.engines.session import BaseSession
from fft_core.engines.spec import Namespace
from fft_core.errors import ConnectError, EngineError, StatementError
from fft_core.names import Relation

_Config: TypeAlias = dict[str, str | bool | int | float | list[str]]


def connect(
    *,
    path: str = MEMORY,
    schema: str | None = None,
    catalog: str | None = None,
    attach: Mapping[str, str] | None = None,
    threads: int | None = None,
    memory_limit: str | None = None,
    lock_timeout_seconds: float = 600,
    read_only: bool = False,
    scratch: bool = False,
) -> DuckDBSession:
    """Open a DuckDB file, or a database in memory. A missing file and its folder are created.

    Args:
        path: The file, or ":memory:".
        schema: The schema of unqualified relations; None for "main". It is created by the first build.
        catalog: The name of the database; None for DuckDB's own choice, the file's stem.
        attach: Other files, by the names of their catalogs; missing ones are created.
        threads: The number of threads for one statement; None for all cores.
        memory_limit: The limit as DuckDB writes it, such as "4GB".
        lock_timeout_seconds: How long to wait while another process has the file open.
        read_only: Change nothing; a missing file is not created, and reads as an empty database.
        scratch: Open a database in memory instead, with the same catalog name; the file at `path` is not touched.

    Raises:
        BusyError: another process still has the file open after that time.
        ConnectError: the file is not a DuckDB database, or cannot be created.
    """
    place = namespace({"path": path, "schema": schema, "catalog": catalog})
    path = MEMORY if scratch else path
    config: _Config = {}
    if read_only and not Path(path).exists():
        path = MEMORY
    elif read_only:
        config["access_mode"] = "read_only"
    elif path != MEMORY:
        _make_folder(Path(path))
    file = shared_file(
        None if path == MEMORY else Path(path),
        partial(_opened, path, place.catalog or "", config),
        read_only=read_only,
        catalog=place.catalog or "",
        lends=_others_are_here,
    )
    engine = DuckDBSession(file, place, lock_timeout_seconds, _settings(threads, memory_limit))
    try:
        with engine.turn():  # opens the file now, so that errors come before the first statement
            for name, other in ({} if scratch or not attach else attach).items():
                engine.attach_own(name, Path(other), read_only=read_only)
            return engine
    except BaseException:
        engine.close()
        raise


@contextmanager
def duckdb_connection(
    path: str, *, catalog: str | None = None, lock_timeout_seconds: float = 600
) -> Iterator[Connection]:
    """Yield DuckDB's own connection to a file, for one turn, so that builds wait. Raises the errors of `connect`."""
    with (
        closing(connect(path=path, catalog=catalog, lock_timeout_seconds=lock_timeout_seconds)) as engine,
        engine.connection() as connection,
    ):
        yield connection


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConnectError(f"cannot open {path}: {error.strerror}: {path.parent}") from error


def _settings(threads: int | None, memory_limit: str | None) -> tuple[str, ...]:
    """Render the settings of a new session. They are not in the config, in which other libraries must agree with us."""
    settings = [
        "set session TimeZone = 'UTC'",  # else results depend on the machine
        # if a table is missing, replacement scans would find Python variables of FFT's own stack frames
        "set session python_enable_replacements = false",
    ]
    if threads:
        settings.append(f"set global threads = {threads}")
    if memory_limit:
        settings.append(f"set global memory_limit = {SPELLING.literal(memory_limit)}")
    return tuple(settings)


# DuckDB opens a file a second time in a process only with the first configuration: that of `duckdb.connect(path)`, or
# that of dagster-duckdb, which cannot be changed by settings later.
_CONFIGS: tuple[_Config, ...] = ({}, {"custom_user_agent": "dagster"})


def _others_are_here() -> bool:
    """Whether a library is loaded that opens files with its own configuration."""
    return "dagster_duckdb" in sys.modules


def _opened(path: str, catalog: str, config: _Config) -> Connection:
    """Open a database; if it is open in this process already, with the same configuration."""
    first, second = reversed(_CONFIGS) if _others_are_here() else _CONFIGS
    try:
        return _attached(path, catalog, {**first, **config})
    except duckdb.Error as error:
        if not is_open_otherwise(error):
            raise
    return _attached(path, catalog, {**second, **config})


def _attached(path: str, catalog: str, config: _Config) -> Connection:
    if catalog == own_catalog(path):
        return duckdb.connect(path, config=config)
    # only an attached database can have a name of our choice
    mode = " (read_only)" if config.get("access_mode") == "read_only" else ""
    connection = duckdb.connect()
    try:
        connection.execute(f"attach {SPELLING.literal(path)} as {SPELLING.quoted(catalog)}{mode}")
    except BaseException:
        connection.close()
        raise
    return connection


class DuckDBPublisher(InTransaction):
    """Publishing in the transaction of the build. A transaction can write to only one file.

    So the record of a relation in an attached file is written by a second transaction.
    """

    def records_apart(self, order: Order) -> bool:
        return order.relation.catalog != self.session.relation("any").catalog


class DuckDBSession(BaseSession):
    """One session on a DuckDB database."""

    spec = SPEC

    def __init__(
        self, file: DuckDBFile, place: Namespace, lock_timeout_seconds: float, settings: Sequence[str] = ()
    ) -> None:
        super().__init__(place)
        self.publisher = DuckDBPublisher(self)
        self.types = DuckDBTypes()
        self.frames = DuckDBFrames(self)
        mark = partial(file.change_mark, own=(place.catalog or "").lower())
        self.versions = DuckDBVersions(self.fetch, mark, lambda: file.attached.only_read)
        self.places = DuckDBPlaces(self, self._attach)
        self._file = file
        self._timeout = lock_timeout_seconds
        self._settings = tuple(settings)
        self._session = object()
        self._is_closed = False
        self._cancelled = threading.Event()
        self._placed: Connection | None = None  # the cursor with the profile's schema in its search path

    @contextmanager
    def turn(self) -> Iterator[None]:
        self._cancelled.clear()
        with self._file.turn(self._timeout, self._cancelled):
            yield

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Yield DuckDB's own connection, without FFT's settings, for one turn."""
        session = object()
        with self.turn():
            try:
                yield self._file.cursor(session)
            finally:
                self._file.drop_cursor(session)

    def _attach(self, path: Path, wanted: str) -> str:
        """Attach another file for reading; return its catalog's name, which for the own file is that of the profile."""
        own = self._namespace.catalog or ""
        if self._file.is_at(path):
            return own
        with self._file.turn(self._timeout, self._cancelled):
            return self._file.attach(path, wanted, [own], self._timeout, self._cancelled)

    def attach_own(self, name: str, path: Path, *, read_only: bool) -> None:
        """Attach another file of the profile, inside a turn; with `read_only`, a missing file is skipped.

        Raises:
            ConnectError: the file is not a database, or cannot be attached with that name.
            BusyError: another process has it for too long.
        """
        if read_only and not path.exists():
            return
        if not read_only:
            _make_folder(path)
        own = self._namespace.catalog or ""
        got = own if self._file.is_at(path) else ""
        got = got or self._file.attach(path, name, [own], self._timeout, self._cancelled, writes=not read_only)
        if got.lower() != name.lower():
            hint = "Give it another name in `attach`; main, system and temp are DuckDB's own."
            raise ConnectError(
                f"{path} cannot be attached as {name!r}: DuckDB attaches it as {got!r}", hint=hint, code="FFT-205"
            )

    def openings(self) -> int:
        return self._file.openings

    @contextmanager
    def cursor(self) -> Iterator[Connection]:
        """Yield the cursor of this session, inside a turn. Raises EngineError if a statement on it is interrupted."""
        if self._is_closed:
            raise EngineError("the session with the database is closed", code="FFT-604")
        with self._file.turn(self._timeout, self._cancelled):
            try:
                cursor = self._file.cursor(self._session, self._settings)
                if cursor is not self._placed and self._is_in_its_schema(cursor):
                    self._placed = cursor
                yield cursor
            except duckdb.InterruptException as error:
                raise EngineError("the statement was interrupted", code="FFT-604") from error

    def _is_in_its_schema(self, cursor: Connection) -> bool:
        """Put the profile's schema first in the search path, if it exists; return whether it does.

        DuckDB refuses a search path with a missing schema.
        """
        place = self._namespace.relation("any")
        if place.schema == "main":
            return True  # DuckDB's own default
        names = "(system.main.lower(database_name), system.main.lower(schema_name))"
        wanted = SPELLING.literals([(place.catalog or "").lower(), (place.schema or "").lower()])
        is_there = bool(cursor.execute(f"select 1 from duckdb_schemas() where {names} = ({wanted})").fetchall())
        if is_there:
            cursor.execute(SPELLING.use_schema(place))
        return is_there

    @contextmanager
    def statement(self, sql: str) -> Iterator[Connection]:
        """Yield the cursor for one statement; its errors become StatementError, and its time is counted."""
        with self.cursor() as cursor, self._traced(sql):
            yield cursor

    def temporary(self, name: str) -> Relation:
        return Relation(name, "main", "temp")

    def execute(self, sql: str) -> Stats:
        rows = self.fetch(sql)
        counted = rows and len(rows[0]) == 1 and isinstance(rows[0][0], int)
        return Stats(int(rows[0][0]) if counted else None)

    def fetch(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Run a query. Lists of texts are passed as parameters, because literals would have to be parsed."""
        with self.statement(sql) as cursor:
            result = cursor.execute(sql, list(parameters)) if parameters else cursor.execute(sql)
            return result.fetchall() if result.description else []

    def columns(self, query: str) -> tuple[ColumnType, ...]:
        return tuple(ColumnType(row[0], row[1]) for row in self.fetch(f"describe {query}"))

    def inspect(self, relations: Sequence[Relation], want: Want = Want.KIND) -> Mapping[Relation, TableInfo]:
        return catalog.inspect(self.fetch, relations, want)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        # if two transactions replace one relation, the second fails, and publishes nothing
        with self.cursor() as cursor:
            _begin(cursor)
            try:
                yield
                if self._cancelled.is_set():  # between two statements, for example in a Python model
                    raise EngineError("the statement was interrupted", code="FFT-604")
                with self._traced("commit"):
                    cursor.execute("commit")
            except BaseException:
                _roll_back(cursor)
                raise

    def for_thread(self) -> DuckDBSession:
        if self._is_closed or not self._file.join():
            raise EngineError("the session with the database is closed", code="FFT-604")
        return DuckDBSession(self._file, self._namespace, self._timeout, self._settings)

    def interrupt(self) -> None:
        self._cancelled.set()
        self._file.interrupt(self._session)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._file.part(self._session)

    @contextmanager
    def _traced(self, sql: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        except duckdb.InterruptException:
            raise  # `cursor` explains it
        except duckdb.Error as error:
            raise _explained(error, sql) from error
        except RuntimeError as error:
            if str(error) == "Query interrupted":  # DuckDB's error for Ctrl-C in the main thread
                raise KeyboardInterrupt from error
            raise
        finally:
            self.trace.ended(sql, started)


def _begin(cursor: Connection) -> None:
    try:
        cursor.execute("begin")
    except duckdb.InterruptException:  # a transaction may be open, which allows only a rollback
        _roll_back(cursor)
        raise


def _roll_back(cursor: Connection) -> None:
    """Roll back the transaction, if one is open; retry if that is interrupted."""
    while True:
        try:
            cursor.execute("rollback")
        except duckdb.InterruptException:
            continue
        except duckdb.TransactionException:  # none is open, for example after a failed commit
            return
        return


def _explained(error: duckdb.Error, sql: str) -> StatementError:
    message, position = _parted(str(error), sql)
    missing = re.search(r"(?:Table|View) with name (\S+) does not exist", message)
    return StatementError(message, sql=sql, missing=missing.group(1) if missing else None, position=position)


def _parted(text: str, sql: str) -> tuple[str, int | None]:
    """Split DuckDB's message from the marked line of SQL at its end; return the message and the position of the mark.

    Advice to change the options of a reader is left out, because users do not set these options.
    """
    text = re.split(r"\n(?:Possible fixes|This type was|\* |  file = )", text, maxsplit=1)[0].strip()
    marked = re.search(r"\n+LINE (\d+): (.*)\n( *)\^+$", text)
    if marked is None:
        return text, None
    lines, number = sql.split("\n"), int(marked[1]) - 1
    shown = marked[2].removeprefix("...").removesuffix("...")  # a long line is shown in part
    begins = lines[number].find(shown) if number < len(lines) else -1
    if begins < 0:
        return text, None
    column = len(marked[3]) - len(f"LINE {marked[1]}: ") - (3 if marked[2].startswith("...") else 0)
    position = sum(len(line) + 1 for line in lines[:number]) + begins + max(0, column)
    blanks = len(sql) - position - len(sql[position:].lstrip())  # tabs are not counted in the mark's column
    return text[: marked.start()], position + blanks

"""SQLite: a connection for each session, on a file or a database in memory."""

from __future__ import annotations

import hashlib
import re
import secrets
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from fft_core.engines.created import refuse_repeated
from fft_core.engines.protocol import ColumnType, RelationKind, Row, Stats, TableInfo, Want
from fft_core.engines.session import BaseSession
from fft_core.errors import BusyError, ConnectError, EngineError, StatementError
from fft_core.names import Relation
from fft_sqlite import SPEC, STAMPS, namespace
from fft_sqlite.publisher import CREATE_STAMPS, SqlitePublisher
from fft_sqlite.spelling import NO_TYPE, SPELLING
from fft_sqlite.values import SqliteFrames, SqliteTypes

_SETTINGS = (
    "pragma legacy_alter_table = on",  # views over a table stay as they are when another table replaces it
    "pragma temp_store = memory",
)
_Given = TypeVar("_Given")
_BUSY_SECONDS = 0.1  # SQLite waits for this time by itself; then the session decides whether to try again
_AFFINITIES = {"INT": "INTEGER", "NUM": "NUMERIC", "": NO_TYPE}


def connect(
    *, path: str = ":memory:", lock_timeout_seconds: float = 600, read_only: bool = False, scratch: bool = False
) -> SqliteSession:
    """Open a file, creating it and its folder if they are missing, or a database in memory."""
    file = Path(path)
    if path == ":memory:" or scratch or (read_only and not file.exists()):
        place, read_only = f"file:/{secrets.token_hex(8)}?vfs=memdb", False
    else:
        place = f"{file.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    try:
        if not read_only:
            file.parent.mkdir(parents=True, exist_ok=True)
        return SqliteSession(place, lock_timeout_seconds, read_only=read_only)
    except (sqlite3.Error, StatementError, OSError) as error:
        raise ConnectError(f"cannot open {path}: {error}") from error


class SqliteSession(BaseSession):
    """One connection, which commits each statement outside of `transaction`."""

    spec = SPEC

    def __init__(self, place: str, lock_timeout_seconds: float, *, read_only: bool) -> None:
        super().__init__(namespace({}))
        self.publisher, self.types, self.frames = SqlitePublisher(self), SqliteTypes(), SqliteFrames(self)
        self._place, self._timeout, self._read_only = place, lock_timeout_seconds, read_only
        self._cancelled = threading.Event()
        self._connection = sqlite3.connect(
            place, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._connection.create_function("md5", 1, _md5, deterministic=True)
        if sys.version_info >= (3, 12):  # else a quoted name that is not a column is a text
            self._connection.setconfig(sqlite3.SQLITE_DBCONFIG_DQS_DML, False)
            self._connection.setconfig(sqlite3.SQLITE_DBCONFIG_DQS_DDL, False)
        for setting in _SETTINGS:
            self._connection.execute(setting)
        if not read_only:
            self.execute("pragma journal_mode = wal")  # readers do not wait for writers
            self.execute(CREATE_STAMPS)

    def execute(self, sql: str) -> Stats:
        with self._explained(sql):
            count = self._retried(lambda: self._connection.execute(sql).rowcount)
        return Stats(count if count >= 0 else None)

    def fetch(self, sql: str) -> list[Row]:
        with self._explained(sql):
            return self._retried(lambda: self._connection.execute(sql).fetchall())

    def columns(self, query: str) -> tuple[ColumnType, ...]:
        with self._explained(query):
            described = self._retried(lambda: _described(self._connection, query))
        return tuple(ColumnType(name, _AFFINITIES.get(kind.upper(), kind.upper())) for name, kind in described)

    def inspect(self, relations: Sequence[Relation], want: Want = Want.KIND) -> Mapping[Relation, TableInfo]:
        found: dict[Relation, TableInfo] = {}
        for schema in dict.fromkeys(relation.schema or "main" for relation in relations):
            wanted = {_folded(one.name): one for one in relations if (one.schema or "main") == schema}
            names, place = SPELLING.literals(wanted), SPELLING.quoted(schema)
            for name, kind, stamp in self.fetch(
                f"select lower(s.name), s.type, t.stamp from {place}.sqlite_schema as s left join {self._stamps} as t "
                "on t.name = lower(s.name) and t.signature = md5(s.sql) "
                f"where s.type in ('table', 'view') and lower(s.name) in ({names})"
            ):
                found[wanted[name]] = self._info(wanted[name], kind, stamp, want)
        return found

    def for_thread(self) -> SqliteSession:
        return SqliteSession(self._place, self._timeout, read_only=self._read_only)

    def interrupt(self) -> None:
        self._cancelled.set()
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()

    def temporary(self, name: str) -> Relation:
        return Relation(name, "temp")

    def create_temporary(self, name: str, query: str, kind: RelationKind = "table") -> Stats:
        if kind == "table":
            return self.create_table(self.temporary(name), query)
        return super().create_temporary(name, query, kind)

    def create_table(self, place: Relation, query: str) -> Stats:
        """Create a table whose columns have the types that are declared for those of the query, as far as they are.

        It has a comment that no other table has: see `SqlitePublisher`.
        """
        columns, table = self.columns(query), SPELLING.relation(place)
        refuse_repeated(columns, query)
        typed = ", ".join(f"{SPELLING.quoted(column.name)} {column.type}" for column in columns)
        self.execute(f"create table {table} (/* {secrets.token_hex(8)} */ {typed})")
        return self.execute(f"insert into {table}\n{query}")

    def create_schema(self, relation: Relation) -> None:
        if relation.schema not in (None, "main"):
            raise EngineError(
                f"the schema {relation.schema!r} does not exist: a SQLite file has one schema, 'main'", code="FFT-607"
            )

    @contextmanager
    def turn(self) -> Iterator[None]:
        self._cancelled.clear()
        yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.execute("begin immediate")  # one writes at a time; the others wait here
        try:
            yield
            self.execute("commit")
        except BaseException:
            while self._connection.in_transaction:
                with suppress(sqlite3.OperationalError):  # an interruption may hit the rollback as well
                    self._connection.execute("rollback")
            raise

    def execute_many(self, sql: str, rows: Sequence[Row]) -> None:
        """Run a statement once for each row of values."""
        with self._explained(sql):
            self._connection.executemany(sql, rows)

    @property
    def _stamps(self) -> str:
        """The table of stamps as SQL; one row of NULL for a read-only file of others, which has no such table."""
        is_there = self.fetch(f"select 1 from main.sqlite_schema where name = '{STAMPS}'")
        return f'main."{STAMPS}"' if is_there else "(select null as name, null as stamp, null as signature)"

    def _info(self, relation: Relation, kind: RelationKind, stamp: str | None, want: Want) -> TableInfo:
        table = SPELLING.select_all(relation)
        is_counted = Want.ROWS in want and stamp is not None and kind == "table"
        return TableInfo(
            kind,
            stamp if want & (Want.STAMP | Want.ROWS) else None,
            rows=self.fetch(f"select count(*) from {SPELLING.relation(relation)}")[0][0] if is_counted else None,
            columns=self._columns_of(table) if Want.COLUMNS in want else (),
        )

    def _columns_of(self, table: str) -> tuple[ColumnType, ...]:
        try:
            return self.columns(table)
        except StatementError:  # a view over a table that no longer exists
            return ()

    def _retried(self, call: Callable[[], _Given]) -> _Given:
        """Call again while another session writes, until the time is over or the turn is interrupted."""
        end = time.monotonic() + self._timeout
        while True:
            if self._cancelled.is_set():
                raise EngineError("the statement was interrupted", code="FFT-604")
            try:
                return call()
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or time.monotonic() > end:
                    raise

    @contextmanager
    def _explained(self, sql: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        except sqlite3.OperationalError as error:
            if _code(error) == "SQLITE_INTERRUPT":
                raise EngineError("the statement was interrupted", code="FFT-604") from error
            if _is_busy(error):
                said = f"another session has been writing to the database for more than {self._timeout:g} s"
                raise BusyError(said, hint="Wait for that run, or end it.") from error
            raise _rejected(error, sql) from error
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:  # two statements, a text that is not Unicode
            raise _rejected(error, sql) from error
        finally:
            self.trace.ended(sql, started)


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return _code(error).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _code(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", "")  # an error of the driver itself has none


def _folded(name: str) -> str:
    """Return a name as SQLite compares it: without the case of ASCII letters."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def _rejected(error: Exception, sql: str) -> StatementError:
    """Return the error; it has a position if the text that SQLite names occurs only once."""
    said = str(error)
    named = re.match(r'near "(.+)": |no such (?:column|function|table): (\S+)', said)
    token = (named[1] or named[2]) if named else ""
    position = sql.find(token) if token and sql.count(token) == 1 else None
    missing = re.match(r"no such table: (?:main\.)?(.+)", said)
    return StatementError(said, sql=sql, missing=missing[1] if missing else None, position=position)


def _described(connection: sqlite3.Connection, query: str) -> list[tuple[str, str]]:
    """Return the names and types of a query: the declared type of a plain column, else the type of SQLite's cast."""
    try:
        connection.execute(f"create temp view _ff_described as\n{query}")
        declared = connection.execute("pragma temp.table_info(_ff_described)").fetchall()
        connection.execute("create temp table _ff_typed as select * from temp._ff_described limit 0")
        typed = connection.execute("pragma temp.table_info(_ff_typed)").fetchall()
        names = _as_written(connection, query, [column[1] for column in declared])
        return [(name, one[2] or other[2]) for name, one, other in zip(names, declared, typed, strict=True)]
    finally:
        connection.execute("drop table if exists temp._ff_typed")
        connection.execute("drop view if exists temp._ff_described")


def _as_written(connection: sqlite3.Connection, query: str, names: list[str]) -> list[str]:
    """Return the names that the query itself has: in a view, the second column with the name `a` is `a:1`."""
    if not any(re.fullmatch(r".*:\d+", name) for name in names):
        return names
    try:
        return [column[0] for column in connection.execute(f"{query}\nlimit 0").description]
    except sqlite3.OperationalError:  # it has a limit already
        return [re.sub(r":\d+$", "", name) for name in names]


def _md5(text: str | None) -> str | None:
    return None if text is None else hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

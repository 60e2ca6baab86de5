"""Sessions of Postgres: each has one connection, and each build has a stage of its own, in one transaction."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property, partial
from typing import Self

import psycopg
from psycopg import errors
from psycopg.types.json import set_json_loads

from fft_core.engines.postgres import LONGEST_NAME, SPEC, catalog, namespace
from fft_core.engines.postgres.attachments import PostgresAttachments
from fft_core.engines.postgres.conninfo import conninfo_of as conninfo_of
from fft_core.engines.postgres.conninfo import shown
from fft_core.engines.postgres.estimates import PostgresEstimates
from fft_core.engines.postgres.frames import PostgresFrames
from fft_core.engines.postgres.locks import Locks
from fft_core.engines.postgres.places import PostgresPlaces, looking_from
from fft_core.engines.postgres.publisher import PostgresPublisher
from fft_core.engines.postgres.settings import search_path, set_settings
from fft_core.engines.postgres.spelling import SPELLING
from fft_core.engines.postgres.times import read_any_time
from fft_core.engines.postgres.types import PostgresTypes
from fft_core.engines.postgres.versions import PostgresVersions
from fft_core.engines.protocol import (
    ColumnType,
    Row,
    Stats,
    TableInfo,
    Want,
)
from fft_core.engines.session import BaseSession
from fft_core.engines.spec import Namespace
from fft_core.engines.spec.dsn import secret_parts
from fft_core.engines.spec.masking import Masker
from fft_core.errors import BusyError, ConnectError, EngineError, StatementError, UnreachableError
from fft_core.names import Relation
from fft_core.names.numbers import read_number

_log = logging.getLogger(__name__)
_NAME_TOO_LONG = "42622"
# The server would refuse another attempt as well.
_REFUSED = re.compile(r'authentication failed|no password supplied|pg_hba\.conf|(?:role|database) ".*" does not exist')


def connect(
    *,
    dsn: str,
    db_schema: str | None = None,
    lock_timeout_seconds: float = 600,
    replace_in_place_up_to_mb: float = 16,
    read_only: bool = False,
    scratch: bool = False,
) -> PostgresSession:
    """Open a session.

    Args:
        dsn: A URL in the form of libpq or SQLAlchemy (`postgresql+psycopg://`), or "host=... dbname=...".
        db_schema: The schema of unqualified relations; "public" if None. It is created when something is built.
        lock_timeout_seconds: How long to wait for another session that builds or changes the same relation.
        replace_in_place_up_to_mb: The size of a table up to which its rows are replaced in place, so that a reader that
            began before still finds the old rows. A larger table is swapped, which is quicker.
        read_only: Whether nothing may be changed; a schema that does not exist reads as an empty one.
        scratch: Not used: every session has temporary tables of its own, which end with the session.
    """
    place = namespace({"db_schema": db_schema})
    return PostgresSession(
        conninfo_of(dsn), place, lock_timeout_seconds, replace_in_place_up_to_mb, read_only=read_only
    )


def _opened(conninfo: str, settings: str) -> psycopg.Connection[Row]:
    try:
        # statements are never prepared on the server: a prepared plan would outlive a table that is swapped
        connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
        set_json_loads(partial(json.loads, parse_float=read_number), connection)  # JSON numbers keep all digits
        connection.execute(settings.encode())  # by a statement: libpq's variables such as PGTZ override `options`
        return connection
    except psycopg.Error as error:
        kind = ConnectError if _REFUSED.search(str(error)) else UnreachableError
        raise kind(
            f"cannot connect to {shown(conninfo)}: {Masker.of(secret_parts(conninfo))(str(error).strip())}",
            hint="Is the server running there, and are dsn and FF_PG_DSN right?",
        ) from None


class PostgresSession(BaseSession):
    """One connection to a Postgres database."""

    spec = SPEC

    def __init__(
        self,
        conninfo: str,
        place: Namespace,
        lock_timeout_seconds: float,
        replace_in_place_up_to_mb: float,
        *,
        read_only: bool = False,
    ) -> None:
        super().__init__(place)
        self._locks = Locks(self, lock_timeout_seconds)
        self.publisher = PostgresPublisher(self, self._locks, replace_in_place_up_to_mb)
        self.types = PostgresTypes(self.fetch)
        self.frames = PostgresFrames(self)
        self.versions = PostgresVersions(self.fetch)
        self.estimates = PostgresEstimates(self.fetch)
        self.attachments = PostgresAttachments(self.fetch)
        self.places = PostgresPlaces(self, conninfo)
        self._own = place
        self._conninfo = conninfo
        self._read_only = read_only
        self._settings = set_settings(search_path(place.schema), read_only=read_only)
        self._timeout = lock_timeout_seconds
        self._in_place_up_to_mb = replace_in_place_up_to_mb
        self._connection = _opened(conninfo, self._settings)
        read_any_time(self._connection)
        self._connection.add_notice_handler(self._noticed)
        self._cut_name: str | None = None
        self._running = threading.Lock()
        self._cancelled = threading.Event()
        self._in_transaction = False

    @property
    def is_closed(self) -> bool:
        """Whether the connection is closed, by FFT or by the server."""
        return self._connection.closed

    def relation(self, name: str, schema: str | None = None, catalog: str | None = None) -> Relation:
        for part in (name, schema or ""):
            if len(part.encode()) > LONGEST_NAME:
                raise EngineError(
                    f"{part!r} is longer than {LONGEST_NAME} bytes, and Postgres would cut it",
                    hint="Choose a shorter name.",
                    code="FFT-606",
                )
        if catalog is not None and catalog != self._database:
            raise EngineError(
                f"{name!r} would be in the database {catalog!r}, but the session uses {self._database!r}",
                hint="A Postgres session uses one database: set a schema instead.",
                code="FFT-603",
            )
        return super().relation(name, schema)

    @cached_property
    def _database(self) -> str:
        ((name,),) = self.fetch("select current_database()")
        return str(name)

    def temporary(self, name: str) -> Relation:
        return self.relation(name, "pg_temp")

    def execute(self, sql: str) -> Stats:
        with self.statement(sql) as cursor:
            cursor.execute(sql.encode())
            return Stats(cursor.rowcount if cursor.rowcount >= 0 else None)

    def fetch(self, sql: str) -> list[Row]:
        with self.statement(sql) as cursor:
            cursor.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def columns(self, query: str) -> tuple[ColumnType, ...]:
        with self.statement(query) as cursor:
            cursor.execute(f"select * from ({query}\n) as described limit 0".encode())
            result = cursor.pgresult
            assert result is not None  # a statement was executed
            fields = [(_text(result.fname(i)), result.ftype(i), result.fmod(i)) for i in range(result.nfields)]
        if not fields:
            return ()
        types = ", ".join(f"format_type({oid}, {modifier})" for _, oid, modifier in fields)
        (spelled,) = self.fetch(f"select {types}")
        return tuple(ColumnType(field[0], kind) for field, kind in zip(fields, spelled, strict=True))

    def inspect(self, relations: Sequence[Relation], want: Want = Want.KIND) -> Mapping[Relation, TableInfo]:
        with looking_from(self._connection, self._own.schema, self._namespace.schema):
            return catalog.inspect(self.fetch, relations, want)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._reconnect()
        self._in_transaction = True
        try:
            self.execute("begin")
            yield
            if self._cancelled.is_set():  # between two statements, for example while a Python model runs
                raise EngineError("the statement was interrupted", code="FFT-604")
            self.execute("commit")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._in_transaction = False

    def _roll_back(self) -> None:
        """Roll back the transaction, if one is open; after an interruption, try again."""
        while not self._connection.closed:
            try:
                self._connection.execute("rollback")
            except errors.QueryCanceled:
                continue
            return

    def _reconnect(self) -> None:
        if self._connection.closed:  # the server closed it after the last transaction
            self._connection = _opened(self._conninfo, self._settings)
            self._connection.add_notice_handler(self._noticed)

    def turn(self) -> AbstractContextManager[None]:
        self._cancelled.clear()
        if not self._in_transaction:
            self._reconnect()
        return nullcontext()  # no session has the database exclusively

    def create_schema(self, relation: Relation) -> None:
        schema = relation.schema or ""
        if not self.fetch(f"select 1 from pg_namespace where nspname = {SPELLING.literal(schema)}"):
            try:
                with self._traced("create schema"):
                    self._connection.execute(SPELLING.create_schema(Relation("", schema)).encode())
            except StatementError as error:
                # another session created it at the same time: Postgres checks first, and inserts later
                if not isinstance(error.__cause__, errors.UniqueViolation):
                    raise

    def hold(self, relation: Relation) -> None:
        key = int.from_bytes(
            hashlib.sha256(f"fft {relation.schema}.{relation.name}".encode()).digest()[:8], "big", signed=True
        )
        ((is_free,),) = self.fetch(f"select pg_try_advisory_xact_lock({key})")
        if is_free:
            return
        _log.warning("waiting for %s, which is being built by %s", relation, self._holder(key))
        with self._locks.limited(self._timeout):
            try:
                self.fetch(f"select pg_advisory_xact_lock({key})")
            except BusyError as error:
                raise BusyError(
                    f"{relation} has been built by another session for more than {self._timeout:g} s",
                    hint="Wait for that run, or end it.",
                ) from error

    def _holder(self, key: int) -> str:
        rows = self.fetch(
            "select a.pid, a.application_name, a.client_addr::text "
            "from pg_locks as l join pg_stat_activity as a using (pid) "
            f"where l.locktype = 'advisory' and l.granted and ((l.classid::bigint << 32) | l.objid::bigint) = {key}"
        )
        return (
            "; ".join(f"pid {pid} ({name or 'unnamed'} at {host or 'this host'})" for pid, name, host in rows)
            or "another"
        )

    def for_thread(self) -> Self:
        return type(self)(
            self._conninfo, self._namespace, self._timeout, self._in_place_up_to_mb, read_only=self._read_only
        )

    def interrupt(self) -> None:
        self._cancelled.set()
        self._connection.cancel_safe(timeout=5)

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def statement(self, sql: str) -> Iterator[psycopg.Cursor[Row]]:
        """Yield a cursor for one statement; its errors are explained, and its time is counted."""
        with self._traced(sql), self._connection.cursor() as cursor:
            yield cursor

    def _noticed(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.sqlstate == _NAME_TOO_LONG:
            self._cut_name = diagnostic.message_primary

    @contextmanager
    def _traced(self, sql: str) -> Iterator[None]:
        self._cut_name, started = None, time.perf_counter()
        try:
            yield
        except psycopg.Error as error:
            gone, stopped = self._connection.closed, self._cancelled.is_set()
            raise _explained(error, sql, is_closed=gone, is_interrupted=stopped) from error
        finally:
            self.trace.ended(sql, started)
        if self._cut_name:
            raise StatementError(
                self._cut_name,
                sql=sql,
                hint=f"Postgres cuts names at {LONGEST_NAME} bytes: choose a shorter one.",
                code="FFT-606",
            )


def _explained(error: psycopg.Error, sql: str, *, is_closed: bool, is_interrupted: bool) -> EngineError:
    message = str(error).strip()
    match error:
        case errors.QueryCanceled() if is_interrupted or "user request" in message:  # the message may be translated
            return EngineError("the statement was interrupted", code="FFT-604")
        case errors.QueryCanceled():
            hint = "Is a statement_timeout set for the role or the database, in the dsn or in PGOPTIONS?"
            return StatementError(message, sql=sql, hint=hint)
        case errors.LockNotAvailable() | errors.DeadlockDetected() | errors.SerializationFailure():
            return BusyError(f"another session holds a lock: {message}", hint="Try again later.")
    if is_closed:
        return BusyError(f"the connection was lost: {message}", hint="Try again later.", code="FFT-221")
    return _rejected(error, message, sql)


def _rejected(error: psycopg.Error, message: str, sql: str) -> StatementError:
    """Return the error without the parts of the message that it has as fields: the hint, and the line of SQL."""
    hint, place, code = error.diag.message_hint, error.diag.statement_position, None
    repeated = re.fullmatch(r'column "(.+)" specified more than once', message.partition("\n")[0])
    if repeated:
        message, code = f"the query has two columns called {repeated[1]!r}", "FFT-602"
        hint = hint or "Name each differently; of a join, select the columns of one side, or write `using (...)`."
    if hint:
        message = message.replace(f"\nHINT:  {hint}", "")
    if place:
        message = re.sub(r"\nLINE \d+: .*\n *\^", "", message)
    missing = None
    if isinstance(error, errors.UndefinedTable):
        missing = re.search(r'["«»„“](.+?)["«»”“]', message)  # the relation's name, in any language of the server
    return StatementError(
        message,
        sql=sql,
        hint=hint,
        missing=missing.group(1) if missing else None,
        position=int(place) - 1 if place else None,
        code=code,
    )


def _text(name: bytes | None) -> str:
    return (name or b"").decode()

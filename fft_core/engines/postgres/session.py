"""Postgres: one connection for each session, a stage of its own for each build, all of it in one transaction."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import set_json_loads

from fft_core.engines.postgres import SPEC, arrow, copy, namespace
from fft_core.engines.postgres.definitions import definitions
from fft_core.engines.postgres.dsn import HINT, wrong_dsn
from fft_core.engines.postgres.publish import LONGEST_NAME, Publisher, stage_name
from fft_core.engines.postgres.settings import set_settings
from fft_core.engines.postgres.spelling import SPELLING
from fft_core.engines.postgres.times import read_any_time
from fft_core.engines.postgres.values import equality_query, has_equality, visible
from fft_core.engines.protocol import (
    ColumnType,
    Details,
    PublishMode,
    RelationKind,
    Row,
    TableInfo,
    details_of,
)
from fft_core.engines.spec import Namespace
from fft_core.engines.spec.csv_format import DEFAULT, CsvFormat
from fft_core.engines.spec.dsn import secret_parts
from fft_core.engines.spec.masking import Masker
from fft_core.engines.spec.spelling import Spelling
from fft_core.engines.stamp import marked, stamp_in
from fft_core.engines.trace import Trace
from fft_core.errors import BusyError, ConnectError, EngineError, StatementError, UnreachableError
from fft_core.names import Relation
from fft_core.names.functions import Definition
from fft_core.names.numbers import json_text, read_number

if TYPE_CHECKING:
    import pyarrow as pa

_log = logging.getLogger(__name__)
_SEED_TYPES = {
    "string": "text",
    "integer": "bigint",
    "double": "double precision",
    "float": "double precision",
    **dict.fromkeys(("numeric", "decimal", "dec"), "numeric(38, 9)"),  # exact, as in `declared_types`
    "boolean": "boolean",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
    "date": "date",
}
_KINDS: Mapping[str, RelationKind] = {"v": "view", "m": "materialized_view"}  # as in pg_class; others are tables
_NAME_TOO_LONG = "42622"
# A server that answers so will answer so again.
_REFUSED = re.compile(r'authentication failed|no password supplied|pg_hba\.conf|(?:role|database) ".*" does not exist')


def connect(
    *,
    dsn: str,
    db_schema: str | None = None,
    lock_timeout_seconds: float = 600,
    replace_in_place_up_to_mb: float = 16,
    read_only: bool = False,
    scratch: bool = False,
) -> PostgresEngine:
    """Open a session.

    Args:
        dsn: A URL as libpq or SQLAlchemy spells it (`postgresql+psycopg://`), or "host=... dbname=...".
        db_schema: Where unqualified relations lie; "public" where None. It is created when something is built.
        lock_timeout_seconds: How long to wait for another session that builds the same relation, or changes it.
        replace_in_place_up_to_mb: How large a table may be whose rows are replaced in place, so that who began to read
            before still finds the old ones. A larger one is swapped, which is quicker.
        read_only: Change nothing; a schema that is not there reads as an empty one.
        scratch: Any session will do: its temporary tables are nobody else's, and gone when it ends.
    """
    place = namespace({"db_schema": db_schema})
    return PostgresEngine(_conninfo(dsn), place, lock_timeout_seconds, replace_in_place_up_to_mb, read_only=read_only)


def _conninfo(dsn: str) -> str:
    wrong = wrong_dsn(dsn)
    try:
        given = {} if wrong else conninfo_to_dict(re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", dsn))
    except psycopg.Error:
        wrong = "cannot be read"  # what libpq says of it may quote parts of the password
    if wrong:
        raise ConnectError(f"the dsn of the Postgres profile {wrong}", hint=HINT)
    given.setdefault("fallback_application_name", "fft")
    given.setdefault("connect_timeout", "10")
    return make_conninfo("", **{**given, "client_encoding": "UTF8"})


def _opened(conninfo: str, settings: str) -> psycopg.Connection[Row]:
    try:
        # never prepared on the server: a prepared plan outlives the table that is swapped below it
        connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
        set_json_loads(partial(json.loads, parse_float=read_number), connection)  # no digit of a JSON is lost
        connection.execute(settings.encode())  # now: what libpq takes from PGTZ and the like beats its own `options`
        return connection
    except psycopg.Error as error:
        kind = ConnectError if _REFUSED.search(str(error)) else UnreachableError
        raise kind(
            f"cannot connect to {_shown(conninfo)}: {Masker.of(secret_parts(conninfo))(str(error).strip())}",
            hint="Is the server running there, and are dsn and FF_PG_DSN right?",
        ) from None


def _shown(conninfo: str) -> str:
    """A connection as it may be shown: who and where, no password."""
    given = conninfo_to_dict(conninfo)
    where = f"{given.get('host') or 'the local socket'}:{given.get('port') or 5432}"
    database, user = given.get("dbname") or "(default)", given.get("user") or "(default)"
    return f"Postgres at {where}, database {database}, user {user}"


class PostgresEngine:
    """One connection to a Postgres database."""

    name = SPEC.name
    dialect = SPEC.dialect
    capabilities = SPEC.can
    spelling: Spelling = SPELLING

    def __init__(
        self,
        conninfo: str,
        place: Namespace,
        lock_timeout_seconds: float,
        replace_in_place_up_to_mb: float,
        *,
        read_only: bool = False,
    ) -> None:
        self.trace = Trace()
        self._conninfo = conninfo
        self._read_only = read_only
        self._settings = set_settings(f"{SPELLING.quoted(place.schema or '')}, public", read_only=read_only)
        self._place = place
        self._timeout = lock_timeout_seconds
        self._in_place_up_to_mb = replace_in_place_up_to_mb
        self._connection = _opened(conninfo, self._settings)
        read_any_time(self._connection)
        self._connection.add_notice_handler(self._noticed)
        self._cut_name: str | None = None
        self._frames = count()
        self._has_equality = dict[str, bool]()
        self._running = threading.Lock()
        self._cancelled = threading.Event()
        self._in_transaction = False

    def relation(self, name: str, schema: str | None = None, catalog: str | None = None) -> Relation:
        for part in (name, schema or ""):
            if len(part.encode()) > LONGEST_NAME:
                raise EngineError(
                    f"{part!r} is longer than {LONGEST_NAME} bytes, and Postgres would cut it",
                    hint="Choose a shorter name.",
                )
        return self._place.relation(name, schema, catalog)

    def temporary(self, name: str) -> Relation:
        return self.relation(name, "pg_temp")

    def column_type(self, declared: str) -> str:
        word, brackets, _ = declared.strip().lower().partition("[]")
        if brackets and word in ("string", "double"):  # not words of Postgres
            return declared.strip().lower().replace(word, _SEED_TYPES[word])
        return _SEED_TYPES.get(declared.strip().lower(), declared)

    def usable_type(self, type: str) -> str:
        return type  # what has no type is text

    def json_value(self, value: object, type: str) -> str:
        row = json_text({"v": value})
        return f"(select v from json_to_record({SPELLING.literal(row)}) as r(v {type}))"

    def retype(self, relation: Relation, column: ColumnType) -> bool:
        try:
            with self.savepoint():
                self.execute(self.spelling.change_type(relation, column))
        except StatementError as error:
            if isinstance(error.__cause__, errors.FeatureNotSupported):  # a view reads it
                return False
            raise
        return True

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int | None:
        with self._statement(sql), self._connection.cursor() as cursor:
            cursor.execute(sql.encode(), list(parameters) or None)
            return cursor.rowcount if cursor.rowcount >= 0 else None

    def fetch(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        with self._statement(sql), self._connection.cursor() as cursor:
            cursor.execute(sql.encode(), list(parameters) or None)
            return cursor.fetchall() if cursor.description else []

    def columns(self, sql: str) -> tuple[ColumnType, ...]:
        with self._statement(sql), self._connection.cursor() as cursor:
            cursor.execute(f"select * from ({sql}\n) as described limit 0".encode())
            result = cursor.pgresult
            assert result is not None  # a statement was executed
            fields = [(_text(result.fname(i)), result.ftype(i), result.fmod(i)) for i in range(result.nfields)]
        if not fields:
            return ()
        types = ", ".join(f"format_type({oid}, {modifier})" for _, oid, modifier in fields)
        (spelled,) = self.fetch(f"select {types}")
        return tuple(ColumnType(field[0], kind) for field, kind in zip(fields, spelled, strict=True))

    def kinds(self, relations: Sequence[Relation]) -> Mapping[Relation, RelationKind]:
        rows = self._described(relations, "null, null") if relations else []
        return {relation: kind for relation, kind, *_ in rows}

    def tables(self, relations: Sequence[Relation]) -> Mapping[Relation, TableInfo]:
        if not relations:
            return {}
        rows = self._described(relations, f"obj_description(c.oid, 'pg_class'), {_SIGNATURE}")
        found = {relation: TableInfo(kind, stamp_in(comment, signature)) for relation, kind, comment, signature in rows}
        counts = self._row_counts([r for r, table in found.items() if table.kind != "view" and table.stamp])
        return {relation: replace(table, rows=counts.get(relation)) for relation, table in found.items()}

    def _described(self, relations: Sequence[Relation], columns: str) -> list[tuple[Relation, RelationKind, Any, Any]]:
        """Look up relations in one query, however many they are."""
        wanted = {(r.catalog, r.schema, r.name): r for r in relations}
        places = ", ".join(f"({SPELLING.literals(place)})" for place in wanted)
        rows = self.fetch(f"""
            select wanted.*, c.relkind::text, {columns}
            from (values {places}) as wanted(catalog_name, schema_name, relation_name)
            join pg_namespace as n on n.nspname = wanted.schema_name
            join pg_class as c on c.relnamespace = n.oid and c.relname = wanted.relation_name
            where c.relkind in ('r', 'p', 'f', 'v', 'm')
                and coalesce(wanted.catalog_name, current_database()) = current_database()
            """)
        return [
            (wanted[(catalog, schema, name)], _KINDS.get(kind, "table"), comment, signature)
            for catalog, schema, name, kind, comment, signature in rows
        ]

    def _row_counts(self, relations: Sequence[Relation]) -> Mapping[Relation, int]:
        """Count rows, in one query: the statistics are late, and lost in a crash."""
        queries = [f"select {i}, count(*) from {r.sql(self.spelling)}" for i, r in enumerate(relations)]
        rows = self.fetch(" union all ".join(queries)) if queries else []
        return {relations[i]: int(number) for i, number in rows}

    def stamp(self, relation: Relation, kind: RelationKind, stamp: str, columns: Sequence[ColumnType]) -> None:
        table = relation.sql(self.spelling)
        ((comment, signature),) = self.fetch(
            f"select obj_description(c.oid, 'pg_class'), {_SIGNATURE} from pg_class as c "
            f"where c.oid = {SPELLING.literal(table)}::regclass"
        )
        self.execute(self.spelling.comment_on(relation, kind, marked(comment or "", stamp, str(signature))))

    def definitions(self) -> Sequence[Definition]:
        return definitions(self.fetch)

    def details(self, relations: Sequence[Relation]) -> Mapping[Relation, Details]:
        rows = self._described(relations, f"obj_description(c.oid, 'pg_class'), {_COLUMNS}") if relations else []
        return {
            relation: details_of(comment, [(ColumnType(name, kind), said) for name, kind, said in columns or ()])
            for relation, _, comment, columns in rows
        }

    def digest(self, alias: str, columns: Sequence[ColumnType], *, in_order: bool = False) -> str:
        # A row's text is exact: it tells NULL from '', -0 from 0, 1.0 from 1.00; repeated rows count in a sum.
        row = f"concat({alias}.ctid, {alias}::text)" if in_order else f"{alias}::text"

        def total(seed: int) -> str:
            return f'sum(hashtextextended({row} collate "C", {seed}))'

        return f"concat({total(0)}, '-', {total(1)})"

    def comparable(self, value: str, kind: str) -> str:
        if kind not in self._has_equality:
            self._has_equality[kind] = has_equality(kind) or self.fetch(equality_query(kind)) == [(True,)]
        return value if self._has_equality[kind] else f'{value}::text collate "C"'

    def visible(self, value: str, kind: str) -> str:
        return visible(value, kind)

    def unequal(self, value: str, kind: str) -> str | None:
        return None

    def read_frame(self, sql: str) -> pa.Table:
        with self._statement(sql), self._connection.cursor() as cursor:
            return arrow.read(cursor, sql)

    @contextmanager
    def frame_query(self, frame: pa.Table) -> Iterator[str]:
        for column in frame.column_names:
            self.relation(column)  # a column's name has the same limit
        with self._temporary_table(copy.definition(frame.schema)) as name:
            self._copy(name, frame)
            yield f"select * from {name}"

    def _copy(self, name: str, frame: pa.Table) -> None:
        try:
            with self._statement(f"copy {name} from stdin"), self._connection.cursor() as cursor:
                copy.write(cursor, name, frame)
        except StatementError as error:
            cause = error.__cause__
            field = copy.column_of(cause, frame) if isinstance(cause, psycopg.Error) else None
            if field is None or not isinstance(cause, psycopg.Error):
                raise
            said = cause.diag.message_primary
            raise copy.unstorable(field, f"values that Postgres cannot hold: {said}") from error

    @contextmanager
    def _temporary_table(self, columns: str) -> Iterator[str]:
        name = f'"_ff_frame_{next(self._frames)}"'
        self.execute(f"create temporary table {name} ({columns})")
        try:
            yield f"pg_temp.{name}"
        finally:
            if not self._connection.closed:
                self.execute(f"drop table if exists pg_temp.{name}")

    @contextmanager
    def _copying(self, sql: str) -> Iterator[psycopg.Copy]:
        with self._statement(sql), self._connection.cursor() as cursor, cursor.copy(sql.encode()) as copy:
            yield copy

    def file_query(
        self, path: Path, column_types: Mapping[str, str], form: CsvFormat = DEFAULT
    ) -> AbstractContextManager[str]:
        from fft_core.engines.postgres import seeds  # not needed where no seed is built

        return seeds.file_query(self, self._temporary_table, self._copying, path, column_types, form)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._reconnect()
        self.execute("begin")
        self._in_transaction = True
        try:
            yield
        except BaseException:
            if not self._connection.closed:
                self._connection.execute("rollback")
            raise
        finally:
            self._in_transaction = False
        if self._cancelled.is_set():  # between two statements, as while a Python model works
            self._connection.execute("rollback")
            raise EngineError("the statement was interrupted")
        self.execute("commit")

    def _reconnect(self) -> None:
        if self._connection.closed:  # the server ended it since the last transaction
            self._connection = _opened(self._conninfo, self._settings)
            self._connection.add_notice_handler(self._noticed)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what is done in the context, and nothing else, when an exception leaves it."""
        self.execute("savepoint _ff")
        try:
            yield
        except BaseException:
            if not self._connection.closed:
                self._connection.execute("rollback to savepoint _ff")
                self._connection.execute("release savepoint _ff")
            raise
        self.execute("release savepoint _ff")

    def turn(self) -> AbstractContextManager[None]:
        self._cancelled.clear()
        if not self._in_transaction:
            self._reconnect()
        return nullcontext()  # nobody has it alone

    def openings(self) -> int:
        return 1

    def create_schema(self, relation: Relation) -> None:
        schema = relation.schema or ""
        if not self.fetch(f"select 1 from pg_namespace where nspname = {SPELLING.literal(schema)}"):
            try:
                with self._statement("create schema"):
                    self._connection.execute(SPELLING.create_schema(Relation("", schema)).encode())
            except StatementError as error:
                # two sessions at once: Postgres checks, and then inserts
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
        with self.lock_timeout(self._timeout):
            try:
                self.fetch(f"select pg_advisory_xact_lock({key})")
            except BusyError as error:
                raise BusyError(
                    f"{relation} is being built by another session for more than {self._timeout:g} s",
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

    @contextmanager
    def lock_timeout(self, seconds: float) -> Iterator[None]:
        """Wait no longer than this for each lock, inside a transaction."""
        self.execute(f"set local lock_timeout = {max(1, int(seconds * 1000))}")
        yield
        self.execute("set local lock_timeout to default")  # the user's, who may have set one for the role or the dsn

    def stage(self, relation: Relation) -> Relation:
        stage = relation.named(stage_name(relation.name))
        for left, kind in self.kinds([stage]).items():  # by whoever copied a database while something was built
            self.execute(SPELLING.drop(left, kind))
        return stage

    def publish(self, stage: Relation, relation: Relation, mode: PublishMode | None = None) -> int | None:
        size = self._table_size(stage)
        Publisher(self, self._timeout, self._in_place_up_to_mb).publish(stage, relation, mode)
        return size

    def _table_size(self, stage: Relation) -> int | None:
        """How many bytes a stage holds; None for a view."""
        ((size, kind),) = self.fetch(
            f"select pg_table_size(oid), relkind::text from pg_class "
            f"where oid = {SPELLING.literal(stage.sql(SPELLING))}::regclass"
        )
        return int(size) if kind in ("r", "m") else None

    def for_thread(self) -> PostgresEngine:
        return PostgresEngine(
            self._conninfo, self._place, self._timeout, self._in_place_up_to_mb, read_only=self._read_only
        )

    def interrupt(self) -> None:
        self._cancelled.set()
        self._connection.cancel_safe(timeout=5)

    def close(self) -> None:
        self._connection.close()

    def _noticed(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.sqlstate == _NAME_TOO_LONG:
            self._cut_name = diagnostic.message_primary

    @contextmanager
    def _statement(self, sql: str) -> Iterator[None]:
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
                self._cut_name, sql=sql, hint=f"Postgres cuts names at {LONGEST_NAME} bytes: choose a shorter one."
            )


def _explained(error: psycopg.Error, sql: str, *, is_closed: bool, is_interrupted: bool) -> EngineError:
    message = str(error).strip()
    match error:
        case errors.QueryCanceled() if is_interrupted or "user request" in message:  # in the server's language
            return EngineError("the statement was interrupted")
        case errors.QueryCanceled():
            hint = "Is a statement_timeout set for the role or the database, in the dsn or in PGOPTIONS?"
            return StatementError(message, sql=sql, hint=hint)
        case errors.LockNotAvailable() | errors.DeadlockDetected() | errors.SerializationFailure():
            return BusyError(f"another session is in the way: {message}", hint="A later try can succeed.")
    if is_closed:
        return BusyError(f"the connection was lost: {message}", hint="A later try can succeed.")
    return _rejected(error, message, sql)


def _rejected(error: psycopg.Error, message: str, sql: str) -> StatementError:
    """Part the message from the hint, and from the line of SQL with a mark below it: the place is told by itself."""
    hint, place = error.diag.message_hint, error.diag.statement_position
    repeated = re.fullmatch(r'column "(.+)" specified more than once', message.partition("\n")[0])
    if repeated:
        message = f"the query has two columns called {repeated[1]!r}"
        hint = hint or "Name each differently; of a join, select the columns of one side, or write `using (...)`."
    if hint:
        message = message.replace(f"\nHINT:  {hint}", "")
    if place:
        message = re.sub(r"\nLINE \d+: .*\n *\^", "", message)
    missing = None
    if isinstance(error, errors.UndefinedTable):
        missing = re.search(r'["«»„“](.+?)["«»”“]', message)  # of the relation, whatever the server's language
    return StatementError(
        message,
        sql=sql,
        hint=hint,
        missing=missing.group(1) if missing else None,
        position=int(place) - 1 if place else None,
    )


_COLUMNS = """(
        select json_agg(json_build_array(
            attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum)) order by attnum)
        from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
    )"""
# What a table is made of, or what a view says: altered or replaced by hand, it is another one. A comment survives both.
_SIGNATURE = """
    case when c.relkind in ('v', 'm') then substr(md5(pg_get_viewdef(c.oid)), 1, 16) else (
        select substr(md5(string_agg(
            attname || ' ' || format_type(atttypid, atttypmod), e'\\n' order by attnum)), 1, 16)
        from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
    ) end"""


def _text(name: bytes | None) -> str:
    return (name or b"").decode()

"""Reads rows for many readers at once, each answer by one statement with the record of the build in it.

The version and the rows are those of one snapshot: a build commits both together, and the statement waits for a swap
that is under way before it looks.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors
from psycopg.adapt import AdaptersMap
from psycopg.types.string import StrDumperUnknown, TextLoader

from fft_core.engines.postgres import arrow, namespace
from fft_core.engines.postgres.conninfo import conninfo_of, shown
from fft_core.engines.postgres.settings import search_path, set_settings
from fft_core.engines.postgres.spelling import SPELLING
from fft_core.engines.reading import (
    PIN,
    Answer,
    NotThereError,
    Pin,
    Place,
    ReadColumn,
    RefusedValueError,
    RowsQuery,
    TimeLimitError,
    UnfitValueError,
    rows_sql,
)
from fft_core.engines.spec.dsn import secret_parts
from fft_core.engines.spec.masking import Masker
from fft_core.engines.spec.spelling import Spelling
from fft_core.errors import EngineError, UnreachableError

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 2000


def open_reader(settings: Mapping[str, Any]) -> PostgresReader:
    """Open a reader with the settings of a profile; it connects when it is first asked."""
    return PostgresReader(conninfo_of(settings["dsn"]), namespace(settings).schema)


@dataclass
class _Texts:
    """An adaptation of values in which all values are texts, in both directions."""

    adapters: AdaptersMap
    connection: None = None


def _texts() -> _Texts:
    adapters = AdaptersMap(types=psycopg.adapters.types)
    adapters.register_dumper(str, StrDumperUnknown)
    adapters.register_loader(0, TextLoader)  # of all types that have no loader: of all
    return _Texts(adapters)


class PostgresReader:
    """Reads rows over connections that it keeps."""

    spelling: Spelling = SPELLING
    row_number = ("ctid", "tid")

    def __init__(self, conninfo: str, schema: str | None) -> None:
        self._conninfo = conninfo
        self._settings = set_settings(search_path(schema), read_only=True)
        self._idle: queue.SimpleQueue[psycopg.Connection[Any]] = queue.SimpleQueue()
        self._is_closed = threading.Event()

    def columns(self, place: Place) -> tuple[ReadColumn, ...]:
        with self._connection(10) as connection, psycopg.RawCursor(connection) as cursor:
            cursor.execute(f"select * from {place.relation.sql(SPELLING)} limit 0".encode())
            fields = arrow.fields_of(cursor)
            types = ", ".join(f"format_type({field.oid}, {field.modifier})" for field in fields)
            (spelled,) = cursor.execute(f"select {types}".encode()).fetchall()
        return tuple(ReadColumn(f.name, kind, f.final) for f, kind in zip(fields, spelled, strict=True))

    @contextmanager
    def read(self, query: RowsQuery, seconds: float) -> Iterator[Answer]:
        sql, parameters = _with_pin(query)
        with self._connection(seconds) as connection, psycopg.RawCursor(connection) as cursor:
            is_page = query.limit is not None
            if is_page:
                rows: Iterator[tuple[str | None, ...]] = iter(cursor.execute(sql.encode(), parameters))
            else:
                rows = cursor.stream(sql.encode(), parameters, size=_ROWS_AT_ONCE)
            first = next(rows, None)
            if first is None or first[0] is None:
                raise NotThereError("no build is recorded")
            fields = arrow.fields_of(cursor)[1:]
            batches = _batches(fields, rows, all_at_once=is_page)
            begun = next(batches)
            yield Answer(_pin(first[0]), begun.schema, _explained_batches(chain((begun,), batches)))
            if not is_page:
                rows.close()  # type: ignore[attr-defined]  # a stream is a generator

    def fetch(self, sql: str, parameters: Sequence[str], seconds: float) -> list[tuple[Any, ...]]:
        with self._connection(seconds) as connection, psycopg.RawCursor(connection) as cursor:
            return cursor.execute(sql.encode(), parameters).fetchall()

    def close(self) -> None:
        self._is_closed.set()
        while not self._idle.empty():
            self._idle.get_nowait().close()

    @contextmanager
    def _connection(self, seconds: float) -> Iterator[psycopg.Connection[Any]]:
        with _explained():
            connection = self._ready(seconds)
            try:
                yield connection
            except BaseException:
                connection.close()  # the error may be of any kind: the next reader gets another one
                raise
            finally:
                if self._is_closed.is_set():
                    connection.close()
                elif not connection.closed:
                    self._idle.put(connection)

    def _ready(self, seconds: float) -> psycopg.Connection[Any]:
        limit = f"select set_config('statement_timeout', '{int(seconds * 1000)}', false)"
        while True:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                connection = self._opened()
                connection.execute(limit.encode())
                return connection
            try:
                connection.execute(limit.encode())
            except psycopg.OperationalError:  # the server has ended it meanwhile
                connection.close()
            else:
                return connection

    def _opened(self) -> psycopg.Connection[Any]:
        try:
            connection = psycopg.connect(
                self._conninfo, autocommit=True, prepare_threshold=None, context=_texts(), connect_timeout=10
            )
            connection.execute(self._settings.encode())
            # the parts of a UNION ALL are read one after the other: the record first
            connection.execute(b"select set_config('max_parallel_workers_per_gather', '0', false)")
        except psycopg.Error as error:
            said = Masker.of(secret_parts(self._conninfo))(str(error).strip())
            raise UnreachableError(f"cannot connect to {shown(self._conninfo)}: {said}") from None
        return connection


def _with_pin(query: RowsQuery) -> tuple[str, list[str]]:
    """Render one statement: a row with the record of the build, and then the rows."""
    place, given = query.place, len(query.parameters)
    quoted = SPELLING.quoted
    rows = rows_sql(query, place.relation.sql(SPELLING), SPELLING, "ctid")
    layout = f"pg_relation_filenode(to_regclass(${given + 3}))::text"
    facts = (
        "'data_version', data_version, 'stamp', stamp, 'built_at', built_at::text, 'run_id', run_id, "
        f"'rows', row_count, 'layout', {layout}"
    )
    record = (
        f"select jsonb_build_object({facts})::text from {place.records.sql(SPELLING)} "
        f"where node_name = ${given + 1} and relation = ${given + 2} order by built_at desc limit 1"
    )
    sql = (
        f"select ({record}) as {quoted(PIN)}, _ff_none.* from (select 1) as _ff_one "
        f"left join (select * from ({rows}) as _ff_typed where false) as _ff_none on true "
        f"union all select null, _ff_rows.* from ({rows}) as _ff_rows"
    )
    return sql, [*query.parameters, place.node, str(place.relation), place.relation.sql(SPELLING)]


def _pin(text: str) -> Pin:
    said = json.loads(text)
    return Pin(
        said["data_version"] or "",
        said["stamp"] or "",
        f"{said['built_at']}+00:00",
        said["run_id"],
        said["rows"],
        said["layout"],
    )


def _batches(
    fields: Sequence[arrow.Field], rows: Iterator[tuple[str | None, ...]], *, all_at_once: bool
) -> Iterator[pa.RecordBatch]:
    """Yield rows as batches of one schema, at least one; a page has the types that its values need."""
    import pyarrow as pa

    schema: pa.Schema | None = None
    while True:
        part = list(rows) if all_at_once else list(islice(rows, _ROWS_AT_ONCE))
        if schema is not None and not part:
            return
        try:
            table = arrow.from_texts(fields, [row[1:] for row in part])
        except EngineError as error:
            raise UnfitValueError(error.problem.message, hint=error.problem.hint) from error
        if schema is None:
            schema = table.schema
        elif table.schema != schema:
            raise EngineError(
                "a number has more digits than the first rows have", hint="Cast it in the model.", code="FFT-414"
            )
        yield from table.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], schema)]
        if all_at_once:
            return


def _explained_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    with _explained():
        yield from batches


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except errors.QueryCanceled as error:
        raise TimeLimitError("the statement took too long") from error
    except (errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName) as error:
        raise NotThereError(_said(error)) from error
    except psycopg.DataError as error:
        raise RefusedValueError(_said(error)) from error
    except psycopg.OperationalError as error:
        raise UnreachableError(_said(error)) from error
    except psycopg.Error as error:
        raise EngineError(_said(error)) from error


def _said(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error).partition("\n")[0]

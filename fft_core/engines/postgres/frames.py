"""Frames and files of Postgres: by COPY into temporary tables and out of queries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from fft_core.engines.postgres import arrow, copy
from fft_core.engines.spec.csv_format import DEFAULT, CsvFormat
from fft_core.errors import EngineError, StatementError

if TYPE_CHECKING:
    import pyarrow as pa

    from fft_core.engines.postgres.session import PostgresSession


class PostgresFrames:
    """Frames that are read and written by COPY."""

    def __init__(self, session: PostgresSession) -> None:
        self._session = session
        self._numbers = count()

    def read(self, sql: str) -> pa.Table:
        with self._session.statement(sql) as cursor:
            return arrow.read(cursor, sql)

    @contextmanager
    def query(self, frame: pa.Table) -> Iterator[str]:
        for column in frame.column_names:
            self._session.relation(column)  # raises for a long name: columns have the same limit as relations
        with self._temporary_table(copy.definition(frame.schema)) as name:
            self._copy(name, frame)
            yield f"select * from {name}"

    def file_query(
        self, path: Path, column_types: Mapping[str, str], form: CsvFormat = DEFAULT
    ) -> AbstractContextManager[str]:
        from fft_core.engines.postgres import seeds  # imported only if a seed is built

        return seeds.file_query(self._session, self._temporary_table, self._copying, path, column_types, form)

    def _copy(self, name: str, frame: pa.Table) -> None:
        try:
            with self._session.statement(f"copy {name} from stdin") as cursor:
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
        name = f'"_ff_frame_{next(self._numbers)}"'
        self._session.execute(f"create temporary table {name} ({columns})")
        try:
            yield f"pg_temp.{name}"
        except BaseException:
            with suppress(EngineError):  # a failed transaction refuses the DROP, and removes the table itself
                self._drop(name)
            raise
        self._drop(name)

    def _drop(self, name: str) -> None:
        if not self._session.is_closed:
            self._session.execute(f"drop table if exists pg_temp.{name}")

    @contextmanager
    def _copying(self, sql: str) -> Iterator[psycopg.Copy]:
        with self._session.statement(sql) as cursor, cursor.copy(sql.encode()) as copying:
            yield copying

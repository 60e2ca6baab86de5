"""Frames and files of DuckDB: Arrow tables are registered, and scanned in place without a copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

import duckdb

from fft_core.engines.duckdb import arrow
from fft_core.engines.duckdb.spelling import SPELLING
from fft_core.engines.spec.csv_format import DEFAULT, CsvFormat

_ROW_GROUP = 20_480  # a page of sorted rows reads one or two groups: a third of the time, 4 % larger

if TYPE_CHECKING:
    import pyarrow as pa

    from fft_core.engines.duckdb.session import DuckDBSession


class DuckDBFrames:
    """Frames as Arrow tables: read from queries, and registered for queries."""

    def __init__(self, session: DuckDBSession) -> None:
        self._session = session

    def read(self, sql: str) -> pa.Table:
        with self._session.statement(sql) as cursor:
            rows = cursor.sql(sql)
            casts = arrow.casts(rows.columns, rows.types)
            if not casts:
                return cast("pa.Table", rows.to_arrow_table())
            try:
                return cast("pa.Table", cursor.sql(arrow.cast_query(sql, casts)).to_arrow_table())
            except duckdb.ConversionException as error:
                raise arrow.beyond_digits(list(casts), str(error)) from error

    def write_parquet(self, sql: str, path: Path) -> None:
        with self._session.statement(sql) as cursor:
            rows = cursor.sql(sql)
            casts = arrow.casts(rows.columns, rows.types)
            query = arrow.cast_query(sql, casts) if casts else sql
            form = f"format parquet, compression zstd, row_group_size {_ROW_GROUP}"
            cursor.execute(f"copy ({query}\n) to {SPELLING.literal(str(path))} ({form})")

    @contextmanager
    def query(self, frame: pa.Table) -> Iterator[str]:
        name = f"_ff_frame_{id(frame)}"
        with self._registered(name, arrow.storable(frame)):
            yield f"select * from {name}"

    def file_query(
        self, path: Path, column_types: Mapping[str, str], form: CsvFormat = DEFAULT
    ) -> AbstractContextManager[str]:
        from fft_core.engines.duckdb import seeds  # only builds of seeds need it

        return seeds.file_query(self._session, self._registered, path, column_types, form)

    @contextmanager
    def _registered(self, name: str, rows: object) -> Iterator[None]:
        with self._session.cursor() as cursor:
            cursor.register(name, rows)
            try:
                yield
            except BaseException:
                with suppress(duckdb.Error):  # of a failed transaction, which would hide the first error
                    cursor.unregister(name)
                raise
            cursor.unregister(name)

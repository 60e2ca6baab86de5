"""Reads Parquet files for many readers at once, with a DuckDB in memory that can open nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from fft_core.engines.duckdb.spelling import SPELLING
from fft_core.engines.reading import (
    Answer,
    NotThereError,
    Place,
    ReadColumn,
    RefusedValueError,
    RowsQuery,
    TimeLimitError,
    rows_sql,
)
from fft_core.engines.spec.spelling import Spelling
from fft_core.errors import EngineError

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 8192
_REFUSED = (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException)


def open_file_reader(folder: Path) -> FileReader:
    """Open a reader of the files below a folder."""
    return FileReader(folder)


class FileReader:
    """Reads Parquet files."""

    spelling: Spelling = SPELLING
    row_number = ("file_row_number", "bigint")

    def __init__(self, folder: Path) -> None:
        self._connection = duckdb.connect(":memory:")
        self._lock = threading.Lock()
        place = SPELLING.literal(str(folder))
        for setting in (
            "set global TimeZone = 'UTC'",
            "set python_enable_replacements = false",
            "set autoinstall_known_extensions = false",
            "set autoload_known_extensions = false",
            f"set allowed_directories = [{place}]",
            "set enable_external_access = false",
            "set lock_configuration = true",
        ):
            self._connection.execute(setting)

    def columns(self, place: Place) -> tuple[ReadColumn, ...]:
        with self._cursor(None) as cursor:
            found = cursor.sql(f"select * from {_source(place, numbered=False)} limit 0")
            schema = found.to_arrow_table().schema
            names = zip(found.columns, found.types, schema.types, strict=True)
            return tuple(ReadColumn(name, str(kind), arrow) for name, kind, arrow in names)

    @contextmanager
    def read(self, query: RowsQuery, seconds: float) -> Iterator[Answer]:
        sql = rows_sql(query, _source(query.place, numbered=True), SPELLING, self.row_number[0])
        with self._cursor(seconds) as cursor:
            reader = cursor.sql(sql, params=list(query.parameters)).to_arrow_reader(_ROWS_AT_ONCE)
            yield Answer(None, reader.schema, _explained_batches(reader))

    def fetch(self, sql: str, parameters: Sequence[str], seconds: float) -> list[tuple[Any, ...]]:
        with self._cursor(seconds) as cursor:
            return cursor.execute(sql, list(parameters)).fetchall()

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _cursor(self, seconds: float | None) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._lock:
            cursor = self._connection.cursor()
        timer = threading.Timer(seconds, cursor.interrupt) if seconds is not None else None
        try:
            if timer is not None:
                timer.daemon = True
                timer.start()
            with _explained():
                yield cursor
        finally:
            if timer is not None:
                timer.cancel()
            cursor.close()


def _source(place: Place, *, numbered: bool) -> str:
    assert place.file is not None  # the caller has found the file
    option = ", file_row_number = true" if numbered else ""
    return f"read_parquet({SPELLING.literal(str(place.file))}{option})"


def _explained_batches(reader: Any) -> Iterator[pa.RecordBatch]:
    with _explained():
        yield from reader


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException as error:
        raise TimeLimitError("the statement took too long") from error
    except (duckdb.IOException, duckdb.BinderException, duckdb.CatalogException) as error:
        raise NotThereError(str(error).partition("\n")[0]) from error
    except _REFUSED as error:
        raise RefusedValueError(str(error).partition("\n")[0]) from error
    except duckdb.Error as error:
        raise EngineError(str(error).partition("\n")[0]) from error
    except OSError as error:  # Arrow's error for one of DuckDB while batches are read
        said = str(error).partition("\n")[0]
        kind = TimeLimitError if "INTERRUPT" in said.upper() else RefusedValueError
        raise kind(said) from error

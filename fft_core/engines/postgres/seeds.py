"""Seed files in Postgres, by COPY into a temporary table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg

from fft_core.engines.csv_arrow import ArrowRows
from fft_core.engines.csv_file import CsvTable, ListedRows, declared_by_name, read_csv
from fft_core.engines.parquet_file import parquet_schema, read_parquet, refuse_wrong_texts
from fft_core.engines.postgres import LONGEST_NAME
from fft_core.engines.postgres import copy as postgres_copy
from fft_core.engines.protocol import Session
from fft_core.engines.seed_casts import cast_columns
from fft_core.engines.spec.csv_format import CSV_SUFFIXES, CsvFormat
from fft_core.errors import EngineError, SeedError, StatementError


@contextmanager
def file_query(
    engine: Session,
    temporary: Callable[[str], AbstractContextManager[str]],
    copying: Callable[[str], AbstractContextManager[psycopg.Copy]],
    path: Path,
    column_types: Mapping[str, str],
    form: CsvFormat,
) -> Iterator[str]:
    """Make the rows of a file selectable while the context lasts; yield the SELECT.

    Args:
        engine: The session.
        temporary: Creates a table with some columns, and yields its name.
        copying: Begins a COPY.
        path: The file.
        column_types: The declared types of columns.
        form: The format of the file.
    """
    if path.suffix not in CSV_SUFFIXES:
        with _parquet_query(engine, path, column_types) as query:
            yield query
        return
    table = read_csv(path, form, column_types)
    _refuse_long_names(column.name for column in table.columns)
    columns = [f"{engine.spelling.quoted(c.name)} {engine.types.column_type(c.type)}" for c in table.columns]
    with temporary(", ".join(columns)) as name:
        options = "" if isinstance(table.rows, ListedRows) else " (format csv)"
        try:
            with copying(f"copy {name} from stdin{options}") as copy:
                _write(copy, table)
        except StatementError as error:
            raise _refused(error, table) from error
        yield f"select * from {name}"


def _write(copy: psycopg.Copy, table: CsvTable) -> None:
    match table.rows:
        case ListedRows() as rows:
            for row in zip(*rows.fixed(table.fixes), strict=True):
                copy.write_row(row)
        case ArrowRows() as rows:
            for batch in rows.fixed(table.fixes):
                copy.write(postgres_copy.csv_of(batch))


def _refused(error: StatementError, table: CsvTable) -> EngineError | SeedError:
    """Return the error that names the text that Postgres refused, if Postgres reports the column."""
    cause = error.__cause__
    context = cause.diag.context if isinstance(cause, psycopg.Error) else None
    for index, column in enumerate(table.columns):
        found = re.search(rf'column {re.escape(column.name)}: "(.*)"$', context or "", re.DOTALL)
        if found:
            return table.misfit(index, found[1])
    return error


@contextmanager
def _parquet_query(engine: Session, path: Path, column_types: Mapping[str, str]) -> Iterator[str]:
    schema = parquet_schema(path)
    _refuse_long_names(schema.names)
    declared = declared_by_name(column_types, schema.names)
    refuse_wrong_texts(path, schema, declared)
    with engine.frames.query(read_parquet(path)) as query:
        types = {name: engine.types.column_type(kind) for name, kind in declared.items()}
        yield cast_columns(engine, query, types) if types else query


def _refuse_long_names(names: Iterable[str]) -> None:
    for name in names:
        if len(name.encode()) > LONGEST_NAME:
            message = f"the name of column {name!r} is longer than {LONGEST_NAME} bytes, and Postgres would cut it"
            raise SeedError(message, hint="Choose a shorter name.", code="FFT-606")

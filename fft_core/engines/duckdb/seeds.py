"""Files of seeds in DuckDB: small CSV files are loaded into a temporary table, large ones are read as a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from fft_core.engines.csv_arrow import ArrowRows
from fft_core.engines.csv_file import CsvTable, ListedRows, declared_by_name, read_csv
from fft_core.engines.duckdb.spelling import SPELLING
from fft_core.engines.parquet_file import parquet_schema, refuse_wide_decimals, refuse_wrong_texts
from fft_core.engines.seed_casts import cast_columns
from fft_core.engines.spec.csv_format import CSV_SUFFIXES, CsvFormat
from fft_core.errors import EngineError

if TYPE_CHECKING:
    from fft_core.engines.duckdb.session import DuckDBSession

Register: TypeAlias = Callable[[str, object], AbstractContextManager[None]]  # registers rows under a name


@contextmanager
def file_query(
    engine: DuckDBSession, register: Register, path: Path, column_types: Mapping[str, str], form: CsvFormat
) -> Iterator[str]:
    """Make the rows of a file selectable while the context lasts; yield the SELECT that reads them."""
    if path.suffix not in CSV_SUFFIXES:
        yield _parquet_query(engine, path, column_types)
        return
    table = read_csv(path, form, column_types)
    match table.rows:
        case ListedRows():
            with _listed(engine, table, table.rows) as query:
                yield query
        case ArrowRows():
            with _streamed(engine, register, table) as query:
                yield query


@contextmanager
def _listed(engine: DuckDBSession, table: CsvTable, rows: ListedRows) -> Iterator[str]:
    """Load the rows into a temporary table, without Arrow, which is slow to import; yield the SELECT."""
    lists = rows.fixed(table.fixes)
    for index, texts in enumerate(lists):
        _refuse_misfits(engine, table, index, "(select unnest(?::varchar[]))", [texts])
    columns = ", ".join(f"unnest(?::varchar[]) as c{index}" for index in range(len(lists)))
    name = engine.temporary(f"_ff_file_{id(table)}").sql(engine.spelling)
    engine.fetch(f"create temporary table {name} as select {_casts(engine, table)} from (select {columns})", lists)
    try:
        yield f"select * from {name}"
    finally:
        with suppress(EngineError):  # if the session was interrupted or closed; the table ends with it
            engine.execute(f"drop table if exists {name}")


@contextmanager
def _streamed(engine: DuckDBSession, register: Register, table: CsvTable) -> Iterator[str]:
    name = f"_ff_file_{id(table)}"
    with register(name, _Stream(table)):
        for index in range(len(table.columns)):
            _refuse_misfits(engine, table, index, f"(select c{index} from {name})")
        yield f"select {_casts(engine, table)} from {name}"


@dataclass(frozen=True)
class _Stream:
    """The rows of a CSV as texts, read again by each scan."""

    table: CsvTable

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        import pyarrow as pa

        rows = self.table.rows
        assert isinstance(rows, ArrowRows)  # small files are ListedRows
        reader: Any = pa.RecordBatchReader.from_batches(rows.schema, rows.fixed(self.table.fixes))
        stream: object = reader.__arrow_c_stream__(requested_schema)
        return stream


def _casts(engine: DuckDBSession, table: CsvTable) -> str:
    return ", ".join(
        f"cast(c{index} as {engine.types.column_type(column.type)}) as {engine.spelling.quoted(column.name)}"
        for index, column in enumerate(table.columns)
    )


def _refuse_misfits(
    engine: DuckDBSession, table: CsvTable, index: int, texts: str, parameters: Sequence[object] = ()
) -> None:
    """Raise an error for the first text that is not a value of its column's type, if only the engine can check that."""
    column = table.columns[index]
    if column.is_checked:
        return
    cast = f"try_cast(t as {engine.types.column_type(column.type)})"
    wrong = engine.fetch(
        f"select t from {texts} as texts(t) where t is not null and {cast} is null limit 1", parameters
    )
    if wrong:
        raise table.misfit(index, wrong[0][0])


def _parquet_query(engine: DuckDBSession, path: Path, column_types: Mapping[str, str]) -> str:
    schema = parquet_schema(path)
    refuse_wide_decimals(schema)
    declared = declared_by_name(column_types, schema.names)
    refuse_wrong_texts(path, schema, declared)
    names = [engine.spelling.quoted(field.name) for field in schema]
    columns = [f"{_plain(name, str(field.type))} as {name}" for name, field in zip(names, schema, strict=True)]
    rows = f"read_parquet({SPELLING.literal(path)}, hive_partitioning = false)"  # folder names are not columns
    query = f"select {', '.join(columns)} from {rows}"
    types = {name: engine.types.column_type(kind) for name, kind in declared.items()}
    return cast_columns(engine, query, types) if types else query


def _plain(column: str, arrow_type: str) -> str:
    """Render a column with its meaning: DuckDB reads durations as numbers, and has a type of its own for only NULL."""
    units = {"duration[s]": "seconds", "duration[ms]": "milliseconds", "duration[us]": "microseconds"}
    if arrow_type in units:
        return f"to_{units[arrow_type]}({column})"
    return f"{column}::varchar" if arrow_type == "null" else column

"""Parquet files as seeds: a column that an engine would rename, round or cut is an error that names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fft_core.engines.column_kinds import MOST_DIGITS
from fft_core.engines.csv_arrow import ArrowTexts
from fft_core.engines.csv_text import refuse_seed_columns, wrong_names
from fft_core.engines.declared_types import form_of
from fft_core.errors import EngineError, SeedError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


def parquet_schema(path: Path) -> pa.Schema:
    """Read the names and types of a file's columns. Raises SeedError for columns that no table can have."""
    with _opened(path) as file:
        schema = file.schema_arrow
    wrong = wrong_names(schema.names) if schema.names else "the file has no columns"
    if wrong:
        raise SeedError(wrong.replace("the header", "the file"))
    refuse_seed_columns(schema.names)
    for field in schema:
        if _holds(field.type, lambda kind: _is(kind, "duration") and kind.unit == "ns"):
            raise _lossy(field.name, "a duration in nanoseconds, but databases store microseconds", "microseconds")
    return schema


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a file. Raises EngineError if it cannot be written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.write_table(table, path, compression="zstd")
    except (OSError, pa.ArrowException) as error:
        raise EngineError(f"cannot write {path}: {error}", code="FFT-711") from error


def refuse_wide_decimals(schema: pa.Schema) -> None:
    """Raise SeedError for decimals with more digits than most engines have; one would store them as doubles."""
    for field in schema:
        if _holds(field.type, lambda kind: _is(kind, "decimal") and kind.precision > MOST_DIGITS):
            raise _lossy(field.name, f"{field.type}, but the database has {MOST_DIGITS} digits", "text")


def read_parquet(path: Path) -> pa.Table:
    """Read a file for an engine that stores microseconds. Raises SeedError if a value has nanoseconds."""
    import pyarrow as pa

    with _opened(path) as file:
        table = file.read()
    for place, field in enumerate(table.schema):
        if not _holds(field.type, _is_nanoseconds):
            continue
        short: Any = pa.timestamp("us", field.type.tz) if _is(field.type, "timestamp") else pa.time64("us")
        try:
            table = table.set_column(place, field.name, table.column(place).cast(short))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise _lossy(field.name, "nanoseconds, but the database stores microseconds", "microseconds") from error
    return table


def refuse_wrong_texts(path: Path, schema: pa.Schema, declared: Mapping[str, str]) -> None:
    """Raise SeedError for a text that does not fit the declared type of its column."""
    for name, kind in declared.items():
        form = form_of(kind)
        if form is None or not _is(schema.field(name).type, "string", "large_string"):
            continue
        for texts in _texts(path, name):
            wrong = form.wrong(texts)
            if wrong is not None:
                raise SeedError(f"column {name!r}: {wrong[:60]!r} is not {form.words}", hint=_DECLARE, code="FFT-422")


_DECLARE = "Correct it, or declare another type in seeds/schema.yml."


def rounded(name: str, value: object, kind: str) -> SeedError:
    """Return the error for a value that the declared type of its column would change."""
    return SeedError(f"column {name!r}: {value} would change as {kind}", hint=_DECLARE, code="FFT-422")


def _texts(path: Path, name: str) -> Iterator[ArrowTexts]:
    import pyarrow as pa

    with _opened(path) as file:
        for batch in file.iter_batches(columns=[name]):
            yield ArrowTexts(batch.column(0).cast(pa.string()).drop_null())


def _opened(path: Path) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise SeedError(f"the file cannot be read as Parquet: {error}") from error


def _lossy(name: str, what: str, instead: str) -> SeedError:
    return SeedError(
        f"column {name!r} has {what}", hint=f"Write it as {instead}, or round it yourself.", code="FFT-422"
    )


def _is_nanoseconds(kind: Any) -> bool:
    return _is(kind, "timestamp", "time64") and kind.unit == "ns"


def _is(kind: Any, *names: str) -> bool:
    """Whether an Arrow type is one of these, by their names in `pyarrow.types`."""
    import pyarrow as pa

    return any(getattr(pa.types, f"is_{name}")(kind) for name in names)


def _holds(kind: Any, holds: Any) -> bool:
    """Whether a condition holds for a type, or for a type inside it."""
    inner = [kind.field(i).type for i in range(kind.num_fields)] if _is(kind, "nested") else []
    return bool(holds(kind)) or any(_holds(one, holds) for one in inner)

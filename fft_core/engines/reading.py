"""Reading rows for many readers at once, beside builds: what `fft serve` asks of an engine, or of files.

A reader answers one question with one statement. All values are bound as parameters, `$1` and so on. It never changes
anything, and it knows nothing of models.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fft_core.engines.spec import EngineSpec
from fft_core.engines.spec.registry import installed_specs
from fft_core.engines.spec.spelling import Spelling
from fft_core.errors import EngineError, MissingDriverError
from fft_core.names import Relation

if TYPE_CHECKING:
    import pyarrow as pa

PIN, AT, KEY, COUNT = "_ff_pin", "_ff_at", "_ff_key_", "_ff_count"  # names of columns beside those of the rows


class RefusedValueError(EngineError):
    """The database cannot read a value of the request as a value of its column's type."""

    default_code = "FFT-422"


class TimeLimitError(EngineError):
    """The statement took longer than the limit, and was ended."""

    default_code = "FFT-451"


class NotThereError(EngineError):
    """The relation, a column of it, or the record of its build does not exist now."""

    default_code = "FFT-420"


class UnfitValueError(EngineError):
    """A row has a value that Arrow has no place for, such as an infinite date."""

    default_code = "FFT-414"


@dataclass(frozen=True)
class ReadColumn:
    """A column that can be read: its type in the engine's SQL, and in Arrow."""

    name: str
    type: str
    arrow: pa.DataType


@dataclass(frozen=True)
class Place:
    """The place of rows: a file, or a relation with a record of its build.

    Attributes:
        file: The file; None for a relation.
        relation: The relation.
        node: The name of the node, as it is recorded.
        records: The table of the records.
    """

    file: Path | None = None
    relation: Relation = field(default_factory=lambda: Relation(""))
    node: str = ""
    records: Relation = field(default_factory=lambda: Relation(""))


@dataclass(frozen=True)
class RowsQuery:
    """A question about the rows of a place.

    Attributes:
        place: The file or relation.
        columns: The columns of the answer.
        where: The condition in SQL; values are `$1`, `$2` and so on.
        parameters: The values, as texts that `where` casts.
        order: Columns, with whether they are descending; NULL comes last in both directions.
        by_row_number: Whether equal rows are ordered by their place in the table, and the answer has key texts.
        limit: The number of rows; None for all.
        never_null: Columns without NULL: an index in the default order serves them in both directions.
        count_where: The condition of the rows that are counted in the same statement; None: nothing is counted.
    """

    place: Place
    columns: tuple[str, ...]
    where: str = ""
    parameters: tuple[str, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    has_keys: bool = False
    by_row_number: bool = False
    limit: int | None = None
    never_null: frozenset[str] = frozenset()
    count_where: str | None = None


@dataclass(frozen=True)
class Pin:
    """The version that an answer was read from, by the record of the build; files have none."""

    data_version: str
    stamp: str
    built_at: str
    run_id: str | None
    rows: int | None
    layout: str | None


@dataclass(frozen=True)
class Answer:
    """The rows of an answer, with the version that they are from. The batches end when the context ends."""

    pin: Pin | None
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


class Reader(Protocol):
    """Reads rows. Threads may share it."""

    @property
    def spelling(self) -> Spelling:
        """The dialect of statements."""

    @property
    def row_number(self) -> tuple[str, str]:
        """The expression for the place of a row in its table or file, and its type."""

    def columns(self, place: Place) -> tuple[ReadColumn, ...]:
        """Return the columns of a place. Raises NotThereError."""

    def read(self, query: RowsQuery, seconds: float) -> AbstractContextManager[Answer]:
        """Run one statement of at most so many seconds.

        Raises:
            NotThereError: the relation, a column or the record does not exist.
            RefusedValueError: a value cannot be cast to the type of its column.
            TimeLimitError: it took too long.
            EngineError: it failed for another reason.
        """

    def fetch(self, sql: str, parameters: Sequence[str], seconds: float) -> list[tuple[Any, ...]]:
        """Run one statement about other things than rows of a model, such as records; return its rows."""

    def close(self) -> None:
        """Close its connections."""


def rows_sql(query: RowsQuery, source: str, spelling: Spelling, row_number: str) -> str:
    """Render the SELECT of a question over what stands behind FROM."""
    columns = [spelling.quoted(name) for name in query.columns]
    if query.has_keys:
        texts = (f"cast({spelling.quoted(name)} as varchar)" for name, _ in query.order)
        columns += [f"{text} as {spelling.quoted(f'{KEY}{index}')}" for index, text in enumerate(texts)]
        if query.by_row_number:
            columns.append(f"cast({row_number} as varchar) as {spelling.quoted(AT)}")
    if query.count_where is not None:
        counted = f" where {query.count_where}" if query.count_where else ""
        columns.append(f"(select count(*) from {source}{counted}) as {spelling.quoted(COUNT)}")
    where = f" where {query.where}" if query.where else ""
    limit = "" if query.limit is None else f" limit {int(query.limit)}"
    return f"select {', '.join(columns)} from {source}{where}{_order(query, spelling, row_number)}{limit}"


def _order(query: RowsQuery, spelling: Spelling, row_number: str) -> str:
    terms = [
        f"{spelling.quoted(name)}{' desc' if down else ''}{'' if name in query.never_null else ' nulls last'}"
        for name, down in query.order
    ]
    if query.by_row_number:
        terms.append(row_number)
    return f" order by {', '.join(terms)}" if terms else ""


def open_file_reader(folder: Path) -> Reader:
    """Open the reader of Parquet files, which reads below one folder and nowhere else. Raises MissingDriverError."""
    spec = next((spec for spec in installed_specs().values() if spec.file_reader), None)
    if spec is None:
        raise MissingDriverError("no installed engine reads Parquet files for many readers at once", code="FFT-603")
    reader: Reader = _module(spec, spec.file_reader).open_file_reader(folder)
    return reader


def open_live_reader(spec: EngineSpec, settings: Mapping[str, Any]) -> Reader:
    """Open the reader of an engine's relations: `EngineSpec.reader`. Raises MissingDriverError."""
    reader: Reader = _module(spec, spec.reader).open_reader(settings)
    return reader


def _module(spec: EngineSpec, name: str) -> Any:  # Any: a module with `open_reader` or `open_file_reader`
    try:
        return importlib.import_module(name)
    except ImportError as error:
        hint = f'pip install "{spec.extra}"' if spec.extra else None
        raise MissingDriverError(f"serving rows needs the package {error.name!r}", hint=hint, code="FFT-211") from error

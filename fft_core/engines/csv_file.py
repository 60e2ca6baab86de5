"""The one reader of CSV files: column names, types by one rule, and rows as texts that every engine casts alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from fft_core.engines import csv_text
from fft_core.engines.column_kinds import TEXT, ListedTexts, Seen, Texts, kind_of
from fft_core.engines.csv_arrow import ArrowRows, LongRowError
from fft_core.engines.declared_types import TRIM, Fix, Form, form_of
from fft_core.engines.spec.csv_format import CsvFormat
from fft_core.errors import SeedError, nearest

LISTED_BELOW_BYTES = 256 << 10  # smaller files are read without importing Arrow


@dataclass(frozen=True)
class ListedRows:
    """The rows of a small file, as one list of fields for each column; None is NULL."""

    path: Path
    form: CsvFormat
    names: tuple[str, ...]
    columns: Sequence[Sequence[str | None]]
    text: str

    @classmethod
    def opened(cls, path: Path, form: CsvFormat) -> ListedRows:
        """Read a whole file. Raises SeedError."""
        return cls.of(csv_text.decoded(path.read_bytes(), form.encoding), form, path)

    @classmethod
    def of(cls, text: str, form: CsvFormat, path: Path) -> ListedRows:
        """Read a text as the content of a file. Raises SeedError."""
        names = csv_text.header_of(csv_text.lines_of(text), form, path).names
        nulls = {"", *form.null_values}
        rows = csv_text.rows_of(csv_text.lines_of(text), names, form, path)
        fields = [[None if field in nulls else field for field in row.fields] for row in rows]
        columns = list(zip(*fields, strict=True)) if fields else [()] * len(names)
        return cls(path, form, names, columns, text)

    def parts(self) -> Iterator[Sequence[Texts]]:
        """Yield the texts of all columns, in one part."""
        yield [ListedTexts.of(column) for column in self.columns]

    def line_of(self, column: int, text: str) -> int | None:
        """Find the line of the first row that has this text in a column; None if no row has it."""
        rows = csv_text.rows_of(csv_text.lines_of(self.text), self.names, self.form, self.path)
        return next((row.line for row in rows if row.fields[column] == text), None)

    def fixed(self, fixes: Sequence[tuple[Fix, ...]]) -> list[list[str | None]]:
        """Return the fields of each column as texts that every engine casts alike."""
        return [
            [None if text is None else fixed(text, steps) for text in column]
            for column, steps in zip(self.columns, fixes, strict=True)
        ]


def fixed(text: str, fixes: tuple[Fix, ...]) -> str:
    """Return a text in the form that every engine casts alike."""
    for pattern, replacement in fixes:
        text = re.sub(pattern, replacement, text)
    return text


Rows: TypeAlias = ListedRows | ArrowRows


@dataclass(frozen=True)
class CsvColumn:
    """A column: its name, its declared or inferred type, and the changes that its texts need before the cast.

    `is_checked` is False if only the engine knows which texts the type accepts.
    """

    name: str
    type: str
    fixes: tuple[Fix, ...] = ()
    is_checked: bool = True


@dataclass(frozen=True)
class CsvTable:
    """A file as a table: its columns, with the types to which the engine casts their texts, and its rows."""

    columns: tuple[CsvColumn, ...]
    rows: Rows

    @property
    def fixes(self) -> list[tuple[Fix, ...]]:
        """The changes that the texts of each column need before the cast."""
        return [column.fixes for column in self.columns]

    def misfit(self, index: int, text: str) -> SeedError:
        """Return the error for a text that the engine could not cast to its column's type."""
        return misfit(self.rows, index, text, f"of the type {self.columns[index].type}")


def read_csv(path: Path, form: CsvFormat, declared: Mapping[str, str]) -> CsvTable:
    """Read a CSV file.

    Args:
        path: The file.
        form: Its format.
        declared: Types of columns. If there are any, the other columns are text; else all types are inferred.

    Raises:
        SeedError: with the problem and its line.
    """
    is_small = path.stat().st_size < LISTED_BELOW_BYTES
    rows: Rows = ListedRows.opened(path, form) if is_small else ArrowRows.opened(path, form)
    csv_text.refuse_seed_columns(rows.names)
    while True:
        try:
            return table_of(rows, declared)
        except LongRowError:
            assert isinstance(rows, ArrowRows)  # only these rows are read in blocks
            rows = rows.with_larger_blocks()


def table_of(rows: Rows, declared: Mapping[str, str]) -> CsvTable:
    """Return rows with the types of their columns. Raises SeedError, and LongRowError if they are read in blocks."""
    if not declared:
        return CsvTable(tuple(_inferred(rows)), rows)
    types = declared_by_name(declared, rows.names)
    columns = [_declared_column(name, types.get(name, TEXT)) for name in rows.names]
    _refuse_misfits(rows, [form_of(column.type) for column in columns])
    return CsvTable(tuple(columns), rows)


def _inferred(rows: Rows) -> Iterator[CsvColumn]:
    seen = [Seen()] * len(rows.names)
    for part in rows.parts():
        seen = [before.with_more(texts) for before, texts in zip(seen, part, strict=True)]
    for index, name in enumerate(rows.names):
        kind = kind_of(seen[index], (part[index] for part in rows.parts()))
        yield CsvColumn(name, kind, () if kind == TEXT else (TRIM,))


def declared_by_name(declared: Mapping[str, str], names: Sequence[str]) -> Mapping[str, str]:
    """Return the declared types by the column names of the file; without an exact match, case is ignored.

    Raises:
        SeedError: the file lacks a declared column.
    """
    folded = {name.lower(): name for name in names}
    found: dict[str, str] = {}
    for name, kind in declared.items():
        actual = name if name in names else folded.get(name.lower())
        if actual is None:
            hint = nearest(name, names) or f"Its columns: {', '.join(names)}."
            raise SeedError(
                f"seeds/schema.yml gives column {name!r} a type, but the file has no such column",
                hint=hint,
                code="FFT-160",
            )
        found[actual] = kind
    return found


def _declared_column(name: str, kind: str) -> CsvColumn:
    form = form_of(kind)
    if form is not None:
        return CsvColumn(name, kind, form.fixes)
    return CsvColumn(name, kind, is_checked=kind.lower() in (TEXT, "text", "varchar"))


def _refuse_misfits(rows: Rows, forms: Sequence[Form | None]) -> None:
    for part in rows.parts():
        for index, form in enumerate(forms):
            text = form.wrong(part[index]) if form else None
            if form and text is not None:
                raise misfit(rows, index, text, form.words)


def misfit(rows: Rows, index: int, text: str, wanted: str) -> SeedError:
    """Return the error for a text that does not fit its column's type; `wanted` describes the texts that fit."""
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    message = f"column {rows.names[index]!r}: {shown!r} is not {wanted}"
    hint = "Correct it, or declare another type in seeds/schema.yml; `string` accepts every text."
    return SeedError(message, line=rows.line_of(index, text), hint=hint, code="FFT-422")

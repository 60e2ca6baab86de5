"""The rows that a unit test gives an input, as a SELECT: each cell is a text that the database casts."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from fft_core.column_names import paired
from fft_core.engines.engine import Engine
from fft_core.engines.sql import literal
from fft_core.errors import FftError
from fft_core.names import quoted
from fft_core.project.unit_test import CsvFile, CsvText, GivenRows, RowOfCells

# Two kinds of values in one column: what holds both.
_WIDER = {
    frozenset({"integer", "double"}): "double",
    frozenset({"date", "timestamp"}): "timestamp",
    frozenset({"date", "timestamptz"}): "timestamptz",
    frozenset({"timestamp", "timestamptz"}): "timestamptz",
    frozenset({"date", "timestamp", "timestamptz"}): "timestamptz",
}
_CSV_KINDS = {  # as in a seed: what is not one of these is text
    "boolean": re.compile(r"(?i)true|false|t|f|yes|no|y|n"),
    "integer": re.compile(r"-?(0|[1-9][0-9]{0,18})"),
    "double": re.compile(r"(?i)-?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?|nan|-?inf(inity)?"),
}


def given_query(given: GivenRows, engine: Engine, root: Path, known_types: Mapping[str, str]) -> str:
    """Spell the rows of an input.

    Args:
        given: The rows, with the types that are declared.
        engine: Casts them.
        root: The project's folder; CSV files are looked for beside the tests and there.
        known_types: Types of columns that are known otherwise; declared ones win.

    Raises:
        FftError: no columns are known, a column has no one type, or a CSV file cannot be read.
    """
    rows = _Rows.of(given, root)
    columns = _columns(rows, {**known_types, **given.types})
    if not columns:
        hint = "Say which columns it has, as in columns: {id: integer, name: string}."
        raise FftError("an input without rows needs the types of its columns", where=given.location, hint=hint)
    names = [quoted(name, engine.dialect) for name in columns]
    types = [engine.column_type(kind) for kind in columns.values()]
    casts = [f"cast(v.{name} as {kind}) as {name}" for name, kind in zip(names, types, strict=True)]
    values = [", ".join(literal(rows.text(row, name)) for name in columns) for row in rows.rows]
    where = "" if values else "\nwhere 1 = 0"
    cells = ",\n    ".join(f"({row})" for row in values or [", ".join("null" for _ in columns)])
    return f"select {', '.join(casts)}\nfrom (values\n    {cells}\n) as v({', '.join(names)}){where}"


def _columns(rows: _Rows, types: Mapping[str, str]) -> Mapping[str, str]:
    """The columns with their types: those of the rows, and those that are declared and no row has."""
    pairs = paired(types, rows.names)
    declared = {name: types[known] for known, name in pairs.items()}
    found = {name: declared.get(name) or rows.given.other_type or rows.kind(name) for name in rows.names}
    return {**found, **{name: kind for name, kind in types.items() if name not in pairs}}


@dataclass(frozen=True)
class _Rows:
    """Rows whose cells are as written; those of a CSV are texts, and None where a field is empty."""

    given: GivenRows
    names: Sequence[str]
    rows: Sequence[RowOfCells]
    is_csv: bool = False

    @classmethod
    def of(cls, given: GivenRows, root: Path) -> _Rows:
        match given.rows:
            case CsvText(text):
                return _csv(given, text.strip().splitlines(keepends=True))
            case CsvFile(path):
                return _csv(given, _csv_lines(given, path, root))
            case rows:
                return cls(given, _distinct(given, [name for row in rows for name in row]), rows)

    def text(self, row: RowOfCells, name: str) -> str | None:
        """The text of a cell, which the database casts."""
        match row.get(name):
            case None:
                return None
            case bool(value):
                return "true" if value else "false"
            case datetime() as value:
                return value.isoformat(" ")
            case date() as value:
                return value.isoformat()
            case list() | dict() as value:
                return json.dumps(value, default=str)
            case str() | int() | float() as value:
                return str(value)
            case value:
                message = f"column {name!r} holds a value of type {type(value).__name__}, which no table can be given"
                raise FftError(message, where=self.given.location)

    def kind(self, name: str) -> str:
        """The type of a column by its values; text where there is none."""
        values = [value for row in self.rows if (value := row.get(name)) is not None]
        if self.is_csv:
            texts = [str(value) for value in values]
            found = (kind for kind, form in _CSV_KINDS.items() if texts and all(map(form.fullmatch, texts)))
            return next(found, "string")
        kinds = {_kind(value) for value in values} or {"string"}
        kind = next(iter(kinds)) if len(kinds) == 1 else _WIDER.get(frozenset(kinds))
        if kind not in {*_KINDS.values(), "timestamptz"}:
            message = f"the type of column {name!r} is not clear: it holds {' and '.join(sorted(kinds))}"
            raise FftError(message, where=self.given.location, hint=f"Say its type, as in columns: {{{name}: string}}.")
        return str(kind)


_KINDS: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "double",
    str: "string",
    datetime: "timestamp",
    date: "date",
}


def _kind(value: object) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return "timestamptz"
    return _KINDS.get(type(value), type(value).__name__)


def _distinct(given: GivenRows, names: Iterable[str]) -> Sequence[str]:
    """The names in the order in which they occur. Raises where two differ only in case."""
    seen: dict[str, str] = {}
    for name in names:
        key = name if name in given.types else name.lower()  # what is declared in two cases is two columns
        if seen.setdefault(key, name) != name:
            message = f"columns {seen[key]!r} and {name!r} differ only in case"
            hint = "Write one name, or declare both in `columns`, if they are two to the database."
            raise FftError(message, where=given.location, hint=hint)
    return list(seen.values())


def _csv_lines(given: GivenRows, path: Path, root: Path) -> list[str]:
    places = (root / given.location.path.parent / path, root / path)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        hint = "Name it from the file of the tests, or from the project's folder; CSV text has a line with its columns."
        raise FftError(f"there is no file {path}", where=given.location, hint=hint)
    try:
        with found.open(encoding="utf-8-sig", newline="") as file:
            return list(file)
    except UnicodeDecodeError as error:
        raise FftError(f"{path} is not UTF-8 text: {error.reason}", where=given.location) from error


def _csv(given: GivenRows, lines: Iterable[str]) -> _Rows:
    reader = csv.reader(lines, strict=True)
    try:
        header, *rows = [(reader.line_num, row) for row in reader if row] or [(1, [])]
    except csv.Error as error:
        raise FftError(f"line {reader.line_num} of the CSV: {error}", where=given.location) from error
    names = header[1]
    for line, row in rows:
        if len(row) != len(names):
            message = f"line {line} of the CSV has {len(row)} fields, and its header has {len(names)}"
            raise FftError(message, where=given.location)
    cells = [{name: cell or None for name, cell in zip(names, row, strict=True)} for _, row in rows]
    return _Rows(given, _distinct(given, names), cells, is_csv=True)

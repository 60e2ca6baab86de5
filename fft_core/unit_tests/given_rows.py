"""The given rows of an input as a SELECT: each cell is a text that the database casts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from fft_core.engines.column_kinds import kind_of_texts
from fft_core.engines.csv_file import ListedRows
from fft_core.engines.protocol import Session
from fft_core.engines.spec.csv_format import DEFAULT
from fft_core.errors import FftError, SeedError
from fft_core.names.columns import paired
from fft_core.project.model import CsvFile, CsvText, GivenRows, RowOfCells

# The common type of two kinds of values in one column.
_WIDER = {
    frozenset({"integer", "double"}): "double",
    frozenset({"date", "timestamp"}): "timestamp",
    frozenset({"date", "timestamptz"}): "timestamptz",
    frozenset({"timestamp", "timestamptz"}): "timestamptz",
    frozenset({"date", "timestamp", "timestamptz"}): "timestamptz",
}


def given_query(given: GivenRows, engine: Session, root: Path, known_types: Mapping[str, str]) -> str:
    """Return the rows of an input as a query.

    Args:
        given: The rows, with the declared types.
        engine: The session that casts them.
        root: The project's folder; CSV files are searched for beside the tests and there.
        known_types: Types of columns from elsewhere; declared types take precedence.

    Raises:
        FftError: no columns are known, a column mixes types, or a CSV file cannot be read.
    """
    rows = _Rows.of(given, root)
    columns = _columns(rows, {**known_types, **given.types}, engine)
    if not columns:
        hint = "Declare its columns, as in columns: {id: integer, name: string}."
        raise FftError(
            "an input without rows needs the types of its columns", where=given.location, hint=hint, code="FFT-510"
        )
    names = [engine.spelling.quoted(name) for name in columns]
    cast = engine.spelling.cast_to
    casts = [f"{cast(f'_ff_v.{name}', kind)} as {name}" for name, kind in zip(names, columns.values(), strict=True)]
    nested = {name for name in columns if rows.is_nested(name)}
    literal = engine.spelling.literal
    values = [
        [
            _typed(rows, row, name, kind, engine) if name in nested else literal(rows.text(row, name))
            for name, kind in columns.items()
        ]
        for row in rows.rows
    ]
    where = "" if values else "\nwhere 1 = 0"
    table = engine.spelling.given(names, values or [["null" for _ in columns]])
    return f"select {', '.join(casts)}\nfrom {table}{where}"


def _typed(rows: _Rows, row: RowOfCells, name: str, kind: str, engine: Session) -> str:
    """Return a cell of a column of lists or mappings as SQL; a text is the value as the database writes it."""
    value = row.get(name)
    if isinstance(value, list | dict):
        return engine.types.json_value(rows.plain(name, value), kind)
    return engine.spelling.cast_to(engine.spelling.literal(rows.text(row, name)), kind)


def _columns(rows: _Rows, types: Mapping[str, str], engine: Session) -> Mapping[str, str]:
    """Return the columns with their types: those of the rows, and declared ones that no row has."""
    pairs = paired(types, rows.names)
    declared = {name: engine.types.column_type(types[known]) for known, name in pairs.items()}
    other = rows.given.other_type
    found = {
        name: declared.get(name) or (engine.types.column_type(other) if other else rows.kind(name, engine))
        for name in rows.names
    }
    return {**found, **{name: engine.types.column_type(kind) for name, kind in types.items() if name not in pairs}}


@dataclass(frozen=True)
class _Rows:
    """Rows whose cells are as written; cells of a CSV are texts, and None if a field is empty."""

    given: GivenRows
    names: Sequence[str]
    rows: Sequence[RowOfCells]
    is_csv: bool = False

    @classmethod
    def of(cls, given: GivenRows, root: Path) -> _Rows:
        match given.rows:
            case CsvText(text):
                return _csv(given, lambda: ListedRows.of(text.strip(), DEFAULT, Path("the CSV")))
            case CsvFile(path):
                return _csv(given, lambda: ListedRows.opened(_csv_path(given, path, root), DEFAULT))
            case rows:
                return cls(given, _distinct(given, [name for row in rows for name in row]), rows)

    def text(self, row: RowOfCells, name: str) -> str | None:
        """Return the text of a cell, which the database casts."""
        match row.get(name):
            case None:
                return None
            case bool(value):
                return "true" if value else "false"
            case datetime() as value:
                return value.isoformat(" ")
            case date() as value:
                return value.isoformat()
            case str() | int() | float() as value:
                return str(value)
            case value:
                raise self._impossible(name, value)

    def is_nested(self, name: str) -> bool:
        """Return whether a column has a list or mapping."""
        return any(isinstance(row.get(name), list | dict) for row in self.rows)

    def plain(self, name: str, value: object) -> object:
        """Return a list or mapping with only JSON's types inside; numbers keep their digits."""
        match value:
            case dict():
                return {self._key(name, key): self.plain(name, item) for key, item in value.items()}
            case list():
                return [self.plain(name, item) for item in value]
            case float() if not math.isfinite(value):
                return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
            case None | bool() | str() | int() | float():
                return value
        return self.text({name: value}, name)

    def _key(self, name: str, key: object) -> str:
        return key if isinstance(key, str) else self.text({name: key}, name) or "null"

    def _impossible(self, name: str, value: object) -> FftError:
        message = f"column {name!r} holds a value of type {type(value).__name__}, which a table cannot store"
        return FftError(message, where=self.given.location, code="FFT-510")

    def kind(self, name: str, engine: Session) -> str:
        """Return the type of a column from its values, as the engine writes it; text if it has none."""
        values = [value for row in self.rows if (value := row.get(name)) is not None]
        if self.is_csv:
            return engine.types.column_type(kind_of_texts(map(str, values)))  # as in a seed
        dimensions = 0
        while values and all(isinstance(value, list) for value in values):
            dimensions += 1
            values = [item for value in values if isinstance(value, list) for item in value if item is not None]
        return engine.types.column_type(self._one_kind(name, values)) + "[]" * dimensions

    def _one_kind(self, name: str, values: Iterable[object]) -> str:
        kinds = {_kind(value) for value in values} or {"string"}
        kind = next(iter(kinds)) if len(kinds) == 1 else _WIDER.get(frozenset(kinds))
        if kind in {*_KINDS.values(), "timestamptz"} - {"mapping"}:
            return str(kind)
        message = f"the type of column {name!r} is not clear: it holds {' and '.join(sorted(kinds))}"
        example = "json" if "mapping" in kinds else "string"
        hint = f"Declare its type, as in columns: {{{name}: {example}}}; the engine's own types are known, too."
        raise FftError(message, where=self.given.location, hint=hint, code="FFT-510")


_KINDS: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "double",  # all types that `_kind` accepts for one
    str: "string",
    datetime: "timestamp",
    date: "date",
    dict: "mapping",
}


def _kind(value: object) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return "timestamptz"
    return "double" if isinstance(value, float) else _KINDS.get(type(value), type(value).__name__)


def _distinct(given: GivenRows, names: Iterable[str]) -> Sequence[str]:
    """Return the names in order of appearance. Raises FftError if two differ only in case."""
    seen: dict[str, str] = {}
    for name in names:
        key = name if name in given.types else name.lower()  # names declared in two cases are two columns
        if seen.setdefault(key, name) != name:
            message = f"columns {seen[key]!r} and {name!r} differ only in case"
            hint = "Write one name, or declare both in `columns`, if they are two to the database."
            raise FftError(message, where=given.location, hint=hint, code="FFT-510")
    return list(seen.values())


def _csv_path(given: GivenRows, path: Path, root: Path) -> Path:
    candidates = (root / given.location.path.parent / path, root / path)
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        hint = "Name it from the file of the tests, or from the project's folder; CSV text has a line with its columns."
        raise FftError(f"the file {path} does not exist", where=given.location, hint=hint, code="FFT-510")
    return found


def _csv(given: GivenRows, read: Callable[[], ListedRows]) -> _Rows:
    try:
        csv = read()
    except SeedError as error:
        said_where = f"line {error.line} of the CSV: " if error.line else "the CSV: "
        raise FftError(
            said_where + error.problem.message, where=given.location, hint=error.problem.hint, code="FFT-510"
        ) from error
    rows = [dict(zip(csv.names, row, strict=True)) for row in zip(*csv.columns, strict=True)]
    return _Rows(given, csv.names, rows, is_csv=True)

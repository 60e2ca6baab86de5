"""Seed files as Arrow tables, for engines that read no files themselves: the same types as DuckDB finds."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fft_core.errors import StatementError

if TYPE_CHECKING:
    import pyarrow as pa

_BOOLEAN = r"(?i)^\s*(true|false|t|f|yes|no|y|n)\s*$"
_TRUE = r"(?i)^\s*(true|t|yes|y)\s*$"
_INTEGER = r"^\s*-?(0|[1-9][0-9]{0,18})\s*$"
_DECIMAL = r"(?i)^\s*-?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?\s*$|^\s*(nan|-?inf(inity)?)\s*$"


def read_file(path: Path, *, infer: bool) -> pa.Table:
    """Read a CSV or Parquet file.

    Args:
        path: The file.
        infer: Give columns of a CSV the narrowest of boolean, 64-bit integer, double and text that holds all their
            values; else they stay text. An empty field is NULL.
    """
    import pyarrow as pa
    import pyarrow.parquet

    if path.suffix != ".csv":
        return pa.parquet.read_table(path)
    table = _texts(path)
    columns: list[Any] = [_narrowed(column) if infer else column for column in table.columns]
    return pa.table(dict(zip(table.column_names, columns, strict=True)))


def _texts(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv

    wrong = wrong_header(path) or ragged_line(path)
    if wrong:
        raise StatementError(wrong, sql="")
    with path.open(encoding="utf-8-sig", newline="") as lines:
        names = next(csv.reader(lines), [])
    convert = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
    )
    try:
        return pa.csv.read_csv(
            path, parse_options=pa.csv.ParseOptions(newlines_in_values=True), convert_options=convert
        )
    except pa.ArrowInvalid as error:
        raise StatementError(str(error), sql="") from error


def _narrowed(column: Any) -> Any:  # Any: a column of whatever type
    import pyarrow as pa
    import pyarrow.compute as pc

    def all_are(pattern: str) -> bool:
        return bool(pc.all(pc.match_substring_regex(column, pattern)).as_py())

    if column.null_count == len(column):
        return column
    if all_are(_BOOLEAN):
        return pc.match_substring_regex(column, _TRUE)
    trimmed = pc.utf8_trim_whitespace(column)
    try:
        if all_are(_INTEGER):
            return trimmed.cast(pa.int64())
    except pa.ArrowInvalid:
        pass  # beyond 64 bits: a double
    return trimmed.cast(pa.float64()) if all_are(_DECIMAL) else column


def wrong_header(path: Path) -> str | None:
    """Say what is wrong with the header of a CSV file: databases invent names for columns that have none, or two."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        names = next(csv.reader(lines), [])
    if not any(names):
        return "the file has no header"
    twice = next((name for place, name in enumerate(names) if name.lower() in map(str.lower, names[:place])), None)
    return None if twice is None else f"the header has the column {twice!r} twice"


def ragged_line(path: Path) -> str | None:
    """Name the first line that has another number of fields than the header."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.reader(lines, strict=True)
        try:
            header = next(rows, [])
            for row in rows:
                if row and len(row) != len(header):
                    return f"line {rows.line_num} has {len(row)} fields, and the header has {len(header)}"
        except (csv.Error, UnicodeDecodeError) as error:
            return f"line {rows.line_num + 1}: {error}"
    return None

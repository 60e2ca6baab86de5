"""Rows for people: aligned columns with unambiguous values; and for programs: JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time

from fft_cli.terminal import unstyled

LONGEST = 60  # characters of a cell; JSON is not shortened


def cell_text(value: object, *, quotes: bool = True) -> str:
    """Return a value as text. Without `quotes`, a text is quoted only if it could be mistaken for something else.

    >>> cell_text(None), cell_text("a"), cell_text("a", quotes=False), cell_text("NULL", quotes=False), cell_text(True)
    ('NULL', "'a'", 'a', "'NULL'", 'true')
    """
    match value:
        case None:
            text = "NULL"
        case bool():
            text = "true" if value else "false"
        case str():
            is_plain = value.isprintable() and value == value.strip() and value not in ("", "NULL")
            text = value if is_plain and not quotes else repr(value)
        case datetime():
            text = value.isoformat(" ")
        case list() | dict():
            text = json.dumps(json_value(value))
        case _:
            text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def json_value(value: object) -> object:
    """Return a value as JSON has it: exact numbers, dates and all other types that JSON lacks become text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case Mapping():
            return {str(key): json_value(inner) for key, inner in value.items()}
        case list() | tuple():
            return [json_value(inner) for inner in value]
    return str(value)


def aligned(rows: Sequence[Sequence[str]], *, right: Sequence[bool] = ()) -> list[str]:
    """Align cells in columns; the columns in `right` are aligned to the right.

    >>> aligned([["id", "name"], ["10", "a"]], right=[True, False])
    ['id  name', '10  a']
    """
    count = max(map(len, rows), default=0)
    widths = [widest(row[i] for row in rows if i < len(row)) for i in range(count)]
    return [in_columns(row, widths, right=right) for row in rows]


def in_columns(cells: Sequence[str], widths: Sequence[int], *, right: Sequence[bool] = ()) -> str:
    """Align the cells of one row in columns of known widths, if the other rows are not known yet."""
    at_right = [*right, *[False] * len(cells)]
    wanted = [*widths, *[0] * len(cells)]
    return "  ".join(padded(cell, wanted[i], right=at_right[i]) for i, cell in enumerate(cells)).rstrip()


def padded(cell: str, width: int, *, right: bool = False) -> str:
    """Pad a cell with blanks; a name can have a line break in it, and styles take no space."""
    cell = cell.replace("\n", "\\n")
    blanks = " " * (width - _width_of(cell))
    return blanks + cell if right else cell + blanks


def widest(cells: Iterable[str]) -> int:
    """Return the width of the widest cell on a terminal."""
    return max((_width_of(cell.replace("\n", "\\n")) for cell in cells), default=0)


def _width_of(cell: str) -> int:
    text = unstyled(cell)
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # letters of some languages take two places; slow to import

    return cell_len(text)

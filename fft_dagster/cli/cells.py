"""Rows for people: aligned columns, values that cannot be taken for others; and for programs: JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal

from fft_dagster.cli.terminal import unstyled

LONGEST = 60  # characters of a cell; JSON has all of them


def cell_text(value: object, *, quotes: bool = True) -> str:
    """Show a value. Without quotes, a text has them only where it could be taken for something else.

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
    """Give a value as JSON has it: exact numbers, dates and all that JSON has no form for are texts."""
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
        case Decimal():
            return str(value)
    return str(value)


def aligned(rows: Sequence[Sequence[str]], *, right: Sequence[bool] = ()) -> list[str]:
    """Lay cells out in columns; `right` says which ones begin where they end.

    >>> aligned([["id", "name"], ["10", "a"]], right=[True, False])
    ['id  name', '10  a']
    """
    from rich.cells import cell_len  # letters of some languages take two places

    count = max(map(len, rows), default=0)
    widths = [max((cell_len(unstyled(row[i])) for row in rows if i < len(row)), default=0) for i in range(count)]
    at_right = [*right, *[False] * count][:count]

    def padded(cell: str, column: int) -> str:
        cell = cell.replace("\n", "\\n")  # a name can have one
        space = " " * (widths[column] - cell_len(unstyled(cell)))
        return space + cell if at_right[column] else cell + space

    return ["  ".join(padded(cell, i) for i, cell in enumerate(row)).rstrip() for row in rows]

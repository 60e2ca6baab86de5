"""The filters of a column by its type: its operators, and the texts that are valid values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Literal, TypeAlias

from fft_serve.problems import ProblemError, nearest_text

if TYPE_CHECKING:
    from fft_core.engines.reading import ReadColumn

Family: TypeAlias = Literal[
    "integer", "decimal", "float", "boolean", "text", "date", "time", "timestamp", "own", "none"
]
COMPARISONS = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
OPERATORS = (*COMPARISONS, "in", "like", "is")
_TEXT_TYPES = ("text", "character varying", "character", "citext", "varchar", "name", "string")
_UNORDERED = ("json", "jsonb", "xml", "point", "box", "polygon", "bit", "bit varying", "time with time zone")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_FLOAT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?|NaN|-?Inf(inity)?", re.IGNORECASE)
_MOST_DIGITS = 38


@dataclass(frozen=True)
class Kind:
    """The kind of a column for filters: its family, and the type that values are cast to."""

    family: Family
    cast: str

    @property
    def is_ordered(self) -> bool:
        """Whether the rows can be compared by it."""
        return self.family != "none"


def kind_of(column: ReadColumn) -> Kind:
    """Return what a column is for filters. Types of other kinds than these can only be compared with NULL."""
    import pyarrow as pa

    types, kind = pa.types, column.arrow
    plain = re.sub(r"\(.*?\)", "", column.type).strip().lower()
    if types.is_boolean(kind):
        return Kind("boolean", "boolean")
    if types.is_integer(kind):
        return Kind("integer", "bigint")
    if types.is_decimal(kind):
        return Kind("decimal", "")
    if types.is_floating(kind):
        return Kind("float", "double precision")
    if types.is_date(kind):
        return Kind("date", "date")
    if types.is_time(kind):
        return Kind("time", "time")
    if types.is_timestamp(kind):
        return Kind("timestamp", "timestamp with time zone" if kind.tz else "timestamp")
    if not (types.is_string(kind) or types.is_large_string(kind)) or plain in _UNORDERED:
        return Kind("none", "")
    return Kind("text", "varchar") if plain in _TEXT_TYPES else Kind("own", column.type)


def value_sql(column: ReadColumn, text: str, number: int) -> tuple[str, str]:
    """Return a value as SQL with its parameter, and the text of the parameter.

    Raises:
        ProblemError: the text is not a value of the column's type.
    """
    kind = kind_of(column)
    read = _read(kind, text)
    if read is None:
        raise ProblemError(
            "bad_value", f"{text!r} is not a value of the column {column.name!r}, which is {column.type}"
        )
    cast = kind.cast
    if kind.family == "decimal" or (kind.family == "integer" and not -(2**63) <= int(read) < 2**63):
        digits = len(read.lstrip("+-").replace(".", ""))
        if digits > _MOST_DIGITS:
            raise ProblemError("bad_value", f"{text!r} has more than {_MOST_DIGITS} digits")
        cast = f"decimal({_MOST_DIGITS}, {len(read.partition('.')[2])})"
    return f"cast(${number} as {cast})", read


def operator_of(column: ReadColumn, name: str) -> str:
    """Return the name of an operator that the column has. Raises ProblemError."""
    if name not in OPERATORS:
        raise ProblemError("unknown_operator", f"{name!r} is not an operator.{nearest_text(name, OPERATORS)}")
    kind = kind_of(column)
    if kind.family == "none" and name != "is":
        said = f"the column {column.name!r} is {column.type}: it can only be compared by is.null and is.not_null"
        raise ProblemError("unknown_operator", said)
    if name == "like" and kind.family != "text":
        raise ProblemError("unknown_operator", f"the column {column.name!r} is {column.type}: like is for texts")
    if kind.family == "boolean" and name not in ("eq", "ne", "in", "is"):
        raise ProblemError("unknown_operator", f"the column {column.name!r} is boolean: it has no order")
    return name


def _read(kind: Kind, text: str) -> str | None:
    """Return the text as the database reads it; None if it is not a value of this kind."""
    if "\0" in text or not _is_unicode(text):
        return None
    match kind.family:
        case "text" | "own":
            return text
        case "boolean":
            return text if text in ("true", "false") else None
        case "integer":
            found = re.fullmatch(r"[+-]?\d{1,38}", text, re.ASCII)
            return text.lstrip("+") if found else None
        case "decimal":
            return text if _NUMBER.fullmatch(text) and text.isascii() else None
        case "float":
            return text if _FLOAT.fullmatch(text) and text.isascii() else None
    return _read_time(kind.family, text)


def _read_time(family: Family, text: str) -> str | None:
    text = re.sub(r"(T.*) (\d\d(:?\d\d)?)$", r"\1+\2", text)  # a plus in an address is a space
    try:
        match family:
            case "date":
                return date.fromisoformat(text).isoformat()
            case "time":
                found = time.fromisoformat(text)
                return found.isoformat() if found.tzinfo is None else None
            case "timestamp":
                return datetime.fromisoformat(text).isoformat(" ")
    except ValueError:
        return None
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True

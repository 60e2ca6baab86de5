"""Texts of columns with a declared type: a text that fits is stored exactly, any other is an error, never rounded.

Types that this module does not know, such as `uuid`, belong to the engine, which casts the texts itself.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from fft_core.engines.column_kinds import BLANKS, MOST_DIGITS, Texts, is_zero

Fix: TypeAlias = tuple[str, str]  # a pattern of `re` and RE2, and its replacement
TRIM: Fix = (rf"^[{BLANKS}]+|[{BLANKS}]+$", "")
_NO_PLUS: Fix = (r"^\+", "")
EXACT_SCALE = 9  # the scale of a decimal that is declared without a precision


@dataclass(frozen=True)
class Form:
    """The texts that fit a type.

    Attributes:
        words: The requirement on a text, for a message.
        sure: A pattern; a text that matches it fits.
        holds: Whether a text that does not match the pattern fits nevertheless.
        fixes: The replacements that bring a text that fits into the form that every engine casts alike.
    """

    words: str
    sure: str
    holds: Callable[[str], bool] = field(default=lambda _: False)
    fixes: tuple[Fix, ...] = (TRIM,)

    def wrong(self, texts: Texts) -> str | None:
        """Return the first text that does not fit; None if all fit."""
        blanks = BLANKS if self.fixes else ""
        return next((text for text in texts.rest(self.sure).listed() if not self.holds(text.strip(blanks))), None)


def form_of(declared: str) -> Form | None:
    """Return the form of a declared type; None for text of any length, and for types that belong to the engine."""
    kind, arguments = _parted(declared)
    match kind:
        case "decimal" | "numeric" | "dec" if len(arguments) <= 2:
            precision, scale = (*arguments, *(() if arguments else (MOST_DIGITS, EXACT_SCALE)), 0)[:2]
            return _decimal(precision, scale) if 0 <= scale <= precision else None
        case "varchar" | "character varying" | "char" | "character" | "bpchar" if len(arguments) == 1:
            return Form(f"text of at most {arguments[0]} characters", "", lambda text: len(text) <= arguments[0], ())
    if kind in _WHOLE_NUMBERS:
        return _whole(*_WHOLE_NUMBERS[kind])
    return _FORMS.get(_SAME.get(kind, kind))


def word_of(declared: str) -> str | None:
    """Return the type of the values behind texts of a declared type; None for text, and for types of the engine.

    >>> word_of("int4"), word_of("numeric(10, 2)"), word_of("timestamp with time zone"), word_of("varchar(3)")
    ('integer', 'decimal', 'timestamptz', None)
    """
    kind, _ = _parted(declared)
    if form_of(declared) is None:
        return None
    if kind in ("decimal", "numeric", "dec"):
        return "decimal"
    if kind in _WHOLE_NUMBERS:
        return "integer"
    return _SAME.get(kind, kind) if _SAME.get(kind, kind) in _FORMS else None


def _parted(declared: str) -> tuple[str, tuple[int, ...]]:
    found = re.fullmatch(r"\s*([a-z0-9_ ]+?)\s*(?:\(\s*([0-9]+(?:\s*,\s*[0-9]+)*)\s*\))?\s*", declared.lower())
    if found is None:
        return declared, ()
    return " ".join(found[1].split()), tuple(int(part) for part in (found[2] or "").split(",") if part.strip())


def _whole(least: int, most: int) -> Form:
    digits = len(str(most)) - 1

    def holds(text: str) -> bool:
        found = re.fullmatch(r"([+-]?[0-9]{1,60})(\.0*)?", text)
        return found is not None and least <= int(found[1]) <= most

    sure = f"{'-?' if least else ''}[0-9]{{1,{digits}}}"
    return Form(f"a whole number from {least} to {most}", sure, holds, (TRIM, _NO_PLUS, (r"\.0*$", "")))


def _signed(bits: int) -> tuple[int, int]:
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


_WHOLE_NUMBERS = {
    **dict.fromkeys(("tinyint", "int1"), _signed(8)),
    **dict.fromkeys(("smallint", "int2", "short"), _signed(16)),
    **dict.fromkeys(("int", "int4", "signed"), _signed(32)),
    **dict.fromkeys(("integer", "bigint", "int8", "long"), _signed(64)),  # FFT's `integer` has 64 bits
    **dict.fromkeys(("hugeint", "int128"), _signed(128)),
    "utinyint": (0, 2**8 - 1),
    "usmallint": (0, 2**16 - 1),
    "uinteger": (0, 2**32 - 1),
    "ubigint": (0, 2**64 - 1),
    "uhugeint": (0, 2**128 - 1),
}


def _decimal(precision: int, scale: int) -> Form:
    whole = precision - scale

    def holds(text: str) -> bool:
        if not re.fullmatch(_ANY_NUMBER, text):
            return False
        before, behind = _places(Decimal(text))
        return before <= whole and behind <= scale

    words = f"a number of at most {whole} digits before and {scale} after the point"
    sure = rf"-?[0-9]{{1,{whole}}}(\.[0-9]{{0,{scale}}})?" if whole else rf"-?0?\.[0-9]{{1,{scale}}}"
    return Form(words, sure, holds, (TRIM, _NO_PLUS))


def _places(number: Decimal) -> tuple[int, int]:
    """Count the digits of a number before and after the point, without zeros at its start and end."""
    _, digits, exponent = number.as_tuple()
    spelled = "".join(map(str, digits))
    kept = spelled.rstrip("0")
    last = int(exponent) + len(spelled) - len(kept)
    return (max(0, len(kept.lstrip("0")) + last), max(0, -last)) if kept else (0, 0)


_ANY_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,6})?"
_NO_NUMBER = r"[+-]?(nan|inf|infinity)"


def _is_double(text: str) -> bool:
    """Whether a double can approximate a number: it is not infinite, and it is 0 only if the number is 0."""
    if re.fullmatch(_NO_NUMBER, text, re.IGNORECASE):
        return True
    if not re.fullmatch(_ANY_NUMBER, text):
        return False
    value = float(text)
    return abs(value) != float("inf") and (value != 0 or is_zero(text))


def _is_real(text: str) -> bool:
    """Whether a 32-bit float keeps a number: the number is the float's shortest text, or its exact value."""
    if re.fullmatch(_NO_NUMBER, text, re.IGNORECASE):
        return True
    if not _is_double(text):
        return False
    try:
        value = _nearest_real(float(text))
    except OverflowError:
        return False
    shortest = next(t for digits in range(1, 10) if _nearest_real(float(t := f"{value:.{digits}g}")) == value)
    return Decimal(text) in (Decimal(shortest), Decimal(value))


def _nearest_real(value: float) -> float:
    nearest: float = struct.unpack("f", struct.pack("f", value))[0]
    return nearest


_DAY = r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
_TIME = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6}0*)?)?"
_SURE_DAY = r"[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
_SURE_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
_UTC = r" ?(?:[zZ]|[uU][tT][cC]|[+-]00(?::?00)?)"
_ZONE = rf"(?:{_UTC}| ?[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)"
_TO_MICROSECONDS: Fix = (r"(\.[0-9]{6})0+", r"\1")


def _day_with(rest: str) -> Callable[[str], bool]:
    pattern = re.compile(rf"{_DAY}(?:{rest})?")

    def holds(text: str) -> bool:
        if text.lower() in ("infinity", "-infinity"):
            return True
        found = pattern.fullmatch(text)
        if found is None:
            return False
        try:
            date(int(found[1]), int(found[2]), int(found[3]))
        except ValueError:
            return False
        return True

    return holds


_FORMS = {
    "double": Form("a number that a double can hold", r"-?[0-9]{1,15}(\.[0-9]{1,15})?", _is_double),
    "real": Form("a number that a real can hold", r"-?[0-9]{1,3}(\.[0-9]{1,3})?", _is_real),
    "boolean": Form(
        "true or false (or t, yes, y, on, 1; f, no, n, off, 0)",
        r"(?i:true|false|t|f|yes|no|y|n|on|off|1|0)",
        fixes=(TRIM, (r"(?i)^(?:t|yes|y|on|1)$", "true"), (r"(?i)^(?:f|no|n|off|0)$", "false")),
    ),
    "date": Form(
        "a date as 2024-12-31",
        _SURE_DAY,
        _day_with(r"[ T]0?0:00(?::00(?:\.0+)?)?"),
        (TRIM, (r"[ T]0?0:00(?::00(?:\.0+)?)?$", "")),
    ),
    "timestamp": Form(
        "a time as 2024-12-31 23:59:59.123456, without a zone or in UTC",
        rf"{_SURE_DAY}([ T]{_SURE_TIME})?",
        _day_with(rf"[ T]{_TIME}{_UTC}|[ T]{_TIME}"),
        (TRIM, (rf"(:[0-9.]+){_UTC}$", r"\1"), _TO_MICROSECONDS),
    ),
    "timestamptz": Form(
        "a time as 2024-12-31 23:59:59.123456+01:00; without a zone it is UTC",
        rf"{_SURE_DAY}([ T]{_SURE_TIME}(Z|[+-](0[0-9]|1[0-5]):[0-5][0-9])?)?",
        _day_with(rf"[ T]{_TIME}{_ZONE}|[ T]{_TIME}"),
        (
            TRIM,
            (rf"(:[0-9.]+){_UTC}$", r"\1+00:00"),
            (r"(:[0-9.]+) ?([+-][0-9]{2})([0-9]{2})$", r"\1\2:\3"),
            (r"(:[0-9.]+) ([+-])", r"\1\2"),
            _TO_MICROSECONDS,
        ),
    ),
}
_SAME = {
    "float": "double",
    "float8": "double",
    "double precision": "double",
    "float4": "real",
    "bool": "boolean",
    "logical": "boolean",
    "datetime": "timestamp",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
}

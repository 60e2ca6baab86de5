"""The one rule for the types of a CSV's columns, for every reader of the file and every database.

No type changes a value: a type is inferred only if each text can be restored from its value, except for zeros at the
end, blanks around it and the notation of an exponent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Protocol

BLANKS = " \t"  # white space that is ignored around a value, except in text
MOST_DIGITS = 38  # the largest precision of a decimal on every engine

_BOOLEAN = r"(?i:true|false)"
_WHOLE = r"-?(0|[1-9][0-9]*)"
_PLAIN = r"-?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)"
_NUMBER = rf"{_PLAIN}([eE][+-]?[0-9]+)?"
# Most numbers match one of these. A double keeps 15 digits, so these numbers need no slower check.
_SURELY_WHOLE = r"-?(0|[1-9][0-9]{0,14})"
_SURELY_DOUBLE = r"-?((0|[1-9][0-9]{0,8})(\.[0-9]{0,6})?|0?\.[0-9]{1,15})"
_SURELY_64_BITS = r"-?(0|[1-9][0-9]{0,17})"
_SURELY_38_DIGITS = r"-?(0|[1-9][0-9]{0,37})"


class Texts(Protocol):
    """The fields of one column that are not NULL, or a part of them.

    Patterns are in the syntax that `re` and RE2 share.
    """

    def first(self) -> str | None:
        """Return the first text, or None if there is none."""

    def rest(self, pattern: str) -> Texts:
        """Return the texts that do not match a pattern as a whole, in order; blanks around them are ignored."""

    def listed(self) -> Iterator[str]:
        """Yield the texts one by one; equal texts may be yielded only once."""

    def unsure_doubles(self) -> Iterator[str]:
        """Yield the numbers that a double may change. Some that it surely keeps are left out, for speed."""

    def digits(self) -> tuple[int, int]:
        """Count the most digits that plain numbers have before the point, without leading zeros, and behind it."""


@dataclass(frozen=True)
class ListedTexts:
    """Texts in a list."""

    values: Sequence[str]

    @classmethod
    def of(cls, values: Iterable[str | None]) -> ListedTexts:
        """Return the texts of a column, without NULLs."""
        return cls([value for value in values if value is not None])

    def first(self) -> str | None:
        return self.values[0] if self.values else None

    def rest(self, pattern: str) -> ListedTexts:
        matches = _whole_pattern(pattern).fullmatch
        return ListedTexts([value for value in self.values if not matches(value)])

    def listed(self) -> Iterator[str]:
        return iter(self.values)

    def unsure_doubles(self) -> Iterator[str]:
        return iter(self.values)

    def digits(self) -> tuple[int, int]:
        parts = [value.strip(BLANKS).lstrip("-0").partition(".") for value in self.values]
        return max((len(whole) for whole, _, _ in parts), default=0), max(
            (len(part) for _, _, part in parts), default=0
        )


@dataclass(frozen=True)
class Seen:
    """The facts that hold for all texts of a column that were seen so far."""

    is_empty: bool = True
    is_boolean: bool = True
    is_whole: bool = True
    is_64_bits: bool = True
    is_38_digits: bool = True
    is_number: bool = True
    is_plain: bool = True
    is_double: bool = True

    @property
    def is_text(self) -> bool:
        """Whether the type is text, which further texts cannot change."""
        return not (self.is_boolean or self.is_number)

    def with_more(self, texts: Texts) -> Seen:
        """Return the facts after more texts of the column."""
        first = texts.first()
        if first is None or self.is_text:
            return self
        if _is(_BOOLEAN, first):
            return Seen(False, self.is_boolean and _all_are(_BOOLEAN, texts), *[False] * 6)
        if not self.is_number or not _is(_NUMBER, first):
            return Seen(*[False] * 8)
        if self.is_whole:
            return replace(self, is_empty=False, is_boolean=False)._with_numbers(texts.rest(_SURELY_WHOLE))
        return self._with_numbers(texts.rest(_SURELY_DOUBLE))

    def _with_numbers(self, rest: Texts) -> Seen:
        """Return the facts after more numbers; `rest` are those that do not look as most numbers do."""
        first = rest.first()
        if first is None:
            return self
        if self.is_whole and not _is(_WHOLE, first):
            rest = rest.rest(_SURELY_DOUBLE)
        is_whole = self.is_whole and _all_are(_WHOLE, rest) and _is(_WHOLE, first)
        is_number = is_whole or _all_are(_NUMBER, rest)
        return Seen(
            is_empty=False,
            is_boolean=False,
            is_whole=is_whole,
            is_64_bits=is_whole and self.is_64_bits and all(map(_fits_64_bits, rest.rest(_SURELY_64_BITS).listed())),
            is_38_digits=is_whole and self.is_38_digits and _all_are(_SURELY_38_DIGITS, rest),
            is_number=is_number,
            is_plain=is_whole or (is_number and self.is_plain and _all_are(_PLAIN, rest)),
            is_double=is_number and self.is_double and all(map(survives_as_double, rest.unsure_doubles())),
        )


TEXT, BOOLEAN, INTEGER, DOUBLE = "string", "boolean", "integer", "double"


def kind_of(seen: Seen, parts: Iterable[Texts]) -> str:
    """Return FFT's name for the type of a column.

    Args:
        seen: The facts that hold for its texts.
        parts: All its texts once more; read only if the type may be an exact decimal.
    """
    if seen.is_empty or seen.is_text:
        return TEXT
    if seen.is_boolean:
        return BOOLEAN
    if seen.is_whole:
        return INTEGER if seen.is_64_bits else f"decimal({MOST_DIGITS}, 0)" if seen.is_38_digits else TEXT
    if seen.is_double:
        return DOUBLE
    if not seen.is_plain:
        return TEXT
    digits = [part.digits() for part in parts]
    whole, scale = (max(counts) for counts in zip(*digits, strict=True))
    return f"decimal({MOST_DIGITS}, {scale})" if whole + scale <= MOST_DIGITS else TEXT


def kind_of_texts(values: Iterable[str | None]) -> str:
    """Return FFT's name for the type of a column whose fields are in memory; None is NULL."""
    texts = ListedTexts.of(values)
    return kind_of(Seen().with_more(texts), [texts])


def survives_as_double(text: str) -> bool:
    """Whether the shortest text of the nearest double is the same number."""
    value = float(text)
    spelled = repr(value)
    if spelled == text:
        return True
    if value == 0:
        return is_zero(text)
    return abs(value) != float("inf") and Decimal(spelled) == Decimal(text)


def is_zero(number: str) -> bool:
    """Whether a number has no other digits than 0; an exponent does not count."""
    return re.search("[1-9]", re.split("[eE]", number)[0]) is None


def _fits_64_bits(text: str) -> bool:
    digits = text.strip(BLANKS)
    return len(digits) <= 20 and -(2**63) <= int(digits) < 2**63


def _is(pattern: str, text: str) -> bool:
    return _whole_pattern(pattern).fullmatch(text) is not None


def _all_are(pattern: str, texts: Texts) -> bool:
    return texts.rest(pattern).first() is None


def with_blanks(pattern: str) -> str:
    """Return a pattern that also matches with blanks around the text."""
    return f"[{BLANKS}]*(?:{pattern})[{BLANKS}]*"


@cache
def _whole_pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(with_blanks(pattern))

"""Numbers with a decimal point as they were written: a double holds 15 of their digits, and some have more."""

from __future__ import annotations

import json
import re


class WrittenNumber(float):
    """A double with the text that it was read from, if that has more digits than every double can hold."""

    text: str

    def __new__(cls, text: str) -> WrittenNumber:
        """Read a number."""
        number = super().__new__(cls, text)
        number.text = str(text)
        return number

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__


def read_number(text: str) -> float:
    """Read a number with a point or an exponent; a number of more than 15 digits keeps its text.

    >>> read_number("0.1"), read_number("12345678901234567890.12"), read_number("1_000.5")
    (0.1, 12345678901234567890.12, 1000.5)
    """
    text = text.replace("_", "")
    digits = re.sub(r"[eE].*|[^0-9]", "", text).strip("0")
    return WrittenNumber(text) if len(digits) > 15 else float(text)


def json_text(value: object) -> str:
    """Render plain values as JSON, with all digits of numbers.

    >>> json_text({"a": [read_number("+12345678901234567890.120"), 1.5, None]})
    '{"a": [12345678901234567890.120, 1.5, null]}'
    """
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(str(key))}: {json_text(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(json_text, value)) + "]"
        case WrittenNumber():
            # JSON requires digits on both sides of the point, and forbids leading zeros and a plus
            text = re.sub(r"^(-?)0*(?=[0-9])", r"\1", value.text.lstrip("+"))
            return re.sub(r"\.(?![0-9])", ".0", re.sub(r"^(-?)\.", r"\g<1>0.", text))
    return json.dumps(value)

"""The names of the columns of CSV files, and the character between their values, as a project writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_NEVER = ('"', "\n", "\r", "\0")


def twice(names: Iterable[str]) -> str | None:
    """Return the first name that occurs again, in any case; None if there is none.

    >>> twice(["id", "amount", "ID"]), twice(["id", "amount"])
    ('ID', None)
    """
    seen = set[str]()
    for name in names:
        if name.lower() in seen:
            return name
        seen.add(name.lower())
    return None


def csv_problem(header: Sequence[str] | None, delimiter: str) -> str | None:
    """Return the reason why CSV files cannot have these names and this delimiter; None if they can.

    >>> csv_problem(["a", "A"], ","), csv_problem(None, '"'), csv_problem(["a", "b"], ";")
    ("header: 'A' occurs twice", "delimiter: '\"' cannot be between values", None)
    """
    if len(delimiter) != 1 or delimiter in _NEVER:
        return f"delimiter: {delimiter!r} cannot be between values"
    again = twice(header or ())
    return None if again is None else f"header: {again!r} occurs twice"

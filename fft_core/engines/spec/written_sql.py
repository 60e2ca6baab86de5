"""Parts of SQL that a project writes, read without a database: types of columns, and aggregates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fft_core.errors import nearest

if TYPE_CHECKING:
    from sqlglot import exp

_WORDS = (
    "string",
    "integer",
    "double",
    "boolean",
    "date",
    "timestamp",
    "timestamptz",
    "decimal(18, 2)",
    "json",
    "uuid",
)
_MOST_DIGITS = 38
_MORE = re.compile(r"\b(not|null|default|primary|unique|check|references|constraint|collate|comment)\b", re.IGNORECASE)


def type_problem(written: str, dialect: str) -> tuple[str, str] | None:
    """Return the reason why a text is not a type of a dialect, and a hint; None if it is one.

    None also for a name in quotes or with a schema: only the database knows the types that users created.

    >>> type_problem("decimal(10, 2)", "duckdb"), type_problem('"mood"', "postgres")
    (None, None)
    >>> type_problem("doubble", "duckdb")
    ("'doubble' is not a type", "Did you mean 'double'?")
    """
    import sqlglot
    from sqlglot import exp

    said, words = f"{written!r} is not a type", ", ".join(_WORDS[:6])
    hint = nearest(written.strip().lower(), _WORDS)
    hint = hint or f"Types are {words} and those of the database; a type that you created is written in double quotes."
    if ";" in written or _MORE.search(written) or not _is_one(written):
        return said, "Write the type alone, as decimal(18, 2)."
    if written.strip().lower() in _WORDS or re.fullmatch(r'[\w ]*(\.|")[\w". ]*', written):
        return None
    try:
        found = exp.DataType.build(written, dialect=dialect)
    except (sqlglot.errors.SqlglotError, ValueError):
        return said, hint
    return _decimal_problem(written) if isinstance(found, exp.DataType) else (said, hint)


def event_time_problem(written: str) -> str | None:
    """Return the reason why a type is not that of an event time, which is UTC without a zone; None if it is one.

    >>> event_time_problem("timestamp(3)"), event_time_problem("timestamptz")
    (None, "it is the event_time, which is UTC without a zone, and 'timestamptz' has one; write timestamp")
    """
    kind = written.strip().lower()
    if not re.match("timestamp|datetime", kind):
        return f"it is the event_time, and {written!r} is not a timestamp"
    if re.search(r"tz|\bwith\b", kind):
        return f"it is the event_time, which is UTC without a zone, and {written!r} has one; write timestamp"
    return None


def _is_one(written: str) -> bool:
    """Return whether brackets match, and no comma is outside of them."""
    depth = 0
    for letter in written:
        depth += (letter in "([<") - (letter in ")]>")
        if depth < 0 or (letter == "," and not depth):
            return False
    return not depth and bool(written.strip())


def _decimal_problem(written: str) -> tuple[str, str] | None:
    found = re.fullmatch(r"\s*(?:decimal|numeric|dec)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)\s*", written, re.IGNORECASE)
    if found is None:
        return None
    digits, scale = int(found[1]), int(found[2] or 0)
    if 1 <= digits <= _MOST_DIGITS and scale <= digits:
        return None
    return f"{written!r} is not a type", f"A decimal has 1 to {_MOST_DIGITS} digits, and no more of them as its scale."


def read_aggregate(text: str, dialect: str) -> exp.Select:
    """Read an aggregate; return it as the one column of a SELECT.

    Functions that the dialect does not know may be aggregates that users created. Raises ValueError for anything else.

    >>> read_aggregate("sum(amount)", "duckdb").sql()
    'SELECT SUM(amount)'
    """
    import sqlglot
    from sqlglot import exp

    try:
        trees = sqlglot.parse(f"select {text}", dialect=dialect)
    except sqlglot.errors.ParseError as error:
        raise ValueError(f"it cannot be read: {error.errors[0]['description']}") from error
    except sqlglot.errors.SqlglotError as error:
        raise ValueError(f"it cannot be read: {str(error).splitlines()[0]}") from error
    tree = trees[0]
    if len(trees) > 1:
        raise ValueError("it must be one expression, and not several statements")
    said = {key for key, value in tree.args.items() if value and key not in ("expressions", "kind")} if tree else set()
    if not isinstance(tree, exp.Select) or len(tree.selects) != 1 or said or isinstance(tree.selects[0], exp.Alias):
        raise ValueError("it must be one expression")
    if tree.find(exp.Subquery, exp.Window) or len(list(tree.find_all(exp.Select))) > 1:
        raise ValueError("it has a query or a window in it")
    if not tree.find(exp.AggFunc, exp.Anonymous):
        raise ValueError("it is not an aggregate, as sum(amount) or first(page)")
    return tree

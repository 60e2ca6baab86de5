"""What is known of the functions of an engine, and what the users of a database added to them. Imports nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class KnownFunctions:
    """The functions that an engine brings with it. All names are in small letters.

    Attributes:
        steady: Give the same value for the same arguments, under the settings that our sessions have.
        rows: Steady ones that may stand for a table.
        changing: All others: clocks, chance, files, catalogs, what depends on the session.
        bare: Those of the changing that are called without parentheses.
        counts: With how many arguments alone a function is steady, where that depends on it.
        syntax: Words that may stand before a parenthesis and call nothing, or what the standard has a syntax for.
        types: Types, whose casts are steady.
        changing_types: Types whose values mean something in the database's catalog.
        columns: Columns that every table has, and that tell how its rows are stored.
        clock_words: Texts that date and time types read as the clock.
        date_words: Other words that such a text may hold.
        implicit: Functions that operators and other syntax call, by their names.
        quoted_names_keep_case: Whether `"Lower"` is another name than `lower`.
        recursive_with_sees_all: Whether the parts of a recursive WITH can name each other in any order.
    """

    steady: frozenset[str]
    rows: frozenset[str]
    changing: frozenset[str]
    bare: frozenset[str]
    counts: Mapping[str, frozenset[int]]
    syntax: frozenset[str]
    types: frozenset[str]
    changing_types: frozenset[str]
    columns: frozenset[str]
    clock_words: frozenset[str]
    date_words: frozenset[str]
    implicit: frozenset[str]
    quoted_names_keep_case: bool
    recursive_with_sees_all: bool


@dataclass(frozen=True)
class Definition:
    """A function, macro, type, operator or cast that users of a database made, or an extension of it.

    Attributes:
        kind: What it is, in a word for people.
        name: As it is called: with its schema only where our sessions need that.
        text: All that says what it does.
        queries: The SQL in it, which must be read as well: bodies, and defaults of parameters.
        doubt: Why its value may change by itself, whatever its text says; "" where nothing is known.
        is_implicit: Whether it may be used by a query that does not name it.
        types: The types of users that it is made of, as `name`.
        used_as: Other keys by which a query uses it: `type mood` for a cast to it, `field years` for `x.years`.
        columns_in: Relations, as `schema.name`, whose columns are enough for a query that reads them to use it.
    """

    kind: Literal["macro", "function", "type", "operator", "cast"]
    name: str
    text: str
    queries: tuple[str, ...] = ()
    doubt: str = ""
    is_implicit: bool = False
    types: tuple[str, ...] = ()
    used_as: tuple[str, ...] = ()
    columns_in: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """How a query's uses name it."""
        return key_of(self.kind, self.name)


def is_definition(key: str) -> bool:
    """Return whether a text is such a key; the name of no model, seed or source is one."""
    return key.endswith("()") or " " in key


def key_of(kind: str, name: str) -> str:
    """Write what a query uses: `lower()`, `type mood`, `operator +`, `field years` for what follows a dot."""
    return f"{name}()" if kind in ("macro", "function") else f"{kind} {name}"

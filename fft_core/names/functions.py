"""The known functions of an engine, and the definitions that users of the database added. Imports nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class KnownFunctions:
    """The built-in functions of an engine. All names are in small letters.

    Attributes:
        steady: Functions that return the same value for the same arguments, under the settings of our sessions.
        rows: Steady functions that may stand for a table.
        changing: All other functions: clocks, chance, files, catalogs, facts about the session.
        bare: Those of the changing functions that are called without parentheses.
        counts: The numbers of arguments with which alone a function is steady, if it is not for others.
        syntax: Words that may stand before a parenthesis without a call, or for which the SQL standard has a syntax.
        types: Types, whose casts are steady.
        changing_types: Types whose values refer to the database's catalog.
        columns: Columns that every table has, which tell how its rows are stored.
        clock_words: Texts that date and time types read as the current time.
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
    """A function, macro, type, operator or cast that users of a database, or an extension, defined.

    Attributes:
        kind: Its kind, in a word for people.
        name: Its name, with its schema only if our sessions need it in a call.
        text: Its whole definition as text.
        queries: The SQL in it, which must be read as well: bodies, and defaults of parameters.
        doubt: A known reason why its value may change by itself although its text stays the same, or "".
        is_implicit: Whether a query may use it without naming it.
        types: The user-defined types that it uses, as `name`.
        used_as: Other keys by which a query uses it: `type mood` for a cast to it, `field years` for `x.years`.
        columns_in: Relations, as `schema.name`; a query that reads one of their columns uses it.
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
        """The key by which a query uses it."""
        return key_of(self.kind, self.name)


def is_definition(key: str) -> bool:
    """Return whether a text is such a key, which no model, seed or source can have as its name."""
    return key.endswith("()") or " " in key


def key_of(kind: str, name: str) -> str:
    """Return the key of a use: `lower()`, `type mood`, `operator +`, `field years` for a name after a dot."""
    return f"{name}()" if kind in ("macro", "function") else f"{kind} {name}"

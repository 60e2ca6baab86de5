"""Rows that are told apart by a key: each has one, and no two have the same."""

from __future__ import annotations

from collections.abc import Sequence

from fft_core.engines.engine import Row
from fft_core.engines.sql import unused
from fft_core.names import Relation, quoted

SHOWN = 5


def null_keys(relation: Relation, key: Sequence[str], dialect: str) -> str:
    """Spell a query for rows without a key: how many there are, and the key's columns of a few."""
    names = ", ".join(quoted(column, dialect) for column in key)
    missing = " or ".join(f"{quoted(column, dialect)} is null" for column in key)
    return f"select count(*) over (), {names} from {relation.sql(dialect)} where {missing} limit {SHOWN}"


def repeated_keys(relation: Relation, key: Sequence[str], dialect: str) -> str:
    """Spell a query for keys that occur more than once: how many such keys there are, how often, and which."""
    names = ", ".join(quoted(column, dialect) for column in key)
    count = unused("_ff_rows", key)
    groups = f"select {names}, count(*) as {count} from {relation.sql(dialect)} group by {names} having count(*) > 1"
    return f"select count(*) over (), {count}, {names} from ({groups}) as groups order by {names} limit {SHOWN}"


def say_key(key: Sequence[str], values: Row) -> str:
    """Name one key for people.

    >>> say_key(["id", "day"], (7, None))
    'id = 7, day = NULL'
    """
    pairs = zip(key, values, strict=True)
    return ", ".join(f"{column} = {'NULL' if value is None else value}" for column, value in pairs)


def same_key(left: str, right: str, key: Sequence[str], dialect: str) -> str:
    """Spell that two rows have the same key; keys are never NULL."""
    names = [quoted(column, dialect) for column in key]
    return " and ".join(f"{left}.{name} = {right}.{name}" for name in names)

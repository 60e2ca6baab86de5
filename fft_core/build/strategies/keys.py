"""Queries for rows with missing or repeated keys, and conditions that compare keys and values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fft_core.engines.protocol import ColumnType, Row, Types
from fft_core.engines.spec.spelling import Spelling
from fft_core.names import Relation

SHOWN = 5


@dataclass(frozen=True)
class ColumnPair:
    """A column of a table, the column of the rows with its new values, and the type of both."""

    stored: str
    given: str
    type: str


@dataclass(frozen=True)
class KeyProbe:
    """A query that finds rows with wrong keys.

    Attributes:
        sql: The query; it returns the number of such rows or keys, with some examples.
        key: The columns that must not be NULL, or must not have the same values twice.
        called: The name of these columns in a message.
        is_repeated: Whether it finds values that occur more than once, instead of rows with NULL.
    """

    sql: str
    key: tuple[str, ...]
    called: str
    is_repeated: bool = False

    def message(self, rows: Sequence[Row]) -> str:
        """Return the message about the rows that the query has returned."""
        names, count = ", ".join(self.key), rows[0][0]
        if not self.is_repeated:
            said = "; ".join(say_key(self.key, row[1:]) for row in rows)
            return f"rows with NULL in {self.called} ({names}): {count}, such as {said}"
        said = "; ".join(f"{say_key(self.key, row[2:])} ({row[1]} times)" for row in rows)
        return f"values of {self.called} ({names}) that occur more than once: {count}, such as {said}"

    @property
    def hint(self) -> str:
        """The advice for such rows."""
        if self.is_repeated:
            return "Keep one row of each, for example the latest by row_number()."
        return "Leave such rows out, or set a value."


def key_probes(
    relation: Relation,
    columns: Sequence[ColumnType],
    key: Sequence[str],
    never_null: Sequence[str],
    types: Types,
) -> tuple[KeyProbe, ...]:
    """Return the queries that must find no rows: for keys with NULL, and for keys that occur more than once.

    Args:
        relation: The rows.
        columns: Their columns.
        key: The columns of the key.
        never_null: Other columns that must not be NULL.
        types: The types of the engine, which compare values and render statements.
    """
    typed = {column.name: column for column in columns}
    named = [(key, "unique_key"), (never_null, "the columns that must be set")]
    probes = [
        KeyProbe(null_keys(relation, [typed[name] for name in names], types.spelling), tuple(names), called)
        for names, called in named
        if names
    ]
    if key:
        repeated = repeated_keys(relation, [typed[name] for name in key], types)
        probes.append(KeyProbe(repeated, tuple(key), "unique_key", is_repeated=True))
    return tuple(probes)


def null_keys(relation: Relation, key: Sequence[ColumnType], spelling: Spelling) -> str:
    """Render a query for rows with NULL in a key: their number, and the key's columns of a few of them."""
    names = [spelling.quoted(column.name) for column in key]
    missing = " or ".join(f"{name} is null" for name in names)
    return f"select count(*) over (), {', '.join(names)} from {relation.sql(spelling)} where {missing} limit {SHOWN}"


def repeated_keys(relation: Relation, key: Sequence[ColumnType], types: Types) -> str:
    """Render a query for keys that occur more than once: the number of such keys, and a few with their row counts."""
    spelling = types.spelling
    values = [types.comparable(spelling.quoted(column.name), column.type) for column in key]
    places = ", ".join(str(place) for place in range(1, len(key) + 1))
    names = [f"_ff_key_{place}" for place in range(len(key))]
    selected = ", ".join(f"{value} as {name}" for value, name in zip(values, names, strict=True))
    groups = f"select {selected}, count(*) as _ff_rows from {relation.sql(spelling)} group by {places}"
    keys = ", ".join(names)
    return (
        f"select count(*) over (), _ff_rows, {keys} from ({groups} having count(*) > 1) as _ff_groups "
        f"order by {keys} limit {SHOWN}"
    )


def say_key(key: Sequence[str], values: Row) -> str:
    """Render the values of one key for a message.

    >>> say_key(["id", "day"], (7, None))
    'id = 7, day = NULL'
    """
    pairs = zip(key, values, strict=True)
    return ", ".join(f"{column} = {'NULL' if value is None else value}" for column, value in pairs)


def same_key(left: str, right: str, key: Iterable[ColumnPair], types: Types) -> str:
    """Render the condition that a row of a table has the key of a given row; keys are never NULL."""

    def value(alias: str, name: str, kind: str) -> str:
        return types.comparable(f"{alias}.{types.spelling.quoted(name)}", kind)

    return " and ".join(f"{value(left, c.stored, c.type)} = {value(right, c.given, c.type)}" for c in key)


def differs(left: str, right: str, column: ColumnPair, types: Types) -> str:
    """Render the condition that a value of a table's row looks different from that of a given row."""
    stored = types.visible(f"{left}.{types.spelling.quoted(column.stored)}", column.type)
    given = types.visible(f"{right}.{types.spelling.quoted(column.given)}", column.type)
    return types.spelling.differs(stored, given)


def is_exact(column: ColumnPair, types: Types) -> bool:
    """Whether equal values of a column also look the same, unlike 1.0 and 1.00."""
    return types.visible("x", column.type) == "x"

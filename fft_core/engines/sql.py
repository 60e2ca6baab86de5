"""The few statement shapes, spelled for a dialect."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime

from fft_core.engines.engine import ColumnType, RelationKind
from fft_core.names import Relation, quoted

ROWS = "_ff_all_rows"


def unused(name: str, columns: Iterable[str]) -> str:
    """Give a name that none of these columns has, in no case of letters.

    >>> unused("_ff_rank", ["id"]), unused("_ff_rank", ["_FF_RANK"])
    ('_ff_rank', '_ff_rank_')
    """
    taken = {column.lower() for column in columns}
    while name in taken:
        name += "_"
    return name


def rows_of(columns: Iterable[str]) -> str:
    """Say what a scan calls a whole row of a relation with these columns."""
    return unused(ROWS, columns)


def create_as(relation: Relation, kind: RelationKind, query: str, dialect: str, *, replaces: bool = True) -> str:
    """Create, or replace, a table or view from a query."""
    verb = "create or replace" if replaces else "create"
    return f"{verb} {word(kind)} {relation.sql(dialect)} as\n{query}"


def word(kind: RelationKind) -> str:
    """Spell what a relation is.

    >>> word("materialized_view")
    'materialized view'
    """
    return kind.replace("_", " ")


def begin_of_query(statement: str) -> int:
    """Say where the query begins in a statement that creates something from one; 0 in others.

    >>> begin_of_query("create view v as\\nselect 1"), begin_of_query("select 1")
    (17, 0)
    """
    head, _, rest = statement.partition(" as\n")
    return len(statement) - len(rest) if rest and head.startswith("create ") and "\n" not in head else 0


def create_temporary(name: str, query: str, dialect: str, kind: RelationKind = "table") -> str:
    """Create a table, or a view, from a query that only this session sees."""
    return f"create temporary {word(kind)} {quoted(name, dialect)} as\n{query}"


def add_column(relation: Relation, column: ColumnType, dialect: str) -> str:
    """Add a column, NULL in the rows that are there."""
    return f"alter table {relation.sql(dialect)} add column {quoted(column.name, dialect)} {column.type}"


def drop_column(relation: Relation, name: str, dialect: str) -> str:
    """Drop a column."""
    return f"alter table {relation.sql(dialect)} drop column {quoted(name, dialect)}"


def change_type(relation: Relation, column: ColumnType, dialect: str) -> str:
    """Give a column another type; its values are cast."""
    name = quoted(column.name, dialect)
    cast = f"cast({name} as {column.type})"
    return f"alter table {relation.sql(dialect)} alter column {name} set data type {column.type} using {cast}"


def drop(relation: Relation, kind: RelationKind, dialect: str) -> str:
    """Drop a relation that exists."""
    return f"drop {word(kind)} {relation.sql(dialect)}"


def comment_on(relation: Relation, kind: RelationKind, comment: str, dialect: str) -> str:
    """Comment on a table or view."""
    return f"comment on {word(kind)} {relation.sql(dialect)} is {literal(comment)}"


def comment_on_column(relation: Relation, column: str, comment: str, dialect: str) -> str:
    """Comment on a column of a table or view."""
    return f"comment on column {relation.sql(dialect)}.{quoted(column, dialect)} is {literal(comment)}"


def create_schema(relation: Relation, dialect: str) -> str:
    """Create the schema that a relation lies in, where it is missing."""
    parts = [part for part in (relation.catalog, relation.schema) if part]
    return f"create schema if not exists {'.'.join(quoted(part, dialect) for part in parts)}"


def select_all(relation: Relation, dialect: str) -> str:
    """Read all of a relation."""
    return f"select * from {relation.sql(dialect)}"


def literal(value: object) -> str:
    """Spell a value of Python as a SQL literal; strings are escaped, timestamps are UTC.

    >>> literal("O'Hara"), literal(None), literal(True), literal(1.5)
    ("'O''Hara'", 'null', 'true', '1.5')
    >>> literal(float("-inf"))
    "cast('-Infinity' as double precision)"
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float() if not math.isfinite(value):
            name = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
            return f"cast('{name}' as double precision)"
        case int() | float():
            return repr(value)
        case datetime():
            return f"timestamp '{value:%Y-%m-%d %H:%M:%S.%f}'"
    return "'" + str(value).replace("'", "''") + "'"


def is_nan(value: str, dialect: str) -> str:
    """Spell that a number is NaN, which is equal to itself, and above all others, on every engine.

    On Postgres it is looked for as a numeric: no number is too large for one.
    """
    kind = "numeric" if dialect == "postgres" else "double precision"
    return f"{value} = cast('NaN' as {kind})"


def literals(values: Sequence[object]) -> str:
    """Spell a list of values, as in `in (...)`."""
    return ", ".join(literal(value) for value in values)

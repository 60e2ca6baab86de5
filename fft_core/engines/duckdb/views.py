"""Views in a database that has the same name as one of its schemas.

DuckDB stores the text of a view without the name of its database: `shop.shop.orders` becomes `shop.orders`. It then
refuses that name as ambiguous, because `shop` is a database and a schema. It does not change a text in `query_table()`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from sqlglot.expressions import Expr

_Change: TypeAlias = tuple[int, int, str]  # the begin and end of a text, and its replacement


def unambiguous(query: str, database: str) -> str:
    """Return a query that works in a view of a database, also if the database has a schema with the same name.

    >>> unambiguous('select "shop"."shop"."orders".id from "shop"."shop"."orders"', "shop")
    'select "orders".id from query_table(\\'"shop"."shop"."orders"\\') as "orders"'
    """
    name = re.escape(database)
    if not re.search(rf'{name}"?\s*\.\s*"?{name}"?\s*\.', query, re.IGNORECASE):
        return query
    from sqlglot import parse_one  # few projects need it
    from sqlglot.errors import SqlglotError

    try:
        parsed = parse_one(query, dialect="duckdb")
    except SqlglotError:
        return query  # DuckDB reports the error
    changes = sorted(_changes(parsed, database.lower()), reverse=True)
    for start, end, text in changes:
        query = query[:start] + text + query[end:]
    return query


def _changes(parsed: Expr, database: str) -> Iterator[_Change]:
    from sqlglot.expressions import Column, Table

    for table in parsed.find_all(Table):
        if _lies_in(table.parts, database):
            path = ".".join(_quoted(part.name) for part in table.parts).replace("'", "''")
            alias = "" if table.alias else f" as {_quoted(table.name)}"
            yield _change(table.parts, f"query_table('{path}'){alias}")
    for column in parsed.find_all(Column):
        place = column.parts[:-1]
        if _lies_in(place, database) and any(place == table.parts for table in parsed.find_all(Table)):
            yield _change(place, _quoted(place[-1].name))


def _lies_in(parts: Sequence[Expr], database: str) -> bool:
    """Whether the three parts of a name are a database, its schema of the same name, and a table."""
    from sqlglot.expressions import Identifier

    names = [part.name.lower() for part in parts if isinstance(part, Identifier)]
    return len(names) == len(parts) == 3 and names[:2] == [database, database]


def _change(parts: Sequence[Expr], text: str) -> _Change:
    return int(parts[0].meta["start"]), int(parts[-1].meta["end"]) + 1, text


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

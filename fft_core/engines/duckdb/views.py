"""Views in a database whose name is that of one of its schemas.

DuckDB keeps the text of a view without the name of its database. `shop.shop.orders` is kept as `shop.orders`, which is
then refused as ambiguous: `shop` is a database and a schema. The text in `query_table()` is kept as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from sqlglot.expressions import Expression, Identifier

_Change: TypeAlias = tuple[int, int, str]  # where it begins and ends in the text, and what stands there instead


def unambiguous(query: str, database: str) -> str:
    """Return a query that a view of a database can keep, also if the database has a schema of its own name.

    >>> unambiguous('select "shop"."shop"."orders".id from "shop"."shop"."orders"', "shop")
    'select "orders".id from query_table(\\'"shop"."shop"."orders"\\') as "orders"'
    """
    if query.lower().count(database.lower()) < 2:
        return query
    from sqlglot import parse_one  # few projects need it
    from sqlglot.errors import SqlglotError

    try:
        parsed = parse_one(query, dialect="duckdb")
    except SqlglotError:
        return query  # DuckDB says what is wrong
    changes = sorted(_changes(parsed, database.lower()), reverse=True)
    for start, end, text in changes:
        query = query[:start] + text + query[end:]
    return query


def _changes(parsed: Expression, database: str) -> Iterator[_Change]:
    from sqlglot.expressions import Column, Identifier, Table

    for found in parsed.find_all(Table, Column):
        *place, name = found.parts if isinstance(found, Table) else found.parts[:-1] or [None]
        if not isinstance(name, Identifier) or len(place) != 2 or any(part.name.lower() != database for part in place):
            continue
        alias = _quoted(name.name)
        if isinstance(found, Column):
            yield _change(place[0], name, alias)
            continue
        path = ".".join(_quoted(part.name) for part in found.parts).replace("'", "''")
        yield _change(place[0], name, f"query_table('{path}')" + ("" if found.alias else f" as {alias}"))


def _change(first: Identifier, last: Identifier, text: str) -> _Change:
    return int(first.meta["start"]), int(last.meta["end"]) + 1, text


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

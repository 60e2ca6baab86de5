"""Tables from queries: each column gets a name of its own, and a type that can hold values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

from fft_core.engines.protocol import ColumnType, Session
from fft_core.errors import StatementError
from fft_core.names import Relation, repeated_name

Columns: TypeAlias = tuple[ColumnType, ...]


def usable_columns(session: Session, relation: Relation, query: str, *, is_table: bool) -> Columns:
    """Return the columns of a relation that was just created from a query, in the same transaction.

    A column of nothing but NULL has no type in the query: in a table it gets one.

    Raises:
        StatementError: the query has two columns of one name, and the engine renamed one of them.
    """
    columns = session.columns(session.spelling.select_all(relation))
    if session.capabilities.renames_repeated_columns and any(_may_be_renamed(c.name, columns) for c in columns):
        refuse_repeated(session.columns(query), query)
    if not is_table:
        return columns
    usable = [ColumnType(column.name, session.types.usable_type(column.type)) for column in columns]
    changed = [new for old, new in zip(columns, usable, strict=True) if old != new]
    for column in changed:
        session.execute(session.spelling.change_type(relation, column))
    return session.columns(session.spelling.select_all(relation)) if changed else columns


def _may_be_renamed(name: str, columns: Sequence[ColumnType]) -> bool:
    """Whether a name is another column's name with a number behind it, as engines rename a repeated column."""
    found = re.fullmatch(r"(.*)[_:]\d+", name)
    return found is not None and found[1].lower() in (column.name.lower() for column in columns)


def refuse_repeated(columns: Sequence[ColumnType], query: str) -> None:
    """Raise StatementError if two columns of a query have one name; case is ignored."""
    repeated = repeated_name([column.name for column in columns])
    if repeated is None:
        return
    one, other = repeated
    differing = f"the columns {one!r} and {other!r}, which are the same name"
    said = f"two columns called {one!r}" if one == other else differing
    raise StatementError(
        f"the query has {said}",
        sql=query,
        hint="Name each differently; of a join, select the columns of one side, or write `using (...)`.",
        code="FFT-602",
    )

"""Names of relations and columns: which of them are the same, and how users write them."""

from __future__ import annotations

from fft_core.engine_check.outcomes import BrokenClaimError
from fft_core.engine_check.statements import publish, rows_of
from fft_core.engines.protocol import Session
from fft_core.engines.spec.registry import spec_of

PLAIN, MIXED = "ff_check_names", "Ff_Check_Names"
COLUMNS = ("id", "a b", "select", "it's")


def names_are_folded(session: Session) -> str:
    """Publish relations whose names differ in case only, and read them with quotes and without; return the result.

    Raises:
        BrokenClaimError: the names are not folded as the engine declares it.
        EngineError: a statement fails.
    """
    published = publish(session, PLAIN, "select 1 as n")
    *place, name = published.parts
    written = ".".join([*map(session.spelling.quoted, place), name])
    with session.turn():
        if session.fetch(f"select n from {written}") != [(1,)]:
            raise BrokenClaimError(f"{PLAIN} without quotes is another relation")
    other = session.relation(MIXED)
    if spec_of(session.name).names_ignore_case:
        return f"{PLAIN} is read without quotes; names that differ in case only count as one"
    with session.turn():
        if other in session.inspect([other]):
            raise BrokenClaimError(f"{MIXED} is found, although only {PLAIN} exists")
    publish(session, MIXED, "select 2 as n")
    if (rows_of(session, published), rows_of(session, other)) != ([(1,)], [(2,)]):
        raise BrokenClaimError(f"{PLAIN} and {MIXED} are not two relations")
    return f"{PLAIN} is read without quotes; {MIXED} is another relation"


def columns_keep_their_names(session: Session) -> str:
    """Describe a query whose columns have plain and other names. Raises BrokenClaimError, EngineError."""
    quoted = session.spelling.quoted
    with session.turn():
        described = session.columns(f"select {', '.join(f'{i} as {quoted(name)}' for i, name in enumerate(COLUMNS))}")
    found = [column.name for column in described]
    if found != list(COLUMNS):
        raise BrokenClaimError(f"the columns {list(COLUMNS)} are described as {found}")
    if not all(column.type for column in described):
        raise BrokenClaimError("a column is described without a type")
    return ", ".join(repr(name) for name in COLUMNS)

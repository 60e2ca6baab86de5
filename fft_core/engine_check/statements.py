"""Statements of a session: published as by a build, and counted one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fft_core.engines.protocol import RelationKind, Seal, Session, Stats
from fft_core.names import Relation


def publish(session: Session, name: str, query: str, kind: RelationKind = "table") -> Relation:
    """Publish the rows of a query as a build does, with the stamp ab. Raises the errors of the session."""
    relation = session.relation(name)
    with session.turn():
        there = session.inspect([relation]).get(relation)
        with session.publisher.stage(relation, kind, replaces=there.kind if there else None) as stage:
            columns, _ = stage.write(query)
            stage.publish(Seal("ab", columns))
    return relation


def rows_of(session: Session, relation: Relation) -> list[tuple[Any, ...]]:  # Any: values of a driver
    """Return all rows of a relation, in any order."""
    with session.turn():
        return session.fetch(session.spelling.select_all(relation))


def numbers(count: int) -> str:
    """Render a query of the whole numbers below a count, as the column i; every dialect has these words."""
    return " union all ".join(f"select {number} as i" for number in range(count))


@contextmanager
def after_each_statement(session: Session, call: Callable[[], None]) -> Iterator[None]:
    """Call a function after each statement that the session executes while the context lasts; queries do not count."""
    execute = session.execute

    def counted(sql: str) -> Stats:
        stats = execute(sql)
        call()
        return stats

    session.execute = counted  # type: ignore[method-assign]
    try:
        yield
    finally:
        session.execute = execute  # type: ignore[method-assign]


def listed(names: Sequence[str]) -> str:
    """Return the first names of a list as text.

    >>> listed(["a"]), listed(["a", "b", "c", "d", "e"])
    ('a', 'a, b, c and 2 more')
    """
    first, more = ", ".join(names[:3]), len(names) - 3
    return f"{first} and {more} more" if more > 0 else first

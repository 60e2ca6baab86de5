"""Capabilities that a few statements can show: transactions, changed rows, stored views, temporary tables."""

from __future__ import annotations

from contextlib import closing, suppress

from fft_core.engine_check.outcomes import BrokenClaimError
from fft_core.engine_check.statements import publish, rows_of
from fft_core.engines.protocol import Seal, Session
from fft_core.errors import StatementError

TABLE, VIEW, TEMPORARY = "ff_check_table", "ff_check_stored", "_ff_check_mine"


class _LeftError(Exception):
    """An exception that leaves a stage."""


def has_transactions(session: Session) -> str:
    """Leave a stage by an exception after it was published. Raises BrokenClaimError, EngineError."""
    relation = publish(session, TABLE, "select 1 as a")
    with suppress(_LeftError), session.turn(), session.publisher.stage(relation, "table") as stage:
        columns, _ = stage.write("select 2 as a")
        stage.publish(Seal("cd", columns))
        raise _LeftError
    found = rows_of(session, relation)
    if found != [(1,)]:
        raise BrokenClaimError(f"a build that failed left {found}, not the rows of before")
    return "a build that failed left the rows of before"


def has_materialized_views(session: Session) -> str:
    """Change the table below a materialized view. Raises BrokenClaimError, EngineError."""
    table = publish(session, TABLE, "select 1 as a")
    stored = publish(session, VIEW, session.spelling.select_all(table), "materialized_view")
    publish(session, TABLE, "select 2 as a")
    found = rows_of(session, stored)
    if found != [(1,)]:
        raise BrokenClaimError(f"a materialized view has {found} after its table changed, not the stored rows")
    return "its rows stayed when the table below it changed"


def has_renames_repeated_columns(session: Session) -> str:
    """Create a table from a query with two columns of one name. Raises EngineError."""
    relation = session.relation("ff_check_repeated")
    session.execute(session.spelling.create_as(relation, "table", "select 1 as a, 2 as a", replaces=False))
    return "a repeated name was replaced"


def has_changes_rows(session: Session) -> str:
    """Update one row, and delete another. Raises BrokenClaimError, EngineError."""
    relation, spelling = publish(session, TABLE, "select 1 as a union all select 2"), session.spelling
    session.execute(spelling.update(relation, {spelling.quoted("a"): "3"}, f"{spelling.quoted('a')} = 1"))
    session.execute(spelling.delete(relation, f"{spelling.quoted('a')} = 2"))
    found = rows_of(session, relation)
    if found != [(3,)]:
        raise BrokenClaimError(f"an update and a delete left {found}")
    return "a row was updated, another one deleted"


def has_temporary_tables(session: Session) -> str:
    """Create a temporary table, and look for it in another session. Raises BrokenClaimError, EngineError."""
    with session.turn():
        session.execute(session.spelling.create_temporary(TEMPORARY, "select 1 as a"))
        place = session.temporary(TEMPORARY).sql(session.spelling)
        if session.fetch(f"select a from {place}") != [(1,)]:
            raise BrokenClaimError("a temporary table does not have its rows")
        with closing(session.for_thread()) as other:
            if _finds(other, place):
                raise BrokenClaimError("another session sees a temporary table")
    return "another session does not see it"


def _finds(session: Session, place: str) -> bool:
    try:
        session.fetch(f"select a from {place}")
    except StatementError:
        return False
    return True


CHECKS = {
    "transactions": has_transactions,
    "materialized_views": has_materialized_views,
    "renames_repeated_columns": has_renames_repeated_columns,
    "changes_rows": has_changes_rows,
    "temporary_tables": has_temporary_tables,
}
"""The check of each capability, by the name of its flag."""

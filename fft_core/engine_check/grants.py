"""Grants: they survive a publish."""

from __future__ import annotations

from fft_core.engine_check.outcomes import BrokenClaimError, UncheckedError
from fft_core.engine_check.statements import publish
from fft_core.engines.protocol import Session
from fft_core.errors import StatementError
from fft_core.names import Relation

NAME = "ff_check_grants"


def grants_survive(session: Session) -> str:
    """Grant SELECT on a table to all users, publish the table again, and look for the grant; return what was found.

    Raises:
        BrokenClaimError: the grant is gone.
        UncheckedError: the user may not set the grant, or does not see it.
        EngineError: the table cannot be published.
    """
    relation = publish(session, NAME, "select 1 as a")
    with session.turn():
        try:
            session.execute(session.spelling.grant_reading(relation))
        except StatementError as error:
            said = error.problem.message.partition("\n")[0]
            raise UncheckedError(f"SELECT cannot be granted to all users: {said}") from error
    granted = _grants(session, relation)
    if not granted:
        raise UncheckedError("the grant is set, but this user does not see it in the catalog")
    for query, changed in (("select 2 as a", "rows"), ("select 3 as a, 4 as b", "columns")):
        publish(session, NAME, query)
        lost = granted - _grants(session, relation)
        if lost:
            said = ", ".join(f"{privilege} of {role}" for role, privilege in sorted(lost))
            raise BrokenClaimError(f"after a publish with other {changed}, these grants are gone: {said}")
    return "SELECT, granted to all users, was there after new rows and after new columns"


def _grants(session: Session, relation: Relation) -> set[tuple[str, str]]:
    with session.turn():
        try:
            rows = session.fetch(session.spelling.grants_on(relation))
        except StatementError as error:
            said = error.problem.message.partition("\n")[0]
            raise UncheckedError(f"grants cannot be read: {said}") from error
    return {(str(role), str(privilege)) for role, privilege in rows}

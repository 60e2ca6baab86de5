"""Publishing on Snowflake: by statements that keep grants, from transient stages, which have no fail-safe storage."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from snowflake.connector.errors import Error

from fft_core.engines.by_statement import SwapByStatement
from fft_core.engines.protocol import ColumnType, RelationKind
from fft_core.engines.snowflake.catalog import signature_of
from fft_core.engines.spec.layout import Layout
from fft_core.names import Relation

if TYPE_CHECKING:
    from fft_core.engines.snowflake.session import SnowflakeSession


class SnowflakePublisher(SwapByStatement):
    """Publishing of a table by `create or replace table ... copy grants comment = ... as select * from` its stage.

    SWAP is not used, because it leaves the grants with the stage.

    Args:
        session: Runs the statements.
        is_transient: Whether published tables are transient, without fail-safe, if their layout does not say it.
    """

    def __init__(self, session: SnowflakeSession, *, is_transient: bool) -> None:
        super().__init__(session)
        self._snowflake = session
        self._is_transient = is_transient

    def staged(self, stage: Relation, kind: RelationKind, query: str, layout: Layout) -> str:
        return _transient(super().staged(stage, kind, query, layout))

    def swapped(self, stage: Relation, relation: Relation, comment: str, layout: Layout) -> str:
        statement = super().swapped(stage, relation, comment, layout)
        is_transient = self._is_transient if layout.transient is None else layout.transient
        return _transient(statement) if is_transient else statement

    def change_together(self, statements: Sequence[str]) -> None:
        session = self.session
        session.execute("begin")
        try:
            for statement in statements:
                session.execute(statement)
            session.execute("commit")
        except BaseException:
            with suppress(Error):  # if the connection is lost, the service rolls back by itself
                self._snowflake.connection.cursor().execute("rollback")  # also if the session is interrupted
            raise

    def signature(self, stage: Relation, kind: RelationKind, columns: Sequence[ColumnType]) -> str:
        return signature_of(self._snowflake.fetch, stage)


def _transient(statement: str) -> str:
    head, _, rest = statement.partition(" table ")
    return f"{head} transient table {rest}" if head in ("create", "create or replace") else statement

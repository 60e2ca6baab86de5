"""Publishing on BigQuery: by statements that leave the stamp in the description, from stages that expire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fft_core.engines.bigquery.spelling import SPELLING
from fft_core.engines.by_statement import SwapByStatement
from fft_core.engines.protocol import ColumnType, RelationKind
from fft_core.names import Relation

if TYPE_CHECKING:
    from fft_core.engines.bigquery.session import BigQuerySession


class BigQueryPublisher(SwapByStatement):
    """Publishing of a table by `create or replace table ... options(description=...) as select * from` its stage.

    A copy job would be free, but its stamp would be a second step; rows and stamp are one statement here.

    Args:
        session: Runs the statements.
    """

    def __init__(self, session: BigQuerySession) -> None:
        super().__init__(session)
        self._bigquery = session

    def staged(self, stage: Relation, kind: RelationKind, query: str) -> str:
        return SPELLING.create_expiring(stage, kind, query)

    def swapped(self, stage: Relation, relation: Relation, comment: str) -> str:
        """Render the statement with the partitions and clusters that the published table has."""
        statement = super().swapped(stage, relation, comment)
        layout = self._bigquery.layout(relation, stage)
        name = SPELLING.relation(relation)
        return statement.replace(name, f"{name}{layout}", 1)

    def signature(self, stage: Relation, kind: RelationKind, columns: Sequence[ColumnType]) -> str:
        return self._bigquery.signature(stage)

    def change_together(self, statements: Sequence[str]) -> None:
        """Run statements as one script; BigQuery rolls its transaction back if a statement fails."""
        self.session.execute(SPELLING.in_transaction(statements))

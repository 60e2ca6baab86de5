"""Publishing on BigQuery: by statements that leave the stamp in the description, from stages that expire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fft_core.engines.bigquery.layout import configured
from fft_core.engines.bigquery.spelling import SPELLING
from fft_core.engines.by_statement import SwapByStatement
from fft_core.engines.leftovers import swap_name
from fft_core.engines.protocol import ColumnType, RelationKind, Stats
from fft_core.engines.spec.layout import Layout
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

    def staged(self, stage: Relation, kind: RelationKind, query: str, layout: Layout) -> str:
        configured(layout)  # raises before the query runs
        return SPELLING.create_expiring(stage, kind, query)

    def make(self, stage: Relation, kind: RelationKind, query: str, layout: Layout) -> tuple[Relation, Stats]:
        return self._bigquery.jobs.create_once(stage, self.staged(stage, kind, query, layout), query)

    def swap(self, stage: Relation, relation: Relation, comment: str, layout: Layout) -> bool:
        """Write a stage to a table, with the partitions and clusters that are configured.

        Those of the published table are kept if none are configured, or were. BigQuery refuses to replace a table by
        one with others: then a new table takes its name, and readers miss the table for a moment.
        """
        there, wanted = self._bigquery.layout(relation), configured(layout)
        if there is not None:
            columns = self.session.columns(SPELLING.select_all(stage)) if there.partition or there.clusters else ()
            wanted = wanted.filled_from(there, [column.name for column in columns], layout.changed)
        laid_out = wanted.applied_to(layout)
        if there in (None, wanted):
            return super().swap(stage, relation, comment, laid_out)
        made = relation.named(swap_name(relation.name))
        self.session.execute(self.swapped(stage, made, comment, laid_out))
        # one script: the service goes on with it if this process ends
        self.session.execute(SPELLING.script([SPELLING.drop(relation, "table"), SPELLING.rename(made, relation.name)]))
        return True

    def signature(self, stage: Relation, kind: RelationKind, columns: Sequence[ColumnType]) -> str:
        return self._bigquery.signature(stage)

    def await_earlier(self) -> None:
        self._bigquery.jobs.await_change()

    def change_together(self, statements: Sequence[str]) -> None:
        """Run statements as one script; BigQuery rolls its transaction back if a statement fails."""
        self._bigquery.jobs.change_once(SPELLING.in_transaction(statements))

"""The publisher of Postgres: a stage takes the relation's place in a transaction, and objects of others are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import errors

from fft_core.engines.postgres.catalog import signature_of
from fft_core.engines.postgres.locks import Locks
from fft_core.engines.postgres.replacement import Replacement
from fft_core.engines.postgres.spelling import SPELLING
from fft_core.engines.protocol import ColumnType, PublishMode, RelationKind, Seal
from fft_core.engines.publishing import Order, RenameInTransaction
from fft_core.engines.stamp import marked
from fft_core.errors import StatementError
from fft_core.names import Relation

if TYPE_CHECKING:
    from fft_core.engines.postgres.session import PostgresSession


class PostgresPublisher(RenameInTransaction):
    """A publisher that replaces tables in place or by a swap, see `replacement.py`.

    Args:
        session: The session.
        locks: Takes locks, and limits how long the session waits for them.
        in_place_up_to_mb: The size of a table up to which its rows are replaced in place.
    """

    def __init__(self, session: PostgresSession, locks: Locks, in_place_up_to_mb: float) -> None:
        super().__init__(session)
        self._postgres = session
        self._locks = locks
        self._in_place_up_to_mb = in_place_up_to_mb

    def retype(self, place: Relation, column: ColumnType) -> bool:
        try:
            with self._locks.savepoint():
                return super().retype(place, column)
        except StatementError as error:
            if isinstance(error.__cause__, errors.FeatureNotSupported):  # a view reads the column
                return False
            raise

    def put(self, stage: Relation, order: Order, mode: PublishMode | None) -> int | None:
        size = self._table_size(stage)
        Replacement(self._locks, self._in_place_up_to_mb).publish(stage, order.relation, mode)
        return size

    def stamp(self, relation: Relation, kind: RelationKind, seal: Seal) -> None:
        comment, signature = signature_of(self._postgres.fetch, relation)
        text = marked(comment, seal.stamp or "", signature)
        self._postgres.execute(SPELLING.comment_on(relation, kind, text))

    def _table_size(self, stage: Relation) -> int | None:
        """Return how many bytes a stage holds; None for a view."""
        ((size, kind),) = self._postgres.fetch(
            f"select pg_table_size(oid), relkind::text from pg_class "
            f"where oid = {SPELLING.literal(stage.sql(SPELLING))}::regclass"
        )
        return int(size) if kind in ("r", "m") else None

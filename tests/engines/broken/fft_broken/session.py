"""Sessions that publish in several statements, each of which readers see: the table is missing, or it is empty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fft_broken import SPEC
from fft_core.engines.by_statement import SwapByStatement
from fft_core.engines.postgres import namespace
from fft_core.engines.postgres.catalog import signature_of
from fft_core.engines.postgres.session import PostgresSession, conninfo_of
from fft_core.engines.postgres.versions import PostgresVersions
from fft_core.engines.protocol import ColumnType, RelationKind
from fft_core.engines.spec.layout import Layout
from fft_core.names import Relation


class BrokenSession(PostgresSession):
    """A connection whose statements are transactions of their own, although its capabilities promise others."""

    spec = SPEC
    fault = "drops"

    def __init__(self, *args: Any, **settings: Any) -> None:  # Any: those of Postgres
        super().__init__(*args, **settings)
        if self.fault != "digests":
            self.publisher = BrokenPublisher(self)
        else:
            self.versions = BlindVersions(self.fetch)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self.fault != "digests":
            yield
            return
        with super().transaction():
            yield

    def hold(self, relation: Relation) -> None:
        pass  # a lock would end with its statement


class Emptying(BrokenSession):
    fault = "empties"


class Blind(BrokenSession):
    fault = "digests"


class BrokenPublisher(SwapByStatement):
    """Drops the old table, and then renames the stage; or empties the table, and then fills it."""

    def swap(self, stage: Relation, relation: Relation, comment: str, layout: Layout) -> bool:
        session, spelling = self.session, self.session.spelling
        there = session.inspect([relation]).get(relation)
        if there is not None and isinstance(session, Emptying):
            session.execute(spelling.delete(relation, None))
            session.execute(spelling.insert(relation, ["i", "n"], spelling.select_all(stage)))
            return True
        if there is not None:
            session.execute(spelling.drop(relation, there.kind))
        session.execute(spelling.rename(stage, relation.name))
        session.execute(spelling.comment_on(relation, "table", comment))
        return False

    def replace(self, relation: Relation, kind: RelationKind, query: str, comment: str) -> None:
        self.session.execute(self.session.spelling.create_as(relation, kind, query))

    def signature(self, stage: Relation, kind: RelationKind, columns: Sequence[ColumnType]) -> str:
        return signature_of(self.session.fetch, stage)[1]


class BlindVersions(PostgresVersions):
    """Versions that do not see the values of rows."""

    def digest(self, alias: str, columns: Sequence[ColumnType], *, in_order: bool = False) -> str:
        return "cast(count(*) as text)"


_OF_FAULT = {"drops": BrokenSession, "empties": Emptying, "digests": Blind}


def connect(
    *,
    dsn: str,
    db_schema: str | None = None,
    lock_timeout_seconds: float = 600,
    replace_in_place_up_to_mb: float = 16,
    fault: str = "drops",
    read_only: bool = False,
    scratch: bool = False,
) -> BrokenSession:
    """Open a session, as that of Postgres."""
    limits = lock_timeout_seconds, replace_in_place_up_to_mb
    place = namespace({"db_schema": db_schema})
    return _OF_FAULT[fault](conninfo_of(dsn), place, *limits, read_only=read_only)

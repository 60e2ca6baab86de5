"""Sessions that begin no transaction, and publish by one statement, as warehouses without them do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fft_autocommit import SPEC
from fft_core.engines.by_statement import SwapByStatement
from fft_core.engines.postgres import namespace
from fft_core.engines.postgres.catalog import signature_of
from fft_core.engines.postgres.replacement_queries import DEPENDENTS, VIEW_STATEMENTS
from fft_core.engines.postgres.session import PostgresSession, conninfo_of
from fft_core.engines.protocol import ColumnType, RelationKind
from fft_core.engines.spec.layout import Layout
from fft_core.errors import EngineError
from fft_core.names import Relation

# `create or replace table` of other warehouses, in one statement of this one: views over the old table are made again.
_PUBLISH = f"""
create function pg_temp.publish(target text, made text, word text, said text) returns void language plpgsql as $ff$
#variable_conflict use_column
declare
    old oid := to_regclass(target);
    one record;
    again text[] := '{{}}';
    statement text;
begin
    if old is not null then
        for one in {DEPENDENTS.format(oid="old")} order by 5 loop
            again := again || array(
                select made.statement from ({VIEW_STATEMENTS.format(oid="one.oid")}) as made(number, statement)
            );
        end loop;
        execute (select format('drop %s %s cascade',
            case relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end, target)
            from pg_class where oid = old);
    end if;
    execute made;
    execute format('comment on %s %s is %L', word, target, said);
    foreach statement in array again loop
        begin
            execute statement;
        exception when others then  -- a view that does not fit is gone until it is built again
        end;
    end loop;
end $ff$"""


class AutocommitSession(PostgresSession):
    """A connection whose statements are transactions of their own."""

    spec = SPEC

    def __init__(self, *args: Any, **settings: Any) -> None:  # Any: those of Postgres
        super().__init__(*args, **settings)
        self.publisher = AutocommitPublisher(self)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield
        if self._cancelled.is_set():
            raise EngineError("the statement was interrupted")

    def hold(self, relation: Relation) -> None:
        pass  # a lock would end with its statement


class AutocommitPublisher(SwapByStatement):
    """Publishes by a function, which is one statement."""

    _has_function = False

    def make_room(self, relation: Relation, kind: RelationKind) -> None:
        pass  # the function does

    def swapped(self, stage: Relation, relation: Relation, comment: str, layout: Layout) -> str:
        made = self.session.spelling.rename(stage, relation.name)
        return self._published(relation, made, "table", comment)

    def replace(self, relation: Relation, kind: RelationKind, query: str, comment: str) -> None:
        spelling = self.session.spelling
        made = spelling.create_as(relation, kind, query, replaces=False)
        self.session.execute(self._published(relation, made, spelling.kind(kind), comment))

    def change_together(self, statements: Sequence[str]) -> None:
        session = self.session
        assert isinstance(session, PostgresSession)
        with PostgresSession.transaction(session):  # of statements that change rows, warehouses have one
            for statement in statements:
                session.execute(statement)

    def signature(self, stage: Relation, kind: RelationKind, columns: Sequence[ColumnType]) -> str:
        return signature_of(self.session.fetch, stage)[1]

    def _published(self, relation: Relation, made: str, word: str, comment: str) -> str:
        spelling = self.session.spelling
        if not self._has_function:
            self.session.execute(_PUBLISH)
            self._has_function = True
        return f"select pg_temp.publish({spelling.literals([relation.sql(spelling), made, word, comment])})"


def connect(
    *,
    dsn: str,
    db_schema: str | None = None,
    lock_timeout_seconds: float = 600,
    replace_in_place_up_to_mb: float = 16,
    read_only: bool = False,
    scratch: bool = False,
) -> AutocommitSession:
    """Open a session, as that of Postgres."""
    place = namespace({"db_schema": db_schema})
    limits = lock_timeout_seconds, replace_in_place_up_to_mb
    return AutocommitSession(conninfo_of(dsn), place, *limits, read_only=read_only)

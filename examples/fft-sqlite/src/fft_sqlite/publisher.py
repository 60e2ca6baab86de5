"""Publishing in a transaction: its table has another name until it replaces the published one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fft_core.engines.protocol import PublishMode, RelationKind, Seal, Stats
from fft_core.engines.publishing import Order, RenameInTransaction
from fft_core.names import Relation
from fft_sqlite import STAMPS

if TYPE_CHECKING:
    from fft_sqlite.session import SqliteSession

CREATE_STAMPS = f'create table if not exists main."{STAMPS}" (name TEXT primary key, stamp TEXT, signature TEXT)'


class SqlitePublisher(RenameInTransaction):
    """Publishes by rename, and stores stamps in a table, beside a digest of the relation's CREATE, which SQLite keeps.

    Each table has a unique comment in the text of its CREATE, so that a table that is dropped and created again by hand
    differs. The root page of its rows would not show that: a page is used again, and VACUUM changes its number.
    """

    def __init__(self, session: SqliteSession) -> None:
        super().__init__(session)
        self.sqlite = session

    def place(self, order: Order) -> Relation:
        return order.relation if order.kind == "view" else super().place(order)  # SQLite does not rename views

    def make_room(self, order: Order) -> None:
        if order.kind == "view":
            self._drop(order.relation)

    def create(self, place: Relation, kind: RelationKind, query: str) -> Stats:
        if kind == "table":
            return self.sqlite.create_table(place, query)
        self.session.columns(query)  # what is wrong with it is told now: a view hides it until it is read
        return super().create(place, kind, query)

    def retype(self, place: Relation, column: object) -> bool:
        return False

    def put(self, stage: Relation, order: Order, mode: PublishMode | None) -> int | None:
        made_by_others = self._indexes_and_triggers(order.relation)
        super().put(stage, order, mode)
        for statement in made_by_others:
            self.session.execute(statement)
        return None

    def show(self, order: Order) -> None:
        view, spelling = order.shown.relation, self.session.spelling
        self._drop(view)
        self.session.execute(spelling.create_as(view, "view", spelling.select_all(order.relation), replaces=False))

    def stamp(self, relation: Relation, kind: RelationKind, seal: Seal) -> None:
        literal = self.session.spelling.literal
        made_of = f"from main.sqlite_schema where type in ('table', 'view') and {self._is_named('name', relation)}"
        values = f"select lower(name), {literal(seal.stamp)}, md5(sql) {made_of}"
        self.session.execute(f'insert or replace into main."{STAMPS}" {values}')

    def _drop(self, relation: Relation) -> None:
        for there, info in self.session.inspect([relation]).items():
            self.session.execute(self.session.spelling.drop(there, info.kind))

    def _indexes_and_triggers(self, relation: Relation) -> list[str]:
        where = f"type in ('index', 'trigger') and sql is not null and {self._is_named('tbl_name', relation)}"
        return [sql for (sql,) in self.session.fetch(f"select sql from main.sqlite_schema where {where}")]

    def _is_named(self, column: str, relation: Relation) -> str:
        return f"lower({column}) = lower({self.session.spelling.text(relation.name)})"

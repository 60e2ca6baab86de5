"""Staging and publishing in a transaction: in the place of the relation, or by a rename.

An author of an engine chooses one of these publishers, and overrides the statements that differ. `by_statement.py`
has the publisher of engines without transactions.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from fft_core.engines.changes import Alteration, Change
from fft_core.engines.created import usable_columns
from fft_core.engines.protocol import (
    ColumnType,
    PublishMode,
    RelationKind,
    Seal,
    Sealed,
    Session,
    Stage,
    Start,
    Stats,
)
from fft_core.engines.session import total
from fft_core.engines.spec.layout import NO_LAYOUT, Layout
from fft_core.engines.stamp import columns_digest, marked
from fft_core.names import Relation


def stage_name(name: str) -> str:
    """Return the name under which a relation is staged in a transaction; its length is the same for all relations.

    >>> stage_name("orders")
    '_ff_stage_1c168adb00d208e4'
    """
    return f"_ff_stage_{hashlib.sha256(name.encode()).hexdigest()[:16]}"


@dataclass(frozen=True)
class Order:
    """A relation to stage and publish; see `Publisher.stage`."""

    relation: Relation
    kind: RelationKind
    start: Start = "empty"
    view: Relation | None = None
    replaces: RelationKind | None = None
    layout: Layout = NO_LAYOUT

    @property
    def shown(self) -> Order:
        """The relation that readers use: this one, or the view over it."""
        return self if self.view is None else Order(self.view, "view", replaces=self.replaces)


class StagedRows(ABC):
    """Rows that a session stages in a relation."""

    def __init__(self, session: Session, order: Order, place: Relation) -> None:
        self.session = session
        self.order = order
        self._place = place

    @property
    def place(self) -> Relation:
        return self._place

    def write(self, query: str, written: str | None = None) -> tuple[tuple[ColumnType, ...], Stats]:
        stats = self._create(query)
        is_table = self.order.kind == "table"
        return usable_columns(self.session, self.place, written or query, is_table=is_table), stats

    def apply(self, statements: Sequence[str]) -> Stats:
        return total([self.session.execute(statement) for statement in statements])

    def alter(self, alteration: Alteration) -> None:
        for statement in alteration.statements(self.place, self.session.spelling):
            self.session.execute(statement)

    def change(self, change: Change) -> Stats:
        return self.apply(change.statements(self.place))

    def retype(self, column: ColumnType) -> bool:
        self.session.execute(self.session.spelling.change_type(self.place, column))
        return True

    @abstractmethod
    def scratch(
        self, name: str, query: str, written: str | None = None, *, kind: RelationKind = "table"
    ) -> tuple[Relation, tuple[ColumnType, ...]]: ...

    @abstractmethod
    def publish(self, seal: Seal) -> Sealed: ...

    def _finish(self, seal: Seal) -> None:
        """Run the statements of `Seal.after`, once the relation has its name."""
        for statements in seal.after:
            for statement in statements():
                self.session.execute(statement)

    @abstractmethod
    def clean(self) -> None:
        """Drop the relations that were made beside the published one."""

    def _create(self, query: str) -> Stats:
        return self.session.execute(self.session.spelling.create_as(self.place, self.order.kind, query, replaces=False))


class _WithTemporary(StagedRows):
    """A stage whose scratch relations are temporary."""

    def __init__(self, session: Session, order: Order, place: Relation) -> None:
        super().__init__(session, order, place)
        self._scratches: list[tuple[Relation, RelationKind]] = []

    def scratch(
        self, name: str, query: str, written: str | None = None, *, kind: RelationKind = "table"
    ) -> tuple[Relation, tuple[ColumnType, ...]]:
        self.session.create_temporary(name, query, kind)
        relation = self.session.temporary(name)
        self._scratches.append((relation, kind))
        return relation, usable_columns(self.session, relation, written or query, is_table=kind == "table")

    def clean(self) -> None:
        while self._scratches:
            self.session.execute(self.session.spelling.drop(*self._scratches.pop()))


class TemporaryStage(_WithTemporary):
    """A stage that is itself a temporary table, and is never published: for unit tests."""

    def __init__(self, session: Session, relation: Relation) -> None:
        super().__init__(session, Order(relation, "table"), relation)

    def publish(self, seal: Seal) -> Sealed:
        raise NotImplementedError("a temporary table is not published")

    def _create(self, query: str) -> Stats:
        return self.session.create_temporary(self.place.name, query)


class _TransactionStage(_WithTemporary):
    """A stage in a transaction, which is published by the commit."""

    def __init__(self, publisher: InTransaction, order: Order) -> None:
        super().__init__(publisher.session, order, publisher.place(order))
        self._publisher = publisher
        self.late: tuple[str, ...] = ()

    def write(self, query: str, written: str | None = None) -> tuple[tuple[ColumnType, ...], Stats]:
        self._publisher.make_room(self.order)
        return super().write(query, written)

    def retype(self, column: ColumnType) -> bool:
        return self._publisher.retype(self.place, column)

    def publish(self, seal: Seal) -> Sealed:
        publisher, size = self._publisher, None
        self.clean()  # a view of the stage would depend on it
        if self.place != self.order.relation:
            size = publisher.put(self.place, self.order, seal.mode)
        if self.order.view is not None:
            publisher.show(self.order)
        self._finish(seal)
        if seal.stamp is not None:
            for order in dict.fromkeys((self.order.shown, self.order)):
                publisher.stamp(order.relation, order.kind, seal)
        if publisher.records_apart(self.order):
            self.late = seal.record
        else:
            for statement in seal.record:
                self.session.execute(statement)
        return Sealed(size)

    def _create(self, query: str) -> Stats:
        return self._publisher.create(self.place, self.order.kind, query)


class InTransaction:
    """A publisher for engines whose transactions hide a new relation under a published name, and block no readers.

    The published relation itself is the stage: the commit publishes it.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    @contextmanager
    def stage(
        self,
        relation: Relation,
        kind: RelationKind,
        start: Start = "empty",
        *,
        view: Relation | None = None,
        replaces: RelationKind | None = None,
        layout: Layout = NO_LAYOUT,
    ) -> Iterator[Stage]:
        order = Order(relation, kind, start, view, replaces, layout)
        with self.session.transaction():
            self.session.hold(order.shown.relation)
            stage = _TransactionStage(self, order)
            yield stage
            stage.clean()
        if stage.late:
            with self.session.transaction():
                for statement in stage.late:
                    self.session.execute(statement)

    def records_apart(self, order: Order) -> bool:
        """Whether this transaction cannot write the records, so that they are written right after it.

        After a crash in between, the stamp has no record: the relation is built once more, never skipped wrongly.
        """
        return False

    def place(self, order: Order) -> Relation:
        """Return the relation in which the rows are staged."""
        return order.relation

    def make_room(self, order: Order) -> None:
        """Drop the relation that a new one replaces, if one statement cannot replace it."""
        if order.view is None and order.replaces not in (None, order.kind):
            self.session.execute(self.session.spelling.drop(order.relation, order.replaces))

    def create(self, place: Relation, kind: RelationKind, query: str) -> Stats:
        """Create a stage from a query."""
        return self.session.execute(self.session.spelling.create_as(place, kind, query, replaces=True))

    def retype(self, place: Relation, column: ColumnType) -> bool:
        """Change the type of a table's column; return False if an object that depends on it prevents that."""
        self.session.execute(self.session.spelling.change_type(place, column))
        return True

    def put(self, stage: Relation, order: Order, mode: PublishMode | None) -> int | None:
        """Move a stage to the relation's place; return the bytes that its table takes, None if unknown."""
        raise NotImplementedError("the stage is in its place already")

    def show(self, order: Order) -> None:
        """Create or replace the view over a table."""
        shown, spelling = order.shown, self.session.spelling
        self.make_room(shown)
        self.session.execute(spelling.create_as(shown.relation, "view", spelling.select_all(order.relation)))

    def stamp(self, relation: Relation, kind: RelationKind, seal: Seal) -> None:
        """Write the stamp of a build. It no longer counts if the relation is replaced or altered by hand."""
        signature = columns_digest((column.name, column.type) for column in seal.columns)
        text = marked("", seal.stamp or "", signature)
        self.session.execute(self.session.spelling.comment_on(relation, kind, text))


class RenameInTransaction(InTransaction):
    """A publisher for engines that rename in a transaction: the stage has its own name until it becomes the relation.

    An increment is applied to the published table itself, inside the transaction.
    """

    def place(self, order: Order) -> Relation:
        if order.start == "published":
            return order.relation
        return self._free(order.relation.named(stage_name(order.relation.name)))

    def make_room(self, order: Order) -> None:
        pass  # the stage's place is free, and `put` replaces the old relation

    def create(self, place: Relation, kind: RelationKind, query: str) -> Stats:
        return self.session.execute(self.session.spelling.create_as(place, kind, query, replaces=False))

    def put(self, stage: Relation, order: Order, mode: PublishMode | None) -> int | None:
        session, spelling = self.session, self.session.spelling
        for there, info in session.inspect([order.relation]).items():
            session.execute(spelling.drop(there, info.kind))
        session.execute(spelling.rename(stage, order.relation.name))
        return None

    def show(self, order: Order) -> None:
        shown, spelling = order.shown, self.session.spelling
        stage = self._free(shown.relation.named(stage_name(shown.relation.name)))
        self.session.execute(spelling.create_as(stage, "view", spelling.select_all(order.relation), replaces=False))
        self.put(stage, shown, None)

    def _free(self, stage: Relation) -> Relation:
        """Return the place of a stage without leftovers, as in a database that was copied during a build."""
        for left, info in self.session.inspect([stage]).items():
            self.session.execute(self.session.spelling.drop(left, info.kind))
        return stage

"""Staging and publishing on engines without transactions over DDL: each statement is a transaction of its own.

A table or view that is rebuilt is staged, and published by one statement that also writes the stamp. The record of the
build is written after it. After a crash in between, the stamp has no record: the relation is built once more, and a
build is never skipped wrongly.

A table that an increment changes stays in its place. Until it is published, a view shows the rows that the table will
have, and checks read this view. Then the stamp is written, and after it the changes and the record are applied
together. A crash in between leaves a stamp without a record, on rows without the changes: the next build applies them
once. If an engine cannot apply the changes together with the record, the record is written first, and then the table
is rebuilt with its stamp. A crash in between leaves the rows of before, and a record with another stamp.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fft_core.engines.changes import Alteration, Change
from fft_core.engines.created import usable_columns
from fft_core.engines.leftovers import prefix_of, remove_leftovers, swap_name
from fft_core.engines.protocol import ColumnType, RelationKind, Seal, Sealed, Session, Stage, Start, Stats, Want
from fft_core.engines.publishing import Order, StagedRows
from fft_core.engines.spec import Capabilities
from fft_core.engines.spec.layout import NO_LAYOUT, Layout
from fft_core.engines.spec.spelling import Spelling
from fft_core.engines.stamp import columns_digest, marked, unmarked
from fft_core.errors import EngineError
from fft_core.names import Relation

_log = logging.getLogger(__name__)


class SwapByStatement:
    """A publisher for engines without transactions over DDL.

    The stage is a relation beside the published one; for an increment, it is a view of the rows that the table will
    have. Stages that a crash leaves behind are removed by a later build of the relation, see `leftovers.py`.

    If a view replaces a table, or a table a view, the old relation is dropped first: for a moment readers find none.
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
        self.session.hold(order.shown.relation)
        remove_leftovers(self.session, relation)
        for old in self.retired(relation, prefix_of(relation.name)):
            self.session.execute(self.session.spelling.drop(old, "table"))
        made_by = self.publisher_of(layout)
        stage = _ChangeStage(made_by, order) if start == "published" else _SwapStage(made_by, order)
        try:
            yield stage
        finally:
            try:
                stage.clean()
            except EngineError as error:
                _log.warning("the staged table of %s is left for a later build to remove: %s", relation, error)

    def publisher_of(self, layout: Layout) -> SwapByStatement:
        """Return the publisher of tables of a layout, if the way of publishing depends on their format."""
        return self

    @property
    def spelling(self) -> Spelling:
        """Renders the statements that create tables and views."""
        return self.session.spelling

    @property
    def can(self) -> Capabilities:
        """The capabilities of the engine for the tables of this publisher."""
        return self.session.capabilities

    def make_room(self, relation: Relation, kind: RelationKind) -> None:
        """Drop a relation of another kind that has the name; for a moment readers find none."""
        self.session.execute(self.session.spelling.drop(relation, kind))

    def staged(self, stage: Relation, kind: RelationKind, query: str, layout: Layout) -> str:
        """Render the statement that creates a stage, or a relation beside it.

        A stage has a layout only if it becomes the table itself: an engine whose `swap` moves it overrides this.
        """
        return self.spelling.create_as(stage, kind, query, replaces=False)

    def make(self, stage: Relation, kind: RelationKind, query: str, layout: Layout) -> tuple[Relation, Stats]:
        """Create a stage, or a relation beside it.

        Returns:
            The relation, and the statistics of the statement. The relation is another one if an earlier attempt of the
            step was still creating it, see `Trace.attempt`.
        """
        return stage, self.session.execute(self.staged(stage, kind, query, layout))

    def swapped(self, stage: Relation, relation: Relation, comment: str, layout: Layout) -> str:
        """Render the one statement that creates or replaces a table with the rows of a stage, and a comment."""
        query = self.spelling.select_all(stage)
        return self.spelling.create_as(relation, "table", query, stamp=comment, layout=layout)

    def swap(self, stage: Relation, relation: Relation, comment: str, layout: Layout) -> bool:
        """Write the rows, columns and comment of a stage to a table; return whether the stage is still there.

        If an engine needs several statements for it, a crash must neither lose rows nor leave the stamp on other rows.
        """
        self.session.execute(self.swapped(stage, relation, comment, layout))
        return True

    def retired(self, relation: Relation, prefix: str) -> Sequence[Relation]:
        """Return the tables with replaced rows that `swap` has left for readers; their names begin with the prefix."""
        return ()

    def runs_in_place(self, statements: Sequence[str]) -> bool:
        """Whether a change is run on the published table, if rows and record are not changed together.

        It must be one statement, or the table is half changed after a crash.
        """
        return len(statements) == 1

    def replace(self, relation: Relation, kind: RelationKind, query: str, comment: str) -> None:
        """Create or replace a view, with a comment, by one statement."""
        self.session.execute(self.spelling.create_as(relation, kind, query, stamp=comment))

    def await_earlier(self) -> None:
        """Wait until an earlier attempt of the same step has changed the rows, if it is still doing so.

        Called before the stamp is written. Raises SupersededError if an earlier attempt has changed them.
        """

    def change_together(self, statements: Sequence[str]) -> None:
        """Run statements that change rows, but create or alter nothing: all become visible together, or none.

        Called only if `Capabilities.changes_together`. Raises the errors of `Session.execute`.
        """
        with self.session.transaction():
            for statement in statements:
                self.session.execute(statement)

    def signature(self, stage: Relation, kind: RelationKind, columns: Sequence[ColumnType]) -> str:
        """Return the signature of a relation with these columns, as `Session.inspect` compares it."""
        return columns_digest((column.name, column.type) for column in columns)


class _SwapStage(StagedRows):
    """A stage under a name that no other build uses."""

    def __init__(self, publisher: SwapByStatement, order: Order) -> None:
        super().__init__(publisher.session, order, order.relation.named(swap_name(order.relation.name)))
        self._publisher = publisher
        self._query = ""
        self._layout = order.layout
        self._made: list[Relation] = []

    def write(self, query: str, written: str | None = None) -> tuple[tuple[ColumnType, ...], Stats]:
        self._query = query
        self._lay_out(query)
        return super().write(query, written)

    def scratch(
        self, name: str, query: str, written: str | None = None, *, kind: RelationKind = "table"
    ) -> tuple[Relation, tuple[ColumnType, ...]]:
        relation = self._beside(query, kind)
        return relation, usable_columns(self.session, relation, written or query, is_table=kind == "table")

    def publish(self, seal: Seal) -> Sealed:
        order, comment = self.order, self._comment(self.place, self.order.kind, seal)
        if order.kind == "table":
            self._swap_table(self.place, comment)
        else:
            self._replace(order, self._query, comment)
        if order.view is not None:
            query = self.session.spelling.select_all(order.relation)
            shown, _ = self.scratch("", query, kind="view")
            self._replace(order.shown, query, self._comment(shown, "view", seal))
        self._finish(seal)
        for statement in seal.record:
            self.session.execute(statement)
        return Sealed()

    def _create(self, query: str) -> Stats:
        self._place, stats = self._make(self.place, self.order.kind, query, self._layout)
        return stats

    def _make(self, relation: Relation, kind: RelationKind, query: str, layout: Layout) -> tuple[Relation, Stats]:
        self._made.append(relation)
        made, stats = self._publisher.make(relation, kind, query, layout)
        if made != relation:
            self._made[-1] = made
        return made, stats

    def _lay_out(self, query: str) -> None:
        """Name and type the columns of the layout as those of a query, which does not run yet. Raises LayoutError."""
        if self.order.layout.has_columns:
            self._layout = self.order.layout.for_columns(self.session.columns(query))

    def _beside(self, query: str, kind: RelationKind, layout: Layout = NO_LAYOUT) -> Relation:
        return self._make(self.order.relation.named(swap_name(self.order.relation.name)), kind, query, layout)[0]

    def _replace(self, order: Order, query: str, comment: str) -> None:
        self._make_room(order)
        self._publisher.replace(order.relation, order.kind, query, comment)

    def _swap_table(self, stage: Relation, comment: str) -> None:
        self._make_room(self.order)
        if not self._publisher.swap(stage, self.order.relation, comment, self._layout):
            self._made.remove(stage)

    def _make_room(self, order: Order) -> None:
        there = self.session.inspect([order.relation]).get(order.relation)
        if there is not None and there.kind != order.kind:
            self._publisher.make_room(order.relation, there.kind)

    def _comment(self, made: Relation, kind: RelationKind, seal: Seal) -> str:
        """Return the new comment of the published relation: the text that users wrote, and the mark of this build."""
        shown = self.order.shown.relation
        there = self.session.inspect([shown], Want.COMMENTS).get(shown)
        text = unmarked(there.comment) if there else ""
        if seal.stamp is None:
            return text
        return marked(text, seal.stamp, self._publisher.signature(made, kind, seal.columns))

    def clean(self) -> None:
        made, self._made = self._made[::-1], []  # views before the relations that they read
        there = self.session.inspect(made) if made else {}
        for relation in made:
            if relation in there:
                self.session.execute(self.session.spelling.drop(relation, there[relation].kind))


class _ChangeStage(_SwapStage):
    """A published table that is to be changed. Once the change is known, its place is a view of the future rows."""

    def __init__(self, publisher: SwapByStatement, order: Order) -> None:
        super().__init__(publisher, order)
        self._place = order.relation
        self._altered: Relation | None = None
        self._change: Change | None = None

    def retype(self, column: ColumnType) -> bool:
        self.alter(Alteration(retyped=(column,)))
        return True

    def alter(self, alteration: Alteration) -> None:
        if alteration:
            spelling = self.session.spelling
            stored = self.session.columns(spelling.select_all(self.place))
            altered = alteration.query(spelling.relation(self.place), stored, spelling)
            self._place = self._altered = self._beside(altered, "view")

    def change(self, change: Change) -> Stats:
        self._change = change
        self._place = self._beside(change.coming(self.place), "view")
        return Stats()  # the rows change when the stage is published

    def publish(self, seal: Seal) -> Sealed:
        relation, statements = self.order.relation, self._statements()
        if statements:
            self._publisher.await_earlier()
        after = [statement for spelled in seal.after for statement in spelled()]
        # one statement then publishes rows and stamp; after a crash before it, the record has another stamp
        is_recorded_first = statements is None and not after
        if statements is None or self._altered is not None:
            made = self._place if statements is None else self._altered
            assert made is not None  # follows from the condition above
            every_row = self.session.spelling.select_all(made)
            self._lay_out(every_row)
            rows = self._beside(every_row, "table", self._layout)
            comment = self._comment(rows, "table", seal)
            if is_recorded_first:
                self._apply((), (), seal.record)
            self._swap_table(rows, comment)
        elif seal.stamp is not None:
            comment = self._comment(relation, "table", seal)
            self.session.execute(self.session.spelling.comment_on(relation, "table", comment))
        self._apply(statements or (), after, () if is_recorded_first else seal.record)
        return Sealed()

    def _statements(self) -> Sequence[str] | None:
        """Return the statements that change the table; None if it is rebuilt from its rows and the changes.

        It is rebuilt if the engine cannot apply the statements at once, or to get another layout.
        """
        if self.order.layout.is_new:
            return None
        if self._change is None:
            return ()
        can = self._publisher.can
        statements = tuple(self._change.statements(self.order.relation)) if can.changes_rows else ()
        is_in_place = can.changes_together or self._publisher.runs_in_place(statements)
        return statements if is_in_place else None

    def _apply(self, statements: Sequence[str], after: Sequence[str], record: Sequence[str]) -> None:
        """Change the rows and write the record: together, if the engine can and no other statement comes between."""
        is_together = bool(self._publisher.can.changes_together) and not after
        groups = [[*statements, *record]] if is_together else [[*statements], *([one] for one in (*after, *record))]
        for group in groups:
            if len(group) == 1:
                self.session.execute(group[0])
            elif group:
                self._publisher.change_together(group)

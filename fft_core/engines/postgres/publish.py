"""How a stage takes a relation's place on Postgres, so that nothing that others hung on the relation is lost.

A large table that nothing hangs on is swapped by renaming. Any other keeps its identity: its rows are replaced in
place, and its columns are altered where they changed. Views over what has to be dropped or altered are made again in
the same transaction.
What cannot be kept is refused by name, and the transaction leaves everything as it was.

Locks that exclude readers are taken in one order, views before what they read, as a reader of the view does.
"""

from __future__ import annotations

import hashlib
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from psycopg import errors

from fft_core.engines.postgres.catalog import (
    ATTACHED,
    DEPENDENTS,
    GRANTS_AND_COMMENTS,
    HANGING_ON,
    SITUATION,
    USED_BY_VIEWS,
    VIEW_STATEMENTS,
)
from fft_core.engines.postgres.spelling import SPELLING
from fft_core.engines.protocol import PublishMode, Row
from fft_core.errors import BusyError, EngineError, StatementError
from fft_core.names import Relation

_log = logging.getLogger(__name__)
_IN_USE = (errors.DependentObjectsStillExist, errors.FeatureNotSupported)
_IN_THE_WAY = (errors.LockNotAvailable, errors.DeadlockDetected)
LONGEST_NAME = 63
_PATIENCE_SECONDS = 0.1  # how long readers may have to queue behind us in one attempt
_SWAP_ATTEMPTS = 5
_DEADLOCKS = 3  # how often to try again after one
_BLOAT = 4  # a table that takes so many times the limit is swapped: most of it is dead rows
_MB = 1024 * 1024
_ANALYZED_FROM_BYTES = 20 * 8192  # some thousand rows


def stage_name(name: str) -> str:
    """Give the name under which a relation is staged; it fits however long the relation's is.

    >>> stage_name("orders")
    '_ff_stage_1c168adb00d208e4'
    """
    return f"_ff_stage_{hashlib.sha256(name.encode()).hexdigest()[:16]}"


# What may have the name of a relation, as pg_class.relkind.
_NO_ROWS = {"i": "an index", "I": "an index", "S": "a sequence", "c": "a type"}


class Session(Protocol):
    """What publishing needs of a session."""

    def execute(self, sql: str) -> int | None:
        """Run a statement."""

    def fetch(self, sql: str) -> list[Row]:
        """Run a query."""

    def savepoint(self) -> AbstractContextManager[None]:
        """Undo what is done in the context when an exception leaves it."""

    def lock_timeout(self, seconds: float) -> AbstractContextManager[None]:
        """Wait no longer than this for each lock."""


@dataclass(frozen=True)
class _Existing:
    """What is published under the name now."""

    oid: int
    kind: str  # as pg_class.relkind: r table, v view, m materialized view, others

    @property
    def has_rows(self) -> bool:
        return self.kind in ("r", "m")

    @property
    def word(self) -> str:
        return {"v": "view", "m": "materialized view", "f": "foreign table"}.get(self.kind, "table")


@dataclass(frozen=True)
class _Situation:
    """What decides how a table's rows are replaced, see SITUATION."""

    is_plain: bool
    is_guarded: bool
    is_published: bool
    old_bytes: int
    new_bytes: int


@dataclass(frozen=True)
class _View:
    """A view that is set aside: all that is needed to make it again."""

    relation: Relation
    word: str
    depth: int
    is_ours: bool
    statements: tuple[str, ...]


class Publisher:
    """Publishes one stage, inside a transaction.

    Attributes:
        session: The one that made the stage.
        timeout_seconds: How long to wait for others.
        in_place_up_to_mb: Up to which size of a table its rows are replaced in place; beyond, it is swapped.
    """

    def __init__(self, session: Session, timeout_seconds: float, in_place_up_to_mb: float) -> None:
        self._session = session
        self._timeout = timeout_seconds
        self._limit = in_place_up_to_mb * _MB

    def publish(self, stage: Relation, relation: Relation, mode: PublishMode | None = None) -> None:
        """Give the stage's rows, or its query, the relation's name. Raises EngineError where others forbid it."""
        staged, existing = self._existing(stage), self._existing(relation)
        assert staged is not None  # the caller made it in this transaction
        self._refuse_taken_name(relation, existing)
        if staged.has_rows and (existing is None or not existing.has_rows):
            self._analyze(stage)
        if existing is None:
            self._rename(stage, relation)
        elif staged.kind == "v" and existing.kind == "v":
            self._replace_view(stage, relation, existing)
        elif staged.kind == "r" and existing.kind in ("r", "p"):
            self._replace_table(stage, relation, existing, mode)
        else:
            self._drop_and_rename(stage, relation, existing)

    def _refuse_taken_name(self, relation: Relation, existing: _Existing | None) -> None:
        """Raise EngineError if what has the name is no relation with rows: an index, a sequence or a type."""
        word = None if existing is None else _NO_ROWS.get(existing.kind)
        if existing is None and self._session.fetch(
            "select 1 from pg_type as t join pg_namespace as n on n.oid = t.typnamespace "
            f"where n.nspname = {SPELLING.literal(relation.schema)} and t.typname = {SPELLING.literal(relation.name)} "
            "and t.typcategory <> 'A'"  # the type of an array makes room by itself
        ):
            word = "a type"
        if word is not None:
            raise EngineError(f"{relation} is {word}, and a model cannot have its name", hint="Rename one of them.")

    def _existing(self, relation: Relation) -> _Existing | None:
        rows = self._session.fetch(
            "select c.oid::bigint, c.relkind::text from pg_class as c join pg_namespace as n on n.oid = c.relnamespace "
            f"where n.nspname = {SPELLING.literal(relation.schema)} and c.relname = {SPELLING.literal(relation.name)}"
        )
        return _Existing(*rows[0]) if rows else None

    def _rename(self, stage: Relation, relation: Relation) -> None:
        # ALTER TABLE renames views, too
        self._session.execute(f"alter table {_sql(stage)} rename to {SPELLING.quoted(relation.name)}")

    # views

    def _replace_view(self, stage: Relation, relation: Relation, existing: _Existing) -> None:
        ((text,),) = self._session.fetch(f"select pg_get_viewdef({SPELLING.literal(_sql(stage))}::regclass)")

        def replace() -> None:
            self._session.execute(f"create or replace view {_sql(relation)} as {text}")
            self._session.execute(f"drop view {_sql(stage)}")

        try:
            self._politely(relation, existing, replace)
        except StatementError as error:
            if not isinstance(error.__cause__, errors.InvalidTableDefinition):
                raise  # only its columns are a reason to make another one
            self._drop_and_rename(stage, relation, existing)

    def _drop_and_rename(self, stage: Relation, relation: Relation, existing: _Existing) -> None:
        """Replace one thing by another kind of thing, by a view of other columns, or by a materialized view."""
        indexes = (
            {text: made for text, made in self._attached(existing.oid).items() if made} if existing.has_rows else {}
        )
        hanging = self._session.fetch(HANGING_ON.format(oid=existing.oid))
        lost = [text for text, is_view in hanging if not is_view and text not in indexes]
        if lost:
            raise _refusal(relation, f"it would have to be dropped, and with it {', '.join(lost)}")
        kept = self._grants_and_comments(existing.oid, relation)
        comment, staged = self._comment_of(existing), self._existing(stage)
        with self._views_set_aside(relation, existing, is_dropped=True):
            self._rename(stage, relation)
            self._comment(relation, staged, comment)
            self._restore(kept)
            self._index(relation, indexes)

    def _index(self, relation: Relation, indexes: Mapping[str, str | None]) -> None:
        for text, statement in indexes.items():
            try:
                self._session.execute(statement or "")
            except StatementError as error:
                raise _refusal(relation, f"it would have to be dropped, and with it {text}") from error

    # tables

    def _replace_table(
        self, stage: Relation, relation: Relation, existing: _Existing, mode: PublishMode | None
    ) -> None:
        columns_equal = self._columns(stage) == self._columns(relation)
        ((*row,),) = self._session.fetch(SITUATION.format(oid=existing.oid, stage=SPELLING.literal(_sql(stage))))
        situation = _Situation(*row)
        if situation.is_plain and (not columns_equal or self._is_swapped(situation, mode)):
            if self._swapped(stage, relation, existing, is_needed=not columns_equal or situation.is_published):
                return
            _log.info("somebody reads %s for long: its rows are replaced in place, which waits for no reader", relation)
        if columns_equal:
            self._replace_rows(stage, relation, is_guarded=situation.is_guarded)
        else:
            self._change_columns(stage, relation, existing, is_guarded=situation.is_guarded)
        self._session.execute(f"drop table {_sql(stage)}")

    def _is_swapped(self, situation: _Situation, mode: PublishMode | None) -> bool:
        """Whether a table that can be swapped is: who began to read before a swap finds it empty after it."""
        if mode is not None:
            return mode == "swap" or situation.is_published
        is_large = situation.new_bytes > self._limit or situation.old_bytes > _BLOAT * self._limit
        return is_large or situation.is_published

    def _swapped(self, stage: Relation, relation: Relation, existing: _Existing, *, is_needed: bool) -> bool:
        """Swap a table; False if somebody reads it for long, and there is another way."""
        self._analyze(stage)
        attempts = None if is_needed else _SWAP_ATTEMPTS
        try:
            self._politely(relation, existing, lambda: self._swap(stage, relation, existing), attempts=attempts)
        except BusyError:
            if is_needed:
                raise
            return False
        return True

    def _analyze(self, relation: Relation) -> None:
        """Autovacuum comes a minute late for what is built next."""
        ((size,),) = self._session.fetch(f"select pg_table_size({SPELLING.literal(_sql(relation))}::regclass)")
        if int(size) >= _ANALYZED_FROM_BYTES:
            self._session.execute(f"analyze {_sql(relation)}")

    def _swap(self, stage: Relation, relation: Relation, existing: _Existing) -> None:
        comment = self._comment_of(existing)
        self._session.execute(f"drop table {_sql(relation)}")
        self._rename(stage, relation)
        self._comment(relation, existing, comment)

    def _lock(self, relation: Relation) -> None:
        self._session.execute(f"lock table {_sql(relation)} in access exclusive mode")

    def _replace_rows(self, stage: Relation, relation: Relation, *, is_guarded: bool) -> None:
        self._delete(relation, is_guarded=is_guarded)
        self._fill(stage, relation, is_guarded=is_guarded)

    def _delete(self, relation: Relation, *, is_guarded: bool) -> None:
        with self._guards_explained(relation, is_guarded=is_guarded):
            with self._session.lock_timeout(self._timeout):
                self._session.execute(f"delete from {_sql(relation)}")
            if is_guarded and self._session.fetch(f"select 1 from {_sql(relation)} limit 1"):
                raise _refusal(relation, "a trigger or rule that others put on it keeps old rows")

    def _fill(self, stage: Relation, relation: Relation, *, is_guarded: bool) -> None:
        names = ", ".join(SPELLING.quoted(name) for name, _ in self._columns(stage))
        with self._guards_explained(relation, is_guarded=is_guarded):
            self._session.execute(f"insert into {_sql(relation)} ({names}) select {names} from {_sql(stage)}")
            if is_guarded and self._row_count(stage) != self._row_count(relation):
                raise _refusal(relation, "a trigger or rule that others put on it keeps new rows away")
        self._analyze(relation)

    def _row_count(self, relation: Relation) -> int:
        ((rows,),) = self._session.fetch(f"select count(*) from {_sql(relation)}")
        return int(rows)

    @contextmanager
    def _guards_explained(self, relation: Relation, *, is_guarded: bool) -> Iterator[None]:
        """Refuse what others forbid; what a policy hides from us is an error, and not left as it was."""
        if is_guarded:
            self._session.execute("set local row_security = off")
        try:
            yield
        except StatementError as error:
            match error.__cause__:
                case errors.IntegrityError():
                    why = "a constraint that others put on it forbids the new rows"
                case errors.InsufficientPrivilege() if is_guarded:
                    why = "a policy that others put on it hides rows"
                case _:
                    raise
            raise _refusal(relation, f"{why}: {error.problem.message}") from error
        if is_guarded:
            self._session.execute("set local row_security to default")

    def _change_columns(self, stage: Relation, relation: Relation, existing: _Existing, *, is_guarded: bool) -> None:
        """Make the columns those of the stage: as the table lies there, or with its views set aside."""
        # asked before: a statement that fails because of a view has waited for it, with the table in its hands
        is_viewed = self._is_viewed(existing, touched_columns(self._columns(relation), self._columns(stage)))
        with self._views_set_aside(relation, existing) if is_viewed else nullcontext():
            if not is_viewed:
                self._politely(relation, existing, lambda: self._lock(relation))
            self._alter_unless_refused(stage, relation, existing, is_guarded=is_guarded)

    def _is_viewed(self, existing: _Existing, columns: Iterable[str]) -> bool:
        """Whether a view uses one of these columns, or whole rows."""
        names = SPELLING.literals([*columns, ""])
        ((is_viewed,),) = self._session.fetch(USED_BY_VIEWS.format(oid=existing.oid, names=names))
        return bool(is_viewed)

    def _alter_unless_refused(
        self, stage: Relation, relation: Relation, existing: _Existing, *, is_guarded: bool
    ) -> None:
        try:
            self._alter(stage, relation, existing, is_guarded=is_guarded)
        except StatementError as error:
            if not isinstance(error.__cause__, _IN_USE):
                raise
            raise _refusal(relation, f"its columns changed, and others use them: {error.problem.message}") from error

    def _alter(self, stage: Relation, relation: Relation, existing: _Existing, *, is_guarded: bool) -> None:
        """Make the columns those of the stage, in their order, and fill them."""
        before = self._attached(existing.oid)
        kept = self._grants_and_comments(existing.oid, relation)
        wanted, table = self._columns(stage), _sql(relation)
        self._delete(relation, is_guarded=is_guarded)  # first: then any type can become any other
        for action in column_changes(self._columns(relation), wanted):
            self._session.execute(f"alter table {table} {action}")
        gone = {text: statement for text, statement in before.items() if text not in self._attached(existing.oid)}
        names = {name for name, _ in wanted}
        for text, statement in gone.items():
            if statement is None:
                raise _refusal(relation, f"its columns changed, and {text} would be lost")
            try:
                self._session.execute(statement)
            except StatementError as error:
                raise _refusal(relation, f"its columns changed, and {text} would be lost") from error
        self._restore(kept, only_columns=names)
        self._fill(stage, relation, is_guarded=is_guarded)

    def _columns(self, relation: Relation) -> list[tuple[str, str]]:
        rows = self._session.fetch(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute "
            f"where attrelid = {SPELLING.literal(_sql(relation))}::regclass and attnum > 0 and not attisdropped "
            "order by attnum"
        )
        return [(name, kind) for name, kind in rows]

    def _attached(self, oid: int) -> dict[str, str | None]:
        """What others attached to a table, by its description, and what makes it again if that is known."""
        return dict(self._session.fetch(ATTACHED.format(oid=oid)))

    # what is set aside and made again

    def _comment_of(self, existing: _Existing) -> str | None:
        ((comment,),) = self._session.fetch(f"select obj_description({existing.oid}, 'pg_class')")
        return None if comment is None else str(comment)

    def _comment(self, relation: Relation, existing: _Existing | None, comment: str | None) -> None:
        if existing and comment:
            self._session.execute(f"comment on {existing.word} {_sql(relation)} is {SPELLING.literal(comment)}")

    def _grants_and_comments(self, oid: int, relation: Relation) -> list[tuple[str, str | None]]:
        """What gives a relation of this name its grants and comments back, each with its column if it has one."""
        rows = self._session.fetch(GRANTS_AND_COMMENTS.format(oid=oid, relation=SPELLING.literal(_sql(relation))))
        return [(statement, column) for statement, column in rows]

    def _restore(self, kept: Sequence[tuple[str, str | None]], only_columns: Iterable[str] | None = None) -> None:
        for statement, column in kept:
            if column is None or only_columns is None or column in only_columns:
                self._restore_one(statement, is_optional=column is not None and only_columns is None)

    def _restore_one(self, statement: str, *, is_optional: bool) -> None:
        try:
            with self._session.savepoint():
                self._session.execute(statement)
        except StatementError as error:
            if not (is_optional and isinstance(error.__cause__, errors.UndefinedColumn)):
                raise

    @contextmanager
    def _views_set_aside(self, relation: Relation, existing: _Existing, *, is_dropped: bool = False) -> Iterator[None]:
        """Have a relation for ourselves, or drop it, without the views over it, which are made again at the end."""
        views = list[_View]()

        def set_aside() -> None:
            views[:] = self._views_over(relation, existing)
            for view in reversed(views):
                self._session.execute(f"drop {view.word} {_sql(view.relation)}")
            if is_dropped:
                self._session.execute(f"drop {existing.word} {_sql(relation)}")
            else:
                self._lock(relation)

        self._politely(relation, existing, set_aside, locks_several=True)
        yield
        dropped = set[Relation]()
        for view in views:
            try:
                with self._session.savepoint():
                    for statement in view.statements:
                        self._session.execute(statement)
            except StatementError as error:
                if not view.is_ours:
                    raise _refusal(
                        relation, f"the view {view.relation} uses it and cannot be made again: {error.problem.message}"
                    ) from error
                dropped.add(view.relation)
        for name in sorted(dropped):
            _log.warning("the view %s does not fit the new %s and is gone until it is built again", name, relation)

    def _views_over(self, relation: Relation, existing: _Existing) -> list[_View]:
        """The views over a relation, those that others read first. Raises EngineError for what cannot be made again.

        Whoever builds at the same time takes them in the same order.
        """
        found: dict[int, _View] = {}
        words = {"v": "view", "m": "materialized view"}
        for oid, schema, name, kind, depth, comment in self._session.fetch(DEPENDENTS.format(oid=existing.oid)):
            if kind not in words:
                raise _refusal(relation, f"{name} uses it")
            view = Relation(name, schema)
            statements = [text for _, text in self._session.fetch(VIEW_STATEMENTS.format(oid=oid))]
            statements += [text for text, _ in self._grants_and_comments(oid, view)]
            found[oid] = _View(view, words[kind], depth, "[fft " in (comment or ""), tuple(statements))
        return [view for _, view in sorted(found.items(), key=lambda item: (item[1].depth, item[0]))]

    # locks

    def _politely(
        self,
        relation: Relation,
        existing: _Existing,
        action: Callable[[], None],
        *,
        attempts: int | None = None,
        locks_several: bool = False,
    ) -> None:
        """Do what needs the relation for itself alone, in short attempts: readers queue behind long ones.

        An attempt that fails gives back all that it locked.
        """
        deadline, said, tried, deadlocks = time.monotonic() + self._timeout, False, 0, 0
        while True:
            try:
                # Now and then for longer than the server needs to see that two sessions wait for each other; never
                # with a part of the locks in hand: it would be a reader who is ended.
                patience = 1.5 if tried % 20 == 19 and not locks_several else _PATIENCE_SECONDS
                with self._session.savepoint(), self._session.lock_timeout(patience):
                    action()
                return
            except BusyError as error:
                tried += 1
                deadlocks += isinstance(error.__cause__, errors.DeadlockDetected)
                is_out_of_time = time.monotonic() > deadline or tried == attempts or deadlocks > _DEADLOCKS
                if is_out_of_time or not isinstance(error.__cause__, _IN_THE_WAY):
                    raise
            if not said and attempts is None:
                _log.warning("waiting to replace %s, which is in use by %s", relation, self._users(existing))
                said = True
            time.sleep(random.uniform(0.05, 0.2) * (1 + deadlocks))

    def _users(self, existing: _Existing) -> str:
        rows = self._session.fetch(
            "select distinct a.pid, a.application_name from pg_locks as l join pg_stat_activity as a using (pid) "
            f"where l.relation = {existing.oid} and l.granted and a.pid <> pg_backend_pid()"
        )
        return ", ".join(f"pid {pid} ({name or 'unnamed'})" for pid, name in rows) or "another session"


def touched_columns(now: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, str]]) -> list[str]:
    """Name the columns that `column_changes` drops or gives another type.

    >>> touched_columns([("a", "text"), ("b", "text")], [("a", "bigint"), ("c", "text")])
    ['a', 'b']
    """
    keep, types = _kept(now, wanted), dict(wanted)
    return [name for name, kind in now if name not in keep or kind != types[name]]


def column_changes(now: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, str]]) -> list[str]:
    """Spell the actions of ALTER TABLE that give an empty table the wanted columns, in their order.

    Columns stay where they can; what comes after the first that is out of order is dropped and added again.

    >>> column_changes([("a", "text"), ("b", "text")], [("a", "bigint"), ("c", "text")])
    ['drop column "b"', 'alter column "a" drop default, alter column "a" type bigint using null', 'add column "c" text']
    """
    types, keep = dict(wanted), _kept(now, wanted)
    drops = [f"drop column {_name(name)}" for name, _ in now if name not in keep]
    changes = [
        f"alter column {_name(name)} drop default, alter column {_name(name)} type {types[name]} using null"
        for name, kind in now
        if name in keep and kind != types[name]
    ]
    adds = [f"add column {_name(name)} {kind}" for name, kind in wanted if name not in keep]
    return [*drops, *changes, *adds]


def _kept(now: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, str]]) -> set[str]:
    """The columns that stay: those before the first that is out of order."""
    staying = [name for name, _ in now if name in dict(wanted)]
    places = zip(staying, (name for name, _ in wanted), strict=False)
    in_order = next((i for i, (mine, theirs) in enumerate(places) if mine != theirs), len(staying))
    return set(staying[:in_order])


def _refusal(relation: Relation, why: str) -> EngineError:
    return EngineError(
        f"{relation} cannot be replaced: {why}",
        hint="Nothing was changed. Change or drop what is named, build, and make it again.",
    )


def _sql(relation: Relation) -> str:
    return relation.sql(SPELLING)


def _name(column: str) -> str:
    return SPELLING.quoted(column)

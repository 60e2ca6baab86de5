"""Replacement of a relation by a stage on Postgres, in which objects of others on the relation are kept.

A large table without dependent objects is swapped by renaming. Any other table keeps its identity: its rows are
replaced in place, and its columns are altered if they changed. Views over a relation that has to be dropped or altered
are created again in the same transaction.
If an object cannot be kept, the error names it, and the transaction leaves everything as it was.

Locks that exclude readers are taken in the order in which a reader of a view takes them: first the view, then the
relations that it reads.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from psycopg import errors

from fft_core.engines.postgres.column_changes import column_changes, touched_columns
from fft_core.engines.postgres.dependents import Dependents, Existing, refusal
from fft_core.engines.postgres.locks import Locks
from fft_core.engines.postgres.replacement_queries import ATTACHED, HANGING_ON, SITUATION, USED_BY_VIEWS
from fft_core.engines.postgres.spelling import SPELLING
from fft_core.engines.protocol import PublishMode
from fft_core.errors import BusyError, EngineError, StatementError
from fft_core.names import Relation

_log = logging.getLogger(__name__)
_IN_USE = (errors.DependentObjectsStillExist, errors.FeatureNotSupported)
_SWAP_ATTEMPTS = 5
_BLOAT = 4  # a table of so many times the limit is swapped: most of it is dead rows
_MB = 1024 * 1024
_ANALYZED_FROM_BYTES = 20 * 8192  # some thousand rows
# Other objects that can have the name of a relation, by pg_class.relkind.
_NO_ROWS = {"i": "an index", "I": "an index", "S": "a sequence", "c": "a type"}


@dataclass(frozen=True)
class _Situation:
    """The facts that decide how a table's rows are replaced, see SITUATION."""

    is_plain: bool
    is_guarded: bool
    is_published: bool
    old_bytes: int
    new_bytes: int


class Replacement:
    """The replacement of a relation by one stage, inside a transaction.

    Args:
        locks: The locks of the session that created the stage.
        in_place_up_to_mb: The size of a table up to which its rows are replaced in place; a larger table is swapped.
    """

    def __init__(self, locks: Locks, in_place_up_to_mb: float) -> None:
        self._session = locks.session
        self._locks = locks
        self._dependents = Dependents(locks)
        self._limit = in_place_up_to_mb * _MB

    def publish(self, stage: Relation, relation: Relation, mode: PublishMode | None = None) -> None:
        """Publish the stage's rows, or its query, under the relation's name. Raises EngineError if others forbid it."""
        staged, existing = self._existing(stage), self._existing(relation)
        assert staged is not None  # the caller created it in this transaction
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

    def _refuse_taken_name(self, relation: Relation, existing: Existing | None) -> None:
        """Raise EngineError if the name is taken by an index, a sequence or a type."""
        word = None if existing is None else _NO_ROWS.get(existing.kind)
        if existing is None and self._session.fetch(
            "select 1 from pg_type as t join pg_namespace as n on n.oid = t.typnamespace "
            f"where n.nspname = {SPELLING.literal(relation.schema)} and t.typname = {SPELLING.literal(relation.name)} "
            "and t.typcategory <> 'A'"  # Postgres renames the type of an array if its name is needed
        ):
            word = "a type"
        if word is not None:
            raise EngineError(
                f"{relation} is {word}, and a model cannot have its name", hint="Rename one of them.", code="FFT-461"
            )

    def _existing(self, relation: Relation) -> Existing | None:
        rows = self._session.fetch(
            "select c.oid::bigint, c.relkind::text from pg_class as c join pg_namespace as n on n.oid = c.relnamespace "
            f"where n.nspname = {SPELLING.literal(relation.schema)} and c.relname = {SPELLING.literal(relation.name)}"
        )
        return Existing(*rows[0]) if rows else None

    def _rename(self, stage: Relation, relation: Relation) -> None:
        # ALTER TABLE also renames views
        self._session.execute(f"alter table {_sql(stage)} rename to {SPELLING.quoted(relation.name)}")

    # views

    def _replace_view(self, stage: Relation, relation: Relation, existing: Existing) -> None:
        ((text,),) = self._session.fetch(f"select pg_get_viewdef({SPELLING.literal(_sql(stage))}::regclass)")

        def replace() -> None:
            self._session.execute(f"create or replace view {_sql(relation)} as {text}")
            self._session.execute(f"drop view {_sql(stage)}")

        try:
            self._locks.politely(relation, existing.oid, replace)
        except StatementError as error:
            if not isinstance(error.__cause__, errors.InvalidTableDefinition):
                raise  # only changed columns are a reason to create another view
            self._drop_and_rename(stage, relation, existing)

    def _drop_and_rename(self, stage: Relation, relation: Relation, existing: Existing) -> None:
        """Replace a relation by one of another kind, by a view of other columns, or by a materialized view."""
        indexes = (
            {text: made for text, made in self._attached(existing.oid).items() if made} if existing.has_rows else {}
        )
        hanging = self._session.fetch(HANGING_ON.format(oid=existing.oid))
        lost = [text for text, is_view in hanging if not is_view and text not in indexes]
        if lost:
            raise refusal(relation, f"it would have to be dropped, and with it {', '.join(lost)}")
        kept = self._dependents.grants_and_comments(existing.oid, relation)
        comment, staged = self._comment_of(existing), self._existing(stage)
        with self._dependents.views_set_aside(relation, existing, lambda: self._drop(relation, existing)):
            self._rename(stage, relation)
            self._comment(relation, staged, comment)
            self._dependents.restore(kept)
            self._index(relation, indexes)

    def _index(self, relation: Relation, indexes: Mapping[str, str | None]) -> None:
        for text, statement in indexes.items():
            try:
                self._session.execute(statement or "")
            except StatementError as error:
                raise refusal(relation, f"it would have to be dropped, and with it {text}") from error

    # tables

    def _replace_table(self, stage: Relation, relation: Relation, existing: Existing, mode: PublishMode | None) -> None:
        columns_equal = self._columns(stage) == self._columns(relation)
        ((*row,),) = self._session.fetch(SITUATION.format(oid=existing.oid, stage=SPELLING.literal(_sql(stage))))
        situation = _Situation(*row)
        if situation.is_plain and (not columns_equal or self._is_swapped(situation, mode)):
            if self._swapped(stage, relation, existing, is_needed=not columns_equal or situation.is_published):
                return
            _log.info("readers hold %s for long: its rows are replaced in place, without waiting for them", relation)
        if columns_equal:
            self._replace_rows(stage, relation, is_guarded=situation.is_guarded)
        else:
            self._change_columns(stage, relation, existing, is_guarded=situation.is_guarded)
        self._session.execute(f"drop table {_sql(stage)}")

    def _is_swapped(self, situation: _Situation, mode: PublishMode | None) -> bool:
        """Whether to swap a table that can be swapped. A reader that began before the swap finds it empty after it."""
        if mode is not None:
            return mode == "swap" or situation.is_published
        is_large = situation.new_bytes > self._limit or situation.old_bytes > _BLOAT * self._limit
        return is_large or situation.is_published

    def _swapped(self, stage: Relation, relation: Relation, existing: Existing, *, is_needed: bool) -> bool:
        """Swap a table; return False if a reader uses it for long, and the rows can be replaced in place."""
        self._analyze(stage)
        attempts = None if is_needed else _SWAP_ATTEMPTS
        try:
            self._locks.politely(
                relation, existing.oid, lambda: self._swap(stage, relation, existing), attempts=attempts
            )
        except BusyError:
            if is_needed:
                raise
            return False
        return True

    def _analyze(self, relation: Relation) -> None:
        """Update the statistics of a large table now: autovacuum does it a minute later, after the next builds."""
        ((size,),) = self._session.fetch(f"select pg_table_size({SPELLING.literal(_sql(relation))}::regclass)")
        if int(size) >= _ANALYZED_FROM_BYTES:
            self._session.execute(f"analyze {_sql(relation)}")

    def _swap(self, stage: Relation, relation: Relation, existing: Existing) -> None:
        comment = self._comment_of(existing)
        self._session.execute(f"drop table {_sql(relation)}")
        self._rename(stage, relation)
        self._comment(relation, existing, comment)

    def _drop(self, relation: Relation, existing: Existing) -> None:
        self._session.execute(f"drop {existing.word} {_sql(relation)}")

    def _lock(self, relation: Relation) -> None:
        self._session.execute(f"lock table {_sql(relation)} in access exclusive mode")

    def _replace_rows(self, stage: Relation, relation: Relation, *, is_guarded: bool) -> None:
        self._delete(relation, is_guarded=is_guarded)
        self._fill(stage, relation, is_guarded=is_guarded)

    def _delete(self, relation: Relation, *, is_guarded: bool) -> None:
        with self._guards_explained(relation, is_guarded=is_guarded):
            with self._locks.limited(self._locks.timeout_seconds):
                self._session.execute(f"delete from {_sql(relation)}")
            if is_guarded and self._session.fetch(f"select 1 from {_sql(relation)} limit 1"):
                raise refusal(relation, "a trigger or rule on it keeps old rows")

    def _fill(self, stage: Relation, relation: Relation, *, is_guarded: bool) -> None:
        names = ", ".join(SPELLING.quoted(name) for name, _ in self._columns(stage))
        with self._guards_explained(relation, is_guarded=is_guarded):
            self._session.execute(f"insert into {_sql(relation)} ({names}) select {names} from {_sql(stage)}")
            if is_guarded and self._row_count(stage) != self._row_count(relation):
                raise refusal(relation, "a trigger or rule on it rejects new rows")
        self._analyze(relation)

    def _row_count(self, relation: Relation) -> int:
        ((rows,),) = self._session.fetch(f"select count(*) from {_sql(relation)}")
        return int(rows)

    @contextmanager
    def _guards_explained(self, relation: Relation, *, is_guarded: bool) -> Iterator[None]:
        """Explain an error by objects of others; a policy that hides rows is an error, so that no old row remains."""
        if is_guarded:
            self._session.execute("set local row_security = off")
        try:
            yield
        except StatementError as error:
            match error.__cause__:
                case errors.IntegrityError():
                    why = "a constraint on it rejects the new rows"
                case errors.InsufficientPrivilege() if is_guarded:
                    why = "a row policy on it hides rows"
                case _:
                    raise
            raise refusal(relation, f"{why}: {error.problem.message}") from error
        if is_guarded:
            self._session.execute("set local row_security to default")

    def _change_columns(self, stage: Relation, relation: Relation, existing: Existing, *, is_guarded: bool) -> None:
        """Change the columns to those of the stage; views that use changed columns are dropped for a moment."""
        # checked first: a statement that fails because of a view waits for the view while it locks the table
        is_viewed = self._is_viewed(existing, touched_columns(self._columns(relation), self._columns(stage)))

        def lock() -> None:
            self._lock(relation)

        with self._dependents.views_set_aside(relation, existing, lock) if is_viewed else nullcontext():
            if not is_viewed:
                self._locks.politely(relation, existing.oid, lock)
            self._alter_unless_refused(stage, relation, existing, is_guarded=is_guarded)

    def _is_viewed(self, existing: Existing, columns: Iterable[str]) -> bool:
        """Whether a view uses one of these columns, or whole rows."""
        names = SPELLING.literals([*columns, ""])
        ((is_viewed,),) = self._session.fetch(USED_BY_VIEWS.format(oid=existing.oid, names=names))
        return bool(is_viewed)

    def _alter_unless_refused(
        self, stage: Relation, relation: Relation, existing: Existing, *, is_guarded: bool
    ) -> None:
        try:
            self._alter(stage, relation, existing, is_guarded=is_guarded)
        except StatementError as error:
            if not isinstance(error.__cause__, _IN_USE):
                raise
            raise refusal(relation, f"its columns changed, and objects use them: {error.problem.message}") from error

    def _alter(self, stage: Relation, relation: Relation, existing: Existing, *, is_guarded: bool) -> None:
        """Change the columns to those of the stage, in their order, and insert its rows."""
        before = self._attached(existing.oid)
        kept = self._dependents.grants_and_comments(existing.oid, relation)
        wanted, table = self._columns(stage), _sql(relation)
        self._delete(relation, is_guarded=is_guarded)  # first: in an empty table, any type can become any other
        for action in column_changes(self._columns(relation), wanted):
            self._session.execute(f"alter table {table} {action}")
        gone = {text: statement for text, statement in before.items() if text not in self._attached(existing.oid)}
        names = {name for name, _ in wanted}
        for text, statement in gone.items():
            if statement is None:
                raise refusal(relation, f"its columns changed, and {text} would be lost")
            try:
                self._session.execute(statement)
            except StatementError as error:
                raise refusal(relation, f"its columns changed, and {text} would be lost") from error
        self._dependents.restore(kept, only_columns=names)
        self._fill(stage, relation, is_guarded=is_guarded)

    def _columns(self, relation: Relation) -> list[tuple[str, str]]:
        rows = self._session.fetch(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute "
            f"where attrelid = {SPELLING.literal(_sql(relation))}::regclass and attnum > 0 and not attisdropped "
            "order by attnum"
        )
        return [(name, kind) for name, kind in rows]

    def _attached(self, oid: int) -> dict[str, str | None]:
        """Return the objects on a table by description, each with the statement that creates it again, if known."""
        return dict(self._session.fetch(ATTACHED.format(oid=oid)))

    # comments, which are kept

    def _comment_of(self, existing: Existing) -> str | None:
        ((comment,),) = self._session.fetch(f"select obj_description({existing.oid}, 'pg_class')")
        return None if comment is None else str(comment)

    def _comment(self, relation: Relation, existing: Existing | None, comment: str | None) -> None:
        if existing and comment:
            self._session.execute(f"comment on {existing.word} {_sql(relation)} is {SPELLING.literal(comment)}")


def _sql(relation: Relation) -> str:
    return relation.sql(SPELLING)


def _name(column: str) -> str:
    return SPELLING.quoted(column)

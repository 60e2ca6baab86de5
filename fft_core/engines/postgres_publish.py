"""How a stage takes a relation's place on Postgres, so that nothing that others hung on the relation is lost.

A table that nothing hangs on is swapped by renaming. Any other keeps its identity: its rows are replaced in place, and
its columns are altered where they changed. Views over what has to be dropped or altered are made again in the same
transaction.
What cannot be kept is refused by name, and the transaction leaves everything as it was.
"""

from __future__ import annotations

import hashlib
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from psycopg import errors

from fft_core.engines.engine import Row
from fft_core.engines.sql import literal
from fft_core.errors import BusyError, EngineError, StatementError
from fft_core.names import Relation, quoted

_log = logging.getLogger(__name__)
LONGEST_NAME = 63
_PATIENCE_SECONDS = 0.1  # how long readers may have to queue behind us in one attempt
_SWAP_ATTEMPTS = 5


def stage_name(name: str) -> str:
    """Give the name under which a relation is staged; it fits however long the relation's is.

    >>> stage_name("orders")
    '_ff_stage_eee88400ec5ddd40'
    """
    return f"_ff_stage_{hashlib.sha256(name.encode()).hexdigest()[:16]}"


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
class _View:
    """A view that is set aside: all that is needed to make it again."""

    relation: Relation
    word: str
    depth: int
    is_ours: bool
    statements: tuple[str, ...]


class Publisher:
    """Publishes one stage, inside a transaction."""

    def __init__(self, session: Session, timeout_seconds: float) -> None:
        self._session = session
        self._timeout = timeout_seconds

    def publish(self, stage: Relation, relation: Relation) -> None:
        """Give the stage's rows, or its query, the relation's name. Raises EngineError where others forbid it."""
        staged, existing = self._existing(stage), self._existing(relation)
        assert staged is not None  # the caller made it in this transaction
        if existing is None:
            self._rename(stage, relation)
        elif staged.kind == "v" and existing.kind == "v":
            self._replace_view(stage, relation, existing)
        elif staged.kind == "r" and existing.kind in ("r", "p"):
            self._replace_table(stage, relation, existing)
        else:
            self._politely(relation, existing, lambda: self._drop_and_rename(stage, relation, existing))

    def _existing(self, relation: Relation) -> _Existing | None:
        rows = self._session.fetch(
            "select c.oid::bigint, c.relkind::text from pg_class as c join pg_namespace as n on n.oid = c.relnamespace "
            f"where n.nspname = {literal(relation.schema)} and c.relname = {literal(relation.name)}"
        )
        return _Existing(*rows[0]) if rows else None

    def _rename(self, stage: Relation, relation: Relation) -> None:
        # ALTER TABLE renames views, too
        self._session.execute(f"alter table {_sql(stage)} rename to {quoted(relation.name, 'postgres')}")

    # views

    def _replace_view(self, stage: Relation, relation: Relation, existing: _Existing) -> None:
        ((text,),) = self._session.fetch(f"select pg_get_viewdef({literal(_sql(stage))}::regclass)")

        def replace() -> None:
            self._session.execute(f"create or replace view {_sql(relation)} as {text}")
            self._session.execute(f"drop view {_sql(stage)}")

        try:
            self._politely(relation, existing, replace)
        except StatementError as error:
            if not isinstance(error.__cause__, errors.InvalidTableDefinition):
                raise  # only its columns are a reason to make another one
            self._politely(relation, existing, lambda: self._drop_and_rename(stage, relation, existing))

    def _drop_and_rename(self, stage: Relation, relation: Relation, existing: _Existing) -> None:
        """Replace one thing by another kind of thing, by a view of other columns, or by a materialized view."""
        indexes = (
            {text: made for text, made in self._attached(existing.oid).items() if made} if existing.has_rows else {}
        )
        hanging = self._session.fetch(_HANGING_ON.format(oid=existing.oid))
        lost = [text for text, is_view in hanging if not is_view and text not in indexes]
        if lost:
            raise _refusal(relation, f"it would have to be dropped, and with it {', '.join(lost)}")
        kept = self._grants_and_comments(existing.oid, relation)
        comment, staged = self._comment_of(existing), self._existing(stage)
        with self._views_set_aside(relation, existing):
            self._session.execute(f"drop {existing.word} {_sql(relation)}")
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

    def _replace_table(self, stage: Relation, relation: Relation, existing: _Existing) -> None:
        columns_equal = self._columns(stage) == self._columns(relation)
        if self._is_plain(stage, existing):
            try:
                attempts = _SWAP_ATTEMPTS if columns_equal else None
                self._politely(relation, existing, lambda: self._swap(stage, relation, existing), attempts=attempts)
            except BusyError:
                if not columns_equal:
                    raise
                _log.info(
                    "somebody reads %s for long: its rows are replaced in place, which waits for no reader", relation
                )
            else:
                return
        if columns_equal:
            self._replace_rows(stage, relation)
        else:
            self._politely(relation, existing, lambda: self._lock(relation))
            self._alter_and_replace_rows(stage, relation, existing)
        self._session.execute(f"drop table {_sql(stage)}")

    def _is_plain(self, stage: Relation, existing: _Existing) -> bool:
        """Whether nothing hangs on a table that a new one of the same name would not have."""
        ((is_plain,),) = self._session.fetch(_IS_PLAIN.format(oid=existing.oid, stage=literal(_sql(stage))))
        return bool(is_plain)

    def _swap(self, stage: Relation, relation: Relation, existing: _Existing) -> None:
        comment = self._comment_of(existing)
        self._session.execute(f"drop table {_sql(relation)}")
        self._rename(stage, relation)
        self._comment(relation, existing, comment)

    def _lock(self, relation: Relation) -> None:
        self._session.execute(f"lock table {_sql(relation)} in access exclusive mode")

    def _replace_rows(self, stage: Relation, relation: Relation) -> None:
        names = ", ".join(quoted(name, "postgres") for name, _ in self._columns(stage))
        try:
            with self._session.lock_timeout(self._timeout):
                self._session.execute(f"delete from {_sql(relation)}")
            self._session.execute(f"insert into {_sql(relation)} ({names}) select {names} from {_sql(stage)}")
        except StatementError as error:
            if isinstance(error.__cause__, errors.IntegrityError):
                raise _refusal(
                    relation, f"a constraint that others put on it forbids the new rows: {error.problem.message}"
                ) from error
            raise
        self._session.execute(f"analyze {_sql(relation)}")

    def _alter_and_replace_rows(self, stage: Relation, relation: Relation, existing: _Existing) -> None:
        try:
            with self._session.savepoint():
                self._alter(stage, relation, existing)
        except StatementError as error:
            if not isinstance(error.__cause__, errors.DependentObjectsStillExist | errors.FeatureNotSupported):
                raise
            with self._views_set_aside(relation, existing):
                self._alter_unless_refused(stage, relation, existing)

    def _alter_unless_refused(self, stage: Relation, relation: Relation, existing: _Existing) -> None:
        try:
            self._alter(stage, relation, existing)
        except StatementError as error:
            if not isinstance(error.__cause__, errors.DependentObjectsStillExist | errors.FeatureNotSupported):
                raise
            raise _refusal(relation, f"its columns changed, and others use them: {error.problem.message}") from error

    def _alter(self, stage: Relation, relation: Relation, existing: _Existing) -> None:
        """Make the columns those of the stage, in their order, and fill them."""
        before = self._attached(existing.oid)
        kept = self._grants_and_comments(existing.oid, relation)
        wanted, table = self._columns(stage), _sql(relation)
        self._session.execute(f"delete from {table}")  # first: then any type can become any other
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
        self._replace_rows(stage, relation)

    def _columns(self, relation: Relation) -> list[tuple[str, str]]:
        rows = self._session.fetch(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute "
            f"where attrelid = {literal(_sql(relation))}::regclass and attnum > 0 and not attisdropped order by attnum"
        )
        return [(name, kind) for name, kind in rows]

    def _attached(self, oid: int) -> dict[str, str | None]:
        """What others attached to a table, by its description, and what makes it again if that is known."""
        return dict(self._session.fetch(_ATTACHED.format(oid=oid)))

    # what is set aside and made again

    def _comment_of(self, existing: _Existing) -> str | None:
        ((comment,),) = self._session.fetch(f"select obj_description({existing.oid}, 'pg_class')")
        return None if comment is None else str(comment)

    def _comment(self, relation: Relation, existing: _Existing | None, comment: str | None) -> None:
        if existing and comment:
            self._session.execute(f"comment on {existing.word} {_sql(relation)} is {literal(comment)}")

    def _grants_and_comments(self, oid: int, relation: Relation) -> list[tuple[str, str | None]]:
        """What gives a relation of this name its grants and comments back, each with its column if it has one."""
        rows = self._session.fetch(_GRANTS_AND_COMMENTS.format(oid=oid, relation=literal(_sql(relation))))
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
    def _views_set_aside(self, relation: Relation, existing: _Existing) -> Iterator[None]:
        """Drop the views over a relation, directly and through others, and make them again at the end."""
        views = self._views_over(relation, existing)
        for view in reversed(views):
            self._session.execute(f"drop {view.word} {_sql(view.relation)}")
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
        """The views over a relation, those that others read first. Raises EngineError for what cannot be made again."""
        found: dict[int, _View] = {}
        words = {"v": "view", "m": "materialized view"}
        for oid, schema, name, kind, depth, comment in self._session.fetch(_DEPENDENTS.format(oid=existing.oid)):
            if kind not in words:
                raise _refusal(relation, f"{name} uses it")
            view = Relation(name, schema)
            statements = [text for _, text in self._session.fetch(_VIEW_STATEMENTS.format(oid=oid))]
            statements += [text for text, _ in self._grants_and_comments(oid, view)]
            found[oid] = _View(view, words[kind], depth, "[fft " in (comment or ""), tuple(statements))
        return sorted(found.values(), key=lambda view: view.depth)

    # locks

    def _politely(
        self, relation: Relation, existing: _Existing, action: Callable[[], None], attempts: int | None = None
    ) -> None:
        """Do what needs the relation for itself alone, in short attempts: readers queue behind long ones."""
        deadline, said, tried = time.monotonic() + self._timeout, False, 0
        while True:
            try:
                # now and then for longer than the server needs to see that two sessions wait for each other
                patience = 1.5 if tried % 20 == 19 else _PATIENCE_SECONDS
                with self._session.savepoint(), self._session.lock_timeout(patience):
                    action()
                return
            except BusyError as error:
                tried += 1
                is_out_of_time = time.monotonic() > deadline or tried == attempts
                if is_out_of_time or not isinstance(error.__cause__, errors.LockNotAvailable):
                    raise
            if not said and attempts is None:
                _log.warning("waiting to replace %s, which is in use by %s", relation, self._users(existing))
                said = True
            time.sleep(random.uniform(0.05, 0.2))

    def _users(self, existing: _Existing) -> str:
        rows = self._session.fetch(
            "select distinct a.pid, a.application_name from pg_locks as l join pg_stat_activity as a using (pid) "
            f"where l.relation = {existing.oid} and l.granted and a.pid <> pg_backend_pid()"
        )
        return ", ".join(f"pid {pid} ({name or 'unnamed'})" for pid, name in rows) or "another session"


def column_changes(now: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, str]]) -> list[str]:
    """Spell the actions of ALTER TABLE that give an empty table the wanted columns, in their order.

    Columns stay where they can; what comes after the first that is out of order is dropped and added again.

    >>> column_changes([("a", "text"), ("b", "text")], [("a", "bigint"), ("c", "text")])
    ['drop column "b"', 'alter column "a" drop default, alter column "a" type bigint using null', 'add column "c" text']
    """
    types = dict(wanted)
    staying = [name for name, _ in now if name in types]
    places = zip(staying, (name for name, _ in wanted), strict=False)
    in_order = next((i for i, (mine, theirs) in enumerate(places) if mine != theirs), len(staying))
    keep = set(staying[:in_order])
    drops = [f"drop column {_name(name)}" for name, _ in now if name not in keep]
    changes = [
        f"alter column {_name(name)} drop default, alter column {_name(name)} type {types[name]} using null"
        for name, kind in now
        if name in keep and kind != types[name]
    ]
    adds = [f"add column {_name(name)} {kind}" for name, kind in wanted if name not in keep]
    return [*drops, *changes, *adds]


def _refusal(relation: Relation, why: str) -> EngineError:
    return EngineError(
        f"{relation} cannot be replaced: {why}",
        hint="Nothing was changed. Change or drop what is named, build, and make it again.",
    )


def _sql(relation: Relation) -> str:
    return relation.sql("postgres")


def _name(column: str) -> str:
    return quoted(column, "postgres")


_OTHERS = """
    select classid, objid, objsubid from pg_depend
    where refclassid = 'pg_class'::regclass and refobjid = {oid} and deptype <> 'i'
    union
    select d.classid, d.objid, d.objsubid from pg_depend as d join pg_class as c on c.reltype = d.refobjid
    where d.refclassid = 'pg_type'::regclass and c.oid = {oid} and d.deptype <> 'i'"""

_IS_PLAIN = f"""
select not exists ({_OTHERS})
    and old.relkind = 'r' and old.relpersistence = new.relpersistence
    and old.relowner = new.relowner and old.relacl is not distinct from new.relacl
    and old.reloptions is not distinct from new.reloptions and old.reltablespace = new.reltablespace
    and old.relreplident = new.relreplident and not (old.relrowsecurity or old.relforcerowsecurity)
    and not (old.relhasindex or old.relhasrules or old.relhastriggers or old.relispartition)
    and not exists (
        select from pg_attribute where attrelid = old.oid and attnum > 0 and not attisdropped
        and (attacl is not null or attnotnull or attidentity <> '' or attoptions is not null)
    )
    and not exists (select from pg_inherits where old.oid in (inhrelid, inhparent))
    and not exists (
        select from pg_description
        where classoid = 'pg_class'::regclass and objoid = old.oid and objsubid > 0
    )
    and not exists (select from pg_seclabel where classoid = 'pg_class'::regclass and objoid = old.oid)
    and not exists (select from pg_publication_rel where prrelid = old.oid)
from pg_class as old, pg_class as new
where old.oid = {{oid}} and new.oid = {{stage}}::regclass"""

# What would be dropped with a relation: all but views, which can be made again.
_HANGING_ON = f"""
select pg_describe_object(others.classid, others.objid, others.objsubid), r.oid is not null and c.relkind in ('v', 'm')
from ({_OTHERS}) as others
left join pg_rewrite as r on others.classid = 'pg_rewrite'::regclass and r.oid = others.objid and r.ev_class <> {{oid}}
left join pg_class as c on c.oid = r.ev_class
where not exists (  -- a view's own rule
    select from pg_rewrite as own where others.classid = 'pg_rewrite'::regclass and own.oid = others.objid
    and own.ev_class = {{oid}} and own.rulename = '_RETURN'
)
order by 1"""

# Views over views, with the longest way to each; functions and the like are named, and make us refuse.
_DEPENDENTS = """
with recursive used as (
    select {oid}::oid as oid, 0 as depth
    union
    select case when d.classid = 'pg_rewrite'::regclass then r.ev_class else 0 end, used.depth + 1
    from used
    join pg_depend as d on d.refclassid = 'pg_class'::regclass and d.refobjid = used.oid and d.deptype = 'n'
    join pg_rewrite as r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid and r.ev_class <> used.oid
)
select c.oid::bigint, n.nspname, c.relname, case
        when c.relkind in ('v', 'm') and not exists (select from pg_trigger where tgrelid = c.oid)
        and not exists (select from pg_rewrite where ev_class = c.oid and rulename <> '_RETURN')
        and not exists (
            select from pg_depend as f where f.refclassid = 'pg_class'::regclass and f.refobjid = c.oid
            and f.deptype = 'n' and f.classid <> 'pg_rewrite'::regclass
        ) then c.relkind::text else '?' end,
    max(used.depth), obj_description(c.oid, 'pg_class')
from used join pg_class as c on c.oid = used.oid join pg_namespace as n on n.oid = c.relnamespace
where used.depth > 0
group by c.oid, n.nspname, c.relname, c.relkind"""

_VIEW_STATEMENTS = """
select number, statement from pg_class as c join pg_namespace as n on n.oid = c.relnamespace,
lateral (select case c.relkind when 'm' then 'materialized view' else 'view' end as word) as kind,
lateral (values
    (1, format('create %s %I.%I %s as %s %s', word, n.nspname, c.relname,
        'with (' || array_to_string(c.reloptions, ', ') || ')', rtrim(pg_get_viewdef(c.oid), ';'),
        case when not c.relispopulated then 'with no data' end)),
    (2, case when c.relowner <> current_user::regrole then
        format('alter %s %I.%I owner to %s', word, n.nspname, c.relname, c.relowner::regrole) end),
    (3, format('comment on %s %I.%I is %L', word, n.nspname, c.relname, obj_description(c.oid, 'pg_class')))
) as made(number, statement)
where c.oid = {oid} and statement is not null
union all
select 4, pg_get_indexdef(indexrelid) from pg_index where indrelid = {oid}
order by 1"""

_GRANTS_AND_COMMENTS = """
select format('grant %s on %s to %s%s', a.privilege_type, {relation},
    case when a.grantee = 0 then 'public' else a.grantee::regrole::text end,
    case when a.is_grantable then ' with grant option' else '' end), null
from pg_class as c, lateral aclexplode(c.relacl) as a
where c.oid = {oid} and a.grantee <> c.relowner
    and (c.relkind not in ('v', 'm') or a.privilege_type <> 'MAINTAIN')
union all
select format('grant %s (%I) on %s to %s%s', a.privilege_type, t.attname, {relation},
    case when a.grantee = 0 then 'public' else a.grantee::regrole::text end,
    case when a.is_grantable then ' with grant option' else '' end), t.attname
from pg_attribute as t, lateral aclexplode(t.attacl) as a
where t.attrelid = {oid} and t.attnum > 0 and not t.attisdropped
union all
select format('comment on column %s.%I is %L', {relation}, t.attname, d.description), t.attname
from pg_description as d join pg_attribute as t on t.attrelid = d.objoid and t.attnum = d.objsubid
where d.classoid = 'pg_class'::regclass and d.objoid = {oid} and d.objsubid > 0"""

_ATTACHED = f"""
select pg_describe_object(others.classid, others.objid, others.objsubid),
    case when i.indexrelid is not null then pg_get_indexdef(i.indexrelid) end
from ({_OTHERS}) as others
left join pg_index as i on others.classid = 'pg_class'::regclass and i.indexrelid = others.objid
where others.classid not in ('pg_rewrite'::regclass, 'pg_attrdef'::regclass)"""

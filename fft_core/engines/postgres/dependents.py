"""Objects of others that depend on a relation to be replaced, and how they are kept: views, grants, comments."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import errors

from fft_core.engines.postgres.locks import Locks
from fft_core.engines.postgres.replacement_queries import DEPENDENTS, GRANTS_AND_COMMENTS, VIEW_STATEMENTS
from fft_core.engines.postgres.spelling import SPELLING
from fft_core.errors import EngineError, StatementError
from fft_core.names import Relation

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Existing:
    """The relation that has the published name now."""

    oid: int
    kind: str  # as pg_class.relkind: r is a table, v a view, m a materialized view; there are others

    @property
    def has_rows(self) -> bool:
        return self.kind in ("r", "m")

    @property
    def word(self) -> str:
        return {"v": "view", "m": "materialized view", "f": "foreign table"}.get(self.kind, "table")


@dataclass(frozen=True)
class _View:
    """A view that is dropped for a moment, with all that is needed to create it again."""

    relation: Relation
    word: str
    depth: int
    is_ours: bool
    statements: tuple[str, ...]


class Dependents:
    """The objects that depend on relations of one session.

    Args:
        locks: The locks of the session.
    """

    def __init__(self, locks: Locks) -> None:
        self._locks = locks
        self._session = locks.session

    def grants_and_comments(self, oid: int, relation: Relation) -> list[tuple[str, str | None]]:
        """Return the statements that restore a relation's grants and comments, each with its column, if it has one."""
        rows = self._session.fetch(GRANTS_AND_COMMENTS.format(oid=oid, relation=SPELLING.literal(_sql(relation))))
        return [(statement, column) for statement, column in rows]

    def restore(self, kept: Sequence[tuple[str, str | None]], only_columns: Iterable[str] | None = None) -> None:
        """Restore grants and comments; if columns are given, those of other columns are left out."""
        for statement, column in kept:
            if column is None or only_columns is None or column in only_columns:
                self._restore_one(statement, is_optional=column is not None and only_columns is None)

    def _restore_one(self, statement: str, *, is_optional: bool) -> None:
        try:
            with self._locks.savepoint():
                self._session.execute(statement)
        except StatementError as error:
            if not (is_optional and isinstance(error.__cause__, errors.UndefinedColumn)):
                raise

    @contextmanager
    def views_set_aside(self, relation: Relation, existing: Existing, take: Callable[[], None]) -> Iterator[None]:
        """Lock or drop a relation by `take`, after its views are dropped; at the end, they are created again."""
        views = list[_View]()

        def set_aside() -> None:
            views[:] = self._views_over(relation, existing)
            for view in reversed(views):
                self._session.execute(f"drop {view.word} {_sql(view.relation)}")
            take()

        self._locks.politely(relation, existing.oid, set_aside, locks_several=True)
        yield
        dropped = set[Relation]()
        for view in views:
            try:
                with self._locks.savepoint():
                    for statement in view.statements:
                        self._session.execute(statement)
            except StatementError as error:
                if not view.is_ours:
                    raise refusal(
                        relation,
                        f"the view {view.relation} uses it and cannot be created again: {error.problem.message}",
                    ) from error
                dropped.add(view.relation)
        for name in sorted(dropped):
            _log.warning("the view %s does not fit the new %s; it was dropped until it is built again", name, relation)

    def _views_over(self, relation: Relation, existing: Existing) -> list[_View]:
        """Return the views over a relation, dependencies first. Raises EngineError if one cannot be created again.

        The order is the same in all builds, so that builds at the same time do not block each other.
        """
        found: dict[int, _View] = {}
        words = {"v": "view", "m": "materialized view"}
        for oid, schema, name, kind, depth, comment in self._session.fetch(DEPENDENTS.format(oid=existing.oid)):
            if kind not in words:
                raise refusal(relation, f"{name} uses it")
            view = Relation(name, schema)
            statements = [text for _, text in self._session.fetch(VIEW_STATEMENTS.format(oid=oid))]
            statements += [text for text, _ in self.grants_and_comments(oid, view)]
            found[oid] = _View(view, words[kind], depth, "[fft " in (comment or ""), tuple(statements))
        return [view for _, view in sorted(found.items(), key=lambda item: (item[1].depth, item[0]))]


def refusal(relation: Relation, why: str) -> EngineError:
    """Return the error for a relation that cannot be replaced without a loss."""
    return EngineError(
        f"{relation} cannot be replaced: {why}",
        hint="Nothing was changed. Change or drop the named objects, build, and create them again.",
        code="FFT-461",
    )


def _sql(relation: Relation) -> str:
    return relation.sql(SPELLING)

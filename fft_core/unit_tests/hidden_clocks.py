"""Clocks that a frozen time does not reach: those inside user-defined functions and views."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from fft_core.compile.frozen_sql import clocks_of
from fft_core.engines.protocol import Session
from fft_core.engines.spec.known import known_functions
from fft_core.errors import Location, ModelError
from fft_core.names import Relation
from fft_core.names.functions import Definition
from fft_core.plan.canonical import tokens_of
from fft_core.plan.relations import name_of, parsed, untracked_tables
from fft_core.plan.uses import uses_of

_CREATED = re.compile(r"^\s*create\s.*?\sas\s+", re.IGNORECASE | re.DOTALL)  # before the query, in some engines
_HINT = "Give the time as a column of an input, or have the model read the clock itself."


def refuse_hidden_clocks(engine: Session, sql: str, given: Iterable[Relation], where: Location) -> None:
    """Raise ModelError if a query uses a function or a view of the database that reads the clock.

    Args:
        engine: The session in which the query will run.
        sql: The query, with the frozen time in it.
        given: The temporary tables of the test.
        where: The place of the model.
    """
    hidden = next(_Hidden(engine, frozenset(map(_place, given))).of(sql), None)
    if hidden is not None:
        raise ModelError(f"freeze: time cannot be frozen in {hidden}", where=where, hint=_HINT, code="FFT-511")


def _place(relation: Relation) -> tuple[str, ...]:
    return tuple((part or "").lower() for part in (relation.catalog, relation.schema, relation.name))


class _Hidden:
    """A search for clocks behind the names in queries; each name is followed once."""

    def __init__(self, engine: Session, given: frozenset[tuple[str, ...]]) -> None:
        self._engine, self._given = engine, given
        self._seen: set[str] = set()
        self._definitions: Mapping[str, Definition] | None = None

    def of(self, sql: str) -> Iterator[str]:
        """Yield the clocks behind a query, in the words of a message."""
        known = known_functions(self._engine.name)
        uses = uses_of(tokens_of(sql, self._engine.dialect), known)
        if uses.names:
            yield from self._functions(uses.names)
        tree = parsed(sql, self._engine.dialect)
        for table in untracked_tables(tree, known, ()) if tree is not None else ():
            if (table.catalog.lower(), table.db.lower(), table.name.lower()) not in self._given:
                yield from self._view(name_of(table), table.name, table.db)

    def _functions(self, names: Iterable[str]) -> Iterator[str]:
        if self._definitions is None:
            self._definitions = {definition.key: definition for definition in self._engine.versions.definitions()}
        for name in names:
            definition = self._definitions.get(name)
            if definition is None or name in self._seen or definition.kind in ("type", "operator"):
                continue
            self._seen.add(name)
            said = f"the {definition.kind} {definition.name}() of the database"
            for query in definition.queries or (definition.text,):
                clock = next(iter(clocks_of(query, self._engine.spelling)), None)
                if clock is not None:
                    yield f"{said}, which calls {clock.name}"
            if definition.doubt:
                yield f"{said}, {definition.doubt}"
            for query in definition.queries:
                yield from self.of(query)

    def _view(self, shown: str, name: str, schema: str) -> Iterator[str]:
        if shown in self._seen:
            return
        self._seen.add(shown)
        spelling = self._engine.spelling
        of_schema = f" and lower(table_schema) = {spelling.literal(schema.lower())}" if schema else ""
        query = (
            "select view_definition from information_schema.views"
            f" where lower(table_name) = {spelling.literal(name.lower())}{of_schema}"
        )
        for (text,) in self._engine.fetch(query):
            if text is None:
                yield f"the view {shown} of the database, whose text this user may not see"
                continue
            text = _CREATED.sub("", text)
            clock = next(iter(clocks_of(text, spelling)), None)
            if clock is not None:
                yield f"the view {shown} of the database, which calls {clock.name}"
            yield from self.of(text)

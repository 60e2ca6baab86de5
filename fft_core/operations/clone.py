"""Copies of another environment's relations into this one, with the records of their builds."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from fft_core.build.rows import model_rows
from fft_core.build.staging import explained_layout, table_layout
from fft_core.compile.identity import Identities
from fft_core.engines.protocol import RelationKind, Seal
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import MissingRelationError
from fft_core.names import Relation
from fft_core.operations.translated_records import TranslatedRecords
from fft_core.plan.layouts import changed_since
from fft_core.plan.records import BuildRecord, Published
from fft_core.project.model import Model, Seed
from fft_core.warehouse.elsewhere import find_elsewhere
from fft_core.warehouse.published import remembered, without_names
from fft_core.warehouse.records import record_statements
from fft_core.warehouse.warehouse import Warehouse

Outcome: TypeAlias = Literal["copied", "view", "kept", "missing"]


@dataclass(frozen=True)
class Cloned:
    """The outcome for one node.

    Attributes:
        name: The name of the model or seed.
        outcome: `copied` rows, a `view` here, `kept` if the relation here stays, or `missing` there.
        why: The reason why it was kept, or what is missing.
        relation: The relation here.
        source: The relation there.
        rows: The number of copied rows, if the engine reports it.
    """

    name: str
    outcome: Outcome
    why: str
    relation: Relation
    source: Relation
    rows: int | None = None

    @property
    def is_done(self) -> bool:
        """Whether it was cloned."""
        return self.outcome in ("copied", "view")


def clone(
    warehouse: Warehouse, env: str, names: Set[str] | None = None, *, force: bool = False, dry_run: bool = False
) -> Iterator[Cloned]:
    """Copy the relations of another environment into this one, in build order; each node when the iterator reaches it.

    Tables, seeds, incremental tables and snapshots are copied with their rows. A view is created over the relations
    here, if its code and settings here are those that were built there. A relation that is newer here is kept, and so
    are snapshots and relations without a record of this project, unless `force` is set. Records are copied as well,
    written for this place and profile. A stream is copied with its kept events, late events, bad records and position.

    Args:
        warehouse: This environment.
        env: The other one.
        names: The models and seeds; None for all.
        force: Also replace relations that are newer here, snapshots, and relations without a record.
        dry_run: Only report the outcomes.

    Raises:
        RequestError: the environment does not exist, cannot be read from here, or has the same place.
        StateError: records cannot be read.
        ConnectError, BusyError: the other environment cannot be opened.
    """
    elsewhere = find_elsewhere(warehouse.project, env)
    with warehouse.engine.turn():
        work = _Clone(warehouse, elsewhere.warehouse(warehouse), force=force, dry_run=dry_run)
    for node in warehouse.project.stored():
        if names is None or node.name in names:
            with warehouse.engine.turn(), warehouse.engine.trace.about(node.name):
                work.there = elsewhere.warehouse(warehouse)  # databases are attached for the turn only
                yield work.of(node)


class _Clone:
    """The records and relations of both environments."""

    def __init__(self, here: Warehouse, there: Warehouse, *, force: bool, dry_run: bool) -> None:
        self.there = there
        self._here = here
        self._force = force
        self._dry_run = dry_run
        self._known_here = remembered(here)
        self._known_there = without_names(remembered(there))
        identities = Identities(here.project, here.compiler)
        self._records = TranslatedRecords(here, there, self._known_there, identities)

    def of(self, node: Model | Seed) -> Cloned:
        name, source = node.name, self.there.place(node.name)
        told = Cloned(name, "missing", "", self._here.place(name), source)
        record, published = self._known_there.records.get(name), self._known_there.published.get(name)
        if published is None:
            return replace(told, why=f"{source} does not exist")
        if self._is_shared(told):
            return replace(told, outcome="kept", why="both environments use the same relation")
        if record is None or published.stamp != record.stamp or record.fingerprint is None:
            return replace(told, why=f"{source} differs from its build record: build it there")
        is_query = isinstance(node, Model) and published.kind != "table" and self.there.backing(node) is None
        if is_query and not self._records.is_as_built(node):
            return replace(told, why="it is a view whose code or settings differ here: build it here")
        translated = self._records.of(node, record)
        kept = self._why_kept(node, translated)
        if kept:
            return replace(told, outcome="kept", why=kept)
        rows = None if self._dry_run else self._take_over(node, translated, published.kind, is_query=is_query)
        return replace(told, outcome="view" if is_query else "copied", rows=record.rows if rows is None else rows)

    def _is_shared(self, told: Cloned) -> bool:
        fold = spec_of(self._here.engine.name).folded
        return fold(told.relation) == fold(told.source)

    def _why_kept(self, node: Model | Seed, record: BuildRecord) -> str:
        """Return the reason why the relation here is kept; empty if it is not."""
        mine, published = self._known_here.records.get(node.name), self._known_here.published.get(node.name)
        if published is None:
            return ""
        is_recorded = mine is not None and published.stamp == mine.stamp
        if mine is not None and is_recorded and _is_same(mine, record):
            return "it is up to date"
        if self._force:
            return ""
        if mine is None or not is_recorded:
            return "the relation here was not built by this project (--force replaces it)"
        if mine.built_at > record.built_at:
            return f"it was built here later, at {mine.built_at:%Y-%m-%d %H:%M} UTC (--force replaces it)"
        if isinstance(node, Model) and node.materialization.keeps == "history":
            return "it is a snapshot, whose history here would be lost (--force replaces it)"
        return ""

    def _take_over(self, node: Model | Seed, record: BuildRecord, kind: RelationKind, *, is_query: bool) -> int | None:
        here, relation, backing = self._here, self._here.place(node.name), self._here.backing(node)
        here.ensure_records()
        here.ensure_schema(relation)
        existing = self._known_here.published.get(node.name)
        replaces = existing.kind if existing else None
        place, view = (backing, relation) if backing is not None else (relation, None)
        staged = "table" if backing is not None else kind
        layout = table_layout(here.engine, node, self._changed_layout(node, record))
        stamp = uuid.uuid4().hex
        record = replace(record, stamp=stamp)
        stages = here.engine.publisher.stage(place, staged, view=view, replaces=replaces, layout=layout)
        with explained_layout(node), stages as stage:
            if is_query and isinstance(node, Model):
                with model_rows(here, node) as rows:
                    columns, _ = stage.write(rows.sql)
                count = None
            else:
                columns, stats = stage.write(self._all_rows(node))
                count = stats.rows
            if isinstance(node, Model) and node.kind == "stream":
                from fft_core.build.stream_tables import copy_stream  # most projects have no stream

                copy_stream(here.engine, self.there.engine, node, relation, self.there.place(node.name))
            statements = record_statements(here.engine, record)
            stage.publish(Seal(stamp, columns, statements))
        there = Published("view" if view is not None else kind, stamp, record.rows, str(relation))
        self._known_here = self._known_here.with_build(record, there)
        return count

    def _changed_layout(self, node: Model | Seed, record: BuildRecord) -> frozenset[str]:
        mine, keys = self._known_here.records.get(node.name), spec_of(self._here.engine.name).layout.keys
        return changed_since(mine, record.fingerprint.config, keys) if record.fingerprint is not None else frozenset()

    def _all_rows(self, node: Model | Seed) -> str:
        there = self.there
        relation = there.backing(node) or there.place(node.name)
        if relation not in there.engine.inspect([relation]):
            raise MissingRelationError(f"{relation} no longer exists")
        return there.engine.spelling.select_all(relation)


def _is_same(mine: BuildRecord, record: BuildRecord) -> bool:
    return (mine.fingerprint, mine.data_version, mine.rows) == (record.fingerprint, record.data_version, record.rows)

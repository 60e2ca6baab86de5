"""Decides for the nodes of one run: gathers what must be known; what it means is decided in `plan`."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial

from fft_core.engines.known import known_functions
from fft_core.errors import RequestError, nearest
from fft_core.identity import Subjects
from fft_core.names import model_name
from fft_core.plan.decide import (
    Decision,
    InputVersion,
    Plan,
    Request,
    decide,
    decide_all,
    is_refreshed,
    reached_by_views,
    recorded_version,
)
from fft_core.plan.definitions import Definitions
from fft_core.plan.fingerprint import Subject
from fft_core.plan.modified import modified
from fft_core.plan.records import BuildRecord, Published, Remembered
from fft_core.project.live_views import LiveViews
from fft_core.project.model import Model, Project, Seed, SourceName
from fft_core.run_views import RunViews, with_views
from fft_core.sources import source_version
from fft_core.state import read_records, recorded_stamps
from fft_core.warehouse import Warehouse


class OutdatedError(Exception):
    """Another run has built what a decision is about, or what it reads, since this run looked."""


class Rebuilder:
    """Decides for the nodes of one run, by what the warehouse remembered when it began and what was built since.

    Threads may share it. Versions of sources are read at most once, before the first build that reads them.

    Args:
        project: Whose nodes.
        subjects: What identifies them.
        request: What the user asked for.
        nodes: Those that have their turn in this run; all where None.
        live_views: The checked views, where it is known better which of the nodes the run may build.
    """

    def __init__(
        self,
        project: Project,
        subjects: Subjects,
        request: Request,
        *,
        nodes: Set[str] | None = None,
        live_views: LiveViews | None = None,
    ) -> None:
        refuse_unknown_nodes(project, request)
        self.request = request
        self.views = RunViews(self, project, subjects, live_views or LiveViews(project, nodes), nodes)
        self.look = 1  # how often it has begun to look at what others recorded
        self._project = project
        self._subjects = subjects
        self._lock = threading.Lock()
        self._remembered: Remembered | None = None
        self._openings = 0
        self._source_versions: dict[str, str | None] = {}

    def plan(self, warehouse: Warehouse, selected: frozenset[str] | None = None) -> Plan:
        """Decide for all selected nodes, before anything is built. Raises StateError where records cannot be read."""
        subjects = self._subjects.all()
        wanted = [s for s in subjects if selected is None or s.name in selected]
        remembered, sources = self.known_to(warehouse, wanted)
        plan = decide_all(subjects, remembered, sources, self.request, selected)
        return with_views(plan, self._project, remembered, selected)

    def modified(self, warehouse: Warehouse) -> frozenset[str]:
        """Name the nodes that differ from what was built. Raises StateError where records cannot be read."""
        subjects = self._subjects.all()
        return modified(subjects, *self.known_to(warehouse, subjects))

    def decide(self, warehouse: Warehouse, node: Model | Seed) -> Decision:
        """Decide for one node at the time of its step: what it reads has been built, or is left as it is."""
        with warehouse.engine.turn():  # before any lock: a thread that holds one must not wait for its turn
            return self._decide(warehouse, node)

    def _decide(self, warehouse: Warehouse, node: Model | Seed) -> Decision:
        subject = self._subjects.of(node)
        remembered = self.recall(warehouse)
        names = (*subject.inputs, *subject.check_inputs)
        sources = self._versions_of_sources(warehouse, reached_by_views(remembered, names))
        versions = {name: InputVersion(version, is_source=True) for name, version in sources.items()}
        versions |= {name: recorded_version(remembered, name, versions) for name in names if name not in versions}
        decision = decide(subject, versions, remembered, self.request)
        if decision.is_build:
            return decision
        now = _published(warehouse, [node])  # it may have been dropped since the run began
        return decide(subject, versions, replace(remembered, published=now), self.request)

    def published(self, warehouse: Warehouse, name: str) -> Published | None:
        """Say what is published under a node's name, as far as this run knows."""
        return self.recall(warehouse).published.get(name)

    def is_recorded(self, warehouse: Warehouse, name: str) -> bool:
        """Say whether a node has a record that its next one replaces, as far as this run knows."""
        return name in self.recall(warehouse).records

    def note(self, record: BuildRecord, published: Published) -> None:
        """Remember what this run has just published."""
        with self._lock:
            if self._remembered is None:
                return
            last = self._remembered.records.get(record.node)
            self._remembered = self._remembered.with_build(record, published)
        if last is not None and last.reads != record.reads:
            self.views.note_changed()

    def refuse_outdated(self, warehouse: Warehouse, decision: Decision, look: int) -> None:
        """Raise OutdatedError where another run has recorded the node, or what it reads, since that `look`."""
        remembered, engine = self.recall(warehouse, look), warehouse.engine
        is_alone = engine.capabilities.one_writer_process and engine.openings() == self._openings
        if is_alone or not self.request.records:  # what is not recorded cannot be told from what this run builds
            return
        names = sorted(reached_by_views(remembered, (decision.name, *decision.subject.inputs)))
        for name, stamp in recorded_stamps(engine, names).items():
            known = remembered.records.get(name)
            if known is None or known.stamp != stamp:
                raise OutdatedError(f"another run has built {name}")

    def forget(self) -> None:
        """Read the records and the versions of sources again, when they are next asked for."""
        with self._lock:
            self.look += 1
            self._remembered = None
            self._source_versions.clear()

    def forget_source(self, name: SourceName) -> None:
        """Read the version of a source again: this run has filled it."""
        with self._lock:
            self._source_versions.pop(str(name), None)

    def known_to(
        self, warehouse: Warehouse, subjects: Sequence[Subject]
    ) -> tuple[Remembered, Mapping[str, str | None]]:
        """Give what is remembered, and the versions of all sources that some nodes read, through views as well."""
        with warehouse.engine.turn():
            remembered = self.recall(warehouse)
            names = reached_by_views(remembered, {n for s in subjects for n in (*s.inputs, *s.check_inputs)})
            return remembered, self._versions_of_sources(warehouse, names)

    def recall(self, warehouse: Warehouse, look: int | None = None) -> Remembered:
        """Return what is remembered, read if need be. Raises OutdatedError if it is not that of the given `look`."""
        with self._lock:
            if look is not None and look != self.look:
                raise OutdatedError("the records were read again")
            if self._remembered is None:
                engine, nodes = warehouse.engine, self._project.stored()
                found = tuple(engine.definitions())
                definitions = Definitions(engine.dialect, found, known_functions, partial(self._place, warehouse))
                self._remembered = Remembered(read_records(engine), _published(warehouse, nodes), definitions)
                self._openings = warehouse.engine.openings()
            return self._remembered

    def _place(self, warehouse: Warehouse, name: str) -> str:
        """Where a model, seed or source lies, as `schema.name`."""
        sources = {str(source): settings.name for source, settings in self._project.sources.items()}
        relation = warehouse.relation(sources.get(name, name))
        return f"{relation.schema}.{relation.name}"

    def _versions_of_sources(self, warehouse: Warehouse, names: Iterable[str]) -> dict[str, str | None]:
        sources = {str(name): source for name, source in self._project.sources.items()}
        wanted = [name for name in names if name in sources]
        with self._lock:
            for name in wanted:
                if name not in self._source_versions:
                    source = sources[name]
                    relation = warehouse.relation(source.name)
                    settings = self._project.fingerprint
                    self._source_versions[name] = source_version(warehouse.engine, source, relation, settings)
            return {name: self._source_versions[name] for name in wanted}


def make_plan(warehouse: Warehouse, request: Request | None = None, selected: frozenset[str] | None = None) -> Plan:
    """Decide what a run would build and what it would reuse, and why. Changes nothing.

    Args:
        warehouse: An open warehouse.
        request: Cache mode and nodes to build in any case.
        selected: The nodes that the run includes; all where None.

    Raises:
        StateError: the records of earlier builds cannot be read.
        RenderError: a template fails.
    """
    subjects = Subjects(warehouse.project, warehouse.compiler, warehouse.engine.dialect)
    return Rebuilder(warehouse.project, subjects, request or Request()).plan(warehouse, selected)


def modified_nodes(warehouse: Warehouse) -> frozenset[str]:
    """Name the models and seeds that are not, as they are published, what their code, config and inputs say.

    Raises:
        StateError: the records of earlier builds cannot be read.
        RenderError: a template fails.
    """
    subjects = Subjects(warehouse.project, warehouse.compiler, warehouse.engine.dialect)
    return Rebuilder(warehouse.project, subjects, Request()).modified(warehouse)


def refuse_unknown_nodes(project: Project, request: Request) -> None:
    """Raise RequestError for a glob of `--rebuild` or `--full-refresh` that matches nothing."""
    names = [node.name for node in project.stored()]
    for pattern in request.rebuild:
        if not fnmatch.filter(names, model_name(pattern)):
            raise RequestError(f"--rebuild {pattern!r} matches no model or seed", hint=nearest(pattern, names))
    models = [node for node in project.stored() if isinstance(node, Model)]
    kept = {m.name: m.materialization.keeps for m in models if m.materialization.keeps != "nothing"}
    for pattern in request.full_refresh:
        if not any(is_refreshed(name, what, pattern) for name, what in kept.items()):
            others = "Others keep no rows: --rebuild builds them. Write a snapshot's whole name."
            hint = nearest(pattern, kept) or others
            raise RequestError(f"--full-refresh {pattern!r} matches no incremental model", hint=hint)


def _published(warehouse: Warehouse, nodes: Iterable[Model | Seed]) -> Mapping[str, Published]:
    nodes = list(nodes)
    relations = {node.name: warehouse.relation(node.name) for node in nodes}
    backing = {node.name: place for node in nodes if (place := warehouse.backing(node)) is not None}
    tables = warehouse.engine.tables([*relations.values(), *backing.values()])
    published = {}
    for name, relation in relations.items():
        table, rows = tables.get(relation), tables.get(backing.get(name, relation))
        if table is not None:
            stamp = table.stamp if rows and rows.stamp == table.stamp else None
            published[name] = Published(table.kind, stamp, rows.rows if rows else None, str(relation))
    return published

"""The memory of one run: records, states of relations and versions of sources, as read, and its own builds since."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fft_core.engines.late import LateSession
from fft_core.engines.protocol import Row
from fft_core.names import Relation
from fft_core.plan.decide import reached_by_views
from fft_core.plan.fingerprint import NodeIdentity
from fft_core.plan.records import BuildRecord, Published, Remembered
from fft_core.project.model import Project, SourceName
from fft_core.run.deferred import Deferred
from fft_core.run.known_facts import facts_of
from fft_core.warehouse.published import Facts, remembered
from fft_core.warehouse.published import published_nodes as published_nodes
from fft_core.warehouse.source_versions import source_version
from fft_core.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from fft_core.run.deferral import Deferral


class OutdatedError(Exception):
    """Another run has built the node of a decision, or one of its inputs, since this run looked at the warehouse."""


@dataclass(frozen=True)
class Look:
    """The state of the warehouse, as a run read it at one moment, with the run's own builds since then.

    Attributes:
        number: The number of the look; a later look has a higher number.
        openings: The number of times that the process had opened the database by then, see `Session.openings`.
        remembered: The records, and the states of the relations.
        deferred: The nodes and sources that are read from another environment.
        rows: The rows of all records, as they were read.
        builds: The number of builds that the run had noted by then.
        mark: The change mark of the database. If it is the same later, nothing was committed since the look; see
            `Versions.change_mark`.
    """

    number: int
    openings: int
    remembered: Remembered
    deferred: Deferred = field(default_factory=Deferred)
    mark: Hashable | None = None
    rows: Sequence[Row] = ()
    builds: int = 0


class Memory:
    """The memory of one run. Threads may share it: the values that it returns are frozen.

    Versions of sources are read at most once in a look, before the first build that reads them.

    Args:
        project: The project.
        deferral: The other environment from which some of its nodes are read, if there is one.
    """

    def __init__(self, project: Project, deferral: Deferral | None = None) -> None:
        self._project = project
        self._deferral = deferral
        self._lock = threading.Lock()
        self._number = 1
        self._look: Look | None = None
        self._builds: dict[str, tuple[int, BuildRecord, Published]] = {}  # the last of each node, with its number
        self._noted = 0
        self._source_versions: dict[str, str | None] = {}
        self._one_of_each_catalog: tuple[Relation, ...] | None = None

    def look(self, warehouse: Warehouse) -> Look:
        """Return the current look; read the warehouse first if there is none. Raises StateError."""
        with self._lock:
            if self._look is None:
                mark = self._mark(warehouse)
                facts = facts_of(warehouse)
                deferred, known = self._known(warehouse, facts)
                openings = warehouse.engine.openings()
                self._look = Look(self._number, openings, known, deferred, mark, facts.records, self._noted)
            if self._deferral is not None:
                warehouse.defer(self._look.deferred.relations)
            return self._look

    @property
    def deferred(self) -> Deferred:
        """The nodes and sources that are read from another environment, as of the last look."""
        look = self._look
        return look.deferred if look is not None else Deferred()

    def still_holds(self, look: Look, warehouse: Warehouse) -> bool:
        """Return whether it is certain that nothing has been committed since a look."""
        return look.mark is not None and look.mark == self._mark(warehouse)

    def is_last(self, look: Look) -> bool:
        """Return whether a look is still the last one: it has not been forgotten."""
        return look.number == self._number

    def again(self, look: Look) -> Look:
        """Return a look with the builds of this run since then, even if the warehouse has been read again meanwhile."""
        with self._lock:
            if self._look is not None and self.is_last(look):
                return self._look
            known = look.remembered
            for number, record, published in self._builds.values():
                if number > look.builds:
                    known = known.with_build(record, published)
            return replace(look, remembered=known)

    def recall(self, warehouse: Warehouse) -> Remembered:
        """Return the records and states, with the builds of this run so far."""
        return self.look(warehouse).remembered

    def known_to(
        self, warehouse: Warehouse, identities: Sequence[NodeIdentity]
    ) -> tuple[Remembered, Mapping[str, str | None]]:
        """Return the records and states, and the versions of all sources that some nodes read, also through views."""
        with warehouse.engine.turn():
            known = self.recall(warehouse)
            names = reached_by_views(known, {n for s in identities for n in (*s.inputs, *s.check_inputs)})
            return known, self.versions_of_sources(warehouse, names)

    def versions_of_sources(self, warehouse: Warehouse, names: Iterable[str]) -> dict[str, str | None]:
        """Return the versions of those names that are sources; None for a source without a version."""
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

    def note(self, record: BuildRecord, published: Published) -> BuildRecord | None:
        """Remember a build that this run has just published; return the former record of the node, if it is known."""
        with self._lock:
            self._noted += 1
            self._builds[record.node] = (self._noted, record, published)
            if self._look is None:
                return None
            last = self._look.remembered.records.get(record.node)
            self._look = replace(self._look, remembered=self._look.remembered.with_build(record, published))
            return last

    def note_attached(self, node: str, attached: str) -> None:
        """Remember the grants, indexes and constraints of a node, after this run has changed them."""
        with self._lock:
            if self._look is not None:
                self._look = replace(self._look, remembered=self._look.remembered.with_attached(node, attached))

    def forget(self, outdated: Look | None = None) -> None:
        """Read the records and the versions of sources again at the next request for them.

        Args:
            outdated: The look that is known to be outdated. If it has been replaced by a later one, nothing is
                forgotten: threads that outdate the looks of each other would never build anything.
        """
        with self._lock:
            if outdated is not None and not self.is_last(outdated):
                return
            self._number += 1
            self._look = None
            self._source_versions.clear()

    def forget_source(self, name: SourceName) -> None:
        """Read the version of a source again at the next request for it, because this run has filled the source."""
        with self._lock:
            self._source_versions.pop(str(name), None)

    def _known(self, warehouse: Warehouse, facts: Facts) -> tuple[Deferred, Remembered]:
        known = remembered(warehouse, facts)
        return self._deferral.look(warehouse, known) if self._deferral else (Deferred(), known)

    def _mark(self, warehouse: Warehouse) -> Hashable | None:
        if isinstance(warehouse.engine, LateSession):  # for plans only, which never ask whether a look still holds
            return None
        if self._one_of_each_catalog is None:
            places = (warehouse.place(node.name) for node in self._project.stored())
            self._one_of_each_catalog = tuple({place.catalog: place for place in places}.values())
        return warehouse.engine.versions.change_mark(self._one_of_each_catalog)

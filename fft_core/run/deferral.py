"""Reading from another environment the inputs that are neither nodes of a run nor built here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from functools import cached_property
from typing import Protocol

from fft_core.compile.identity import Identities
from fft_core.errors import MissingRelationError
from fft_core.names import Relation
from fft_core.plan.decide import reached_by_views, recorded_version
from fft_core.plan.decision import Decision
from fft_core.plan.decision import InputVersion as InputVersion
from fft_core.plan.fingerprint import NodeIdentity
from fft_core.plan.modified import as_built_by, modified
from fft_core.plan.records import Remembered
from fft_core.project.model import Model, Project, Seed, SourceName
from fft_core.run.deferred import Deferred, name_elsewhere
from fft_core.run.memory import Memory, OutdatedError
from fft_core.warehouse.elsewhere import Elsewhere, find_elsewhere
from fft_core.warehouse.published import without_names
from fft_core.warehouse.records import recorded_stamps
from fft_core.warehouse.warehouse import Warehouse


class KnownIdentities(Protocol):
    """The identity of each model and seed."""

    def all(self) -> tuple[NodeIdentity, ...]:
        """Return the identities of all nodes, in build order."""

    def of(self, node: Model | Seed) -> NodeIdentity:
        """Return the identity of one node."""


class Deferral:
    """The other environment of a run. Threads may share it.

    Args:
        project: The project.
        identities: The identities of its nodes.
        env: The name of the other environment.
        nodes: The nodes that have their turn in the run, and so are never read there; None for all.
    """

    def __init__(self, project: Project, identities: Identities, env: str, nodes: Set[str] | None) -> None:
        self.env = env
        self._project = project
        self._identities = identities
        self._nodes = nodes

    @cached_property
    def elsewhere(self) -> Elsewhere:
        """The other environment. Raises RequestError, ProfileError, ProjectError."""
        return find_elsewhere(self._project, self.env)

    def look(self, here: Warehouse, remembered: Remembered) -> tuple[Deferred, Remembered]:
        """Find the nodes and sources to read there, because they do not exist here.

        Returns:
            These nodes and sources, and `remembered` with their data versions.

        Raises:
            RequestError: the environment cannot be read beside this one.
            StateError: its records cannot be read.
        """
        there = self.elsewhere.warehouse(here)
        memory = Memory(self._project)
        known = without_names(memory.recall(there))
        names = [node.name for node in self._project.stored() if self._nodes is not None]
        wanted = [n for n in names if n not in (self._nodes or ()) and n not in remembered.published]
        relations: dict[str | SourceName, Relation] = {n: there.place(n) for n in wanted if n in known.published}
        absent = {n: (here.place(n), there.place(n)) for n in wanted if n not in known.published}
        for source, both in self._missing_sources(here, there).items():
            if both[1] in there.engine.inspect([both[1]]):
                relations[source] = both[1]
            else:
                absent[str(source)] = both
        deferred = Deferred(self.env, relations, absent, known)
        elsewhere = self._versions(there, memory, deferred, remembered)
        return deferred, replace(remembered, elsewhere=elsewhere)

    def modified(self, here: Warehouse) -> frozenset[str]:
        """Return the names of the nodes that differ from their builds there, ignoring places and profiles.

        Raises the errors of `look`.
        """
        there = self.elsewhere.warehouse(here)
        memory = Memory(self._project)
        identities = self._identities.all()
        known, sources = memory.known_to(there, identities)
        placed = [as_built_by(identity, known) for identity in identities]
        return modified(placed, without_names(known), sources)

    def refuse_outdated(self, here: Warehouse, decision: Decision, deferred: Deferred) -> None:
        """Raise OutdatedError if an input that a node reads there has been built since that look."""
        read = self._project.stored_inputs(node) if isinstance(node := self._node(decision), Model) else ()
        names = [name for name in read if isinstance(name, str) and name in deferred.relations]
        if not names:
            return
        reached = sorted(reached_by_views(deferred.there, names))
        there = self.elsewhere.warehouse(here)
        stamps = recorded_stamps(there.engine, reached, there.place_text) if deferred.there.records else {}
        for name, stamp in stamps.items():
            known = deferred.there.records.get(name)
            if known is None or known.stamp != stamp:
                raise OutdatedError(f"another run has built {name} in {self.env}")

    def refuse_absent(self, decision: Decision, deferred: Deferred) -> None:
        """Raise MissingRelationError if a node to build has an input that exists in neither environment."""
        missing = [name for name in decision.identity.inputs if name in deferred.absent] if decision.is_build else []
        for name in missing:
            own, other = deferred.absent[name]
            node = self._node(decision)
            where = node.input_places.get(name, node.location) if isinstance(node, Model) else None
            raise MissingRelationError(
                f"{node.name!r} reads {name}, which exists neither here ({own}) nor in {self.env} ({other})",
                where=where,
                hint=f"Select it as well (as in --select +{node.name}), or build it in {self.env}.",
            )

    def with_places(self, decision: Decision, here: Warehouse, deferred: Deferred) -> Decision:
        """Return a decision with the places where its inputs are read."""
        node = self._node(decision)
        if not isinstance(node, Model):
            return decision
        places = (deferred.place(n, here.place(n), self._project.env) for n in self._project.stored_inputs(node))
        return replace(decision, reads=tuple(places))

    def _node(self, decision: Decision) -> Model | Seed:
        return self._project.node(decision.name)

    def _missing_sources(self, here: Warehouse, there: Warehouse) -> Mapping[SourceName, tuple[Relation, Relation]]:
        """Return the sources that do not exist here, with both places, except those that a seed of this run fills."""
        both = {
            name: (here.place(name), there.place(name))
            for name in self._project.sources
            if name in there.project.sources and not self._is_filled(name)
        }
        present = here.engine.inspect([own for own, _ in both.values()])
        return {name: (own, other) for name, (own, other) in both.items() if own not in present and own != other}

    def _is_filled(self, source: SourceName) -> bool:
        seed = self._project.seed_behind(source)
        return seed is not None and (self._nodes is None or seed in self._nodes)

    def _versions(
        self, there: Warehouse, memory: Memory, deferred: Deferred, remembered: Remembered
    ) -> Mapping[str, str | None]:
        """Return the versions of the nodes that are read there by nodes of this run, or by views published here."""
        read_here = {read for record in remembered.records.values() for read in record.reads}
        names = {n: name_elsewhere(n, there.place(n)) for n in deferred.there.published if n in self._project_names}
        inputs = {read for identity in self._own_identities() for read in (*identity.inputs, *identity.check_inputs)}
        wanted = [n for n, key in names.items() if key in read_here or (n in deferred.relations and n in inputs)]
        known = deferred.there
        sources = memory.versions_of_sources(there, reached_by_views(known, wanted))
        given = {name: InputVersion(version, is_source=True) for name, version in sources.items()}
        found: dict[str, str | None] = {}
        for name in wanted:
            version = recorded_version(known, name, given).version
            found[names[name]] = version
            if name in deferred.relations:
                found[name] = version
        return found

    @cached_property
    def _project_names(self) -> frozenset[str]:
        return frozenset(node.name for node in self._project.stored())

    def _own_identities(self) -> Iterable[NodeIdentity]:
        nodes = self._project.stored()
        return (self._identities.of(node) for node in nodes if self._nodes is None or node.name in self._nodes)


class IdentitiesByPlace:
    """The identities of nodes in a run that reads from another environment: with the places of its last look."""

    def __init__(self, identities: Identities, memory: Memory) -> None:
        self._identities = identities
        self._memory = memory

    def all(self) -> tuple[NodeIdentity, ...]:
        """Return the identities of all nodes, in build order. Raises ProjectError."""
        return tuple(map(self._memory.deferred.identity, self._identities.all()))

    def of(self, node: Model | Seed) -> NodeIdentity:
        """Return the identity of one node. Raises RenderError."""
        return self._memory.deferred.identity(self._identities.of(node))

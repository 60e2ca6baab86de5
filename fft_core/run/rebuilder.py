"""The decisions for the nodes of one run: collects the facts; `plan` decides from them."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from fft_core.compile.identity import Identities
from fft_core.errors import RequestError, nearest
from fft_core.names import model_name
from fft_core.plan.attached import with_attachments, with_foreign_keys
from fft_core.plan.decide import decide, decide_all, is_refreshed, reached_by_views, recorded_version, with_query
from fft_core.plan.decision import Decision, InputVersion, Plan, Request
from fft_core.plan.kinds import with_gaps
from fft_core.plan.modified import modified
from fft_core.plan.records import BuildRecord, Published
from fft_core.project.model import Model, Project, Seed, SourceName
from fft_core.run.live_views import LiveViews
from fft_core.run.memory import Look, Memory, OutdatedError, published_nodes
from fft_core.run.run_views import RunViews, with_views
from fft_core.warehouse.records import recorded_stamps
from fft_core.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from fft_core.run.deferral import Deferral, KnownIdentities
    from fft_core.run.deferred import Deferred


class Rebuilder:
    """The decisions for the nodes of one run, from the state of the warehouse at its look and the builds since.

    Threads may share it. Versions of sources are read at most once, before the first build that reads them.

    Args:
        project: The project.
        identities: The identities of its nodes.
        request: The user's request.
        nodes: The nodes that have their turn in this run; None for all.
        live_views: The checked views, if it is known that the run may build only some of the nodes.
        defer: The environment from which inputs are read that are neither nodes of this run nor built here; none if
            empty.
    """

    def __init__(
        self,
        project: Project,
        identities: Identities,
        request: Request,
        *,
        nodes: Set[str] | None = None,
        live_views: LiveViews | None = None,
        defer: str = "",
    ) -> None:
        refuse_unknown_nodes(project, request)
        self.request = request
        self._deferral = _deferral(project, identities, defer, nodes) if defer else None
        self.memory = Memory(project, self._deferral)
        self._project = project
        self._uses_of = identities.uses_of
        self._identities: KnownIdentities = identities
        if self._deferral is not None:
            self._identities = _by_place(identities, self.memory)
        views = live_views or LiveViews(project, nodes)
        self.views = RunViews(self.memory, project, self._identities, request, views, nodes)

    def settle(self, warehouse: Warehouse) -> None:
        """Let a session read inputs from the environment that the run defers to. Raises StateError, RequestError."""
        with warehouse.engine.turn():
            self.memory.look(warehouse)

    def plan(self, warehouse: Warehouse, selected: frozenset[str] | None = None) -> Plan:
        """Decide for all selected nodes, before anything is built. Raises StateError if records cannot be read."""
        look = self.memory.look(warehouse)
        identities = self._identities.all()
        wanted = [s for s in identities if selected is None or s.name in selected]
        remembered, sources = self.memory.known_to(warehouse, wanted)
        plan = decide_all(identities, remembered, sources, self.request, selected)
        plan = replace(plan, decisions=tuple(map(with_attachments, plan.decisions)))
        plan = with_foreign_keys(plan, remembered.referring)
        if not warehouse.engine.capabilities.replaces_kinds:
            plan = with_gaps(plan, _kinds(self._project), remembered)
        plan = with_views(plan, self._project, remembered, selected)
        return plan if self._deferral is None else self._with_places(plan, warehouse, look.deferred)

    def modified(self, warehouse: Warehouse) -> frozenset[str]:
        """Return the names of the nodes that differ from their builds, here or in the environment that is deferred to.

        Raises StateError if records cannot be read.
        """
        if self._deferral is not None:
            with warehouse.engine.turn():
                return self._deferral.modified(warehouse)
        identities = self._identities.all()
        return modified(identities, *self.memory.known_to(warehouse, identities))

    def decide(self, warehouse: Warehouse, node: Model | Seed, look: Look | None = None) -> Decision:
        """Decide for one node at the time of its step: its inputs have been built or reused.

        Args:
            warehouse: The session of this thread.
            node: The node.
            look: The look to decide from, for callers that verify later whether the decision still holds; None for the
                current one.
        """
        with warehouse.engine.turn():  # before any lock: a thread that holds a lock must not wait for a turn
            return with_attachments(self._decide(warehouse, node, look or self.memory.look(warehouse)))

    def _decide(self, warehouse: Warehouse, node: Model | Seed, look: Look) -> Decision:
        identity, remembered = self._identities.of(node), look.remembered
        names = (*identity.inputs, *identity.check_inputs)
        sources = self.memory.versions_of_sources(warehouse, reached_by_views(remembered, names))
        versions = {name: InputVersion(version, is_source=True) for name, version in sources.items()}
        versions |= {name: recorded_version(remembered, name, versions) for name in names if name not in versions}
        decision = decide(identity, versions, remembered, self.request)
        if decision.is_build:
            if self._deferral is not None:
                self._deferral.refuse_absent(decision, look.deferred)
            return decision
        if self.memory.still_holds(look, warehouse):
            return decision
        now = published_nodes(warehouse, [node])  # it may have been dropped since the run began
        return decide(identity, versions, replace(remembered, published=now), self.request)

    def with_query(self, warehouse: Warehouse, decision: Decision, texts: Sequence[str]) -> Decision:
        """Complete the decision to build a lazy Python model, once its query is known and before it runs."""
        model = self._project.models[decision.name]
        uses = self._uses_of(model, texts)
        return with_query(decision, self._identities.of(model), uses, self.memory.recall(warehouse).definitions)

    def note(self, record: BuildRecord, published: Published) -> None:
        """Remember a build that this run has just published."""
        last = self.memory.note(record, published)
        if last is not None and last.reads != record.reads:
            self.views.note_changed()

    def refuse_outdated(self, warehouse: Warehouse, decision: Decision, look: Look) -> None:
        """Raise OutdatedError if another run has recorded the node, or one of its inputs, since that look."""
        now, engine = self.memory.again(look), warehouse.engine
        is_same_opening = engine.capabilities.one_writer_process and engine.openings() == now.openings
        is_alone = is_same_opening and self.memory.is_last(look)
        if is_alone or not self.request.records:  # own unrecorded builds look like those of others
            return
        names = sorted(reached_by_views(now.remembered, (decision.name, *decision.identity.inputs)))
        for name, stamp in recorded_stamps(engine, names, warehouse.place_text).items():
            known = now.remembered.records.get(name)
            if known is None or known.stamp != stamp:
                raise OutdatedError(f"another run has built {name}")
        if self._deferral is not None:
            self._deferral.refuse_outdated(warehouse, decision, look.deferred)

    def _with_places(self, plan: Plan, warehouse: Warehouse, deferred: Deferred) -> Plan:
        """Add to each build of a plan the places where its inputs are read."""
        assert self._deferral is not None  # the caller has checked
        for decision in plan.builds:
            self._deferral.refuse_absent(decision, deferred)
        places = partial(self._deferral.with_places, here=warehouse, deferred=deferred)
        return Plan(tuple(places(decision) if decision.is_build else decision for decision in plan.decisions))

    def forget_source(self, name: SourceName) -> None:
        """Read the version of a source again at the next request for it, because this run has filled the source."""
        self.memory.forget_source(name)


def _kinds(project: Project) -> Mapping[str, str]:
    stored = project.stored()
    views = {node.name for node in stored if isinstance(node, Model) and node.materialization.name == "view"}
    return {node.name: "view" if node.name in views else "table" for node in stored}


def _deferral(project: Project, identities: Identities, env: str, nodes: Set[str] | None) -> Deferral:
    from fft_core.run.deferral import Deferral  # most runs read no other environment

    return Deferral(project, identities, env, nodes)


def _by_place(identities: Identities, memory: Memory) -> KnownIdentities:
    from fft_core.run.deferral import IdentitiesByPlace  # as above

    return IdentitiesByPlace(identities, memory)


def make_plan(warehouse: Warehouse, request: Request | None = None, selected: frozenset[str] | None = None) -> Plan:
    """Decide which nodes a run would build and which it would reuse, with reasons. Changes nothing.

    Args:
        warehouse: An open warehouse.
        request: The cache mode, and the nodes to build even if nothing changed.
        selected: The nodes that the run includes; None for all.

    Raises:
        StateError: the records of earlier builds cannot be read.
        RenderError: a template fails.

    >>> from fft_core import load_project, make_plan, open_warehouse
    >>> with open_warehouse(load_project("shop"), path=":memory:") as warehouse:
    ...     plan = make_plan(warehouse, selected=frozenset({"users"}))
    >>> [str(reason) for reason in plan.builds[0].reasons]
    ['no build is recorded']
    """
    identities = Identities(warehouse.project, warehouse.compiler)
    return Rebuilder(warehouse.project, identities, request or Request()).plan(warehouse, selected)


def refuse_unknown_nodes(project: Project, request: Request) -> None:
    """Raise RequestError for a glob of `--rebuild` or `--full-refresh` that matches no node."""
    names = [node.name for node in project.stored()]
    for pattern in request.rebuild:
        if not fnmatch.filter(names, model_name(pattern)):
            raise RequestError(
                f"--rebuild {pattern!r} matches no model or seed", hint=nearest(pattern, names), code="FFT-306"
            )
    models = [node for node in project.stored() if isinstance(node, Model)]
    kept = {m.name: m.keeps for m in models if m.keeps != "nothing"}
    for pattern in request.full_refresh:
        if not any(is_refreshed(name, what, pattern) for name, what in kept.items()):
            others = "For other models, use --rebuild. A snapshot is only refreshed if its full name is given."
            hint = nearest(pattern, kept) or others
            raise RequestError(f"--full-refresh {pattern!r} matches no incremental model", hint=hint, code="FFT-306")

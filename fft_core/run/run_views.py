"""The checked views of a run: the texts that their readers find, the builds still to come, and results of checks."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from fft_core.checks.results import CheckResult
from fft_core.plan.decide import decide_all, is_as_written, reached_by_views
from fft_core.plan.decision import Decision, Plan, Request
from fft_core.plan.reads import ReadByView
from fft_core.plan.records import Remembered
from fft_core.project.model import Model, Project, Seed
from fft_core.run.live_views import LiveView, LiveViews
from fft_core.run.memory import Memory
from fft_core.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from fft_core.run.deferral import KnownIdentities


def with_views(plan: Plan, project: Project, remembered: Remembered, selected: Set[str] | None) -> Plan:
    """Add to each build of a plan the checked views over the node, with the build that judges each view."""
    if not plan.builds:
        return plan
    live = LiveViews(project, {decision.name for decision in plan.builds})
    over = published_readers(project, live, remembered)

    def views(decision: Decision) -> tuple[ReadByView, ...]:
        record, published = remembered.records.get(decision.name), remembered.published.get(decision.name)
        if decision.identity.is_view and is_as_written(decision.identity, record, published):
            return ()  # readers of this view find the same text as before
        known = live.over(decision.name)
        found = [
            ReadByView(view.name, view.last or decision.name)
            for view in known
            if selected is None or view.name in selected or view.name in remembered.published
        ]
        names = {view.name for view in known}  # the others read the node only in their published texts
        found += [ReadByView(view, decision.name) for view in over.get(decision.name, ()) if view not in names]
        return tuple(found)

    return Plan(tuple(replace(d, views=found) if d.is_build and (found := views(d)) else d for d in plan.decisions))


def published_readers(project: Project, live: LiveViews, remembered: Remembered) -> Mapping[str, tuple[str, ...]]:
    """Return, for each node, the checked views whose published texts read it, directly or through other views."""
    fills = {str(source): seed for source in project.sources if (seed := project.seed_behind(source)) is not None}
    found: dict[str, list[str]] = {}
    for name, published in remembered.published.items():
        if published.is_query and live.checks_of(name):
            for read in reached_by_views(remembered, [name]) - {name}:
                found.setdefault(fills.get(read, read), []).append(name)
    return {read: tuple(names) for read, names in found.items()}


class RunViews:
    """The checked views of one run. Threads may share it.

    Args:
        memory: The run's memory of the warehouse.
        project: The project of the views.
        identities: The identities of the nodes.
        request: The user's request.
        live: The checked views, by the nodes below them.
        nodes: The nodes that have their turn in the run; None for all.
    """

    def __init__(
        self,
        memory: Memory,
        project: Project,
        identities: KnownIdentities,
        request: Request,
        live: LiveViews,
        nodes: Set[str] | None,
    ) -> None:
        self.live = live
        self._memory = memory
        self._request = request
        self._project = project
        self._identities = identities
        self._nodes = nodes
        self._lock = threading.Lock()
        self._ended: dict[str, bool] = {}  # whether it failed, for each node that has had its turn
        self._judged: dict[str, tuple[object, tuple[CheckResult, ...]]] = {}  # by view: state, results
        self._changed = 0  # the number of calls of `note_changed`
        self._readers: tuple[object, Mapping[str, tuple[str, ...]]] = None, {}

    def end(self, name: str, *, failed: bool) -> None:
        """Note that a node has had its turn, and whether it failed."""
        with self._lock:
            self._ended[name] = failed

    def text_of(self, warehouse: Warehouse, view: str) -> Literal["project", "published", "none"]:
        """Return the text of a view that readers find after this run: the project's, another published one, or none."""
        has_its_turn = self._takes_part(view) and not self._ended.get(view, False)
        if has_its_turn or self.is_as_written(warehouse, view):
            return "project"
        published = self._memory.recall(warehouse).published.get(view)
        return "published" if published is not None and published.is_query else "none"

    def note_changed(self) -> None:
        """Note that a node was published with other inputs than before: `published_over` must look again."""
        with self._lock:
            self._changed += 1

    def published_over(self, warehouse: Warehouse, name: str) -> Mapping[str, tuple[str, ...]]:
        """Return the checked views that read a node, also through views, by a published text that is outdated.

        A text is outdated if it differs from the project's. Each view is returned with its own name if its own text is
        outdated, else with the names of the outdated views that it reads. The node itself is left out.
        """
        look = self._memory.look(warehouse)
        remembered, key = look.remembered, (look.number, self._changed)
        if self._readers[0] != key:
            self._readers = key, published_readers(self._project, self.live, remembered)
        found = {}
        for view in self._readers[1].get(name, ()):
            differs = self._differing(warehouse, remembered, reached_by_views(remembered, [view]) - {name})
            if view != name and differs:
                found[view] = (view,) if view in differs else differs
        return found

    def _differing(self, warehouse: Warehouse, remembered: Remembered, names: Iterable[str]) -> tuple[str, ...]:
        published = remembered.published
        queries = (name for name in names if name in published and published[name].is_query)
        return tuple(name for name in queries if not self.is_as_written(warehouse, name))

    def is_bound_to_replace(self, warehouse: Warehouse, names: Iterable[str], view: LiveView, build: str) -> bool:
        """Return whether the run is certain to replace the texts of some views if a build passes the checks of a view.

        The conditions: no node has failed, these views still have their turn, and no other table below is to come.
        """
        with self._lock:
            ended = dict(self._ended)
        if any(ended.values()) or not all(self._takes_part(name) and name not in ended for name in names):
            return False
        return not any(self.is_to_come(warehouse, n) for n in (*view.tables, *view.targets) if n != build)

    def is_as_written(self, warehouse: Warehouse, name: str) -> bool:
        """Return whether the published relation of a node was built from its current code and config."""
        remembered = self._memory.recall(warehouse)
        identity = self._identities.of(self._project.node(name))
        return is_as_written(identity, remembered.records.get(name), remembered.published.get(name))

    def is_to_come(self, warehouse: Warehouse, name: str) -> bool:
        """Predict whether this run will still build a node; False after a failure, as no build is certain then."""
        with self._lock:
            ended = dict(self._ended)
        if name in ended or any(ended.values()) or not self._takes_part(name):
            return False
        upstream = self._project.upstream(name) | {name}
        identities = [self._identities.of(node) for node in self._in_order if node.name in upstream]
        pending = frozenset(s.name for s in identities if s.name not in ended and self._takes_part(s.name))
        remembered, sources = self._memory.known_to(warehouse, identities)
        plan = decide_all(identities, remembered, sources, self._request, pending)
        return any(decision.name == name for decision in plan.builds)

    def note_judged(self, warehouse: Warehouse, name: str, results: tuple[CheckResult, ...]) -> None:
        """Remember the results of a view's blocking checks on the rows that are published now."""
        view = self.live.of(name)
        if view is not None:
            state = self._state_below(warehouse, view)
            with self._lock:
                self._judged[name] = state, results

    def judged(self, warehouse: Warehouse, name: str) -> tuple[CheckResult, ...]:
        """Return the results of a view's blocking checks in this run; empty if the tables below it changed since."""
        known, view = self._judged.get(name), self.live.of(name)
        if known is None or view is None or known[0] != self._state_below(warehouse, view):
            return ()
        return known[1]

    @cached_property
    def _in_order(self) -> tuple[Model | Seed, ...]:
        return self._project.stored()

    def _takes_part(self, name: str) -> bool:
        return self._nodes is None or name in self._nodes

    def _state_below(self, warehouse: Warehouse, view: LiveView) -> object:
        """Return the state of the tables below a view; equal to no other if the view's rows change by themselves."""
        records, names = self._memory.recall(warehouse).records, (*view.tables, *view.targets)
        if any(self._identities.of(self._project.node(name)).volatile for name in view.rendered):
            return object()
        return [(name, record.stamp) for name in names if (record := records.get(name)) is not None]

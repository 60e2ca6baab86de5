"""One run of a project: the state that its plan, its steps and its reports share, each part made at its first use."""

from __future__ import annotations

import threading
from collections.abc import Set
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from fft_core.build.query_limit import query_limit
from fft_core.compile.call import Compiler
from fft_core.compile.identity import Identities
from fft_core.engines.spec.masking import Masker
from fft_core.plan.decision import Plan, Request
from fft_core.project.model import Check, Model, Project, Seed, SourceName
from fft_core.project.profile.profiles import Profile
from fft_core.project.profile.secrets import project_masker
from fft_core.run.live_views import LiveViews
from fft_core.run.rebuilder import Rebuilder
from fft_core.run.sessions import Sessions
from fft_core.warehouse.warehouse import Warehouse, open_warehouse

if TYPE_CHECKING:
    from fft_core.build.publish import BuildResult
    from fft_core.checks.results import CheckResult
    from fft_core.run.budgets import BudgetWatch
    from fft_core.run.hooks import Hooks
    from fft_core.run.turn import ReuseResult

_T = TypeVar("_T")
DEFER = "FFT_DEFER"


class _once(cached_property[_T]):
    """A cached property that one thread computes while the others wait for it."""

    if not TYPE_CHECKING:  # the types are those of cached_property

        def __get__(self, run: Any, owner: Any = None) -> Any:  # Any: the property's value
            if run is None:
                return self
            with run._lock:
                return super().__get__(run, owner)


class Run:
    """The state that the plan, steps and reports of one run share. A context manager; threads may share it.

    Each part is made once, at its first use: the identities of the nodes, the profile, the database with a session for
    each thread, and the memory of its state. The command line, a run of Dagster and a loop in Python use it.

    Args:
        project: A loaded project.
        request: The cache mode, and the nodes to build even if nothing changed.
        nodes: The models and seeds that have their turn in this run; None for all.
        may_build: The nodes that a plan expects to build, not to reuse: the last of them below a view runs the checks
            of the view; None for all `nodes`.
        defer: The environment from which inputs are read that are neither nodes of this run nor built here; None for
            the value of FFT_DEFER, empty for no environment.
        settings: Settings of the engine that override profile and variables, such as `path`.

    >>> from fft_core import Run, load_project
    >>> with Run(load_project("shop"), nodes={"raw_users", "users"}, path=":memory:") as run:
    ...     for node in run.order():
    ...         result = run.build(node)
    ...         print(node.name, result.decision.action, result.row_count)
    raw_users build 2
    users build 2
    """

    def __init__(
        self,
        project: Project,
        request: Request | None = None,
        *,
        nodes: Set[str] | None = None,
        may_build: Set[str] | None = None,
        defer: str | None = None,
        **settings: object,
    ) -> None:
        self.project = project
        self.defer = project.environment.get(DEFER, "") if defer is None else defer
        self.request = request or Request()
        self.nodes = nodes
        self._may_build = may_build if may_build is not None else nodes
        self._settings = settings
        self._lock = threading.RLock()

    @_once
    def compiler(self) -> Compiler:
        """The compiler, which renders and calls the models."""
        return Compiler(self.project)

    @_once
    def identities(self) -> Identities:
        """The identity of each model and seed."""
        return Identities(self.project, self.compiler)

    @_once
    def profile(self) -> Profile:
        """The profile of the run. Raises ProfileError, also for an invalid limit of its queries."""
        query_limit(self.project)  # raises before anything is built
        return self.project.profiles.active(engine=self.project.engine, **self._settings)

    @_once
    def masker(self) -> Masker:
        """The masker of the project's secrets, for all output of the run."""
        return project_masker(self.project)

    @_once
    def sessions(self) -> Sessions:
        """The sessions; the database is opened when the first thread requests its session."""
        return self._prepared(Sessions(self.open))

    @_once
    def live_views(self) -> LiveViews:
        """The checked views, by the nodes below them that this run may build."""
        return LiveViews(self.project, self._may_build)

    @_once
    def hooks(self) -> Hooks:
        """The hooks of the run. Those of on_run_start run before the first build, those of on_run_end in `__exit__`."""
        from fft_core.run.hooks import Hooks  # most projects have no hooks

        return Hooks(self.project, lambda: self.sessions.of_thread())

    @_once
    def budgets(self) -> BudgetWatch:
        """The amounts that the builds of the run have used, and the limits that they exceed."""
        from fft_core.run.budgets import BudgetWatch  # most projects have no budgets

        return BudgetWatch(self.project)

    @_once
    def rebuilder(self) -> Rebuilder:
        """The rebuilder, which decides for the nodes. Raises RequestError if the request names unknown nodes."""
        return Rebuilder(
            self.project,
            self.identities,
            self.request,
            nodes=self.nodes,
            live_views=self.live_views,
            defer=self.defer,
        )

    def limited(self, nodes: Set[str], may_build: Set[str] | None = None) -> Run:
        """Return a run of some nodes, which shares the sessions, the compiler and the identities of this one.

        The memory of the database is not shared: the other run reads it again.
        """
        run = Run(self.project, self.request, nodes=nodes, may_build=may_build, defer=self.defer, **self._settings)
        shared: dict[str, object] = {"compiler": self.compiler, "identities": self.identities, "masker": self.masker}
        if self.project.hooks or self.project.budgets:
            shared |= {"hooks": self.hooks, "budgets": self.budgets}
        run.__dict__.update(shared, sessions=run._prepared(self.sessions))
        return run

    def _prepared(self, sessions: Sessions) -> Sessions:
        """Let sessions read the nodes that this run does not build from the environment that it defers to, if any."""
        if not self.defer:
            return sessions
        return sessions.prepared(lambda warehouse: self.rebuilder.settle(warehouse))

    def open(self, *, read_only: bool = False, patience_seconds: int | None = None, late: bool = False) -> Warehouse:
        """Open the database apart from the run's own sessions, as for a plan before the run; the caller closes it.

        Args:
            read_only: Change nothing and create no database, as for plans and queries.
            patience_seconds: The longest wait for other processes, if the profile allows a longer one.
            late: With `read_only`, for one thread: open the database only when a statement needs it.

        Raises:
            ProfileError: the profile cannot be used.
            MissingDriverError, ConnectError, BusyError: the database cannot be opened.
        """
        return open_warehouse(
            self.project,
            self.profile,
            read_only=read_only,
            patience_seconds=patience_seconds,
            compiler=self.compiler,
            late=late,
        )

    def order(self) -> tuple[Model | Seed, ...]:
        """Return the nodes of the run, each after those that it waits for: its inputs, and those of its checks."""
        names = [node.name for node in self.project.stored() if self.nodes is None or node.name in self.nodes]
        return tuple(map(self.project.node, self.live_views.ordered(names)))

    def plan(self, warehouse: Warehouse | None = None, selected: frozenset[str] | None = None) -> Plan:
        """Decide which nodes the run would build and which it would reuse, with reasons. Changes nothing.

        Args:
            warehouse: The session to read; None for this thread's.
            selected: The nodes that the run includes; None for its own.

        Raises:
            StateError: the records of earlier builds cannot be read.
            ProjectError: templates fail, or files are missing; the error has all of them.
        """
        nodes = frozenset(self.nodes) if self.nodes is not None and selected is None else selected
        if self.defer and nodes is not None and nodes != self.nodes:  # they decide what is read elsewhere
            return self.limited(nodes).plan(warehouse)
        return self.rebuilder.plan(warehouse or self.sessions.of_thread(), nodes)

    def build(self, node: Model | Seed, *, run_id: str | None = None) -> BuildResult | ReuseResult:
        """Build a node or leave it as it is, as the plan says, in this thread's session.

        Args:
            node: One of `order()`; the nodes that it waits for have had their turn.
            run_id: The id of the run, for the record.

        Raises:
            CheckFailedError: a check of severity error failed; the published rows stay as they were.
            FftError: the node cannot be built; see `build_or_reuse`.
        """
        from fft_core.run.turn import ReuseResult, build_or_reuse  # a plan does not need it

        hooks = self.hooks if self.project.hooks else None
        if hooks is not None:
            hooks.begin(run_id)
        result = build_or_reuse(self.sessions.of_thread(), self.rebuilder, node, run_id=run_id, hooks=hooks)
        if self.project.budgets and not isinstance(result, ReuseResult):
            self.budgets.add(result)
        return result

    def reuse(self, node: Model | Seed) -> ReuseResult | None:
        """Leave a node as it is, as `build` does, if that is all to do for it; else return None, and change nothing.

        Raises the errors of `build`.
        """
        from fft_core.run.turn import reuse_unchanged  # a plan does not need it

        if self.project.hooks:
            return None
        return reuse_unchanged(self.sessions.of_thread(), self.rebuilder, node)

    def check(self, node: str | SourceName, checks: tuple[Check, ...] | None = None) -> tuple[CheckResult, ...]:
        """Run checks on the published rows of a node or source, by default all of its checks. Builds nothing.

        Raises:
            MissingRelationError: nothing is published yet.
        """
        from fft_core.run.turn import check_node

        wanted = self.project.checks_of(node) if checks is None else checks
        return check_node(self.sessions.of_thread(), node, wanted)

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.project.hooks:
                self.hooks.end(str(error) if error else None)
        finally:
            self.sessions.close()

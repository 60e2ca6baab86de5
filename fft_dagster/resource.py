"""The warehouse as a Dagster resource: opened once per process, with a session for each thread."""

from __future__ import annotations

import fnmatch
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias, get_args

import dagster as dg

from fft_core import FftError, Model, Project, Request, Run, Seed, Warehouse
from fft_core.engines.spec.masking import Masker
from fft_core.plan.decision import CacheMode
from fft_core.run.outcomes import StepEnded, StepStarted
from fft_core.run.output_guard import guarded_output
from fft_dagster.events import materialization
from fft_dagster.execution.threads import interruptible
from fft_dagster.projects import (
    BoundProject,
    current_project,
    loaded_projects,
    names_in_run,
    project_in,
    projects_of,
)
from fft_dagster.runs.settings import refuse_other_settings

RESOURCE_KEY = "fft_warehouse"
_log = logging.getLogger(__name__)
Tell: TypeAlias = Callable[[StepStarted | StepEnded], None]
_CONFIG = {
    "cache": dg.Field(
        dg.Enum("FftCache", [dg.EnumValue(mode) for mode in get_args(CacheMode)]),
        default_value="rw",
        description="rw: reuse and record. ro: reuse, record nothing. wo: build all and record. off: build all.",
    ),
    "rebuild": dg.Field([str], default_value=[], description="Globs of models and seeds to rebuild."),
    "full_refresh": dg.Field(
        [str],
        default_value=[],
        description="Globs of incremental models to build from scratch; a snapshot must be named in full.",
    ),
    "defer": dg.Field(
        str,
        default_value="",
        description="The environment from which to read inputs that are neither in the run nor built here. [FFT_DEFER]",
    ),
}


class WarehouseSessions:
    """The sessions of steps: `session()` returns a session for each thread on the process's one connection.

    The database is opened by the first step that needs it.

    Args:
        project: A loaded project.
        request: The cache mode, and the nodes to build in any case.
        tell: A callback for the outcomes of steps, for callers that run the steps in their own process and need more
            than Dagster's events.
        run: The planned run of the steps, if any.
        defer: The environment for inputs that are neither in the run nor built here; empty: FFT_DEFER.

    >>> from fft_core import load_project
    >>> from fft_dagster import WarehouseSessions
    >>> sessions = WarehouseSessions(load_project("shop"))
    >>> with sessions.session() as warehouse:
    ...     str(warehouse.relation("users"))
    'shop.main.users'
    >>> sessions.close()
    """

    def __init__(
        self,
        project: Project,
        request: Request | None = None,
        tell: Tell | None = None,
        run: Run | None = None,
        defer: str = "",
    ) -> None:
        self.project = project
        self.tell = tell or _tell_nobody
        self._lock = threading.Lock()
        self._run = run or Run(project, request, defer=defer or None)
        self._is_limited = run is not None
        self._is_told_of_budgets = run is None and bool(project.budgets)  # the caller that planned the run reports them
        self._ends_run = bool(project.hooks) and not (run is not None and run.hooks.has_begun)

    def of(self, bound: BoundProject) -> WarehouseSessions:
        """Return these sessions for the assets of their project. Raises FftError for assets of another."""
        mine, theirs = self.project, bound.project
        if mine is theirs or (mine.root, mine.env) == (theirs.root, theirs.env):
            return self
        raise FftError(
            f"the resource opens the project {mine.name} ({mine.env}), and the asset is of {bound!r}",
            hint='Rename the resources of one of them: build_definitions(..., resource_prefix="...").',
            code="FFT-906",
        )

    @property
    def masker(self) -> Masker:
        """The masker of the project's secrets in all messages about its steps."""
        return self._run.masker

    @contextmanager
    def session(self) -> Iterator[Warehouse]:
        """Open a session for this thread. Raises FftError if the database cannot be opened."""
        sessions = self._run.sessions  # the inputs from outside depend on the nodes of a run
        yield (sessions if self._is_limited else sessions.unprepared).of_thread()

    def run(self, nodes: Callable[[], frozenset[str]] | None = None) -> Run:
        """Return the run of these steps; `nodes` returns the selected nodes, unless all are."""
        with self._lock:
            if not self._is_limited and nodes is not None:
                every = frozenset(node.name for node in self.project.stored())  # in the order of the definitions
                self._run, self._is_limited = self._run.limited(nodes(), every), True
            return self._run

    def unchanged(self, assets: dg.AssetsDefinition, job: dg.JobDefinition) -> dg.MaterializeResult[Any] | None:
        """Return the result of the step of a model or seed that is as it was, with no check due; else None.

        Called by the executor at the turn of the step, in its stead. A step with a time limit always runs itself, as
        does each step of a caller that needs more than Dagster's events.
        """
        ((key, spec),) = assets.specs_by_key.items()
        bound = project_in(spec.metadata)
        node = bound.nodes.get(key) if bound is not None else None
        if bound is None or not isinstance(node, Model | Seed) or node.step.timeout or self.tell is not _tell_nobody:
            return None
        run = self.of(bound).run(partial(names_in_run, job, bound))
        with self.session() as warehouse, interruptible(warehouse.engine.interrupt):
            result = run.reuse(node)
        names = {check.name for check in assets.check_keys}
        return materialization(None, key, result, names, self.masker) if result is not None else None

    def begin_run(self, run_id: str, job: dg.JobDefinition) -> None:
        """Run the hooks of the run's start, unless the caller that planned the run has. Raises HookError."""
        if self.project.hooks:
            self._run.hooks.begin(run_id)

    def end_run(self, error: str | None) -> None:
        """Run the hooks of the run's end, unless the caller that planned the run does. Raises HookError."""
        if self._ends_run:
            self._run.hooks.end(error)
        if self._is_told_of_budgets and error is None:
            self._is_told_of_budgets = False
            for excess in self._run.budgets.excesses():
                _log.warning("over budget: %s", excess)
            self._run.budgets.refuse_errors()

    def close(self) -> None:
        """Close the database, if it was opened."""
        try:
            self.end_run(None)  # for a run of Dagster's in-process executor
        finally:
            self._run.sessions.close()


def _tell_nobody(outcome: StepStarted | StepEnded) -> None:
    """Ignore the outcome: Dagster's events report it."""


def _request(config: Mapping[str, Any]) -> Request:
    return Request(config["cache"], tuple(config["rebuild"]), tuple(config["full_refresh"]))


class ProjectWarehouses:
    """The sessions of each project, for merged definitions of several projects.

    For an asset beside the models it behaves as the `WarehouseSessions` of the asset's own project.

    >>> import dagster as dg
    >>> from fft_dagster import ProjectWarehouses, build_definitions
    >>> places = []
    >>> @dg.asset(required_resource_keys={"fft_warehouse"})
    ... def place(context: dg.AssetExecutionContext) -> None:
    ...     warehouses: ProjectWarehouses = context.resources.fft_warehouse
    ...     with warehouses.session() as warehouse:
    ...         places.append(str(warehouse.relation("users")))
    >>> job = build_definitions("shop", assets=[place]).resolve_implicit_global_asset_job_def()
    >>> job.execute_in_process(asset_selection=[place.key]).success, places
    (True, ['shop.main.users'])
    """

    def __init__(self, request: Request | None = None, tags: Mapping[str, str] | None = None, defer: str = "") -> None:
        self._request = request or Request()
        self._tags = tags or {}
        self._defer = defer
        self._lock = threading.Lock()
        self._sessions: dict[int, WarehouseSessions] = {}  # by the identity of their project
        self._guards = ExitStack()

    def of(self, bound: BoundProject) -> WarehouseSessions:
        """Return the sessions of a project."""
        with self._lock:
            key = id(bound.project)
            if key not in self._sessions:
                refuse_other_settings(self._tags, bound.project)
                opened = WarehouseSessions(bound.project, _request_of(self._request, bound), defer=self._defer)
                self._guards.enter_context(guarded_output(opened.masker))
                self._sessions[key] = opened
            return self._sessions[key]

    @property
    def project(self) -> Project:
        """The project of the running asset. Raises FftError if it is not clear."""
        return self._current.project

    @contextmanager
    def session(self) -> Iterator[Warehouse]:
        """Open a session for this thread on the database of the running asset's project."""
        with self._current.session() as warehouse:
            yield warehouse

    def run(self, nodes: Callable[[], frozenset[str]] | None = None) -> Run:
        """Return the run of the running asset's project."""
        return self._current.run(nodes)

    def unchanged(self, assets: dg.AssetsDefinition, job: dg.JobDefinition) -> dg.MaterializeResult[Any] | None:
        """Return the result of the step of a model or seed that is as it was, with no check due; else None."""
        bound = next((found for spec in assets.specs if (found := project_in(spec.metadata)) is not None), None)
        return self.of(bound).unchanged(assets, job) if bound is not None else None

    @property
    def _current(self) -> WarehouseSessions:
        return self.of(current_project())

    def begin_run(self, run_id: str, job: dg.JobDefinition) -> None:
        """Run the hooks of the run's start for each project in it, by name of the projects. Raises HookError."""
        for bound in sorted(projects_of(job), key=lambda bound: (bound.project.name, bound.project.env)):
            if bound.project.hooks:
                self.of(bound).begin_run(run_id, job)

    def end_run(self, error: str | None) -> None:
        """Run the hooks of the run's end, those of each project. Raises HookError."""
        with ExitStack() as ends:
            for sessions in reversed(self._sessions.values()):
                ends.callback(sessions.end_run, error)  # also if that of another project fails

    def close(self) -> None:
        """Close the databases that were opened."""
        with self._guards:
            for sessions in reversed(self._sessions.values()):
                self._guards.callback(sessions.close)  # each, even if a hook at the end of another project's run fails


def _request_of(request: Request, bound: BoundProject) -> Request:
    """Return a request without the globs that only match nodes of other projects."""
    mine, *others = [
        [node.name for node in project.stored()]
        for project in (bound.project, *(p.project for p in loaded_projects() if p.project is not bound.project))
    ]

    def kept(patterns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(p for p in patterns if _matches(p, mine) or not any(_matches(p, names) for names in others))

    return replace(request, rebuild=kept(request.rebuild), full_refresh=kept(request.full_refresh))


def _matches(pattern: str, names: list[str]) -> bool:
    return bool(fnmatch.filter(names, pattern.removesuffix(".ff")))


def _warehouses(context: dg.InitResourceContext) -> Iterator[ProjectWarehouses]:
    config = context.resource_config
    opened = ProjectWarehouses(_request(config), context.run.tags if context.run else {}, config["defer"])
    try:
        yield opened
    finally:
        opened.close()


# One object for all projects, as dg.Definitions.merge requires: each asset names the project to open.
SHARED_WAREHOUSE = dg.ResourceDefinition(
    resource_fn=_warehouses, config_schema=_CONFIG, description="The warehouse of the asset's FFT project."
)


def warehouse_resource(project: Project, tell: Tell | None = None, run: Run | None = None) -> dg.ResourceDefinition:
    """Return the resource of a project: its profile's database, closed at the end of the run (or of a step's process).

    Args:
        project: A loaded project.
        tell: A callback for the outcome of each step, called in the thread of the step.
        run: The planned run of the steps, if any.

    >>> import dagster as dg
    >>> from fft_core import load_project
    >>> from fft_dagster import warehouse_resource
    >>> with dg.build_resources({"fft_warehouse": warehouse_resource(load_project("shop"))}) as resources:
    ...     with resources.fft_warehouse.session() as warehouse:
    ...         str(warehouse.relation("users"))
    'shop.main.users'
    """

    @dg.resource(
        config_schema=_CONFIG,
        description=f"The warehouse of the FFT project {project.name!r} ({project.env}, {project.engine}).",
    )
    def sessions(context: dg.InitResourceContext) -> Iterator[WarehouseSessions]:
        config = context.resource_config
        refuse_other_settings(context.run.tags if context.run else {}, project)
        opened = WarehouseSessions(project, _request(config), tell, run, config["defer"])
        with guarded_output(opened.masker):  # including output that models print, for the compute logs
            try:
                yield opened
            finally:
                opened.close()

    return sessions

"""A project as a flow: the plan decides first, and each model to build is a task run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_type_hints

from prefect import Flow, get_run_logger, runtime
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from fft_core import FftError, Plan, Project, Request, Run, load_project
from fft_core.errors import RequestError, nearest
from fft_core.names.text import visible
from fft_core.project.model.project import read_variables, without_hooks
from fft_core.reports.manifest import make_manifest, write_manifest
from fft_core.run.outcomes import RunEvent, RunStarted
from fft_core.run.output_guard import guarded_output
from fft_core.run.rebuilder import refuse_unknown_nodes
from fft_core.run.report import Report, remember
from fft_core.run.select.facts import select_nodes
from fft_core.run.termination import Termination
from fft_core.run.work import Work, planned
from fft_prefect.artifacts import artifact_key, plan_markdown, summary_markdown
from fft_prefect.runs import RunSettings, carry_out
from fft_prefect.states import error_text
from fft_prefect.translator import FftTranslator

SITE = Path("site") / "docs" / "index.html"  # written by `fft docgen`


class RunFailedError(FftError):
    """Models of a flow run failed, or were blocked by their checks."""

    default_code = "FFT-903"


@dataclass(frozen=True)
class FlowSettings:
    """The settings that all runs of a flow share; see `project_flow`."""

    root: Path
    env: str | None
    engine: str | None
    run: RunSettings
    max_workers: int | None
    keep_going: bool
    docs_url: str | None


@dataclass(frozen=True)
class Asked:
    """The parameters of one run of a flow."""

    select: Sequence[str] = ()
    exclude: Sequence[str] = ()
    request: Request = field(default_factory=Request)
    variables: dict[str, Any] = field(default_factory=dict)  # Any: values of YAML
    defer: str | None = None
    dry_run: bool = False


def _refuse_values(lists: Mapping[str, Sequence[str]], max_workers: int | None) -> None:
    """Raise RequestError for an argument with an invalid value."""
    for name, given in lists.items():
        if isinstance(given, str):
            raise RequestError(f"{name} is a list, not a text", hint=f"Write {name}=[{given!r}].")
    if max_workers is not None and max_workers < 1:
        raise RequestError(f"max_workers must be 1 or more, not {max_workers}")


def project_flow(
    project_dir: Path | str,
    *,
    env: str | None = None,
    engine: str | None = None,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    name: str | None = None,
    translator: FftTranslator | None = None,
    show_reused: bool = False,
    max_workers: int | None = None,
    concurrency_limit: str | None = None,
    keep_going: bool = True,
    cancel_grace_seconds: float = 20.0,
    docs_url: str | None = None,
) -> Flow[..., Any]:
    """Return a flow that builds the models and seeds of a project as the plan decides. Each run reads the project.

    The flow's parameters are `select`, `exclude`, `rebuild`, `full_refresh` (lists of text), `cache` ("rw", "ro", "wo"
    or "off"), `vars` (a mapping), `defer` and `dry_run`. It returns the number of nodes in each state, as
    `{"built": 2, "reused": 1}`.

    Args:
        project_dir: The folder that holds project.yml.
        env: The profile, and the .env layers; None for FFT_ACTIVE_ENV or "dev".
        engine: An engine to use instead of the profile's.
        select: The default selection of a run.
        exclude: The nodes that a run leaves out by default.
        name: The name of the flow; None for the name of the project's folder.
        translator: The names and descriptions of models in Prefect.
        show_reused: Whether nodes that the plan reuses have task runs, too, in the state Reused; each takes about
            10 ms.
        max_workers: The number of steps that run at a time; None for that of the profile, or else one for each
            processor, and at least 4.
        concurrency_limit: A global concurrency limit of Prefect, of which each step takes a slot.
        keep_going: Whether other branches continue after a failure.
        cancel_grace_seconds: The longest wait for running steps when a run is cancelled.
        docs_url: The address of the project's site, for a link; None for the files of `fft docgen`.

    Raises:
        RequestError: an argument has an invalid value.

    >>> from fft_prefect import project_flow
    >>> flow = project_flow("shop")
    >>> flow.name, sorted(flow.parameters.properties)
    ('shop', ['cache', 'defer', 'dry_run', 'exclude', 'full_refresh', 'rebuild', 'select', 'vars'])
    """
    _refuse_values({"select": select, "exclude": exclude}, max_workers)
    root = Path(project_dir).resolve()
    run = RunSettings(translator or FftTranslator(), show_reused, concurrency_limit, cancel_grace_seconds)
    settings = FlowSettings(root, env, engine, run, max_workers, keep_going, docs_url)
    selected, excluded = list(select), list(exclude)

    def build(
        select: list[str] = selected,
        exclude: list[str] = excluded,
        rebuild: list[str] = [],  # noqa: B006
        full_refresh: list[str] = [],  # noqa: B006
        cache: Literal["rw", "ro", "wo", "off"] = "rw",
        vars: dict[str, Any] = {},  # noqa: B006
        defer: str | None = None,
        dry_run: bool = False,
    ) -> Any:  # Any: a state, from which Prefect takes the value that the flow returns
        """Build the models and seeds of the project as the plan decides, and check them.

        Args:
            select: Models and seeds, as in +mart_users; empty for all.
            exclude: Nodes to leave out, in the same grammar.
            rebuild: Globs of models and seeds that are built even if nothing changed.
            full_refresh: Globs of incremental models that are rebuilt from nothing.
            cache: rw reuses and records, ro reuses, wo records, off does neither.
            vars: Values that override the vars of project.yml.
            defer: The environment from which inputs are read that are neither selected nor built here.
            dry_run: Only plan, and change nothing.
        """
        request = Request(cache, tuple(rebuild), tuple(full_refresh))
        return run_flow(settings, Asked(tuple(select), tuple(exclude), request, dict(vars), defer, dry_run))

    # A served flow is pickled for the process of a run, in which names in annotations cannot be resolved.
    build.__annotations__ = get_type_hints(build)
    return Flow(
        build,
        name=name or root.name,
        description=build.__doc__,
        flow_run_name=_run_name,
        persist_result=False,
        retries=0,
    )


def _run_name() -> str:
    """Return the name of a flow run for the list of runs: plan or build, and the selection."""
    asked = runtime.flow_run.parameters or {}
    what = "plan" if asked.get("dry_run") else "build"
    return " ".join([what, *asked.get("select", ())])[:100]


def run_flow(settings: FlowSettings, asked: Asked) -> State[Any]:
    """Plan and build, as the body of a flow run; return its state. An error of FFT becomes a failed state."""
    began = time.perf_counter()
    try:
        project = load_project(settings.root, settings.env, engine=settings.engine, variables=asked.variables)
    except FftError as error:
        return failed(error)
    run = Run(without_hooks(project) if asked.dry_run else project, asked.request, defer=asked.defer)
    with guarded_output(run.masker):
        try:
            return _Planned(settings, run, asked, began).carried_out()
        except FftError as error:
            run.masker.error(error)
            return failed(error)


def failed(error: FftError) -> State[Any]:
    """Return the state of a flow run that failed; a caller of the flow in Python gets the error."""
    return Failed(message=visible(str(error)), data=error)


@dataclass(frozen=True)
class _Planned:
    """One run of a flow on a loaded project."""

    settings: FlowSettings
    run: Run
    asked: Asked
    began: float

    def carried_out(self) -> State[Any]:
        run_id, project = str(runtime.flow_run.id), self.run.project
        _warn_of_unread(project, self.asked)
        refuse_unknown_nodes(project, self.asked.request)  # before a database is opened
        nodes = select_nodes(project, self.asked.select, self.asked.exclude, run=self.run)
        with _hooked(self.run, run_id):
            plan = self._plan(nodes)
            if self.asked.dry_run:
                show_plan(self.run, plan)
                return Completed(message=_counted(plan), data=plan.to_json())
            todo = planned(project, plan, checks_alone=True)
            work = todo.work("build", self.run, jobs=self.settings.max_workers, keep_going=self.settings.keep_going)
            report = Report()
            work_off(self.run, work, self.settings.run, report, lambda event: None)
        return self._told(report)

    def _plan(self, nodes: frozenset[str]) -> Plan:
        if self.run.project.hooks:  # the plan must see the rows that hooks write
            return self.run.plan(selected=nodes)
        with self.run.open(read_only=True) as warehouse:
            return self.run.plan(warehouse, nodes)

    def _told(self, report: Report) -> State[Any]:
        """Write the artifacts and results of the run; return its state."""
        run, seconds = self.run, time.perf_counter() - self.began
        show_summary(run, report, seconds)
        _show_link(run.project, self.settings.docs_url)
        for excess in run.budgets.excesses() if run.project.budgets else ():
            get_run_logger().warning("over budget: %s", excess)
        remember(run, "build", report, seconds)
        if len(report.states) > 1 or "reused" not in report.states:  # a node had its turn
            write_manifest(make_manifest(run.project, run))
        if report.exit_code == 0 and run.project.budgets:
            run.budgets.refuse_errors()
        return ended(report, seconds)


def work_off(
    run: Run,
    work: Work,
    settings: RunSettings,
    report: Report,
    tell: Callable[[RunEvent], None],
    termination: Termination | None = None,
) -> None:
    """Carry out some work in the current flow run: show the plan, then run the steps.

    Args:
        run: The run that made the plan of the work.
        work: The work.
        settings: The settings of the run.
        report: The report to which all events are added.
        tell: Called with each event, as it happens.
        termination: The request to end the run, for other threads.
    """
    run_id = str(runtime.flow_run.id)

    def told(event: RunEvent) -> None:
        report.see(event)
        tell(event)

    for result in work.reused:
        report.results[result.name] = result
    told(RunStarted(run_id))
    if work.plan is not None:
        show_plan(run, work.plan)
    try:
        carry_out(run, work, settings, run_id, told, termination)
    finally:
        if not report.left_behind:
            run.sessions.close()


def show_plan(run: Run, plan: Plan) -> None:
    """Create an artifact of the flow run with the plan."""
    markdown = plan_markdown(run.project, plan, run.masker)
    create_markdown_artifact(markdown, key=artifact_key(run.project, "plan"), description=_counted(plan))


def show_summary(run: Run, report: Report, seconds: float) -> None:
    """Create an artifact of the flow run with a summary of the run."""
    markdown = summary_markdown(run.project, report, seconds)
    said = report.summary(seconds)
    create_markdown_artifact(markdown, key=artifact_key(run.project, "summary"), description=said)


def ended(report: Report, seconds: float) -> State[Any]:
    """Return the state of a flow run whose steps are over."""
    said = report.summary(seconds)
    if report.interrupted:
        return Cancelled(message=said)
    if report.exit_code == 0:
        return Completed(message=said, data=dict(report.states))
    errors = [f"{result.name}: {error_text(result.error)}" for result in report.results.values() if result.error]
    errors += [event.message for event in report.unexpected]
    return failed(RunFailedError("\n".join([said, *errors])))


def _counted(plan: Plan) -> str:
    return f"{len(plan.builds)} to build, {len(plan.decisions) - len(plan.builds)} to reuse"


def _show_link(project: Project, url: str | None) -> None:
    """Create an artifact with a link to the project's site, if there is one."""
    site = project.root / SITE
    link = url or (site.as_uri() if site.is_file() else None)
    if link:
        create_link_artifact(link, link_text=f"Models of {project.name}", key=artifact_key(project, "docs"))


def _warn_of_unread(project: Project, asked: Asked) -> None:
    read = read_variables(project) if asked.variables else ()
    for name in asked.variables if "*" not in read else ():
        if name not in read:
            get_run_logger().warning("vars %s: no model reads this variable. %s", name, nearest(name, read) or "")


@contextmanager
def _hooked(run: Run, run_id: str) -> Iterator[None]:
    """Run the hooks of the run around the body of the context; those of its end even if the body fails."""
    if not run.project.hooks:
        yield
        return
    run.hooks.begin(run_id)
    error: str | None = "the run ended early"
    try:
        yield
        error = None
    finally:
        try:
            run.hooks.end(error)
        finally:
            run.sessions.close()

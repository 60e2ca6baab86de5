"""Runs in this process, on an instance that keeps their history."""

from __future__ import annotations

import glob
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

# Private: the steps of DagsterInstance.create_run_for_job, which takes no selection of checks.
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.snap import JobSnap, snapshot_from_execution_plan
from sqlalchemy.exc import DatabaseError

from fft_core import FftError, Project, Run
from fft_core.project.model import SourceName
from fft_core.run.outcomes import RunEvent, RunStarted, Terminating
from fft_core.run.results import NodeRunResult
from fft_core.run.steps import steps_of, waits_of
from fft_core.run.work import Work
from fft_dagster.definitions import project_definitions
from fft_dagster.execution.executor import iterate_run
from fft_dagster.projects import BoundProject
from fft_dagster.resource import RESOURCE_KEY, warehouse_resource
from fft_dagster.runs.follow import RunFollower
from fft_dagster.runs.instance import QUIET_FILE, code_location, instance_home
from fft_dagster.runs.settings import run_tags
from fft_dagster.step_names import StepNames
from fft_dagster.translator import FftTranslator

ASSET_JOB = "__ASSET_JOB"  # the job of Dagster in which the UI materializes assets; all definitions have it


def open_instance(root: Path) -> dg.DagsterInstance:
    """Open the instance of DAGSTER_HOME; without one, the project's own below .fastflowtransform/dagster/."""
    home = instance_home(root)
    own = home / QUIET_FILE
    with readable_history(home):
        if not own.is_file():
            return dg.DagsterInstance.get()
        # Dagster takes the path for a pattern: in a folder with brackets in its name it would find no configuration.
        return dg.DagsterInstance.from_config(str(home), glob.escape(str(own)))


@contextmanager
def readable_history(home: Path) -> Iterator[None]:
    """Raise FftError with advice if files of the history are not as Dagster writes them."""
    try:
        yield
    except (OSError, sqlite3.DatabaseError, DatabaseError) as error:
        said = str(error).splitlines()[0]
        hint = (
            "Repair the files in it, or move them away."
            if os.environ.get("DAGSTER_HOME")
            else ("fft clean --history removes it; tables and build records stay.")
        )
        raise FftError(f"the history of runs in {home} cannot be read: {said}", hint=hint, code="FFT-902") from error


def run_work(
    project: Project, work: Work, instance: dg.DagsterInstance, planned: Run | None = None
) -> Iterator[RunEvent]:
    """Run the steps of some work in this process; yield the outcome of each as it happens.

    Args:
        project: The project.
        work: The work to run.
        instance: The instance that keeps the run's history.
        planned: The run that the work was planned with, whose results are used again.
    """
    translator = FftTranslator()
    run = (planned or Run(project, work.request)).limited(frozenset(work.builds), work.planned)
    reads = waits_of(project, work.builds, run.live_views)
    follower = RunFollower(empty_steps(project, work, translator), reads, run.masker)
    job = _job(run, work, translator, follower)
    with readable_history(Path(instance.root_directory)):
        created, plan = _created_run(job, work, instance, project)
    yield RunStarted(created.run_id)
    for event in iterate_run(job, created, instance, plan):
        for told in follower.see(event):
            if isinstance(told, Terminating):
                instance.report_run_canceling(created)  # without it the run would end as failed
            yield told
    yield from follower.end()


def empty_steps(project: Project, work: Work, translator: FftTranslator) -> dict[str, NodeRunResult]:
    """Return the empty result of each step, by its key."""
    names = StepNames(BoundProject(project, translator))

    def key(name: str | SourceName) -> str:
        return names.of_checks(project.sources[name]) if isinstance(name, SourceName) else names.of(project.node(name))

    return {key(name): begun for name, begun in steps_of(project, work).items()}


def _job(run: Run, work: Work, translator: FftTranslator, follower: RunFollower) -> dg.JobDefinition:
    project = run.project
    nodes = [project.node(name) for name in work.builds]
    selection: dg.AssetSelection = dg.AssetSelection.assets(*map(translator.get_asset_key, nodes))
    if work.checks:
        judged = {
            c.node: project.sources[c.node] if isinstance(c.node, SourceName) else project.node(c.node)
            for c in work.checks
        }
        keys = [translator.get_check_spec(check, judged[check.node]).key for check in work.checks]
        selection |= dg.AssetSelection.checks(*keys)
    definitions = project_definitions(
        project,
        translator=translator,
        resources={RESOURCE_KEY: warehouse_resource(project, follower.tell, run)},
        names=frozenset([*work.builds, *(check.node for check in work.checks if isinstance(check.node, str))]),
        jobs=[dg.define_asset_job(ASSET_JOB, selection)],
        run=run,
    )
    return definitions.resolve_job_def(ASSET_JOB)


def _created_run(
    job: dg.JobDefinition, work: Work, instance: dg.DagsterInstance, project: Project
) -> tuple[dg.DagsterRun, ExecutionPlan]:
    """Create a run as the UI would launch it, with its selection, so that the UI can execute it again."""
    layer, config = job.asset_layer, _run_config(work)
    tags = run_tags(project, work.command)
    reference = instance.get_ref() if instance.is_persistent else None
    plan = create_execution_plan(job=job, run_config=config, instance_ref=reference, tags=tags)
    snapshot = JobSnap.from_job_def(job)  # the job would keep its own as long as the run
    run = instance.create_run(
        job_name=job.name,
        run_id=None,
        run_config=config,
        status=None,
        tags=tags,
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=plan.step_keys_to_execute,
        execution_plan_snapshot=snapshot_from_execution_plan(plan, snapshot.snapshot_id),
        job_snapshot=snapshot,
        parent_job_snapshot=None,
        asset_selection=frozenset(layer.executable_asset_keys),
        # None means all checks of the assets
        asset_check_selection=frozenset(layer.asset_graph.asset_check_keys) if work.checks else None,
        resolved_op_selection=None,
        op_selection=None,
        remote_job_origin=_origin(project.root),
        job_code_origin=None,
        asset_graph=layer.asset_graph,
    )
    return run, plan


def _origin(root: Path) -> RemoteJobOrigin:
    """Return the origin by which the UI finds the job: the code location that `fft dev` opens."""
    _, _, location = code_location(root)
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), SINGLETON_REPOSITORY_NAME)
    return RemoteJobOrigin(repository, ASSET_JOB)


def _run_config(work: Work) -> dict[str, Any]:
    request = work.request
    wanted: dict[str, Any] = {
        "cache": request.cache,
        "rebuild": list(request.rebuild),
        "full_refresh": list(request.full_refresh),
    }
    wanted |= {"defer": work.defer} if work.defer else {}
    # Dagster then stores the planned events of a new run in a few transactions, if the storage can.
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
    concurrency = {"max_concurrent": work.jobs} if work.jobs else {}
    return {
        "resources": {RESOURCE_KEY: {"config": wanted}},
        "execution": {"config": {"keep_going": work.keep_going, **concurrency}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},  # the caller prints; the events are all stored
    }

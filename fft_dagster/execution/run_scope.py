"""The scope of a run around its steps: the hooks of the projects whose assets are in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from fft_core import FftError, Project

if TYPE_CHECKING:
    from dagster import AssetExecutionContext, JobDefinition
    from dagster._core.execution.context.system import PlanExecutionContext


# With these executors, all steps of a run are in one process: the first step to begin begins the run.
_IN_ONE_PROCESS = ("threads", "in_process", "execute_in_process_executor")


def refuse_processes(context: AssetExecutionContext, project: Project) -> None:
    """Raise FftError if a project has hooks and steps run in separate processes: each would begin the run again."""
    if not project.hooks:
        return
    name = context.job_def.executor_def.name
    if name not in _IN_ONE_PROCESS:
        raise FftError(
            f"the project {project.name} has hooks, and the executor {name!r} runs each step in a process of its own",
            where=project.hooks[0].location,
            hint="Run it by the thread executor, which build_definitions sets, or by Dagster's in_process_executor.",
            code="FFT-900",
        )


@runtime_checkable
class RunScoped(Protocol):
    """A resource with callbacks for the beginning and the end of a run."""

    def begin_run(self, run_id: str, job: JobDefinition) -> None:
        """Do the work before the steps. An error ends the run before its first step."""

    def end_run(self, error: str | None) -> None:
        """Do the work after the steps, if `begin_run` had any; `error` is the reason of a failed run."""


@contextmanager
def run_scope(job_context: PlanExecutionContext) -> Iterator[None]:
    """Call the resources of a run at its beginning and end; the executor has one process for all steps.

    Private: the place of a run's resources.
    """
    resources = job_context.scoped_resources_builder.resource_instance_dict.values()
    told = [resource for resource in resources if isinstance(resource, RunScoped)]
    with ExitStack() as ends:
        for resource in told:
            ends.push(partial(_end, resource))  # also if it fails to begin, or another one fails to end
            resource.begin_run(job_context.run_id, job_context.job.get_definition())
        yield


def _end(resource: RunScoped, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
    resource.end_run(None if error is None else str(error) or type(error).__name__)

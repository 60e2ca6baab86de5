"""What stands around the steps of a run: the hooks of the projects whose assets it has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from fft_core import FftError, Project

if TYPE_CHECKING:
    from dagster import AssetExecutionContext, JobDefinition
    from dagster._core.execution.context.system import PlanExecutionContext


# In these, all steps of a run are in one process: the first step that is begun begins the run.
_IN_ONE_PROCESS = ("threads", "in_process", "execute_in_process_executor")


def refuse_processes(context: AssetExecutionContext, project: Project) -> None:
    """Raise FftError if a project has hooks, and steps are in processes of their own: each would begin the run anew."""
    if not project.hooks:
        return
    name = context.job_def.executor_def.name
    if name not in _IN_ONE_PROCESS:
        raise FftError(
            f"the project {project.name} has hooks, and the executor {name!r} runs each step in a process of its own",
            where=project.hooks[0].location,
            hint="Run it by the thread executor, which build_definitions sets, or by Dagster's in_process_executor.",
        )


@runtime_checkable
class RunScoped(Protocol):
    """A resource that is told when a run begins and ends."""

    def begin_run(self, run_id: str, job: JobDefinition) -> None:
        """Do what comes before the steps. An error ends the run before its first step."""

    def end_run(self, error: str | None) -> None:
        """Do what comes after them, if `begin_run` had something to do; `error` says why the run failed, if it did."""


@contextmanager
def run_scope(job_context: PlanExecutionContext) -> Iterator[None]:
    """Tell the resources of a run that it begins and ends: our executor has one process for all steps.

    Private: where the resources of a run are.
    """
    resources = job_context.scoped_resources_builder.resource_instance_dict.values()
    told = [resource for resource in resources if isinstance(resource, RunScoped)]
    with ExitStack() as ends:
        for resource in told:
            ends.push(partial(_end, resource))  # also of one that fails to begin, and if another one fails to end
            resource.begin_run(job_context.run_id, job_context.job.get_definition())
        yield


def _end(resource: RunScoped, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
    resource.end_run(None if error is None else str(error) or type(error).__name__)

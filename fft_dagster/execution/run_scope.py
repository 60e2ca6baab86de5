"""What stands around the steps of a run: the hooks of the projects whose assets it has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from dagster import JobDefinition
    from dagster._core.execution.context.system import PlanExecutionContext


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
    for resource in told:
        resource.begin_run(job_context.run_id, job_context.job.get_definition())
    try:
        yield
    except BaseException as error:
        for resource in told:
            resource.end_run(str(error) or type(error).__name__)
        raise
    for resource in told:
        resource.end_run(None)

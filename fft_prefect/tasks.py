"""The tasks of a flow run: one for each model or seed that has its turn; fft_core does the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

from prefect import Task
from prefect.assets import Asset, AssetProperties, add_asset_metadata, materialize
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.concurrency.sync import concurrency
from prefect.context import AssetContext

from fft_core import FftError, Model, Project, Relation, ReuseResult, Run, Seed, Source
from fft_core.engines.lending import keep_databases
from fft_core.project.model import Check, SourceName
from fft_core.project.model.upstream import upstream_of
from fft_core.run.outcomes import StepEnded, StepStarted, ended_with_checks, ended_with_error, ended_with_rows
from fft_core.run.results import NodeRunResult
from fft_core.run.termination import Termination
from fft_core.run.time_limit import limited
from fft_core.warehouse.warehouse import planned_relations
from fft_prefect.metadata import built_metadata
from fft_prefect.states import Ended, state_of
from fft_prefect.translator import FftTranslator

MADE_BY = "fft"


class InterruptedStepError(Exception):
    """The interruption of a step whose run was requested to end."""


@dataclass(frozen=True)
class Steps:
    """The state that the steps of one run share.

    Attributes:
        run: The run of the steps, limited to the nodes that have their turn.
        translator: The names and descriptions of nodes in Prefect.
        termination: The request to end the run.
        tell: Called with the beginning and the end of a step, in the step's thread.
        run_id: The id of the run, for the records.
        limit: The global concurrency limit of which each step takes a slot, if there is one.
    """

    run: Run
    translator: FftTranslator
    termination: Termination
    tell: Callable[[StepStarted | StepEnded], None]
    run_id: str
    limit: str | None = None

    @property
    def project(self) -> Project:
        """The project."""
        return self.run.project

    @cached_property
    def _relation(self) -> Callable[[str | SourceName], Relation]:
        return planned_relations(self.project)

    def task_of(self, begun: NodeRunResult, node: Model | Seed) -> Task[Any, Any]:
        """Return the task that builds or reuses a model or seed."""
        asset = self.asset_of(node)
        decorate = materialize(
            asset,
            by=MADE_BY,
            asset_deps=[self.asset_of(upstream) for upstream in upstream_of(node, self.project)],
            **self._options(node),
        )
        return decorate(
            _Step(_Turn(self, begun, node, node.step.timeout, partial(self._build, begun, node, asset.key)))
        )

    def _build(self, begun: NodeRunResult, node: Model | Seed, key: str) -> StepEnded:
        found = self.run.build(node, run_id=self.run_id)
        if isinstance(found, ReuseResult):
            context = AssetContext.get()
            if context is not None:  # nothing was built, so no event may report it
                context.downstream_assets.clear()
        else:
            add_asset_metadata(key, built_metadata(found, self.run.masker))
        return ended_with_rows(begun, found)

    def check_task_of(
        self, begun: NodeRunResult, node: Model | Seed | Source, checks: tuple[Check, ...]
    ) -> Task[Any, Any]:
        """Return the task that only runs checks, on published rows."""

        def check() -> StepEnded:
            return ended_with_checks(begun, self.run.check(node.name, checks))

        return Task(_Step(_Turn(self, begun, node, None, check)), **self._options(node))

    def told_task(self, ended: StepEnded, node: Model | Seed | Source) -> Task[Any, Any]:
        """Return the task that only shows the result of a node that had no turn."""
        return Task(_Told(ended), **{**self._options(node), "retries": 0})

    def asset_of(self, node: Model | Seed | Source) -> Asset:
        """Return the asset of a node: the same for the task that builds it and for those that read it."""
        description, owners = self.translator.get_description(node), list(self.translator.get_owners(node))
        known = {**({"description": description} if description else {}), **({"owners": owners} if owners else {})}
        properties = AssetProperties.model_validate({"name": str(node.name), **known})  # older versions refuse None
        key = self.translator.get_asset_key(node, self._relation(node.name), self.project)
        return Asset(key=key, properties=properties)

    def _options(self, node: Model | Seed | Source) -> dict[str, Any]:
        name = self.translator.get_task_name(node)
        return {
            "name": name,
            "task_run_name": name.replace("{", "{{").replace("}", "}}"),
            "description": self.translator.get_description(node) or name,
            "tags": self.translator.get_tags(node),
            "cache_policy": NO_CACHE,  # the plan decides about reuse
            "persist_result": False,
            "retry_condition_fn": can_succeed_later,
            **self.translator.get_retries(node),
        }


def can_succeed_later(task: object, task_run: TaskRun, state: State[Any]) -> bool:
    """Return whether a step that failed is tried again: only if a later try may succeed.

    Yes: a database that is locked or does not answer, a step that took too long, a Python model that raised. No: a
    statement that the database rejects, a failing check, an error in a template.
    """
    return isinstance(state.data, FftError) and state.data.can_retry


class _Step:
    """The function of a task; `reads` has the names of the steps to which Prefect draws edges.

    It forgets its turn when that is over, because threads of Prefect keep a task, and with it a run and its database.
    """

    def __init__(self, turn: _Turn) -> None:
        self._turn: list[_Turn] = [turn]

    def __call__(self, reads: list[str]) -> Ended:
        state = self._turn[0]()  # if it raises, there may be another try
        self._turn.clear()
        return state


class _Turn:
    """The turn of a node, once or, with retries, several times; never two at a time.

    Args:
        steps: The state that the steps of the run share.
        begun: The result of the step before it begins.
        node: The model, seed or source.
        timeout: The seconds after which the step is interrupted; None for no limit.
        work: Builds or checks the node, and returns the end of the step.
    """

    def __init__(
        self,
        steps: Steps,
        begun: NodeRunResult,
        node: Model | Seed | Source,
        timeout: float | None,
        work: Callable[[], StepEnded],
    ) -> None:
        self._steps = steps
        self._begun = begun
        self._node = node
        self._timeout = timeout
        self._work = work
        self._tries_left = steps.translator.get_retries(node).get("retries", 0)

    def __call__(self) -> Ended:
        masker = self._steps.run.masker
        try:
            with self._session():
                ended = self._work()
        except InterruptedStepError:
            ended = StepEnded(replace(self._begun, status="interrupted"))
        except FftError as error:
            masker.error(error)
            ended = ended_with_error(self._begun, error)
            if error.can_retry and self._tries_left > 0:
                self._tries_left -= 1
                self._steps.tell(ended)
                raise
        except Exception as error:
            masked = masker.error(error)
            if masked is error:
                raise
            raise masked from None
        self._steps.tell(ended)
        return state_of(replace(ended, result=ended.result.masked(masker), remarks=tuple(map(masker, ended.remarks))))

    @contextmanager
    def _session(self) -> Iterator[None]:
        """Open this thread's session; its statement is interrupted if the run is ended, or if the time is over."""
        steps = self._steps
        limits = [limit for limit in (steps.limit, steps.translator.get_concurrency_limit(self._node)) if limit]
        with concurrency(limits) if limits else nullcontext():
            keep_databases()
            steps.tell(StepStarted(self._begun.name, datetime.now(UTC)))
            interrupt = steps.run.sessions.of_thread().engine.interrupt
            with steps.termination.cancelling(interrupt), limited(self._timeout, interrupt, str(self._node.name)):
                yield


class _Told:
    """The function of a task that only returns the state of a node."""

    def __init__(self, ended: StepEnded) -> None:
        self._ended = ended

    def __call__(self, reads: list[str]) -> Ended:
        return state_of(self._ended)

"""Steps whose assets are as they were, which one thread reports together, without Dagster's work for running a step.

Their events are the same as those of steps that run. Private: all that stock executors do for a step with one asset
that returns a MaterializeResult.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from dagster import AssetCheckEvaluation, AssetMaterialization, DagsterEvent, OpDefinition
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.data_version import DEFAULT_DATA_VERSION
from dagster._core.execution.context.data_version_cache import DataVersionCache
from dagster._core.execution.plan.execute_step import _build_data_version_tags
from dagster._core.execution.plan.objects import StepSuccessData, TypeCheckData
from dagster._core.execution.plan.outputs import StepOutputData, StepOutputHandle
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.storage.dagster_run import assets_are_externally_managed
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_START_TAG, PARTITION_NAME_TAG
from dagster._utils.warnings import disable_dagster_warnings

from fft_dagster.execution.threads import HasToRun, RunThreads, StepLog

if TYPE_CHECKING:
    from dagster import AssetCheckResult, AssetKey, AssetsDefinition, JobDefinition, MaterializeResult
    from dagster._core.execution.context.system import PlanExecutionContext
    from dagster._core.execution.plan.plan import ExecutionPlan

TOGETHER = ""  # the key of the task that reports several steps


@runtime_checkable
class KnowsUnchanged(Protocol):
    """A resource that knows whether an asset is as it was."""

    def unchanged(self, assets: AssetsDefinition, job: JobDefinition) -> MaterializeResult[Any] | None:
        """Return the result of the step of an asset that is as it was, with the results of its checks.

        Called at the turn of the step, in its stead. None if the step has to run; nothing may have changed then.
        """


@dataclass(frozen=True)
class _Candidate:
    assets: AssetsDefinition
    resource: KnowsUnchanged
    below: Sequence[str]


@dataclass(frozen=True)
class _StepEvents:
    """The parts of a step's context that its events are made of. Private: `DagsterEvent.from_step` reads these."""

    job_name: str
    step: ExecutionStep
    op: Any  # Any: private in Dagster, as the tags below
    log: StepLog
    began: float

    @property
    def event_tags(self) -> Mapping[str, str]:
        return {key: str(value) for key, value in self.log.metadata.items() if key != "job_tags"}

    def output(self, name: str) -> DagsterEvent:
        """Report an output without a value."""
        handle = StepOutputHandle(step_key=self.step.key, output_name=name, mapping_key=None)
        passed = TypeCheckData(success=True, label=name, metadata={})  # type: ignore[no-untyped-call]
        event = StepOutputData(step_output_handle=handle, type_check_data=passed, metadata={})
        return DagsterEvent.step_output_event(self, event)  # type: ignore[arg-type]  # reads the attributes above

    def end(self) -> DagsterEvent:
        """Report the success of the step."""
        milliseconds = (time.perf_counter() - self.began) * 1000
        success = StepSuccessData(duration_ms=milliseconds)  # type: ignore[no-untyped-call]
        return DagsterEvent.step_success_event(self, success)  # type: ignore[arg-type]  # see above


class UnchangedSteps:
    """The steps of a run that may have nothing to do, by key. A step that has to run takes those below it with it."""

    def __init__(
        self, job_context: PlanExecutionContext, run: RunThreads, candidates: Mapping[str, _Candidate]
    ) -> None:
        self._job_context, self._run = job_context, run
        self._candidates = dict(candidates)

    def __contains__(self, step_key: object) -> bool:
        return step_key in self._candidates

    def __bool__(self) -> bool:
        return bool(self._candidates)

    def discard(self, step_key: str) -> None:
        """Forget a step that has to run, and the steps below it, which it may change."""
        waiting = [step_key]
        while waiting:
            candidate = self._candidates.pop(waiting.pop(), None)
            waiting += candidate.below if candidate else ()

    def events(self, steps: Sequence[ExecutionStep], log: StepLog) -> Iterator[DagsterEvent | HasToRun]:
        """Store and return the events of the steps that have nothing to do, and report the others.

        Args:
            steps: Steps that do not depend on each other.
            log: The log of this thread: it marks where Dagster's bookkeeping ends and begins.
        """
        found: dict[str, tuple[float, MaterializeResult[Any]]] = {}
        candidates = {step.key: candidate for step in steps if (candidate := self._candidates.get(step.key))}
        log.begin_python_log_capture()
        try:
            for key, candidate in candidates.items():
                began = time.perf_counter()
                result = self._result(candidate)
                if result is not None:
                    found[key] = began, result
        finally:
            log.end_python_log_capture()
        yield from (HasToRun(step.key) for step in steps if step.key not in found)
        unchanged = [step for step in steps if step.key in found]
        if unchanged:
            yield from self._events(unchanged, found)

    def _result(self, candidate: _Candidate) -> MaterializeResult[Any] | None:
        try:
            return candidate.resource.unchanged(candidate.assets, self._job_context.job_def)
        except Exception:  # noqa: BLE001 - the step itself meets the error, and reports it in its own events
            return None

    def _events(
        self, steps: Sequence[ExecutionStep], found: Mapping[str, tuple[float, MaterializeResult[Any]]]
    ) -> Iterator[DagsterEvent]:
        layer = self._job_context.job_def.asset_layer
        # Private: reads the last events of parents, and then of the assets themselves, as in a step.
        versions = DataVersionCache(self._job_context.for_step(steps[0]))
        keys = {step.key: next(iter(self._candidates[step.key].assets.keys)) for step in steps}
        parents = dict.fromkeys(parent for key in keys.values() for parent in layer.get(key).parent_keys)
        versions._fetch_input_asset_version_info(list(parents))
        told = {step.key: self._told(step, found[step.key][0]) for step in steps}
        for step in steps:
            yield DagsterEvent.step_start_event(told[step.key])  # type: ignore[arg-type]  # see _StepEvents
            yield told[step.key].output(self._candidates[step.key].assets.get_output_name_for_asset_key(keys[step.key]))
            materialization = self._materialization(keys[step.key], found[step.key][1], versions)
            yield DagsterEvent.asset_materialization(told[step.key], materialization)  # type: ignore[arg-type]
        checked = [keys[step.key] for step in steps if found[step.key][1].check_results]
        versions._fetch_input_asset_version_info(checked)
        for step in steps:
            for result in found[step.key][1].check_results or ():
                yield from self._check_events(told[step.key], result, versions)
            yield told[step.key].end()

    def _told(self, step: ExecutionStep, began: float) -> _StepEvents:
        log = StepLog(self._job_context.log.with_tags(**step.logging_tags), self._run)
        op = self._job_context.job_def.get_node(step.node_handle)
        return _StepEvents(self._job_context.job_name, step, op, log, began)

    def _materialization(
        self, key: AssetKey, result: MaterializeResult[Any], versions: DataVersionCache
    ) -> AssetMaterialization:
        """Return the event of an asset. Private: the tags are those of stock's `_get_output_asset_events`."""
        node = self._job_context.job_def.asset_layer.get(key)
        inputs: dict[AssetKey, Any] = {}
        for parent in node.parent_keys:
            info = versions.input_asset_version_info[parent]
            version = info.data_version if info is not None else None
            inputs[parent] = {
                "data_version": version or DEFAULT_DATA_VERSION,
                "storage_id": info.storage_id if info is not None else None,
            }
        assert result.data_version is not None  # of each relation of ours
        code = node.code_version or self._job_context.run_id
        tags = _build_data_version_tags(result.data_version, code, inputs, True)
        with disable_dagster_warnings():
            return AssetMaterialization(asset_key=key, metadata=result.metadata or {}, tags=tags)

    def _check_events(
        self, told: _StepEvents, result: AssetCheckResult, versions: DataVersionCache
    ) -> Iterator[DagsterEvent]:
        """Report a result, of the rows that the event above stands for; private as `to_asset_check_evaluation`."""
        assets = self._candidates[told.step.key].assets
        assert result.asset_key is not None  # of ours
        assert result.check_name is not None
        spec = next(spec for spec in assets.check_specs if spec.name == result.check_name)
        output = self._job_context.job_def.asset_layer.get_op_output_name(spec.key)
        assert output is not None  # only selected checks have results
        yield told.output(output)
        info = versions.input_asset_version_info[result.asset_key]
        assert info is not None  # the event has just been stored
        target = AssetCheckEvaluationTargetMaterializationData(
            run_id=info.run_id, storage_id=info.storage_id, timestamp=info.timestamp
        )
        evaluation = AssetCheckEvaluation(
            asset_key=result.asset_key,
            check_name=result.check_name,
            passed=result.passed,
            metadata=result.metadata,
            target_materialization_data=target,
            severity=result.severity,
            description=result.description,
            blocking=spec.blocking,
        )
        yield DagsterEvent.asset_check_evaluation(told, evaluation)  # type: ignore[arg-type]  # see _StepEvents


def unchanged_steps(
    job_context: PlanExecutionContext, plan: ExecutionPlan, run: RunThreads, tag: str
) -> UnchangedSteps:
    """Return the steps of a plan that may have nothing to do: those with a tag, whose resource knows.

    Steps with partitions, hooks or inputs with values run as always, and so do all steps if their outputs are captured.
    """
    told = job_context.dagster_run
    is_partitioned = PARTITION_NAME_TAG in told.tags or ASSET_PARTITION_RANGE_START_TAG in told.tags
    if job_context.output_capture is not None or is_partitioned or assets_are_externally_managed(told):
        return UnchangedSteps(job_context, run, {})
    below: dict[str, list[str]] = {}
    for key, parents in plan.get_all_step_deps().items():
        for parent in parents:
            below.setdefault(parent, []).append(key)
    candidates = {}
    for step in plan.get_steps_to_execute_in_topo_order():
        candidate = _candidate(job_context, step, below.get(step.key, ())) if tag in (step.tags or {}) else None
        if candidate is not None:
            candidates[step.key] = candidate
    return UnchangedSteps(job_context, run, candidates)


def _candidate(job_context: PlanExecutionContext, step: ExecutionStep, below: Sequence[str]) -> _Candidate | None:
    job = job_context.job_def
    assets = job.asset_layer.get_assets_def_for_node(step.node_handle) if type(step) is ExecutionStep else None
    if assets is None or len(assets.keys) != 1 or job.get_all_hooks_for_handle(step.node_handle):
        return None
    graph = job.asset_layer.asset_graph
    (key,) = assets.keys
    if any(graph.get(one).partitions_def for one in (key, *graph.get(key).parent_keys) if graph.has(one)):
        return None
    op = job.get_node(step.node_handle).definition
    if not isinstance(op, OpDefinition) or any(not one.dagster_type.is_nothing for one in op.input_defs):
        return None
    resources = job_context.scoped_resources_builder.resource_instance_dict
    needed = [resources.get(name) for name in sorted(op.required_resource_keys)]
    known = [resource for resource in needed if isinstance(resource, KnowsUnchanged)]
    return _Candidate(assets, known[0], below) if len(known) == 1 else None

"""The executor that runs steps in threads of the run's process: `Definitions(..., executor=thread_executor)`."""

from __future__ import annotations

import os
import re
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from sys import exc_info
from typing import TYPE_CHECKING, Any

from dagster import (
    DagsterEvent,
    DagsterExecutionInterruptedError,
    DagsterInstance,
    DagsterRun,
    Executor,
    Field,
    InitExecutorContext,
    JobDefinition,
    executor,
)

from fft_core.engines.lending import OPENED_ALIKE_BY, lend_databases, open_databases
from fft_core.run.order import remaining_seconds
from fft_dagster.execution.run_scope import run_scope
from fft_dagster.execution.run_storage import deferred_events, keep_connections, only_listener
from fft_dagster.execution.supported import require_supported_dagster
from fft_dagster.execution.threads import (
    HasToRun,
    PythonLogs,
    RunThreads,
    StepEnded,
    StepLog,
    StepTask,
    Workers,
    interruptible,
)

require_supported_dagster()  # before the imports below, which may not exist in another version

# All of these are private. The class or function that uses a name states what it relies on.
from dagster._config.pythonic_config import IAttachDifferentObjectToOpContext  # noqa: E402
from dagster._core.definitions.job_base import InMemoryJob  # noqa: E402
from dagster._core.definitions.scoped_resources_builder import Resources, ScopedResourcesBuilder  # noqa: E402
from dagster._core.events import EngineEventData  # noqa: E402
from dagster._core.execution.api import (  # noqa: E402
    ExecuteRunWithPlanIterable,
    execute_run_iterator,
    job_execution_iterator,
)
from dagster._core.execution.compute_logs import create_compute_log_file_key  # noqa: E402
from dagster._core.execution.context_creation_job import (  # noqa: E402
    PlanExecutionContextManager,
    PlanOrchestrationContextManager,
    orchestration_context_event_generator,
)
from dagster._core.execution.plan.execute_plan import (  # noqa: E402
    _handle_compute_log_setup_error,
    _handle_compute_log_teardown_error,
    _trigger_hook,
    dagster_event_sequence_for_step,
)
from dagster._core.execution.resources_init import get_required_resource_keys_for_step  # noqa: E402
from dagster._core.execution.retries import RetryMode, get_retries_config  # noqa: E402
from dagster._core.execution.tags import get_tag_concurrency_limits_config  # noqa: E402
from dagster._core.storage.tags import PRIORITY_TAG  # noqa: E402

from fft_dagster.execution.steps import TICK_SECONDS, Pools, Steps  # noqa: E402
from fft_dagster.execution.unchanged import TOGETHER, UnchangedSteps, unchanged_steps  # noqa: E402

if TYPE_CHECKING:
    from dagster._core.execution.context.system import (
        PlanExecutionContext,
        PlanOrchestrationContext,
        StepExecutionContext,
    )
    from dagster._core.execution.plan.plan import ExecutionPlan
    from dagster._core.execution.plan.step import ExecutionStep

__all__ = ["ThreadExecutor", "interruptible", "iterate_run", "thread_executor"]

SECOND_WISH_SECONDS = 0.5
NODE_TAG = "fft/node"  # the tag of steps of models, seeds and sources
TERMINATING = "Termination requested: interrupting the running steps"


@dataclass(frozen=True)
class ThreadOptions:
    max_concurrent: int
    tag_concurrency_limits: list[dict[str, Any]] | None  # Any: as in Dagster's config schema
    keep_going: bool
    cancel_grace_seconds: float


class ThreadExecutor(Executor):
    """An executor of up to `max_concurrent` steps at once, each in a thread; resources are initialised once for all."""

    def __init__(self, retries: RetryMode, options: ThreadOptions) -> None:
        self._retries = retries
        self._options = options

    @property
    def retries(self) -> RetryMode:
        return self._retries

    def execute(self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        """Execute a plan. Private: the frame of the stock in-process executor, around a different loop."""
        process = EngineEventData.in_process(os.getpid(), execution_plan.step_keys_to_execute)
        threads = f"up to {self._options.max_concurrent} threads (pid: {os.getpid()})"
        yield DagsterEvent.engine_event(plan_context, f"Executing steps in {threads}", process)
        started = time.monotonic()
        yield from ExecuteRunWithPlanIterable(
            execution_plan=plan_context.execution_plan,
            iterator=partial(_run_steps, options=self._options),
            execution_context_manager=self._execution_context(plan_context),
        )
        seconds = time.monotonic() - started
        yield DagsterEvent.engine_event(plan_context, f"Finished steps in {threads} in {seconds:.2f}s", process)

    def _execution_context(self, plan_context: PlanOrchestrationContext) -> PlanExecutionContextManager:
        return PlanExecutionContextManager(
            job=plan_context.job,
            retry_mode=plan_context.retry_mode,
            execution_plan=plan_context.execution_plan,
            run_config=plan_context.run_config,
            dagster_run=plan_context.dagster_run,
            instance=plan_context.instance,
            raise_on_error=plan_context.raise_on_error,
            output_capture=plan_context.output_capture,
            step_dependency_config=self.step_dependency_config,
        )


@executor(
    name="threads",
    config_schema={
        "max_concurrent": Field(int, default_value=0, description="Steps at once; 0: one per processor, at least 4."),
        "tag_concurrency_limits": get_tag_concurrency_limits_config(),  # type: ignore[no-untyped-call]
        "retries": get_retries_config(),  # type: ignore[no-untyped-call]
        "keep_going": Field(bool, default_value=True, description="Whether a failure leaves other branches running."),
        "cancel_grace_seconds": Field(float, default_value=20.0, description="For running steps, after a termination."),
    },
)
def thread_executor(init_context: InitExecutorContext) -> ThreadExecutor:
    """Return an executor for threads of one process: for work that a database does, and for hundreds of small steps.

    >>> import dagster as dg
    >>> from fft_dagster import thread_executor
    >>> defs = dg.Definitions(executor=thread_executor.configured({"max_concurrent": 8}))
    >>> defs.executor.name
    'threads'
    """
    config: Mapping[str, Any] = init_context.executor_config  # Any: the schema above has checked the types
    return ThreadExecutor(
        RetryMode(next(iter(config["retries"]))),
        ThreadOptions(
            max_concurrent=config["max_concurrent"] or max(4, os.cpu_count() or 1),
            tag_concurrency_limits=config.get("tag_concurrency_limits"),
            keep_going=config["keep_going"],
            cancel_grace_seconds=config["cancel_grace_seconds"],
        ),
    )


def iterate_run(
    job: JobDefinition, run: DagsterRun, instance: DagsterInstance, plan: ExecutionPlan | None = None
) -> Iterator[DagsterEvent]:
    """Run a job in this process with its own executor; `dg.materialize` would use Dagster's in-process executor.

    run = instance.create_run_for_job(job)
    for event in iterate_run(job, run, instance): ...

    `plan` is the plan with which a run of the whole job was created. Without it, stock makes a job of the selected
    assets, and the plan again. Private: the last statement is that of `execute_run_iterator`.
    """
    if plan is None:
        return execute_run_iterator(InMemoryJob(job), run, instance)
    context = PlanOrchestrationContextManager(
        context_event_generator=orchestration_context_event_generator,
        job=InMemoryJob(job),
        execution_plan=plan,
        dagster_run=run,
        instance=instance,
        run_config=run.run_config,
        raise_on_error=False,
        executor_defs=None,
        output_capture=None,
        resume_from_failure=False,
    )
    return iter(
        ExecuteRunWithPlanIterable(
            execution_plan=plan, iterator=job_execution_iterator, execution_context_manager=context
        )
    )


def _run_steps(
    job_context: PlanExecutionContext, execution_plan: ExecutionPlan, *, options: ThreadOptions
) -> Iterator[DagsterEvent]:
    execution_data = job_context._execution_data  # private: of this run only
    job_context._execution_data = execution_data._replace(
        scoped_resources_builder=_RunResources(*execution_data.scoped_resources_builder)
    )
    # Imported here, as the storage below: loading definitions does not need SQLAlchemy.
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

    takes_turns = isinstance(job_context.instance.event_log_storage, SqliteEventLogStorage)
    if not takes_turns:
        keep_connections(job_context.instance, options.max_concurrent)
    run = RunThreads(job_context.log, takes_turns=takes_turns, store=only_listener(job_context))
    with ExitStack() as stack:
        stack.enter_context(deferred_events(job_context))
        pools = stack.enter_context(Pools(job_context.instance, job_context.dagster_run))
        steps = stack.enter_context(_steps_to_run(job_context, execution_plan, pools, options))
        stack.enter_context(PythonLogs(run).attached())
        stack.enter_context(run_scope(job_context))
        unchanged = unchanged_steps(job_context, execution_plan, run, NODE_TAG)
        loop = _StepLoop(job_context, run, steps, pools, options, unchanged)
        yield from _with_compute_logs(job_context, execution_plan, loop)


def _steps_to_run(
    job_context: PlanExecutionContext, execution_plan: ExecutionPlan, pools: Pools, options: ThreadOptions
) -> Steps:
    return Steps(
        execution_plan,
        rank=_rank_by_critical_path(job_context, execution_plan, options),
        retry_mode=job_context.retry_mode,
        max_concurrent=options.max_concurrent,
        tag_concurrency_limits=options.tag_concurrency_limits,
        instance_concurrency_context=pools,
        step_dependency_config=job_context.step_dependency_config,
    )


def _with_compute_logs(
    job_context: PlanExecutionContext, execution_plan: ExecutionPlan, loop: _StepLoop
) -> Iterator[DagsterEvent]:
    """Capture stdout and stderr once for the run: they belong to the process, so steps cannot have their own."""
    logs = job_context.instance.compute_log_manager
    log_key = logs.build_log_key_for_run(job_context.run_id, create_compute_log_file_key())  # type: ignore[no-untyped-call]
    step_keys = [step.key for step in execution_plan.get_steps_to_execute_in_topo_order()]
    with ExitStack() as capture:
        try:
            captured = capture.enter_context(logs.capture_logs(log_key))
            yield DagsterEvent.capture_logs(job_context, step_keys, log_key, captured)
        except Exception:  # noqa: BLE001 - somebody's plugin; as in stock Dagster, a run does not fail over its output
            yield from _handle_compute_log_setup_error(job_context, exc_info())
        yield from loop.events()
        try:
            capture.close()
        except Exception:  # noqa: BLE001 - see above
            yield from _handle_compute_log_teardown_error(job_context, exc_info())


def _events_of_step(context: StepExecutionContext, event_loop: AbstractEventLoop) -> Iterator[DagsterEvent]:
    """Yield the events of a step after storing each. Private: all that stock executors do for one step."""
    context._event_loop = event_loop  # private: stock has one for the whole run, which only one thread can use
    if NODE_TAG not in context.step.tags:
        (open_databases if _opens_databases_alike(context) else lend_databases)()
    events = []
    for event in dagster_event_sequence_for_step(context):
        events.append(event)
        yield event
    yield from _trigger_hook(context, events)


def _opens_databases_alike(context: StepExecutionContext) -> bool:
    """Return whether a resource of the step opens databases with the same configuration as FFT's sessions."""
    keys = get_required_resource_keys_for_step(context.job_def, context.step, context.execution_plan)
    definitions = (context.job_def.resource_defs.get(key) for key in keys)
    classes = (getattr(definition, "configurable_resource_cls", type(None)) for definition in definitions)
    return any(base.__module__.partition(".")[0] in OPENED_ALIKE_BY for kind in classes for base in kind.__mro__)


class _StepLoop:
    """The loop in the run's own thread, which starts steps as they become ready and follows them to their end."""

    def __init__(
        self,
        job_context: PlanExecutionContext,
        run: RunThreads,
        steps: Steps,
        pools: Pools,
        options: ThreadOptions,
        unchanged: UnchangedSteps,
    ) -> None:
        self._job_context = job_context
        self._run = run
        self._steps = steps
        self._pools = pools
        self._options = options
        self._workers = Workers(run)
        self._unchanged = unchanged
        self._together: set[str] = set()  # those of the running steps that one thread reports as unchanged
        self._unhandled: list[DagsterEvent] = []
        self._running: set[str] = set()
        self._error: BaseException | None = None
        self._starts_no_more = False
        self._terminated_at: float | None = None
        self._deadline: float | None = None  # time limit of running steps after a termination

    def events(self) -> Iterator[DagsterEvent]:
        try:
            while self._running or not (self._starts_no_more or self._steps.is_complete):
                with self._run.bookkeeping():
                    events = list(self._turn())
                yield from events
                if self._running or not self._steps.is_complete:
                    self._workers.wait(min(TICK_SECONDS, self._steps.seconds_to_next_retry()))
        finally:
            self._run.is_over = True
            self._workers.dismiss()
            if self._running:
                self._run.termination.request()
        if self._deadline is not None:
            raise DagsterExecutionInterruptedError("The run was terminated.")
        if self._error is not None:
            raise self._error

    def _turn(self) -> Iterator[DagsterEvent]:
        if self._steps.check_for_interrupts():
            yield from self._terminate() if self._terminated_at is None else self._hurry(self._terminated_at)
        yield from self._follow_running_steps()
        if self._starts_no_more:
            self._abandon_rest()
        else:
            yield from self._steps.plan_events_iterator(self._job_context)  # skipped, or downstream of a failure
            yield from self._start_ready_steps()
        if self._deadline is not None and time.monotonic() > self._deadline and self._running:
            yield self._leave_running_steps_behind(self._options.cancel_grace_seconds)

    def _follow_running_steps(self) -> Iterator[DagsterEvent]:
        for report in self._workers.reports():
            if isinstance(report, HasToRun):
                self._give_back(report.step_key)
                continue
            if isinstance(report, StepEnded):
                self._end(report.step_key)
                if report.error is not None and self._deadline is None:
                    yield from self._stop_starting(report.error)
                continue
            yield report
            if report.step_key in self._together:
                self._unhandled.append(report)  # at their end: the steps below them are looked at together, too
            elif report.step_key in self._running:
                self._steps.handle_event(report)
            if report.is_step_failure and not self._options.keep_going:
                yield from self._stop_starting(None)

    def _end(self, step_key: str) -> None:
        ended = {step_key}
        if step_key == TOGETHER:
            ended, self._together = self._together, set()
            for event in self._unhandled:
                self._steps.handle_event(event)
            self._unhandled.clear()
        for key in ended:
            self._running.discard(key)
            self._steps.verify_complete(self._job_context, key)

    def _give_back(self, step_key: str) -> None:
        self._unchanged.discard(step_key)
        self._together.discard(step_key)
        if step_key in self._running:
            self._running.remove(step_key)
            self._steps.give_back(step_key)

    @property
    def _busy(self) -> int:
        """The number of threads that work."""
        return len(self._running) - len(self._together) + bool(self._together)

    def _start_ready_steps(self) -> Iterator[DagsterEvent]:
        if self._unchanged and not self._together and self._busy < self._options.max_concurrent:
            self._look_at_unchanged_steps()
        free = self._options.max_concurrent - self._busy
        if free > 0:
            for step in self._steps.get_steps_to_execute(limit=free):
                self._running.add(step.key)
                self._workers.start(self._task(step), running=self._busy)
            yield from self._steps.concurrency_event_iterator(self._job_context)  # logs which pools are full

    def _look_at_unchanged_steps(self) -> None:
        steps = self._steps.take(self._unchanged)
        if steps:
            self._together = {step.key for step in steps}
            self._running |= self._together
            log = StepLog(self._job_context.log, self._run)
            self._workers.start(
                StepTask(TOGETHER, log, lambda _: self._unchanged.events(steps, log)), running=self._busy
            )

    def _task(self, step: ExecutionStep) -> StepTask:
        context = self._job_context.for_step(step, self._steps.get_known_state())
        log = StepLog(context.log, self._run)
        context._log_manager = log  # private: the value of context.log
        return StepTask(step.key, log, partial(_events_of_step, context))

    def _stop_starting(self, error: BaseException | None) -> Iterator[DagsterEvent]:
        self._error = self._error or error
        if not self._starts_no_more:
            self._starts_no_more = True
            rest = self._abandon_rest()
            if rest:
                yield self._engine_event(f"Not starting {len(rest)} remaining steps after a failure")

    def _abandon_rest(self) -> list[str]:
        self._pools.withdraw()
        return self._steps.abandon_rest()

    def _terminate(self) -> Iterator[DagsterEvent]:
        self._starts_no_more = True
        self._terminated_at = time.monotonic()
        self._deadline = self._terminated_at + self._options.cancel_grace_seconds
        self._steps.mark_interrupted()
        self._run.termination.request()
        yield self._engine_event(TERMINATING, EngineEventData.interrupted(sorted(self._running)))

    def _hurry(self, terminated_at: float) -> Iterator[DagsterEvent]:
        """Stop waiting for running steps after a second request, unless both came from one key press."""
        seconds = time.monotonic() - terminated_at
        if seconds > SECOND_WISH_SECONDS and self._running:
            yield self._leave_running_steps_behind(round(seconds, 1))

    def _leave_running_steps_behind(self, seconds: float) -> DagsterEvent:
        left_behind = sorted(self._running)
        self._running.clear()
        self._run.termination.give_up()
        return self._engine_event(f"Steps did not end within {seconds:g} s of the termination: {left_behind}")

    def _engine_event(self, message: str, details: EngineEventData | None = None) -> DagsterEvent:
        return DagsterEvent.engine_event(self._job_context, message, details or EngineEventData())


class _RunResources(ScopedResourcesBuilder):
    """A factory for `context.resources` of op bodies; stock creates a class three times a step. Private."""

    def __init__(self, resource_instance_dict: Mapping[str, object], contains_generator: bool) -> None:
        self._built: dict[frozenset[str], Resources] = {}
        # Such a resource may want to attach another object in every step.
        self._attach = any(isinstance(r, IAttachDifferentObjectToOpContext) for r in resource_instance_dict.values())

    def build(self, required_resource_keys: Set[str] | None) -> Resources:
        keys = frozenset(required_resource_keys or ())
        if self._attach or keys not in self._built:
            self._built[keys] = super().build(keys)
        return self._built[keys]


def _rank_by_critical_path(
    job_context: PlanExecutionContext, plan: ExecutionPlan, options: ThreadOptions
) -> Callable[[ExecutionStep], float]:
    """Rank steps by the tag dagster/priority, as stock; equal ones by the longest way to the end of the run."""
    dependencies = plan.get_all_step_deps()  # private: every step, including those that dynamic outputs will multiply
    seconds: Mapping[str, float] = {}
    if len(dependencies) > options.max_concurrent:
        from fft_dagster.storage.step_seconds import step_seconds_of_earlier_runs

        job_name = job_context.dagster_run.job_name
        seconds = step_seconds_of_earlier_runs(job_context.instance, job_name, set(dependencies))
    remaining = remaining_seconds(dependencies, seconds)
    longest = max(remaining.values(), default=0.0)

    def rank(step: ExecutionStep) -> float:
        step_key = re.sub(r"\[.*?\]", "[?]", step.key)  # private: the name of a step of a dynamic output in the plan
        return -int(step.tags.get(PRIORITY_TAG, 0)) - remaining.get(step_key, 0.0) / (longest + 1)

    return rank

"""What `thread_executor` promises, on a real instance: each test is one promise."""

import asyncio
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.plan.plan import ExecutionPlan

from conftest import MakeInstance, asset_job, run_job
from fft_core.run.order import remaining_seconds
from fft_dagster.execution.executor import iterate_run, thread_executor

PATIENCE_SECONDS = 20.0  # for what takes milliseconds on an idle machine


class Concurrency:
    """Counts how many bodies run at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def __enter__(self) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._now -= 1


# A run by its plan


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_by_its_plan_is_a_run_by_its_record(instance: dg.DagsterInstance, fails: bool) -> None:
    @dg.asset(check_specs=[dg.AssetCheckSpec("is_good", asset="a")])
    def a() -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="is_good")])

    @dg.asset(deps=[a])
    def b() -> None:
        if fails:
            raise RuntimeError("no")

    @dg.asset(deps=[b])
    def c() -> None: ...

    job = asset_job([a, b, c])

    def events(plan: ExecutionPlan | None) -> list[tuple[str, str | None]]:
        selected = frozenset(job.asset_layer.executable_asset_keys)
        run = instance.create_run_for_job(job, execution_plan=plan, asset_selection=selected)
        list(iterate_run(job, run, instance, plan))
        stored = [record.event_log_entry for record in instance.get_records_for_run(run.run_id).records]
        found = [(e.dagster_event_type, e.step_key) for e in stored if e.is_dagster_event]
        ended = instance.get_run_by_id(run.run_id)
        assert ended is not None
        return [*((str(kind), key) for kind, key in found), (ended.status.value, None)]

    plan = create_execution_plan(job)
    assert events(plan) == events(None)


# Order and concurrency


def test_steps_start_after_what_they_need_and_as_many_at_once_as_allowed(instance: dg.DagsterInstance) -> None:
    concurrency, ended = Concurrency(), list[str]()

    def make(layer: int, number: int) -> dg.AssetsDefinition:
        upstream = [f"a{layer - 1}_{i}" for i in range(4)] if layer else []

        @dg.asset(name=f"a{layer}_{number}", deps=upstream)
        def body() -> None:
            with concurrency:
                assert set(upstream) <= set(ended)
                time.sleep(0.15)
                ended.append(f"a{layer}_{number}")

        return body

    finished = run_job(asset_job([make(i, j) for i in range(3) for j in range(4)]), instance, max_concurrent=3)
    assert finished.status == "SUCCESS"
    assert len(ended) == 12
    assert concurrency.most == 3


def test_op_bodies_io_managers_type_checks_and_hooks_run_in_parallel(instance: dg.DagsterInstance) -> None:
    """Each waits for the other step to be at the same place: a lock around any of them would break the barrier."""
    body, write, check, hook = (threading.Barrier(2, timeout=PATIENCE_SECONDS) for _ in range(4))

    class Writer(dg.IOManager):
        def handle_output(self, context: dg.OutputContext, obj: object) -> None:
            write.wait()

        def load_input(self, context: dg.InputContext) -> None: ...

    def type_check(_: object, value: object) -> bool:
        check.wait()
        return True

    @dg.success_hook
    def on_success(_: dg.HookContext) -> None:
        hook.wait()

    def make(name: str) -> dg.OpDefinition:
        @dg.op(name=name, out=dg.Out(dg.DagsterType(type_check, "Checked")))
        def op_body() -> int:
            body.wait()
            return 1

        return op_body

    @dg.job(executor_def=thread_executor, resource_defs={"io_manager": Writer()}, hooks={on_success})
    def job() -> None:
        make("a")()
        make("b")()

    finished = run_job(job, instance)
    assert finished.status == "SUCCESS"
    assert sorted(finished.steps("HOOK_COMPLETED")) == ["a", "b"]


def test_generators_run_in_parallel_between_their_yields(instance: dg.DagsterInstance) -> None:
    barrier = threading.Barrier(2, timeout=PATIENCE_SECONDS)

    def make(name: str) -> dg.OpDefinition:
        @dg.op(name=name)
        def op_body() -> Iterator[Any]:
            barrier.wait()
            yield dg.AssetMaterialization(f"of_{name}")
            barrier.wait()
            yield dg.Output(None)

        return op_body

    @dg.job(executor_def=thread_executor)
    def job() -> None:
        make("a")()
        make("b")()

    assert run_job(job, instance).status == "SUCCESS"


def test_async_ops_run_at_once(instance: dg.DagsterInstance) -> None:
    together = threading.Barrier(3, timeout=PATIENCE_SECONDS)

    def make(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name)
        async def body() -> None:
            await asyncio.to_thread(together.wait)

        return body

    assert run_job(asset_job([make("a"), make("b"), make("c")]), instance).status == "SUCCESS"


def test_dynamic_outputs_are_mapped_and_collected(instance: dg.DagsterInstance) -> None:
    collected: list[int] = []

    @dg.op(out=dg.DynamicOut(int))
    def numbers() -> Iterator[dg.DynamicOutput[int]]:
        for number in range(5):
            yield dg.DynamicOutput(number, mapping_key=f"n{number}")

    @dg.op
    def double(number: int) -> int:
        return number * 2

    @dg.op
    def collect(doubled: list[int]) -> None:
        collected.extend(doubled)

    @dg.job(executor_def=thread_executor)
    def job() -> None:
        collect(numbers().map(double).collect())

    finished = run_job(job, instance)
    assert finished.status == "SUCCESS"
    assert sorted(collected) == [0, 2, 4, 6, 8]
    assert "double[n3]" in finished.steps("STEP_SUCCESS")


def test_a_step_whose_parent_yields_nothing_is_skipped(instance: dg.DagsterInstance) -> None:
    @dg.asset(output_required=False)
    def nothing() -> Iterator[dg.Output[None]]:
        yield from ()

    @dg.asset(deps=[nothing])
    def below() -> None: ...

    finished = run_job(asset_job([nothing, below]), instance)
    assert finished.status == "SUCCESS"
    assert finished.steps("STEP_SKIPPED") == ["below"]


# Failures and retries


@pytest.mark.parametrize("keep_going", [True, False])
def test_a_failure_leaves_other_branches_running_or_stops_new_steps(
    instance: dg.DagsterInstance, keep_going: bool
) -> None:
    @dg.asset
    def broken() -> None:
        raise ValueError("as intended")

    @dg.asset(deps=[broken])
    def below_broken() -> None: ...

    @dg.asset(deps=[])
    def other(context: dg.AssetExecutionContext) -> None:
        """Ends when the failure is known."""
        failure = {dg.DagsterEventType.STEP_FAILURE}
        while not context.instance.get_records_for_run(context.run.run_id, of_type=failure).records:
            time.sleep(0.02)
        time.sleep(0.3)

    @dg.asset(deps=[other])
    def below_other() -> None: ...

    job = asset_job([broken, below_broken, other, below_other])
    finished = run_job(job, instance, keep_going=keep_going)
    assert finished.status == "FAILURE"
    assert finished.steps("STEP_FAILURE") == ["broken"]
    assert sorted(finished.steps("STEP_SUCCESS")) == (["below_other", "other"] if keep_going else ["other"])
    stopped = "Not starting 2 remaining steps after a failure"
    assert (stopped in finished.messages("ENGINE_EVENT")) == (not keep_going)


def test_not_keeping_going_also_gives_up_waiting_for_retries_and_pools(make_instance: MakeInstance) -> None:
    instance = make_instance()
    instance.event_log_storage.set_concurrency_slots("narrow", 1)
    tried = threading.Event()

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=1, delay=60))
    def retried_much_later() -> None:
        tried.set()
        raise ValueError("as intended")

    @dg.asset(pool="narrow")
    def holder() -> None:
        assert tried.wait(PATIENCE_SECONDS)
        time.sleep(0.3)
        raise ValueError("as intended")

    @dg.asset(pool="narrow", op_tags={"dagster/priority": "-1"})
    def waits_for_holder() -> None: ...

    started = time.monotonic()
    job = asset_job([retried_much_later, holder, waits_for_holder])
    finished = run_job(job, instance, keep_going=False)
    assert finished.status == "FAILURE"
    assert time.monotonic() - started < PATIENCE_SECONDS
    assert finished.steps("STEP_START").count("waits_for_holder") == 0
    assert instance.event_log_storage.get_concurrency_info("narrow").claimed_slots == []


@pytest.mark.parametrize("retries", ["enabled", "disabled"])
def test_a_retry_policy_is_kept_with_its_delay(instance: dg.DagsterInstance, retries: str) -> None:
    attempts: list[float] = []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=2, delay=0.3))
    def flaky() -> None:
        attempts.append(time.monotonic())
        if len(attempts) < 3:
            raise ValueError("as intended")

    finished = run_job(asset_job([flaky]), instance, retries={retries: {}})
    if retries == "disabled":
        assert (finished.status, len(attempts)) == ("FAILURE", 1)
    else:
        assert (finished.status, len(attempts)) == ("SUCCESS", 3)
        assert len(finished.steps("STEP_RESTARTED")) == 2
        assert all(later - earlier >= 0.3 for earlier, later in pairwise(attempts))


def test_a_retry_without_delay_runs_what_is_below(instance: dg.DagsterInstance) -> None:
    attempts: list[int] = []

    @dg.asset
    def above() -> None: ...

    @dg.asset(deps=[above])
    def flaky() -> None:
        attempts.append(1)
        if len(attempts) < 3:
            raise dg.RetryRequested(max_retries=5)

    @dg.asset(deps=[flaky])
    def below() -> None: ...

    finished = run_job(asset_job([above, flaky, below]), instance)
    assert finished.status == "SUCCESS"
    assert finished.steps("STEP_SUCCESS") == ["above", "flaky", "below"]


def test_a_failed_blocking_check_stops_what_is_below(instance: dg.DagsterInstance) -> None:
    @dg.asset(check_specs=[dg.AssetCheckSpec("good", asset="checked", blocking=True)])
    def checked() -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False, check_name="good")])

    @dg.asset(deps=[checked])
    def below() -> None: ...

    finished = run_job(asset_job([checked, below]), instance)
    assert finished.status == "FAILURE"
    assert finished.steps("STEP_START") == ["checked"]
    assert len(finished.steps("ASSET_CHECK_EVALUATION")) == 1


REEXECUTED_JOB = """
import dagster as dg
from pathlib import Path
from fft_dagster.execution.executor import thread_executor
folder = Path(__file__).parent

@dg.op(out=dg.Out(dg.Nothing))
def works():
    with (folder / "works").open("a") as file: file.write("x")

@dg.op(ins={"start": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
def fails_at_first():
    if not (folder / "repaired").exists():
        raise ValueError("not yet repaired")

@dg.op(ins={"start": dg.In(dg.Nothing)})
def below():
    (folder / "below").touch()

@dg.job(executor_def=thread_executor)
def job_to_reexecute():
    below(fails_at_first(works()))
"""


def test_reexecution_from_failure_runs_only_the_rest(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "job_to_reexecute_module.py").write_text(REEXECUTED_JOB)
    monkeypatch.syspath_prepend(tmp_path)
    from job_to_reexecute_module import job_to_reexecute  # type: ignore[import-not-found]

    job = dg.reconstructable(job_to_reexecute)
    with pytest.raises(ValueError, match="not yet repaired"):
        dg.execute_job(job, instance, raise_on_error=True)
    (failed,) = instance.get_runs()
    assert failed.status == dg.DagsterRunStatus.FAILURE
    (tmp_path / "repaired").touch()
    options = dg.ReexecutionOptions.from_failure(failed.run_id, instance)
    with dg.execute_job(job, instance, reexecution_options=options) as result:
        assert result.success
        assert [event.step_key for event in result.get_step_success_events()] == ["fails_at_first", "below"]
    assert (tmp_path / "works").read_text() == "x"
    assert (tmp_path / "below").exists()


# Limits


def test_a_pool_is_kept_and_a_freed_slot_is_taken_at_once(instance: dg.DagsterInstance) -> None:
    instance.event_log_storage.set_concurrency_slots("narrow", 1)
    concurrency, times = Concurrency(), list[float]()

    def make(number: int) -> dg.AssetsDefinition:
        @dg.asset(name=f"a{number}", pool="narrow")
        def body() -> None:
            with concurrency:
                times.append(time.monotonic())
                time.sleep(0.02)
                times.append(time.monotonic())

        return body

    finished = run_job(asset_job([make(number) for number in range(12)]), instance)
    assert (finished.status, concurrency.most) == ("SUCCESS", 1)
    waits = sorted(start - end for end, start in zip(times[1:-1:2], times[2::2], strict=True))
    assert waits[len(waits) // 2] < 1  # stock executors look again after a second or more, each time
    assert instance.event_log_storage.get_concurrency_info("narrow").claimed_slots == []
    assert instance.event_log_storage.get_concurrency_info("narrow").pending_steps == []


def test_a_slot_that_another_run_frees_is_taken(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    storage.set_concurrency_slots("narrow", 1)
    storage.claim_concurrency_slot("narrow", "another-run", "its-step")

    @dg.asset(pool="narrow")
    def waits() -> None: ...

    def free_once_it_waits() -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(storage.get_concurrency_info("narrow").pending_steps) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(1)  # so that the run says that it waits
        storage.free_concurrency_slots_for_run("another-run")

    threading.Thread(target=free_once_it_waits).start()
    finished = run_job(asset_job([waits]), instance)
    assert finished.status == "SUCCESS"
    assert any("blocked by limit for pool narrow" in message for message in finished.messages("ENGINE_EVENT"))


def test_tag_concurrency_limits_are_kept(instance: dg.DagsterInstance) -> None:
    limited, all_steps = Concurrency(), Concurrency()

    def make(number: int) -> dg.AssetsDefinition:
        @dg.asset(name=f"a{number}", op_tags={"database": "small"} if number < 6 else {})
        def body() -> None:
            with all_steps:
                if number < 6:
                    with limited:
                        time.sleep(0.15)
                else:
                    time.sleep(0.15)

        return body

    limits = [{"key": "database", "value": "small", "limit": 2}]
    job = asset_job([make(number) for number in range(12)])
    finished = run_job(job, instance, max_concurrent=4, tag_concurrency_limits=limits)
    assert finished.status == "SUCCESS"
    assert (limited.most, all_steps.most) == (2, 4)


# What runs first


def _order_of_starts(instance: dg.DagsterInstance, seconds: dict[str, float]) -> list[str]:
    order: list[str] = []

    def make(name: str, deps: list[str]) -> dg.AssetsDefinition:
        @dg.asset(name=name, deps=deps)
        def body() -> None:
            order.append(name)
            time.sleep(seconds.get(name, 0.0))

        return body

    chain = [make("c1", []), make("c2", ["c1"]), make("c3", ["c2"])]
    run_job(asset_job([make("a_short", []), make("b_slow", []), *chain]), instance, max_concurrent=1)
    return order


def test_the_longest_path_starts_first_by_length_then_by_the_durations_of_earlier_runs(
    instance: dg.DagsterInstance,
) -> None:
    seconds = {"b_slow": 0.5}
    assert _order_of_starts(instance, seconds)[0] == "c1"
    assert _order_of_starts(instance, seconds)[0] == "b_slow"


def test_a_priority_tag_beats_the_critical_path(instance: dg.DagsterInstance) -> None:
    order: list[str] = []

    def make(name: str, deps: list[str], priority: int) -> dg.AssetsDefinition:
        @dg.asset(name=name, deps=deps, op_tags={"dagster/priority": str(priority)})
        def body() -> None:
            order.append(name)

        return body

    assets = [make("long1", [], 0), make("long2", ["long1"], 0), make("urgent", [], 1), make("late", [], -1)]
    run_job(asset_job(assets), instance, max_concurrent=1)
    assert order == ["urgent", "long1", "long2", "late"]


def test_a_step_of_unknown_duration_takes_the_median() -> None:
    assert remaining_seconds({"a": set(), "new": {"a"}}, {"a": 1.0, "x": 3.0, "y": 9.0}) == {"a": 4.0, "new": 3.0}


def test_raise_on_error_raises_what_the_step_raised(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "job_to_raise_module.py").write_text(REEXECUTED_JOB)
    monkeypatch.syspath_prepend(tmp_path)
    from job_to_raise_module import job_to_reexecute  # type: ignore[import-not-found]

    with pytest.raises(ValueError, match="not yet repaired"):
        dg.execute_job(dg.reconstructable(job_to_reexecute), instance, raise_on_error=True)

"""Random graphs on `thread_executor`: failures, retries, pools, terminations at any moment, runs side by side, kills.

FFT_STRESS=1 runs a hundred times as many of them. A failure names its seed; FFT_STRESS_SEED repeats that one only.
"""

import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest
from fft_process import Started, start_process

from conftest import (
    REPOSITORY,
    FinishedRun,
    MakeInstance,
    asset_job,
    run_job,
    write_dagster_yaml,
)
from fft_dagster.execution.executor import interruptible

IS_LONG = os.environ.get("FFT_STRESS") == "1"
SEEDS = [int(seed)] if (seed := os.environ.get("FFT_STRESS_SEED")) else list(range(300 if IS_LONG else 4))
KILLS = 30 if IS_LONG else 1
PATIENCE_SECONDS = 60.0


@dataclass
class RandomGraph:
    """Assets which fail, retry and queue for pools by a seed, and what a run of them should come to."""

    seed: int
    size: int
    parents: dict[str, list[str]] = field(default_factory=dict)
    always_fail: set[str] = field(default_factory=set)
    fail_once: set[str] = field(default_factory=set)
    pooled: set[str] = field(default_factory=set)
    attempts: Counter[str] = field(default_factory=Counter)
    in_pool: int = 0
    most_in_pool: int = 0
    out_of_order: list[str] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(self.seed)
        for number in range(self.size):
            name = f"a{number}"
            earlier = list(self.parents)
            self.parents[name] = self._random.sample(earlier, min(len(earlier), self._random.randint(0, 3)))
            kind = self._random.random()
            group = self.always_fail if kind < 0.08 else self.fail_once if kind < 0.25 else None
            if group is not None:
                group.add(name)
            if self._random.random() < 0.3:
                self.pooled.add(name)

    def expected_successes(self) -> set[str]:
        good: set[str] = set()
        for name, parents in self.parents.items():
            if name not in self.always_fail and good.issuperset(parents):
                good.add(name)
        return good

    def assets(self, during: Callable[[str], None] = lambda _: None) -> list[dg.AssetsDefinition]:
        return [self._asset(name, during) for name in self.parents]

    def _asset(self, name: str, during: Callable[[str], None]) -> dg.AssetsDefinition:
        retry_policy = dg.RetryPolicy(max_retries=1, delay=0.05) if name in self.fail_once else None
        pool = "narrow" if name in self.pooled else None
        seconds = self._random.choice([0, 0, 0.002, 0.01])

        @dg.asset(name=name, deps=self.parents[name], retry_policy=retry_policy, pool=pool)
        def body(context: dg.AssetExecutionContext) -> None:
            context.log.info(f"line of {name}")
            with self._lock:
                self.attempts[name] += 1
                self.in_pool += name in self.pooled
                self.most_in_pool = max(self.most_in_pool, self.in_pool)
                self.out_of_order.extend(parent for parent in self.parents[name] if parent not in self.ended)
            try:
                during(name)
                time.sleep(seconds)
                if name in self.always_fail or (name in self.fail_once and self.attempts[name] == 1):
                    raise ValueError("as intended")
            finally:
                with self._lock:
                    self.in_pool -= name in self.pooled
            self.ended.add(name)

        return body


def assert_nothing_is_claimed(instance: dg.DagsterInstance) -> None:
    pool = instance.event_log_storage.get_concurrency_info("narrow")
    assert (pool.claimed_slots, pool.pending_steps) == ([], [])


def assert_log_is_whole(instance: dg.DagsterInstance, finished: FinishedRun) -> None:
    """What is stored is what the run said, each step's events are in order, and lines are in the step they name."""
    entries = [record.event_log_entry for record in instance.get_records_for_run(finished.run.run_id).records]
    stored = Counter(entry.dagster_event_type for entry in entries if entry.dagster_event_type)
    yielded = Counter(event.event_type for event in finished.events)
    assert {kind: stored[kind] for kind in yielded} == yielded
    for entry in entries:
        if entry.user_message.startswith("line of "):
            assert entry.user_message == f"line of {entry.step_key}"
    for step_key in {event.step_key for event in finished.events if event.step_key}:
        kinds = [event.event_type_value for event in finished.events if event.step_key == step_key]
        kinds = [kind for kind in kinds if kind != "ENGINE_EVENT"]  # that it waits for a pool
        if "STEP_SUCCESS" in kinds:
            assert kinds[0] == "STEP_START"
            assert kinds[-1] == "STEP_SUCCESS"


@pytest.mark.parametrize("seed", SEEDS)
def test_random_graphs_come_to_what_they_should(make_instance: MakeInstance, seed: int) -> None:
    instance = make_instance()
    instance.event_log_storage.set_concurrency_slots("narrow", 2)
    graph = RandomGraph(seed, size=40)
    finished = run_job(asset_job(graph.assets()), instance, max_concurrent=1 + seed % 8)
    good = graph.expected_successes()
    assert finished.status == ("SUCCESS" if len(good) == graph.size else "FAILURE")
    assert set(finished.steps("STEP_SUCCESS")) == good
    assert set(finished.steps("STEP_FAILURE")) == {
        name for name in graph.always_fail if good.issuperset(graph.parents[name])
    }
    assert set(finished.steps("STEP_RESTARTED")) == graph.fail_once & good
    assert all(attempts == (2 if name in graph.fail_once else 1) for name, attempts in graph.attempts.items())
    assert graph.out_of_order == []
    assert graph.most_in_pool <= 2
    assert_nothing_is_claimed(instance)
    assert_log_is_whole(instance, finished)


@pytest.mark.parametrize("seed", SEEDS)
def test_runs_that_are_terminated_at_any_moment_end_canceled(make_instance: MakeInstance, seed: int) -> None:
    instance = make_instance()
    instance.event_log_storage.set_concurrency_slots("narrow", 2)
    graph = RandomGraph(seed, size=30)
    victim = f"a{random.Random(seed).randrange(3)}"
    run_ids: list[str] = []
    terminated = threading.Event()

    def terminate() -> None:
        run = instance.get_run_by_id(run_ids[0])
        assert run is not None
        instance.report_run_canceling(run)
        os.kill(os.getpid(), signal.SIGINT)
        terminated.set()

    def during(name: str) -> None:
        """The run cannot end before it is terminated: this step waits for that."""
        if name == victim:
            threading.Timer(random.Random(seed).uniform(0, 0.4), terminate).start()
            stop = threading.Event()
            with interruptible(stop.set):
                stop.wait(PATIENCE_SECONDS)
                raise ValueError("A driver's exception for an interrupted statement.")

    job = asset_job([_starts(run_ids), *graph.assets(during)])
    started = time.monotonic()
    finished = run_job(job, instance, max_concurrent=3)
    if victim in graph.attempts:
        assert terminated.is_set()
        assert finished.status == "CANCELED"
        assert victim not in finished.steps("STEP_SUCCESS")
    assert time.monotonic() - started < PATIENCE_SECONDS
    assert_nothing_is_claimed(instance)
    assert_log_is_whole(instance, finished)
    logged = len(instance.get_records_for_run(finished.run.run_id).records)
    time.sleep(0.05)
    assert len(instance.get_records_for_run(finished.run.run_id).records) == logged


def _starts(run_ids: list[str]) -> dg.AssetsDefinition:
    @dg.asset(op_tags={"dagster/priority": "10"})
    def starts(context: dg.AssetExecutionContext) -> None:
        run_ids.append(context.run.run_id)

    return starts


# Runs in other processes

SCRIPT = """
import sys, time
import dagster as dg
from fft_dagster.execution.executor import iterate_run, thread_executor

def make(number, prefix):
    deps = [f"{prefix}{i}" for i in (number - 3, number - 5) if i >= 0]
    @dg.asset(name=f"{prefix}{number}", deps=deps, pool="narrow" if number % 4 == 0 else None,
              check_specs=[dg.AssetCheckSpec("good", asset=f"{prefix}{number}")])
    def body(context) -> dg.MaterializeResult:
        time.sleep(0.005)
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="good")])
    return body

prefix, count = sys.argv[1], int(sys.argv[2])
defs = dg.Definitions([make(number, prefix) for number in range(count)], executor=thread_executor)
job = defs.resolve_implicit_global_asset_job_def()
with dg.DagsterInstance.get() as instance:
    run = instance.create_run_for_job(job)
    print(run.run_id, flush=True)
    for number, event in enumerate(e for e in iterate_run(job, run, instance) if e.event_type_value == "STEP_SUCCESS"):
        print(event.step_key, flush=True)
        if number % 3 == 0:  # events are stored in groups: who reads makes them be stored
            instance.get_records_for_run(run.run_id, limit=1)
            print("stored", flush=True)
"""


def start_run(home: Path, prefix: str, count: int) -> Started:
    environment = {**os.environ, "DAGSTER_HOME": str(home)}
    command = (sys.executable, "-c", SCRIPT, prefix, str(count))
    return start_process(*command, cwd=REPOSITORY, environment=environment, quiet=True)


def test_two_runs_in_two_processes_share_an_instance(tmp_path: Path) -> None:
    count = 200 if IS_LONG else 16
    write_dagster_yaml(tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        instance.event_log_storage.set_concurrency_slots("narrow", 1)
        processes = {prefix: start_run(tmp_path, prefix, count) for prefix in ("a", "b")}
        for process in processes.values():
            process.communicate(timeout=PATIENCE_SECONDS * (5 if IS_LONG else 1))
        runs = instance.get_runs()
        assert [run.status.value for run in runs] == ["SUCCESS", "SUCCESS"]
        for run in runs:
            stats = instance.get_run_stats(run.run_id)
            assert (stats.steps_succeeded, stats.materializations) == (count, count)
        assert len(instance.get_asset_keys()) == 2 * count
        assert_nothing_is_claimed(instance)


@pytest.mark.parametrize("seed", range(KILLS))
def test_an_instance_is_whole_after_the_process_of_a_run_was_killed(tmp_path: Path, seed: int) -> None:
    write_dagster_yaml(tmp_path)
    process = start_run(tmp_path, "a", 500)
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    said = [process.stdout.readline().strip() for _ in range(3 + 2 * seed)]
    time.sleep(random.Random(seed).uniform(0, 0.1))
    process.kill()
    rest = process.communicate()[0]
    said += rest[: rest.rfind("\n") + 1].split()  # its last line may be half a line
    write_dagster_yaml(tmp_path, "stock" if seed % 2 == 0 else "pooled")  # the view of another process
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status == dg.DagsterRunStatus.STARTED
        records = instance.get_records_for_run(run_id).records
        events = [record.event_log_entry.dagster_event for record in records if record.event_log_entry.is_dagster_event]
        succeeded = [event.step_key or "" for event in events if event and event.event_type_value == "STEP_SUCCESS"]
        said = [line for line in said if line]
        steps = [line for line in said if line != "stored"]
        surely = [line for line in said[: _last("stored", said)] if line != "stored"]
        assert len(surely) >= 1
        assert succeeded[: len(surely)] == surely  # nothing that was stored is lost
        common = min(len(succeeded), len(steps))
        assert succeeded[:common] == steps[:common]  # and nothing is missing before it
        for step_key in succeeded:
            event = instance.get_latest_materialization_event(dg.AssetKey(step_key))
            assert event is not None
            assert event.run_id == run_id
        instance.report_run_failed(run)  # as the daemon's monitoring does
        again = instance.get_run_by_id(run_id)
        assert again is not None
        assert again.status == dg.DagsterRunStatus.FAILURE


def _last(line: str, lines: list[str]) -> int:
    return max((place for place, other in enumerate(lines) if other == line), default=0)

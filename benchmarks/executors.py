"""One run of one executor on one storage: `executors.py threads own empty 500 FOLDER` prints its ms a step."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from fft_dagster.execution.executor import iterate_run, thread_executor

LAYER = 10
STORAGES = {
    "stock": "sqlite: {{base_dir: {home}}}",
    "postgres": "postgres: {{postgres_url: {url}}}",
    "own": "custom: {{module: fft_dagster.storage, class: PooledSqliteStorage, config: {{base_dir: {home}}}}}",
}
EXECUTORS = {
    "in-process": dg.in_process_executor,
    "threads": thread_executor,
    "multiprocess": dg.multiprocess_executor,
}


def busy(milliseconds: float) -> None:
    """Run a statement of DuckDB that takes about this time on one core."""
    import duckdb

    rows = int(milliseconds * 60_000)
    duckdb.connect(config={"threads": 1}).execute(f"select sum(hash(i)) from range({rows}) as t(i)").fetchall()


def waiting() -> None:
    """Wait as for a statement on another machine: 20 ms in a warehouse."""
    time.sleep(0.02)


BODIES: dict[str, Callable[[], None]] = {
    "empty": lambda: None,
    "statement": lambda: busy(20),
    "waits": waiting,
    "check": lambda: None,
}


def assets(body: str, count: int) -> list[dg.AssetsDefinition]:
    """Return assets in layers, each reading two of the layer before."""
    made: list[dg.AssetsDefinition] = []
    for index in range(count):
        layer, place = divmod(index, LAYER)
        above = [f"a{(layer - 1) * LAYER + (place + shift) % LAYER}" for shift in (0, 1)] if layer else []
        made.append(_asset(f"a{index}", above, body))
    return made


def _asset(name: str, above: list[str], body: str) -> dg.AssetsDefinition:
    checks = [dg.AssetCheckSpec("good", asset=name)] if body == "check" else []

    @dg.asset(name=name, deps=above, check_specs=checks)
    def computed() -> dg.MaterializeResult:  # type: ignore[type-arg]
        BODIES[body]()
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True) for _ in checks])

    return computed


def job(executor: str, body: str, count: int) -> dg.JobDefinition:
    """Return the job; importable, so that processes of steps find it again."""
    definitions = dg.Definitions(
        assets=assets(body, count), jobs=[dg.define_asset_job("all", "*")], executor=EXECUTORS[executor]
    )
    return definitions.resolve_job_def("all")


def main() -> None:
    """Run it once, in a new instance, and print ms a step."""
    executor, storage, body, count, home = sys.argv[1:]
    folder = Path(home)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text(
        f"storage: {{{STORAGES[storage].format(home=home, url=os.environ.get('POSTGRES_URL'))}}}\n"
        "telemetry: {enabled: false}\n"
    )
    loggers = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with dg.DagsterInstance.from_config(home) as instance:
        if executor == "multiprocess":
            began = time.perf_counter()
            arguments: Any = (executor, body, int(count))  # Any: Dagster's hint takes the type of one for that of all
            here = str(Path(__file__).parent)
            made = dg.build_reconstructable_job("executors", "job", arguments, reconstructor_working_directory=here)
            result = dg.execute_job(made, instance, run_config=loggers)
            ended, good = time.perf_counter(), result.success
        else:
            made_here = job(executor, body, int(count))
            run = instance.create_run_for_job(made_here, run_config=loggers)
            began = time.perf_counter()
            types = [event.event_type_value for event in iterate_run(made_here, run, instance)]
            ended, good = time.perf_counter(), types[-1] == "PIPELINE_SUCCESS"
        if not good:
            raise SystemExit("the run failed")
    print(f"{(ended - began) / int(count) * 1000:.2f}")


if __name__ == "__main__":
    main()

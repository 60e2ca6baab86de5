"""What the steps of `thread_executor` share, and what each has for itself: resources, context variables, log lines."""

import contextvars
import logging
import threading
import time
from collections.abc import Iterator

import dagster as dg

from conftest import MakeInstance, asset_job, run_job
from fft_dagster.execution.executor import iterate_run, thread_executor

PATIENCE_SECONDS = 20.0  # for what takes milliseconds on an idle machine


def test_resources_are_made_once_for_all_steps(instance: dg.DagsterInstance) -> None:
    calls: list[str] = []

    @dg.resource
    def database() -> Iterator[str]:
        calls.append("setup")
        yield "the database"
        calls.append("teardown")

    def make(number: int) -> dg.AssetsDefinition:
        @dg.asset(name=f"a{number}", required_resource_keys={"database"})
        def body(context: dg.AssetExecutionContext) -> None:
            assert context.resources.database == "the database"
            calls.append("use")

        return body

    job = asset_job([make(number) for number in range(5)], resources={"database": database})
    assert run_job(job, instance).status == "SUCCESS"
    assert calls == ["setup", *["use"] * 5, "teardown"]


def test_steps_see_the_context_variables_of_who_started_the_run(instance: dg.DagsterInstance) -> None:
    variable = contextvars.ContextVar[str]("variable")
    seen: list[str] = []

    @dg.asset
    def body() -> None:
        seen.append(variable.get())
        variable.set("changed by the step")

    token = variable.set("of the caller")
    run_job(asset_job([body]), instance)
    assert (seen, variable.get()) == (["of the caller"], "of the caller")
    variable.reset(token)


def test_a_logger_that_wants_to_see_the_events_of_steps_sees_them(instance: dg.DagsterInstance) -> None:
    """Events go straight to the log where no logger listens; they must not where one does."""
    seen: dict[str, list[str]] = {"DEBUG": [], "CRITICAL": []}

    class Keeping(logging.Handler):
        def __init__(self, level: str) -> None:
            super().__init__()
            self.lines = seen[level]

        def emit(self, record: logging.LogRecord) -> None:
            self.lines.append(record.getMessage())

    @dg.logger(config_schema={"level": str})
    def keeping(context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("keeping", level=context.logger_config["level"])
        logger.addHandler(Keeping(context.logger_config["level"]))
        return logger

    @dg.op
    def step() -> None: ...

    @dg.job(executor_def=thread_executor, logger_defs={"keeping": keeping})
    def listened() -> None:
        step()

    for level, lines in seen.items():
        config = {"loggers": {"keeping": {"config": {"level": level}}}}
        run = instance.create_run_for_job(listened, run_config=config)
        stored = [event.event_type_value for event in iterate_run(listened, run, instance)]
        assert stored.count("STEP_SUCCESS") == 1
        assert any("STEP_SUCCESS" in line for line in lines) == (level == "DEBUG")


def _python_log_lines(instance: dg.DagsterInstance, run_id: str) -> list[tuple[str | None, str]]:
    entries = [record.event_log_entry for record in instance.get_records_for_run(run_id).records]
    return [(entry.step_key, entry.user_message) for entry in entries if entry.user_message.startswith("line of")]


def test_lines_of_python_loggers_land_in_the_step_that_wrote_them(make_instance: MakeInstance) -> None:
    instance = make_instance(python_logs={"managed_python_loggers": ["managed"], "python_log_level": "INFO"})
    together = threading.Barrier(4, timeout=PATIENCE_SECONDS)

    def make(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name)
        def body(context: dg.AssetExecutionContext) -> None:
            together.wait()
            for _ in range(10):
                logging.getLogger("managed.below").info(f"line of {name}")
                dg.get_dagster_logger().info(f"line of {name}")
                context.log.info(f"line of {name}")
                time.sleep(0.001)

        return body

    names = ["a", "b", "c", "d"]
    finished = run_job(asset_job([make(name) for name in names]), instance, max_concurrent=4)
    lines = _python_log_lines(instance, finished.run.run_id)
    assert sorted(lines) == sorted((name, f"line of {name}") for name in names for _ in range(30))


def test_a_thread_that_the_only_step_started_logs_into_it(make_instance: MakeInstance) -> None:
    instance = make_instance(python_logs={"managed_python_loggers": ["managed"]})

    @dg.asset
    def body() -> None:
        thread = threading.Thread(target=logging.getLogger("managed").warning, args=["line of a thread"])
        thread.start()
        thread.join()

    finished = run_job(asset_job([body]), instance)
    assert _python_log_lines(instance, finished.run.run_id) == [("body", "line of a thread")]


def test_two_runs_in_one_process_do_not_mix(make_instance: MakeInstance) -> None:
    instance = make_instance(python_logs={"managed_python_loggers": ["managed"]})
    together = threading.Barrier(2, timeout=PATIENCE_SECONDS)
    running = {"a": threading.Event(), "b": threading.Event()}
    run_ids: dict[str, str] = {}

    def run_one(name: str) -> None:
        @dg.asset(name=name)
        def body() -> None:
            running[name].set()
            together.wait()
            logging.getLogger("managed").warning(f"line of {name}")
            together.wait()

        run_ids[name] = run_job(asset_job([body]), instance).run.run_id

    threads = {name: threading.Thread(target=run_one, args=[name]) for name in ("a", "b")}
    threads["a"].start()
    assert running["a"].wait(PATIENCE_SECONDS)  # stock Dagster configures logging while a run starts: not two at a time
    threads["b"].start()
    for thread in threads.values():
        thread.join(PATIENCE_SECONDS)
    for name in ("a", "b"):
        assert _python_log_lines(instance, run_ids[name]) == [(name, f"line of {name}")]

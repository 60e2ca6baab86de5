"""What `PooledSqliteStorage` promises: the files of stock Dagster, safe with threads, forks and other processes."""

import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path

import dagster as dg
import pytest
from fft_process import Started, start_process

from conftest import FinishedRun, MakeInstance, asset_job, run_job, write_dagster_yaml
from fft_dagster.execution.supported import UnsupportedDagsterError, require_supported_dagster
from fft_dagster.storage.connections import MAX_OPEN_DATABASES
from fft_dagster.storage.event_log import (
    DEFER_SECONDS,
    PooledSqliteEventLogStorage,
)
from fft_dagster.storage.step_seconds import step_seconds_of_earlier_runs

PATIENCE_SECONDS = 20.0


def three_assets() -> list[dg.AssetsDefinition]:
    @dg.asset(check_specs=[dg.AssetCheckSpec("good", asset="first")])
    def first() -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult(
            metadata={"rows": 3}, check_results=[dg.AssetCheckResult(passed=True, check_name="good")]
        )

    @dg.asset(deps=[first])
    def second() -> None: ...

    @dg.asset(deps=[first])
    def broken() -> None:
        raise ValueError("as intended")

    return [first, second, broken]


def entries_of(instance: dg.DagsterInstance, run_id: str) -> list[dg.EventLogEntry]:
    return [record.event_log_entry for record in instance.get_records_for_run(run_id).records]


def table_rows(database: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything in a database, except when its schema was created."""
    connection = sqlite3.connect(database)
    names = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
    rows = {name: connection.execute(f"select * from {name}").fetchall() for name in sorted(names)}
    columns = {name: [column[1] for column in connection.execute(f"pragma table_info({name})")] for name in names}
    rows["schema"] = sorted(connection.execute("select name, sql from sqlite_master"), key=str)
    connection.close()
    rows.pop("secondary_indexes", None)  # says when the schema was created
    for name in columns.keys() & rows.keys():
        if "create_timestamp" in columns[name]:
            position = columns[name].index("create_timestamp")
            rows[name] = [(*row[:position], *row[position + 1 :]) for row in rows[name]]
    return rows


def latest_number(instance: dg.DagsterInstance) -> int:
    (record,) = instance.get_asset_records([dg.AssetKey("a")])
    latest = record.asset_entry.last_materialization
    assert latest is not None
    assert latest.asset_materialization is not None
    number = latest.asset_materialization.metadata["number"].value
    assert isinstance(number, int)
    return number


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "It did not come true."
        time.sleep(0.02)


# The same as stock


@pytest.mark.parametrize("how", ["one by one", "as a batch", "deferred"])
def test_the_files_are_those_of_stock_dagster(make_instance: MakeInstance, tmp_path: Path, how: str) -> None:
    original = make_instance("pooled", tmp_path / "original")
    run_id = run_job(asset_job(three_assets()), original).run.run_id
    entries = entries_of(original, run_id)
    assert len(entries) > 20
    stock, pooled = make_instance("stock", tmp_path / "stock"), make_instance("pooled", tmp_path / "pooled")
    for entry in entries:
        stock.event_log_storage.store_event(entry)
    if how == "as a batch":
        pooled.event_log_storage.store_event_batch(entries)
    elif how == "deferred":
        with deferring(pooled, run_id):
            for entry in entries:
                pooled.event_log_storage.store_event(entry)
    else:
        for entry in entries:
            pooled.event_log_storage.store_event(entry)
    for database in ("index.db", f"{run_id}.db"):
        in_stock, in_pooled = (
            table_rows(tmp_path / kind / "history" / "runs" / database) for kind in ("stock", "pooled")
        )
        assert in_pooled == in_stock
    for database in ("history/runs.db", "schedules/schedules.db"):
        assert (
            table_rows(tmp_path / "pooled" / database)["schema"] == table_rows(tmp_path / "stock" / database)["schema"]
        )


def test_an_instance_may_switch_between_stock_and_pooled(make_instance: MakeInstance) -> None:
    finished: dict[str, FinishedRun] = {}
    for storage in ("pooled", "stock", "pooled", "stock"):
        instance = make_instance(storage)
        for run_id, earlier in finished.items():
            run = instance.get_run_by_id(run_id)
            assert run is not None
            assert run.status.value == "FAILURE"
            assert len(entries_of(instance, run_id)) > len(earlier.events)  # the planned ones come on top
        now = run_job(asset_job(three_assets()), instance)
        finished[now.run.run_id] = now
        latest = instance.get_latest_materialization_event(dg.AssetKey("first"))
        assert latest is not None
        assert latest.run_id == now.run.run_id
        (check,) = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("first"), "good"), limit=1
        )
        assert (check.run_id, check.status.value) == (now.run.run_id, "SUCCEEDED")
        instance.dispose()


def test_a_batch_that_fails_leaves_nothing(instance: dg.DagsterInstance) -> None:
    entries = [make_log_entry("batch", number) for number in range(3)]
    with pytest.raises(AttributeError):
        instance.event_log_storage.store_event_batch([*entries, "not an event"])  # type: ignore[list-item]
    assert entries_of(instance, "batch") == []
    instance.event_log_storage.store_event_batch(entries)
    assert entries_of(instance, "batch") == entries


# What is remembered is what the database says


def test_the_materialization_of_another_process_is_seen(make_instance: MakeInstance) -> None:
    instance, other = make_instance(), make_instance("stock")  # of the same folder, with nothing in common in memory
    for number in range(3):
        for writer in (instance, other):
            writer.report_runless_asset_event(dg.AssetMaterialization("a", metadata={"number": number}))
            for reader in (instance, other):
                assert latest_number(reader) == number


def test_a_wiped_asset_has_no_materialization(instance: dg.DagsterInstance) -> None:
    key = dg.AssetKey("a")
    instance.report_runless_asset_event(dg.AssetMaterialization(key))
    assert instance.get_asset_records([key])[0].asset_entry.last_materialization is not None
    instance.wipe_assets([key])
    assert instance.get_asset_records([key]) == []
    instance.report_runless_asset_event(dg.AssetObservation(key))
    assert instance.get_asset_records([key])[0].asset_entry.last_materialization is None


def test_a_storage_that_was_wiped_can_be_used_at_once(make_instance: MakeInstance) -> None:
    instance, other = make_instance(), make_instance("stock")
    for wiping in (instance, other):
        run_id = run_job(asset_job(three_assets()), instance).run.run_id
        entries = entries_of(instance, run_id)
        wiping.event_log_storage.wipe()
        assert entries_of(instance, run_id) == []
        instance.event_log_storage.store_event(entries[0])
        assert entries_of(instance, run_id) == entries_of(other, run_id) == entries[:1]


def test_durations_are_those_of_the_last_success(instance: dg.DagsterInstance) -> None:
    seconds = [0.0]

    @dg.asset
    def sleeps() -> None:
        time.sleep(seconds[0])

    job = asset_job([sleeps])
    for seconds[0] in (0.0, 0.3):
        run_job(job, instance)
    known = step_seconds_of_earlier_runs(instance, job.name, {"sleeps", "never_ran"})
    assert known.keys() == {"sleeps"}
    assert 0.3 <= known["sleeps"] < PATIENCE_SECONDS


# Threads, open files, forks


def make_log_entry(run_id: str, number: int) -> dg.EventLogEntry:
    return dg.EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None, level=20, user_message=f"line {number}", run_id=run_id, timestamp=time.time(), job_name="job"
    )


def stored_numbers(instance: dg.DagsterInstance, run_id: str) -> list[int]:
    return [int(entry.user_message.removeprefix("line ")) for entry in entries_of(instance, run_id)]


def test_threads_store_at_once(instance: dg.DagsterInstance) -> None:
    def store(thread: int) -> None:
        for number in range(40):
            instance.event_log_storage.store_event(make_log_entry(f"run{thread % 3}", thread * 1000 + number))
            if number % 10 == 0:
                instance.report_runless_asset_event(dg.AssetMaterialization(f"a{thread % 2}"))

    threads = [threading.Thread(target=store, args=[thread]) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    stored = [number for run in range(3) for number in stored_numbers(instance, f"run{run}")]
    assert sorted(stored) == [thread * 1000 + number for thread in range(8) for number in range(40)]
    materializations = instance.fetch_materializations(dg.AssetKey("a0"), limit=1000).records
    assert len(materializations) == 16


def open_files(folder: Path) -> list[str]:
    paths = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
    return [path for path in paths if path.startswith(str(folder))]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files where Linux lists them")
def test_few_databases_stay_open_and_none_after_dispose(make_instance: MakeInstance, tmp_path: Path) -> None:
    instance = make_instance()
    for number in range(MAX_OPEN_DATABASES + 4):
        instance.event_log_storage.store_event(make_log_entry(f"run{number}", number))
    files, connections = 3, 2  # a database with its log and the index of that; two idle connections at most
    assert 0 < len(open_files(tmp_path)) <= (MAX_OPEN_DATABASES + 2) * files * connections  # and runs, and schedules
    for number in range(MAX_OPEN_DATABASES + 4):
        assert stored_numbers(instance, f"run{number}") == [number]
    instance.dispose()
    assert open_files(tmp_path) == []


def store_and_find(instance: dg.DagsterInstance, number: int) -> None:
    instance.event_log_storage.store_event(make_log_entry("children", number))
    assert number in stored_numbers(instance, "children")


def run_in_child(work: Callable[[], None]) -> None:
    """Fork, and wait for the child, which must not return into pytest, to end well."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001
            os._exit(1)
        os._exit(0)
    try:
        eventually(lambda: os.waitpid(pid, os.WNOHANG) == (pid, 0))
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        raise


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_while_a_thread_creates_databases(instance: dg.DagsterInstance) -> None:
    stop = threading.Event()
    created: list[int] = []

    def create_until_told() -> None:
        while not stop.is_set():
            number = len(created)
            instance.event_log_storage.store_event(make_log_entry(f"run{number}", number))
            created.append(number)

    creator = threading.Thread(target=create_until_told)
    creator.start()
    try:
        for child in range(10):
            run_in_child(lambda child=child: store_and_find(instance, child))  # type: ignore[misc]
    finally:
        stop.set()
        creator.join(PATIENCE_SECONDS)
    assert [stored_numbers(instance, f"run{number}") for number in created] == [[number] for number in created]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_and_its_parent_both_go_on(instance: dg.DagsterInstance) -> None:
    """While other threads of the parent write, so that locks and connections are in use when it forks."""
    stop = threading.Event()
    stored: list[int] = []

    def store_until_told() -> None:
        while not stop.is_set():
            number = len(stored)
            instance.event_log_storage.store_event(make_log_entry("parent", number))
            stored.append(number)

    writer = threading.Thread(target=store_until_told)
    writer.start()
    try:
        for child in range(5):
            run_in_child(lambda child=child: store_and_find(instance, child))  # type: ignore[misc]
    finally:
        stop.set()
        writer.join(PATIENCE_SECONDS)
    assert stored_numbers(instance, "children") == list(range(5))
    assert stored_numbers(instance, "parent") == stored


# Events that are stored a moment later


def deferring(instance: dg.DagsterInstance, run_id: str) -> AbstractContextManager[None]:
    storage = instance.event_log_storage
    assert isinstance(storage, PooledSqliteEventLogStorage)
    return storage.deferring(run_id)


def test_deferred_events_are_read_at_once_and_in_order(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    with deferring(instance, "run"):
        for number in range(20):
            storage.store_event(make_log_entry("run", number))
            storage.store_event(make_log_entry("another", number))  # which is not deferred: stored after what waited
            assert stored_numbers(instance, "run") == list(range(number + 1))
    assert stored_numbers(instance, "another") == list(range(20))


def test_deferred_events_are_in_the_file_a_moment_later(make_instance: MakeInstance) -> None:
    instance, reader = make_instance(), make_instance("stock")  # of the same folder, with nothing in common in memory
    assert DEFER_SECONDS <= 0.2
    with deferring(instance, "run"):
        instance.event_log_storage.store_event(make_log_entry("run", 0))
        eventually(lambda: stored_numbers(reader, "run") == [0])  # nothing else makes it be written meanwhile
        instance.event_log_storage.store_event(make_log_entry("run", 1))
    assert stored_numbers(reader, "run") == [0, 1]


def test_whoever_sees_that_a_run_is_over_finds_its_events(make_instance: MakeInstance) -> None:
    instance, reader = make_instance(), make_instance("stock")
    run = instance.create_run_for_job(dg.Definitions(assets=[plain]).resolve_implicit_global_asset_job_def())
    with deferring(instance, run.run_id):
        instance.event_log_storage.store_event(make_log_entry(run.run_id, 0))
        instance.report_run_canceled(run)
        stored = reader.get_run_by_id(run.run_id)
        assert stored is not None
        assert stored.status == dg.DagsterRunStatus.CANCELED
        kinds = [record.event_log_entry.dagster_event_type for record in reader.get_records_for_run(run.run_id).records]
        assert kinds[-1] == dg.DagsterEventType.RUN_CANCELED


@dg.asset
def plain() -> int:
    return 1


def test_threads_that_defer_and_read_lose_and_reorder_nothing(instance: dg.DagsterInstance) -> None:
    def work(thread: int) -> None:
        for number in range(50):
            instance.event_log_storage.store_event(make_log_entry("run", thread * 1000 + number))
            if number % 7 == thread:
                stored = [n for n in stored_numbers(instance, "run") if n // 1000 == thread]
                assert stored == [thread * 1000 + n for n in range(number + 1)]

    with deferring(instance, "run"), ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    numbers = stored_numbers(instance, "run")
    for thread in range(4):
        assert [n for n in numbers if n // 1000 == thread] == [thread * 1000 + n for n in range(50)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
def test_what_is_deferred_at_a_fork_is_stored_once(instance: dg.DagsterInstance) -> None:
    with deferring(instance, "run"):
        instance.event_log_storage.store_event(make_log_entry("run", 0))
        run_in_child(lambda: store_and_find(instance, 1))
    assert stored_numbers(instance, "run") == [0]


def test_what_cannot_be_stored_is_kept_and_said(
    instance: dg.DagsterInstance, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    instance.event_log_storage.store_event(make_log_entry("run", 0))
    (database,) = (tmp_path / "home" / "history" / "runs").glob("run.db")
    with deferring(instance, "run"):
        with sqlite3.connect(database) as other:
            other.execute("alter table event_logs rename to gone")
        other.close()
        instance.event_log_storage.store_event(make_log_entry("run", 1))
        eventually(lambda: "could not be written" in caplog.text)
        with pytest.raises(sqlite3.OperationalError, match="event_logs"):
            stored_numbers(instance, "run")
        with sqlite3.connect(database) as other:
            other.execute("alter table gone rename to event_logs")
        other.close()
    assert stored_numbers(instance, "run") == [0, 1]


def test_a_run_gets_its_events_once_though_the_index_failed(make_instance: MakeInstance, tmp_path: Path) -> None:
    original = make_instance("pooled", tmp_path / "original")
    run_id = run_job(asset_job(three_assets()), original).run.run_id
    (entry,) = [e for e in entries_of(original, run_id) if e.dagster_event_type == dg.DagsterEventType.RUN_START]
    instance = make_instance()
    instance.event_log_storage.store_event(make_log_entry(run_id, 0))
    index = tmp_path / "home" / "history" / "runs" / "index.db"
    with deferring(instance, run_id):
        with closing(sqlite3.connect(index)) as other:
            other.execute("alter table event_logs rename to gone")
        instance.event_log_storage.store_event(entry)
        with pytest.raises(sqlite3.OperationalError, match="event_logs"):
            instance.event_log_storage.store_deferred()  # type: ignore[attr-defined]
        with closing(sqlite3.connect(index)) as other:
            other.execute("alter table gone rename to event_logs")
    assert len(entries_of(instance, run_id)) == 2


# Watching


def test_a_watcher_sees_each_event_of_another_process_at_once(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    seen: list[int] = []
    instance.event_log_storage.store_event(make_log_entry("watched", 0))
    instance.watch_event_logs(
        "watched", None, lambda entry, _: seen.append(int(entry.user_message.removeprefix("line ")))
    )
    assert seen == [0]
    with writer_process(tmp_path / "home", "watched", first=1, count=30, pause=0.01) as process:
        process.stdout_lines(until=30)
        eventually(lambda: len(seen) == 31)  # while the writer has its connections open: nothing reaches the file yet
        assert process.is_running
    assert seen == list(range(31))


# Other processes

WRITER = """
import sys, time
import dagster as dg
run_id, first, count, pause, batch = sys.argv[1], *map(int, sys.argv[2:4]), float(sys.argv[4]), int(sys.argv[5])
with dg.DagsterInstance.get() as instance:
    def entry(number):
        return dg.EventLogEntry(error_info=None, level=20, user_message=f"line {number}", run_id=run_id,
                                timestamp=time.time(), job_name="job")
    for number in range(first, first + count, batch):
        if batch > 1:
            instance.event_log_storage.store_event_batch([entry(number + i) for i in range(batch)])
        else:
            instance.event_log_storage.store_event(entry(number))
        if number % 5 == 0:
            instance.report_runless_asset_event(dg.AssetMaterialization("a", metadata={"number": number}))
        print(number, flush=True)
        time.sleep(pause)
    sys.stdin.read()
"""


class WriterProcess:
    def __init__(self, process: Started) -> None:
        self._process = process
        self._lines: list[str] = []

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def stdout_lines(self, *, until: int) -> list[str]:
        assert self._process.stdout is not None
        while len(self._lines) < until and (line := self._process.stdout.readline()):
            self._lines.append(line.strip())
        return self._lines

    def kill(self) -> list[str]:
        os.kill(self._process.pid, signal.SIGKILL)
        return self.stdout_lines(until=sys.maxsize)


class writer_process:
    def __init__(self, home: Path, run_id: str, *, first: int, count: int, pause: float, batch: int = 1) -> None:
        arguments = [run_id, str(first), str(count), str(pause), str(batch)]
        environment = {**os.environ, "DAGSTER_HOME": str(home)}
        self._process = start_process(sys.executable, "-c", WRITER, *arguments, environment=environment)

    def __enter__(self) -> WriterProcess:
        return WriterProcess(self._process)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.mark.parametrize("batch", [1, 7])
def test_a_killed_process_loses_nothing_that_it_had_stored(tmp_path: Path, batch: int) -> None:
    home = tmp_path / "home"
    write_dagster_yaml(home)
    with writer_process(home, "killed", first=0, count=100_000, pause=0, batch=batch) as process:
        process.stdout_lines(until=40)
        acknowledged = [int(line) for line in process.kill()]
    for storage in ("stock", "pooled"):
        write_dagster_yaml(home, storage)
        with dg.DagsterInstance.from_config(str(home)) as instance:
            stored = stored_numbers(instance, "killed")
            assert stored == list(range(len(stored)))
            assert len(stored) % batch == 0
            assert acknowledged[-1] + batch <= len(stored) <= acknowledged[-1] + 2 * batch
            reported = [number for number in acknowledged if number % 5 == 0]
            assert reported[-1] <= latest_number(instance)
    for database in (home / "history" / "runs").glob("*.db"):
        with sqlite3.connect(database) as connection:
            assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        connection.close()


def test_stock_readers_see_a_run_that_another_process_writes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write_dagster_yaml(home)
    with writer_process(home, "written", first=0, count=60, pause=0.005) as process:
        process.stdout_lines(until=1)
        write_dagster_yaml(home, "stock")
        with dg.DagsterInstance.from_config(str(home)) as reader:
            counts = list(_counts_until(reader, 60))
            assert process.is_running
            assert reader.get_asset_records([dg.AssetKey("a")])
            # A stock process writes into the same run, while the other still has its connections open.
            reader.event_log_storage.store_event(make_log_entry("written", 60))
            assert stored_numbers(reader, "written") == list(range(61))
    assert counts == sorted(counts)


def _counts_until(reader: dg.DagsterInstance, count: int) -> Iterator[int]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    stored = 0
    while stored < count and time.monotonic() < deadline:
        stored = len(stored_numbers(reader, "written"))
        yield stored
    assert stored == count


def test_processes_that_start_at_once_create_one_instance(tmp_path: Path) -> None:
    write_dagster_yaml(tmp_path)
    arguments = {"first": 0, "count": 1, "pause": 0}
    with (
        writer_process(tmp_path, "same", **arguments) as a,
        writer_process(tmp_path, "same", **arguments) as b,
        writer_process(tmp_path, "same", **arguments) as c,
    ):
        assert [writer.stdout_lines(until=1) for writer in (a, b, c)] == [["0"]] * 3
    write_dagster_yaml(tmp_path, "stock")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert stored_numbers(instance, "same") == [0, 0, 0]


def test_the_storage_of_events_can_be_used_alone(tmp_path: Path) -> None:
    storage = PooledSqliteEventLogStorage.from_config_value(None, {"base_dir": str(tmp_path)})
    assert type(storage) is PooledSqliteEventLogStorage
    storage.store_event(make_log_entry("alone", 1))
    assert len(storage.get_logs_for_run("alone")) == 1
    storage.dispose()


@pytest.mark.parametrize("version", ["1.13.20", "1.14.0", "2.0.0", "1.12.99", "1!0+dev"])
def test_an_unsupported_dagster_is_named(version: str) -> None:
    with pytest.raises(
        UnsupportedDagsterError, match=rf"Dagster {version.replace('+', '.')} is installed.*pip install"
    ):
        require_supported_dagster(version)


@pytest.mark.parametrize("version", ["1.13.21", "1.13.29", "1.13.99"])
def test_supported_dagsters_are_accepted(version: str) -> None:
    require_supported_dagster(version)

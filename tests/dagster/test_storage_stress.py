"""`PooledSqliteStorage` under load: processes and threads write, others read and watch, and any of them is killed.

FFT_STRESS=1 makes it longer.
"""

import os
import random
import sqlite3
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest
from fft_process import Started, start_process

from conftest import write_dagster_yaml

IS_LONG = os.environ.get("FFT_STRESS") == "1"
ROUNDS = 20 if IS_LONG else 1
EVENTS = 400 if IS_LONG else 40
PATIENCE_SECONDS = 120.0

WRITER = """
import random, sys, threading, time
import dagster as dg

printing = threading.Lock()
name, threads, events = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

def entry(run_id, message):
    return dg.EventLogEntry(error_info=None, level=20, user_message=message, run_id=run_id, timestamp=time.time(),
                            job_name="job")

def write(instance, thread):
    chance = random.Random(f"{name}{thread}")
    number = 0
    while number < events:
        batch = chance.choice([1, 1, 1, 8])
        run_id = chance.choice(["shared", f"of-{name}"])
        entries = [entry(run_id, f"{name}/{thread}/{number + i}") for i in range(batch)]
        if batch == 1:
            instance.event_log_storage.store_event(entries[0])
        else:
            instance.event_log_storage.store_event_batch(entries)
        if number % 5 == 0:
            instance.report_runless_asset_event(dg.AssetMaterialization("shared", metadata={"by": name}))
        number += batch
        sys.stdout.write("".join(f"{run_id}:{entry.user_message}\\n" for entry in entries))
        sys.stdout.flush()

with dg.DagsterInstance.get() as instance:
    workers = [threading.Thread(target=write, args=[instance, thread]) for thread in range(threads)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
"""


def start_writer(home: Path, name: str, *, events: int, threads: int = 3) -> Started:
    environment = {**os.environ, "DAGSTER_HOME": str(home)}
    return start_process(sys.executable, "-c", WRITER, name, str(threads), str(events), environment=environment)


def messages(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    return [record.event_log_entry.user_message for record in instance.get_records_for_run(run_id).records]


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_writers_readers_and_a_killed_writer(tmp_path: Path, round_: int) -> None:
    """Two writers end, one is killed: what each said that it had stored is there, once, and nothing is locked."""
    write_dagster_yaml(tmp_path)
    writers = {name: start_writer(tmp_path, name, events=EVENTS) for name in ("a", "b")}
    victim = start_writer(tmp_path, "victim", events=1_000_000)
    assert victim.stdout is not None
    victim_said = [victim.stdout.readline().strip() for _ in range(20)]

    write_dagster_yaml(tmp_path, "stock" if round_ % 2 == 0 else "pooled")
    with dg.DagsterInstance.from_config(str(tmp_path)) as reader:
        errors: list[BaseException] = []
        stop = threading.Event()
        reading = threading.Thread(target=_read_until, args=[reader, stop, errors])
        reading.start()
        time.sleep(random.Random(round_).uniform(0, 0.3))
        victim.kill()
        victim_said += victim.communicate()[0].split()
        said = {name: writer.communicate(timeout=PATIENCE_SECONDS) for name, writer in writers.items()}
        stop.set()
        reading.join(PATIENCE_SECONDS)
        assert errors == []
        for name, (_, complaints) in said.items():
            assert writers[name].returncode == 0, complaints
        stored = Counter(
            f"{run}:{text}" for run in ("shared", "of-a", "of-b", "of-victim") for text in messages(reader, run)
        )
        assert set(stored.values()) == {1}
        # The last line that a killed process printed may be half a line.
        expected = [line for out, _ in said.values() for line in out.split()] + victim_said[:-1]
        assert stored.keys() >= set(expected)
        latest = reader.get_latest_materialization_event(dg.AssetKey("shared"))
        records = reader.fetch_materializations(dg.AssetKey("shared"), limit=1).records
        assert latest == records[0].event_log_entry
    _assert_sound(tmp_path)


def _read_until(reader: dg.DagsterInstance, stop: threading.Event, errors: list[BaseException]) -> None:
    stored = 0
    try:
        while not stop.is_set():
            now = len(messages(reader, "shared"))
            assert now >= stored, "Events have vanished."
            stored = now
            reader.get_asset_records([dg.AssetKey("shared")])
            reader.get_runs(limit=5)
    except BaseException as error:  # noqa: BLE001 - the test's thread raises it
        errors.append(error)


def _assert_sound(home: Path) -> None:
    for database in home.rglob("*.db"):
        connection = sqlite3.connect(database)
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        connection.close()


def test_watchers_miss_nothing_while_several_processes_write(tmp_path: Path) -> None:
    write_dagster_yaml(tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        seen: list[str] = []
        instance.watch_event_logs("shared", None, lambda entry, _: seen.append(entry.user_message))
        writers = [start_writer(tmp_path, name, events=EVENTS) for name in ("a", "b")]
        for writer in writers:
            _, complaints = writer.communicate(timeout=PATIENCE_SECONDS)
            assert writer.returncode == 0, complaints
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(seen) < len(messages(instance, "shared")) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert seen == messages(instance, "shared")

"""SIGKILL at any moment of an increment leaves the old rows or the new ones; two commands at once double nothing."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from skip_helpers import place
from test_killed import seconds_of_a_build, start, wait_for

ROWS = 60_000
MODELS = {
    "merged": "materialized='incremental', unique_key='i'",
    "added": "materialized='incremental', strategy='append'",
    "history": "materialized='snapshot', unique_key='i', snapshot={'strategy': 'check', 'check_cols': 'all'}",
}
NEW = "{% if is_incremental() %} where version > (select max(version) from {{ this }}) {% endif %}"


def write_project(root: Path, version: int) -> None:
    """All rows depend on the version, and so each model's increment changes or adds all of them."""
    query = f"select r.i, s.version from range({ROWS}) as r(i), {{{{ ref('start') }}}} as s"
    models = {
        f"models/{name}.ff.sql": f"{{{{ config({config}) }}}}\n{query}{NEW if name == 'added' else ''}\n"
        for name, config in MODELS.items()
    }
    place(root, {**models, "profiles.yml": "dev: {engine: duckdb}\n", "seeds/start.csv": f"version\n{version}\n"})


def versions(root: Path, table: str) -> list[tuple[object, ...]]:
    order = f"select version, count(*) from db.main.{table} group by version order by version"
    return place(root, {"profiles.yml": "dev: {engine: duckdb, duckdb: {path: ../db.duckdb}}\n"}).sql(order)


@pytest.mark.parametrize("attempt", range(6))
def test_a_killed_increment_is_done_wholly_or_not_at_all(tmp_path: Path, attempt: int) -> None:
    root, database = tmp_path / "project", tmp_path / "db.duckdb"
    write_project(root, 1)
    seconds = seconds_of_a_build(root, database)
    write_project(root, 2)
    process = start(root, database)
    wait_for(process, ["begin"])
    time.sleep(random.Random(attempt).uniform(0, seconds * 1.5))
    process.send_signal(signal.SIGKILL)
    process.wait()
    old, new, both = [(1, ROWS)], [(2, ROWS)], [(1, ROWS), (2, ROWS)]
    assert versions(root, "merged") in (old, new)
    assert versions(root, "added") in (old, both)
    assert versions(root, "history") in (old, both)

    write_project(root, 2)
    seconds_of_a_build(root, database)
    assert [versions(root, name) for name in MODELS] == [new, both, both]
    made = place(root, {"profiles.yml": "dev: {engine: duckdb, duckdb: {path: ../db.duckdb}}\n"})
    assert made.sql("select count(*) from history where _ff_is_current and version = 2") == [(ROWS,)]
    tables = {name for (name,) in made.sql("select table_name from duckdb_tables() where database_name = 'db'")}
    assert tables == {"start", *MODELS, "_ff_meta", "_ff_migrations"}


def test_two_commands_at_once_apply_a_delta_once(tmp_path: Path) -> None:
    write_project(tmp_path, 1)
    made = place(tmp_path, {})
    assert not made.build().failed
    write_project(tmp_path, 2)
    made = place(tmp_path, {})
    command = [sys.executable, "-m", "fft_dagster.cli", "build", str(tmp_path)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    ended = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    assert not made.due()
    for table in ("added", "history"):
        query = f"select version, count(*) from {table} group by version order by version"
        assert made.sql(query) == [(1, ROWS), (2, ROWS)]

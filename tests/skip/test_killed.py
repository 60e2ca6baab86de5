"""SIGKILL at any moment of a build leaves old or new tables only, and the next run heals."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from sweeps import examples
from world import run

from fft_core import load_project, make_plan, open_warehouse

SCRIPT = Path(__file__).parent / "build_slowly.py"
MODELS = 6
ROWS = 120_000


def write_project(root: Path, version: int) -> None:
    """A chain of models whose rows all depend on the version."""
    (root / "models").mkdir(parents=True, exist_ok=True)
    (root / "seeds").mkdir(exist_ok=True)
    (root / "project.yml").write_text("name: chain\nversion: '1'\n")
    (root / "profiles.yml").write_text("dev: {engine: duckdb}\n")
    (root / "seeds" / "start.csv").write_text(f"version\n{version}\n")
    for index in range(MODELS):
        source = (
            f"range({ROWS}) as r(i), {{{{ ref('start') }}}} as s" if index == 0 else f"{{{{ ref('m{index - 1}') }}}}"
        )
        columns = "i, s.version" if index == 0 else "i, version"
        (root / "models" / f"m{index}.ff.sql").write_text(
            f"select {columns}, md5(i::varchar || '{version}') as text{index} from {source}\n"
        )


def start(root: Path, *database: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(root), *map(str, database)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_for(process: subprocess.Popen[str], words: Sequence[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline().strip() in words


def seconds_of_a_build(root: Path, *database: Path) -> float:
    process = start(root, *database)
    wait_for(process, ["begin"])
    began = time.monotonic()
    wait_for(process, ["end"])
    seconds = time.monotonic() - began
    assert process.wait() == 0
    return seconds


@pytest.mark.parametrize("attempt", range(examples(2, 15)))
def test_a_killed_build_leaves_whole_tables_and_the_next_one_heals(tmp_path: Path, attempt: int) -> None:
    root, database = tmp_path / "project", tmp_path / "db.duckdb"
    write_project(root, 1)
    seconds = seconds_of_a_build(root, database)
    write_project(root, 2)
    process = start(root, database)
    wait_for(process, ["begin"])
    time.sleep(random.Random(attempt).uniform(0, seconds))
    process.send_signal(signal.SIGKILL)
    process.wait()

    project = load_project(root, "dev", environment={})
    with open_warehouse(project, path=str(database)) as warehouse:
        for index in range(MODELS):
            versions = warehouse.engine.fetch(f"select version, count(*) from db.main.m{index} group by version")
            assert versions in ([(1, ROWS)], [(2, ROWS)]), f"m{index} is neither the old table nor the new one"
        outcome = run(warehouse)
        assert not outcome.failed
        for index in range(MODELS):
            found = warehouse.engine.fetch(
                f"select count(*) filter (version = 2 and text{index} = md5(i::varchar || '2')) from db.main.m{index}"
            )
            assert found == [(ROWS,)]
        assert not make_plan(warehouse).builds
        tables = warehouse.engine.fetch("select table_name from duckdb_tables() where database_name = 'db'")
        expected = {"start", *(f"m{i}" for i in range(MODELS)), "_ff_meta", "_ff_migrations"}
        assert {name for (name,) in tables} == expected

"""SIGKILL at any moment loses no event and counts none twice: positions and rows are one transaction."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sweeps import FACTOR, FIRST_SEED
from targets import Target

from fft_core.engines.protocol import Session, open_session

EVENTS = 1_200
KILLS = 3 if FACTOR == 1 else 250  # on each of two engines: 500 with `make sweep`


def write_events(folder: Path) -> None:
    """Events without ids: one that is read twice would count twice."""
    chance = random.Random(FIRST_SEED)
    for part in range(3):
        lines = [
            json.dumps(
                {
                    "user_id": chance.randrange(40),
                    "ts": f"2026-01-{1 + i % 28:02}T{i % 24:02}:{i % 60:02}:00Z",
                    "amount": 1,
                }
            )
            for i in range(EVENTS // 3)
        ]
        (folder / f"part{part}.jsonl").write_text("\n".join(lines) + "\n")


@pytest.fixture
def settings_of(tmp_path: Path, target: Target) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with target.settings(str(tmp_path / "db.duckdb")) as settings:
        yield target.engine, settings


def feeding(engine: str, settings: Mapping[str, Any], folder: Path) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("feeding.py")
    command = [sys.executable, str(script), engine, json.dumps(settings), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def count(engine: Session, table: str, what: str) -> int:
    relation = engine.relation(table)
    ((found,),) = engine.fetch(f"select {what} from {relation.sql(engine.spelling)}")
    return int(found)


def test_killed_at_any_moment(tmp_path: Path, settings_of: tuple[str, Mapping[str, Any]]) -> None:
    name, settings = settings_of
    folder = tmp_path / "events"
    folder.mkdir()
    write_events(folder)
    chance, kills = random.Random(FIRST_SEED + 1), 0
    while True:
        with feeding(name, settings, folder) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            if kills < KILLS:
                time.sleep(chance.uniform(0.01, 0.8))
                process.kill()
                kills += 1
            said = process.stdout.read()
        if kills == KILLS and "done" in said:
            break
        if "done" in said or kills == KILLS // 2:  # more to do for those that are still to come
            write_more(folder, kills)
    engine = open_session(name, settings)
    try:
        written = sum(len(path.read_text().splitlines()) for path in folder.glob("*.jsonl"))
        assert count(engine, "sessions", "sum(events)") == written
        assert count(engine, "sessions", "sum(revenue)") == written
        assert count(engine, "sessions__events", "count(*)") == written
        assert count(engine, "_ff_stream", "count(*)") == 1
    finally:
        engine.close()


def write_more(folder: Path, number: int) -> None:
    line = json.dumps({"user_id": number, "ts": "2026-02-01T00:00:00Z", "amount": 1})
    (folder / f"more{number}.jsonl").write_text(f"{line}\n" * 500)

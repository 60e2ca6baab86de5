"""What a stream costs does not grow with what it has kept: the time of a batch, and the room in a DuckDB file."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
from sweeps import FACTOR

from fft_core.engines.protocol import open_session
from fft_core.streaming import StreamSessionizer

BATCHES = 80 if FACTOR == 1 else 10_000


class Here:
    def __init__(self, path: Path) -> None:
        self.engine = open_session("duckdb", {"path": str(path)})


def batch(number: int, size: int = 100) -> pa.Table:
    """A hundred events of a hundred users, who are there for a minute or so, and come back much later."""
    begin = datetime(2026, 1, 1) + timedelta(seconds=number * 20)
    return pa.table(
        {
            "user_id": pa.array([f"user {(number // 4 * 37 + i) % 5_000}" for i in range(size)]),
            "ts": pa.array([begin + timedelta(milliseconds=i * 200) for i in range(size)], pa.timestamp("us")),
            "event_id": pa.array([f"event {number * size + i}" for i in range(size)]),
            "amount": pa.array([float(i) for i in range(size)]),
        }
    )


def test_a_duckdb_file_does_not_grow_without_end(tmp_path: Path) -> None:
    place = Here(tmp_path / "db.duckdb")
    sessionizer = StreamSessionizer(
        place, "sessions", key="user_id", event_time="ts", event_id="event_id", gap_minutes=5,
        measures={"revenue": "sum(amount)"},
    )  # fmt: skip
    began = time.process_time()
    for number in range(BATCHES):
        sessionizer.process_batch(batch(number))
        if number == BATCHES // 4:
            began, first = time.process_time(), time.process_time() - began
    per_batch = (time.process_time() - began) / (BATCHES * 3 / 4 - 1)
    assert per_batch < 4 * first / (BATCHES / 4 + 1)  # generous: it is to find what grows with the table
    place.engine.close()
    with duckdb.connect(str(tmp_path / "copy.duckdb")) as copy:
        copy.execute(f"attach '{tmp_path / 'db.duckdb'}' as live (read_only)")
        copy.execute("copy from database live to copy")
    live, grown = (tmp_path / "copy.duckdb").stat().st_size, (tmp_path / "db.duckdb").stat().st_size
    assert grown <= 2 * live + 2_000_000

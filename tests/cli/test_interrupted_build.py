"""Ctrl-C ends a build quickly, with 130, and publishes nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb


def write_project(root: Path) -> None:
    (root / "models").mkdir(parents=True)
    (root / "project.yml").write_text("name: endless\nversion: '1'\n")
    (root / "profiles.yml").write_text("dev: {engine: duckdb, duckdb: {path: db.duckdb}}\n")
    (root / "models" / "quick.ff.sql").write_text("select 1 as n")
    (root / "models" / "endless.ff.sql").write_text(
        "select count(*) as n from {{ ref('quick') }} as q, range(1000000) as a(i), range(1000000) as b(j)\n"
        "where (i * j + q.n) % 7 = 3\n"
    )


def test_ctrl_c_cancels_the_running_statement(tmp_path: Path) -> None:
    write_project(tmp_path)
    command = [sys.executable, "-m", "fft_dagster.cli", "build", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    assert any(line.startswith("built") and "quick" in line for line in lines)
    time.sleep(0.5)  # the endless statement has begun, or is about to
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in out
    assert "Traceback" not in err
    with duckdb.connect(str(tmp_path / "db.duckdb"), read_only=True) as connection:
        tables = connection.execute("select table_name from duckdb_tables() order by 1").fetchall()
    assert tables == [("_ff_meta",), ("_ff_migrations",), ("quick",)]

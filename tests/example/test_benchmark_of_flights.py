"""The benchmark of ten million flights is made of the example project, and works after each change of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

VOLUME = Path(__file__).parents[2] / "benchmarks" / "volume.py"


def test_the_statements_of_the_example_project_are_noted_and_run(tmp_path: Path) -> None:
    folder = tmp_path / "flights"
    subprocess.run([sys.executable, str(VOLUME), "prepare", str(folder), "1"], check=True)
    noted = json.loads((folder / "statements.json").read_text())
    assert any("stg_flights" in create for create, *_ in noted)
    (folder / ".local").mkdir()
    subprocess.run([sys.executable, str(VOLUME), "loop", str(folder)], check=True)
    assert (folder / ".local" / "flights.duckdb").is_file()

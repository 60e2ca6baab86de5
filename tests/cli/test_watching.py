"""What counts as a change of a project's files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fft_cli.watching import states_of

NAMES = "from pathlib import Path; from fft_cli.watching import states_of; print(*(p.name for p in states_of(Path())))"


def test_logs_databases_and_hidden_files_are_no_changes(tmp_path: Path) -> None:
    for name in ("project.yml", "run.log", "dev.duckdb", ".hidden", ".env.dev"):
        (tmp_path / name).touch()
    assert sorted(path.name for path in states_of(tmp_path)) == [".env.dev", "project.yml"]


def test_the_file_that_the_output_goes_to_is_no_change(tmp_path: Path) -> None:
    (tmp_path / "project.yml").touch()
    path = tmp_path / "said.txt"
    with path.open("w") as said:
        subprocess.run([sys.executable, "-c", NAMES], cwd=tmp_path, stdout=said, check=True)
    assert path.read_text().split() == ["project.yml"]

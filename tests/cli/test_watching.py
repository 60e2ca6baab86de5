"""What counts as a change of a project's files."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from fft_cli.watching import SECONDS, states_of, wait_for_change

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


def test_a_file_that_is_still_written_is_waited_for(tmp_path: Path) -> None:
    """An editor empties a file before it writes the new text."""
    path = tmp_path / "a.sql"
    path.write_text("select 1")
    before = states_of(tmp_path)
    path.write_text("")

    def write_slowly() -> None:
        time.sleep(SECONDS / 2)
        path.write_text("select 2 as x")

    writer = threading.Thread(target=write_slowly)
    writer.start()
    assert [str(changed) for changed in wait_for_change(tmp_path, before)] == ["a.sql"]
    assert path.read_text() == "select 2 as x"
    writer.join()

"""Each command once as it is installed, in a new process: what it needs, it imports itself.

Most tests run their commands in forks of a process that has imported everything (`fft_process.py`).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from fft_process import FFT, new_process
from run_helpers import clean_environment, shop

from fft_cli.app import COMMANDS

CALLS = [
    ("init", "new"),
    ("deps", "shop"),
    ("doctor", "shop"),
    ("explain", "FFT-110"),
    ("ci-check", "shop"),
    ("build", "shop"),
    ("seed", "shop"),
    ("run", "shop"),
    ("snapshot", "run", "shop"),
    ("test", "shop", "--skip-build"),
    ("plan", "shop"),
    ("ls", "shop"),
    ("show", "users", "shop"),
    ("dag", "shop"),
    ("docgen", "shop"),
    ("utest", "shop"),
    ("source", "freshness", "shop"),
    ("stream", "status", "shop"),
    ("sync-db-comments", "shop"),
    ("engine", "check", "shop", "--only", "publish"),
    ("cache", "clear", "shop", "--all"),
    ("clean", "shop", "--history"),
    ("version",),
]
ELSEWHERE = {"dev"}  # test_dev_command.py starts it as it is installed
OF_TWO = [
    ("clone", "shop", "--from", "prod"),
    ("diff", "shop", "--against", "prod"),
    ("review", "shop", "--since", "HEAD", "--defer", "prod"),
]


def test_each_command_works_as_it_is_installed(tmp_path: Path) -> None:
    assert {call[0] for call in (*CALLS, *OF_TWO)} | ELSEWHERE == set(COMMANDS)
    shop(tmp_path / "shop")
    for call in CALLS:
        ended = new_process([str(FFT), *call], tmp_path, clean_environment())
        assert (ended.returncode, ended.stderr) == (0, ""), call
        assert ended.stdout, call


def test_commands_about_two_environments_work_as_they_are_installed(tmp_path: Path) -> None:
    folder, environment = tmp_path / "shop", clean_environment()
    shop(folder)
    profiles = (folder / "profiles.yml").read_text()
    (folder / "profiles.yml").write_text(f"{profiles}prod: {{engine: duckdb, duckdb: {{path: prod.duckdb}}}}\n")
    shutil.copy(folder / "dev.duckdb", folder / "prod.duckdb")  # with the table of the source
    assert new_process([str(FFT), "build", "shop", "--env", "prod"], tmp_path, environment).returncode == 0
    author = ["-c", "user.name=a", "-c", "user.email=a@x.at"]
    for words in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "all"]):
        assert new_process(["git", "-C", str(folder), *words], tmp_path, environment).returncode == 0
    for call in OF_TWO:
        ended = new_process([str(FFT), *call], tmp_path, environment)
        assert ended.returncode == 0, (call, ended.stderr)
        assert ended.stdout, call

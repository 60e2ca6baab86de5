"""Each command once as it is installed, in a new process: what it needs, it imports itself.

Most tests run their commands in forks of a process that has imported everything (`fft_process.py`).
"""

from __future__ import annotations

from pathlib import Path

from fft_process import FFT, new_process
from run_helpers import clean_environment, shop

from fft_cli.app import COMMANDS

CALLS = [
    ("init", "new"),
    ("deps", "shop"),
    ("doctor", "shop"),
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
    ("sync-db-comments", "shop"),
    ("cache", "clear", "shop", "--all"),
    ("clean", "shop", "--history"),
    ("version",),
]
ELSEWHERE = {"dev"}  # test_dev_command.py starts it as it is installed


def test_each_command_works_as_it_is_installed(tmp_path: Path) -> None:
    assert {call[0] for call in CALLS} | ELSEWHERE == set(COMMANDS)
    shop(tmp_path / "shop")
    for call in CALLS:
        ended = new_process([str(FFT), *call], tmp_path, clean_environment())
        assert (ended.returncode, ended.stderr) == (0, ""), call
        assert ended.stdout, call

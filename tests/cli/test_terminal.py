"""What a terminal gets and a pipe does not: colours and a live display; and what a command imports for that."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fft_process import FFT
from run_helpers import clean_environment, golden, installed_fft, shop, write

from fft_cli.cells import aligned, in_columns
from fft_cli.terminal import style, terminal_text

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(*arguments: str | Path, **environment: str) -> tuple[int, str]:
    """Run `fft` on a terminal; give its exit code, and all that the terminal got."""
    process, terminal = pty.fork()
    if process == 0:
        settings = {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40", **environment}
        os.execve(FFT, ["fft", *map(str, arguments)], clean_environment(**settings))
    shown, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline and select.select([terminal], [], [], 60)[0]:
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # its other end is closed
            break
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown.decode().replace("\r\n", "\n")


def test_colours(tmp_path: Path) -> None:
    root = shop(tmp_path)
    assert "\x1b[32mbuild\x1b[0m  names" in on_a_terminal("plan", root)[1]
    assert "\x1b" not in on_a_terminal("plan", root, NO_COLOR="1")[1]
    assert "\x1b" not in installed_fft("plan", root).out
    wrong = on_a_terminal("plan", root / "nowhere")
    assert (wrong[0], "\x1b[31m\x1b[1merror\x1b[0m: " in wrong[1]) == (1, True)
    assert "\x1b" not in on_a_terminal("plan", root / "nowhere", NO_COLOR="1")[1]


def test_a_live_display(tmp_path: Path) -> None:
    root = shop(tmp_path)
    slow = "select count(*) as n from range(20000) as a(i), range(10000) as b(j) where (i * j) % 7 = 3"
    write(root, {"models/a_long_name_of_a_slow_model.ff.sql": slow})
    code, shown = on_a_terminal("build", root)
    assert code == 0
    assert re.search(r"\x1b\[36mrunning     a_long_name_of_a_slow_model +0 s", shown)
    assert re.search(r"━+.* \d/6 \d+ s", CONTROL.sub("", shown))
    assert "\x1b[32mbuilt      \x1b[0m names" in shown
    last = golden(CONTROL.sub("", shown))[-1]
    assert last == "5 built, 1 checked; checks: 3 passed, 1 warned; N s"
    code, dumb = on_a_terminal("seed", root, "--no-cache", TERM="dumb", NO_COLOR="1")
    assert (code, "\x1b" in dumb) == (0, False)
    assert golden(dumb) == ["shop on duckdb, profile dev: 1 to build", "built names 2 rows N s", "1 built; N s"]


@pytest.mark.parametrize("arguments", [["build"], ["run"], ["seed"], ["snapshot", "run"]])
def test_where_nothing_changed_nothing_slow_is_imported(arguments: list[str], built: Path) -> None:
    slow = ("dagster", "rich", "jinja2", "pydantic", "pandas", "pyarrow", "sqlglot", "fft_dagster.runs.runs")
    script = (
        "import sys\n"
        "from fft_cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        f"print([name for name in {slow!r} if name in sys.modules])"
    )
    command = [sys.executable, "-c", script, *arguments, str(built)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=clean_environment())
    *_, summary, imported = ended.stdout.splitlines()
    assert " reused; " in summary
    assert imported == "[]"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = shop(tmp_path_factory.mktemp("shop"))
    assert installed_fft("build", root).code == 0

    return root


def test_columns_are_as_wide_as_what_is_seen_of_their_cells() -> None:
    rows = [["名前", "a"], ["x", "b"], [style("red", fg="red"), "c"], ["a\nb", "d"]]
    assert [terminal_text(line) for line in aligned(rows)] == [
        "名前  a",
        "x     b",
        "\x1b[31mred\x1b[0m   c",
        "a\\nb  d",
    ]
    assert in_columns(["x", "b", "c"], [3], right=[True]) == "  x  b  c"

"""Ctrl-C ends what runs quickly, with 130, and publishes nothing; a second one leaves what ignores the first."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from fft_process import FFT
from run_helpers import clean_environment, installed_fft, run_results, write

from fft_cli.ctrl_c import cancelled_by_ctrl_c

ENDLESS = "select count(*) from range(1000000) as a(i), range(1000000) as b(j) where (i * j) % 7 = 3"
FILES = {
    "project.yml": "name: endless\nversion: '1'\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: dev.duckdb}}\n",
    "models/quick.ff.sql": "select 1 as n",
}
STUBBORN = """\
    import time
    from fft_core import model

    @model(deps=["quick"])
    def stubborn(df):
        print("stubborn begins", flush=True)
        time.sleep(60)
        return df
    """


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def started() -> Iterator[Start]:
    """Start `fft`; what has not ended when the test does is killed."""
    processes = []

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        processes.append(
            subprocess.Popen(
                [FFT, *map(str, arguments)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=clean_environment(PYTHONUNBUFFERED="1"),
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def lines_of(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    return iter(process.stdout.readline, "")


def wait_until_it_has_opened(process: subprocess.Popen[str], path: Path) -> None:
    """On Linux, as long as it takes on a busy machine: Python may lose a Ctrl-C while it imports."""
    opened, deadline = Path(f"/proc/{process.pid}/fd"), time.monotonic() + (60 if Path("/proc/self/fd").exists() else 2)
    while time.monotonic() < deadline:
        with suppress(OSError):  # it closes one meanwhile
            if any(link.resolve() == path for link in opened.iterdir()):
                return
        time.sleep(0.05)


def tables(root: Path) -> list[str]:
    with duckdb.connect(str(root / "dev.duckdb"), read_only=True) as connection:
        found = connection.execute("select table_name from duckdb_tables() order by 1").fetchall()
    return [name for (name,) in found if not name.startswith("_ff_")]


def run_status(root: Path) -> str:
    with dg.DagsterInstance.from_config(str(root / ".fastflowtransform" / "dagster")) as instance:
        return instance.get_runs()[0].status.value


def test_ctrl_c_cancels_the_running_statement(tmp_path: Path, started: Start) -> None:
    root = write(tmp_path, {**FILES, "models/endless.ff.sql": f"{ENDLESS} + (select n from {{{{ ref('quick') }}}})"})
    process = started("build", root)
    assert any(line.startswith("built") and "quick" in line for line in lines_of(process))
    time.sleep(0.5)  # the endless statement has begun, or is about to
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted endless" in " ".join(out.split())
    assert out.splitlines()[-1].startswith("1 built, 1 interrupted; ")
    assert err == "interrupted\n"
    assert tables(root) == ["quick"]
    results = {result["name"]: result["status"] for result in run_results(root)["results"]}
    assert results == {"quick": "built", "endless": "interrupted"}
    assert run_results(root)["metadata"]["exit_code"] == 130
    assert run_status(root) == "CANCELED"


def test_ctrl_c_while_a_plan_looks_at_the_sources(tmp_path: Path, started: Start) -> None:
    root = write(tmp_path, {**FILES, "sources.yml": "crm:\n  users: {}\n"})
    write(root, {"models/quick.ff.sql": "select n from {{ source('crm', 'users') }}"})
    with duckdb.connect(str(root / "dev.duckdb")) as connection:
        connection.execute(f"create view users as {ENDLESS.replace('count(*)', 'i as n')}")
    process = started("run", root)
    wait_until_it_has_opened(process, root / "dev.duckdb")
    time.sleep(0.5)  # it looks at the source, or is about to
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.strip()) == (130, "", "interrupted")


def test_ctrl_c_cancels_a_check(tmp_path: Path, started: Start) -> None:
    check = f"{{type: not_null, table: quick, column: n, where: '({ENDLESS}) > 0'}}"
    root = write(tmp_path, FILES)
    assert installed_fft("run", root, "-q").code == 0
    write(root, {"project.yml": f"name: endless\nversion: '1'\ntests:\n  - {check}\n"})
    process = started("test", root, "--json")
    assert any(json.loads(line)["event"] == "node_started" for line in lines_of(process))
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "interrupted\n")
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in events] == ["interrupted", "node_ended", "run_ended"]
    assert events[-1]["states"] == {"interrupted": 1}


def test_what_a_python_model_returns_after_ctrl_c_is_not_published(tmp_path: Path, started: Start) -> None:
    root = write(tmp_path, {**FILES, "models/stubborn.ff.py": STUBBORN.replace("60", "2")})
    process = started("run", root)
    assert any(line.startswith("stubborn begins") for line in lines_of(process))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "interrupted\n")
    assert "interrupted stubborn" in " ".join(out.split())
    assert tables(root) == ["quick"]


def test_a_second_ctrl_c_leaves_what_ignores_the_first(tmp_path: Path, started: Start) -> None:
    root = write(tmp_path, {**FILES, "models/stubborn.ff.py": STUBBORN})
    process = started("run", root)
    lines = lines_of(process)
    assert any(line.startswith("stubborn begins") for line in lines)
    process.send_signal(signal.SIGINT)
    assert any("Ctrl-C again" in line for line in lines)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "interrupted stubborn" in " ".join(out.split())
    assert err == "interrupted\n"
    assert tables(root) == ["quick"]
    assert run_results(root)["results"][-1]["status"] == "interrupted"
    assert run_status(root) == "CANCELED"


def test_a_cancellation_that_takes_long_reads_nothing_of_files_that_are_opened_later() -> None:
    """Such as the connection that drops a scratch schema: without one byte of its answers it would wait for ever."""
    begun, ends = threading.Event(), threading.Event()

    def cancel() -> None:
        begun.set()
        ends.wait(30)

    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with cancelled_by_ctrl_c(cancel):
            os.kill(os.getpid(), signal.SIGTERM)
            assert begun.wait(30)
        opened = [os.pipe() for _ in range(3)]
        for _, into in opened:
            os.write(into, b"x")
        ends.set()
        for watcher in [thread for thread in threading.enumerate() if thread.name == "fft-ctrl-c"]:
            watcher.join(30)
        for out, into in opened:
            os.set_blocking(out, False)
            assert os.read(out, 2) == b"x"
            os.close(out)
            os.close(into)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_ctrl_c_on_a_terminal_gives_the_cursor_back(tmp_path: Path) -> None:
    root = write(tmp_path, {**FILES, "models/endless.ff.sql": ENDLESS})
    process, terminal = pty.fork()
    if process == 0:
        os.execve(FFT, ["fft", "run", str(root)], clean_environment(TERM="xterm-256color", COLUMNS="100"))
    shown = b""
    while not re.search(rb"running     endless +1 s", shown):
        shown += os.read(terminal, 65536)
    os.write(terminal, b"\x03")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # its other end is closed
            break
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 130
    os.close(terminal)
    text = shown.decode()
    hide, show = "\x1b[?25l", "\x1b[?25h"
    assert text.count(hide) == text.count(show) == 1
    after = text[text.index(show) :]
    assert "1 built, 1 interrupted; " in after
    assert "\x1b[32mbuilt      \x1b[0m quick" in text
    assert tables(root) == ["quick"]

"""One DuckDB file, several processes: it is handed over between steps, in turn, and who waits says for whom."""

from __future__ import annotations

import gc
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from fft_cli.app import app
from fft_core import Project, load_project, make_plan, open_warehouse
from fft_core.engines.duckdb import session as duckdb_engine
from fft_core.engines.duckdb.queue import FileQueue
from fft_core.engines.protocol import open_session
from fft_core.errors import BusyError, EngineError
from fft_core.run.turn import build_model

SCRIPT = Path(__file__).parent / "build_project.py"
MODELS = 10
SLOW = """\
import time
from fft_core import model

@model(name="m{number}")
def build():
    import pyarrow as pa
    time.sleep({seconds})
    return pa.table({{"n": [{number}]}})
"""


@pytest.fixture(autouse=True)
def _nothing_to_lend_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no test had imported a library that opens DuckDB files itself: those are lent to it between turns."""
    monkeypatch.setattr(duckdb_engine, "_others_are_here", lambda: False)


def write_project(root: Path, seconds: float = 0.15, models: int = MODELS, timeout: int = 60) -> Project:
    profile = f"{{path: db.duckdb, lock_timeout_seconds: {timeout}}}"
    files = {"project.yml": "name: slow\nversion: '1'\n", "profiles.yml": f"dev: {{engine: duckdb, duckdb: {profile}}}"}
    for number in range(models):
        files[f"models/m{number}.ff.py"] = SLOW.format(number=number, seconds=seconds)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return load_project(root, "dev", environment={})


def start(root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline().strip() == line


@contextmanager
def building(root: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another process build, from the moment at which its first step begins."""
    process = start(root)
    try:
        wait_for(process, "begin")
        yield process
    finally:
        process.kill()
        process.communicate()


def due(project: Project) -> set[str]:
    with open_warehouse(project, read_only=True) as warehouse:
        return {decision.name for decision in make_plan(warehouse).builds}


def test_three_builds_of_one_project_share_the_work(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    started = [start(tmp_path) for _ in range(3)]
    ended = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], ended
    built = [Counter(line.split()[1] for line in out.splitlines() if " " in line)["build"] for out, _ in ended]
    assert sum(built) == MODELS, "what one has built, the others reuse"
    assert sum(count > 0 for count in built) >= 2, "a step of one is followed by a step of another"
    assert due(project) == set()
    pids = [process.pid for process in started]
    waited_for = {int(pid) for _, said in ended for pid in re.findall(r"in another process: pid (\d+) \(", said)}
    assert waited_for
    assert waited_for <= set(pids)
    assert any(f"{SCRIPT.name} {tmp_path.name})" in said for _, said in ended)


def test_a_reader_gets_in_between_steps(tmp_path: Path) -> None:
    project = write_project(tmp_path, seconds=0.3)
    seen = []
    with building(tmp_path) as process:
        for _ in range(3):
            seen.append(len(due(project)))
        assert process.poll() is None
    assert MODELS >= seen[0] > seen[-1] > 0


def test_who_has_the_file_open_and_does_nothing_gives_it_up(tmp_path: Path) -> None:
    project = write_project(tmp_path, seconds=0, models=2)
    with open_warehouse(project) as warehouse, warehouse.session() as session:
        build_model(session, project.model("m0"))
        out, said = start(tmp_path).communicate(timeout=30)
        assert out.split() == ["begin", "m0", "reuse", "m1", "build", "end"], said
        assert session.engine.fetch("select n from m1") == [(1,)]  # it is opened again
        assert warehouse.engine.fetch("select n from m0") == [(0,)]


def test_a_turn_is_not_cut_short(tmp_path: Path) -> None:
    project = write_project(tmp_path, seconds=0, models=1)
    with open_warehouse(project) as warehouse, warehouse.engine.transaction():
        warehouse.engine.execute("create table t as select 1 as a")
        process = start(tmp_path)
        time.sleep(1.5)
        assert process.poll() is None
        assert warehouse.engine.fetch("select a from t") == [(1,)]
    out, said = process.communicate(timeout=30)
    assert out.split()[-1] == "end", said


def test_a_step_goes_on_when_those_that_waited_have_given_up(tmp_path: Path) -> None:
    """While another process waits, no step begins beside a long one; the others must not wait for the long one then."""
    project = write_project(tmp_path, seconds=0, models=2)
    with open_warehouse(project) as warehouse, warehouse.engine.turn():
        time.sleep(0.3)
        with pytest.raises(BusyError):
            open_warehouse(project, read_only=True, patience_seconds=1)
        with ThreadPoolExecutor(1) as threads:
            with warehouse.session() as session:
                built = threads.submit(build_model, session, project.model("m1")).result(timeout=5)
            assert built.row_count == 1


def test_a_plan_does_not_wait_for_a_long_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(tmp_path, seconds=30, models=1)
    monkeypatch.setattr("fft_cli.plan.PATIENCE_SECONDS", 1)
    with building(tmp_path) as process:
        planned = CliRunner().invoke(app, ["plan", str(tmp_path)])
    assert isinstance(planned.exception, BusyError)
    assert f"db.duckdb is open in another process: pid {process.pid} (" in str(planned.exception)


def test_the_profile_says_how_long_to_wait(tmp_path: Path) -> None:
    project = write_project(tmp_path, seconds=30, models=1, timeout=0)
    with building(tmp_path) as process, pytest.raises(BusyError, match=f"pid {process.pid} "):
        open_warehouse(project)


def test_a_process_that_does_not_queue_up_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = str(tmp_path / "db.duckdb")
    code = f"import duckdb, sys, time; c = duckdb.connect({path!r}); print('begin', flush=True); time.sleep(1)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        wait_for(other, "begin")
        engine = open_session("duckdb", {"path": path})
    assert f"(PID {other.pid})" in caplog.text
    assert engine.fetch("select 1") == [(1,)]
    engine.close()
    duckdb.connect(path).close()  # nothing holds it any more


def test_waiting_for_a_process_that_does_not_queue_up_costs_next_to_nothing(tmp_path: Path) -> None:
    """Each try to open the file costs milliseconds of CPU: tries without a growing pause took 20 to 40 % of a core."""
    path = str(tmp_path / "db.duckdb")
    code = f"import duckdb, sys, time; c = duckdb.connect({path!r}); print('begin', flush=True); time.sleep(5)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        wait_for(other, "begin")
        spent, began = time.thread_time(), time.monotonic()
        engine = open_session("duckdb", {"path": path})
        share = (time.thread_time() - spent) / (time.monotonic() - began)
    engine.close()
    assert share < 0.06  # 2 % in the long run, and what opening it costs


def test_whoever_waits_can_be_interrupted(tmp_path: Path) -> None:
    write_project(tmp_path, seconds=30, models=1)
    engine = open_session("duckdb", {"path": str(tmp_path / "db.duckdb")})
    with building(tmp_path):
        timer = threading.Timer(0.5, engine.interrupt)
        timer.start()
        with pytest.raises(EngineError, match="interrupted"):
            engine.fetch("select 1")
    engine.close()


def test_what_a_killed_process_held_is_free(tmp_path: Path) -> None:
    project = write_project(tmp_path, seconds=30, models=1)
    with building(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert due(project) == {"m0"}


def test_what_nobody_closed_is_free_once_it_is_dropped(tmp_path: Path) -> None:
    project = write_project(tmp_path, seconds=0, models=1)
    warehouse = open_warehouse(project)
    with pytest.raises(AssertionError):
        FileQueue(tmp_path / "db.duckdb", shared=True).enter(never)
    del warehouse
    deadline = time.monotonic() + 20  # the thread that looks has it for a moment
    while time.monotonic() < deadline:
        gc.collect()
        with suppress(AssertionError):
            FileQueue(tmp_path / "db.duckdb", shared=True).enter(never)
            return
        time.sleep(0.05)
    pytest.fail("the file is still taken")


def test_another_name_of_the_file_is_the_same_queue(tmp_path: Path) -> None:
    project = write_project(tmp_path, seconds=0, models=2)
    (tmp_path / "link.duckdb").symlink_to(tmp_path / "db.duckdb")
    with open_warehouse(project) as warehouse:
        build_model(warehouse, project.model("m0"))
        code = (
            "import sys; from fft_core.engines.protocol import open_session; "
            "open_session('duckdb', {'path': sys.argv[1]})"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "link.duckdb")], check=True, timeout=30)


def never(holder: str) -> None:
    """What a queue calls where it would wait."""
    raise AssertionError(holder)


def test_without_lock_files_the_file_is_kept(tmp_path: Path) -> None:
    project = write_project(tmp_path, seconds=0, models=1)
    (tmp_path / "db.duckdb.queue").mkdir()
    with open_warehouse(project) as warehouse:
        build_model(warehouse, project.model("m0"))
    assert due(project) == set()


def test_two_warehouses_of_one_process_share_the_file(tmp_path: Path) -> None:
    project = write_project(tmp_path, seconds=0, models=1)
    with open_warehouse(project) as one, one.engine.transaction():
        one.engine.execute("create table t as select 1 as a")
        with open_warehouse(project) as other:
            assert other.engine.fetch("select count(*) from duckdb_tables() where table_name = 't'") == [(0,)]
        assert one.engine.fetch("select a from t") == [(1,)]


def test_everybody_in_the_queue_gets_a_turn(tmp_path: Path) -> None:
    """Three want the file at all times; who has had it is behind those that wait."""
    turns, over = list[int](), threading.Event()

    def take_turns(number: int) -> None:
        queue = FileQueue(tmp_path / "db.duckdb", shared=False)
        while not over.is_set():
            queue.enter(lambda _: time.sleep(0.01))
            turns.append(number)
            time.sleep(0.02)
            queue.leave()

    threads = [threading.Thread(target=take_turns, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    while len(turns) < 30:
        time.sleep(0.01)
    over.set()
    for thread in threads:
        thread.join()
    assert min(Counter(turns).values()) >= 6, turns


def test_readers_have_the_file_together(tmp_path: Path) -> None:
    one, other, writer = (FileQueue(tmp_path / "db", shared=shared) for shared in (True, True, False))
    one.enter(never)
    other.enter(never)
    with pytest.raises(AssertionError, match=r"pid \d+ \("):
        writer.enter(never)
    one.leave()
    other.leave()
    writer.enter(never)
    writer.leave()


def test_the_name_of_a_process_shows_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    from fft_core.engines.duckdb.queue import own_name

    monkeypatch.setattr(sys, "orig_argv", ["/usr/bin/python", "/opt/bin/fft", "build", "--vars", "token=hunter2"])
    assert own_name().endswith(" (python fft build --vars token=...)")

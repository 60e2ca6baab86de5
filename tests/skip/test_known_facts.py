"""A plan of an unchanged database opens none; what changes behind its back is noticed all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from test_changed_meanwhile import drop, in_a_checkpoint, replace_by_equal_columns
from written_projects import loaded

from fft_core import Plan, Project, Run, load_project
from fft_core.engines.late import LateSession
from fft_core.errors import BusyError
from fft_core.project.read.cache_folder import ProjectCache
from fft_core.run.known_facts import keep_facts

FILES = {
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: shop.duckdb, schema: \"{{ env('FF_SCHEMA', 'main') }}\"}}\n",
    "sources.yml": "version: 2\nsources:\n  - {name: raw, tables: [{name: events}]}\n",
    "models/a.ff.sql": "select 1 as id",
    "models/b.ff.sql": "select id + 1 as id from {{ ref('a') }}",
    "models/c.ff.sql": "{{ config(materialized='view') }} select id from {{ ref('b') }}",
}
YOUNG_SECONDS = 0.15  # younger changes have no mark


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFT_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that was built, some time ago."""
    project = loaded(tmp_path / "shop", FILES)
    build(project)
    return project


def build(project: Project) -> None:
    with Run(project) as run:
        for node in run.order():
            run.build(node)
    time.sleep(YOUNG_SECONDS)


def late_plan(project: Project) -> tuple[Plan, bool]:
    """Plan as a command does; return the plan, and whether the database was opened."""
    run = Run(project)
    with run.open(read_only=True, late=True) as warehouse:
        plan = run.plan(warehouse)
        return plan, not isinstance(warehouse.engine, LateSession) or warehouse.engine.is_open


def true_plan(project: Project) -> Plan:
    run = Run(project)
    with run.open(read_only=True) as warehouse:
        return run.plan(warehouse)


def test_the_second_plan_opens_nothing(project: Project) -> None:
    first, second = late_plan(project), late_plan(project)
    assert (first[1], second[1]) == (True, False)
    assert first[0] == second[0] == true_plan(project)
    assert not first[0].builds


def test_a_command_on_an_unchanged_project_imports_no_driver(project: Project) -> None:
    program = (
        "import os, sys\n"
        "def end(code): raise SystemExit(code)\n"
        "os._exit = end\n"
        "from fft_cli import entry\n"
        f"sys.argv = ['fft', 'build', {str(project.root)!r}]\n"
        "try:\n    entry()\nfinally:\n    print('duckdb' in sys.modules)\n"
    )
    said = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()[-1]
        for _ in range(2)
    ]
    assert said == ["True", "False"]


def kill_after_a_commit(path: Path) -> None:
    statement = "create or replace table b as select 99 as id"
    killed = f"import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute('{statement}'); os._exit(9)"
    subprocess.run([sys.executable, "-c", killed, str(path)], check=False, capture_output=True)
    assert Path(f"{path}.wal").exists()


def put_back_an_older_copy(path: Path) -> None:
    """Restore a copy of the same size and time, in which another table lies."""
    state, copy = path.stat(), path.with_name("copy.duckdb")
    shutil.copy(path, copy)
    with duckdb.connect(str(copy)) as connection:
        connection.execute("drop view c")
        connection.execute("create or replace table b as select 99 as id")
    with copy.open("r+b") as file:
        file.truncate(max(state.st_size, copy.stat().st_size))
    with path.open("r+b") as file:
        file.truncate(copy.stat().st_size)
    path.write_bytes(copy.read_bytes())
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def remove_the_file(path: Path) -> None:
    path.unlink()


def define_a_macro(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create macro f(x) as x + 1")


CHANGES = [drop, replace_by_equal_columns, in_a_checkpoint, kill_after_a_commit, put_back_an_older_copy]


@pytest.mark.parametrize("is_young", [True, False])
@pytest.mark.parametrize("change", [*CHANGES, remove_the_file, define_a_macro])
def test_a_change_of_the_database_is_noticed(project: Project, change: Callable[[Path], None], is_young: bool) -> None:
    late_plan(project)
    assert late_plan(project)[1] is False
    change(project.root / "shop.duckdb")
    if not is_young:
        time.sleep(YOUNG_SECONDS)
    plan, is_opened = late_plan(project)
    assert is_opened
    assert plan == true_plan(project)
    assert {d.name for d in plan.builds} >= {"b"} or change is define_a_macro


@pytest.mark.parametrize("change", [None, *CHANGES, remove_the_file, define_a_macro])
def test_facts_of_the_end_of_a_run_are_those_of_the_next_command(
    project: Project, change: Callable[[Path], None] | None
) -> None:
    keep_facts(Run(project))
    if change is not None:
        change(project.root / "shop.duckdb")
        time.sleep(YOUNG_SECONDS)
    plan, is_opened = late_plan(project)
    assert is_opened is (change is not None)
    assert plan == true_plan(project)


def test_a_database_that_is_in_use_has_no_facts(project: Project) -> None:
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", hold, str(project.root / "shop.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        keep_facts(Run(project))
        holder.communicate()
    assert not [path for path in ProjectCache(project.root).files() if path.name.startswith("facts-")]


def test_a_build_keeps_the_facts(project: Project) -> None:
    """The command after a build opens no database, unless the build ended so fast that its last commit is young."""
    (project.root / "models" / "a.ff.sql").write_text("select 2 as id")
    program = (
        "import sys\n"
        "import fft_cli.running as running\n"
        "keep = running.keep_facts\n"
        "import time\n"
        "def later(run):\n    time.sleep(0.15)\n    keep(run)\n"
        "running.keep_facts = later\n"
        "from fft_cli import entry\n"
        f"sys.argv = ['fft', 'build', {str(project.root)!r}]\n"
        "entry()\n"
    )
    subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    edited = load_project(project.root, "dev")
    plan, is_opened = late_plan(edited)
    assert not is_opened
    assert plan == true_plan(edited)
    assert not plan.builds


@pytest.mark.parametrize(
    "edit",
    [
        {"models/a.ff.sql": "select 2 as id"},
        {"models/d.ff.sql": "select id from {{ ref('c') }}"},
        {"models/b.ff.sql": "{{ config(alias='bb') }} select id + 1 as id from {{ ref('a') }}"},
        {"models/d.ff.sql": "select n from {{ source('raw', 'events') }}"},
    ],
    ids=["a text", "a new model", "another place", "a source"],
)
def test_an_edit_of_the_project_is_noticed(project: Project, edit: dict[str, str]) -> None:
    with duckdb.connect(str(project.root / "shop.duckdb")) as connection:
        connection.execute("create table events as select 1 as n")
    time.sleep(YOUNG_SECONDS)
    late_plan(project)
    for name, text in edit.items():
        (project.root / name).write_text(text)
    edited = load_project(project.root, "dev", environment={})
    plan, _ = late_plan(edited)
    assert plan == true_plan(edited)
    assert plan.builds


def test_another_schema_is_another_database(project: Project) -> None:
    late_plan(project)
    moved = load_project(project.root, "dev", environment={"FF_SCHEMA": "other"})
    plan, is_opened = late_plan(moved)
    assert is_opened
    assert {decision.name for decision in plan.builds} == {"a", "b", "c"}


@pytest.mark.parametrize("content", [b"", b"no pickle", b"\x80\x05N."])
def test_a_damaged_cache_is_not_read(project: Project, content: bytes) -> None:
    late_plan(project)
    (kept,) = [path for path in ProjectCache(project.root).files() if path.name.startswith("facts-")]
    kept.write_bytes(content)
    plan, is_opened = late_plan(project)
    assert is_opened
    assert plan == true_plan(project)
    assert late_plan(project)[1] is False


def test_a_commit_between_the_facts_and_the_first_statement_is_an_error(project: Project) -> None:
    late_plan(project)
    run = Run(project)
    with run.open(read_only=True, late=True) as warehouse:
        assert not run.plan(warehouse).builds
        replace_by_equal_columns(project.root / "shop.duckdb")
        with pytest.raises(BusyError, match="changed the database while the plan was made"):
            warehouse.engine.fetch("select 1")


def test_facts_are_not_kept_if_the_database_changed_before_the_end(project: Project) -> None:
    run = Run(project)
    with run.open(read_only=True, late=True) as warehouse:
        run.plan(warehouse)
        state = (project.root / "shop.duckdb").stat()
        os.utime(project.root / "shop.duckdb", ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert late_plan(project)[1] is True

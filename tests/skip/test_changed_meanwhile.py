"""What is reused without a look at the table: nothing may have been committed since the run looked at all of them."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from written_projects import loaded

from fft_core import Project, ReuseResult, Run
from fft_core.build.publish import BuildResult
from fft_core.engines.duckdb.file_marks import file_mark
from fft_core.engines.trace import LOGGER

FILES = {
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: shop.duckdb}}\n",
    "models/a.ff.sql": "select 1 as id",
    "models/b.ff.sql": "select id + 1 as id from {{ ref('a') }}",
    "models/c.ff.sql": "{{ config(materialized='view') }} select id from {{ ref('b') }}",
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that was built, some time ago."""
    project = loaded(tmp_path, FILES)
    with Run(project) as run:
        for node in run.order():
            run.build(node)
    time.sleep(0.15)  # what is younger tells nothing
    return project


def test_reused_nodes_are_looked_at_once_together(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger=LOGGER), Run(project) as run:
        looks = []
        for node in run.order():
            assert isinstance(run.build(node), ReuseResult)
            looks.append(sum("duckdb_tables()" in record.getMessage() for record in caplog.records))
    assert looks[0] > 0
    assert looks == [looks[0]] * 3


def drop(path: Path) -> None:
    """Drop a table in this process, as an asset of the user's can."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("drop table b cascade")


def replace_by_equal_columns(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create or replace table b as select 99 as id")


def delete_rows(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("delete from b")


def in_a_checkpoint(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create or replace table b as select 99 as id")
        connection.execute("checkpoint")


@pytest.mark.parametrize("change", [drop, replace_by_equal_columns, delete_rows, in_a_checkpoint])
def test_what_this_process_changes_during_a_run_is_built(project: Project, change: Callable[[Path], None]) -> None:
    with Run(project) as run:
        a, b, c = run.order()
        assert isinstance(run.build(a), ReuseResult)
        with run.open() as warehouse:
            path = Path(warehouse.engine.fetch("select path from duckdb_databases() where path is not null")[0][0])
        change(path)
        assert isinstance(run.build(b), BuildResult)
        run.build(c)
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("select id from c").fetchall() == [(2,)]


def test_what_another_process_changes_between_two_turns_is_built(project: Project) -> None:
    path = project.root / "shop.duckdb"
    script = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('create or replace table b as select 99 as id')"
    with Run(project) as run:
        a, b, _ = run.order()
        assert isinstance(run.build(a), ReuseResult)
        run.sessions.close()
        subprocess.run([sys.executable, "-c", script, str(path)], check=True, capture_output=True)
        assert isinstance(run.build(b), BuildResult)


def test_a_mark_is_another_one_after_each_commit_and_stays_after_what_is_rolled_back(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table t as select 1 as id")
        marks = []
        for statement in (
            "select * from t",
            "insert into t values (2)",
            "delete from t where id = 2",
            "comment on table t is 'x'",
            "create view v as select * from t",
            "drop view v",
            "checkpoint",
            "create table big as select range as i, random() as r from range(500000)",
            "drop table big",
            "force checkpoint",
        ):
            connection.execute(statement)
            assert file_mark([path]) is None or statement == "select * from t"  # too young to tell
            time.sleep(0.12)
            marks.append(file_mark([path]))
            connection.execute("begin")
            connection.execute("create table other as select 1 as id")
            connection.execute("rollback")
            assert file_mark([path]) == marks[-1]
        assert None not in marks
        assert len(set(marks)) == len(marks)


def test_a_copy_in_the_place_of_a_file_has_another_mark_whatever_its_size_and_time(tmp_path: Path) -> None:
    path, copy = tmp_path / "x.duckdb", tmp_path / "copy.duckdb"
    duckdb.connect(str(path)).execute("create table t as select 1 as id").close()
    shutil.copy2(path, copy)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    before = file_mark([path])
    assert before is not None
    os.utime(copy, (1_700_000_000, 1_700_000_000))
    copy.replace(path)
    assert path.stat().st_mtime == 1_700_000_000
    assert file_mark([path]) != before


def test_a_log_that_a_killed_process_left_is_part_of_the_mark(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    duckdb.connect(str(path)).execute("create table t as select 1 as id").close()
    time.sleep(0.12)
    before = file_mark([path])
    insert = "c = duckdb.connect(sys.argv[1]); c.execute('insert into t values (2)')"
    killed = f"import duckdb, os, sys; {insert}; os._exit(9)"
    subprocess.run([sys.executable, "-c", killed, str(path)], check=False, capture_output=True)
    assert Path(f"{path}.wal").exists()
    time.sleep(0.12)
    assert before is not None
    assert file_mark([path]) != before


def test_what_is_not_there_has_no_mark(tmp_path: Path) -> None:
    assert file_mark([tmp_path / "nowhere.duckdb"]) is None

"""`fft cache clear`: records are forgotten, rows are not."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from test_build_command import fft, write

from fft_core import Request, load_project, make_plan, open_warehouse
from fft_core.compile.identity import Identities
from fft_core.operations.forget import recorded_builds
from fft_core.run.rebuilder import Rebuilder
from fft_core.run.turn import build_or_reuse

SHOP = {
    "project.yml": "name: shop\nversion: '1'\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: dev.duckdb}}\n",
    "seeds/users.csv": "id,name\n1,ann\n2,bob\n",
    "models/mart.ff.sql": "select count(*) as n from {{ ref('users') }}",
    "models/seen.ff.sql": """\
        {{ config(materialized='incremental', unique_key='id') }}
        select id, name from {{ ref('users') }}
        """,
    "models/history.ff.sql": """\
        {{ config(materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': 'all'}) }}
        select id, name from {{ ref('users') }}
        """,
}


def build(root: Path) -> None:
    project = load_project(root, environment={})
    with open_warehouse(project) as warehouse:
        rebuilder = Rebuilder(project, Identities(project, warehouse.compiler), Request())
        for node in project.stored():
            build_or_reuse(warehouse, rebuilder, node)


def due(root: Path) -> set[str]:
    project = load_project(root, environment={})
    with open_warehouse(project, read_only=True) as warehouse:
        return {decision.name for decision in make_plan(warehouse).builds}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, SHOP)
    build(tmp_path)
    assert due(tmp_path) == set()
    return tmp_path


def test_what_is_forgotten_is_built_the_next_time_and_keeps_its_rows(root: Path) -> None:
    listed = fft("cache", "clear", root, "--select", "seen history mart", "--dry-run")
    assert (listed.code, listed.err, listed.lines[-1]) == (0, "", "3 to forget, 0 without a record")
    assert due(root) == set()
    cleared = fft("cache", "clear", root, "--select", "seen history mart")
    said = {line.split()[1]: line for line in cleared.lines[:-1]}
    assert said["seen"].endswith("UTC; its rows stay, and the next build adds an increment")
    assert said["history"].endswith("UTC; its versions stay, and the next build adds to them")
    assert said["mart"].endswith("UTC")
    assert cleared.lines[-1] == "3 forgotten, 0 without a record"
    assert due(root) == {"seen", "history", "mart"}
    with duckdb.connect(str(root / "dev.duckdb")) as connection:
        connection.execute("insert into seen values (9, 'kept')")
    build(root)
    assert due(root) == set()
    with duckdb.connect(str(root / "dev.duckdb")) as connection:
        assert connection.execute("select name from seen where id = 9").fetchall() == [("kept",)]
        assert connection.execute("select count(*) from history").fetchall() == [(2,)]


def test_without_a_selection_all_are_forgotten_and_what_has_no_record_is_said(root: Path) -> None:
    with duckdb.connect(str(root / "dev.duckdb")) as connection:
        connection.execute("update _ff_meta set parts = 'no JSON' where node_name = 'mart'")
        connection.execute("delete from _ff_meta where node_name = 'users'")
    assert fft("plan", root).code == 1  # a record that cannot be read
    cleared = fft("cache", "clear", root)
    assert (cleared.lines[0], cleared.lines[-1]) == ("users no record", "3 forgotten, 1 without a record")
    assert due(root) == {"users", "mart", "seen", "history"}
    with open_warehouse(load_project(root, environment={}), read_only=True) as warehouse:
        assert recorded_builds(warehouse) == {}


def test_a_database_that_is_not_there_is_not_made_and_a_wrong_name_is_an_error(tmp_path: Path) -> None:
    root = write(tmp_path, SHOP)
    assert fft("cache", "clear", root).lines[-1] == "0 forgotten, 4 without a record"
    assert not (root / "dev.duckdb").exists()
    wrong = fft("cache", "clear", root, "--select", "marts")
    assert (wrong.code, wrong.err) == (
        2,
        "error: 'marts' is not a model or seed [FFT-301]\n    hint: Did you mean 'mart'?\n",
    )
    assert fft("cache", "clean").code == 2

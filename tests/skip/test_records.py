"""The store: what is recorded, when it is believed, and what happens where it cannot be."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from fft_process import run_process
from skip_helpers import CSV, Place, built, place

from fft_core import StateError

FILES = {
    "seeds/users.csv": CSV,
    "models/t.ff.sql": "select id, name from {{ ref('users') }}",
    "models/v.ff.sql": "{{ config(materialized='view') }} select id from {{ ref('t') }}",
}
CHECK = "name: skips\nversion: '1'\ntests:\n  - {type: row_count_between, table: t, min_rows: 1, max_rows: 2}\n"


def fft(*arguments: str) -> CompletedProcess[str]:
    return run_process(sys.executable, "-m", "fft_cli", *arguments)


def test_the_columns_are_those_of_fft_and_ours_after_them(tmp_path: Path) -> None:
    made = built(tmp_path, FILES)
    columns = made.sql("select column_name from duckdb_columns() where table_name = '_ff_meta' order by column_index")
    names = [name for (name,) in columns]
    assert names[:5] == ["node_name", "relation", "fingerprint", "engine", "built_at"]
    rows = made.sql("select node_name, relation, engine, length(fingerprint) from _ff_meta order by node_name")
    assert rows == [(name, f"db.main.{name}", "duckdb", 64) for name in ("t", "users", "v")]


def test_a_build_replaces_the_one_record(tmp_path: Path) -> None:
    made = built(tmp_path, FILES)
    before = made.sql("select fingerprint from _ff_meta where node_name = 't'")
    made.write({"models/t.ff.sql": "select id from {{ ref('users') }}"})
    made.build()
    after = made.sql("select fingerprint from _ff_meta where node_name = 't'")
    assert len(after) == 1
    assert after != before


@pytest.mark.parametrize(
    "text", ["select id, name || '!' as name, 1 as extra from {{ ref('users') }}, range(9)", "select 1 / 'x'"]
)
def test_a_build_that_fails_leaves_record_and_table_alone(tmp_path: Path, text: str) -> None:
    made = built(tmp_path, {**FILES, "project.yml": CHECK})
    look = "select m, t from (select * from _ff_meta) as m, (select * from t) as t order by all"
    before = made.sql(look)
    made.write({"models/t.ff.sql": text})
    assert "t" in made.build().failed
    assert made.sql(look) == before
    made.write(FILES)
    assert not made.due()


BY_HAND = {
    "dropped": (["drop table t"], "relation_missing"),
    "replaced": (["create or replace table t as select id, 'x' as name from users"], "relation_replaced"),
    "renamed_over": (
        ["create table u as select id, 'x' as name from users", "drop table t", "alter table u rename to t"],
        "relation_replaced",
    ),
    "swapped": (
        ["alter table t rename to w", "alter table users rename to t", "alter table w rename to users"],
        "relation_replaced",
    ),
    "view_instead": (["drop table t", "create view t as select id, name from users"], "relation_replaced"),
    "emptied": (["truncate t"], "relation_replaced"),
    "rows_inserted": (["insert into t select * from t limit 1"], "relation_replaced"),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_table_that_was_changed_by_hand_is_built(tmp_path: Path, name: str) -> None:
    statements, kind = BY_HAND[name]
    made = built(tmp_path, FILES)
    made.sql(*statements)  # each use of the place opens the file again
    assert kind in made.due()["t"]
    made.build()
    assert made.sql("select name from t order by id") == [("ann",), ("bob",)]
    assert not made.due()


def test_a_table_whose_rows_were_deleted_by_hand_is_built(tmp_path: Path) -> None:
    made = built(tmp_path, FILES)
    made.sql("delete from t where id = 1")
    made.sql("checkpoint")
    assert made.due()["t"] == ["relation_replaced"]


def test_a_table_that_was_altered_by_hand_is_built(tmp_path: Path) -> None:
    made = built(tmp_path, FILES)
    made.sql("alter table t rename name to label")
    assert made.due()["t"] == ["relation_replaced"]


@pytest.mark.parametrize(
    "statement",
    ["drop view v", "create or replace view v as select id + 1 as id from t", "drop view v; create table v as from t"],
)
def test_a_view_that_was_changed_by_hand_is_built(tmp_path: Path, statement: str) -> None:
    made = built(tmp_path, FILES)
    made.sql(statement)
    assert set(made.due()) == {"v"}
    made.build()
    assert made.sql("select id from v order by id") == [(1,), (2,)]


def test_the_size_of_a_table_is_exact_right_after_a_build_and_after_a_reopen(tmp_path: Path) -> None:
    """A needless build would show here: the number of rows that DuckDB gives is called an estimate."""
    sizes = [0, 1, 2047, 2048, 2049, 122_880, 122_881, 300_000]
    made = built(tmp_path, {f"models/m{n}.ff.sql": f"select i from range({n}) as r(i)" for n in sizes})
    assert not made.due()
    made.sql("checkpoint")
    assert not made.due()


def test_a_view_is_built_again_where_the_database_has_another_name(tmp_path: Path) -> None:
    """DuckDB's views name the catalog, which is the file's stem; the tables are as good as before."""
    made = built(tmp_path, FILES)
    (tmp_path / "db.duckdb").rename(tmp_path / "moved.duckdb")
    made.write({"profiles.yml": "dev: {engine: duckdb, duckdb: {path: moved.duckdb}}\n"})
    assert made.due() == {"v": ["relation_replaced"]}
    made.build()
    assert made.sql("select id from v order by id") == [(1,), (2,)]


# --- records that are not ours, or not readable -----------------------------------------------------------------------


def test_records_of_the_original_fft_are_no_reason_to_skip(tmp_path: Path) -> None:
    made = place(tmp_path, FILES)
    made.sql(
        "create table _ff_meta (node_name varchar, relation varchar, fingerprint varchar, engine varchar, "
        "built_at timestamp)",
        "insert into _ff_meta values ('t', 't', 'abc', 'duckdb', now()), ('gone', 'gone', 'def', 'duckdb', now())",
        "create table t as select 1 as id, 'x' as name",
    )
    assert set(made.due()) == {"users", "t", "v"}
    assert made.build().built == {"users", "t", "v"}
    assert not made.due()
    assert made.sql("select count(*) from _ff_meta where node_name = 'gone'") == [(1,)]


def test_a_record_of_another_format_is_built_once(tmp_path: Path) -> None:
    made = built(tmp_path, FILES)
    made.sql("""update _ff_meta set parts = '{"version": 0}' where node_name = 't'""")
    assert made.due()["t"] == ["format_changed"]
    made.build()
    assert not made.due()


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return built(tmp_path_factory.mktemp("broken"), FILES)


@pytest.mark.parametrize("parts", ["", "{", "[]", "null", '{"version": 2}', "code", "config", "inputs", "place"])
def test_a_record_that_cannot_be_read_is_an_error_and_never_a_skip(broken: Place, parts: str) -> None:
    ((good,),) = broken.sql("select parts from _ff_meta where node_name = 't'")
    text = json.dumps({**json.loads(str(good)), parts: None}) if parts.isalpha() and parts != "null" else parts
    broken.sql(f"update _ff_meta set parts = '{text}' where node_name = 't'")
    try:
        if not parts:
            assert broken.due()["t"] == ["format_changed"]
            return
        with pytest.raises(StateError, match=r"the build record of 't' in db\.main\._ff_meta cannot be read"):
            broken.plan()
        with pytest.raises(StateError):
            broken.plan("v")
    finally:
        broken.sql(f"update _ff_meta set parts = '{good}' where node_name = 't'")


def test_unreadable_records_end_the_command_with_1_and_a_hint(tmp_path: Path) -> None:
    made = built(tmp_path, FILES)
    made.sql("update _ff_meta set parts = '{' where node_name = 't'")
    for command in ("plan", "build"):
        ended = fft(command, str(tmp_path))
        assert ended.returncode == 1
        assert "the build record of 't'" in ended.stderr
        assert "hint: Delete its row from db.main._ff_meta: then the model is built once more." in ended.stderr
    made.sql("delete from _ff_meta where node_name = 't'")
    assert made.due()["t"] == ["never_built"]


def test_records_of_a_newer_version_are_an_error(tmp_path: Path) -> None:
    made = built(tmp_path, FILES)
    made.sql("insert into _ff_migrations values (99, now())")
    with pytest.raises(StateError, match="written by a newer version of FFT"):
        made.plan()
    assert made.build().failed == {"users", "t", "v"}


def test_a_record_table_without_its_columns_is_an_error(tmp_path: Path) -> None:
    made = built(tmp_path, FILES)
    made.sql("alter table _ff_meta drop column stamp")
    with pytest.raises(StateError, match="cannot be read"):
        made.plan()


def test_records_without_the_list_of_migrations_build_all(tmp_path: Path) -> None:
    made = built(tmp_path, FILES)
    made.sql("drop table _ff_migrations")
    assert set(made.due()) == {"users", "t", "v"}
    made.build()
    assert not made.due()

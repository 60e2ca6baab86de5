"""Models in a second DuckDB file, which the profile attaches: built, skipped, moved, cleaned, and used by others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from written_projects import Files, write_project

from fft_core import FftError, Project, Run, load_project
from fft_core.engines.duckdb.session import DuckDBSession
from fft_core.operations.orphans import find_orphans, remove_orphans

HEAD = 'name: shop\nversion: "1"\n'
SNAPSHOT = "materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': 'all'}"
MODELS: Files = {
    "seeds/orders.csv": "id,amount\n1,2\n2,3\n",
    "seeds/schema.yml": "columns: {orders: {id: integer, amount: integer}}\n",
    "models/old/stg.ff.sql": "{{ config(materialized='view') }} select id, amount from {{ ref('orders') }}",
    "models/old/fct.ff.sql": "select id, amount from {{ ref('orders') }}",
    "models/old/inc.ff.sql": "{{ config(materialized='incremental', unique_key='id') }} select * from {{ ref('fct') }}",
    "models/old/snap.ff.sql": f"{{{{ config({SNAPSHOT}) }}}} select * from {{{{ ref('fct') }}}}",
    "models/old/py.ff.py": """\
        from fft_core import model

        @model(deps=['fct'], materialized='view')
        def py(frame):
            return frame
        """,
    "models/mart.ff.sql": "select count(*) as n from {{ ref('inc') }} join {{ ref('fct') }} using (id)",
    "models/s.yml": "version: 2\nmodels: [{name: fct, columns: [{name: id, tests: [unique]}]}]\n",
}
PLACED = "models: {old: {+catalog: archive, +schema: kept}}\nseeds: {+catalog: archive}\n"


def load(root: Path, text: str = PLACED, files: Files | None = None, **environment: str) -> Project:
    profile = {"engine": "duckdb", "duckdb": {"path": "main.duckdb", "attach": {"archive": "data/old.duckdb"}}}
    own = {"project.yml": HEAD + text, "profiles.yml": json.dumps({"dev": profile})}
    write_project(root, {**MODELS, **own, **(files or {})})
    return load_project(root, "dev", environment=environment)


def build(project: Project) -> dict[str, str]:
    with Run(project) as run:
        return {node.name: run.build(node).decision.action for node in run.order()}


def relations(path: Path) -> set[str]:
    with duckdb.connect(str(path), read_only=True) as there:
        found = there.execute("select table_schema, table_name from information_schema.tables").fetchall()
    return {f"{schema}.{name}" for schema, name in found if not name.startswith("_ff_")}


def test_models_lie_in_both_files_and_are_skipped(tmp_path: Path) -> None:
    project = load(tmp_path)
    assert set(build(project).values()) == {"build"}
    assert relations(tmp_path / "main.duckdb") == {"main.mart"}
    old = {"main.orders", "kept.stg", "kept.fct", "kept.inc", "kept.snap", "kept.py", "kept.__ff_py_py"}
    assert relations(tmp_path / "data" / "old.duckdb") == old
    assert set(build(load(tmp_path)).values()) == {"reuse"}
    changed = load(tmp_path, files={"seeds/orders.csv": "id,amount\n1,2\n2,9\n3,4\n"})
    assert set(build(changed).values()) == {"build"}
    with duckdb.connect(str(tmp_path / "data" / "old.duckdb"), read_only=True) as there:
        assert there.execute("select amount from kept.inc order by id").fetchall() == [(2,), (9,), (4,)]
        assert there.execute("select count(*) from kept.snap").fetchall() == [(4,)]
    assert set(build(changed).values()) == {"reuse"}


def test_a_check_that_fails_publishes_nothing_in_the_other_file(tmp_path: Path) -> None:
    build(load(tmp_path))
    bad = load(tmp_path, files={"models/old/fct.ff.sql": "select 1 as id, amount from {{ ref('orders') }}"})
    with pytest.raises(FftError, match="fct"):
        build(bad)
    with duckdb.connect(str(tmp_path / "data" / "old.duckdb"), read_only=True) as there:
        assert there.execute("select id from kept.fct order by id").fetchall() == [(1,), (2,)]


def test_a_crash_before_the_record_is_one_build_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = load(tmp_path)
    build(project)
    edited = load(tmp_path, files={"models/old/fct.ff.sql": "select id, amount + 1 as amount from {{ ref('orders') }}"})
    whole, begun = DuckDBSession.transaction, list[str]()

    @contextmanager
    def ends(session: DuckDBSession) -> Iterator[None]:
        begun.append("one")
        if len(begun) == 2:  # the one that writes the record
            raise RuntimeError("the process ends")
        with whole(session):
            yield

    with Run(edited) as run:
        run.build(edited.seeds["orders"])
        monkeypatch.setattr(DuckDBSession, "transaction", ends)
        with pytest.raises(RuntimeError, match="the process ends"):
            run.build(edited.models["fct"])
        monkeypatch.undo()
    done = build(edited)
    assert (done["fct"], done["orders"]) == ("build", "reuse")
    assert set(build(edited).values()) == {"reuse"}


def test_what_moves_between_files_is_cleaned_up(tmp_path: Path) -> None:
    build(load(tmp_path))
    here = load(tmp_path, "")
    assert build(here)["fct"] == "build"
    with Run(here) as run, run.open() as warehouse:
        orphans = find_orphans(warehouse)
        assert {orphan.recorded.relation.catalog for orphan in orphans} == {"archive"}
        assert remove_orphans(warehouse, orphans) == {}
    assert relations(tmp_path / "data" / "old.duckdb") == set()
    assert set(build(here).values()) == {"reuse"}


def test_the_variable_wins(tmp_path: Path) -> None:
    project = load(tmp_path, FF_DUCKDB_ATTACH="archive=other/here.duckdb")
    build(project)
    assert "kept.fct" in relations(tmp_path / "other" / "here.duckdb")
    assert not (tmp_path / "data").exists()


WRONG: dict[str, tuple[Any, str]] = {
    "a list": (["a.duckdb"], "must be a mapping of names to paths"),
    "reserved": ({"temp": "a.duckdb"}, "cannot be attached as 'temp'"),
    "the same file": ({"x": "main.duckdb"}, "cannot be attached as 'x': DuckDB attaches it as 'main_db'"),
    "no database": ({"x": "models/mart.ff.sql"}, "cannot attach"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told(tmp_path: Path, case: str) -> None:
    attach, said = WRONG[case]
    profile = {"engine": "duckdb", "duckdb": {"path": "main.duckdb", "attach": attach}}
    write_project(tmp_path, {**MODELS, "project.yml": HEAD, "profiles.yml": json.dumps({"dev": profile})})
    with pytest.raises(FftError, match=said):
        build(load_project(tmp_path, "dev", environment={}))


def test_a_catalog_that_is_not_attached_is_told(tmp_path: Path) -> None:
    with pytest.raises(FftError, match=r"(?i)catalog.*nowhere"):
        build(load(tmp_path, "models: {mart: {+catalog: nowhere}}\n"))


def test_postgres_has_one_database(tmp_path: Path, postgres_dsn: str, postgres_schema: str) -> None:
    profile = {"engine": "postgres", "postgres": {"dsn": postgres_dsn, "db_schema": postgres_schema}}
    for database, said in (("elsewhere", "'mart' would be in the database 'elsewhere', but"), (None, "")):
        named = database or postgres_dsn.rpartition("/")[2].partition("?")[0]
        own = {
            "project.yml": HEAD + f"models: {{mart: {{+database: {named}}}}}\n",
            "profiles.yml": json.dumps({"dev": profile}),
        }
        project = load_project(write_project(tmp_path, {**MODELS, **own}), "dev", environment={})
        if said:
            with pytest.raises(FftError, match=said):
                build(project)
        else:
            assert set(build(project).values()) == {"build"}
            assert set(build(project).values()) == {"reuse"}

"""What another environment has built is copied into this one, and the next plan builds none of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from run_helpers import called_fft
from two_environments import FILES, KINDS, Environments, environments, of_kind

from fft_core import open_warehouse
from fft_core.errors import RequestError
from fft_core.operations.clone import clone

MORE = {
    **FILES,
    "models/steps.ff.sql": """\
        {{ config(materialized='incremental', unique_key='id') }}
        select id, name from {{ ref('users') }}
        """,
    "models/history.ff.sql": """\
        {{ config(materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': 'all'}) }}
        select id, name from {{ ref('users') }}
        """,
    "models/shown.ff.py": """\
        import pandas as pd
        from fft_core import model

        @model(deps=["loud"], materialized="view")
        def shown(loud: pd.DataFrame) -> pd.DataFrame:
            return loud[["id"]]
        """,
    "models/twice.ff.sql": "{{ config(materialized='view') }} select * from {{ ref('loud') }} where id < 3",
    "models/ids.ff.sql": "select id from {{ ref('twice') }}",
    "project.yml": """\
        name: shop
        version: '1'
        tests:
          - {type: unique, table: users, column: id}
          - {type: not_null, table: loud, column: name}
          - {type: relationships, table: ids, column: id, to: users, field: id}
        """,
}
ALL = {"raw_users", "users", "loud", "counted", "louder", "ends", "steps", "history", "shown", "twice", "ids"}


@pytest.fixture(params=KINDS)
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Environments]:
    for made in of_kind(request, tmp_path):
        made.write(MORE)
        yield made


def cloned(both: Environments, *names: str, force: bool = False, dry_run: bool = False) -> dict[str, str]:
    with open_warehouse(both.load()) as warehouse:
        done = clone(warehouse, "prod", frozenset(names) or None, force=force, dry_run=dry_run)
        return {one.name: one.outcome for one in done}


def test_after_a_clone_nothing_is_built_and_all_rows_are_equal(both: Environments) -> None:
    both.build(env="prod")
    before = both.state("prod")
    views = {"loud", "louder", "twice"}
    assert cloned(both, dry_run=True) == {name: "view" if name in views else "copied" for name in ALL}
    assert not both.is_there("users")
    assert cloned(both) == {name: "view" if name in views else "copied" for name in ALL}
    plan = both.plan(defer="")
    assert {d.name for d in plan.decisions} == ALL
    assert {d.name: list(map(str, d.reasons)) for d in plan.builds} == {}
    for name in ALL:
        assert both.rows(name) == both.rows(name, "prod"), name
    assert both.state("prod") == before
    assert set(both.build(defer="").values()) == {"reuse"}
    assert cloned(both) == dict.fromkeys(ALL, "kept")


def test_a_view_reads_what_lies_here(both: Environments) -> None:
    both.build(env="prod")
    cloned(both)
    both.write({"seeds/raw_users.csv": "id,name\n7,gus\n"})
    both.build(env="prod")
    assert both.rows("loud", "dev") == [(1, "ANN"), (2, "BOB"), (3, "CYD")]
    assert both.build(defer="")["counted"] == "build"
    assert both.rows("counted") == [(1, "GUS")]


def test_incremental_tables_and_snapshots_go_on_from_what_was_copied(both: Environments) -> None:
    both.build(env="prod")
    both.write({"seeds/raw_users.csv": "id,name\n1,ann\n2,BEN\n"})
    both.build(env="prod")
    cloned(both)
    assert len(both.rows("history")) == 4
    both.write({"seeds/raw_users.csv": "id,name\n1,ann\n2,BEN\n4,dan\n"})
    both.build(defer="")
    assert [row[:2] for row in both.rows("steps")] == [(1, "ann"), (2, "BEN"), (3, "cyd"), (4, "dan")]
    assert len(both.rows("history")) == 5


def test_what_is_newer_here_stays_unless_it_is_forced(both: Environments) -> None:
    both.build(env="prod")
    both.write({"seeds/raw_users.csv": "id,name\n9,zed\n"})
    both.build("raw_users", "users", "history", defer="")
    done = cloned(both, "users", "history", "steps")
    assert done == {"users": "kept", "history": "kept", "steps": "copied"}
    assert both.rows("users") == [(9, "zed")]
    assert cloned(both, "users", "history", force=True) == {"users": "copied", "history": "copied"}
    assert both.rows("users") == both.rows("users", "prod")
    both.build(env="prod", rebuild=("*",))
    both.write({"seeds/raw_users.csv": "id,name\n9,zoe\n"})
    both.build(env="prod")
    assert cloned(both, "users", "history") == {"users": "copied", "history": "kept"}  # users is older here
    assert both.rows("users") == [(9, "zoe")]


def test_what_nobody_recorded_here_stays(both: Environments) -> None:
    both.build(env="prod")
    with open_warehouse(both.load()) as warehouse:
        relation = warehouse.relation("users")
        warehouse.engine.create_schema(relation)
        warehouse.engine.execute(f"create table {relation.sql(warehouse.engine.spelling)} as select 5 as five")
    assert cloned(both, "users") == {"users": "kept"}
    assert both.rows("users") == [(5,)]
    assert cloned(both, "users", force=True) == {"users": "copied"}
    assert len(both.rows("users")) == 3


def test_only_what_was_built_there_as_recorded_is_copied(both: Environments) -> None:
    both.build("raw_users", "users", "louder", env="prod")
    with open_warehouse(both.load("prod")) as warehouse:
        relation = warehouse.relation("users").sql(warehouse.engine.spelling)
        warehouse.engine.execute(f"alter table {relation} add column more integer")
    assert cloned(both, "raw_users", "users", "ends") == {
        "raw_users": "copied", "users": "missing", "ends": "missing",
    }  # fmt: skip


def test_code_that_differs_here_is_a_difference_after_the_clone_too(both: Environments) -> None:
    both.build(env="prod")
    both.write(
        {
            "models/users.ff.sql": "select id, name || '' as name from {{ ref('raw_users') }}",
            "models/louder.ff.sql": "{{ config(materialized='view') }} select 1 as id, 'x' as name",
        }
    )
    done = cloned(both)
    assert (done["users"], done["louder"], done["loud"]) == ("copied", "missing", "view")
    reasons = {d.name: {reason.kind for reason in d.reasons} for d in both.plan(defer="").builds}
    assert reasons["users"] == {"code_changed"}
    assert reasons["louder"] == {"never_built"}


def test_what_both_environments_have_in_one_place_is_left_alone(tmp_path: Path) -> None:
    with environments("second schema", tmp_path, None) as both:
        both.write({"seeds/schema.yml": "targets: {raw_users: {schema: raw}}\n"})
        both.build(env="prod")
        assert cloned(both, "raw_users", "users", force=True) == {"raw_users": "kept", "users": "copied"}
        assert both.build("raw_users", env="prod") == {"raw_users": "reuse"}


def test_the_command_copies_and_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with environments("second file", tmp_path, None, MORE) as both:
        root = str(both.root)
        gone = called_fft(("clone", "--from", "prod", root), monkeypatch, capfd)
        assert (gone.code, "the file does not exist" in gone.err) == (1, True)
        both.build(env="prod")
        for env, said in (("prdo", "Did you mean 'prod'"), ("dev", "is the current environment")):
            wrong = called_fft(("clone", "--from", env, root), monkeypatch, capfd)
            assert (wrong.code, said in wrong.err) == (2, True)
        done = called_fft(("clone", "--from", "prod", "--select", "users", "loud", "--json", root), monkeypatch, capfd)
        assert done.code == 2  # two arguments
        done = called_fft(("clone", "--from", "prod", "--select", "users loud", "--json", root), monkeypatch, capfd)
        told = json.loads(done.out)
        assert [(n["name"], n["outcome"], n["rows"]) for n in told["nodes"]] == [
            ("users", "copied", 3), ("loud", "view", None),
        ]  # fmt: skip
        text = called_fft(("clone", "--from", "prod", "--select", "users", root), monkeypatch, capfd)
        assert "kept" in text.out
        assert "0 copied from prod, 1 unchanged" in text.out


def test_a_place_is_not_copied_into_itself(tmp_path: Path) -> None:
    with environments("second file", tmp_path, None) as both:
        both.write(
            {"profiles.yml": "".join(f"{e}: {{engine: duckdb, duckdb: {{path: x.duckdb}}}}\n" for e in ("dev", "prod"))}
        )
        both.build(env="prod")
        with pytest.raises(RequestError, match="is in the same place"):
            cloned(both)

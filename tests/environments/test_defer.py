"""What is neither selected nor built here is read from another environment."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sweeps import FIRST_SEED, examples
from two_environments import KINDS, Environments, environments, of_kind

from fft_core import FftError, Run
from fft_core.errors import ConnectError, MissingRelationError, RequestError
from fft_core.run.select.facts import select_nodes


@pytest.fixture(params=KINDS)
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Environments]:
    yield from of_kind(request, tmp_path)


CHANGED = "id,name\n1,ann\n2,bob\n3,zoe\n4,xia\n"


def test_what_is_not_selected_is_read_there_and_nothing_is_written_there(both: Environments) -> None:
    both.build(env="prod")
    before = both.state("prod")
    assert both.build("counted") == {"counted": "build"}
    assert both.rows("counted") == [(3, "CYD")]
    assert not both.is_there("loud")
    assert both.build("loud", "counted") == {"loud": "build", "counted": "build"}
    assert both.rows("loud") == both.rows("loud", "prod")
    assert both.state("prod") == before


def test_the_plan_says_where_each_input_is_read(both: Environments) -> None:
    both.build(env="prod")
    both.build("users")
    plan = both.plan("loud", "louder", "raw_users")
    with_places = {d.name: [(read.name, read.environment) for read in d.reads] for d in plan.decisions}
    assert with_places == {"raw_users": [], "loud": [("users", "dev")], "louder": [("users", "dev")]}
    (counted,) = both.plan("counted").decisions
    (read,) = counted.reads
    assert (read.name, read.environment) == ("loud", "prod")
    schema = both.profiles["prod"].get("schema") or both.profiles["prod"].get("db_schema") or "main"
    assert read.relation.endswith(f"{schema}.loud")
    assert counted.to_json()["reads"] == [{"name": "loud", "relation": read.relation, "environment": "prod"}]


def test_what_reads_there_is_reused_until_the_rows_there_change(both: Environments) -> None:
    both.build(env="prod")
    both.build("counted", "loud")
    assert both.build("counted", "loud") == {"counted": "reuse", "loud": "reuse"}
    both.build(env="prod", rebuild=("*",))  # equal rows
    assert both.build("counted", "loud") == {"counted": "reuse", "loud": "reuse"}
    both.write({"seeds/raw_users.csv": CHANGED})
    both.build(env="prod")
    assert both.build("counted", "loud") == {"counted": "build", "loud": "build"}
    assert both.rows("counted") == [(4, "ZOE")]


def test_a_view_there_has_the_version_of_the_rows_below_it(both: Environments) -> None:
    both.build(env="prod")
    both.build("counted")
    both.write({"seeds/raw_users.csv": CHANGED})
    both.build("raw_users", "users", env="prod")  # the view over it is left as it is
    assert both.build("counted") == {"counted": "build"}
    assert both.rows("counted") == [(4, "ZOE")]


def test_an_input_that_is_built_here_later_is_read_here(both: Environments) -> None:
    both.build(env="prod")
    both.build("counted", "loud")
    both.write({"seeds/raw_users.csv": CHANGED})
    both.build("raw_users", "users")
    plan = {d.name: "; ".join(map(str, d.reasons)) for d in both.plan("counted", "loud").builds}
    assert "users was not read before" in plan["loud"]
    assert ".users is no longer read" in plan["loud"]
    assert both.build("counted", "loud") == {"counted": "build", "loud": "build"}
    assert both.rows("counted") == [(4, "ZOE")]
    assert both.build("counted", "loud", defer="") == {"counted": "reuse", "loud": "reuse"}


def test_a_table_is_reused_if_the_input_that_is_built_here_has_equal_rows_and_a_view_is_not(both: Environments) -> None:
    """The text of a view names where it reads: it would follow the other environment."""
    both.write({"models/copied.ff.sql": "select * from {{ ref('users') }}"})
    both.build(env="prod")
    both.build("copied", "louder")
    both.build("users")
    assert both.build("copied", "louder") == {"copied": "reuse", "louder": "build"}


def test_a_view_here_over_rows_there_counts_by_those(both: Environments) -> None:
    both.build(env="prod")
    both.build("louder", "ends")
    both.write({"seeds/raw_users.csv": CHANGED})
    both.build(env="prod")
    assert both.build("ends") == {"ends": "build"}
    assert (4, "xia!") in both.rows("ends")


def test_what_is_nowhere_is_an_error_that_names_both_places(both: Environments) -> None:
    both.build("raw_users", env="prod")
    for act in (both.plan, both.build):
        with pytest.raises(MissingRelationError, match=r"neither here \(.*\) nor in prod") as raised:
            act("loud")
        message = str(raised.value)
        assert message.count("users") >= 3
        assert "models/loud.ff.sql" in message
        for settings in both.profiles.values():
            said = settings.get("schema") or settings.get("db_schema")
            assert said is None or said in message


def test_what_differs_from_the_other_environment_needs_no_artifact(both: Environments) -> None:
    both.build(env="prod")
    assert _modified(both) == set()
    both.write({"models/louder.ff.sql": "{{ config(materialized='view') }} select id, name from {{ ref('users') }}"})
    both.write({"models/new.ff.sql": "select 1 as one"})
    assert _modified(both) == {"louder", "new"}
    both.environment["FF_DUCKDB_THREADS" if both.engine == "duckdb" else "FF_PG_LOCK_TIMEOUT_SECONDS"] = "1"
    assert _modified(both) == {"louder", "new"}
    both.environment["FF_RATE"] = "2"  # it may count
    assert _modified(both) >= {"users", "counted"}


def _modified(both: Environments) -> set[str]:
    project = both.load()
    return set(select_nodes(project, ["state:modified"], run=Run(project, defer="prod")))


def test_checks_look_into_what_is_read_there(both: Environments) -> None:
    relation = "{type: relationships, table: counted, column: n, to: users, field: id}"
    both.write({"project.yml": f"name: shop\nversion: '1'\ntests:\n  - {relation}\n"})
    both.build(env="prod")
    assert both.build("counted") == {"counted": "build"}
    with Run(both.load(), nodes=frozenset(), defer="prod") as run:
        (result,) = run.check("counted")
    assert result.passed is True
    assert result.row_count == 1


def test_python_models_read_there(both: Environments) -> None:
    both.write(
        {
            "models/py.ff.py": """\
            import pandas as pd
            from fft_core import model

            @model(deps=["users"])
            def py(users: pd.DataFrame) -> pd.DataFrame:
                return users[["id"]]
            """
        }
    )
    both.build(env="prod")
    assert both.build("py") == {"py": "build"}
    assert both.rows("py") == [(1,), (2,), (3,)]


@pytest.mark.parametrize("kind", ["second file", "second schema", "postgres"])
def test_sources_that_are_not_here_are_read_there(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    files = {
        "project.yml": "name: shop\nversion: '1'\n",
        "sources.yml": "version: 2\nsources: [{name: crm, tables: [{name: people}]}]\n",
        "models/users.ff.sql": "select id from {{ source('crm', 'people') }}",
    }
    dsn = request.getfixturevalue("postgres_dsn") if kind == "postgres" else None
    with environments(kind, tmp_path, dsn, files) as both:
        with pytest.raises(MissingRelationError, match="people"):
            both.build(env="prod")
        both.sql("prod", _people(both, "1"))
        both.build(env="prod")
        assert both.build("users") == {"users": "build"}
        assert both.build("users") == {"users": "reuse"}
        assert both.rows("users") == [(1,)]
        both.sql("prod", _people(both, "2", replaces=True))
        assert both.build("users") == {"users": "build"}
        both.sql("dev", _people(both, "3", env="dev"))
        assert both.build("users") == {"users": "build"}
        assert both.rows("users") == [(3,)]


def _people(both: Environments, id: str, *, env: str = "prod", replaces: bool = False) -> str:
    schema = both.profiles[env].get("schema") or both.profiles[env].get("db_schema") or "main"
    name = f'"{schema.replace(chr(34), 2 * chr(34))}".people'
    return f"update {name} set id = {id}" if replaces else f"create table {name} as select {id} as id"


def test_wrong_environments_are_told(tmp_path: Path) -> None:
    with environments("second file", tmp_path, None) as both:
        both.write(
            {
                "profiles.yml": """\
                dev: {engine: duckdb, duckdb: {path: dev.duckdb}}
                prod: {engine: duckdb, duckdb: {path: prod.duckdb}}
                same: {engine: duckdb, duckdb: {path: ./dev.duckdb}}
                gone: {engine: duckdb, duckdb: {path: nowhere/gone.duckdb}}
                memory: {engine: duckdb, duckdb: {path: ":memory:"}}
                text: {engine: duckdb, duckdb: {path: project.yml}}
                server: {engine: postgres, postgres: {dsn: "postgresql://me@localhost/x"}}
                """
            }
        )
        both.build(env="dev", defer="")
        for env, kind, said in [
            ("prdo", RequestError, "the environment 'prdo'.*\n.*Did you mean 'prod'"),
            ("dev", RequestError, "'dev' is the current environment"),
            ("same", RequestError, "is in the same place as 'dev'"),
            ("server", RequestError, "on postgres, and 'dev' on duckdb"),
            ("memory", RequestError, "in memory"),
            ("gone", ConnectError, "gone.duckdb: the file does not exist"),
            ("text", ConnectError, "cannot read .*project.yml"),
        ]:
            with pytest.raises(kind, match=said):
                both.plan("counted", defer=env)
        both.environment["FF_DUCKDB_PATH"] = "elsewhere.duckdb"
        both.build(env="dev", defer="")
        with pytest.raises(RequestError, match="FF_DUCKDB_PATH is set, and overrides every profile"):
            both.plan("counted", defer="prod")


def test_another_database_of_a_server_is_told_without_the_password(tmp_path: Path, postgres_dsn: str) -> None:
    with environments("postgres", tmp_path, postgres_dsn) as both:
        text = (tmp_path / "profiles.yml").read_text()
        both.write(
            {"profiles.yml": text + "far: {engine: postgres, postgres: {dsn: 'postgresql://me:s3cret@far.invalid/x'}}"}
        )
        with pytest.raises(RequestError, match=r"another Postgres database: x at far\.invalid:5432") as raised:
            both.plan("counted", defer="far")
        assert "s3cret" not in str(raised.value)


def test_a_role_that_may_only_read_there_is_enough(tmp_path: Path, postgres_dsn: str) -> None:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    with environments("postgres", tmp_path, postgres_dsn) as both:
        both.build(env="prod")
        quoted = both.profiles["prod"]["db_schema"].replace('"', '""')
        with psycopg.connect(postgres_dsn, autocommit=True) as admin:
            database = admin.info.dbname
            admin.execute("drop role if exists fft_reader")
            admin.execute("create role fft_reader login password 'reader'")
            for grant in (
                f'grant create on database "{database}" to fft_reader',
                f'grant usage on schema "{quoted}" to fft_reader',
                f'grant select on all tables in schema "{quoted}" to fft_reader',
            ):
                admin.execute(grant.encode())
            try:
                given = conninfo_to_dict(postgres_dsn)
                both.environment["FF_PG_DSN"] = " ".join(
                    f"{key}='{value}'" for key, value in {**given, "user": "fft_reader", "password": "reader"}.items()
                )
                assert both.build("loud", "counted") == {"loud": "build", "counted": "build"}
                assert both.rows("counted") == [(3, "CYD")]
                with pytest.raises(FftError, match="permission denied"):
                    both.build("users", env="prod", rebuild=("users",))
            finally:
                own = both.profiles["dev"]["db_schema"].replace('"', '""')
                admin.execute(f'drop schema if exists "{own}" cascade'.encode())
                admin.execute(b"drop owned by fft_reader cascade")
                admin.execute(b"drop role fft_reader")


NODES = ("raw_users", "users", "loud", "counted", "louder", "ends")


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + examples(1, 5)))
def test_after_any_builds_the_rows_are_those_of_a_full_build(both: Environments, seed: int) -> None:
    """In an order by chance: the seed is edited, parts of both environments are built; in the end, all of dev is."""
    chance = random.Random(seed)
    both.build(env="prod")
    for step in range(8):
        names = [name for name in NODES if chance.random() < 0.4] or ["counted"]
        match chance.randrange(4):
            case 0:
                both.write({"seeds/raw_users.csv": f"id,name\n{step % 3},n{step % 3}\n9,nine\n"})
            case 1:
                both.build(*names, env="prod")
            case _:
                both.build(*names)
                assert set(both.build(*names).values()) == {"reuse"}, names
                _equals_what_is_read(both, names)
    assert set(both.build(defer="")) == set(NODES)
    done = {name: both.rows(name) for name in NODES if name != "raw_users"}
    both.build(defer="", rebuild=("*",))
    assert done == {name: both.rows(name) for name in done}


def _equals_what_is_read(both: Environments, names: list[str]) -> None:
    """The rows of what was just built are those that its query has on what it reads, here or there."""
    project = both.load()
    with Run(project, nodes=frozenset(names), defer="prod") as run:
        warehouse = run.sessions.of_thread()
        engine = warehouse.engine
        for name in set(names) - {"raw_users"}:
            query = warehouse.compiler.sql(project.models[name], warehouse.naming)
            published = f"select * from {warehouse.place(name).sql(engine.spelling)}"
            assert sorted(engine.fetch(query)) == sorted(engine.fetch(published)), name

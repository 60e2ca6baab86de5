"""What who reads or changes a table meets while it is built anew on Postgres: old rows or new ones, no deadlock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import published
import pytest
from test_engines import Database

from fft_core import Request, Warehouse, load_project, open_warehouse
from fft_core.compile.identity import Identities
from fft_core.engines.postgres.session import PostgresSession
from fft_core.engines.protocol import PublishMode, open_session
from fft_core.errors import EngineError
from fft_core.names import Relation
from fft_core.run.rebuilder import Rebuilder
from fft_core.run.turn import build_or_reuse

Rows = list[tuple[object, ...]]


@pytest.fixture
def session(postgres_dsn: str, postgres_schema: str) -> Iterator[Callable[..., Database]]:
    opened = list[PostgresSession]()

    def make(**settings: object) -> Database:
        engine = open_session("postgres", {"dsn": postgres_dsn, "db_schema": postgres_schema, **settings})
        assert isinstance(engine, PostgresSession)
        opened.append(engine)
        engine.create_schema(engine.relation("any"))
        return Database(engine, engine.for_thread)

    yield make
    for engine in opened:
        engine.close()


@contextmanager
def began_before(database: Database) -> Iterator[Callable[[str], Rows]]:
    """A REPEATABLE READ transaction that has its snapshot, and has not read the table yet."""
    engine = database.again()
    with engine.transaction():
        engine.execute("set transaction isolation level repeatable read")
        engine.fetch("select 1 from pg_class limit 1")
        yield engine.fetch
    engine.close()


def publish(database: Database, query: str, mode: PublishMode | None = None, name: str = "t") -> Relation:
    return published.publish(database.engine, name, query, mode=mode)


def oid(database: Database, name: str = "t") -> object:
    return database.engine.fetch(f"select '{name}'::regclass::oid::bigint")[0][0]


OLD, NEW = "select i as a from generate_series(1, 3) as i", "select i * 10 as a from generate_series(1, 4) as i"
NEW_ROWS = [(10,), (20,), (30,), (40,)]


def test_who_began_before_a_table_was_built_reads_the_old_rows(session: Callable[..., Database]) -> None:
    database = session()
    publish(database, OLD)
    with began_before(database) as fetch:
        publish(database, NEW)
        assert fetch("select a from t order by a") == [(1,), (2,), (3,)]
    assert database.engine.fetch("select a from t order by a") == NEW_ROWS


def test_who_began_before_a_swap_reads_nothing(session: Callable[..., Database]) -> None:
    """By the rules of Postgres; docs/reference/engines.md says it. It is a failure of the docs if this changes."""
    database = session()
    publish(database, OLD)
    with began_before(database) as fetch:
        publish(database, NEW, "swap")
        assert fetch("select a from t") == []
    assert database.engine.fetch("select a from t order by a") == NEW_ROWS


@pytest.mark.parametrize(
    ("limit", "mode", "is_swapped"),
    [(16, None, False), (0, None, True), (0, "in_place", False), (16, "swap", True), (16, "in_place", False)],
)
def test_the_model_says_how_and_else_the_size(
    session: Callable[..., Database], limit: int, mode: PublishMode | None, is_swapped: bool
) -> None:
    database = session(replace_in_place_up_to_mb=limit)
    publish(database, OLD)
    before = oid(database)
    publish(database, NEW, mode)
    assert (oid(database) != before) is is_swapped
    assert database.engine.fetch("select a from t order by a") == NEW_ROWS


def test_a_table_beyond_the_size_is_swapped(session: Callable[..., Database]) -> None:
    database = session(replace_in_place_up_to_mb=1)
    large = "select i as a, repeat('x', 100) as b from generate_series(1, {}) as i"
    publish(database, large.format(2_000))
    small = oid(database)
    publish(database, large.format(3_000))
    assert oid(database) == small
    publish(database, large.format(20_000))
    assert oid(database) != small


def test_a_table_of_dead_rows_is_swapped(session: Callable[..., Database]) -> None:
    database = session(replace_in_place_up_to_mb=1)
    publish(database, "select i as a, repeat('x', 1000) as b from generate_series(1, 6000) as i", "in_place")
    before = oid(database)
    publish(database, "select 1 as a, 'x' as b")
    assert oid(database) != before


def test_the_first_table_needs_no_other(session: Callable[..., Database]) -> None:
    database = session()
    publish(database, OLD, "in_place", "first")
    publish(database, OLD, "swap", "second")
    assert database.engine.fetch("select count(*) from first, second") == [(9,)]


@pytest.mark.parametrize("mode", [None, "swap", "in_place"])
def test_what_hangs_on_a_table_survives_each_way(session: Callable[..., Database], mode: PublishMode | None) -> None:
    database = session()
    publish(database, "select 1 as a, 'x' as b")
    for statement in (
        "create view over as select a from t",
        "grant select on t to public",
        "create unique index by_a on t (a)",
        "create table child (a int references t (a) on delete cascade deferrable)",
        "create function noted() returns trigger language plpgsql as 'begin return new; end'",
        "create trigger tells after insert on t for each row execute function noted()",
        "alter table t replica identity full",
        "comment on column t.b is 'b'",
    ):
        database.engine.execute(statement)
    before = oid(database)
    publish(database, "select 2 as a, 'y' as b", mode)
    assert oid(database) == before
    assert database.engine.fetch("select a from over") == [(2,)]
    assert database.engine.fetch("select count(*) from pg_trigger where tgrelid = 't'::regclass and tgname = 'tells'")


GUARDS = {
    "a rule that keeps rows": ["create rule keep as on delete to t do instead nothing"],
    "a trigger that keeps rows": [
        "create function keep() returns trigger language plpgsql as 'begin return null; end'",
        "create trigger keeps before delete on t for each row execute function keep()",
    ],
    "a trigger that drops new rows": [
        "create function refuse() returns trigger language plpgsql as 'begin return null; end'",
        "create trigger refuses before insert on t for each row execute function refuse()",
    ],
    "a rule that drops new rows": ["create rule refuse as on insert to t do instead nothing"],
}


@pytest.mark.parametrize("guard", GUARDS)
def test_others_cannot_make_half_of_the_rows_be_published(session: Callable[..., Database], guard: str) -> None:
    database = session()
    publish(database, OLD)
    for statement in GUARDS[guard]:
        database.engine.execute(statement)
    with pytest.raises(EngineError, match=r"\.t cannot be replaced: a trigger or rule"):
        publish(database, NEW)
    assert database.engine.fetch("select a from t order by a") == [(1,), (2,), (3,)]


def test_a_policy_that_hides_rows_of_the_builder_is_a_refusal(
    session: Callable[..., Database], postgres_dsn: str, postgres_schema: str
) -> None:
    role = f"builder_{postgres_schema}"
    owner = session()
    owner.engine.execute(f"create role {role}")
    try:
        owner.engine.execute(f'grant all on schema "{postgres_schema}" to {role}')
        builder = session(dsn=f"{postgres_dsn}?options=-crole%3D{role}")
        publish(builder, OLD)
        for statement in (
            "alter table t enable row level security",
            "alter table t force row level security",
            "create policy few on t using (a > 1)",
        ):
            builder.engine.execute(statement)
        with pytest.raises(EngineError, match=r"\.t cannot be replaced: .*polic"):
            publish(builder, NEW)
        assert owner.engine.fetch("select a from t order by a") == [(1,), (2,), (3,)]
    finally:
        owner.engine.execute(f"drop owned by {role}")
        owner.engine.execute(f"drop role {role}")


def test_a_table_that_is_published_with_all_others_is_swapped(
    session: Callable[..., Database], postgres_schema: str
) -> None:
    """Its rows cannot be deleted: it has no key by which a subscriber would know them."""
    database = session()
    publish(database, OLD)
    name = f"pub_{postgres_schema}"
    database.engine.execute(f'create publication {name} for tables in schema "{postgres_schema}"')
    try:
        for mode in (None, "in_place", "swap"):
            publish(database, NEW, mode)
            assert database.engine.fetch("select a from t order by a") == NEW_ROWS
    finally:
        database.engine.execute(f"drop publication {name}")


CONFIG = "{{{{ config({}) }}}}\n{}\n"


def built(warehouse: Warehouse, root: Path) -> Warehouse:
    """Build the project in a folder as it is now."""
    project = load_project(root, "dev", environment={})
    again = Warehouse(project, warehouse.engine)
    rebuilder = Rebuilder(project, Identities(project, again.compiler), Request())
    for node in project.stored():
        build_or_reuse(again, rebuilder, node)
    return again


@pytest.fixture
def project(tmp_path: Path, postgres_dsn: str, postgres_schema: str) -> Iterator[tuple[Warehouse, Path]]:
    (tmp_path / "project.yml").write_text("name: p\nversion: '1'\n")
    profile = f"{{engine: postgres, postgres: {{dsn: '{postgres_dsn}', db_schema: {postgres_schema}}}}}"
    (tmp_path / "profiles.yml").write_text(f"dev: {profile}\n")
    (tmp_path / "models").mkdir()
    warehouse = open_warehouse(load_project(tmp_path, "dev", environment={}))
    yield warehouse, tmp_path
    warehouse.close()


CHANGES = {
    "table": ("materialized='table'", "select 1 as k, 'a' as v", "select 1 as k, 'b' as v"),
    "table in place": ("publish='in_place'", "select 1 as k, 'a' as v", "select 1 as k, 'b' as v"),
    "merge": ("materialized='incremental', unique_key='k'", "select 1 as k, 'a' as v", "select 1 as k, 'b' as v"),
    "delete_insert": (
        "materialized='incremental', unique_key='k', strategy='delete_insert'",
        "select 1 as k, 'a' as v",
        "select 1 as k, 'b' as v",
    ),
    "new column": (
        "materialized='incremental', unique_key='k', on_schema_change='sync_all_columns'",
        "select 1 as k, 'a' as v",
        "select 1 as k, 'b' as v, 3 as n",
    ),
    "snapshot": (
        "materialized='snapshot', unique_key='k', snapshot={'strategy': 'check', 'check_cols': 'all'}",
        "select 1 as k, 'a' as v",
        "select 1 as k, 'b' as v",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_who_began_before_a_build_reads_the_old_rows(project: tuple[Warehouse, Path], change: str) -> None:
    warehouse, root = project
    config, before, after = CHANGES[change]
    (root / "models/t.ff.sql").write_text(CONFIG.format(config, before))
    warehouse = built(warehouse, root)
    engine = warehouse.engine
    assert isinstance(engine, PostgresSession)
    with began_before(Database(engine, engine.for_thread)) as fetch:
        (root / "models/t.ff.sql").write_text(CONFIG.format(config, after))
        built(warehouse, root)
        assert fetch("select k, v from t") == [(1, "a")]
    assert (1, "b") in engine.fetch("select k, v from t")


def test_how_a_table_is_published_does_not_change_its_rows(project: tuple[Warehouse, Path]) -> None:
    warehouse, root = project
    (root / "models/t.ff.sql").write_text("select 1 as k")
    warehouse = built(warehouse, root)
    before = warehouse.engine.fetch("select xmin::text from t")
    (root / "models/t.ff.sql").write_text(CONFIG.format("publish='swap'", "select 1 as k"))
    built(warehouse, root)
    assert warehouse.engine.fetch("select xmin::text from t") == before


@pytest.mark.parametrize("kind", ["view", "ephemeral", "materialized_view"])
def test_only_tables_are_published_in_a_way(project: tuple[Warehouse, Path], kind: str) -> None:
    _, root = project
    (root / "models/t.ff.sql").write_text(CONFIG.format(f"materialized='{kind}', publish='swap'", "select 1 as k"))
    with pytest.raises(Exception, match=f"'publish' has no effect on a model that is a {kind}"):
        load_project(root, "dev", environment={})


SHAPES = (
    "select {0} as a, 'x' as b, {0} as c",
    "select {0} as a, {0} as b",
    "select 'x' as b, {0}::bigint as a",
    "select {0}::numeric as a, 'y' as c, 'x' as b",
)


def test_readers_of_views_and_builds_that_change_columns_do_not_end_each_other(
    session: Callable[..., Database], postgres_dsn: str, postgres_schema: str
) -> None:
    database = session()
    publish(database, SHAPES[0].format(0))
    for view, query in (
        ("one", "select a::text as a from t"),
        ("two", "select one.a, t.b from one, t"),
        ("three", "select * from two"),
    ):
        database.engine.execute(f"create view {view} as {query}")
    problems, stop = list[str](), threading.Event()

    def read(statements: Sequence[str]) -> None:
        with psycopg.connect(postgres_dsn, autocommit=True) as connection:
            connection.execute(f'set search_path = "{postgres_schema}"'.encode())
            while not stop.is_set():
                try:
                    for statement in statements:
                        connection.execute(statement.encode())
                except psycopg.errors.DeadlockDetected as error:
                    problems.append(str(error))
                    connection.execute("rollback")
                except psycopg.Error:  # what was there a moment ago may be another thing now
                    connection.execute("rollback")

    scripts = [
        ["select * from three"],
        ["select * from one"],
        ["select * from two"],
        ["begin", "select * from two", "select * from t", "commit"],
    ]
    threads = [threading.Thread(target=read, args=(scripts[i % 4],)) for i in range(12)]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, 13):
            publish(database, SHAPES[number % 4].format(number))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert problems == []
    assert database.engine.fetch("select a from three") == [("12",)]


@pytest.mark.parametrize(
    ("made", "word"),
    [
        ("create sequence t", "a sequence"),
        ("create table k (a int); create index t on k (a)", "an index"),
        ("create type t as enum ('a')", "a type"),
        ("create type t as (a int)", "a type"),
        ("create domain t as int", "a type"),
    ],
)
def test_a_name_that_something_else_has_is_said(session: Callable[..., Database], made: str, word: str) -> None:
    database = session()
    schema = database.engine.relation("t").schema
    for statement in made.split("; "):
        database.engine.execute(f'set search_path to "{schema}"')
        database.engine.execute(statement)
    with pytest.raises(EngineError, match=f"{schema}.t is {word}, and a model cannot have its name"):
        publish(database, NEW)

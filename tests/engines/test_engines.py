"""What every engine does, written once and run on each."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from published import publish

from fft_core.engines.protocol import RelationKind, Seal, Session, TableInfo, Want, open_session
from fft_core.engines.stamp import unmarked, with_text
from fft_core.errors import BusyError, ConnectError, EngineError, StatementError
from fft_core.names import Relation
from fft_core.names.unused import ROWS


@dataclass(frozen=True)
class Database:
    """An open database, and what publishes in it as a build does."""

    engine: Session
    again: Callable[[], Session]

    def publish(self, name: str, query: str, kind: RelationKind = "table", stamp: str = "ab") -> Relation:
        """Stage, publish and stamp a query."""
        return publish(self.engine, name, query, kind, stamp=stamp)

    def rows(self, relation: Relation) -> list[tuple[object, ...]]:
        return sorted(self.engine.fetch(self.engine.spelling.select_all(relation)))


def lacks(engine: str, reason: str, raises: type[Exception]) -> pytest.MarkDecorator:
    """Mark what an engine cannot do: why, and the error that says so. It is a failure once it can."""
    return pytest.mark.lacks(engine, reason=reason, raises=raises)


NO_MATERIALIZED_VIEWS = lacks("duckdb", "DuckDB has no materialized views", StatementError)


@pytest.fixture(params=["duckdb", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    for mark in request.node.iter_markers("lacks"):
        if mark.args == (request.param,):
            request.node.add_marker(pytest.mark.xfail(strict=True, **mark.kwargs))
    if request.param == "duckdb":
        settings = {"path": str(tmp_path / "db.duckdb")}
    else:
        dsn, schema = request.getfixturevalue("postgres_dsn"), request.getfixturevalue("postgres_schema")
        settings = {"dsn": dsn, "db_schema": schema}
    engine = open_session(request.param, settings)
    engine.create_schema(engine.relation("any"))
    yield Database(engine, engine.for_thread)
    engine.close()


def test_a_table_is_published_and_described(database: Database) -> None:
    relation = database.publish("t", "select 1 as a, 'x' as b")
    info = database.engine.inspect([relation, relation.named("nothing")], Want.STAMP | Want.ROWS)
    assert [(i.kind, i.stamp, i.rows) for i in info.values()] == [("table", "ab", 1)]
    assert database.engine.inspect([relation, relation.named("nothing")]) == {relation: TableInfo("table")}
    assert database.rows(relation) == [(1, "x")]


KINDS = ["table", "view", pytest.param("materialized_view", marks=NO_MATERIALIZED_VIEWS)]


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_whatever_was_there_is_replaced(database: Database, first: RelationKind, second: RelationKind) -> None:
    database.publish("t", "select 1 as a, 'x' as b", first)
    relation = database.publish("t", "select 'y' as b, 2 as n", second, "cd")
    assert database.rows(relation) == [("y", 2)]
    assert [(i.kind, i.stamp) for i in database.engine.inspect([relation], Want.STAMP | Want.ROWS).values()] == [
        (second, "cd")
    ]


@NO_MATERIALIZED_VIEWS
def test_a_materialized_view_has_the_rows_of_its_last_build(database: Database) -> None:
    table = database.publish("t", "select 1 as a")
    query = f"select a from {table.sql(database.engine.spelling)}"
    relation = database.publish("m", query, "materialized_view")
    database.publish("t", "select 2 as a union all select 3")
    assert database.rows(relation) == [(1,)]
    database.publish("m", query, "materialized_view", "cd")
    assert database.rows(relation) == [(2,), (3,)]
    (info,) = database.engine.inspect([relation], Want.STAMP | Want.ROWS).values()
    assert (info.kind, info.stamp, info.rows) == ("materialized_view", "cd", 2)


def test_what_is_left_of_a_stage_is_removed(database: Database) -> None:
    engine, relation = database.engine, database.engine.relation("t")
    with engine.publisher.stage(relation, "table") as begun:
        stage = begun.place
    if stage != relation:
        engine.execute(f"create table {stage.sql(engine.spelling)} as select 1 as left_over")
    database.publish("t", "select 2 as a")
    assert database.rows(relation) == [(2,)]
    assert set(engine.inspect([stage, relation])) == {relation}


@lacks("duckdb", "DuckDB has no users", StatementError)
def test_grants_survive(database: Database) -> None:
    relation = database.publish("t", "select 1 as a")
    database.engine.execute(f"grant select on {relation.sql(database.engine.spelling)} to public")
    granted = "select count(*) from information_schema.role_table_grants where table_name = 't' and grantee = 'PUBLIC'"
    for query in ("select 2 as a", "select 'x' as b"):
        database.publish("t", query)
        assert database.engine.fetch(granted) == [(1,)]


def test_a_view_over_what_is_replaced_goes_on(database: Database) -> None:
    relation = database.publish("t", "select 1 as a, 2 as b")
    view = database.publish("v", f"select a, b from {relation.sql(database.engine.spelling)}", "view")
    for kind, query in (("table", "select 'x' as c, 4 as b, 3 as a"), ("view", "select 3 as a, 4 as b")):
        database.publish("t", query, kind)  # type: ignore[arg-type]
        assert database.rows(view) == [(3, 4)]


def test_a_rollback_leaves_what_was(database: Database) -> None:
    relation = database.publish("t", "select 1 as a")
    engine = database.engine
    with pytest.raises(ZeroDivisionError), engine.publisher.stage(relation, "table") as stage:  # noqa: PT012
        columns, _ = stage.write("select 2 as a")
        stage.publish(Seal("cd", columns))
        raise ZeroDivisionError
    assert database.rows(relation) == [(1,)]


@pytest.mark.parametrize(
    "change", ["drop table {}; create table {} as select 1 as a", "alter table {} add column b integer"]
)
def test_what_is_changed_by_hand_has_no_stamp(database: Database, change: str) -> None:
    relation = database.publish("t", "select 1 as a")
    for statement in change.split(";"):
        database.engine.execute(statement.format(relation.sql(database.engine.spelling)))
    assert [info.stamp for info in database.engine.inspect([relation], Want.STAMP | Want.ROWS).values()] == [None]


def test_a_view_that_is_replaced_by_hand_has_no_stamp(database: Database) -> None:
    relation = database.publish("v", "select 1 as a", "view")
    database.engine.execute(f"create or replace view {relation.sql(database.engine.spelling)} as select 2 as a")
    assert [info.stamp for info in database.engine.inspect([relation], Want.STAMP | Want.ROWS).values()] == [None]


def digest(database: Database, rows: str) -> str:
    engine = database.engine
    query = f"select * from (values {rows}) as v(a, b)"
    ((found,),) = engine.fetch(f"select {engine.versions.digest(ROWS, engine.columns(query))} from ({query}) as {ROWS}")
    return str(found)


def test_a_digest_does_not_depend_on_the_order_of_rows(database: Database) -> None:
    assert digest(database, "(1, 'x'), (2, 'y')") == digest(database, "(2, 'y'), (1, 'x')")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(1, 'x')", "(1, 'x'), (1, 'x')"),
        ("(1, null)", "(1, '')"),
        ("(1, 'x'), (2, 'y')", "(1, 'y'), (2, 'x')"),
        ("(cast('0' as double precision), 'x')", "(cast('-0' as double precision), 'x')"),
        ("(cast('1 month' as interval), 'x')", "(cast('30 days' as interval), 'x')"),
        ("(array[1, null], 'x')", "(array[null, 1], 'x')"),
    ],
)
def test_a_digest_tells_rows_apart_that_differ(database: Database, one: str, other: str) -> None:
    assert digest(database, one) != digest(database, other)


def test_frames_come_back_as_they_went(database: Database) -> None:
    frame = pa.table(
        {
            "i": pa.array([1, None], pa.int64()),
            "s": ['a"b\n,', ""],
            "f": [float("inf"), -0.0],
            "d": pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
            "day": pa.array([0, None], pa.date32()),
            "t": pa.array([1, None], pa.timestamp("us")),
            "z": pa.array([1, None], pa.timestamp("us", "UTC")),
            "b": [True, None],
            "raw": pa.array([b"\x00\xff", None], pa.binary()),
            "l": pa.array([[1, None], []], pa.list_(pa.int64())),
        }
    )
    with database.engine.frames.query(frame) as query:
        found = database.engine.frames.read(query)
    assert found.to_pydict() == frame.to_pydict()
    assert [f.type for f in found.schema][:-1] == [f.type for f in frame.schema][:-1]


def test_a_missing_relation_is_named(database: Database) -> None:
    with pytest.raises(StatementError) as caught:
        database.engine.fetch("select * from nowhere")
    assert caught.value.missing == "nowhere"


def test_a_running_statement_is_interrupted(database: Database) -> None:
    timer = threading.Timer(0.3, database.engine.interrupt)
    timer.start()
    rows = "generate_series(1, 100000)"
    with pytest.raises(EngineError, match="interrupted"):
        database.engine.fetch(f"select sum(a.i * b.i) from {rows} as a(i), {rows} as b(i)")
    assert database.engine.fetch("select 1") == [(1,)]


def test_a_reader_sees_the_old_rows_or_the_new_ones(database: Database) -> None:
    """Also while the shape of publishing changes, since somebody hangs a view on the table."""
    relation = database.publish("t", "select i, 0 as n from generate_series(1, 2000) as s(i)")
    seen, failed, done = set[tuple[object, ...]](), list[Exception](), threading.Event()
    reader = database.again()

    def read() -> None:
        while not done.is_set():
            try:
                seen.update(reader.fetch(f"select count(*), min(n) = max(n) from {relation.sql(reader.spelling)}"))
            except EngineError as error:
                failed.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    for n in range(1, 16):
        if n == 8:
            database.publish("v", f"select n from {relation.sql(database.engine.spelling)}", "view")
        database.publish("t", f"select i, {n} as n from generate_series(1, 2000) as s(i)")
        time.sleep(0.01)
    done.set()
    thread.join()
    reader.close()
    assert not failed
    assert seen == {(2000, True)}


# Postgres alone


@pytest.fixture
def postgres(postgres_dsn: str, postgres_schema: str) -> Iterator[Database]:
    engine = open_session("postgres", {"dsn": postgres_dsn, "db_schema": postgres_schema})
    engine.create_schema(engine.relation("any"))
    yield Database(engine, engine.for_thread)
    engine.close()


def test_what_others_hung_on_a_materialized_view_survives(postgres: Database) -> None:
    postgres.publish("t", "select 1 as a, 'x' as b")
    relation = postgres.publish("m", "select a, b from t", "materialized_view")
    fetch, schema = postgres.engine.fetch, relation.schema
    for statement in (
        "grant select on m to public",
        "comment on column m.b is 'a letter'",
        "create unique index by_b on m (b)",
        f'create view "{schema}".theirs as select a from m',
        f'create materialized view "{schema}".theirs_too as select a from theirs',
        f'create index by_a on "{schema}".theirs_too (a)',
    ):
        postgres.engine.execute(statement)
    query = """select c.relname, c.relacl::text, col_description(c.oid, 2),
        (select string_agg(indexrelid::regclass::text, ',') from pg_index where indrelid = c.oid)
        from pg_class as c where c.oid in ('m'::regclass, 'theirs'::regclass, 'theirs_too'::regclass) order by 1"""
    before = fetch(query)
    postgres.publish("t", "select 2 as a, 'y' as b")
    postgres.publish("m", "select a, b from t", "materialized_view")
    assert fetch(query) == before
    assert [fetch(f"select a from {name}") for name in ("m", "theirs", "theirs_too")] == [[(2,)]] * 3
    with pytest.raises(EngineError, match=rf"{schema}\.m cannot be replaced: .*\btheirs"):
        postgres.publish("m", "select b from t", "materialized_view")
    assert fetch(query) == before


def test_a_materialized_view_over_a_table_of_other_columns_is_made_again(postgres: Database) -> None:
    postgres.publish("t", "select 1 as a, 2 as b")
    postgres.engine.execute("create materialized view theirs as select a from t")
    postgres.engine.execute("create materialized view empty as select a from theirs with no data")
    postgres.publish("t", "select 'x' as c, cast(3 as bigint) as a")
    assert postgres.engine.fetch("select a from theirs") == [(3,)]
    assert postgres.engine.fetch("select relispopulated from pg_class where oid = 'empty'::regclass") == [(False,)]


def test_what_others_hung_on_a_table_survives(postgres: Database) -> None:
    relation, fetch = postgres.publish("t", "select 1 as a, 'x' as b"), postgres.engine.fetch
    table = relation.sql(postgres.engine.spelling)
    for statement in (
        f"grant select on {table} to public",
        f"comment on table {table} is 'of somebody'",
        f"comment on column {table}.b is 'a letter'",
        f"create index by_b on {table} (b)",
    ):
        postgres.engine.execute(statement)
    query = f"""select c.relacl::text, substr(obj_description(c.oid), 1, 11), col_description(c.oid, a.attnum),
        (select count(*) from pg_index where indrelid = c.oid)
        from pg_class as c join pg_attribute as a on a.attrelid = c.oid and attname = 'b'
        where c.oid = '{table}'::regclass"""
    before = fetch(query)
    for rows in ("select 2 as a, 'y' as b", "select 2 as n, 'y' as b", "select 'y' as b, 2 as n, 3 as o"):
        postgres.publish("t", rows)
        assert fetch(query) == before
        assert postgres.rows(relation) == fetch(rows)


def test_a_view_of_others_that_would_break_is_a_refusal(postgres: Database) -> None:
    relation = postgres.publish("t", "select 1 as a, 2 as b")
    schema = relation.schema
    postgres.engine.execute(f'create view "{schema}".theirs as select a from {relation.sql(postgres.engine.spelling)}')
    for kind in ("table", "view"):
        with pytest.raises(EngineError, match=rf"{schema}\.t cannot be replaced: the view {schema}\.theirs uses it"):
            postgres.publish("t", "select 2 as b", kind)
        assert postgres.rows(relation) == [(1, 2)]


def test_the_second_of_two_builders_waits_and_says_for_whom(
    postgres: Database, caplog: pytest.LogCaptureFixture
) -> None:
    other = Database(postgres.again(), postgres.again)
    relation = postgres.engine.relation("t")
    with postgres.engine.transaction():
        postgres.engine.hold(relation)
        thread = threading.Thread(target=lambda: other.publish("t", "select 2 as a"))
        thread.start()
        time.sleep(0.3)
        assert relation not in postgres.engine.inspect([relation])
        assert "is being built by pid" in caplog.text
    thread.join()
    assert postgres.rows(relation) == [(2,)]
    other.engine.close()


def test_a_builder_that_waits_too_long_can_try_again(postgres: Database, postgres_dsn: str) -> None:
    relation = postgres.engine.relation("t")
    impatient = open_session(
        "postgres", {"dsn": postgres_dsn, "db_schema": relation.schema, "lock_timeout_seconds": 0.1}
    )
    with postgres.engine.transaction():
        postgres.engine.hold(relation)
        with pytest.raises(BusyError) as caught, impatient.transaction():
            impatient.hold(relation)
    assert caught.value.can_retry
    impatient.close()


def test_a_long_reader_does_not_stop_a_build(postgres: Database) -> None:
    relation = postgres.publish("t", "select 1 as a")
    reader = postgres.again()
    with reader.transaction():
        assert reader.fetch(f"select a from {relation.sql(reader.spelling)}") == [(1,)]
        postgres.publish("t", "select 2 as a")
    assert postgres.rows(relation) == [(2,)]
    reader.close()


@pytest.mark.parametrize("dsn", ["postgresql://me:hunter2@127.0.0.1:1/db", "postgresql://me:hun@ter:2@127.0.0.1/db"])
def test_a_dsn_that_does_not_work_shows_no_password(dsn: str) -> None:
    with pytest.raises(ConnectError) as caught:
        open_session("postgres", {"dsn": dsn})
    assert not any(part in str(caught.value) for part in ("hunter2", "hun@", "ter:2"))


def test_a_name_that_postgres_would_cut_is_refused(postgres: Database) -> None:
    with pytest.raises(EngineError, match="longer than 63 bytes"):
        postgres.engine.relation("é" * 32)
    with pytest.raises(StatementError, match="will be truncated"):
        postgres.engine.fetch(f"select 1 as {'a' * 64}")


LONG = ", ".join(f"{number} as column_{number}" for number in range(40))


@pytest.mark.parametrize(
    "query",
    [
        "select 1 as a,\n  nothing as b",
        "select 'ü' as é,\n\t\tnothing",
        f"select {LONG}, nothing as b, {LONG.replace('column', 'other')}",
        "with a as (\n  select 1 as x\n)\nselect\n  x,\n  nothing -- here\nfrom a",
    ],
)
def test_a_rejected_statement_says_where_its_fault_is(database: Database, query: str) -> None:
    statement = database.engine.spelling.create_as(database.engine.relation("t"), "table", query, replaces=False)
    with pytest.raises(StatementError) as caught:
        database.engine.execute(statement)
    assert caught.value.position == statement.index("nothing")
    assert "LINE" not in str(caught.value)


def test_what_statements_take_is_counted_and_each_is_told(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    engine = database.engine.for_thread()
    engine.fetch("select 1")
    before = engine.trace.seconds
    with caplog.at_level(logging.DEBUG, "fft.sql"), engine.trace.about("orders"):
        engine.execute("select count(*) from generate_series(1, 1000000) as t(i)")
        engine.frames.read("select 2 as b")
        with pytest.raises(StatementError):
            engine.fetch("select nothing")
    engine.fetch("select 3")  # nobody listens
    told = [(record.__dict__["node"], record.__dict__["sql"]) for record in caplog.records]
    statements = ["select count(*) from generate_series(1, 1000000) as t(i)", "select 2 as b", "select nothing"]
    assert told == [("orders", statement) for statement in statements]
    milliseconds = sum(record.__dict__["milliseconds"] for record in caplog.records)
    assert 0 < milliseconds <= (engine.trace.seconds - before) * 1000 + 0.01
    engine.close()


def test_comments_are_told_beside_the_mark_of_a_build_and_the_types_of_columns(database: Database) -> None:
    engine, spelling = database.engine, database.engine.spelling
    table, view = database.publish("t", "select 1 as a, 2.5 as b"), database.publish("v", "select 1 as a", "view")
    for relation in (table, view):
        there = engine.inspect([relation], Want.COMMENTS)[relation]
        engine.execute(spelling.comment_on(relation, there.kind, with_text(there.comment, "It's all")))
        engine.execute(spelling.comment_on_column(relation, "a", "the 'first'"))
        assert engine.inspect([relation], Want.STAMP)[relation].stamp == "ab"
    found = engine.inspect([table, view, engine.relation("absent")], Want.COLUMNS | Want.COMMENTS)
    assert set(found) == {table, view}
    for relation, there in found.items():
        assert unmarked(there.comment) == "It's all"
        assert there.column_comments == {"a": "the 'first'"}
        assert there.columns == engine.columns(spelling.select_all(relation))
    assert engine.inspect([], Want.COMMENTS) == {}

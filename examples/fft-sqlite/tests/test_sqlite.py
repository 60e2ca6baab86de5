"""The properties of SQLite alone: stamps without comments, types that are only hints, and one writer at a time."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from fft_sqlite import SPEC

from fft_core.engines.protocol import Seal, Session, Want
from fft_core.errors import BusyError, ConnectError, EngineError, IncrementError, SeedError, StatementError
from fft_core.names import Relation
from fft_core.run.run import Run
from fft_core.testing import make_project

_DB = {"path": "shop.sqlite"}


@contextmanager
def opened(path: Path, **settings: object) -> Iterator[Session]:
    with closing(SPEC.connect({"path": str(path), **settings})) as session:
        yield session


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.sqlite"


@pytest.fixture
def session(path: Path) -> Iterator[Session]:
    with opened(path) as session:
        yield session


def publish(session: Session, query: str, name: str = "t", stamp: str = "a1") -> Relation:
    relation = session.relation(name)
    with session.turn(), session.publisher.stage(relation, "table") as stage:
        columns, _ = stage.write(query)
        stage.publish(Seal(stamp, columns))
    return relation


def stamp(session: Session, relation: Relation) -> str | None:
    there = session.inspect([relation], Want.STAMP).get(relation)
    return there.stamp if there else None


# stamps


@pytest.mark.parametrize(
    "by_hand",
    [
        "drop table t; create table t (n BLOB); insert into t values (2)",
        "create table u as select 2 as n; drop table t; alter table u rename to t",
        "alter table t add column other INTEGER",
        "alter table t rename column n to other",
        "drop table t; create view t as select 2 as n",
    ],
)
def test_what_is_replaced_or_altered_by_hand_has_no_stamp(session: Session, path: Path, by_hand: str) -> None:
    table = publish(session, "select 1 as n")
    assert stamp(session, table) == "a1"
    with closing(sqlite3.connect(path)) as other:
        other.executescript(by_hand)
    assert stamp(session, table) is None


def test_a_table_that_is_made_again_where_it_was_has_no_stamp(session: Session, path: Path) -> None:
    """Such a table has the same text, except for the comment, and may have the same root page."""
    table = publish(session, "select 1 as n")
    with closing(sqlite3.connect(path)) as other:
        ((page, text),) = other.execute("select rootpage, sql from sqlite_schema where name = 't'")
        other.executescript("drop table t; create table t (n BLOB); insert into t values (2)")
        ((page_now, text_now),) = other.execute("select rootpage, sql from sqlite_schema where name = 't'")
    assert page_now == page
    assert text_now != text
    assert stamp(session, table) is None


def test_a_stamp_survives_what_changes_no_rows(session: Session, path: Path, tmp_path: Path) -> None:
    table = publish(session, "select 1 as n")
    publish(session, "select 1 as n", "other")
    with closing(sqlite3.connect(path)) as other:
        other.executescript("drop table other; vacuum; create index i on t (n); analyze")
    assert stamp(session, table) == "a1"
    session.close()
    shutil.copy(path, tmp_path / "copy.sqlite")
    with opened(tmp_path / "copy.sqlite") as copy:
        assert stamp(copy, table) == "a1"


def test_a_file_of_others_can_be_read(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.executescript("create table t as select 1 as n")
    with closing(SPEC.connect({"path": str(path)}, read_only=True)) as session:
        assert stamp(session, session.relation("T")) is None
        assert not SPEC.owns_file(path)
        with pytest.raises(StatementError, match="readonly"):
            session.execute("drop table t")
    with opened(path):
        pass
    assert SPEC.owns_file(path)


def test_a_build_that_is_killed_leaves_what_was_published(session: Session, path: Path) -> None:
    table = publish(session, "select 1 as n")
    killed = (
        "import os, sys\n"
        "from fft_sqlite import SPEC\n"
        "from fft_core.engines.protocol import Seal\n"
        "session = SPEC.connect({'path': sys.argv[1]})\n"
        "with session.publisher.stage(session.relation('t'), 'table') as stage:\n"
        "    columns, _ = stage.write('select 2 as n')\n"
        "    stage.publish(Seal('b2', columns))\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", killed, str(path)]).returncode == -9
    assert (stamp(session, table), session.fetch("select n from t")) == ("a1", [(1,)])
    assert session.fetch(session.spelling.names_like(table, "_ff_stage")) == []


# objects of others


def test_views_indexes_and_triggers_of_others_stay(session: Session) -> None:
    table = publish(session, "select 1 as n")
    session.execute("create view v as select n + 1 as m from t")
    session.execute("create index i on t (n)")
    session.execute("create trigger r after insert on t begin select 1; end")
    publish(session, "select 5 as n, 'x' as s", stamp="b2")
    assert session.fetch("select m from v") == [(6,)]
    assert session.fetch("select name from sqlite_schema where tbl_name = 't' order by name") == [
        ("i",),
        ("r",),
        ("t",),
    ]
    with pytest.raises(EngineError, match="no such column: n"):
        publish(session, "select 7 as other", stamp="c3")
    assert (stamp(session, table), session.fetch("select n from t")) == ("b2", [(5,)])


# errors


def test_errors_say_where(session: Session) -> None:
    for sql, said, position in (
        ("select 1 frm x y", 'near "x": syntax error', 13),
        ("select one from (select 1 as two)", "no such column: one", 7),
        ("select n, n from (select 1 as two)", "no such column: n", None),
        ("select 1; select 2", "You can only execute one statement at a time.", None),
        ("select '\ud800'", "surrogates not allowed", None),
    ):
        with pytest.raises(StatementError, match=said) as caught:
            session.fetch(sql)
        assert caught.value.position == position
    with pytest.raises(StatementError) as caught:
        session.columns("select * from main.nowhere")
    assert (caught.value.missing, caught.value.sql) == ("nowhere", "select * from main.nowhere")


def test_repeated_columns_are_told_as_they_are_written(session: Session) -> None:
    for query in ("select 1 as a, 2 as A", "select 1 as a, 2 as A limit 1"):
        assert [column.name.lower() for column in session.columns(query)] == ["a", "a"]
        with pytest.raises(StatementError, match="the columns 'a' and 'A'"):
            publish(session, query)
    publish(session, 'select 1 as a, 2 as "a:1"')
    assert [column.name for column in session.columns("select * from t")] == ["a", "a:1"]


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no database, and long enough that SQLite looks at it" * 10)
    with pytest.raises(ConnectError, match=r"cannot open .*: file is not a database"):
        SPEC.connect({"path": str(tmp_path / "x")})
    with pytest.raises(EngineError, match="the schema 'other'"), opened(tmp_path / "y") as session:
        session.create_schema(session.relation("t", "other"))


def test_one_writes_and_the_others_wait(session: Session, path: Path) -> None:
    with opened(path, lock_timeout_seconds=0) as other, session.transaction():
        session.execute("create table t (n)")
        with pytest.raises(BusyError, match="another session has been writing"):
            other.execute("create table u (n)")
        assert other.fetch("select count(*) from sqlite_schema where name = 't'") == [(0,)]  # it can read
    with opened(path, lock_timeout_seconds=30) as other:
        waiting = threading.Thread(target=lambda: other.execute("create table u (n)"))
        with session.transaction():
            waiting.start()
            time.sleep(0.3)
            assert waiting.is_alive()
        waiting.join(10)
        assert session.fetch("select count(*) from u") == [(0,)]


def test_who_waits_can_be_interrupted(session: Session, path: Path) -> None:
    with opened(path) as other, session.transaction():
        threading.Timer(0.2, other.interrupt).start()
        with pytest.raises(EngineError, match="interrupted"), other.turn(), other.transaction():
            pass


def test_a_database_in_memory_has_several_sessions() -> None:
    with closing(SPEC.connect({})) as session, closing(session.for_thread()) as other:
        publish(session, "select 1 as n")
        assert other.fetch("select n from t") == [(1,)]
    with closing(SPEC.connect({})) as session:
        assert session.inspect([session.relation("t")]) == {}


# values


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        ([float("nan")], pa.float64(), "NaN"),
        ([Decimal("0.12345678901234567890")], pa.decimal128(30, 20), "would be rounded"),
        ([2**63], pa.uint64(), "would be rounded|more than 64 bits"),
        ([{"x": 1}], None, "a type that the database does not have"),
        (["a\0b"], pa.string(), "NUL"),
    ],
)
def test_what_sqlite_cannot_hold_is_named(session: Session, values: list[object], kind: pa.DataType, said: str) -> None:
    frame = pa.table({"fine": [1], "bad": pa.array(values, kind)})
    with pytest.raises(EngineError, match=f"column 'bad' .*({said})"), session.frames.query(frame):
        pass


def test_a_column_of_several_types_is_named(session: Session) -> None:
    with pytest.raises(EngineError, match=r"column 'n' .* values of several types"):
        session.frames.read("select 1 as n union all select 'x'")


def test_a_seed_has_the_values_of_every_engine(session: Session, tmp_path: Path) -> None:
    seed = tmp_path / "s.csv"
    seed.write_text("a,b,c,d,e,f\n007,TRUE,1.50,2024-1-5,2024-01-05T01:00:00+01:00,1.5\n,,,,,\n")
    types = {"b": "boolean", "c": "decimal(10, 2)", "d": "date", "e": "timestamptz", "f": "double"}
    with session.frames.file_query(seed, types) as query:
        assert session.fetch(query) == [
            ("007", 1, 1.5, "2024-01-05", "2024-01-05 00:00:00", 1.5),
            (None,) * 6,
        ]
        read = session.frames.read(query).to_pylist()[0]
    assert (read["b"], read["d"], read["e"]) == (True, date(2024, 1, 5), datetime(2024, 1, 5, tzinfo=UTC))
    with pytest.raises(SeedError, match="'x' is not a date"), session.frames.file_query(_with(seed, "d\nx\n"), types):
        pass


def _with(path: Path, text: str) -> Path:
    path.write_text("a,b,c,e,f," + text.replace("\nx", "\n,,,,,x"))
    return path


# projects


def test_times_order_rows(tmp_path: Path) -> None:
    """An increment takes the newest days, and a snapshot orders versions by the column `at`."""
    config = "materialized='incremental', unique_key='id', updated_at_column='at', lookback='1 day'"
    snapshot = "materialized='snapshot', unique_key='id', snapshot={'strategy': 'timestamp', 'updated_at': 'at'}"
    files = {
        "seeds/schema.yml": "columns:\n  raw: {id: integer, at: timestamp}\n",
        "models/new.ff.sql": f"{{{{ config({config}) }}}} select id, at from {{{{ ref('raw') }}}}",
        "models/old.ff.sql": f"{{{{ config({snapshot}) }}}} select id, at from {{{{ ref('raw') }}}}",
    }
    for rows in ("1,2024-01-10 00:00:00\n", "1,2024-01-11 00:00:00\n2,2024-01-09 00:00:00\n3,2024-01-08 00:00:00\n"):
        project = make_project(tmp_path, {**files, "seeds/raw.csv": f"id,at\n{rows}"}, engine="sqlite", settings=_DB)
        with Run(project) as run:
            for node in run.order():
                run.build(node)
            engine = run.sessions.of_thread().engine
            new = engine.fetch("select id, at from new order by id")
            old = engine.fetch("select id, _ff_valid_from, _ff_valid_to, _ff_is_current from old order by 1, 2")
    assert new == [(1, "2024-01-11 00:00:00"), (2, "2024-01-09 00:00:00")]
    assert old == [
        (1, "2024-01-10 00:00:00", "2024-01-11 00:00:00", 0),
        (1, "2024-01-11 00:00:00", None, 1),
        (2, "2024-01-09 00:00:00", None, 1),
        (3, "2024-01-08 00:00:00", None, 1),
    ]


@pytest.mark.parametrize("policy", ["ignore", "append_new_columns", "sync_all_columns"])
def test_values_of_another_type_are_cast_or_refused(tmp_path: Path, policy: str) -> None:
    config = f"materialized='incremental', unique_key='id', on_schema_change='{policy}'"
    files = {
        "sources.yml": "version: 2\nsources:\n  - name: other\n    tables: [{name: s}]\n",
        "models/m.ff.sql": f"{{{{ config({config}) }}}} select * from {{{{ source('other', 's') }}}}",
    }

    def built(script: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as other:
            other.executescript(script)
        with Run(make_project(tmp_path, files, engine="sqlite", settings=_DB)) as run:
            for node in run.order():
                run.build(node)
            return run.sessions.of_thread().engine.fetch("select id, v from m order by id")

    assert built("create table s (id INTEGER, v INTEGER); insert into s values (1, 5)") == [(1, 5)]
    text = "drop table s; create table s (id INTEGER, v TEXT); insert into s values (1, '7'), (2, '8')"
    if policy == "sync_all_columns":
        with pytest.raises(StatementError, match="sqlite has no change of a column's type"):
            built(text)
        return
    assert built(text) == [(1, 7), (2, 8)]
    with pytest.raises(IncrementError, match=r"'v' is TEXT, and INTEGER in main\.m: 1 values would change"):
        built("update s set v = 'x' where id = 2")

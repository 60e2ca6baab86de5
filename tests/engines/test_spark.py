"""Spark's session, on a real Spark with tables of Parquet: names, frames, versions, errors, changes by others."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sweeps import FACTOR
from targets import Target

from fft_core import Run, load_project
from fft_core.engines.databricks import SPEC, connecting
from fft_core.engines.databricks.spelling import DatabricksSpelling
from fft_core.engines.protocol import Seal, Session, Want, open_session
from fft_core.engines.spec.layout import Cluster, Layout, LayoutError
from fft_core.errors import ConnectError, EngineError, MissingRelationError, StatementError, UnreachableError
from fft_core.project.profile.secrets import project_masker
from fft_core.testing.shop import Shop

pytestmark = pytest.mark.usefixtures("spark_server")


@pytest.fixture(scope="module")
def target(spark_server: Mapping[str, Any]) -> Target:
    return Target(None, "databricks_spark", spark_server)


@pytest.fixture(scope="module")
def session(target: Target) -> Iterator[Session]:
    with target.settings() as settings:
        session = open_session(target.engine, settings)
        session.create_schema(session.relation("any"))
        yield session
        session.close()


@pytest.fixture
def shop(target: Target, tmp_path: Path) -> Iterator[Shop]:
    with target.settings() as settings:
        yield Shop(tmp_path / "project", target.engine, settings)


def publish(session: Session, name: str, query: str, stamp: str = "ab") -> None:
    with session.turn(), session.publisher.stage(session.relation(name), "table") as stage:
        columns, _ = stage.write(query)
        stage.publish(Seal(stamp, columns))


def test_types_are_spelled_as_spark_has_them(session: Session) -> None:
    query = (
        "select cast(1 as decimal(9, 2)) as a, 1.5D as b, 'x' as c, current_timestamp() as d, array(1) as e, null as f"
    )
    assert [column.type for column in session.columns(query)] == [
        "decimal(9,2)",
        "double",
        "string",
        "timestamp",
        "array<int>",
        "void",
    ]


def test_values_come_back_as_they_are(session: Session) -> None:
    import pyarrow as pa

    frame = pa.table(
        {
            "whole": pa.array([2**62, None, -1], pa.int64()),
            "big": pa.array([2**64 - 1, None, 0], pa.uint64()),
            "exact": pa.array([Decimal("1.50"), None, Decimal("-0.01")], pa.decimal128(12, 2)),
            "Odd name": pa.array(["a\\b'c\n", "", None], pa.string()),
            "at": pa.array([1, None, 10**15], pa.timestamp("us", "UTC")),
            "old": pa.array([-(10**16), None, -1], pa.timestamp("us")),
            "small": pa.array([1, None, 3], pa.int8()),
        }
    )
    with session.turn(), session.frames.query(frame) as query:
        found = session.frames.read(query)
        session.execute(session.spelling.create_as(session.relation("kept"), "table", query, replaces=False))
    assert found.to_pydict() == frame.to_pydict()
    stored = session.frames.read(session.spelling.select_all(session.relation("kept")))
    assert stored.to_pydict() == frame.to_pydict()


def test_what_a_frame_cannot_hold_is_named(session: Session) -> None:
    import pyarrow as pa

    nested = pa.table({"n": pa.array([1], pa.time64("us"))})
    with pytest.raises(EngineError, match="column 'n'"), session.turn(), session.frames.query(nested):
        pass


PAIRS = {
    "NULL and an empty text": ("select cast(null as string) as a", "select '' as a"),
    "NULL in another column": ("select cast(null as int) as a, 1 as b", "select 1 as a, cast(null as int) as b"),
    "a row once and twice": ("select 1 as a", "select 1 as a union all select 1"),
    "values exchanged between rows": (
        "select 1 as a, 2 as b union all select 3, 4",
        "select 1 as a, 4 as b union all select 3, 2",
    ),
    "0 and -0": ("select 0D as a", "select -0D as a"),
    "1.5 and NaN": ("select 1.5D as a", "select double('NaN') as a"),
    "a microsecond": (
        "select timestamp_ntz '2024-01-01 00:00:00.000001' as a",
        "select timestamp_ntz '2024-01-01 00:00:00.000002' as a",
    ),
    "a microsecond in UTC": (
        "select timestamp '2024-01-01 00:00:00.000001' as a",
        "select timestamp '2024-01-01 00:00:00.000002' as a",
    ),
    "NULL in an array": ("select array(1, null) as a", "select array(null, 1) as a"),
    "NULL in a struct": ("select named_struct('a', null, 'b', 1) as a", "select named_struct('a', 1, 'b', null) as a"),
    "maps": ("select map(1, 2) as a", "select map(1, 3) as a"),
    "binary": ("select x'00ff' as a", "select x'00fe' as a"),
    "decimals": ("select 1.10 as a", "select 1.11 as a"),
    "no rows and a row of NULL": ("select 1 as a where false", "select cast(null as int) as a"),
}


def test_other_rows_have_another_digest(session: Session) -> None:
    def digest(query: str) -> str:
        columns = session.columns(query)
        return f"(select {session.versions.digest('_ff_r', columns)} from ({query}) as _ff_r)"

    asked = [f"{digest(one)}, {digest(one)}, {digest(other)}" for one, other in PAIRS.values()]
    (found,) = session.fetch(f"select {', '.join(asked)}")
    for place, pair in enumerate(PAIRS):
        one, again, other = found[3 * place : 3 * place + 3]
        assert one == again, pair
        assert one is not None, pair
        assert one != other, pair


def test_a_session_sees_what_another_one_has_published(session: Session) -> None:
    """Spark remembers which files a table has: without a new session in each turn these would be those of before."""
    other = session.for_thread()
    publish(session, "seen", "select 1 as n")
    query = other.spelling.select_all(other.relation("seen"))
    with other.turn():
        assert other.fetch(query) == [(1,)]
    publish(session, "seen", "select 2 as n", "cd")
    with other.turn():
        assert other.fetch(query) == [(2,)]
        assert other.inspect([other.relation("seen")], Want.STAMP)[other.relation("seen")].stamp == "cd"
    other.close()


def test_sessions_add_records_to_one_table_at_the_same_time(session: Session) -> None:
    """With Spark's settings for it, one of them removes the folder in which the others still write."""
    table = session.relation("records")
    session.execute(session.spelling.create_table(table, {"n": "integer"}))
    failed = list[EngineError]()

    def add(numbers: range) -> None:
        own = session.for_thread()
        try:
            for number in numbers:
                own.execute(own.spelling.insert_row(table, {"n": number}))
        except EngineError as error:
            failed.append(error)
        own.close()

    threads = [threading.Thread(target=add, args=(range(begin, begin + 4),)) for begin in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    reader = session.for_thread()
    assert len({n for (n,) in reader.fetch(reader.spelling.select_all(table))}) == 12
    reader.close()


def test_records_are_deleted_by_a_table_without_them(session: Session) -> None:
    table, spelling = session.relation("deleted"), session.spelling
    publish(session, "deleted", "select 1 as n union all select 2 union all select cast(null as int)")
    session.execute(spelling.delete(table, "n = 3"))
    session.execute(spelling.delete(table, "n = 1"))
    assert sorted(session.fetch(spelling.select_all(table)), key=str) == [(2,), (None,)]
    assert session.inspect([table], Want.STAMP)[table].stamp == "ab"
    session.execute(spelling.delete_known(table, "(select 2 as n) as d", "d.n = _ff_t.n"))
    assert session.fetch(spelling.select_all(table)) == [(None,)]


def test_a_table_made_by_others_has_no_stamp(session: Session) -> None:
    table = session.relation("replaced")
    publish(session, "replaced", "select 1 as n")
    assert session.inspect([table], Want.STAMP)[table].stamp == "ab"
    session.execute(session.spelling.drop(table, "table"))
    session.execute(session.spelling.create_as(table, "table", "select 1 as n", replaces=False))
    assert session.inspect([table], Want.STAMP)[table].stamp is None


def test_comments_are_written_and_read(shop: Shop) -> None:
    shop.write({"models/orders.ff.sql": ORDERS})
    shop.build()
    with Run(shop.load()) as run:
        engine, relation = run.sessions.of_thread().engine, run.sessions.of_thread().relation("orders")
        engine.execute(engine.spelling.comment_on_column(relation, "id", "The customer's \\ number"))
        before = engine.inspect([relation], ~Want.KIND)[relation]
        mark = before.comment
        engine.execute(engine.spelling.comment_on(relation, "table", f"All 'orders',\nby \\ id.\n{mark}"))
        found = engine.inspect([relation], ~Want.KIND)[relation]
    assert found.column_comments == {"id": "The customer's \\ number"}
    assert found.comment == f"All 'orders',\nby \\ id.\n{mark}"
    assert found.rows == 3
    assert found.stamp == before.stamp is not None
    shop.write({"models/orders.ff.sql": f"{ORDERS} union all select 4, 'd', 1"})
    shop.build()
    with Run(shop.load()) as run:
        engine = run.sessions.of_thread().engine
        assert engine.inspect([relation], ~Want.KIND)[relation].comment.startswith("All 'orders',\nby \\ id.\n[fft ")


def test_columns_that_change_make_another_table(shop: Shop) -> None:
    shop.write({"models/orders.ff.sql": "select 1 as id, 'a' as customer"})
    shop.build()
    shop.write({"models/orders.ff.sql": "select 1 as id, 'a' as customer, 5 as amount"})
    shop.build()
    assert shop.rows("orders", "*") == [(1, "a", 5)]
    shop.write({"models/orders.ff.sql": "select 'x' as id"})
    shop.build()
    assert shop.rows("orders", "*") == [("x",)]
    assert shop.build() == set()


def laid_out(session: Session, name: str) -> tuple[list[str], str, dict[str, str]]:
    """What the catalog says of a table: the columns of its partitions, its format, and its properties."""
    relation = session.relation(name).sql(session.spelling)
    rows = session.fetch(f"describe table extended {relation}")
    names = [row[0] for row in rows]
    begin = names.index("# Partition Information") + 2 if "# Partition Information" in names else len(names)
    partitions = [name for name in names[begin : names.index("# Detailed Table Information")] if name]
    properties: dict[str, str] = dict(session.fetch(f"show tblproperties {relation}"))
    return partitions, next(row[1] for row in rows if row[0] == "Provider"), properties


def days(rows: int) -> str:
    regions = ["cast(null as string)", *(rows - 1) * ["'a b/%\u00e9'"]]
    return " union all ".join(
        f"select {n} as id, date '2026-01-0{n + 1}' as day, {region} as region" for n, region in enumerate(regions)
    )


def test_a_table_of_parquet_has_its_layout_after_each_build(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    def built(config: str, rows: int) -> tuple[list[str], str, dict[str, str]]:
        query = days(rows)
        shop.write(
            {
                "models/m.ff.sql": f"{{{{ config({config}) }}}}\n{query}",
                "models/n.ff.sql": "select count(*) as n from {{ ref('m') }}",
            }
        )
        assert shop.build() == {"m", "n"}
        assert shop.rows("n", "n") == [(rows,)]
        with Run(shop.load()) as run:
            engine, table = run.sessions.of_thread().engine, run.sessions.of_thread().relation("m")
            stored = f"select id, day, region from {table.sql(engine.spelling)}"
            assert engine.fetch(f"({query}) except all ({stored})") == []
            return laid_out(engine, "m")

    layout = "partition_by=['region', 'DAY'], table_options={'owner.team': 'core'}"
    partitions, form, properties = built(layout, 3)
    assert (partitions, form, properties["owner.team"]) == (["region", "day"], "parquet", "core")
    with caplog.at_level("DEBUG", logger="fft.sql"):
        assert built(layout, 4)[0] == ["region", "day"]
    assert any(".`m` set location" in message for message in caplog.messages)  # readers never miss the table
    partitions, _, properties = built("partition_by='region'", 5)
    assert partitions == ["region"]
    assert "owner.team" not in properties
    assert shop.build() == set()


def test_spark_keeps_the_clusters_in_the_statement_for_delta(session: Session) -> None:
    """There is no Delta here: of that statement, its format alone is changed."""
    place, layout = session.relation("clustered"), Layout(cluster_by=(Cluster("id"), Cluster("a`b")))
    query = "select 1 as id, 'x' as `a``b`"
    delta = DatabricksSpelling().create_as(place, "table", query, replaces=False, layout=layout)
    with pytest.raises(StatementError, match="Failed to find the data source: delta"):
        session.execute(delta)
    session.execute(delta.replace(" using delta ", " using parquet "))
    shown = [row[0] for row in session.fetch(f"describe table extended {place.sql(session.spelling)}")]
    begin = shown.index("# Clustering Information") + 2
    assert shown[begin : begin + 3] == ["id", "`a``b`", ""]


def test_an_increment_of_a_partitioned_table_of_parquet(shop: Shop) -> None:
    config = "strategy='insert_overwrite', partition_by='v'"
    shop.increments(config, [(1, 1), (2, 1), (3, 2)], [(4, 2)])
    assert shop.rows("m", "id, v") == [(1, 1), (2, 1), (4, 2)]
    shop.increments("unique_key='id', partition_by='id'", [(4, 3)])
    assert shop.rows("m", "id, v") == [(1, 1), (2, 1), (4, 3)]
    with Run(shop.load()) as run:
        assert laid_out(run.sessions.of_thread().engine, "m")[0] == ["id"]


def test_a_layout_that_cannot_be_is_an_error_before_the_query_runs(shop: Shop) -> None:
    shop.write({"models/m.ff.sql": "{{ config(partition_by='regoin') }}\n" + days(2)})
    with pytest.raises(LayoutError, match="'regoin' is not one of its columns") as raised:
        shop.build()
    assert raised.value.problem.hint == "Did you mean 'region'?"
    assert shop.tables() == set()


def test_a_missing_input_is_named(shop: Shop) -> None:
    shop.write({"models/orders.ff.sql": ORDERS, "models/m.ff.sql": "select id from {{ ref('orders') }}"})
    with pytest.raises(MissingRelationError, match="orders, which does not exist"):
        shop.build("m")


def test_the_place_of_an_error_is_told(session: Session) -> None:
    sql = "select 1 as a,\n  nothing as b"
    with pytest.raises(StatementError) as caught:
        session.fetch(sql)
    assert caught.value.position == sql.index("nothing")
    assert "JVM" not in caught.value.problem.message
    with pytest.raises(StatementError, match="two columns called 'a'"):
        session.execute(
            session.spelling.create_as(session.relation("t"), "table", "select 1 as a, 2 as a", replaces=False)
        )


ORDERS = "select 1 as id, 'a' as customer, 10 as amount union all select 2, 'b', 5 union all select 3, 'a', 7"
FRAMES = """
    import ibis
    import pandas as pd
    import polars as pl
    from fft_core import model
    from pyspark.sql import DataFrame
    from pyspark.sql.functions import col, sum as total


    @model(name='spent', deps=['orders'], requires={'orders': {'id', 'amount'}}, partition_by='customer')
    def spent(orders: DataFrame) -> DataFrame:
        return orders.filter(col('amount') > 5).groupBy('customer').agg(total('amount').alias('amount'))


    @model(name='by_pandas', deps=['orders'])
    def by_pandas(orders: pd.DataFrame):
        return orders[orders['amount'] > 5][['id']]


    @model(name='by_polars', deps=['orders'])
    def by_polars(orders: pl.DataFrame):
        return orders.filter(pl.col('amount') > 5).select('id')


    @model(name='by_ibis', deps=['orders'])
    def by_ibis(orders: ibis.Table):
        return orders.filter(orders.amount > 5).select('id')
"""


def test_frames_of_pyspark_are_queries_and_those_of_libraries_work(shop: Shop) -> None:
    shop.write({"models/orders.ff.sql": ORDERS, "models/frames.ff.py": textwrap.dedent(FRAMES)})
    some = ("by_pandas", "by_polars", "by_ibis") if FACTOR > 1 else ("by_ibis",)
    assert shop.build("orders", "spent", *some) == {"orders", "spent", *some}
    assert shop.rows("spent", "customer, amount") == [("a", 17)]
    with Run(shop.load()) as run:
        assert laid_out(run.sessions.of_thread().engine, "spent")[0] == ["customer"]
    for name in some:
        assert shop.rows(name, "id") == [(1,), (3,)], name
    assert shop.build("orders", "spent", *some) == set()


def test_what_is_wrong_with_a_profile_is_told(spark_server: Mapping[str, Any]) -> None:
    values, wrong = SPEC.read_settings({**spark_server, "extra_conf": {"a": 1, "b": True}, "table_format": "orc"})
    assert wrong == {"table_format": "must be one of parquet, delta, iceberg, not 'orc'"}
    assert values["extra_conf"] == {"a": "1", "b": "true"}
    read, wrong = SPEC.read_settings({"extra_conf": "a=b;c=d", "table_options": [1]})
    assert read["extra_conf"] == {"a": "b", "c": "d"}
    assert list(wrong) == ["table_options"]
    assert SPEC.settings["token"].is_secret


def test_a_secret_is_in_no_error() -> None:
    given = {"remote": "sc://127.0.0.1:9/;user_id=me", "token": "hunter2hunter2"}
    defaults = {name: setting.default for name, setting in SPEC.settings.items()}
    sessions = connecting.SparkSessions({**defaults, **given})
    assert sessions._url() == "sc://127.0.0.1:9/;user_id=me;token=hunter2hunter2"
    assert sessions.endpoint == "sc://127.0.0.1:9"
    said = sessions._explained(ValueError("token=hunter2hunter2 is refused"))
    assert isinstance(said, ConnectError)
    assert "hunter2" not in str(said)


def test_a_program_without_a_file_connects(spark_server: Mapping[str, Any]) -> None:
    """Spark's client takes `python -c`, and with it a child of multiprocessing, for its own tests, and ends it."""
    code = (
        "import json, sys\n"
        "from fft_core.engines.protocol import open_session\n"
        "session = open_session('databricks_spark', {**json.loads(sys.argv[1]), 'database': 'default'})\n"
        "print(session.fetch('select 1'))\n"
        "session.close()\n"
    )
    command = [sys.executable, "-c", code, json.dumps(dict(spark_server))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "[(1,)]\n", done.stderr


def test_a_spark_in_the_process_needs_the_whole_package(target: Target) -> None:
    with pytest.raises(ConnectError, match="only the client of Spark Connect"):
        open_session(target.engine, {"master": "local[1]", "database": "d"})


def test_a_server_that_does_not_answer_is_an_error_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fft_core.engines.databricks.connecting._ANSWERS_SECONDS", 1)
    with pytest.raises(UnreachableError, match=r"no answer from sc://127\.0\.0\.1:9 in 1 s \[FFT-221\]"):
        open_session("databricks_spark", {"remote": "sc://127.0.0.1:9"})


def test_a_secret_of_extra_conf_is_in_no_message(tmp_path: Path) -> None:
    setting = SPEC.settings["extra_conf"]
    with pytest.raises(ValueError, match="must be a mapping of names to texts, not list"):
        setting.read(["spark.hadoop.fs.s3a.secret.key=hunter2hunter2"])
    conf = "{spark.hadoop.fs.s3a.secret.key: hunter2hunter2, spark.app.purpose: nothingsecret}"
    profiles = f"dev: {{engine: databricks_spark, databricks_spark: {{extra_conf: {conf}}}}}\n"
    for name, text in {"project.yml": "name: p\nversion: '1'\n", "profiles.yml": profiles}.items():
        (tmp_path / name).write_text(text)
    mask = project_masker(load_project(tmp_path, "dev", environment={}))
    assert mask("hunter2hunter2 nothingsecret") == "*** nothingsecret"

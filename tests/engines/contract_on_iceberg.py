"""The contract on Iceberg: run by `test_spark_on_iceberg.py` in a process of its own, with Spark 3.5 in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import seed
from projects_compared import USERS_ORDERS, check_tables
from skip_helpers import place
from sweeps import FIRST_SEED, examples
from targets import Target
from test_ended_anywhere import NAMES, end_after_statements
from test_oracle import Oracle, ask
from test_oracle_increments import KeptOracle

from fft_core.engines.protocol import Seal, Want, open_session
from fft_core.engines.spec import Full
from fft_core.engines.spec.layout import Layout, Partition
from fft_core.testing import LEVELS, EngineContract

TARGET = Target(None, "databricks_spark", json.loads(os.environ["FFT_TEST_ICEBERG"]))
STEP = 7  # of some 50 statements


@pytest.fixture(scope="module", autouse=True)
def _locks_of_the_metastore() -> None:
    """Make the tables for locks of Hive, under which Iceberg commits: Hive makes them for its own tests alone.

    Without these locks, of two commits to one table at the same time one is lost.
    """
    given: Mapping[str, Any] = TARGET.given or {}
    session: Any = open_session(TARGET.engine, {**given, "database": "default"})
    hive = session.spark._jvm.org.apache.hadoop.hive
    conf, url = hive.conf.HiveConf(), "javax.jdo.option.ConnectionURL"
    conf.set(url, given["extra_conf"][f"spark.hadoop.{url}"])
    hive.metastore.txn.TxnDbUtil.prepDb(conf)
    session.close()


class TestSparkOnIceberg(EngineContract):
    engine = TARGET.engine
    levels = dict.fromkeys(LEVELS, Full())
    slow_query = "select count(*) from range(100000000000) as r where r.id % 7 = hash(r.id)"

    @pytest.fixture
    def settings(self) -> Iterator[Mapping[str, Any]]:
        with TARGET.settings() as settings:
            yield settings


def test_partitions_by_time_spans_and_a_table_of_iceberg_in_a_profile_of_parquet() -> None:
    query = "select 1 as id, date '2026-01-03' as day union all select 2, date '2026-02-04'"
    layout = Layout(partition_by=(Partition("day", "month"),), table_format="iceberg")
    for form in ("iceberg", "parquet"):
        with TARGET.settings() as settings:
            session = open_session(TARGET.engine, {**settings, "table_format": form})
            place = session.relation("days")
            session.create_schema(place)
            for stamp, laid_out in (("a1", layout.only(["partition_by"])), ("a2", layout), ("a3", layout)):
                with session.turn(), session.publisher.stage(place, "table", layout=laid_out) as stage:
                    columns, _ = stage.write(query)
                    stage.publish(Seal(stamp, columns))
                assert session.inspect([place], Want.STAMP)[place].stamp == stamp
                assert len(session.fetch(session.spelling.select_all(place))) == 2
            (shown,) = session.fetch(f"show create table {place.sql(session.spelling)}")
            assert "PARTITIONED BY (months(day))" in shown[0]
            session.execute(session.spelling.delete(place, "id = 1"))
            assert session.fetch(f"select id from {place.sql(session.spelling)}") == [(2,)]
            session.close()


def test_a_view_of_which_less_is_left_shows_its_new_rows() -> None:
    with TARGET.settings() as settings:
        session = open_session(TARGET.engine, settings)
        place = session.relation("seen")
        session.create_schema(place)
        for query, rows in (("select 1 as id where false", []), ("select 1 as id", [(1,)]), ("select 2 as id", [(2,)])):
            with session.turn(), session.publisher.stage(place, "view") as stage:
                columns, _ = stage.write(query)
                stage.publish(Seal("a1", columns))
            assert session.fetch(session.spelling.select_all(place)) == rows
            assert session.inspect([place], Want.STAMP)[place].stamp == "a1"
        session.close()


def test_a_build_may_end_after_each_of_its_statements(tmp_path: Path) -> None:
    with TARGET.profile() as profile:
        made = place(tmp_path / "project", {"profiles.yml": profile})
        assert end_after_statements(made, STEP, exactly_once=True) > len(NAMES)


def test_a_run_with_skips_equals_a_clean_build() -> None:
    ask(seed(FIRST_SEED)(type("Shard", (Oracle,), {"target": TARGET})), examples(1, 6), steps=3)


def test_what_is_kept_and_what_is_added() -> None:
    ask(seed(FIRST_SEED)(type("Shard", (KeptOracle,), {"target": TARGET})), examples(1, 6), steps=3)


def test_each_table_of_users_and_orders_is_that_of_duckdb(tmp_path: Path) -> None:
    check_tables(TARGET, tmp_path, USERS_ORDERS)

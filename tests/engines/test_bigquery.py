"""BigQuery's session, on bqemulator: names, frames, versions, errors. What it proves: docs/reference/bigquery.md."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fft_process import start_process
from targets import Target

from fft_core import Request, Run, load_project
from fft_core.engines.protocol import Seal, Session, Want, open_session
from fft_core.engines.spec.layout import Layout
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import ConnectError, EngineError, MissingRelationError, StatementError, UnreachableError
from fft_core.names import Relation
from fft_core.project.model import Project
from fft_core.testing.shop import Shop
from fft_core.warehouse.source_versions import source_version

pytestmark = pytest.mark.usefixtures("bigquery_server")
KILLED_IN_ITS_QUERY = """
import os, sys, threading
from google.cloud import bigquery
from fft_core import Run, load_project

send = bigquery.Client.query

def query(client, sql, **options):
    if "held until" in sql or "held_until" in sql and sql.startswith("begin transaction"):
        threading.Timer(0.5, os._exit, [9]).start()
    return send(client, sql, **options)

bigquery.Client.query = query
with Run(load_project(sys.argv[1])) as run:
    run.build(run.project.models[sys.argv[2]], run_id="the run")
"""
ORDERS = "select 1 as id, 'a' as customer, 10 as amount union all select 2, 'b', 5 union all select 3, 'a', 7"


@pytest.fixture(scope="module")
def target(bigquery_server: Mapping[str, Any]) -> Target:
    return Target(None, "bigquery", bigquery_server)


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


def created(session: Session, name: str, query: str) -> Relation:
    relation = session.relation(name)
    session.execute(session.spelling.create_as(relation, "table", query))
    return relation


def test_types_are_spelled_as_statements_take_them(session: Session) -> None:
    values = {
        "1": "int64",
        "1.5": "float64",
        "numeric '1.5'": "numeric",
        "'x'": "string",
        "b'x'": "bytes",
        "true": "bool",
        "date '2026-01-03'": "date",
        "datetime '2026-01-03 12:30:00'": "datetime",
        "current_timestamp()": "timestamp",
        "[1, 2]": "array<int64>",
        "struct(1 as a, 'x' as b)": "struct<`a` int64, `b` string>",
    }
    query = f"select {', '.join(f'{value} as c{number}' for number, value in enumerate(values))}"
    assert [column.type for column in session.columns(query)] == [*values.values()]


def test_decimals_are_the_narrower_type_that_holds_them(session: Session) -> None:
    of = session.types.column_type
    assert [of(kind) for kind in ("decimal(9,2)", "decimal(38, 9)", "decimal(38, 10)", "numeric", "timestamp")] == [
        "numeric(9, 2)",
        "numeric(38, 9)",
        "bignumeric(38, 10)",
        "numeric",
        "datetime",
    ]


def test_a_statement_tells_its_rows_and_its_job(session: Session) -> None:
    relation = created(session, "counted", "select 1 as id union all select 2")
    deleted = session.execute(session.spelling.delete(relation, "id = 1"))
    assert deleted.rows == 1
    assert (deleted.job or "").startswith("fft_")


def test_a_job_has_the_labels_of_its_node_and_run(session: Session) -> None:
    """The emulator does not keep them."""
    jobs, trace = session.jobs, session.trace  # type: ignore[attr-defined]
    assert jobs.labels() == {"fft": "1"}
    trace.project = "My shop"
    with trace.about("Users.by day" + 60 * "x", "3F2A-1"):
        labels = jobs.labels()
    told = {"fft_project": "my_shop", "fft_node": f"users_by_day{51 * 'x'}", "fft_run": "3f2a-1"}
    assert labels == {"fft": "1", **told}
    assert jobs.labels() == {"fft": "1", "fft_project": "my_shop"}


def test_a_retried_step_waits_for_the_job_of_the_earlier_attempt(shop: Shop, session: Session) -> None:
    """Our launcher stands in for the service: jobs go on without their client, and an id is used once."""
    shop.write({"models/slow.ff.sql": "select 7 as id, 'held until it is asked for' as note"})
    project = shop.load()
    kill_in_query(project, "slow")
    with shop.opened() as run:
        run.build(project.models["slow"], run_id="the run")
        engine = run.sessions.of_thread().engine
        assert engine.names_beside(engine.relation("slow"), "_ff_swap_") == []
    assert shop.fetch("select id from {}", "slow") == [(7,)]
    (job,) = jobs_of(session, "held until")
    labels = session.connection.client.get_job(job).labels  # type: ignore[attr-defined]
    assert (labels["fft_project"], labels["fft_node"], labels["fft_run"]) == (project.name, "slow", "the_run")
    shop.write({"models/slow.ff.sql": "select 8 as id"})
    for run_id in ("the run", "another run", "another run"):  # a job that has ended is not waited for
        with shop.opened(Request(rebuild=("slow",))) as run:
            run.build(run.project.models["slow"], run_id=run_id)
        assert shop.fetch("select id from {}", "slow") == [(8,)]


def test_a_retried_step_appends_no_rows_that_the_earlier_attempt_still_appends(shop: Shop, session: Session) -> None:
    name = "held_until_asked_for"
    text = "{{ config(materialized='incremental', strategy='append') }} select id from {{ ref('rows') }}"
    shop.write({f"models/{name}.ff.sql": f"{text} {{% if is_incremental() %}}where id > 2{{% endif %}}"})
    shop.write({"seeds/rows.csv": "id\n1\n2\n"})
    shop.build()
    shop.write({"seeds/rows.csv": "id\n1\n2\n3\n4\n"})
    shop.build("rows")
    kill_in_query(shop.load(), name)
    with shop.opened() as run:
        run.build(run.project.models[name], run_id="the run")
    assert sorted(shop.fetch("select id from {}", name)) == [(1,), (2,), (3,), (4,)]
    assert shop.build() == set()


def kill_in_query(project: Project, model: str) -> None:
    killed = start_process(sys.executable, "-c", KILLED_IN_ITS_QUERY, project.root, model)
    errors = killed.communicate(timeout=60)[1]
    assert killed.returncode == 9, errors


def jobs_of(session: Session, words: str) -> list[str]:
    """The ids of the jobs that have created a stage by a query with some words; the emulator writes it anew."""
    client = session.connection.client  # type: ignore[attr-defined]
    return [job.job_id for job in client.list_jobs() if words in job.query and "_ff_swap_" in job.query]


def test_values_come_back_as_they_are(session: Session) -> None:
    import pyarrow as pa

    frame = pa.table(
        {
            "whole": pa.array([2**62, None, -1], pa.int64()),
            "exact": pa.array([Decimal("1.50"), None, Decimal("-0.01")], pa.decimal128(12, 2)),
            "Odd name": pa.array(["a\\b'c\n", "", None], pa.string()),
            "at": pa.array([1, None, 10**15], pa.timestamp("us", "UTC")),
            "small": pa.array([1, None, 3], pa.int8()),
        }
    )
    with session.turn(), session.frames.query(frame) as query:
        found = session.frames.read(query)
    wanted = frame.set_column(4, "small", frame["small"].cast(pa.int64()))
    assert found.to_pydict() == wanted.to_pydict()
    assert not session.names_beside(session.relation("x"), "_ff_tmp_")


def test_what_a_frame_cannot_hold_is_named(session: Session) -> None:
    import pyarrow as pa

    nested = pa.table({"n": pa.array([[1]], pa.list_(pa.int64()))})
    with pytest.raises(EngineError, match="column 'n'"), session.turn(), session.frames.query(nested):
        pass


PAIRS = {
    "NULL and an empty text": ("select cast(null as string) as a", "select '' as a"),
    "NULL in another column": ("select cast(null as int64) as a, 1 as b", "select 1 as a, cast(null as int64) as b"),
    "a row once and twice": ("select 1 as a", "select 1 as a union all select 1"),
    "a row twice and three times": (
        "select 1 as a union all select 1",
        "select 1 as a union all select 1 union all select 1",
    ),
    "values exchanged between rows": (
        "select 1 as a, 2 as b union all select 3, 4",
        "select 1 as a, 4 as b union all select 3, 2",
    ),
    "0 and -0": ("select cast('0' as float64) as a", "select cast('-0' as float64) as a"),
    "1.5 and NaN": ("select 1.5 as a", "select cast('NaN' as float64) as a"),
    "a microsecond": (
        "select datetime '2024-01-01 00:00:00.000001' as a",
        "select datetime '2024-01-01 00:00:00.000002' as a",
    ),
    "NULL in a struct": (
        "select struct(1 as x, cast(null as int64) as y) as a",
        "select struct(cast(null as int64) as x, 1 as y) as a",
    ),
    "the order in an array": ("select [1, 2] as a", "select [2, 1] as a"),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_other_rows_have_another_digest(session: Session, pair: str) -> None:
    """The hash is the launcher's, the text of a row is the emulator's: what both are on the service is not proven."""

    def digest(query: str) -> object:
        columns = session.columns(query)
        ((found,),) = session.fetch(f"select {session.versions.digest('_ff_r', columns)} from ({query}) as _ff_r")
        return found

    one, other = PAIRS[pair]
    assert digest(one) == digest(one)
    assert digest(one) != digest(other)


def test_the_version_of_a_source_is_the_services_own(session: Session, tmp_path: Path) -> None:
    """Tables have a time of their last change; a view has none, and is digested."""
    table, view = created(session, "raw_events", "select 1 as id"), session.relation("seen_events")
    session.execute(session.spelling.create_as(view, "view", session.spelling.select_all(table)))
    (tmp_path / "models").mkdir()
    (tmp_path / "project.yml").write_text("name: p\nversion: '1'\n")
    (tmp_path / "profiles.yml").write_text("dev: {engine: duckdb}\n")
    (tmp_path / "sources.yml").write_text("version: 2\nsources: [{name: s, tables: [{name: raw_events}]}]\n")
    project = load_project(tmp_path, environment={})
    (source,) = project.sources.values()
    of_table, of_view = (source_version(session, source, one, project.fingerprint) for one in (table, view))
    assert ":known:" in (of_table or "")
    assert ":digest:" in (of_view or "")
    assert source_version(session, source, table, project.fingerprint) == of_table
    session.execute(f"insert into {table.sql(session.spelling)} (id) select 2")
    assert source_version(session, source, table, project.fingerprint) != of_table


def test_changes_and_record_are_one_transaction(session: Session) -> None:
    """The emulator shows the order and the rollback; that others see nothing of it before is the service's."""
    relation = created(session, "together", "select 1 as id")
    name, publisher = relation.sql(session.spelling), session.publisher
    with pytest.raises(StatementError, match="nothing"):
        publisher.change_together([f"insert into {name} (id) select 2", f"insert into {name} (nothing) select 2"])  # type: ignore[attr-defined]
    assert session.fetch(f"select id from {name}") == [(1,)]
    publisher.change_together([f"insert into {name} (id) select 2", f"delete from {name} where id = 1"])  # type: ignore[attr-defined]
    assert session.fetch(f"select id from {name}") == [(2,)]


def test_what_stands_in_for_temporary_tables_expires_and_is_dropped(session: Session) -> None:
    other = session.for_thread()
    other.create_temporary("given", "select 1 as id")
    place = other.temporary("given")
    assert "expiration_timestamp" in session.spelling.create_expiring(place, "table", "select 1 as id")  # type: ignore[attr-defined]
    assert other.temporary(place.name) == place
    assert session.inspect([place])
    other.close()
    assert not session.inspect([place])


def test_a_dataset_is_created_only_where_the_profile_allows_it(target: Target) -> None:
    assert target.given is not None
    settings = {**target.given, "dataset": "not_there", "allow_create_dataset": False}
    session = open_session(target.engine, settings)
    with pytest.raises(EngineError, match=r"the dataset test-project\.not_there does not exist") as caught:
        session.create_schema(session.relation("any"))
    assert "allow_create_dataset" in (caught.value.problem.hint or "")
    assert session.inspect([session.relation("any")], ~Want.KIND) == {}
    assert session.names_beside(session.relation("any"), "") == []
    session.close()


def test_nobody_answers(target: Target) -> None:
    assert target.given is not None
    with pytest.raises(UnreachableError, match="cannot connect to BigQuery in the project test-project"):
        open_session(target.engine, {**target.given, "dataset": "d", "endpoint": "http://127.0.0.1:9"})


def test_credentials_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    settings = {"project": "p", "dataset": "d", "retry_seconds": 0}
    with pytest.raises(ConnectError, match="cannot sign in to BigQuery"):
        open_session("bigquery", settings)
    with pytest.raises(ConnectError, match=r"the key file .* does not exist"):
        open_session("bigquery", {**settings, "keyfile": str(tmp_path / "key.json")})
    (tmp_path / "key.json").write_text('{"type": "service_account", "private_key": "hunter2"}')
    with pytest.raises(ConnectError, match="is not a key of a service account") as caught:
        open_session("bigquery", {**settings, "keyfile": str(tmp_path / "key.json")})
    assert "hunter2" not in str(caught.value)


def test_settings_are_read() -> None:
    given = {"project": "p", "dataset": "d", "use_bigframes": "no", "maximum_bytes_billed": "1000"}
    values, wrong = spec_of("bigquery").read_settings(given)
    assert wrong == {}
    assert values["use_bigframes"] is False
    assert values["maximum_bytes_billed"] == 1000
    _, wrong = spec_of("bigquery").read_settings({**given, "allow_create_dataset": "perhaps"})
    assert wrong == {"allow_create_dataset": "must be true or false, not 'perhaps'"}


def test_frames_of_libraries_work_beside_each_other(shop: Shop) -> None:
    code = """
        import ibis
        import pandas as pd
        import polars as pl
        from fft_core import model


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
    shop.write({"models/orders.ff.sql": ORDERS, "models/frames.ff.py": textwrap.dedent(code)})
    shop.build()
    for name in ("by_pandas", "by_polars", "by_ibis"):
        assert shop.rows(name, "id") == [(1,), (3,)], name


def test_a_missing_input_is_named(shop: Shop) -> None:
    shop.write({"models/orders.ff.sql": ORDERS, "models/m.ff.sql": "select id from {{ ref('orders') }}"})
    with pytest.raises(MissingRelationError, match="orders, which does not exist"):
        shop.build("m")


def test_comments_are_written_and_read(shop: Shop) -> None:
    shop.write({"models/orders.ff.sql": ORDERS})
    shop.build()
    with Run(shop.load()) as run:
        engine, relation = run.sessions.of_thread().engine, run.sessions.of_thread().relation("orders")
        engine.execute(engine.spelling.comment_on_column(relation, "id", "The customer's \\ number"))
        found = engine.inspect([relation], ~Want.KIND)[relation]
    assert found.column_comments == {"id": "The customer's \\ number"}
    assert found.rows == 3
    assert found.stamp


def test_partitions_and_clusters_of_a_table_stay(session: Session) -> None:
    """Those that somebody has made: the statement that publishes names them again."""
    place = session.relation("days")
    session.execute(
        f"create table {place.sql(session.spelling)} partition by day as\nselect date '2026-01-03' as day, 1 as id"
    )
    layout = Layout(labels=(("team", "core"),), changed=("labels",))
    with session.turn(), session.publisher.stage(place, "table", replaces="table", layout=layout) as stage:
        columns, _ = stage.write("select date '2026-01-04' as day, 2 as id")
        stage.publish(Seal("ab", columns))
    table = session.connection.client.get_table(f"test-project.{place.schema}.days")  # type: ignore[attr-defined]
    assert table.time_partitioning.field == "day"
    assert session.fetch(session.spelling.select_all(place))[0][1] == 2

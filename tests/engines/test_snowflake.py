"""Snowflake's session, on fakesnow: names, frames, versions, errors. What it proves: docs/reference/snowflake.md."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from targets import Target

from fft_core import Run, load_project
from fft_core.engines.protocol import Session, Want, open_session
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import ConnectError, EngineError, MissingRelationError, ModelError, StatementError
from fft_core.testing.shop import Shop
from fft_core.warehouse.source_versions import source_version

pytestmark = pytest.mark.usefixtures("snowflake_server")


@pytest.fixture(scope="module")
def target(snowflake_server: Mapping[str, Any]) -> Target:
    return Target(None, "snowflake_snowpark", snowflake_server)


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


def test_plain_names_are_what_whoever_writes_no_quotes_means(session: Session) -> None:
    """The emulator finds names in any case: what is sent is looked at, and what comes back."""
    assert session.spelling.relation(session.relation("orders")).endswith('"ORDERS"')
    assert session.spelling.quoted("Order items") == '"Order items"'
    query = 'select 1 as id, 2 as "Order items", 3 as "It\'s"'
    assert [column.name for column in session.columns(query)] == ["id", "Order items", "It's"]
    assert session.frames.read(query).column_names == ["id", "Order items", "It's"]


def test_types_are_spelled_as_the_service_tells_them(session: Session) -> None:
    query = "select 1::number(9, 2) as a, 1.5::double as b, 'x' as c, current_timestamp() as d, true as e"
    assert [column.type for column in session.columns(query)] == [
        "number(9,2)",
        "float",
        "varchar",
        "timestamp_tz",
        "boolean",
    ]


def test_narrow_columns_are_widened_where_an_increment_would_not_fit(session: Session) -> None:
    """The emulator knows no narrow columns: the types of literals on the service."""
    usable = session.types.usable_type
    assert [usable(kind) for kind in ("varchar(3)", "number(1,0)", "number(9,2)", "date")] == [
        "varchar",
        "number(38,0)",
        "number(9,2)",
        "date",
    ]
    column = session.columns("select 'x' as c")[0]
    assert session.spelling.change_type(session.relation("t"), column).endswith(
        'alter column "C" set data type varchar'
    )
    with pytest.raises(StatementError, match="change of a column's type"):
        session.spelling.change_type(session.relation("t"), type(column)("c", "date"))


def test_a_statement_tells_its_rows_and_its_query_id(session: Session) -> None:
    relation = session.relation("counted")
    created = session.execute(session.spelling.create_as(relation, "table", "select 1 as id union all select 2"))
    assert created.rows is None  # its answer is a text
    assert created.job
    deleted = session.execute(session.spelling.delete(relation, "id = 1"))
    assert deleted.rows == 1
    assert deleted.job not in (None, created.job)


def test_statements_have_the_tag_of_their_model_and_run(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator does not keep tags: what the connector is given is compared."""
    from snowflake.connector.cursor import SnowflakeCursor

    sent, execute = [], SnowflakeCursor.execute

    def noted(cursor: Any, *args: Any, **options: Any) -> Any:
        sent.append(options["_statement_params"])
        return execute(cursor, *args, **options)

    monkeypatch.setattr(SnowflakeCursor, "execute", noted)
    session.trace.project = ""
    session.execute("select 1")
    session.trace.project = "shop"
    with session.trace.about("orders", "run-1"):
        session.execute("select 2")
    assert sent == [{}, {"QUERY_TAG": '{"fft": {"project": "shop", "node": "orders", "run": "run-1"}}'}]


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
    assert found.schema.types == wanted.schema.types


def test_what_a_frame_cannot_hold_is_named(session: Session) -> None:
    import pyarrow as pa

    nested = pa.table({"n": pa.array([[1]], pa.list_(pa.int64()))})
    with pytest.raises(EngineError, match="column 'n'"), session.turn(), session.frames.query(nested):
        pass


PAIRS = {
    "NULL and an empty text": ("select null::varchar as a", "select '' as a"),
    "NULL in another column": ("select null as a, 1 as b", "select 1 as a, null as b"),
    "a row once and twice": ("select 1 as a", "select 1 as a union all select 1"),
    "values exchanged between rows": (
        "select 1 as a, 2 as b union all select 3, 4",
        "select 1 as a, 4 as b union all select 3, 2",
    ),
    "0 and -0": ("select 0.0::double as a", "select '-0'::double as a"),
    "1.5 and NaN": ("select 1.5::double as a", "select 'NaN'::double as a"),
    "a microsecond": (
        "select '2024-01-01 00:00:00.000001'::timestamp_ntz as a",
        "select '2024-01-01 00:00:00.000002'::timestamp_ntz as a",
    ),
    "decimals": ("select 1.10::number(9,2) as a", "select 1.11::number(9,2) as a"),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_other_rows_have_another_digest(session: Session, pair: str) -> None:
    """HASH_AGG is the emulator's own here: what it tells apart on the service is not proven by this."""

    def digest(query: str) -> object:
        columns = session.columns(query)
        ((found,),) = session.fetch(f"select {session.versions.digest('_ff_r', columns)} from ({query}) as _ff_r")
        return found

    one, other = PAIRS[pair]
    assert digest(one) == digest(one)
    assert digest(one) != digest(other)


def test_the_version_of_a_source_is_the_services_own(session: Session, tmp_path: Path) -> None:
    """Tables have a token; a view has none that tells of its text, and is digested."""
    table, view = session.relation("raw_events"), session.relation("seen_events")
    session.execute(session.spelling.create_as(table, "table", "select 1 as id"))
    session.execute(session.spelling.create_as(view, "view", session.spelling.select_all(table)))
    (tmp_path / "models").mkdir()
    (tmp_path / "project.yml").write_text("name: p\nversion: '1'\n")
    (tmp_path / "profiles.yml").write_text("dev: {engine: duckdb}\n")
    (tmp_path / "sources.yml").write_text("version: 2\nsources: [{name: s, tables: [{name: raw_events}]}]\n")
    project = load_project(tmp_path, environment={})
    (source,) = project.sources.values()
    of_table, of_view = (source_version(session, source, one, project.fingerprint) for one in (table, view))
    assert of_table is not None
    assert of_view is not None
    assert ":known:" in of_table
    assert ":digest:" in of_view
    session.execute(f"insert into {table.sql(session.spelling)} select 2")
    assert source_version(session, source, table, project.fingerprint) != of_table


def test_a_schema_is_created_only_where_the_profile_allows_it(target: Target) -> None:
    assert target.given is not None
    settings = {**target.given, "schema": "not_there", "allow_create_schema": False}
    session = open_session(target.engine, settings)
    with pytest.raises(EngineError, match=r"the schema fft\.not_there does not exist") as caught:
        session.create_schema(session.relation("any"))
    assert "allow_create_schema" in (caught.value.problem.hint or "")
    assert session.inspect([session.relation("any")], ~Want.KIND) == {}
    session.close()


def test_a_profile_without_a_way_of_signing_in_is_refused(target: Target, tmp_path: Path) -> None:
    assert target.given is not None
    settings = {**target.given, "schema": "s", "password": None}
    with pytest.raises(ConnectError, match="no credentials for Snowflake"):
        open_session(target.engine, settings)
    with pytest.raises(ConnectError, match=r"the private key .* does not exist"):
        open_session(target.engine, {**settings, "private_key_path": str(tmp_path / "key.p8")})


def test_a_secret_is_in_no_error(snowflake_server: Mapping[str, Any]) -> None:
    nobody = {**snowflake_server, "schema": "s", "port": 9, "login_timeout": 1, "password": "hunter2hunter2"}
    nobody.pop("login_timeout")
    spec = spec_of("snowflake_snowpark")
    assert all(spec.settings[name].is_secret for name in ("password", "token", "private_key_passphrase"))
    values, wrong = spec.read_settings({**nobody, "allow_create_schema": "yes"})
    assert wrong == {}
    assert values["allow_create_schema"] is True
    _, wrong = spec.read_settings({**nobody, "transient": "perhaps"})
    assert wrong == {"transient": "must be true or false, not 'perhaps'"}


def test_tables_beside_the_published_ones_are_transient(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.write({"models/m.ff.sql": "select 1 as id"})
    with caplog.at_level("DEBUG", logger="fft.sql"):
        shop.build()
    created = [message for message in caplog.messages if "_FF_SWAP_" in message and "create" in message]
    assert any("create transient table" in message for message in created)
    assert any(
        "create or replace table" in message and "copy grants comment = '[fft " in message for message in created
    )


SNOWPARK = """
    from fft_core import model
    from snowflake.snowpark import DataFrame
    from snowflake.snowpark.functions import col, sum as total


    @model(deps=['orders'], requires={'orders': {'id', 'amount'}})
    def spent(orders: DataFrame):
        return orders.filter(col('amount') > 5).group_by('customer').agg(total('amount').alias('amount'))
"""
ORDERS = "select 1 as id, 'a' as customer, 10 as amount union all select 2, 'b', 5 union all select 3, 'a', 7"


def test_a_frame_of_snowpark_is_a_query_of_which_no_row_leaves(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.write({"models/orders.ff.sql": ORDERS, "models/spent.ff.py": textwrap.dedent(SNOWPARK)})
    with caplog.at_level("DEBUG", logger="fft.sql"):
        assert shop.build() == {"orders", "spent"}
    assert shop.rows("spent", "customer, amount") == [("a", 17)]
    assert not [message for message in caplog.messages if "put 'file" in message]
    assert shop.build() == set()
    shop.write({"models/orders.ff.sql": ORDERS.replace("7", "8")})
    assert shop.build() == {"orders", "spent"}
    assert shop.rows("spent", "customer, amount") == [("a", 18)]


def test_a_column_that_a_frame_of_snowpark_must_have_is_named(shop: Shop) -> None:
    shop.write({"models/orders.ff.sql": "select 1 as id", "models/spent.ff.py": textwrap.dedent(SNOWPARK)})
    with pytest.raises(ModelError, match="requires 'amount' of 'orders', which has 'id'"):
        shop.build()


def test_frames_of_libraries_work_beside_it(shop: Shop) -> None:
    code = """
        import ibis
        import pandas as pd
        import polars as pl
        from fft_core import model
        from snowflake.snowpark import DataFrame


        @model(name='by_pandas', deps=['orders'])
        def by_pandas(orders: pd.DataFrame):
            return orders[orders['amount'] > 5][['id']]


        @model(name='by_polars', deps=['orders'])
        def by_polars(orders: pl.DataFrame):
            return orders.filter(pl.col('amount') > 5).select('id')


        @model(name='by_ibis', deps=['orders'])
        def by_ibis(orders: ibis.Table):
            return orders.filter(orders.amount > 5).select('id')


        @model(name='by_both', deps=['orders', 'by_pandas'])
        def by_both(orders: DataFrame, others: pd.DataFrame):
            return orders.filter(orders['id'].isin([int(one) for one in others['id']])).select('id')
    """
    shop.write({"models/orders.ff.sql": ORDERS, "models/frames.ff.py": textwrap.dedent(code)})
    shop.build()
    for name in ("by_pandas", "by_polars", "by_ibis", "by_both"):
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

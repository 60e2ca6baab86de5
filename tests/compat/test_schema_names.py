"""A schema of the profile's, whose name may be that of the database file, and names without it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from targets import Target
from written_projects import Files, opened

from fft_core.engines.duckdb.views import unambiguous

MODELS: Files = {
    "seeds/orders.csv": "id,amount\n1,10\n2,20\n",
    "models/cleaned.ff.sql": """\
        {{ config(materialized='view') }}
        with orders as (select 9 as id, 9 as amount), all_orders as (select * from {{ ref('orders') }})
        select id, amount from all_orders
        """,
    "models/doubled.ff.sql": """\
        {{ config(materialized='view') }}
        select c.id, 2 * {{ ref('orders') }}.amount as amount, 'shop.shop.orders' as said
        from {{ ref('cleaned.ff') }} as c join {{ ref('orders') }} on {{ ref('orders') }}.id = c.id
        """,
    "models/py_orders.ff.py": """\
        from fastflowtransform import engine_model
        @engine_model(only=("duckdb", "postgres"), name="py_orders", deps=["doubled.ff"], materialized="view")
        def build(df):
            return df[["id", "amount"]]
        """,
    "models/grown.ff.sql": """\
        {{ config(materialized='incremental', unique_key='id', incremental={'updated_at_column': 'id'}) }}
        select id, amount from orders
        {% if is_incremental() %}where id > (select max(id) from {{ this.name }}){% endif %};
        """,
}


@pytest.mark.parametrize("schema", ["shop", "Shop"])
def test_views_work_in_a_file_that_is_called_as_its_schema(tmp_path: Path, schema: str) -> None:
    profile = f"dev: {{engine: duckdb, duckdb: {{path: shop.duckdb, schema: {schema}}}}}\n"
    with opened(tmp_path, {**MODELS, "profiles.yml": profile}) as shop:
        shop.build("orders", "cleaned", "doubled", "py_orders")
        shop.build("cleaned", "doubled", "py_orders")
    with duckdb.connect(str(tmp_path / "shop.duckdb"), read_only=True) as others:
        assert others.execute("from shop.shop.cleaned order by id").fetchall() == [(1, 10), (2, 20)]
        assert others.execute("from shop.shop.doubled order by id").fetchall() == [
            (1, 20, "shop.shop.orders"),
            (2, 40, "shop.shop.orders"),
        ]
        assert others.execute("from shop.shop.py_orders order by id").fetchall() == [(1, 20), (2, 40)]


def test_a_view_in_another_schema_reads_that_one(tmp_path: Path) -> None:
    files: Files = {
        "profiles.yml": "dev: {engine: duckdb, duckdb: {path: shop.duckdb}}\n",
        "seeds/orders.csv": "id\n1\n",
        "seeds/schema.yml": "targets: {orders: {schema: shop}}\n",
        "models/cleaned.ff.sql": "{{ config(materialized='view') }} select id from {{ ref('orders') }}",
    }
    with opened(tmp_path, files) as shop:
        shop.build()
        assert shop.rows("select id from main.cleaned") == [(1,)]


def test_only_what_duckdb_would_not_keep_is_written_in_another_way() -> None:
    for query in (
        'select id from "shop"."main"."orders"',
        "select 'shop.shop.orders' as shop",
        "select * from shop.shop.made(1)",
        "no query of shop.shop.orders",
        "select shop.shop.orders.id.shop.shop from x as shop",
    ):
        assert unambiguous(query, "shop") == query
    there = 'query_table(\'"shop"."shop"."it\'\'s"\')'
    assert unambiguous('select * from "shop"."shop"."it\'s" as o', "SHOP") == f"select * from {there} as o"


def test_unqualified_names_mean_the_schema_of_the_profile(tmp_path: Path, target: Target) -> None:
    path = str(tmp_path / "db.duckdb")
    with target.profile(path) as profiles:
        names = {} if target.dsn else {"FF_DUCKDB_SCHEMA": "inc_demo"}
        with opened(tmp_path, {**MODELS, "profiles.yml": profiles}, **names) as shop:
            shop.build("orders", "grown")
            (tmp_path / "seeds" / "orders.csv").write_text("id,amount\n2,21\n3,30\n")
        with opened(tmp_path, None, **names) as shop:
            shop.build("orders", "grown")
            relation = shop.warehouse.relation("grown").sql(shop.warehouse.engine.spelling)
            assert shop.rows(f"select id, amount from {relation} order by id") == [(1, 10), (2, 20), (3, 30)]

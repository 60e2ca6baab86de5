"""The order of rows: where a query sorts them, other readers than it may see that, and are built again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from shops import TABLE, VIEW, Shop, shop_on, states
from targets import Target

ROWS = "(values (1, 'a'), (2, 'b'), (3, 'c')) as v(id, name)"
PARENT = "select id, name from {{{{ ref('raw') }}}} order by id {}"
READERS = {
    "limit": "select id from {{ ref('parent') }} limit 1",
    "offset": "select id from {{ ref('parent') }} offset 2",
    "string_agg": "select string_agg(name, '') as id from {{ ref('parent') }}",
    "array_agg": "select cast(array_agg(id) as text) as id from {{ ref('parent') }}",
    "row_number": "select id from (select id, row_number() over () as n from {{ ref('parent') }}) as t where n = 1",
    "distinct_on": "select distinct on (id > 0) id from {{ ref('parent') }}",
}
PYTHON = """
import pandas as pd
from fft_core import model

@model(deps=['parent'])
def reader(parent: pd.DataFrame) -> pd.DataFrame:
    return parent.head(1)[['id']]
"""


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Shop]:
    with shop_on(target, tmp_path) as made:
        made.write({"seeds/raw.csv": "id,name\n1,a\n2,b\n3,c\n"})
        yield made


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_sees_the_new_order(shop: Shop, reader: str) -> None:
    shop.write({"models/parent.ff.sql": PARENT.format("asc"), "models/reader.ff.sql": TABLE + READERS[reader]})
    shop.build()
    before = shop.rows("reader")
    shop.write({"models/parent.ff.sql": PARENT.format("desc")})
    assert set(states(shop.build("parent", "reader")).values()) == {"built"}
    assert shop.rows("reader") != before


def test_a_python_model_sees_the_new_order_through_a_view(shop: Shop) -> None:
    shop.write(
        {
            "models/sorted.ff.sql": TABLE + PARENT.format("asc"),
            "models/parent.ff.sql": VIEW + "select * from {{ ref('sorted') }}",
            "models/reader.ff.py": PYTHON,
        }
    )
    shop.build()
    assert shop.rows("reader") == [1]
    shop.write({"models/sorted.ff.sql": TABLE + PARENT.format("desc")})
    shop.build()
    assert shop.rows("reader") == [3]


SORTED = {
    "cte": "with final as (select id from {{{{ ref('raw') }}}} order by id {}) select * from final",
    "subquery": "select * from (select id from {{{{ ref('raw') }}}} order by id {}) as t",
    "parentheses": "(select id from {{{{ ref('raw') }}}} order by id {})",
    "union": "select id from {{{{ ref('raw') }}}} where id < 3 union all select 3 order by 1 {}",
    "limit": "select id from {{{{ ref('raw') }}}} order by id {} limit 3",
}


@pytest.mark.parametrize("text", SORTED)
def test_every_place_of_a_sort_counts(shop: Shop, text: str) -> None:
    reader = {"models/reader.ff.sql": TABLE + READERS["limit"]}
    shop.write({"models/parent.ff.sql": SORTED[text].format("asc"), **reader})
    shop.build()
    assert shop.rows("reader") == [1]
    shop.write({"models/parent.ff.sql": SORTED[text].format("desc")})
    shop.build()
    assert shop.rows("reader") == [3]


@pytest.mark.parametrize("materialized", ["table", "view"])
def test_the_order_of_a_frame_counts(shop: Shop, materialized: str) -> None:
    text = PYTHON.replace("'parent'", "'raw'").replace("parent", "raw").replace("def reader", "def parent")
    text = text.replace("deps=['raw']", f"deps=['raw'], materialized='{materialized}'")
    shop.write(
        {
            "models/parent.ff.py": text.replace("raw.head(1)", "raw.sort_values('id')"),
            "models/reader.ff.sql": TABLE + READERS["limit"],
        }
    )
    shop.build()
    shop.write({"models/parent.ff.py": text.replace("raw.head(1)", "raw.sort_values('id', ascending=False)")})
    shop.build()
    assert shop.rows("reader") == [3]


@pytest.mark.parametrize("other", ["id + 0", "1 * id"])
def test_the_same_order_cuts_off(shop: Shop, other: str) -> None:
    shop.write({"models/parent.ff.sql": PARENT.format(""), "models/reader.ff.sql": TABLE + READERS["limit"]})
    shop.build()
    shop.write({"models/parent.ff.sql": PARENT.format("").replace("order by id", f"order by {other}")})
    assert states(shop.build()) == {"raw": "reused", "parent": "built", "reader": "reused"}


def test_taking_the_sort_out_is_noticed(shop: Shop) -> None:
    shop.write({"models/parent.ff.sql": PARENT.format("desc"), "models/reader.ff.sql": TABLE + READERS["limit"]})
    shop.build()
    shop.write({"models/parent.ff.sql": PARENT.format("desc").partition(" order by")[0]})
    assert states(shop.build())["reader"] == "built"


def test_windows_and_aggregates_sort_no_rows(shop: Shop) -> None:
    text = "select id, row_number() over (order by id) as n from (values {}) as v(id) where id in (1, 2)"
    reader = {"models/reader.ff.sql": TABLE + "select count(*) as id from {{ ref('parent') }}"}
    shop.write({"models/parent.ff.sql": TABLE + text.format("(1), (2)"), **reader})
    shop.build()
    shop.write({"models/parent.ff.sql": TABLE + text.format("(2), (1), (0)")})
    assert states(shop.build()) == {"raw": "reused", "parent": "built", "reader": "reused"}


def test_a_sorted_increment_that_changes_nothing_cuts_off(shop: Shop) -> None:
    config = "{{ config(materialized='incremental', unique_key='id') }} "
    text = "{% if is_incremental() %}where id > (select max(id) from {{ this }}){% endif %}"
    shop.write(
        {
            "models/parent.ff.sql": f"{config}select id from {{{{ ref('raw') }}}} {text} order by id",
            "models/reader.ff.sql": TABLE + READERS["limit"],
        }
    )
    shop.build()
    shop.write({"seeds/raw.csv": "id,name\n0,z\n1,a\n2,b\n3,c\n"})
    assert states(shop.build()) == {"raw": "built", "parent": "built", "reader": "reused"}
    shop.write({"seeds/raw.csv": "id,name\n4,d\n"})
    assert states(shop.build()) == {"raw": "built", "parent": "built", "reader": "built"}


def test_a_column_called_rowid_hides_the_order_and_nothing_is_cut_off(shop: Shop) -> None:
    parent = "select id as rowid, id from {{{{ ref('raw') }}}} order by id {}"
    shop.write({"models/parent.ff.sql": parent.format("asc"), "models/reader.ff.sql": TABLE + READERS["limit"]})
    shop.build()
    shop.write({"models/parent.ff.sql": parent.format("desc")})
    shop.build()
    assert shop.rows("reader") == [3]


@pytest.mark.parametrize("between", [None, "view", "ephemeral"])
def test_a_table_that_reads_a_sorted_view_has_its_order(shop: Shop, between: str | None) -> None:
    again = {"models/vv2.ff.sql": f"{{{{ config(materialized='{between}') }}}} select * from {{{{ ref('vv') }}}}"}
    shop.write(
        {
            "models/vv.ff.sql": VIEW + PARENT.format("asc"),
            **(again if between else {}),
            "models/parent.ff.sql": TABLE + f"select * from {{{{ ref('{'vv2' if between else 'vv'}') }}}}",
            "models/reader.ff.sql": TABLE + READERS["limit"],
        }
    )
    shop.build()
    assert shop.rows("reader") == [1]
    shop.write({"models/vv.ff.sql": VIEW + PARENT.format("desc")})
    shop.build()
    assert shop.rows("reader") == [3]


def test_a_view_that_does_not_sort_leaves_the_cut_off(shop: Shop) -> None:
    shop.write(
        {
            "models/vv.ff.sql": VIEW + "select id from {{ ref('raw') }} where id < 3 union all select 3",
            "models/parent.ff.sql": TABLE + "select * from {{ ref('vv') }}",
            "models/reader.ff.sql": TABLE + "select count(*) as id from {{ ref('parent') }}",
        }
    )
    shop.build()
    shop.write({"models/vv.ff.sql": VIEW + "select 3 as id union all select id from {{ ref('raw') }} where id < 3"})
    assert states(shop.build())["reader"] == "reused"


def test_an_array_that_is_sorted_and_unnested_sorts_rows(shop: Shop) -> None:
    parent = "select unnest(array_agg(id order by id {})) as id from {{{{ ref('raw') }}}}"
    shop.write({"models/parent.ff.sql": TABLE + parent.format("asc"), "models/reader.ff.sql": TABLE + READERS["limit"]})
    shop.build()
    shop.write({"models/parent.ff.sql": TABLE + parent.format("desc")})
    shop.build()
    assert shop.rows("reader") == [3]

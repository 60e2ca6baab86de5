"""Frames of BigQuery DataFrames in Python models, on bqemulator: `use_bigframes` of the engine `bigquery`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from targets import Target

from fft_core.errors import ModelError
from fft_core.testing.shop import Shop

ORDERS = "select 1 as id, 'a' as customer, 10 as amount union all select 2, 'b', 5 union all select 3, 'a', 7"
SPENT = """
    import bigframes.pandas as bpd
    from fft_core import model


    @model(deps=['orders'], requires={'orders': {'id', 'amount'}})
    def spent(orders: bpd.DataFrame) -> bpd.DataFrame:
        return orders[orders['amount'] > 5].groupby('customer').agg({'amount': 'sum'})
"""


@pytest.fixture(params=["bigframes"])
def shop(bigquery_server: Mapping[str, Any], tmp_path: Path) -> Iterator[Shop]:
    pytest.importorskip("bigframes", reason="the extra fft-dagster[bigframes] is not installed")
    with Target(None, "bigquery", bigquery_server).settings() as settings:
        yield Shop(tmp_path / "project", "bigquery", {**settings, "use_bigframes": True})


def test_a_frame_is_a_query_of_which_no_row_leaves(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """An index that has a name is a column; the frame reads the table of this moment, also in the same session."""
    shop.write({"models/orders.ff.sql": ORDERS, "models/spent.ff.py": textwrap.dedent(SPENT)})
    with caplog.at_level("DEBUG", logger="fft.sql"):
        assert shop.build() == {"orders", "spent"}
    assert shop.rows("spent", "customer, amount") == [("a", 17)]
    assert not [message for message in caplog.messages if "a load job" in message]
    assert any("create table" in message and "SUM(" in message for message in caplog.messages)
    assert shop.build() == set()
    shop.write({"models/orders.ff.sql": ORDERS.replace("7", "8")})
    assert shop.build() == {"orders", "spent"}
    assert shop.rows("spent", "customer, amount") == [("a", 18)]


def test_frames_of_libraries_work_beside_it(shop: Shop) -> None:
    code = """
        import bigframes.pandas as bpd
        import pandas as pd
        from fft_core import model


        @model(name='by_pandas', deps=['orders'])
        def by_pandas(orders: pd.DataFrame):
            return orders[orders['amount'] > 5][['id']]


        @model(name='by_both', deps=['orders', 'by_pandas'])
        def by_both(orders: bpd.DataFrame, others: pd.DataFrame):
            return orders[orders['id'].isin([int(one) for one in others['id']])][['id']]


        @model(name='by_nothing', deps=['orders'])
        def by_nothing(orders):
            return orders[['id']].head(1)
    """
    shop.write({"models/orders.ff.sql": ORDERS, "models/frames.ff.py": textwrap.dedent(code)})
    shop.build()
    assert shop.rows("by_both", "id") == shop.rows("by_pandas", "id") == [(1,), (3,)]
    assert len(shop.rows("by_nothing", "id")) == 1


def test_a_column_that_a_frame_must_have_is_named(shop: Shop) -> None:
    shop.write({"models/orders.ff.sql": "select 1 as id", "models/spent.ff.py": textwrap.dedent(SPENT)})
    with pytest.raises(ModelError, match="requires 'amount' of 'orders', which has 'id'"):
        shop.build()


def test_a_profile_may_leave_them_out(bigquery_server: Mapping[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("bigframes", reason="the extra fft-dagster[bigframes] is not installed")
    with Target(None, "bigquery", bigquery_server).settings() as settings:
        shop = Shop(tmp_path / "project", "bigquery", {**settings, "use_bigframes": False})
        shop.write({"models/orders.ff.sql": ORDERS, "models/spent.ff.py": textwrap.dedent(SPENT)})
        with pytest.raises(ModelError, match="use_bigframes: false"):
            shop.build()

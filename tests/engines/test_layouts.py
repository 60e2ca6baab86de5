"""The layout of tables on BigQuery and Snowflake, by every way of publishing: builds, increments, snapshots, clones."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from postgres_server import new_schema
from server_environment import drop_place
from targets import Target

from fft_core import Run, load_project
from fft_core.engines.spec.layout import LayoutError
from fft_core.operations.clone import clone
from fft_core.testing.shop import Shop

Open = Callable[[str], Shop]
DAYS = "select 1 as id, date '2026-01-03' as day, 'a' as region union all select 2, date '2026-02-04', 'b'"
INCREMENT = """\
select id, day, 'a' as region from {{ ref('raw') }}
"""
SNAPSHOT = "materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': 'all'}"


@pytest.fixture
def shop_on(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    opened: list[tuple[str, Mapping[str, Any]]] = []

    def make(engine: str) -> Shop:
        server = {"bigquery": "bigquery_server", "snowflake_snowpark": "snowflake_server"}[engine]
        target = Target(None, engine, request.getfixturevalue(server))
        settings = {**(target.given or {}), target.schema_setting: new_schema()}
        opened.append((engine, settings))
        return Shop(tmp_path / "project", engine, settings)

    yield make
    for engine, settings in opened:
        drop_place(engine, settings)


def model(shop: Shop, config: str, query: str = DAYS, name: str = "orders") -> None:
    shop.write({f"models/{name}.ff.sql": f"{{{{ config({config}) }}}}\n{query}"})


def table(shop: Shop, name: str) -> Any:  # Any: a table of BigQuery's client
    with shop.opened() as run:
        warehouse = run.sessions.of_thread()
        place = warehouse.relation(name)
        return warehouse.engine.connection.client.get_table(  # type: ignore[attr-defined]
            f"{place.catalog}.{place.schema}.{place.name}"
        )


def described(shop: Shop, name: str = "orders") -> tuple[object, ...]:
    """What BigQuery's client says: the column and size of partitions, and the columns of clusters."""
    found = table(shop, name)
    time, ranges = found.time_partitioning, found.range_partitioning
    by = (time.field, time.type_) if time else (ranges.field, ranges.range_.interval) if ranges else None
    return by, tuple(found.clustering_fields or ())


def reasons(shop: Shop, name: str = "orders") -> list[str]:
    with shop.opened() as run:
        (decision,) = [one for one in run.plan().decisions if one.name == name]
        return [str(reason) for reason in decision.reasons]


def test_a_table_has_its_layout_after_each_build(shop_on: Open) -> None:
    shop = shop_on("bigquery")
    layout = "partition_by='DAY', cluster_by=['region', 'id'], labels={'team': 'core'}"
    model(shop, layout)
    shop.build()
    assert described(shop) == (("day", "DAY"), ("region", "id"))
    model(shop, layout, f"{DAYS} union all select 3, date '2026-02-05', 'c'")
    shop.build()
    assert described(shop) == (("day", "DAY"), ("region", "id"))
    assert len(shop.rows("orders", "id")) == 3
    assert table(shop, "orders").labels == {"team": "core"}


def test_another_layout_rebuilds_the_table_and_the_reason_names_it(shop_on: Open) -> None:
    shop = shop_on("bigquery")
    model(shop, "partition_by='day', cluster_by=['region']")
    shop.build()
    model(shop, "partition_by={'field': 'day', 'granularity': 'month'}, cluster_by=['id']")
    assert reasons(shop) == ["its config changed: cluster_by, partition_by"]
    assert shop.build() == {"orders"}
    assert described(shop) == (("day", "MONTH"), ("id",))
    assert shop.tables() == {"orders"}
    model(shop, "tags=['plain']")
    shop.build()
    assert described(shop) == (None, ())
    assert shop.build() == set()


def test_ranges_and_seeds(shop_on: Open) -> None:
    shop = shop_on("bigquery")
    shop.write(
        {
            "project.yml": (
                "name: p\nversion: '1'\n"
                "seeds: {+partition_by: {field: id, range: {start: 0, end: 100, interval: 10}}, +cluster_by: [v]}\n"
            ),
            "seeds/raw.csv": "id,v\n1,a\n",
            "seeds/schema.yml": "columns:\n  raw: {id: integer, v: string}\n",
        }
    )
    shop.build()
    assert described(shop, "raw") == (("id", 10), ("v",))


def test_rows_of_an_incremental_table_move_to_the_new_layout(shop_on: Open) -> None:
    shop = shop_on("bigquery")
    merge = "materialized='incremental', unique_key='id'"
    shop.write(
        {"seeds/raw.csv": "id,day\n1,2026-01-03\n", "seeds/schema.yml": "columns: {raw: {id: integer, day: date}}"}
    )
    model(shop, f"{merge}, partition_by='day', cluster_by=['region']", INCREMENT)
    shop.build()
    assert described(shop) == (("day", "DAY"), ("region",))
    shop.write({"seeds/raw.csv": "id,day\n2,2026-02-04\n"})
    shop.build()
    assert described(shop) == (("day", "DAY"), ("region",))
    model(shop, f"{merge}, partition_by={{'field': 'day', 'granularity': 'year'}}", INCREMENT)
    said = "its config changed: cluster_by, partition_by; the table is written again, with the rows that it has"
    assert reasons(shop) == [said]
    shop.build()
    assert described(shop) == (("day", "YEAR"), ())
    assert shop.rows("orders", "id") == [(1,), (2,)]
    assert shop.build() == set()


def test_a_snapshot_keeps_its_versions_in_the_new_layout(shop_on: Open) -> None:
    shop = shop_on("bigquery")
    model(shop, f"{SNAPSHOT}, cluster_by=['id']", "select 1 as id, 'a' as v")
    shop.build()
    model(shop, f"{SNAPSHOT}, cluster_by=['id']", "select 1 as id, 'b' as v")
    shop.build()
    model(shop, f"{SNAPSHOT}, cluster_by=['v']", "select 1 as id, 'b' as v")
    shop.build()
    assert described(shop) == (None, ("v",))
    assert shop.rows("orders", "v, _ff_is_current") == [("a", False), ("b", True)]


def test_insert_overwrite_needs_no_partitions_of_the_engine(shop_on: Open) -> None:
    shop = shop_on("bigquery")
    overwrite = "materialized='incremental', strategy='insert_overwrite', partition_by"
    model(shop, f"{overwrite}='region'")
    model(shop, f"{overwrite}=['region', 'day']", name="both")
    shop.build()
    assert described(shop) == (None, ())
    assert described(shop, "both") == (("day", "DAY"), ())


@pytest.mark.parametrize(
    ("engine", "config", "message", "hint"),
    [
        (
            "bigquery",
            "cluster_by=['regoin']",
            "cluster_by: 'regoin' is not one of its columns",
            "Did you mean 'region'?",
        ),
        ("bigquery", "partition_by='dya'", "partition_by: 'dya' is not one of its columns", "Did you mean 'day'?"),
        (
            "bigquery",
            "partition_by='region'",
            "partition_by: BigQuery cannot partition by 'region', which is string",
            None,
        ),
        ("bigquery", "cluster_by=['lower(region)']", "cluster_by: BigQuery clusters by columns", None),
        ("snowflake_snowpark", "cluster_by=['regoin']", "cluster_by: 'regoin' is not", "Did you mean 'region'?"),
    ],
)
def test_a_layout_that_cannot_be_leaves_the_table_as_it_was(
    shop_on: Open, engine: str, config: str, message: str, hint: str | None
) -> None:
    shop = shop_on(engine)
    model(shop, "tags=['a']", "select 7 as id")
    shop.build()
    model(shop, config)
    with pytest.raises(LayoutError) as raised:
        shop.build()
    problem = raised.value.problem
    assert str(problem).startswith(f"models/orders.ff.sql:1: 'orders': {message}")
    assert hint in (None, problem.hint)
    assert raised.value.code == "FFT-463"
    assert shop.rows("orders", "id") == [(7,)]
    assert shop.tables() == {"orders"}


def test_a_clone_has_the_layout(shop_on: Open, tmp_path: Path) -> None:
    shop = shop_on("bigquery")
    model(shop, "partition_by='day', cluster_by=['region']")
    shop.build()
    root, settings = tmp_path / "project", shop._settings
    other = {**settings, "dataset": new_schema()}
    profiles = {"dev": {"engine": "bigquery", "bigquery": settings}, "own": {"engine": "bigquery", "bigquery": other}}
    (root / "profiles.yml").write_text(json.dumps(profiles))
    with Run(load_project(root, "own", environment={})) as run:
        warehouse = run.sessions.of_thread()
        assert [one.outcome for one in clone(warehouse, "dev")] == ["copied"]
        layout = warehouse.engine.publisher.session.layout(warehouse.relation("orders"))  # type: ignore[attr-defined]
        assert (layout.partition.column, layout.clusters) == ("day", ("region",))
        assert run.plan().builds == ()
    drop_place("bigquery", other)


def statements(caplog: pytest.LogCaptureFixture, *words: str) -> list[str]:
    return [text for one in caplog.records if all(word in (text := one.getMessage()) for word in words)]


def test_the_statements_of_snowflake_have_the_layout(shop_on: Open, caplog: pytest.LogCaptureFixture) -> None:
    """The emulator takes CLUSTER BY and TRANSIENT, and keeps neither."""
    shop, merge = shop_on("snowflake_snowpark"), "materialized='incremental', unique_key='id'"
    model(shop, f"{merge}, cluster_by=['region', 'year(day)'], transient=True")
    with caplog.at_level(logging.DEBUG, logger="fft.sql"):
        shop.build()
    assert statements(
        caplog, "create or replace transient table", '"ORDERS" cluster by ("REGION", year(day)) copy grants'
    )
    caplog.clear()
    model(shop, f"{merge}, cluster_by=['day']", "select 3 as id, date '2026-01-03' as day, 'c' as region")
    with caplog.at_level(logging.DEBUG, logger="fft.sql"):
        shop.build()
    assert statements(caplog, "create or replace table", '"ORDERS" cluster by ("DAY") copy grants')
    assert shop.rows("orders", "id") == [(1,), (2,), (3,)]
    assert shop.build() == set()

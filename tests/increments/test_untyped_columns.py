"""Columns of nothing but NULL, which no query gives a type: they take what comes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from targets import Target
from workbench import Bench, bench


@pytest.fixture
def shop(target: Target) -> Iterator[Bench]:
    with bench(target) as made:
        yield made


MERGE = "materialized='incremental', unique_key='id'"
PANDAS = """
import pandas as pd
from fft_core import model

@model(materialized="incremental", unique_key="id")
def m(*, is_incremental):
    return pd.DataFrame({"id": [2], "n": [7]} if is_incremental else {"id": [1], "n": [None]})
"""


def first_and_later(first: str, later: str) -> str:
    return f"select {{% if is_incremental() %}}2 as id, {later}{{% else %}}1 as id, {first}{{% endif %}} as n"


def column_type(shop: Bench, name: str = "m") -> str:
    engine = shop.warehouse.engine
    types = {
        c.name: c.type for c in engine.columns(f"select * from {shop.warehouse.relation(name).sql(engine.spelling)}")
    }
    return types["n"].lower()


@pytest.mark.parametrize("policy", ["ignore", "append_new_columns", "sync_all_columns"])
@pytest.mark.parametrize("later", ["'text'", "5", "2.5", "date '2025-01-01'", "true", "array[1, 2]"])
def test_a_column_that_was_null_takes_the_type_that_comes_later(shop: Bench, later: str, policy: str) -> None:
    shop.model(f"{MERGE}, on_schema_change='{policy}'", first_and_later("null", later))
    shop.build()
    shop.build(cache="wo")
    engine = shop.warehouse.engine
    (typed,) = engine.columns(f"select {later} as n")
    assert column_type(shop) in (typed.type.lower(), "varchar", "text")
    assert column_type(shop).startswith(("varchar", "text")) == (later == "'text'")
    assert [row[0] for row in engine.fetch(f"select n = {later} from m order by id")] == [None, True]


@pytest.mark.parametrize("policy", ["ignore", "append_new_columns", "sync_all_columns", "fail"])
@pytest.mark.parametrize("first", ["cast('x' as varchar)", "cast(5 as integer)", "date '2025-01-01'"])
def test_rows_of_null_leave_the_column_its_type(shop: Bench, first: str, policy: str) -> None:
    shop.model(f"{MERGE}, on_schema_change='{policy}'", first_and_later(first, "null"))
    shop.build()
    before = column_type(shop)
    shop.build(cache="wo")
    assert column_type(shop) == before
    assert [row[0] for row in shop.warehouse.engine.fetch(f"select n = {first} from m order by id")] == [True, None]


def test_a_type_is_not_changed_where_changes_are_to_fail(shop: Bench) -> None:
    shop.model(f"{MERGE}, on_schema_change='fail'", first_and_later("null", "5"))
    shop.build()
    with pytest.raises(Exception, match="on_schema_change is 'fail'"):
        shop.build(cache="wo")


def test_text_that_is_there_keeps_its_column(shop: Bench) -> None:
    shop.model(MERGE, first_and_later("'x'", "5"))
    shop.build()
    shop.build(cache="wo")
    assert shop.rows() == [(1, "x"), (2, "5")]


def test_a_view_of_the_table_does_not_stop_it(shop: Bench) -> None:
    shop.model(MERGE, first_and_later("null", "5"))
    shop.model("materialized='view'", "select n from {{ ref('m') }}", name="v")
    shop.build()
    shop.build(cache="wo")
    assert [str(row[1]) for row in shop.rows()] == ["None", "5"]


def test_snapshots_too(shop: Bench) -> None:
    config = "materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': ['n']}"
    shop.model(config, "select 1 as id, null as n")
    shop.build()
    shop.model(config, "select 1 as id, 5 as n")
    shop.build()
    found = shop.warehouse.engine.fetch("select n, _ff_is_current from m order by _ff_is_current")
    assert found == [(None, False), (5, True)]


def test_frames_of_none_too(shop: Bench) -> None:
    shop.write({"models/m.ff.py": PANDAS})
    shop.build()
    shop.build(cache="wo")
    assert shop.rows() == [(1, None), (2, 7)]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("null", "VARCHAR"),
        ("[]", "VARCHAR[]"),
        ("[null]", "VARCHAR[]"),
        ("[[null]]", "VARCHAR[][]"),
        ("{'a': null, 'b': [1]}", "STRUCT(a VARCHAR, b INTEGER[])"),
        ("map {'a': null}", "MAP(VARCHAR, VARCHAR)"),
        ("""{'NULL': null, 'x y': null}""", 'STRUCT("NULL" VARCHAR, "x y" VARCHAR)'),
    ],
)
@pytest.mark.parametrize("config", ["materialized='table'", MERGE])
def test_tables_of_duckdb_have_types_that_hold_something(
    shop: Bench, value: str, kind: str, config: str, target: Target
) -> None:
    if target.engine != "duckdb":
        return  # Postgres gives every column of a query a type
    shop.model(config, f"select 1 as id, {value} as n")
    shop.build()
    assert column_type(shop) == kind.lower()
    assert shop.warehouse.engine.fetch(f"select n is not distinct from (select {value}) from m") == [(True,)]

"""Columns that are called like something of ours: nothing is missed, and nothing is taken for another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from shops import TABLE, VIEW, Shop, blocked, built, shop_on, states
from targets import Target

NAMES = [
    "_ff_all_rows",
    "_FF_ROWS",
    "_ff_rank",
    "_ff_key",
    "child",
    "row_count",
    "total",
    "rowid",
    *"tdspv",
    "_ff_t",
    "_ff_s",
]
FILES = {
    "seeds/raw.csv": "id,val,note\n1,10,5\n2,20,5\n",
    "seeds/other.csv": "NAME\n10\n20\n30\n",
    "models/wide.ff.sql": TABLE + "select id, note, val as \"NAME\" from {{ ref('raw') }}",
    "models/reader.ff.sql": TABLE + "select sum(\"NAME\") as id from {{ ref('wide') }}",
    "models/notes.ff.sql": TABLE + "select sum(note) as id from {{ ref('wide') }}",
    "models/merged.ff.sql": "{{ config(materialized='incremental', unique_key=['NAME']) }} "
    "select \"NAME\", id from {{ ref('wide') }}",
    "models/history.ff.sql": "{{ config(materialized='snapshot', unique_key='id', "
    "snapshot={'strategy': 'check', 'check_cols': ['NAME']}) }} "
    "select id, \"NAME\" from {{ ref('wide') }}",
    "models/keyed.ff.sql": "{{ config(materialized='snapshot', unique_key='NAME', "
    "snapshot={'strategy': 'check', 'check_cols': ['id']}) }} "
    "select id, \"NAME\" from {{ ref('wide') }}",
}
FILES_OF_RANK = {"seeds/raw.csv": FILES["seeds/raw.csv"]}
CHECKS = (
    "  - {type: not_null, table: wide, column: NAME}\n"
    "  - {type: unique, table: wide, column: NAME}\n"
    "  - {type: unique, table: wide, column: [id, NAME]}\n"
    "  - {type: accepted_values, table: wide, column: NAME, values: [10, 20, 30]}\n"
    "  - {type: greater_equal, table: wide, column: NAME, threshold: 10}\n"
    "  - {type: non_negative_sum, table: wide, column: NAME}\n"
    "  - {type: relationships, table: wide, column: NAME, to: other, field: NAME}\n"
)


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Shop]:
    with shop_on(target, tmp_path) as made:
        yield made


@pytest.mark.parametrize("name", NAMES)
def test_a_column_of_that_name_is_a_column_like_others(shop: Shop, name: str) -> None:
    shop.write({path: text.replace("NAME", name) for path, text in FILES.items()}, CHECKS.replace("NAME", name))
    first = shop.build()
    assert {n: str(r) for n, r in first.items() if isinstance(r, Exception)} == {}
    assert [check.failing_rows for check in built(first["wide"]).checks] == [0] * 7
    shop.write({"seeds/raw.csv": "id,val,note\n1,10,5\n2,20,6\n"})  # none of its own values
    assert states(shop.build())["notes"] == "built"
    shop.write({"seeds/raw.csv": "id,val,note\n1,10,6\n2,30,5\n"})
    again = shop.build()
    assert set(states(again).values()) - {"reused"} == {"built"}
    assert {"reader", "merged", "history", "keyed"} <= {n for n, state in states(again).items() if state == "built"}
    assert shop.rows("reader") == [40]
    assert shop.rows("merged") == [1, 2, 2]
    assert shop.rows("history") == [1, 2, 2]
    assert shop.rows("keyed", f'"{name}"') == [10, 20, 30]
    shop.write({"seeds/raw.csv": "id,val,note\n1,-7,5\n2,-7,5\n"})
    error = blocked(shop.build()["wide"])
    assert [check.failing_rows for check in error.results] == [0, 1, 0, 2, 2, 1, 2]
    assert all(check.sample for check in error.results if check.failing_rows)


@pytest.mark.parametrize("name", ["net {eur}", "{}", "{0}", "100%", "a:b"])
def test_signs_that_our_own_texts_could_take_for_theirs(shop: Shop, name: str) -> None:
    checks = "".join(
        f"  - {{type: {check}, table: wide, column: '{name}'{more}}}\n"
        for check, more in [
            ("not_null", ""),
            ("unique", ""),
            ("accepted_values", ", values: [1, 3]"),
            ("greater_equal", ", threshold: 2"),
            ("non_negative_sum", ""),
            ("relationships", f", to: wide, field: '{name}'"),
        ]
    )
    when = f"  - {{type: freshness, table: times, column: '{name}', max_delay_minutes: 1}}\n"
    files = {
        "models/wide.ff.sql": TABLE + f'select 1 as id, 1 as "{name}" union all select 2, -3',
        "models/times.ff.sql": TABLE + f"select 1 as id, timestamp '2020-01-01 00:00:00' as \"{name}\"",
    }
    shop.write(files, checks + when)
    results = shop.build()
    assert [check.failing_rows for check in blocked(results["wide"]).results] == [0, 0, 1, 2, 1, 0]
    assert [check.failing_rows for check in blocked(results["times"]).results] == [1]


def test_a_source_with_such_a_column_is_told_apart(shop: Shop) -> None:
    shop.write(
        {
            "sources.yml": "version: 2\nsources:\n  - name: crm\n    tables: [{name: users}]\n",
            "models/reader.ff.sql": TABLE + "select sum(x) as id from {{ source('crm', 'users') }}",
        }
    )
    with shop.open() as warehouse:
        source = warehouse.engine.relation("users")
        warehouse.engine.create_schema(source)
        warehouse.engine.execute(
            f"create table {source.sql(warehouse.engine.spelling)} as select 1 as _ff_all_rows, 1 as x"
        )
    shop.build()
    with shop.open() as warehouse:
        warehouse.engine.execute(f"update {source.sql(warehouse.engine.spelling)} set x = 2")
    assert states(shop.build()) == {"reader": "built"}
    assert shop.rows("reader") == [2]


def test_parts_of_the_other_tables_columns_are_not_taken_for_the_childs(shop: Shop) -> None:
    if shop.engine == "postgres":
        pytest.skip("no column of Postgres is a row without a type of its own")
    columns = ", ".join(f"{{'id': 2}} as {name}" for name in ("child", "parent", "_ff_child", "_ff_parent"))
    shop.write(
        {"models/other.ff.sql": VIEW + f"select 1 as id, {columns}", "models/wide.ff.sql": TABLE + "select 2 as id"},
        "  - {type: relationships, table: wide, column: id, to: other, field: id}\n",
    )
    assert states(shop.build()) == {"other": "built", "wide": "blocked"}


def test_a_null_in_a_column_called_like_our_rank_is_no_new_version(shop: Shop) -> None:
    """The rank of stored versions is looked for under the name that it got beside such a column."""
    history = (
        "{{ config(materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': ['val']}) }} "
    )
    select = "select id, val, cast(null as integer) as \"_ff_rank\", note from {{ ref('raw') }}"
    shop.write({**FILES_OF_RANK, "models/history.ff.sql": history + select})
    assert states(shop.build())["history"] == "built"
    shop.write({"seeds/raw.csv": "id,val,note\n1,10,6\n2,20,5\n"})  # `note` is not compared
    assert states(shop.build())["history"] == "built"
    assert shop.rows("history") == [1, 2]

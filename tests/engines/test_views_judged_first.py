"""The checks of views hold back the rows of what they read: on each engine, before anybody sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from shops import TABLE, VIEW, Shop, blocked, built, shop_on, states
from targets import Target

from fft_core import FftError

GOOD, BAD = "id\n1\n2\n", "id\n1\n1\n"
UNIQUE = "  - {{type: unique, table: {}, column: id{}}}\n"


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Shop]:
    with shop_on(target, tmp_path) as made:
        yield made


SIMPLE = {"seeds/raw.csv": GOOD, "models/users.ff.sql": VIEW + "select id from {{ ref('raw') }}"}


def test_a_check_of_a_view_holds_back_its_seed(shop: Shop) -> None:
    shop.write(SIMPLE, UNIQUE.format("users", ""))
    first = shop.build()
    assert states(first) == {"raw": "built", "users": "built"}
    assert [view.name for view in built(first["raw"]).views] == ["users"]
    shop.write({"seeds/raw.csv": BAD})
    error = blocked(shop.build()["raw"])
    assert str(error).splitlines()[0] == (
        "project.yml:4: raw is not published: its rows would fail 1 check(s) of the view users "
        "(unique_id: 1 value occurs more than once) [FFT-500]"
    )
    assert error.results == ()
    (view,) = error.views
    assert (view.name, view.results[0].failing_rows, view.results[0].judged_with) == ("users", 1, "raw")
    assert shop.rows("users") == shop.rows("raw") == [1, 2]
    shop.write({"seeds/raw.csv": "id\n4\n5\n"})
    assert states(shop.build()) == {"raw": "built", "users": "built"}
    assert shop.rows("users") == [4, 5]


def test_the_first_build_of_all_is_held_back_as_well(shop: Shop) -> None:
    shop.write({**SIMPLE, "seeds/raw.csv": BAD}, UNIQUE.format("users", ""))
    error = blocked(shop.build()["raw"])
    assert "the text of users is new: either can be the cause" in str(error)
    with shop.open() as warehouse:
        assert not warehouse.engine.inspect([warehouse.relation("raw"), warehouse.relation("users")])


BETWEEN = {
    "view": VIEW,
    "ephemeral": "{{ config(materialized='ephemeral') }} ",
}


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("table", ["seed", "table", "incremental", "snapshot", "python", "python_view"])
def test_checks_reach_through_views_down_to_every_kind_of_rows(shop: Shop, table: str, between: str) -> None:
    python = "import pandas as pd\nfrom fft_core import model\n\n@model(deps=['raw'], materialized='{}')\n"
    python += "def kept(raw: pd.DataFrame) -> pd.DataFrame:\n    return raw[['id', 'changed']]\n"
    texts = {
        "seed": {},
        "table": {"kept.ff.sql": TABLE + "select id, changed from {{ ref('raw') }}"},
        "incremental": {
            "kept.ff.sql": "{{ config(materialized='incremental', unique_key=['id', 'changed']) }} "
            "select id, changed from {{ ref('raw') }}"
        },
        "snapshot": {
            "kept.ff.sql": "{{ config(materialized='snapshot', unique_key=['id', 'changed'], "
            "snapshot={'strategy': 'check', 'check_cols': ['id']}) }} select id, changed from {{ ref('raw') }}"
        },
        "python": {"kept.ff.py": python.format("table")},
        "python_view": {"kept.ff.py": python.format("view")},
    }[table]
    below = "raw" if table == "seed" else "kept"
    shop.write(
        {
            "seeds/raw.csv": "id,changed\n1,10\n2,10\n",
            **{f"models/{name}": text for name, text in texts.items()},
            "models/between.ff.sql": f"{BETWEEN[between]}select id from {{{{ ref('{below}') }}}}",
            "models/top.ff.sql": VIEW + "select b.id from {{ ref('between') }} as b",
        },
        UNIQUE.format("top", ""),
    )
    assert set(states(shop.build()).values()) == {"built"}
    shop.write({"seeds/raw.csv": "id,changed\n1,10\n2,10\n2,20\n"})
    error = blocked(shop.build()[below])
    assert [view.name for view in error.views] == ["top"]
    assert shop.rows("top") == shop.rows(below) == [1, 2]


def test_a_materialized_view_is_rows_of_its_own(shop: Shop) -> None:
    if shop.engine == "duckdb":
        pytest.skip("DuckDB has no materialized views")
    stored = "{{ config(materialized='materialized_view') }} "
    shop.write(
        {
            **SIMPLE,
            "models/users.ff.sql": stored + "select id from {{ ref('raw') }}",
            "models/over.ff.sql": VIEW + "select id from {{ ref('users') }}",
        },
        UNIQUE.format("users", ", where: id < 10"),
        UNIQUE.format("over", ""),
    )
    assert set(states(shop.build()).values()) == {"built"}
    shop.write({"seeds/raw.csv": BAD})
    assert states(shop.build()) == {"raw": "built", "users": "blocked"}  # its own check, as it is what stores the rows
    shop.write({"seeds/raw.csv": "id\n10\n10\n"})
    outcomes = shop.build()
    assert states(outcomes) == {"raw": "built", "users": "blocked"}
    assert [view.name for view in blocked(outcomes["users"]).views] == ["over"]
    assert shop.rows("over") == [1, 2]


TWO = {
    "seeds/raw_a.csv": "id\n1\n",
    "seeds/raw_b.csv": "id\n2\n",
    "models/a.ff.sql": TABLE + "select id from {{ ref('raw_a') }}",
    "models/b.ff.sql": TABLE + "select id from {{ ref('raw_b') }}",
    "models/both.ff.sql": VIEW + "select id from {{ ref('a') }} union all select id from {{ ref('b') }}",
}


def test_a_view_over_two_tables_is_judged_with_the_last_one(shop: Shop) -> None:
    shop.write(TWO, UNIQUE.format("both", ""))
    assert set(states(shop.build()).values()) == {"built"}
    shop.write({"seeds/raw_a.csv": "id\n2\n", "seeds/raw_b.csv": "id\n1\n"})  # alone, either would repeat an id
    assert shop.read_by_views() == {"a": [("both", "b")], "b": [("both", "b")]}
    outcomes = shop.build()
    assert set(states(outcomes).values()) == {"built"}
    assert built(outcomes["a"]).views == ()
    assert [view.name for view in built(outcomes["b"]).views] == ["both"]
    shop.write({"seeds/raw_a.csv": "id\n3\n", "seeds/raw_b.csv": "id\n3\n"})
    outcomes = shop.build()
    assert states(outcomes) == {"raw_a": "built", "raw_b": "built", "a": "built", "b": "blocked"}
    assert shop.rows("both") == [1, 3]


@pytest.mark.parametrize("changed", ["a", "b"])
def test_of_two_tables_the_one_that_is_built_alone_is_judged(shop: Shop, changed: str) -> None:
    shop.write(TWO, UNIQUE.format("both", ""))
    shop.build()
    shop.write({f"seeds/raw_{changed}.csv": f"id\n{'2' if changed == 'a' else '1'}\n"})
    assert shop.read_by_views()[changed] == [("both", changed)]
    outcomes = shop.build()  # the other has its turn, too, and is reused
    assert states(outcomes)[changed] == "blocked"
    assert shop.rows("both") == [1, 2]


def test_after_a_failure_nothing_waits_for_a_table_that_may_not_come(shop: Shop) -> None:
    shop.write({**TWO, "models/a0_broken.ff.sql": TABLE + "select 1 as id"}, UNIQUE.format("both", ""))
    shop.build()
    shop.write({"seeds/raw_a.csv": "id\n2\n", "seeds/raw_b.csv": "id\n1\n"})
    shop.write({"models/a0_broken.ff.sql": TABLE + "select no_such_column as id"})
    assert states(shop.build())["a"] == "blocked"
    assert shop.rows("both") == [1, 2]


def test_a_view_that_is_not_selected_is_judged_all_the_same(shop: Shop) -> None:
    shop.write(SIMPLE, UNIQUE.format("users", ""))
    shop.build()
    shop.write({"seeds/raw.csv": BAD})
    assert shop.read_by_views("raw") == {"raw": [("users", "raw")]}
    assert states(shop.build("raw")) == {"raw": "blocked"}
    shop.write({"seeds/raw.csv": "id\n7\n"})
    (view,) = built(shop.build("raw")["raw"]).views
    assert [result.passed for result in view.results] == [True]


def test_a_view_that_nobody_reads_is_not_judged(shop: Shop) -> None:
    shop.write({**SIMPLE, "seeds/raw.csv": BAD}, UNIQUE.format("users", ""))
    assert shop.read_by_views("raw") == {}
    assert states(shop.build("raw")) == {"raw": "built"}


def test_a_view_that_was_dropped_by_hand_is_judged_if_the_run_makes_it_again(shop: Shop) -> None:
    shop.write(SIMPLE, UNIQUE.format("users", ""))
    shop.build()
    shop.execute("drop view {}", "users")
    shop.write({"seeds/raw.csv": BAD})
    assert states(shop.build()) == {"raw": "blocked"}
    assert states(shop.build("raw")) == {"raw": "built"}


def test_warnings_hold_back_nothing(shop: Shop) -> None:
    shop.write(SIMPLE, UNIQUE.format("users", ", severity: warn"))
    shop.build()
    shop.write({"seeds/raw.csv": BAD})
    outcomes = shop.build()
    assert states(outcomes) == {"raw": "built", "users": "built"}
    assert built(outcomes["raw"]).views == ()
    assert [result.passed for result in built(outcomes["users"]).checks] == [False]


def test_the_new_text_of_a_view_counts(shop: Shop) -> None:
    shop.write(SIMPLE, UNIQUE.format("users", ""))
    shop.build()
    shop.write({"seeds/raw.csv": BAD, "models/users.ff.sql": VIEW + "select distinct id from {{ ref('raw') }}"})
    assert states(shop.build()) == {"raw": "built", "users": "built"}
    worse = "select id from {{ ref('raw') }} union all select id from {{ ref('raw') }}"
    shop.write({"seeds/raw.csv": "id\n8\n", "models/users.ff.sql": VIEW + worse})
    error = blocked(shop.build()["raw"])
    assert "the text of users is new: either can be the cause" in str(error)
    assert shop.rows("users") == [1]


def test_the_published_text_counts_where_the_new_one_is_not_built(shop: Shop) -> None:
    shop.write(SIMPLE, UNIQUE.format("users", ""))
    shop.build()
    shop.write({"seeds/raw.csv": BAD, "models/users.ff.sql": VIEW + "select distinct id from {{ ref('raw') }}"})
    error = blocked(shop.build("raw")["raw"])
    assert "is new" not in str(error)
    assert shop.rows("users") == [1, 2]
    shop.write(
        {"seeds/raw.csv": "id\n5\n", "models/users.ff.sql": VIEW + "select no_such_column from {{ ref('raw') }}"}
    )
    assert states(shop.build("raw")) == {"raw": "built"}
    assert shop.rows("users") == [5]


def test_a_changed_view_is_held_back_by_the_views_over_it(shop: Shop) -> None:
    shop.write({**SIMPLE, "models/over.ff.sql": VIEW + "select id from {{ ref('users') }}"}, UNIQUE.format("over", ""))
    shop.build()
    worse = "select id from {{ ref('raw') }} union all select id from {{ ref('raw') }}"
    shop.write({"models/users.ff.sql": VIEW + worse})
    outcomes = shop.build()
    assert states(outcomes) == {"raw": "reused", "users": "blocked"}
    assert "the view over" in str(outcomes["users"])
    assert shop.rows("over") == shop.rows("users") == [1, 2]


def test_a_view_alone_is_judged_by_its_own_build(shop: Shop) -> None:
    shop.write(SIMPLE, UNIQUE.format("users", ""))
    shop.build()
    shop.write({"models/users.ff.sql": VIEW + "select 1 as id from {{ ref('raw') }}"})
    outcomes = shop.build()
    assert states(outcomes) == {"raw": "reused", "users": "blocked"}
    assert blocked(outcomes["users"]).views == ()
    assert shop.rows("users") == [1, 2]


def test_what_passed_before_is_not_run_again_by_the_view(shop: Shop) -> None:
    shop.write(SIMPLE, UNIQUE.format("users", ""), UNIQUE.format("users", ", severity: warn"))
    outcomes = shop.build()
    assert [(c.check.severity, c.judged_with) for c in built(outcomes["users"]).checks] == [
        ("error", "raw"),
        ("warn", None),
    ]


def test_a_view_whose_rows_change_by_themselves_is_judged_again(shop: Shop) -> None:
    shop.write(
        {**SIMPLE, "models/users.ff.sql": VIEW + "select id, now() as at from {{ ref('raw') }}"},
        UNIQUE.format("users", ""),
    )
    assert [c.judged_with for c in built(shop.build()["users"]).checks] == [None]


def test_a_table_that_is_reused_is_not_judged(shop: Shop) -> None:
    shop.write({**SIMPLE, "models/t.ff.sql": TABLE + "select 1 as id"}, UNIQUE.format("users", ""))
    shop.build()
    outcomes = shop.build()
    assert set(states(outcomes).values()) == {"reused"}


def test_where_and_queries_of_results_speak_of_the_view(shop: Shop) -> None:
    shop.write(
        {**SIMPLE, "seeds/raw.csv": "id\n1\n2\n2\n"},
        UNIQUE.format("users", ", where: 'id < 2'"),
        UNIQUE.format("raw", ", severity: warn"),
    )
    outcomes = shop.build()
    assert states(outcomes) == {"raw": "built", "users": "built"}
    shop.write({"seeds/raw.csv": "id\n1\n1\n2\n"})
    (view,) = blocked(shop.build()["raw"]).views
    with shop.open() as warehouse:
        assert warehouse.engine.fetch(view.results[0].sql) == []  # of the rows that are published


def test_a_relationships_check_looks_into_the_new_rows_of_both_sides(shop: Shop) -> None:
    shop.write(
        {
            "seeds/raw_a_orders.csv": "id,user_id\n1,1\n",
            "seeds/raw_users.csv": "id\n1\n",
            "models/orders.ff.sql": VIEW + "select id, user_id from {{ ref('raw_a_orders') }}",
            "models/users.ff.sql": VIEW + "select id from {{ ref('raw_users') }}",
        },
        "  - {type: relationships, table: orders, column: user_id, to: users}\n",
    )
    assert set(states(shop.build()).values()) == {"built"}
    shop.write({"seeds/raw_a_orders.csv": "id,user_id\n1,1\n2,2\n", "seeds/raw_users.csv": "id\n1\n2\n"})
    outcomes = shop.build()
    assert set(states(outcomes).values()) == {"built"}
    assert list(outcomes)[:2] == ["raw_users", "raw_a_orders"]
    shop.write({"seeds/raw_a_orders.csv": "id,user_id\n1,1\n2,3\n"})
    assert states(shop.build())["raw_a_orders"] == "blocked"
    assert shop.rows("orders", "user_id") == [1, 2]


def test_a_table_whose_new_columns_do_not_fit_a_view_is_held_back(shop: Shop) -> None:
    shop.write(SIMPLE, UNIQUE.format("users", ""))
    shop.build()
    shop.write({"seeds/raw.csv": "key\n1\n2\n"})
    outcome = shop.build()["raw"]
    assert type(outcome).__name__ == "UnreadableViewError"
    assert "raw is not published: the view users, whose checks apply to its rows, could no longer be read" in str(
        outcome
    )
    assert shop.rows("users") == [1, 2]
    shop.write({"models/users.ff.sql": VIEW + "select key as id from {{ ref('raw') }}"})
    assert states(shop.build()) == {"raw": "built", "users": "built"}


def test_a_view_that_never_worked_holds_back_nothing(shop: Shop) -> None:
    shop.write(
        {**SIMPLE, "models/users.ff.sql": VIEW + "select no_such_column as id from {{ ref('raw') }}"},
        UNIQUE.format("users", ""),
    )
    outcomes = shop.build()
    assert isinstance(outcomes["users"], FftError)
    (unjudged,) = built(outcomes["raw"]).unjudged
    assert str(unjudged).startswith("the checks of the view users did not run: ")
    assert "is not published" not in str(unjudged)  # the table is


def test_a_view_whose_other_inputs_are_missing_is_not_judged_and_that_is_said(shop: Shop) -> None:
    shop.write(TWO, UNIQUE.format("both", ""))
    outcomes = shop.build("raw_a", "a", "both")
    assert isinstance(outcomes["both"], FftError)
    (unjudged,) = built(outcomes["a"]).unjudged
    assert str(unjudged) == "the checks of the view both did not run: b does not exist"


def test_own_checks_come_first(shop: Shop) -> None:
    shop.write(SIMPLE, UNIQUE.format("users", ""), UNIQUE.format("raw", ""))
    shop.build()
    shop.write({"seeds/raw.csv": BAD})
    error = blocked(shop.build()["raw"])
    assert (error.views, len(error.results)) == ((), 1)


def test_a_source_that_a_seed_fills_is_that_seed(shop: Shop) -> None:
    shop.write(
        {
            **SIMPLE,
            "sources.yml": "version: 2\nsources:\n  - name: crm\n    tables: [{name: raw}]\n",
            "models/users.ff.sql": VIEW + "select id from {{ source('crm', 'raw') }}",
        },
        UNIQUE.format("users", ""),
    )
    shop.build()
    shop.write({"seeds/raw.csv": BAD})
    assert states(shop.build()) == {"raw": "blocked"}
    assert shop.rows("users") == [1, 2]


def test_one_session_judges_again_after_it_held_rows_back(shop: Shop) -> None:
    twice = {"seeds/raw2.csv": GOOD, "models/users2.ff.sql": VIEW + "select id from {{ ref('raw2') }}"}
    over = {"models/over.ff.sql": VIEW + "select id from {{ ref('users') }}"}
    shop.write({**SIMPLE, **twice, **over}, *(UNIQUE.format(name, "") for name in ("users", "users2", "over")))
    shop.build()
    shop.write({"seeds/raw.csv": BAD, "seeds/raw2.csv": BAD})
    outcomes = shop.build()
    assert states(outcomes) == {"raw": "blocked", "raw2": "blocked"}
    assert [view.name for view in blocked(outcomes["raw"]).views] == ["users", "over"]
    shop.write({"models/new.ff.sql": VIEW + "select no_such_column as id from {{ ref('raw') }}"})
    shop.write(
        {"seeds/raw.csv": "id\n3\n", "seeds/raw2.csv": GOOD}, UNIQUE.format("users", ""), UNIQUE.format("new", "")
    )
    outcomes = shop.build()
    assert [view.name for view in built(outcomes["raw"]).views] == ["users"]
    assert [view.view for view in built(outcomes["raw"]).unjudged] == ["new"]

"""Checks of views judge the text that is published, too, where the project has moved on: on each engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from shops import TABLE, VIEW, Shop, blocked, built, shop_on, states
from targets import Target

NOT_NULL = "  - {{type: not_null, table: {}, column: {}}}\n"
OVER_T = "select id from {{ ref('t') }}"
ONE, NULL = TABLE + "select 1 as id", TABLE + "select cast(null as int) as id"


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Shop]:
    """The view v over the table t is published, and t would bring NULLs."""
    with shop_on(target, tmp_path) as made:
        made.write(
            {"models/t.ff.sql": ONE, "models/t9.ff.sql": ONE, "models/v.ff.sql": VIEW + OVER_T},
            NOT_NULL.format("v", "id"),
        )
        assert set(states(made.build()).values()) == {"built"}
        made.write({"models/t.ff.sql": NULL})
        yield made


def test_a_view_that_the_project_moved_to_another_table_is_judged(shop: Shop) -> None:
    shop.write({"models/v.ff.sql": VIEW + "select id from {{ ref('t9') }}"})
    assert shop.read_by_views("t") == {"t": [("v", "t")]}
    error = blocked(shop.build("t")["t"])
    assert "t is not published: its rows would fail 1 check(s) of the view v" in str(error)
    assert "judged with the published query of v: build v first" in str(error)
    assert shop.rows("v") == shop.rows("t") == [1]
    assert states(shop.build("v")) == {"v": "built"}
    assert states(shop.build("t")) == {"t": "built"}
    assert shop.rows("v") == [1]


def test_a_view_between_that_moved_to_another_table_is_judged(shop: Shop) -> None:
    shop.write({"models/v.ff.sql": VIEW + "select id from {{ ref('w') }}", "models/w.ff.sql": VIEW + OVER_T})
    shop.write({"models/t.ff.sql": ONE})
    assert set(states(shop.build()).values()) <= {"built", "reused"}
    shop.write({"models/t.ff.sql": NULL, "models/w.ff.sql": VIEW + "select id from {{ ref('t9') }}"})
    error = blocked(shop.build("t")["t"])
    assert "the view v" in str(error)
    assert "build w first" in str(error)
    assert shop.rows("v") == [1]
    assert states(shop.build("w", "v"))["w"] == "built"
    assert states(shop.build("t")) == {"t": "built"}


def test_a_view_that_becomes_a_table_is_judged_as_long_as_it_is_published(shop: Shop) -> None:
    shop.write({"models/v.ff.sql": TABLE + OVER_T})
    assert shop.read_by_views("t", "v") == {"t": [("v", "t")]}
    outcomes = shop.build()
    assert states(outcomes)["t"] == "blocked"
    assert shop.rows("v") == [1]
    shop.write({"models/v.ff.sql": TABLE + OVER_T + " where id is not null"})
    assert states(shop.build("v")) == {"v": "built"}
    assert states(shop.build()) == {"t": "built", "t9": "reused", "v": "built"}
    assert shop.rows("v") == []


MENDED = VIEW + "select t.id from {{ ref('t') }} as t cross join {{ ref('u') }} as u where t.id is not null"


def test_a_new_text_that_may_not_come_does_not_spare_the_published_one(shop: Shop) -> None:
    shop.write({"models/v.ff.sql": MENDED, "models/u.ff.sql": TABLE + "select no_such_column as id"})
    outcomes = shop.build()
    assert states(outcomes)["t"] == "blocked"
    assert [view.name for view in blocked(outcomes["t"]).views] == ["v"]
    assert shop.rows("v") == shop.rows("t") == [1]


def test_a_new_text_that_mends_is_enough_once_all_else_is_there(shop: Shop) -> None:
    shop.write({"models/v.ff.sql": MENDED, "models/u.ff.sql": TABLE + "select 2 as id"})
    assert states(shop.build("u")) == {"u": "built"}
    outcomes = shop.build()
    assert states(outcomes) == {"t": "built", "t9": "reused", "u": "reused", "v": "built"}
    (view,) = built(outcomes["t"]).views
    assert (view.name, view.old_texts) == ("v", ())
    assert shop.rows("v") == []


def test_tables_that_only_fit_together_are_published_though_the_text_is_new(shop: Shop) -> None:
    both = "select a.id from {{ ref('t') }} as a join {{ ref('t9') }} as b on a.id = b.id"
    checked = "  - {type: row_count_between, table: v, min_rows: 1}\n"
    shop.write({"models/t.ff.sql": ONE, "models/v.ff.sql": VIEW + both}, checked)
    assert set(states(shop.build()).values()) <= {"built", "reused"}
    two = TABLE + "select 2 as id"
    shop.write({"models/t.ff.sql": two, "models/t9.ff.sql": two, "models/v.ff.sql": VIEW + both + " where a.id > 1"})
    assert set(states(shop.build()).values()) == {"built"}
    assert shop.rows("v") == [2]


def test_what_the_published_text_lacks_is_not_judged_and_that_is_said(shop: Shop) -> None:
    shop.write({"models/v.ff.sql": VIEW + "select id as key from {{ ref('t9') }}"}, NOT_NULL.format("v", "key"))
    (unjudged,) = built(shop.build("t")["t"]).unjudged
    assert str(unjudged).startswith("the checks of the view v did not run: with its published query, ")
    assert "key" in str(unjudged)


def test_a_published_text_whose_rows_pass_holds_back_nothing(shop: Shop) -> None:
    shop.write(
        {"models/t.ff.sql": TABLE + "select 5 as id", "models/v.ff.sql": VIEW + "select id from {{ ref('t9') }}"}
    )
    (view,) = built(shop.build("t")["t"]).views
    assert (view.name, [result.passed for result in view.results]) == ("v", [True])
    assert shop.rows("v") == [5]


def test_a_published_text_that_cannot_be_read_any_more_holds_back(shop: Shop) -> None:
    shop.write(
        {"models/t.ff.sql": TABLE + "select 5 as key", "models/v.ff.sql": VIEW + "select id from {{ ref('t9') }}"}
    )
    assert "built" not in states(shop.build("t")).values()
    assert shop.rows("v") == [1]


def test_a_view_without_checks_holds_back_nothing(shop: Shop) -> None:
    shop.write({"models/v.ff.sql": VIEW + "select id from {{ ref('t9') }}"}, NOT_NULL.format("t9", "id"))
    assert states(shop.build("t")) == {"t": "built"}

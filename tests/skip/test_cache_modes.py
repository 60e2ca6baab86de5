"""off, rw, ro and wo; and models that are built because somebody asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from skip_helpers import Place, built, place

NAMES = {"a", "b", "c"}


@pytest.fixture
def chain(tmp_path: Path) -> Place:
    return built(
        tmp_path,
        {
            "models/a.ff.sql": "select 1 as x",
            "models/b.ff.sql": "{{ config(early_cutoff=false) }} select * from {{ ref('a') }}",
            "models/c.ff.sql": "select * from {{ ref('b') }}",
        },
    )


def records(chain: Place) -> list[tuple[object, ...]]:
    return chain.sql("select * from _ff_meta order by node_name")


@pytest.mark.parametrize(("cache", "built_again"), [("rw", set()), ("ro", set()), ("wo", NAMES), ("off", NAMES)])
def test_what_each_mode_builds_where_nothing_changed(chain: Place, cache: str, built_again: set[str]) -> None:
    planned = {decision.name for decision in chain.plan(cache=cache).builds}
    assert planned == built_again
    assert chain.build(cache=cache).built == built_again


@pytest.mark.parametrize(("cache", "writes"), [("rw", True), ("ro", False), ("wo", True), ("off", False)])
def test_what_each_mode_records(chain: Place, cache: str, writes: bool) -> None:
    before = records(chain)
    chain.write({"models/a.ff.sql": "select 2 as x"})
    assert chain.build(cache=cache).built == NAMES
    assert (records(chain) != before) is writes


@pytest.mark.parametrize("cache", ["ro", "off"])
def test_a_run_that_records_nothing_never_makes_a_later_one_skip(chain: Place, cache: str) -> None:
    old = (chain.root / "models/a.ff.sql").read_text()
    chain.write({"models/a.ff.sql": "select 2 as x"})
    chain.build(cache=cache)
    assert chain.sql("select x from c") == [(2,)]
    chain.write({"models/a.ff.sql": old})  # as it was when it was recorded; the tables are not
    assert set(chain.due()) == NAMES
    assert chain.due()["a"] == ["relation_replaced"]
    chain.build()
    assert chain.sql("select x from c") == [(1,)]
    assert not chain.due()


@pytest.mark.parametrize("cache", ["ro", "off"])
def test_part_of_a_chain_built_without_records(chain: Place, cache: str) -> None:
    chain.write({"models/a.ff.sql": "select 2 as x"})
    chain.build("a", cache=cache)
    assert set(chain.due("b")) == {"b"}
    assert set(chain.due("c")) == set()
    chain.build("b")
    assert chain.sql("select x from b") == [(2,)]
    chain.build()
    assert chain.sql("select x from c") == [(2,)]
    assert not chain.due()


def test_children_are_built_inside_a_run_that_records_nothing(chain: Place) -> None:
    chain.write({"models/b.ff.sql": "select x + 1 as x from {{ ref('a') }}"})
    assert chain.build(cache="ro").built == {"b", "c"}
    assert chain.sql("select x from c") == [(2,)]


def test_the_first_run_without_records_leaves_no_table_of_records(tmp_path: Path) -> None:
    made = place(tmp_path, {"models/a.ff.sql": "select 1 as x"})
    made.build(cache="off")
    assert made.sql("select table_name from duckdb_tables()") == [("a",)]
    assert made.due() == {"a": ["never_built"]}


@pytest.mark.parametrize(("glob", "names"), [("a", {"a"}), ("a.ff", {"a"}), ("[ab]", {"a", "b"}), ("*", NAMES)])
def test_models_are_built_because_somebody_asks(chain: Place, glob: str, names: set[str]) -> None:
    asked = {d.name for d in chain.plan(rebuild=(glob,)).builds if "requested" in [r.kind for r in d.reasons]}
    assert asked == names
    outcome = chain.build(rebuild=(glob,))
    assert names <= outcome.built
    assert not chain.due()


def test_a_request_does_not_reach_beyond_the_selection(chain: Place) -> None:
    assert {d.name for d in chain.plan("b", rebuild=("*",)).builds} == {"b"}

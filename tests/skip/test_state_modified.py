"""`state:modified` is what differs from the build records, `result:` what became of the last run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from skip_helpers import CSV, EVENTS, PROJECT, READS_EVENTS, SOURCES, Place, built, place

from fft_core import FftError, load_project
from fft_core.run.results import CheckRunResult, NodeRunResult, RunResults, write_run_results
from fft_core.run.select.facts import select_nodes

FILES = {
    "seeds/users.csv": CSV,
    "sources.yml": SOURCES,
    "models/a.ff.sql": "select id, name from {{ ref('users') }}",
    "models/e.ff.sql": "{{ config(materialized='ephemeral') }} select id from {{ ref('a') }}",
    "models/b.ff.sql": "select id from {{ ref('e') }}",
    "models/v.ff.sql": "{{ config(materialized='view') }} select id from {{ ref('b') }}",
    "models/c.ff.sql": "select id from {{ ref('v') }}",
    "models/events_seen.ff.sql": READS_EVENTS,
    "models/clock.ff.sql": "select now() as seen_at",
}


def chosen(made: Place, *expressions: str) -> set[str]:
    return set(select_nodes(load_project(made.root, "dev", environment=dict(made.environment)), expressions))


@pytest.fixture
def shop(tmp_path: Path) -> Place:
    return built(tmp_path, FILES, EVENTS)


def test_after_a_build_nothing_is_modified_not_even_what_is_always_built(shop: Place) -> None:
    assert shop.due() == {"clock": ["volatile"]}
    assert chosen(shop, "state:modified") == set()
    assert chosen(shop, "state:modified+") == set()


def test_before_any_build_all_is_modified_and_no_database_is_made(tmp_path: Path) -> None:
    made = place(tmp_path, FILES)
    assert chosen(made, "state:modified") == {"users", "a", "b", "v", "c", "events_seen", "clock"}
    assert not (tmp_path / "db.duckdb").exists()


@pytest.mark.parametrize(
    ("edit", "modified"),
    [
        ({"models/a.ff.sql": "select id + 1 as id, name from {{ ref('users') }}"}, {"a"}),
        ({"models/a.ff.sql": "-- the same\nSELECT id, name FROM {{ ref('users') }}"}, set()),
        ({"models/a.ff.sql": "{{ config(materialized='view') }} select id, name from {{ ref('users') }}"}, {"a"}),
        (
            {"models/e.ff.sql": FILES["models/e.ff.sql"] + " where id > 1"},
            {"b"},
        ),  # an ephemeral model is in its readers
        ({"models/v.ff.sql": FILES["models/v.ff.sql"] + " where id > 1"}, {"v"}),
        ({"seeds/users.csv": CSV + "3,eve\n"}, {"users"}),
        ({"models/new.ff.sql": "select 1 as id"}, {"new"}),
        ({"models/s.yml": "version: 2\nmodels: [{name: a, description: All., columns: [{name: id}]}]\n"}, set()),
        ({"models/s.yml": "version: 2\nmodels: [{name: a, columns: [{name: id, tests: [unique]}]}]\n"}, set()),
        ({"project.yml": PROJECT["project.yml"] + "vars: {unused: 1}\n"}, set()),
    ],
    ids=str,
)
def test_what_is_modified_is_what_was_edited_and_not_what_reads_it(
    shop: Place, edit: dict[str, str], modified: set[str]
) -> None:
    shop.write(edit)
    assert chosen(shop, "state:modified") == modified


def test_a_plus_adds_what_reads_it(shop: Place) -> None:
    shop.write({"models/b.ff.sql": "select id + 1 as id from {{ ref('e') }}"})
    assert chosen(shop, "state:modified+") == {"b", "v", "c"}
    assert chosen(shop, "state:modified+1") == {"b", "v"}
    assert chosen(shop, "1+state:modified") == {"b"}  # e, which it reads, has no rows
    assert chosen(shop, "state:modified+,type:view") == {"v"}


def test_when_only_the_modified_are_built_their_readers_become_modified(shop: Place) -> None:
    shop.write({"models/a.ff.sql": "select id + 1 as id, name from {{ ref('users') }}"})
    shop.build(*chosen(shop, "state:modified"))
    assert chosen(shop, "state:modified") == {"b"}
    shop.build("b")
    assert chosen(shop, "state:modified") == {"v", "c"}  # the view shows the new rows of b by itself
    shop.build("v", "c")
    assert chosen(shop, "state:modified") == set()


def test_rows_that_came_out_equal_modify_nothing(shop: Place) -> None:
    shop.write({"models/a.ff.sql": "select id + 0 as id, name from {{ ref('users') }}"})
    shop.build("a")
    assert chosen(shop, "state:modified") == set()


def test_new_rows_of_a_source_modify_what_reads_it(shop: Place) -> None:
    shop.sql("insert into events values (2, 'b')")
    assert chosen(shop, "state:modified") == {"events_seen"}


def test_what_is_missing_or_was_replaced_by_hand_is_modified(shop: Place) -> None:
    shop.sql("drop table c", "create or replace table events_seen as select 7 as id, 'x' as name")
    assert chosen(shop, "state:modified") == {"c", "events_seen"}


def test_variables_of_the_environment_modify_what_counts_them(shop: Place) -> None:
    shop.environment["FF_DEMO_TOGGLE"] = "1"
    assert chosen(shop, "state:modified") == {"a", "b", "v", "c", "events_seen", "clock"}


@pytest.mark.parametrize("expression", ["state:changed", "state:new"])
def test_other_states_are_errors(shop: Place, expression: str) -> None:
    with pytest.raises(FftError, match=rf"{expression} is not valid .FFT-302.\n    hint: .*modified"):
        chosen(shop, expression)


# result:


def results(*found: NodeRunResult) -> RunResults:
    return RunResults(
        fft_version="0",
        generated_at=datetime.now(UTC),
        command="build",
        project="skips",
        profile="dev",
        engine="duckdb",
        exit_code=0,
        elapsed_ms=1,
        results=found,
    )


def test_results_of_the_last_run_are_selected(tmp_path: Path) -> None:
    made = place(tmp_path, FILES)
    passed = CheckRunResult(name="unique_id", status="pass", severity="error")
    warned = replace(passed, status="warn", severity="warn")
    write_run_results(
        made.root,
        results(
            NodeRunResult(name="users", kind="seed", status="built", checks=(passed,)),
            NodeRunResult(name="a", kind="sql", status="reused"),
            NodeRunResult(name="b", kind="sql", status="checked", checks=(passed, warned)),
            NodeRunResult(name="v", kind="sql", status="blocked"),
            NodeRunResult(name="events_seen", kind="sql", status="failed"),
            NodeRunResult(name="c", kind="sql", status="skipped"),
            NodeRunResult(name="was_here", kind="sql", status="failed"),
        ),
    )
    assert chosen(made, "result:ok") == {"users", "a"}
    assert chosen(made, "result:warn") == {"b"}
    assert chosen(made, "result:fail") == {"v"}
    assert chosen(made, "result:error") == {"events_seen"}
    assert chosen(made, "result:fail+ result:error") == {"v", "c", "events_seen"}
    with pytest.raises(FftError, match="result:failed is not valid"):
        chosen(made, "result:failed")


def test_without_a_last_run_there_is_nothing_to_select_by(tmp_path: Path) -> None:
    made = place(tmp_path, FILES)
    with pytest.raises(FftError, match=r"run_results\.json does not exist \[FFT-\d+\]\n    hint: fft build"):
        chosen(made, "result:error")

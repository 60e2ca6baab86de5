"""Descriptions become comments, and the mark of a build stays beside them: nothing is built for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flower_shop import FILES, build_shop, load_shop, write_shop

from fft_core import Project, Warehouse, make_plan, open_warehouse
from fft_core.engines.protocol import Want
from fft_core.engines.stamp import unmarked
from fft_core.operations.comments import plan_comments, write_comments
from fft_core.run.turn import build_model

PEOPLE = 'One row per person; names with <script>alert("x")</script> & "quotes" stay text.'
EXPECTED = {
    "users": "As exported.",
    "users.email": "As typed.",
    "people": PEOPLE,
    "people.id": "The key.",
    "people.email": 'In lower case; it\'s "the" address.',
    "counted": "How many <people> there are.",
}


@pytest.fixture(params=["duckdb", "postgres"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """The built shop."""
    write_shop(tmp_path, {"models/recent.yml": "version: 2\nmodels: [{name: recent, description: A view.}]\n"})
    if request.param == "duckdb":
        found = load_shop(tmp_path)
    else:
        dsn, schema = request.getfixturevalue("postgres_dsn"), request.getfixturevalue("postgres_schema")
        found = load_shop(tmp_path, "pg", DSN=dsn, SCHEMA=schema)
    build_shop(found)
    return found


@pytest.fixture
def warehouse(project: Project) -> Iterator[Warehouse]:
    with open_warehouse(project) as opened:
        yield opened


def synchronise(warehouse: Warehouse, chosen: frozenset[str] | None = None) -> None:
    write_comments(warehouse, plan_comments(warehouse, chosen).changes)


def comments(warehouse: Warehouse, name: str) -> dict[str, str]:
    """The comments of a relation and its columns, those that are empty left out."""
    relation = warehouse.relation(name)
    found = warehouse.engine.inspect([relation], Want.COMMENTS)[relation]
    return {key: text for key, text in {"": unmarked(found.comment), **found.column_comments}.items() if text}


def test_a_plan_says_what_would_change_and_changes_nothing(project: Project) -> None:
    with open_warehouse(project, read_only=True) as warehouse:
        plan = plan_comments(warehouse)
        assert {str(change): change.new for change in plan.changes} == {**EXPECTED, "recent": "A view."}
        assert {change.old for change in plan.changes} == {""}
        assert plan.left_out == ("people has no column 'gone'",)
        assert comments(warehouse, "people") == {}


def test_comments_are_written_and_nothing_is_built_for_it(warehouse: Warehouse) -> None:
    before = {decision.name: decision.reasons for decision in make_plan(warehouse).decisions if decision.is_build}
    synchronise(warehouse)
    assert comments(warehouse, "people") == {
        "": PEOPLE,
        "id": "The key.",
        "email": 'In lower case; it\'s "the" address.',
    }
    assert comments(warehouse, "recent") == {"": "A view."}
    assert plan_comments(warehouse).changes == ()
    after = {decision.name: decision.reasons for decision in make_plan(warehouse).decisions if decision.is_build}
    assert after == before
    assert "people" not in after
    assert "recent" not in after


def test_only_what_is_chosen_is_written(warehouse: Warehouse) -> None:
    synchronise(warehouse, frozenset({"counted"}))
    assert comments(warehouse, "counted")
    assert comments(warehouse, "people") == {}


def test_another_description_replaces_the_comment_and_none_leaves_it(warehouse: Warehouse, project: Project) -> None:
    synchronise(warehouse)
    said = FILES["models/schema.yml"].replace("description: The key.", "description: The *new* key [fft a1 b2]")
    write_shop(project.root, {"models/schema.yml": said.replace("description: As exported.", "tags: [x]")})
    with open_warehouse(load_shop(project.root, project.env, **project.environment)) as again:
        (change,) = plan_comments(again).changes
        assert (change.old, change.new) == ("The key.", "The *new* key")
        write_comments(again, [change])
        assert plan_comments(again).changes == ()
        assert comments(again, "users")[""] == "As exported."


def test_what_fft_did_not_build_is_left_alone(warehouse: Warehouse) -> None:
    people = warehouse.relation("people").sql(warehouse.engine.spelling)
    warehouse.engine.execute(f"alter table {people} add column by_hand integer")
    warehouse.engine.execute(f"drop table {warehouse.relation('counted').sql(warehouse.engine.spelling)}")
    plan = plan_comments(warehouse)
    assert not {"people", "counted"} & {change.node for change in plan.changes}
    assert any("people" in said and "was changed since FFT built it" in said for said in plan.left_out)
    assert "counted is not built yet" in plan.left_out
    write_comments(warehouse, [change for change in plan.changes if change.node == "users"])
    assert comments(warehouse, "users")[""] == "As exported."


def test_a_column_is_found_in_any_case(warehouse: Warehouse, project: Project) -> None:
    said = FILES["models/schema.yml"].replace("{name: email", "{name: EMAIL")
    write_shop(project.root, {"models/schema.yml": said})
    with open_warehouse(load_shop(project.root, project.env, **project.environment)) as again:
        synchronise(again)
        assert comments(again, "people")["email"].startswith("In lower case")


def test_a_build_keeps_them_on_postgres_and_begins_anew_on_duckdb(warehouse: Warehouse, project: Project) -> None:
    synchronise(warehouse)
    before = comments(warehouse, "people")
    build_model(warehouse, project.model("people"))
    assert comments(warehouse, "people") == ({} if project.engine == "duckdb" else before)

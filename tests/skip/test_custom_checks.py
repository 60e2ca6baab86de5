"""What a custom check or a reconciliation depends on: if that changes, it judges again, and nothing else is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from skip_helpers import built

PROJECT = """
name: skips
version: '1'
vars: {limit: 2}
tests:
  - {type: few, table: by_sql, column: id, params: {most: 5}}
  - {type: steady, table: by_code, params: {most: 5}}
  - {type: reconcile_equal, left: {table: totals, expr: sum(id)}, right: {table: base, expr: sum(id)}}
"""
FILES = {
    "project.yml": PROJECT,
    "helpers.py": "LIMIT = 1\n",
    "seeds/base.csv": "id\n1\n2\n",
    "models/macros/m.sql": "{% macro bad(c) %}{{ c }} > {{ var('limit') + most() }}{% endmacro %}",
    "models/macros_py/most.py": "def most():\n    return 7\n",
    "models/by_sql.ff.sql": "select id from {{ ref('base') }}",
    "models/by_code.ff.sql": "select id from {{ ref('base') }}",
    "models/totals.ff.sql": "select sum(id) as id from {{ ref('base') }}",
    "tests/few.ff.sql": """
        {{ config(type="few", params=["most"]) }}
        select count(*) from {{ table }}
        where {{ bad(column) }} or {{ column }} > {{ params.most }} + {{ env("MORE", 0) }}
        """,
    "tests/steady.ff.py": """
from helpers import LIMIT
from fastflowtransform.decorators import dq_test
from fastflowtransform.testing import base as testing

@dq_test("steady")
def steady(con, table, column, params):
    return testing._scalar(con, f"select count(*) from {table}") > LIMIT, "few", "select 1"
""",
}
SQL, CODE = FILES["tests/few.ff.sql"], FILES["tests/steady.ff.py"]


@pytest.mark.parametrize(
    ("change", "judged"),
    [
        ({}, []),
        ({"tests/few.ff.sql": SQL.replace("count(*)", "count(1)")}, ["by_sql"]),
        ({"tests/few.ff.sql": SQL.replace("select count", "-- a comment\n select count")}, []),
        ({"models/macros/m.sql": FILES["models/macros/m.sql"].replace(">", ">=")}, ["by_sql"]),
        ({"models/macros_py/most.py": "def most():\n    return 8\n"}, ["by_sql"]),
        ({"project.yml": PROJECT.replace("limit: 2", "limit: 3")}, ["by_sql"]),
        ({"project.yml": PROJECT.replace("id, params: {most: 5}", "id, params: {most: 6}")}, ["by_sql"]),
        ({"tests/steady.ff.py": CODE.replace("> LIMIT", ">= LIMIT")}, ["by_code"]),
        ({"tests/steady.ff.py": CODE + "\n# a comment\n"}, []),
        ({"helpers.py": "LIMIT = 0\n"}, ["by_code"]),
        ({"project.yml": PROJECT.replace("by_code, params: {most: 5}", "by_code, params: {most: 6}")}, ["by_code"]),
        ({"project.yml": PROJECT.replace("reconcile_equal", "reconcile_equal, abs_tolerance: 1")}, ["totals"]),
    ],
)
def test_a_check_judges_again_if_what_it_says_has_changed(
    tmp_path: Path, change: dict[str, str], judged: list[str]
) -> None:
    shop = built(tmp_path, FILES)
    shop.write(change)
    plan = shop.plan()
    assert not plan.builds
    assert sorted(d.name for d in plan.decisions if d.checks_are_due) == judged
    shop.build()
    assert not [d for d in shop.plan().decisions if d.checks_are_due]


def test_a_variable_that_a_check_reads_counts(tmp_path: Path) -> None:
    shop = built(tmp_path, FILES)
    shop.environment["MORE"] = "1"
    assert [d.name for d in shop.plan().decisions if d.checks_are_due] == ["by_sql"]


@pytest.mark.parametrize(
    "files",
    [
        {"tests/few.ff.sql": SQL.replace("count(*)", "count(*) + length(now()::text) * 0")},
        {"models/macros_py/most.py": "import random\ndef most():\n    return random.randint(7, 9)\n"},
        {"tests/few.ff.sql": SQL.replace("count(*)", "count(*) + {{ [1, 2] | random }} * 0")},
    ],
)
def test_a_check_that_time_or_chance_can_change_always_judges(tmp_path: Path, files: dict[str, str]) -> None:
    shop = built(tmp_path, {**FILES, **files})
    assert [d.name for d in shop.plan().decisions if d.checks_are_due] == ["by_sql"]


def test_a_function_with_a_clock_always_judges(tmp_path: Path) -> None:
    code = CODE.replace("from helpers", "import time\nfrom helpers").replace("> LIMIT", "> LIMIT - time.time() * 0")
    shop = built(tmp_path, {**FILES, "tests/steady.ff.py": code})
    assert [d.name for d in shop.plan().decisions if d.checks_are_due] == ["by_code"]

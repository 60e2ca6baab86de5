"""`--changed-since`: functions of macros_py and custom checks are files that say something of models."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_changed_since import changed, git, write

FILES: dict[str, str | None] = {
    "project.yml": """\
name: shop
version: "1"
tests:
  - {type: by_query, table: a}
  - {type: by_code, table: b}
  - {type: reconcile_equal, left: {table: c, expr: count(*)}, right: {table: a, expr: count(*)}}
""",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: ':memory:'}}\n",
    "models/a.ff.sql": "select {{ one() }} as x",
    "models/b.ff.sql": "select {{ 1 | two }} as x",
    "models/c.ff.sql": "select 1 as x",
    "models/macros_py/one.py": "from helpers import ONE\ndef one():\n    return ONE\n",
    "models/macros_py/two.py": "def two(x):\n    return x + 1\n",
    "helpers.py": "ONE = 1\n",
    "tests/by_query.ff.sql": "{{ config(type='by_query') }} select count(*) - {{ three() }} from {{ table }}",
    "models/macros_py/three.py": "def three():\n    return 1\n",
    "tests/by_code.ff.py": "from fastflowtransform.decorators import dq_test\nfrom checking import YES\n"
    "@dq_test('by_code')\ndef f(con, table, column, params):\n    return YES, '', ''\n",
    "checking.py": "YES = True\n",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    write(tmp_path, FILES)
    git(tmp_path, "init", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-m", "start")
    git(tmp_path, "tag", "start")
    return tmp_path


@pytest.mark.parametrize(
    ("edit", "names"),
    [
        ({}, ""),
        ({"models/macros_py/two.py": "def two(x):\n    return x\n"}, "b"),
        ({"helpers.py": "ONE = 2\n"}, "a"),
        ({"models/macros_py/other.py": "def two(x):\n    return x\n", "models/macros_py/two.py": None}, "b"),
        ({"tests/by_query.ff.sql": "{{ config(type='by_query') }} select 0"}, "a"),
        ({"models/macros_py/three.py": "def three():\n    return 2\n"}, "a"),
        ({"checking.py": "YES = False\n"}, "b"),
        ({"tests/by_code.ff.py": f"{FILES['tests/by_code.ff.py']}\nX = 1\n"}, "b"),
        (
            {"project.yml": f"{FILES['project.yml']}".replace("reconcile_equal", "reconcile_equal, abs_tolerance: 1")},
            "a",
        ),
    ],
)
def test_what_has_changed(shop: Path, edit: dict[str, str | None], names: str) -> None:
    write(shop, edit)
    assert changed(shop) == set(names.split())

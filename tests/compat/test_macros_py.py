"""models/macros_py: every public function is a global and a filter of templates."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_projects import loaded, opened, problems

from fft_core.errors import RenderError

TEXTS = """\
from __future__ import annotations
from typing import Any
import json as js
from jinja2 import pass_context

LIMIT = 3

def slug(x: Any) -> str:
    return f"lower({x})"

def shout(text, times=1):
    return "'" + text.upper() * times + "'"

@pass_context
def engine_of(context):
    return "'" + context["ff_engine"]() + "'"

def _hidden():
    return 1
"""
FILES = {
    "models/macros_py/texts.py": TEXTS,
    "models/macros/m.sql": "{% macro both(x) %}{{ slug(x) }} || {{ 'y' | shout }}{% endmacro %}\n"
    "{% macro never(x) %}{{ nobody_knows(x) }}{% endmacro %}",
}


def test_functions_are_globals_and_filters_in_models_and_macros(tmp_path: Path) -> None:
    texts = "{{ slug(\"'A'\") }} as a, {{ 'b' | shout(times=2) }} as b, {{ both(\"'C'\") }} as c"
    sql = f"select {texts}, {{{{ engine_of() }}}} as d"
    with opened(tmp_path, {**FILES, "models/m.ff.sql": sql}) as shop:
        shop.build()
        assert shop.rows("select * from m") == [("a", "BB", "cY", "duckdb")]


@pytest.mark.parametrize("name", ["LIMIT", "_hidden()", "nobody_knows()"])
def test_what_is_no_public_function_is_not_there(tmp_path: Path, name: str) -> None:
    files = {**FILES, "models/m.ff.sql": f"select {{{{ {name} }}}} as x"}
    with opened(tmp_path, files) as shop, pytest.raises(RenderError, match="is undefined"):
        shop.build()


def test_loading_imports_none_of_them(tmp_path: Path) -> None:
    files = {"models/macros_py/broken.py": "def f():\n    return 1\nraise RuntimeError('imported')\n"}
    assert loaded(tmp_path, {**files, "models/m.ff.sql": "select 1 as x"}).models
    raises = pytest.raises(RenderError, match="RuntimeError: imported")
    with opened(tmp_path, {"models/m.ff.sql": "select {{ f() }} as x"}) as shop, raises as caught:
        shop.build()
    assert str(caught.value).startswith("models/macros_py/broken.py:3")


def test_those_of_the_project_take_the_place_of_a_packages(tmp_path: Path) -> None:
    package = {
        "project.yml": "name: shared\nversion: '1.0.0'\n",
        "models/macros_py/a.py": "def f():\n    return 1\ndef g():\n    return 1\n",
    }
    files = {
        **{f"../shared/{name}": text for name, text in package.items()},
        "packages.yml": "packages: [{name: shared, path: ../shared}]\n",
        "models/macros_py/b.py": "def f():\n    return 2\n",
        "models/m.ff.sql": "select {{ f() }} as f, {{ g() }} as g",
    }
    with opened(tmp_path / "shop", files) as shop:
        shop.build()
        assert shop.rows("select * from m") == [(2, 1)]


def test_a_syntax_error_is_a_problem_of_the_file(tmp_path: Path) -> None:
    assert problems(tmp_path, {"models/macros_py/x.py": "def f(:\n"}) == [
        "models/macros_py/x.py:1: invalid Python: invalid syntax [FFT-140]"
    ]

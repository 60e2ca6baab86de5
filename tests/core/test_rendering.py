"""Models are rendered without Jinja, and cut out without a tokenizer, where that gives the same text."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from written_projects import write_project

from fft_core import load_project
from fft_core.compile.render import Naming, Renderer
from fft_core.compile.single_query import _PLAIN_QUERY, _after_create, _statements, select_of
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import Location, RenderError
from fft_core.names import Relation
from fft_core.project.model import SourceName, SqlBody


def place(node: str | SourceName) -> Relation:
    return Relation(node.table, node.group) if isinstance(node, SourceName) else Relation(node, "s")


NAMING = Naming(place, spec_of("duckdb").spelling)
HERE = Location(Path("m.ff.sql"))
TEMPLATES = {
    "text": "select 1 as x",
    "relations": "select * from {{ ref('up') }} as a, {{ source('crm', 'users') }} as b, {{ref('up.ff')}}\n",
    "config": "{{ config(materialized='view', tags=['a']) }}\nselect * from {{ ref('up') }}\n\n",
    "this": "select '{{ this }}' as me",
    "trimmed": "  {{ config(tags=['a']) -}}\n   select 1 as x  ",
    "comments": "select 1 as x {# from {{ ref('gone') }} #} -- from {{ ref('gone') }}\n, 2 as y",
    "raw": "{% raw %}select '{{ x }}' as x{% endraw %}",
}
TEMPLATED = {
    "if": "{% if true %}select 1 as x{% endif %}",
    "attribute": "select '{{ this.name }}' as x",
    "filter": "select '{{ ref('up') | upper }}' as x",
    "variable": "select {{ var('n', 3) }} as x",
}


def body_of(root: Path, template: str) -> tuple[Renderer, object, SqlBody]:
    sources = "version: 2\nsources: [{name: crm, tables: [{name: users}]}]\n"
    files = {"models/up.ff.sql": "select 1 as x", "models/m.ff.sql": template, "sources.yml": sources}
    project = load_project(write_project(root, files))
    body = project.models["m"].body
    assert isinstance(body, SqlBody)
    return Renderer(project), project.models["m"], body


@pytest.mark.parametrize("name", TEMPLATES)
def test_pieces_give_what_jinja_gives(name: str, tmp_path: Path) -> None:
    renderer, model, body = body_of(tmp_path, TEMPLATES[name])
    assert body.pieces is not None
    by_pieces = renderer.sql(model, NAMING)  # type: ignore[arg-type]
    by_jinja = renderer.sql(replace(model, body=replace(body, pieces=None)), NAMING)  # type: ignore[type-var,arg-type]
    assert by_pieces == by_jinja


@pytest.mark.parametrize("name", TEMPLATED)
def test_what_jinja_must_decide_is_left_to_it(name: str, tmp_path: Path) -> None:
    renderer, model, body = body_of(tmp_path, TEMPLATED[name])
    assert body.pieces is None
    assert "{" not in renderer.sql(model, NAMING)  # type: ignore[arg-type]


def test_a_macro_may_replace_what_we_know(tmp_path: Path) -> None:
    macro = "{% macro source(a, b) %}somewhere.else{% endmacro %}"
    files = {"models/macros/m.sql": macro, "models/m.ff.sql": "select * from {{ source('a', 'b') }}"}
    files["sources.yml"] = "version: 2\nsources: [{name: a, tables: [{name: b}]}]\n"
    project = load_project(write_project(tmp_path, files))
    assert Renderer(project).sql(project.models["m"], NAMING) == "select * from somewhere.else"


PIECES = [
    "select 1",
    " ",
    "\n",
    ";",
    "--",
    "-",
    "/*",
    "*/",
    "/",
    "'",
    '"',
    "`",
    "\\",
    "#",
    "$",
    "$$",
    "x",
    "'a;b'",
    "(",
    ")",
]


@example("select ''''")
@example("select '\\'")
@example("select x'a;b'")
@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=9).map(lambda pieces: "".join(["select ", *pieces])))
def test_a_query_that_is_taken_as_it_is_has_nothing_to_cut(text: str) -> None:
    if not _PLAIN_QUERY.fullmatch(text.strip(" \t\r\n")):
        return
    for dialect in ("duckdb", "postgres", "bigquery", "spark", "snowflake"):
        (statement,) = _statements(text, dialect, HERE)
        tokens = _after_create(statement)
        assert select_of(text, dialect, HERE) == text[tokens[0].start : tokens[-1].end + 1]


@pytest.mark.parametrize("text", ["select 'a", "select 1; select 2", "update x set y = 1", "-- only a comment"])
def test_what_is_no_query_is_refused(text: str) -> None:
    with pytest.raises(RenderError):
        select_of(text, "duckdb", HERE)


def test_a_plan_of_unchanged_files_imports_only_what_it_needs(tmp_path: Path) -> None:
    files = {
        "models/m.ff.sql": "{{ config(tags=['a']) }} select 1 as x",
        "models/n.ff.sql": "select * from {{ ref('m') }}",
    }
    root = write_project(tmp_path, files)
    heavy = ["jinja2", "sqlglot", "pydantic", "pandas", "pyarrow", "dagster"]
    code = f"""
import sys
from fft_cli.app import main
sys.argv = ["fft", "plan", {str(root)!r}]
try:
    main()
except SystemExit as end:
    assert not end.code
print([module for module in {heavy} if module in sys.modules])"""
    command = [sys.executable, "-c", code]
    said = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert "sqlglot" in said[0].splitlines()[-1]
    assert said[1].splitlines()[-1] == "[]"

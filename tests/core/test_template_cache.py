"""After an edit only the files that changed are parsed: the project is the same as one that is read anew."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from written_projects import write_project

from fft_core import ProjectError, load_project
from fft_core.project.read.cache_folder import ProjectCache
from fft_core.project.read.template_cache import FILE

FILES = {
    "models/a.ff.sql": "{{ config(materialized='view', tags=['x']) }} select {{ var('n', 1) }} as id",
    "models/b.ff.sql": "select id, '{{ env('FF_B', 'b') }}' as b from {{ ref('a') }} {# a comment #}",
    "models/c.ff.sql": "{% if is_incremental() %} select 1 as id {% else %} select {{ one() }} as id {% endif %}",
    "models/macros/one.sql": "{% macro one() %}1{% endmacro %}",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project that was loaded once."""
    write_project(tmp_path, FILES)
    load_project(tmp_path, environment={})
    assert kept(tmp_path).is_file()
    return tmp_path


def kept(root: Path) -> Path:
    return ProjectCache(root).folder / FILE


def edited(root: Path, name: str, text: str) -> None:
    (root / name).write_text(text)


def same_as_read_anew(root: Path) -> bool:
    project = load_project(root, environment={})
    for file in ProjectCache(root).files():
        file.unlink()
    return project == load_project(root, environment={})


def test_only_what_changed_is_parsed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import jinja2

    parsed: list[str] = []
    parse = jinja2.Environment.parse

    def noted(self: jinja2.Environment, text: str) -> jinja2.nodes.Template:
        parsed.append(text)
        return parse(self, text)

    monkeypatch.setattr(jinja2.Environment, "parse", noted)
    edited(root, "models/b.ff.sql", "select id, 2 as b from {{ ref('a') }}")
    load_project(root, environment={})
    assert parsed == [FILES["models/b.ff.sql"], "select id, 2 as b from {{ ref('a') }}"]  # compared with each other
    parsed.clear()
    edited(root, "models/b.ff.sql", "{{ config(tags=['y']) }} select id, 2 as b from {{ ref('a') }}")
    load_project(root, environment={})
    assert set(parsed) == {
        FILES["models/macros/one.sql"],
        FILES["models/b.ff.sql"],
        (root / "models/b.ff.sql").read_text(),
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("models/a.ff.sql", "select 2 as id"),
        ("models/b.ff.sql", FILES["models/b.ff.sql"] + "\n"),
        ("models/c.ff.sql", "select {{ one() }} as id from {{ ref('b') }}"),
        ("models/d.ff.sql", FILES["models/a.ff.sql"]),
        ("models/macros/one.sql", "{% macro one() %}{{ var('n', 2) }}{% endmacro %}"),
        ("models/a.yml", "version: 2\nmodels: [{name: a, description: said}]\n"),
    ],
)
def test_an_edit_gives_what_a_new_reading_gives(root: Path, name: str, text: str) -> None:
    edited(root, name, text)
    assert same_as_read_anew(root)


def test_a_file_that_was_moved_says_where_it_is_now(root: Path) -> None:
    (root / "models/sub").mkdir()
    (root / "models/a.ff.sql").rename(root / "models/sub/a.ff.sql")
    assert load_project(root, environment={}).models["a"].path == Path("models/sub/a.ff.sql")
    assert same_as_read_anew(root)


def test_a_problem_is_found_each_time(root: Path) -> None:
    edited(root, "models/b.ff.sql", "select {{ ref(name) }}")
    for _ in range(2):
        with pytest.raises(ProjectError, match=r"models/b\.ff\.sql:1: ref\(\) takes one name"):
            load_project(root, environment={})


def test_another_engine_reads_anew(root: Path) -> None:
    write_project(root, {"profiles.yml": "dev: {engine: postgres, postgres: {dsn: 'postgresql://x'}}\n"})
    load_project(root, environment={})
    assert kept(root).read_bytes().partition(b"\n")[0].endswith(b" postgres")


@pytest.mark.parametrize("content", [b"", b"\x80", pickle.dumps({"models/a.ff.sql": ("x", 1)}), pickle.dumps([1])])
def test_a_file_that_is_none_is_left_alone(root: Path, content: bytes) -> None:
    head = kept(root).read_bytes().partition(b"\n")[0]
    kept(root).write_bytes(head + b"\n" + content)
    edited(root, "models/a.ff.sql", "select 3 as id")
    assert same_as_read_anew(root)

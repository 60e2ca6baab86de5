"""After an edit of the SQL of a model, the loaded project is the one that a new reading of all files gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fft_core import Project, ProjectError, load_project
from fft_core.project.read import cache, edited
from fft_core.project.read.cache_folder import ProjectCache
from fft_core.project.read.reader import Reader

M = "models/m.ff.sql"
FIRST = "{{ config(tags=['a'], priority=1) }}\nselect id, {{ var('a') }} as a from {{ ref('one') }}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "project.yml": "name: p\nversion: '1'\nvars: {a: 1, b: 2}\n",
        "profiles.yml": "dev: {engine: duckdb}\n",
        "models/macros/two.sql": "{% macro two() %}{{ var('b') }}{% endmacro %}",
        "models/one.ff.sql": "select 1 as id",
        "models/other.ff.sql": "select 2 as id, {{ two() }} as two",
        M: FIRST,
        "models/later.ff.sql": "select * from {{ ref('m') }}",
        "models/added.ff.sql": (
            "{{ config(materialized='incremental', unique_key='id', delta_sql='select 1 as id, 2 as b') }}\n"
            "select 1 as id, 2 as b"
        ),
        "models/only.ff.py": (
            "from fft_core import model\n\n@model(deps=['m'], env_match={'STAGE': 'x'})\ndef only(m): return m\n"
        ),
        "models/macros_py/three.py": "def three():\n    return 3\n",
        "models/three.ff.sql": "select {{ three() }} as id",
        "models/p.ff.py": "from fft_core import model\n\n@model(deps=['m'])\ndef build(m):\n    return m\n",
        "models/m.yml": "version: 2\nmodels: [{name: m, description: first, columns: [{name: id, tests: [unique]}]}]\n",
        "tests/unit/m.yml": (
            "model: later\ncases: [{name: c, inputs: {m: {rows: [{id: 1}]}}, expect: {rows: [{id: 1}]}}]\n"
        ),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Reader]:
    """The readings of all files, as they happen."""
    found: list[Reader] = []
    read = Reader.read

    def counted(reader: Reader) -> Project:
        found.append(reader)
        return read(reader)

    monkeypatch.setattr(Reader, "read", counted)
    return found


def read_anew(root: Path) -> Project:
    """Read all files, without a cache."""
    for name in (cache.FILE, cache.DIGESTS, cache.EDITS):
        (ProjectCache(root).folder / name).unlink(missing_ok=True)
    return load_project(root, environment={})


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_bytes(text.encode())


QUICK = {
    "another text": write(M, FIRST.replace("id,", "id + 1 as id,")),
    "another variable": write(M, FIRST.replace("'a')", "'b')")),
    "a variable of the environment": write(M, FIRST.replace("as a", "as a, '{{ env('STAGE', 'y') }}' as s")),
    "a loop instead of pieces": write(M, FIRST + "{% for x in [1, 2] %}/* */{% endfor %}"),
    "something volatile": write(M, FIRST.replace("as a", "as a, '{{ now() }}' as n").replace("{{ now() }}", "")),
    "further lines below the config": write(M, FIRST.replace("\nselect", "\n\n\nselect")),
    "the same input again": write(M, FIRST + "where id in (select id from {{ ref('one') }})"),
    "Jinja in a comment": write(M, FIRST + "-- {{ ref('nothing') }}\n"),
    "other ends of lines": write(M, FIRST.replace("id,", "7 as id,").replace("\n", "\r\n")),
    "a mark of the encoding": write(M, "\ufeff" + FIRST.replace("as a", "as ä")),
    "a filter": write(M, FIRST.replace("var('a')", "'a' | var")),
    "another text around a function": write("models/three.ff.sql", "select 1 + {{ three() }} as id"),
    "a text without references": write("models/one.ff.sql", "select 11 as id"),
}
WHOLE = {
    "a tag": write(M, FIRST.replace("['a']", "['b']")),
    "a value of another type": write(M, FIRST.replace("priority=1", "priority=True")),
    "another line of the config": write(M, "\n" + FIRST),
    "an input": write(M, FIRST.replace("ref('one')", "ref('other')")),
    "a further input": write(M, FIRST + "where id in (select id from {{ ref('other') }})"),
    "no input": write(M, "{{ config(tags=['a'], priority=1) }}\nselect 1 as id, 2 as a"),
    "a macro": write(M, FIRST.replace("{{ var('a') }}", "{{ two() }}")),
    "a function of macros_py": write(M, FIRST.replace("{{ var('a') }}", "{{ three() }}")),
    "no function of macros_py": write("models/three.ff.sql", "select 3 as id"),
    "the text of a model with a macro": write("models/other.ff.sql", "select 3 as id, {{ two() }} as two"),
    "the text of a model with a delta": lambda root: (root / "models/added.ff.sql").write_text(
        (root / "models/added.ff.sql").read_text() + " where true"
    ),
    "a macro's own text": write("models/macros/two.sql", "{% macro two() %}{{ var('a') }}{% endmacro %}"),
    "a Python model": write(
        "models/p.ff.py", "from fft_core import model\n\n\n@model(deps=['m'])\ndef f(m): return m\n"
    ),
    "a description": write("models/m.yml", "version: 2\nmodels: [{name: m, description: second}]\n"),
    "a new model": write("models/new.ff.sql", "select 1 as id"),
    "no model": lambda root: (root / "models/three.ff.sql").unlink(),
    "a text and a tag of another model": lambda root: (
        QUICK["another text"](root),
        write("models/one.ff.sql", "{{ config(tags=['z']) }}select 1 as id")(root),
    ),
}


@pytest.mark.parametrize(("edit", "readings_then"), [(e, 0) for e in QUICK.values()] + [(e, 1) for e in WHOLE.values()])
def test_an_edit_gives_the_project_that_reading_all_files_gives(
    root: Path, readings: list[Reader], edit: Callable[[Path], object], readings_then: int
) -> None:
    first = load_project(root, environment={})
    readings.clear()
    edit(root)
    edited = load_project(root, environment={})
    again = load_project(root, environment={})
    assert len(readings) == readings_then
    assert edited == again == read_anew(root)
    assert edited != first


def test_edits_add_up_and_can_be_taken_back(root: Path, readings: list[Reader]) -> None:
    first = load_project(root, environment={})
    readings.clear()
    write("models/one.ff.sql", "select 7 as id")(root)
    load_project(root, environment={})
    QUICK["another variable"](root)
    both = load_project(root, environment={})
    assert both.models["one"] != first.models["one"]
    assert both.models["m"] != first.models["m"]
    write("models/one.ff.sql", "select 1 as id")(root)
    write(M, FIRST)(root)
    assert load_project(root, environment={}) == first
    assert not readings
    QUICK["another variable"](root)
    write("models/one.ff.sql", "select 7 as id")(root)
    assert both == load_project(root, environment={}) == read_anew(root)


def test_many_edits_are_read_together(root: Path, readings: list[Reader], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edited, "MOST", 1)
    load_project(root, environment={})
    readings.clear()
    QUICK["another variable"](root)
    write("models/one.ff.sql", "select 7 as id")(root)
    assert load_project(root, environment={}) == read_anew(root)
    assert len(readings) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FIRST.replace("ref('one')", "ref('nothing')"), r"m\.ff\.sql:2: ref\('nothing'\)"),
        (FIRST + "{% if %}", r"m\.ff\.sql:3: template error"),
        (FIRST.replace("priority=1", "priority='x'"), r"m\.ff\.sql:1: config\(\)"),
    ],
)
def test_an_edit_with_a_mistake_is_reported(root: Path, text: str, message: str) -> None:
    load_project(root, environment={})
    write(M, text)(root)
    for _ in range(2):
        with pytest.raises(ProjectError, match=message):
            load_project(root, environment={})


def test_a_file_that_is_no_text_is_reported(root: Path) -> None:
    load_project(root, environment={})
    (root / M).write_bytes(b"select '\xff' as id")
    with pytest.raises(ProjectError, match="not UTF-8 text"):
        load_project(root, environment={})


def test_edits_are_those_of_one_environment(root: Path) -> None:
    """What an edit was added to may have been read under other conditions: then it is read again."""
    assert "only" in load_project(root, environment={"STAGE": "x"}).models
    QUICK["another variable"](root)
    edited = load_project(root, environment={"STAGE": "x"})
    without = load_project(root, environment={"STAGE": "z"})  # kept under the same key as the edit
    assert "only" not in without.models
    assert load_project(root, environment={"STAGE": "z"}) == without
    assert load_project(root, environment={"STAGE": "x"}) == edited
    write(M, FIRST)(root)
    first = load_project(root, environment={"STAGE": "z"})
    assert "only" not in first.models
    QUICK["another variable"](root)
    assert replace(load_project(root, environment={"STAGE": "x"}), environment={}) == replace(edited, environment={})


@pytest.mark.parametrize("name", [cache.DIGESTS, cache.EDITS])
@pytest.mark.parametrize("content", [b"", b"\x80\x05N.", b"\x80\x05K\x01.", b"cos\nsystem\n.", b"\x80\x04cut"])
def test_a_damaged_cache_is_not_used(root: Path, name: str, content: bytes) -> None:
    load_project(root, environment={})
    QUICK["another variable"](root)
    load_project(root, environment={})
    path = ProjectCache(root).folder / name
    head, _, _ = path.read_bytes().partition(b"\n")
    path.write_bytes(head + b"\n" + content)
    found = load_project(root, environment={})
    write("models/one.ff.sql", "select 7 as id")(root)
    later = load_project(root, environment={})
    assert later == read_anew(root)
    assert found.models["m"] == later.models["m"]

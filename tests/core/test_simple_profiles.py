"""A simple profiles.yml is read without Jinja and YAML, with the content and lines that they find."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fft_core import load_project
from fft_core.errors import ProfileError, ProjectError
from fft_core.project.profile import profiles
from fft_core.project.profile.simple_file import simple_file
from fft_core.project.read.yaml_file import YamlFile, parse_yaml
from fft_core.project.scaffold.new import new_project

FILE = Path("profiles.yml")
VARIABLES = {
    "A": "a.duckdb",
    "EMPTY": "",
    "QUOTES": 'it\'s "b"',
    "BACK": r"c:\new",
    "LINES": "a\nb",
    "WIDE": " ä # : {} ",
}


def by_yaml(text: str, variables: Mapping[str, str]) -> YamlFile | str:
    try:
        found = parse_yaml(profiles._render(text, Path("/root"), variables), FILE)
    except ProfileError as error:
        return str(error)
    return found if isinstance(found, YamlFile) else str(found)


def simply(text: str, variables: Mapping[str, str] = VARIABLES) -> YamlFile | None:
    return simple_file(text, FILE, profiles._env_of(variables))


def assert_same(text: str) -> None:
    """A text is read as by Jinja and YAML, types and lines too, or not at all."""
    simple = simply(text)
    if simple is None:
        return
    other = by_yaml(text, VARIABLES)
    assert isinstance(other, YamlFile), other
    assert repr(simple.content) == repr(other.content)
    assert simple.lines == other.lines


SIMPLE = """\
# Relative paths start at this folder.
dev:
  engine: duckdb   # a word
  max_workers: 4

  duckdb:
    path: "{{ env('A', '.local/dev.duckdb') }}"
    other: '{{ env("NONE", "x y") }}/{{env(  "EMPTY" )}}'
    missing: "{{ env('NOWHERE') }}"
    is_on: true
    from: "{{ env('WIDE') }}"
test: {engine: duckdb, duckdb: {path: ":memory:", db_schema: main, jobs: 17}}
"""


def test_the_form_of_most_projects_is_read() -> None:
    simple = simply(SIMPLE)
    assert simple is not None
    assert simple.content["dev"]["duckdb"] == {
        "path": "a.duckdb",
        "other": "x y/",
        "missing": "\ufdd0missing:NOWHERE\ufdd0",
        "is_on": True,
        "from": " ä # : {} ",
    }
    settings_of_test = {"path": ":memory:", "db_schema": "main", "jobs": 17}
    assert simple.content["test"] == {"engine": "duckdb", "duckdb": settings_of_test}
    assert simple.lines["dev", "duckdb", "path"] == 7
    assert_same(SIMPLE)


@pytest.mark.parametrize(
    "text",
    [
        "dev: {engine: duckdb, duckdb: {path: w.duckdb}}",
        "dev:\n  engine: duckdb\n",
        "\n\n# only\ndev:\n    a: b\n    c:\n      d: e\nnext:\n  a: b\n",
    ],
)
def test_more_of_that_form(text: str) -> None:
    assert simply(text) is not None
    assert_same(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dev:",
        "dev:\nnext: a",
        "dev: a\ndev: b",
        "dev: {a: b, a: c}",
        "dev: no",
        "dev: Null",
        "no: a",
        "x-base: &b {a: b}\ndev: *b",
        "x-y: a",
        "dev: 012",
        "dev: 0",
        "dev: 1_000",
        "dev: 1.5",
        "dev: .5",
        "dev: .inf",
        "dev: 2020-01-01",
        "dev: 1:30",
        "dev: |\n  a",
        "dev: [a]",
        "dev: {a}",
        "dev: {}",
        "dev: {a: b",
        "dev: {a: b,c: d}",
        "dev: !x a",
        "dev: a b",
        "dev: a: b",
        'dev: "a\\tb"',
        "dev: 'it''s'",
        "dev: \"{{ env('QUOTES') }}\"",
        "dev: '{{ env(\"QUOTES\") }}'",
        "dev: \"{{ env('BACK') }}\"",
        "dev: \"{{ env('LINES') }}\"",
        "dev: {{ env('A') }}",
        'dev: "{{ project_dir() }}"',
        "dev: \"{{ env('A') | upper }}\"",
        "dev: \"{{ env('A' }}\"",
        "dev: \"{{- env('A') }}\"",
        'dev: "{% if true %}a{% endif %}"',
        'dev: "a {# not said #}"',
        "# {{ env('NOWHERE') }}\ndev: a",
        "dev: a # {# b",
        "dev:\n\ta: b",
        "dev:\r\n  a: b",
        "dev:\n   a: b\n  c: d",
        "  dev: a",
        "---\ndev: a",
        "dev: a\n...",
        "dev: a\x85b: c",
        "# \x07\ndev: a",
        "- a",
        "? a\n: b",
    ],
)
def test_any_other_form_is_left_to_jinja_and_yaml(text: str) -> None:
    assert simply(text) is None


_CHARACTERS = "\n\n\n:,{}'\"#&*-|?!%@`\\ \t"
_WORDS = "dev a no on 12 .5 x- ~ = << ä {{ }} {% {# 0x1 ... --- .nan".split()
_MORE = (
    "  ",
    ": ",
    ", ",
    " #",
    "{{ env('A') }}",
    "{{ env('EMPTY', 'b') }}",
    "{{ env('QUOTES') }}",
    "{{ env('N') }}",
    "\n  a: b",
    '\n  c: "',
    "\n    d: '",
    "{a: b}",
    '{a: {b: c}, d: "e"}',
    "\r\n",
    "\u2028",
)
_PIECES = st.sampled_from([*_CHARACTERS, *_WORDS, *_MORE])


@settings(max_examples=1500, deadline=None)
@given(st.lists(_PIECES, max_size=14).map("".join))
@example("a: .\nb: ..")
@example("a: ...")
@example("a: ./-")
@example("_: a")
@example("a: /")
@example("a: b\n#\n")
@example("a: {b: c }")
@example("a: { b:  c , d:  'e' }  # f")
def test_whatever_is_read_is_read_as_by_jinja_and_yaml(text: str) -> None:
    assert_same(text)
    assert_same(f"dev:\n  a: {text}")
    assert_same(f"dev: {{a: {text}}}")
    assert_same(f'dev:\n  a: "{text}"\n  b: c\n')


def test_jinja_and_yaml_are_not_imported(tmp_path: Path) -> None:
    new_project(tmp_path / "shop", "duckdb")
    load_project(tmp_path / "shop")  # into the cache
    code = (
        f"import sys; from fft_core import load_project; load_project({str(tmp_path / 'shop')!r}); "
        "print(sorted({'jinja2', 'yaml', 'dotenv', 'pydantic', 'sqlglot', 'duckdb'} & set(sys.modules)))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_a_changed_profile_or_variable_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_project(tmp_path, "duckdb")
    path = tmp_path / "profiles.yml"
    assert load_project(tmp_path).profiles.active().settings["path"] == str(tmp_path / ".local" / "dev.duckdb")
    monkeypatch.setenv("FF_OTHER", "other.duckdb")
    path.write_text(path.read_text().replace("FF_DUCKDB_PATH'", "FF_OTHER'"))
    assert load_project(tmp_path).profiles.active().settings["path"] == str(tmp_path / "other.duckdb")
    path.write_text(path.read_text().replace("engine: duckdb", "engine: duckdbb"))
    with pytest.raises(ProjectError, match=r"profiles.yml:3: unknown engine 'duckdbb'"):
        load_project(tmp_path)

"""What a mistyped word is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_build_command import fft, write

FILES = {
    "project.yml": "name: shop\nversion: '1'\nvars: {limit: 3}\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: dev.duckdb}}\n",
    "models/a.ff.sql": "select {{ var('limit') }} as id",
}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bild",), "no such command: 'bild'. Did you mean 'build'?"),
        (("cache", "clera"), "no such command: 'clera'. Did you mean 'clear'?"),
        (("snapshot", "rum"), "no such command: 'rum'. Did you mean 'run'?"),
        (("zzz",), "no such command: 'zzz'. The commands are build, cache,"),
    ],
)
def test_a_mistyped_command(words: tuple[str, ...], said: str) -> None:
    ended = fft(*words)
    assert ended.code == 2
    assert said in ended.err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("b.ff.sql", "{{ config(materialized='tabel') }} select 1 as id"),
        ("b.ff.py", "from fft_core import model\n@model(name='b', materialized='tabel')\ndef b():\n    return None\n"),
    ],
)
def test_a_mistyped_value_is_named_with_the_nearest_one(tmp_path: Path, name: str, text: str) -> None:
    root = write(tmp_path, {**FILES, f"models/{name}": text})
    ended = fft("plan", root)
    assert ended.code == 1
    assert "materialized: unknown value 'tabel'" in ended.err
    assert "Did you mean 'table'?" in ended.err


def test_a_variable_that_no_model_reads_is_a_warning(tmp_path: Path) -> None:
    root = write(tmp_path, FILES)
    ended = fft("plan", root, "--vars", "limmit=4")
    assert ended.code == 0
    assert ended.err == "warning: --vars limmit: no model reads this variable. Did you mean 'limit'?\n"
    assert fft("plan", root, "--vars", "limit=4").err == ""
    (root / "models" / "a.ff.sql").write_text("{% set n = 'limit' %} select {{ var(n) }} as id")
    assert fft("plan", root, "--vars", "limmit=4").err == ""


def test_an_unknown_key_does_not_hide_what_else_is_wrong(tmp_path: Path) -> None:
    tests = "tests:\n  - {type: uniqe, table: a, column: id}\n  - {type: unique, table: gone, column: id}\n"
    schema = "version: 2\nmodells: []\nmodels: [{name: a, kolumns: []}, {name: gone_too}]\n"
    root = write(
        tmp_path, {**FILES, "project.yml": FILES["project.yml"] + "varz: {}\n" + tests, "models/s.yml": schema}
    )
    said = fft("plan", root).err
    for problem in ("'varz'", "'uniqe'", "'gone'", "'modells'", "'kolumns'", "'gone_too'"):
        assert problem in said, said


def test_init_writes_into_no_folder_that_is_in_use(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "thesis.txt").touch()
    refused = fft("init", cwd=tmp_path)
    assert refused.code == 1
    assert "the current folder is not empty: it has thesis.txt" in refused.err
    assert sorted(path.name for path in tmp_path.iterdir()) == [".git", "thesis.txt"]
    (tmp_path / "thesis.txt").unlink()
    assert fft("init", cwd=tmp_path).code == 0
    assert (tmp_path / "project.yml").is_file()

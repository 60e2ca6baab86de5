"""A load of unchanged files comes from the cache, and only of those."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from fft_core import ProjectError, load_project
from fft_core.project import cache

CACHE = ".fastflowtransform/cache/project.pickle"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "project.yml": "name: p\nversion: '1'\nvars: {a: 1}\ntests:\n  - {type: not_null, table: m, column: id}\n",
        "profiles.yml": "dev: {engine: duckdb}\n",
        "sources.yml": "crm: {users: {identifier: seed_users}}\n",
        "seeds/seed_users.csv": "id\n1\n",
        "models/macros/one.sql": "{% macro one() %}1{% endmacro %}",
        "models/m.ff.sql": "select id, {{ one() }} as one from {{ source('crm', 'users') }}",
        "models/p.ff.py": "from fft_core import model\n\n@model(deps=['m'])\ndef build(m):\n    return m\n",
        "models/m.yml": "version: 2\nmodels: [{name: m, description: first}]\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_second_load_reads_no_model_and_gives_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_project(root, environment={"A": "1"})
    monkeypatch.setattr(cache, "keep_project", lambda *_: pytest.fail("it was read again"))
    monkeypatch.setattr("fft_core.project.load.keep_project", lambda *_: pytest.fail("it was read again"))
    second = load_project(root, environment={"A": "2"}, variables={"b": 2})
    assert (second.models, second.sources, second.seeds, second.checks) == (
        first.models,
        first.sources,
        first.seeds,
        first.checks,
    )
    assert (second.environment, second.variables) == ({"A": "2"}, {"a": 1, "b": 2})


@pytest.mark.parametrize(
    "edit",
    [
        lambda root: (root / "project.yml").write_text("name: q\nversion: '1'\n"),
        lambda root: (root / "sources.yml").write_text("crm: {users: {identifier: other}}\n"),
        lambda root: (root / "seeds" / "more.csv").write_text("id\n1\n"),
        lambda root: (root / "seeds" / "schema.yml").write_text("columns: {seed_users: {id: string}}\n"),
        lambda root: (root / "models" / "macros" / "one.sql").write_text("{% macro one() %}2{% endmacro %}"),
        lambda root: (root / "models" / "m.ff.sql").write_text("select 1 as id"),
        lambda root: (root / "models" / "new.ff.sql").write_text("select 1 as id"),
        lambda root: (root / "models" / "p.ff.py").unlink(),
        lambda root: (root / "models" / "m.yml").write_text("version: 2\nmodels: [{name: m, description: second}]\n"),
    ],
)
def test_every_edit_is_seen(root: Path, edit: Callable[[Path], object]) -> None:
    first = load_project(root, environment={})
    edit(root)
    edited = load_project(root, environment={})
    (root / CACHE).unlink()
    assert edited == load_project(root, environment={})
    assert edited != first


def test_another_profile_or_folder_is_another_project(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    load_project(root, environment={})
    (root / "profiles.yml").write_text("dev: {engine: duckdb}\nprod: {engine: duckdb}\n")
    assert load_project(root, "prod", environment={}).env == "prod"
    moved = tmp_path_factory.mktemp("elsewhere") / "project"
    root.rename(moved)
    assert load_project(moved, "prod", environment={}).root == moved


def test_a_project_with_problems_is_not_kept(root: Path) -> None:
    (root / "models" / "bad.ff.sql").write_text("select * from {{ ref('nothing') }}")
    for _ in range(2):
        with pytest.raises(ProjectError, match=r"bad\.ff\.sql:1: ref\('nothing'\)"):
            load_project(root, environment={})
    assert not (root / CACHE).exists()


def test_a_cache_that_would_run_code_or_is_cut_off_is_read_anew(root: Path, tmp_path: Path) -> None:
    first = load_project(root, environment={})
    head = (root / CACHE).read_bytes().partition(b"\n")[0]
    marker = tmp_path / "executed"

    class Evil:
        def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
            return os.system, (f"touch {marker}",)

    for body in (pickle.dumps(Evil()), b"", b"\x80\x04cut"):
        (root / CACHE).write_bytes(head + b"\n" + body)
        assert load_project(root, environment={}) == first
    assert not marker.exists()


def test_the_environment_is_not_kept(root: Path) -> None:
    load_project(root, environment={"FF_SECRET": "hunter2"}, variables={"password": "hunter3"})
    content = (root / CACHE).read_bytes()
    assert b"hunter" not in content

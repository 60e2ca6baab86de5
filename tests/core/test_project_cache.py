"""A load of unchanged files comes from the cache, and only of those."""

from __future__ import annotations

import importlib
import os
import pickle
import pkgutil
import stat
from collections.abc import Callable
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import fft_core.project.model
from fft_core import Project, ProjectError, load_project
from fft_core.project.read import cache, plain_pickle
from fft_core.project.read.cache import last_loaded
from fft_core.project.read.cache_folder import ProjectCache


def kept(root: Path) -> Path:
    """Where the project is kept."""
    return ProjectCache(root).folder / cache.FILE


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
    monkeypatch.setattr("fft_core.project.read.load.keep_project", lambda *_: pytest.fail("it was read again"))
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
    kept(root).unlink()
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
    assert not kept(root).exists()


def test_the_environment_is_not_kept(root: Path) -> None:
    load_project(root, environment={"FF_SECRET": "hunter2"}, variables={"password": "hunter3"})
    assert b"hunter" not in kept(root).read_bytes()


def test_nothing_is_kept_in_the_projects_folder(root: Path) -> None:
    before = sorted(root.rglob("*"))
    load_project(root, environment={})
    assert sorted(root.rglob("*")) == before


def test_values_of_all_kinds_that_yaml_knows_come_back(root: Path) -> None:
    said = (
        "{d: 2026-01-31, t: 2026-01-31T12:30:00Z, n: [1, 2.5, .nan, null, true], s: !!set {a}, b: !!binary aGk=,"
        " nested: {1: {x: [y]}}, o: !!omap [a: 1], big: 123456789012345678901234567890}"
    )
    (root / "project.yml").write_text(f"name: p\nversion: '1'\nvars: {said}\n")
    first = replace(load_project(root, environment={}), environment={})
    second = last_loaded(root)
    assert second is not None
    assert repr(second) == repr(first)


def head(root: Path) -> bytes:
    return kept(root).read_bytes().partition(b"\n")[0] + b"\n"


def called(name: bytes, *arguments: bytes) -> bytes:
    """A pickle of protocol 0 that calls `module name`, as hand-written ones do."""
    return b"c" + name.replace(b" ", b"\n", 1) + b"\n(" + b"".join(arguments) + b"tR."


def stacked(module: str, name: str, argument: str) -> bytes:
    """One of protocol 4, whose names may be dotted, that calls a function with a text."""
    short = [b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name, argument)]
    return b"\x80\x04" + short[0] + short[1] + b"\x93" + short[2] + b"\x85R."


def hostile(marker: Path) -> list[bytes]:
    """Pickles that would write a file if they could name anything, or that change a class."""
    command, script = f"touch {marker}", f"open({str(marker)!r}, 'w').close()"
    names = [
        ("os", "system", command),
        ("posix", "system", command),
        ("subprocess", "getoutput", command),
        ("builtins", "eval", script),
        ("builtins", "exec", script),
        ("builtins", "open", str(marker)),
        ("builtins", "getattr", script),
        ("pathlib", "Path.touch", str(marker)),
        ("pathlib", "os.system", command),
        ("pathlib", "io.open", str(marker)),
        ("pathlib", "PosixPath", str(marker)),
        ("fft_core.errors", "nearest.__globals__.get", "__builtins__"),
        ("fft_core.errors", "difflib.re.enum.sys.modules.get", "os"),
        ("fft_core.project.model.project", "cached_property.__class__", script),
        ("fft_core.project.model", "Project.__init__.__globals__.__getitem__", "Path"),
        ("fft_core.project.read.cache", "os.system", command),
        ("fft_core.project.model.unit_test", "Path.home", ""),
        ("datetime", "sys.exit", script),
        ("copyreg", "_reconstructor", script),
        ("functools", "partial", script),
    ]
    found = [stacked(*name) for name in names]
    found.append(called(b"os system", b"V" + command.encode() + b"\n"))
    found.append(called(b"fft_core.project.model Model"))
    found.append(b"(V" + command.encode() + b"\nios\nsystem\n.")  # INST
    found.append(b"cfft_core.project.model\nProject\nN}Vstored\nVx\ns\x86b.")  # BUILD: an attribute of a class
    found.append(b"cfft_core.project.model\nProject\n)\x81.")  # NEWOBJ
    found.append(b"\x80\x02\x82\x01.")  # EXT1: a registered extension
    others: tuple[Any, ...] = (1, None, [], {"models": {}}, ("x",) * 9)
    found += [pickle.dumps(value) for value in others]  # no project
    # the numbers of our own types, with what does not belong there
    own: list[Any] = [
        (0,),
        (10**6, {}),
        (-1, 7),
        (-99, ""),
        (-5, ("x",)),
        "",
        3,
        (10**6, ()),
        (-1, {}),
        *((number, {}) for number in range(60)),
        *((number, ("x",) * 40) for number in range(60)),
    ]
    found += [pickle.dumps(value)[:-1] + b"Q." for value in own]  # persistent values, which there are none of
    maker = b"cfft_core.project.read.plain_pickle\nmade\n"
    found += [maker + pickle.dumps(value, 0)[:-1] + b"R." for value in own]
    found.append(maker + b"N}V__call__\nVx\ns\x86b.")  # BUILD: an attribute of what makes values
    found.append(maker + b"}V__class__\nVx\nsb.")
    found.append(maker + b".")
    found += [b"\x80\x04\x8d" + (2**size).to_bytes(8, "little") for size in (40, 62)]  # texts beyond all memory
    found += [b"(" * 10**6 + b".", b"]" + b"2a" * 40 + b".", b"\x80\x04]\x94h\x00" + b"a" * 40 + b"."]
    found += [b"", b"\x80\x04cut", b"\x80\x05" + b"." * 9, b"N" * 99, b"Pos.system\n."]
    return found


@pytest.mark.parametrize("number", range(len(hostile(Path("marker")))))
def test_a_pickle_can_run_nothing_and_change_nothing(root: Path, number: int) -> None:
    first = load_project(root, environment={})
    marker, stored = root / "executed", Project.stored
    kept(root).write_bytes(head(root) + hostile(marker)[number])
    assert last_loaded(root) is None
    assert load_project(root, environment={}) == first
    assert not marker.exists()
    assert Project.stored is stored


def test_all_values_that_a_project_is_made_of_can_be_kept() -> None:
    made_of = {
        kind
        for module in pkgutil.iter_modules(fft_core.project.model.__path__, "fft_core.project.model.")
        for kind in vars(importlib.import_module(module.name)).values()
        if is_dataclass(kind) and isinstance(kind, type) and kind.__module__ == module.name
    }
    assert Project in made_of
    assert made_of <= set(plain_pickle._TYPES)


def test_a_value_that_is_no_part_of_a_project_is_not_written(root: Path) -> None:
    project = replace(load_project(root, environment={}), environment={}, variables={"x": os.system})
    kept(root).unlink()
    cache.keep_project(project, "key")
    assert not kept(root).exists()


def test_a_cache_in_the_projects_folder_is_not_looked_at(root: Path) -> None:
    first = load_project(root, environment={})
    planted = kept(root).read_bytes().replace(b"first", b"FIRST")
    kept(root).unlink()
    for folder in (root / ".fastflowtransform" / "cache", root / ".cache" / "fft"):
        folder.mkdir(parents=True)
        (folder / "project.pickle").write_bytes(planted)
    (root / ".env").write_text(f"FFT_CACHE_DIR={root / '.cache' / 'fft'}\nXDG_CACHE_HOME={root / '.cache'}\n")
    assert last_loaded(root) is None
    assert load_project(root).models == first.models


def test_the_folder_is_the_users_own(root: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: Any) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("FFT_CACHE_DIR", str(home / "caches"))
    assert kept(root).is_relative_to(home / "caches")
    load_project(root, environment={})
    assert stat.S_IMODE(kept(root).parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(kept(root).stat().st_mode) == 0o600
    monkeypatch.delenv("FFT_CACHE_DIR")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setattr("sys.platform", "linux")
    assert kept(root).is_relative_to(home / ".cache" / "fft")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "xdg"))
    assert kept(root).is_relative_to(home / "xdg" / "fft")


def others_may_write(path: Path) -> None:
    path.chmod(0o666 if path.is_file() else 0o777)


def another_owns(path: Path) -> None:
    os.chown(path, 12345, 12345)


def is_a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize("changed", ["file", "folder"])
@pytest.mark.parametrize("spoil", [others_may_write, another_owns, is_a_link])
def test_what_others_own_or_may_write_is_neither_read_nor_written(
    root: Path, changed: str, spoil: Callable[[Path], None]
) -> None:
    if spoil is another_owns and os.getuid() != 0:
        pytest.skip("only root gives files away")
    first = load_project(root, environment={})
    assert last_loaded(root) is not None
    spoil(kept(root) if changed == "file" else kept(root).parent)
    assert last_loaded(root) is None
    before = kept(root).read_bytes()
    (root / "models" / "m.yml").write_text("version: 2\nmodels: [{name: m, description: second}]\n")
    assert load_project(root, environment={}) != first
    assert (kept(root).read_bytes() == before) == (changed == "folder")
    kept(root).unlink()


def test_a_folder_that_cannot_be_made_is_done_without(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFT_CACHE_DIR", "/dev/null/caches")
    first = load_project(root, environment={})
    assert load_project(root, environment={}) == first
    assert last_loaded(root) is None

"""Engines are found by what packages declare; a project is read, drawn and checked where no driver is installed."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fft_core import FftError, ModelError, ProjectError, Run, load_project, make_plan, open_warehouse
from fft_core.engines.spec import Emulated, Full, Namespace, No, Setting, registry
from fft_core.engines.spec.entry_points import declared, installed_version
from fft_core.engines.spec.registry import engine_names, installed_specs, spec_of
from fft_core.errors import EngineError, MissingDriverError, ProfileError
from fft_core.project.model import PythonBody
from fft_core.project.profile import environment
from fft_core.project.scaffold.new import new_project

DRIVERS = ("duckdb", "psycopg", "pandas", "pyarrow", "polars")
TOY = """\
from dataclasses import replace
from fft_core.engines.spec.entry_points import declared
from fft_core.engines.spec.registry import spec_of
from fft_core.engines.spec import Setting
settings = {"file": Setting("FF_TOY_FILE", "path", required=True)}
settings["token"] = Setting("FF_TOY_TOKEN", is_secret=True)
SPEC = replace(
    spec_of("duckdb"), name="toy", title="Toy", settings=settings, module="toy_driver", extra="fft-toy", profiles="",
    variables="FF_TOY_", functions=None,
)
"""


ENGINES = "Engines: bigquery, databricks_spark, duckdb, postgres, snowflake_snowpark."


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, of packages that are not there in the next test."""
    forget()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("toy"):
            del sys.modules[name]
    forget()


def forget() -> None:
    """What a process remembers of the installed packages, which do not change while it lives."""
    for remembered in (registry._loaded, environment._of_engines, environment._prefixes):
        remembered.cache_clear()


def install(folder: Path, package: str, entry: str, code: str = TOY, *, version: str = "1.0") -> None:
    """What pip leaves of a package that declares an engine."""
    info = folder / f"{package}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[console_scripts]\nx = y:z\n\n[fft.engines]\n{entry}\n")
    (folder / f"{package}.py").write_text(code)


def shop(root: Path, profile: str) -> Path:
    new_project(root, "duckdb")
    (root / "profiles.yml").write_text(profile)
    return root


def test_ours_are_declared_like_those_of_others() -> None:
    known = {entry.name: entry.value for entry in importlib.metadata.entry_points(group=registry.GROUP)}
    ours = {name: value for name, value in known.items() if value.startswith("fft_core.")}
    assert ours == {
        "duckdb": "fft_core.engines.duckdb:SPEC",
        "bigquery": "fft_core.engines.bigquery:SPEC",
        "postgres": "fft_core.engines.postgres:SPEC",
        "databricks_spark": "fft_core.engines.databricks:SPEC",
        "snowflake_snowpark": "fft_core.engines.snowflake:SPEC",
    }
    assert set(known) == set(engine_names())


def test_an_engine_of_others_is_found_and_used(folder: Path) -> None:
    install(folder, "toy_engine", "toy = toy_engine:SPEC")
    assert engine_names() == ("bigquery", "databricks_spark", "duckdb", "postgres", "snowflake_snowpark", "toy")
    assert "toy_engine" not in sys.modules  # not for its name
    root = shop(folder / "shop", "dev: {engine: toy, toy: {file: data/toy.db}}\n")
    project = load_project(root)
    assert (project.engine, installed_specs()["toy"].title) == ("toy", "Toy")
    with pytest.raises(MissingDriverError, match="'toy' needs the package 'toy_driver'") as caught:
        open_warehouse(project)
    assert caught.value.problem.hint == 'pip install "fft-toy"'


def test_settings_of_others_are_read_masked_and_set_by_variables(folder: Path) -> None:
    install(folder, "toy_engine", "toy = toy_engine:SPEC")
    root = shop(folder / "shop", "dev: {engine: toy, toy: {token: hunter22}}\n")
    from fft_core.project.profile.environment import counted_variables, is_secret
    from fft_core.project.profile.profiles import load_profile
    from fft_core.project.profile.secrets import project_masker

    with pytest.raises(ProfileError, match=r"dev\.toy\.file is missing") as caught:
        load_profile(root, "dev", {})
    assert caught.value.problem.hint == "Write it into profiles.yml, or set FF_TOY_FILE."
    variables = {"FF_TOY_FILE": "x.db", "FF_TOYS": "1"}
    profile = load_profile(root, "dev", variables)
    assert profile.settings["file"] == str(root / "x.db")
    assert counted_variables(variables, [], all_of_ours=True) == {"FF_TOYS": "1"}
    assert is_secret("FF_TOY_TOKEN")
    assert project_masker(load_project(root, environment=variables))("it is hunter22") == "it is ***"


NATIVE = f"""{TOY}
from fft_core.engines.spec.frames import LIBRARY_FRAMES, FrameKind
native = FrameKind("toy", "toyframes", "Frame", is_native=True)
frames = (native, *(kind for kind in LIBRARY_FRAMES if kind.name != "ibis"))
ours = spec_of("duckdb")
SPEC = replace(SPEC, frames=frames, settings=ours.settings, namespace=ours.namespace, module=ours.module)
"""


def test_an_engine_says_which_frames_its_models_can_be_given(folder: Path) -> None:
    install(folder, "toy_engine", "toy = toy_engine:SPEC", NATIVE)
    root = shop(folder / "shop", "dev: {engine: toy}\n")
    code = "from fft_core import model\nimport {0}\n\n\n@model(deps=['orders'])\ndef one(o: {0}.{1}):\n    return o\n"
    path = root / "models" / "one.ff.py"
    path.write_text(code.format("ibis", "Table"))
    with pytest.raises(ProjectError, match=r"one\.ff\.py:6: .*ibis\.Table is not a type of frame") as caught:
        load_project(root)
    assert "Types: toyframes.Frame, pandas.DataFrame" in str(caught.value)
    path.write_text(code.format("toyframes", "Frame"))
    body = load_project(root).models["one"].body
    assert isinstance(body, PythonBody)
    assert body.frames == ("toy",)


def test_a_frame_of_the_engines_own_is_not_made_of_rows(folder: Path) -> None:
    """Nor is another one given in its place."""
    install(folder, "toy_engine", "toy = toy_engine:SPEC", NATIVE)
    (folder / "toyframes.py").write_text("class Frame: ...\n")
    root = shop(folder / "shop", "dev: {engine: toy}\n")
    code = "from fft_core import model\nfrom toyframes import Frame\n\n\n"
    code += "@model(deps=['one'])\ndef two(one: Frame):\n    return one\n"
    (root / "models" / "one.ff.sql").write_text("select 1 as x")
    (root / "models" / "two.ff.py").write_text(code)
    with Run(load_project(root), path=":memory:") as run:
        one, two = (node for node in run.order() if node.name in ("one", "two"))
        run.build(one)
        with pytest.raises(ModelError, match="its input 'one': the engine does not support frames of the kind 'toy'"):
            run.build(two)


def test_fft_init_writes_a_profile_for_an_engine_of_others(folder: Path) -> None:
    install(folder, "toy_engine", "toy = toy_engine:SPEC")
    new_project(folder / "shop", "toy")
    text = (folder / "shop" / "profiles.yml").read_text()
    assert text == "dev:\n  engine: toy\n  toy:\n    file: \"{{ env('FF_TOY_FILE') }}\"\n"
    assert load_project(folder / "shop", environment={"FF_TOY_FILE": "a.db"}).engine == "toy"


@pytest.mark.parametrize(
    ("written", "said", "hint"),
    [
        ("postgre", "profiles.yml:2: unknown engine 'postgre'", f"Did you mean 'postgres'? {ENGINES}"),
        ("oracle", "profiles.yml:2: unknown engine 'oracle'", ENGINES),
        ("spec", "profiles.yml:2: unknown engine 'spec'", ENGINES),
    ],
)
def test_an_unknown_engine_is_told_with_its_line(tmp_path: Path, written: str, said: str, hint: str) -> None:
    root = shop(tmp_path / "shop", f"dev:\n  engine: {written}\n")
    with pytest.raises(FftError) as caught:
        load_project(root)
    assert f"{said} [FFT-203]\n    hint: {hint}" in str(caught.value)
    with pytest.raises(EngineError, match=f"unknown engine '{written}'") as direct:
        spec_of(written)
    assert direct.value.problem.hint == hint


def test_two_packages_that_declare_one_name_are_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    install(folder, "toy_engine", "toy = toy_engine:SPEC")
    install(folder, "toy_other", "toy = toy_other:SPEC", version="2.1")
    root = shop(folder / "shop", "dev:\n  engine: toy\n")
    with pytest.raises(FftError) as caught:
        load_project(root)
    assert "profiles.yml:2: the engine 'toy' is declared by toy-engine 1.0 and toy-other 2.1" in str(caught.value)
    with caplog.at_level(logging.WARNING):
        assert set(installed_specs()) == {"bigquery", "databricks_spark", "duckdb", "postgres", "snowflake_snowpark"}
    assert "declared by toy-engine 1.0 and toy-other 2.1" in caplog.text


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('broken')", "of toy-engine 1.0 cannot be loaded: RuntimeError: broken"),
        ("import nowhere_at_all", "cannot be loaded: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("SPEC = 1", "toy_engine:SPEC is not an EngineSpec"),
        ("from fft_core.engines.duckdb import SPEC", "toy_engine:SPEC is not the spec of 'toy'"),
    ],
)
def test_an_engine_that_cannot_be_used_stops_only_those_who_use_it(folder: Path, code: str, said: str) -> None:
    install(folder, "toy_engine", "toy = toy_engine:SPEC", code)
    with pytest.raises(EngineError) as caught:
        spec_of("toy")
    assert said in str(caught.value)
    project = load_project(shop(folder / "shop", "dev: {engine: duckdb}\n"))
    with open_warehouse(project) as warehouse:
        assert len(make_plan(warehouse).decisions) == 6


def test_of_a_package_that_is_installed_twice_the_first_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(folder, "toy_engine", "toy = toy_engine:SPEC")
    install(folder / "later", "toy_engine", "toy = nowhere:SPEC", version="0.9")
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder / "later")])
    assert spec_of("toy").title == "Toy"


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="Windows has other permissions")
def test_a_folder_of_packages_that_may_not_be_read_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the standard library's zip file is where a service runs with the Python of another user."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0)
        monkeypatch.setattr(sys, "path", [*sys.path, f"{place}/python.zip"])
        user = os.geteuid()
        os.seteuid(user or pwd.getpwnam("nobody").pw_uid)  # root may read everything
        try:
            assert isinstance(declared(registry.GROUP), dict)
        finally:
            os.seteuid(user)
            Path(place).chmod(0o700)


def test_finders_of_others_are_asked_through_the_standard_library(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(folder, "toy_engine", "toy = toy_engine:SPEC")
    quick = dict(declared(registry.GROUP))

    class Finder(importlib.metadata.DistributionFinder):
        def find_distributions(self, context: object = None) -> list[importlib.metadata.Distribution]:
            return []

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder / "nothing")])  # nothing remembered of this path
    slow = declared(registry.GROUP)
    assert {name: [e.value for e in found] for name, found in slow.items()} == {
        name: [e.value for e in found] for name, found in quick.items()
    }


def test_versions_of_packages_are_those_of_the_standard_library(folder: Path) -> None:
    install(folder, "sqlglot", "toy = toy:SPEC", version="99.0")  # before the real one on the path
    for package in ("sqlglot", "jinja2", "Jinja2", "duckdb", "typing-extensions", "fft-dagster"):
        assert installed_version(package) == importlib.metadata.version(package)
    assert installed_version("sqlglot") == "99.0"
    assert installed_version("not-installed-anywhere") == ""


def test_what_is_known_of_engines_imports_no_driver() -> None:
    absent = (*DRIVERS, "sqlglot", "pydantic", "dagster", "importlib.metadata")
    code = (
        "import sys; from fft_core.engines.spec.registry import installed_specs; installed_specs(); "
        f"print(sorted(set({absent!r}) & set(sys.modules)))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


NO_DRIVERS = f"""\
import importlib.abc, sys

class Nothing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {DRIVERS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Nothing())
"""


def without_drivers(code: str, cwd: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process that can import no driver."""
    import os

    return subprocess.run(
        [sys.executable, "-c", NO_DRIVERS + code, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "FFT_CACHE_DIR": str(cwd / "cache"), "DAGSTER_HOME": "", **environment},
    )


@pytest.fixture(params=["duckdb", "postgres"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    new_project(tmp_path / "shop", request.param)
    return tmp_path / "shop"


DSN = {"FF_PG_DSN": "postgresql://nobody@nowhere.invalid/x"}
CLI = "sys.argv[0] = 'fft'; from fft_cli import entry; entry()"


@pytest.mark.parametrize(
    "command", [["ls"], ["dag"], ["docgen", "--no-catalog"], ["ci-check"], ["version"]], ids=" ".join
)
def test_commands_that_read_files_need_no_driver(project: Path, command: list[str]) -> None:
    ended = without_drivers(CLI, project, *command, **DSN)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout


def test_definitions_need_no_driver(project: Path) -> None:
    code = """
import json
from fft_dagster import build_definitions
graph = build_definitions(".").resolve_asset_graph()
print(json.dumps(sorted(key.to_user_string() for key in graph.materializable_asset_keys)))
"""
    ended = without_drivers(code, project, **DSN)
    assert ended.returncode == 0, ended.stderr
    assert len(json.loads(ended.stdout.splitlines()[-1])) == 6


def test_a_command_that_opens_the_database_names_the_driver(project: Path) -> None:
    ended = without_drivers(CLI, project, "plan", **DSN)
    assert ended.returncode != 0
    assert "needs the package" in ended.stderr
    assert 'hint: pip install "fft-dagster[' in ended.stderr


def test_support_is_true_unless_it_is_a_no() -> None:
    assert Full()
    assert Emulated("by two statements")
    assert not No("never")
    assert [str(s) for s in (Full(), Emulated("slowly"), No("never"))] == ["yes", "emulated: slowly", "no: never"]


def test_a_setting_says_what_is_wrong(tmp_path: Path) -> None:
    path = Setting("X", "path")
    assert path.located("a/b.db", tmp_path) == str(tmp_path / "a" / "b.db")
    assert [path.located(v, tmp_path) for v in (":memory:", "s3://x", None)] == [":memory:", "s3://x", None]
    with pytest.raises(ValueError, match="must be text, not this value"):
        Setting("X", is_secret=True).read(1)
    assert Namespace(None, "c").relation("n").parts == ("c", "n")


def test_relations_are_compared_as_the_engine_compares_names() -> None:
    upper = Namespace("Main", "Shop").relation("Users")
    assert str(spec_of("duckdb").folded(upper)) == "shop.main.users"
    assert spec_of("postgres").folded(upper) == upper
    assert replace(spec_of("postgres"), names_ignore_case=True).folded(upper).name == "users"

"""`fft init`: what it writes runs at once, on each engine, and nothing that is there is ever overwritten."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from test_build_command import fft

from fft_core import FftError, Project, load_project, open_warehouse, select
from fft_core.operations.forget import forget_builds, recorded_builds
from fft_core.project.scaffold.new import new_project
from fft_core.run.turn import build_model, build_seed


def test_a_new_project_is_built_and_checked_at_once(tmp_path: Path) -> None:
    made = fft("init", "my shop's", cwd=tmp_path)
    assert (made.code, made.err) == (0, "")
    *files, count, cd, build, plan, dev = made.lines
    assert set(files) >= {"project.yml", "profiles.yml", "definitions.py", ".gitignore", "README.md"}
    assert {name.partition("/")[0] for name in files if "/" in name} == {"seeds", "models", "tests"}
    assert (count, build, plan, dev) == (f"{len(files)} files written. Next:", "fft build", "fft plan", "fft dev")
    assert cd == "cd 'my shop'\"'\"'s'"
    root = tmp_path / "my shop's"
    assert sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()) == sorted(files)

    built = fft("build", cwd=root)
    assert (built.code, built.err) == (0, "")
    assert built.lines[0] == "my shop's on duckdb, profile dev: 6 to build"
    assert built.lines[-1] == "6 built; checks: 7 passed; N s"
    assert fft("plan", cwd=root).lines[-1] == "0 to build, 6 to reuse"
    definitions = runpy.run_path(str(root / "definitions.py"))["defs"]
    assert len(definitions.resolve_asset_graph().materializable_asset_keys) == 6


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "models").write_text("a file where a folder is wanted")
    (tmp_path / "other.txt").write_text("does not matter")
    refused = fft("init", ".", cwd=tmp_path)
    assert (refused.code, refused.out) == (1, "")
    assert f"error: {tmp_path} already has: README.md, models [FFT-311]\n    hint: Nothing was written." in refused.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "models", "other.txt"]
    assert (tmp_path / "README.md").read_text() == "mine"
    (tmp_path / "README.md").unlink()
    (tmp_path / "models").unlink()
    assert "  cd" not in fft("init", ".", cwd=tmp_path).out
    with pytest.raises(FftError, match="already has: project"):
        new_project(tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = fft("init", "file/shop", "--engine", "postgres", cwd=tmp_path)
    assert refused.code == 1
    assert "cannot be written to" in refused.err
    assert fft("init", "x", "--engine", "oracle", cwd=tmp_path).code == 2


def test_a_new_project_on_postgres_runs_there(tmp_path: Path, postgres_dsn: str, postgres_schema: str) -> None:
    """The tests share the server: the schema is this test's own."""
    new_project(tmp_path / "shop", "postgres")
    environment = {"FF_PG_DSN": postgres_dsn, "FF_PG_SCHEMA": postgres_schema}
    project = load_project(tmp_path / "shop", environment=environment)
    assert project.engine == "postgres"
    assert select(project, ["tag:daily"]) == {"country_revenue", "best_customers"}
    with open_warehouse(project) as warehouse:
        for node in project.stored():
            result = build_seed(warehouse, node) if node.name in project.seeds else build_model(warehouse, node)  # type: ignore[arg-type]
            assert not any(check.blocks for check in result.checks)
        revenue = warehouse.engine.fetch(f'select country, revenue from "{postgres_schema}".country_revenue order by 1')
        assert revenue == [("AT", 164.0), ("DE", 20.0)]
        forget_builds(warehouse, ["orders", "customers"])
        assert set(recorded_builds(warehouse)) == set(_stored(project)) - {"orders", "customers"}


def _stored(project: Project) -> list[str]:
    return [node.name for node in project.stored()]


def test_a_new_project_on_postgres_says_which_variable_it_needs(tmp_path: Path) -> None:
    made = fft("init", "shop", "--engine", "postgres", cwd=tmp_path)
    assert "export FF_PG_DSN=postgresql://user:password@host:5432/database" in made.lines
    missing = fft("plan", "shop", cwd=tmp_path)
    assert missing.code == 1
    assert "environment variable FF_PG_DSN is not set" in missing.err

"""`fft deps`: what it shows, and what it says where a package cannot be had. The rest is in tests/core."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from test_build_command import fft, write

SHOP = {
    "project.yml": "name: shop\nversion: '1'\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: dev.duckdb}}\n",
    "packages.yml": """\
        packages:
          - {name: base, path: ../base}
          - {name: shared, git: ../shared, version: '>=1,<2'}
        """,
    "models/mart.ff.sql": "select {{ one() }} as x, * from {{ ref('people') }}",
}


def git(folder: Path, *arguments: str) -> str:
    nobody = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
    command = ["git", *nobody, *arguments]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "base", {"project.yml": "name: base\n", "models/macros/m.sql": "{% macro one() %}1{% endmacro %}"})
    shared = {"project.yml": "name: shared\nversion: 1.2\n", "models/people.ff.sql": "select 7 as id"}
    write(tmp_path / "shared", shared)
    git(tmp_path / "shared", "init", "--quiet")
    git(tmp_path / "shared", "add", "--all")
    git(tmp_path / "shared", "commit", "--quiet", "--message", "First")
    return write(tmp_path / "shop", SHOP)


def test_the_first_command_installs_what_is_not_there(root: Path) -> None:
    first, second = fft("plan", root), fft("plan", root)
    assert (first.code, first.err) == (0, "fetching shared: ../shared\n")
    assert "build mart no build is recorded" in first.lines
    assert (second.code, second.err) == (0, "")
    git(root.parent / "shared", "commit", "--quiet", "--allow-empty", "--message", "Second")
    (root / "packages.lock.yml").unlink()
    changed = fft("plan", root)  # what was installed is changed by `fft deps` only
    assert (changed.code, changed.out) == (1, "")
    assert changed.err.startswith("error: packages.yml:3: package 'shared' differs from its entry in packages.lock.yml")


def test_a_package_that_cannot_be_had_fails_the_first_command(root: Path) -> None:
    (root / "packages.yml").write_text("shared: {git: ../nowhere}\nbase: ../base\n")
    failed = fft("seed", root)
    assert (failed.code, failed.out) == (1, "")
    assert (
        "packages.yml:1: package 'shared': git clone: fatal: repository '../nowhere' does not exist [FFT-172]"
        in failed.err
    )


def test_packages_are_installed_and_shown(root: Path) -> None:
    installed = fft("deps", cwd=root)
    commit = git(root.parent / "shared", "rev-parse", "HEAD")
    assert (installed.code, installed.err) == (0, "fetching shared: ../shared\n")
    assert installed.lines == [
        "package version commit state from",
        "base folder ../base",
        f"shared 1.2 {commit[:12]} installed ../shared",
    ]
    assert "build mart no build is recorded" in fft("plan", root).lines
    git(root.parent / "shared", "commit", "--quiet", "--allow-empty", "--message", "Second")
    again = fft("deps", root)
    assert (again.err, again.lines[-1]) == ("", f"shared 1.2 {commit[:12]} unchanged ../shared")
    second = git(root.parent / "shared", "rev-parse", "HEAD")
    upgraded = fft("deps", root, "--upgrade")
    assert upgraded.lines[-1] == f"shared 1.2 {second[:12]} updated ../shared"


def test_every_package_that_cannot_be_had_is_named(root: Path) -> None:
    (root / "packages.yml").write_text("shared: {git: ../nowhere}\nmore: {git: ../shared, tag: v9}\nbase: ../nothing\n")
    failed = fft("deps", root)
    assert (failed.code, failed.out) == (1, "")
    assert (
        "packages.yml:1: package 'shared': git clone: fatal: repository '../nowhere' does not exist [FFT-172]"
        in failed.err
    )
    assert "packages.yml:2: package 'more': ../shared has no tag 'v9'" in failed.err
    assert "packages.yml:3: package 'base': the folder '../nothing' does not exist [FFT-171]" in failed.err
    without_git = fft("deps", root, PATH="")
    assert (without_git.code, "git is not installed" in without_git.err) == (1, True)
    assert "this is not an FFT project" in fft("deps", root.parent).err
    (root / "packages.yml").unlink()
    assert fft("deps", root).out == "no packages: packages.yml does not exist, or is empty\n"

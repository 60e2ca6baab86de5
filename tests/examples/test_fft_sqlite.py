"""The SQLite engine is installed as the package of others, into a folder of its own, and passes its tests there."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "examples" / "fft-sqlite"
CPU_SECONDS = 30


def run(*words: str | Path, cwd: Path, folder: Path | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FF", "PYTEST", "PYTHON"))}
    path = {"PYTHONPATH": str(folder)} if folder else {}
    finished = subprocess.run(
        list(map(str, words)), cwd=cwd, env={**environment, **path}, capture_output=True, text=True, timeout=300
    )
    assert finished.returncode == 0, f"{finished.stdout[-5000:]}\n{finished.stderr[-3000:]}"
    return finished.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package; its build backend is a part of uv, so that nothing is downloaded."""
    uv = shutil.which("uv") or Path(sys.executable).with_name("uv")
    folder = tmp_path_factory.mktemp("engines")
    options = ("--offline", "--no-cache", "--no-deps", "--python", sys.executable, "--target", folder)
    run(uv, "pip", "install", *options, PACKAGE, cwd=folder)
    return folder


def test_it_passes_its_tests(installed: Path, tmp_path: Path) -> None:
    tests = tmp_path / "tests"  # where no file of ours is found by accident
    shutil.copytree(PACKAGE / "tests", tests, ignore=shutil.ignore_patterns("__pycache__"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests, cwd=tmp_path, folder=installed)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert " passed" in said
    assert (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime) < CPU_SECONDS


def test_it_is_an_engine_like_ours(installed: Path, tmp_path: Path) -> None:
    """Nothing of ours knows it: it is found by its entry point, and `fft` does with it what it does with others."""
    fft = (sys.executable, "-m", "fft_cli")
    assert "sqlite" not in run(*fft, "init", "--help", cwd=tmp_path)
    run(*fft, "init", "shop", "--engine", "sqlite", cwd=tmp_path, folder=installed)
    shop = tmp_path / "shop"
    assert "6 built; checks: 7 passed" in run(*fft, "build", cwd=shop, folder=installed)
    assert "6 reused" in run(*fft, "build", cwd=shop, folder=installed)
    assert "1 passed" in run(*fft, "utest", cwd=shop, folder=installed)
    assert "✓ passed: 7" in run(*fft, "test", cwd=shop, folder=installed)


def test_its_driver_is_not_imported_with_its_spec(installed: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from fft_core.engines.spec.registry import spec_of\n"
        "spec_of('sqlite')\n"
        "print([name for name in sys.modules if name in ('pyarrow', 'fft_sqlite.session')])"
    )
    assert run(sys.executable, "-c", code, cwd=tmp_path, folder=installed).strip() == "[]"

"""The executor, the storage and our definitions on the oldest Dagster that we allow and on the newest that there is.

Each gets an environment of its own, in which their tests run again. `FFT_DAGSTER_VERSIONS` names others.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUIREMENT = next(
    requirement
    for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    if requirement.startswith("dagster")
)
OLDEST = re.search(r">=([\d.]+)", REQUIREMENT)
FILES = ("test_executor.py", "test_storage.py", "test_several_projects.py", "test_runs.py")
NEEDED = ("duckdb>=1.4", "pandas>=2.2", "pyarrow>=17", "jinja2>=3.1", "sqlglot>=30.12,<32")
VERSIONS = os.environ.get("FFT_DAGSTER_VERSIONS", f"=={OLDEST[1] if OLDEST else ''} newest").split()


def environment(folder: Path, version: str, *more: str) -> Path:
    """Make an environment with this Dagster, and some more packages; give its Python."""
    dagster = REQUIREMENT if version == "newest" else f"dagster{version}"
    packages = [dagster, "pytest", "hypothesis", "watchdog>=4.0", *more]
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv:
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
    else:
        install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    done = subprocess.run([*install, *packages], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{packages[0]} cannot be installed here: {done.stderr.strip()[-300:]}")
    # The package itself: engines are found by what is installed
    subprocess.run([*install, "--no-deps", str(ROOT)], check=True)
    return python


@pytest.mark.parametrize("version", VERSIONS)
def test_all_that_is_private_on(version: str, tmp_path: Path) -> None:
    python = environment(tmp_path / "env", version, *NEEDED)
    tests = [str(ROOT / "tests" / "dagster" / name) for name in FILES]
    command = [
        str(python),
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-x",
        *tests,
        "--noconftest",
        "-p",
        "conftest",
    ]
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "DAGSTER_"))}
    variables["PYTHONPATH"] = os.pathsep.join([str(ROOT / "tests" / "dagster"), str(ROOT)])
    done = subprocess.run(
        command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert re.search(r"[1-9]\d* passed", done.stdout)

"""The executor, the storage and our definitions on the oldest Dagster that we allow; in sweeps, on the newest as well.

Each gets an environment of its own, in which their tests run again. `FFT_DAGSTER_VERSIONS` names others.
The environment has what differs from this one, before this one's packages: another Dagster, and the older pandas that
dagster-duckdb-pandas asks for.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from sweeps import FACTOR

ROOT = Path(__file__).parents[2]
REQUIREMENT = next(
    requirement
    for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    if requirement.startswith("dagster")
)
OLDEST = re.search(r">=([\d.]+)", REQUIREMENT)
FILES = (
    "test_executor.py",
    "test_storage.py",
    "test_new_databases.py",
    "test_several_projects.py",
    "test_runs.py",
    "test_dagster_duckdb.py",
)
NEEDED = (
    "dagster-duckdb-pandas",
    "pytest",
    "hypothesis",
    "watchdog>=4.0",
    "duckdb>=1.4",
    "pandas>=2.2",
    "pyarrow>=17",
    "jinja2>=3.1",
    "sqlglot>=30.12,<32",
)
NEWEST = " newest" if FACTOR > 1 else ""  # the lock is not far from it
VERSIONS = os.environ.get("FFT_DAGSTER_VERSIONS", f"=={OLDEST[1] if OLDEST else ''}{NEWEST}").split()


def environment(folder: Path, version: str) -> Path:
    """Make an environment with this Dagster, and this environment's other packages; give its Python."""
    dagster, python = REQUIREMENT if version == "newest" else f"dagster{version}", folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:  # all of it, which takes longer
        install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
        installed([*install, dagster, *NEEDED])
        installed([*install, "--no-deps", str(ROOT)])  # engines are found by what is installed
        return python
    others = differing(uv, folder, dagster)
    installed([uv, "pip", "install", "--quiet", "--no-deps", "--python", str(python), *others])
    (own,) = folder.glob("lib/python*/site-packages")
    (own / "the_rest.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return python


def differing(uv: str, folder: Path, dagster: str) -> list[str]:
    """Resolve what is needed, with the versions of this environment where they will do; give the others."""
    named = [(found.metadata["Name"], found.version) for found in distributions()]
    here = [f"{name}=={version}" for name, version in named if not name.startswith(("dagster", "fft"))]
    wanted, resolved = folder / "wanted.txt", folder / "resolved.txt"
    wanted.write_text("\n".join([dagster, *NEEDED]), encoding="utf-8")
    resolved.write_text("\n".join(here), encoding="utf-8")  # what uv prefers
    options = ["--quiet", "--no-annotate", "--no-header", "--python", sys.executable, "--output-file", str(resolved)]
    installed([uv, "pip", "compile", *options, str(wanted)])
    known = {canonical(pin) for pin in here}
    return [pin for pin in resolved.read_text(encoding="utf-8").splitlines() if canonical(pin) not in known]


def canonical(pin: str) -> str:
    name, _, version = pin.partition("==")
    return f"{re.sub('[-_.]+', '-', name).lower()}=={version}"


def installed(command: list[str]) -> None:
    variables = {k: v for k, v in os.environ.items() if k != "XDG_CACHE_HOME"}  # the tests' own: uv has all in its own
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"what is needed cannot be installed here: {done.stderr.strip()[-300:]}")


@pytest.mark.parametrize("version", VERSIONS)
def test_all_that_is_private_on(version: str, tmp_path: Path) -> None:
    python = environment(tmp_path / "env", version)
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "DAGSTER_"))}
    folders = (ROOT / "tests" / "dagster", ROOT / "tests" / "cli", ROOT)
    variables["PYTHONPATH"] = os.pathsep.join(map(str, folders))

    def run(*command: str) -> str:
        done = subprocess.run(
            [str(python), *command], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
        return done.stdout

    found = run("-c", "from dagster import version; print(version.__version__)").strip()
    assert SpecifierSet("" if version == "newest" else version).contains(found)
    tests = [str(ROOT / "tests" / "dagster" / name) for name in FILES]
    options = ["-q", "-rs", "-x", "--tb=short", "--show-capture=no", "--noconftest"]
    said = run("-m", "pytest", *options, "-p", "no:cacheprovider", "-p", "conftest", *tests)
    assert re.search(r"[1-9]\d* passed", said)
    assert "dagster-duckdb-pandas" not in said, "its IO manager was not tried"

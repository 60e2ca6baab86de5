"""One `fft build` works each thing out once, though its plan, its definitions, its run and its manifest all need it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from fft_process import run_process
from run_helpers import installed_fft, shop

# Runs `fft` with a profile function that counts calls, and a hook that sees which files are opened.
COUNTING = """\
import collections, json, os, sys, threading

counts = collections.Counter()

def called(frame, event, _):
    code = frame.f_code
    if event == "call" and code.co_filename.endswith(os.path.join("compile", "identity.py")):
        if code.co_name in ("_model", "_seed"):
            node = frame.f_locals.get("model") or frame.f_locals.get("seed")
            counts[f"identity of {node.name}"] += 1
    elif event == "call" and code.co_name == "of" and code.co_filename.endswith("code_cache.py"):
        counts["code cache"] += 1

def opened(event, arguments):
    if event == "open" and str(arguments[0]).endswith("profiles.yml"):
        counts["profiles.yml"] += 1

from fft_core.engines.duckdb import file_marks
file_marks._YOUNG_SECONDS = float("inf")  # no facts are kept, however fast the machine is

sys.addaudithook(opened)
threading.setprofile(called)
sys.setprofile(called)
from fft_cli.app import main
try:
    main()
finally:
    sys.setprofile(None)
    with open(os.environ["COUNTS"], "w") as file:
        json.dump(counts, file)
"""


ONCE = {
    **dict.fromkeys([f"identity of {name}" for name in ("names", "users", "domains", "history")], 1),
    "code cache": 1,
    "profiles.yml": 1,
}


def counted(root: Path, *arguments: str) -> tuple[dict[str, int], str]:
    """Run `fft build`; return what was counted, and what it said on stderr: with -vv, each statement."""
    counts = root / "counts.json"
    command = (sys.executable, "-c", COUNTING, "build", str(root), "-vv", *arguments)
    finished = run_process(*command, environment={**os.environ, "COUNTS": str(counts)})
    assert finished.returncode == 0, finished.stdout + finished.stderr
    found: dict[str, int] = json.loads(counts.read_text())
    return found, finished.stderr


def looks(said: str) -> tuple[int, int]:
    """How often the functions of the database were read, and how often the marks of its tables."""
    return said.count("from duckdb_functions() where not internal"), said.count("comment from duckdb_tables()")


def test_a_build_works_each_thing_out_once_and_looks_twice_at_the_database(tmp_path: Path) -> None:
    """The plan looks, and the run does once more: others may have built in between."""
    counts, said = counted(shop(tmp_path))
    assert counts == ONCE
    assert looks(said) == (2, 2)


def test_a_selection_by_state_looks_once_more_and_works_nothing_out_again(tmp_path: Path) -> None:
    root = shop(tmp_path)
    assert installed_fft("build", root).code == 0
    path = root / "models" / "users.ff.sql"
    path.write_text(path.read_text().replace("u.id,", "u.id + 0 as id,"))
    counts, said = counted(root, "--select", "state:modified")
    assert counts == ONCE
    assert looks(said) == (3, 3)

"""Run as a script, to be killed: builds a project with the plain API, and says when it begins and ends."""

from __future__ import annotations

import sys
from pathlib import Path

from world import run

from fft_core import load_project, open_warehouse

if __name__ == "__main__":
    project = load_project(Path(sys.argv[1]), "dev", environment={})
    with open_warehouse(project, path=sys.argv[2]) as warehouse:
        print("begin", flush=True)
        outcome = run(warehouse)
        print("failed" if outcome.failed else "end", flush=True)

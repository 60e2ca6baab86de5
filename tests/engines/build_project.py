"""Run as a script: builds a project with the plain API, and says when it begins, what it did, and when it ends."""

from __future__ import annotations

import sys
from pathlib import Path

from fft_core import Request, load_project, open_warehouse
from fft_core.compile.identity import Identities
from fft_core.run.rebuilder import Rebuilder
from fft_core.run.turn import build_or_reuse

if __name__ == "__main__":
    project = load_project(Path(sys.argv[1]), "dev", environment={})
    with open_warehouse(project) as warehouse:
        print("begin", flush=True)
        rebuilder = Rebuilder(project, Identities(project, warehouse.compiler), Request())
        for node in project.stored():
            result = build_or_reuse(warehouse, rebuilder, node)
            print(f"{node.name} {result.decision.action}", flush=True)
        print("end", flush=True)

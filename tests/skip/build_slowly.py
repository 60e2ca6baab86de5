"""Run as a script, to be killed: builds a project with the plain API, and says when it begins and ends."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fft_core import Request, load_project, open_warehouse
from fft_core.compile.identity import Identities
from fft_core.run.rebuilder import Rebuilder
from fft_core.run.turn import build_or_reuse

if __name__ == "__main__":
    project = load_project(Path(sys.argv[1]), "dev", environment={})
    settings: dict[str, Any] = {"path": sys.argv[2]} if sys.argv[2:] else {}
    with open_warehouse(project, **settings) as warehouse:
        print("begin", flush=True)
        rebuilder = Rebuilder(project, Identities(project, warehouse.compiler), Request())
        for node in project.stored():
            build_or_reuse(warehouse, rebuilder, node)
        print("end", flush=True)

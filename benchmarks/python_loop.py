"""A project built by a loop in Python, as docs/reference/python-api.md shows: prints the time of the loop."""

from __future__ import annotations

import sys
import time

from fft_core import Run, load_project

if __name__ == "__main__":
    with Run(load_project(sys.argv[1])) as run:
        run.plan()  # as fft build does before the turns of the nodes
        began = time.perf_counter()
        for node in run.order():
            run.build(node)
        print(f"{time.perf_counter() - began:.3f}")

"""A project built by a loop in Python, without Dagster, as docs/python-api.md shows it: prints what the loop takes."""

from __future__ import annotations

import sys
import time

from fft_core import Run, load_project

if __name__ == "__main__":
    project = load_project(sys.argv[1])
    began = time.perf_counter()
    with Run(project) as run:
        for node in run.order():
            run.build(node)
    print(f"{time.perf_counter() - began:.3f}")

"""A project built by a loop in Python, without Dagster: what docs/python-api.md shows."""

from __future__ import annotations

import sys

from fft_core import Run, load_project

if __name__ == "__main__":
    with Run(load_project(sys.argv[1])) as run:
        for node in run.order():
            run.build(node)

"""A project as a flow of Prefect, for bench.py: prints the time of the flow, without imports and the start of a server.

`python prefect_flow.py PROJECT [NAME=VALUE ...]`: parameters of the flow, lists with commas.
"""

from __future__ import annotations

import sys
import time

if __name__ == "__main__":
    from fft_prefect import project_flow

    root, *given = sys.argv[1:]
    parameters = {name: value.split(",") for name, _, value in (one.partition("=") for one in given)}
    flow = project_flow(root)
    flow(dry_run=True)  # work that only the first run of Prefect in a process does
    began = time.perf_counter()
    flow(**parameters)
    print(f"{time.perf_counter() - began:.3f}")

"""Whole processes, timed with their memory; pairs of them, in turn."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Wall clock seconds, the largest resident set of one process of the command in MB, and its seconds of CPU."""

    seconds: float
    megabytes: float = 0.0
    cpu: float = 0.0  # 0: not measured


@dataclass(frozen=True)
class Timed:
    """Two things, timed in turn; `ratio` is the median of the pairs' ratios: of CPU, or of time if a CPU is unknown."""

    what: str
    cost: Cost
    against: str
    other: Cost
    ratio: float
    runs: int


def cost_of(command: Sequence[str], cwd: Path, **variables: str) -> Cost:
    """Run a command to its end. Raises RuntimeError, with its last output, if it fails."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FF_", "DAGSTER_", "PYTHONDONTWRITE"))}
    began = time.perf_counter()
    with (cwd / "said.txt").open("w+") as said:
        process = subprocess.Popen(command, cwd=cwd, stdout=said, stderr=said, env={**kept, **variables})
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{said.read()[-3000:]}")
    return Cost(seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)


def median(costs: Sequence[Cost]) -> Cost:
    """Return the medians of seconds, of memory and of CPU."""
    return Cost(
        *(statistics.median(one) for one in zip(*((c.seconds, c.megabytes, c.cpu) for c in costs), strict=True))
    )


def pair(what: str, measure: Callable[[], Cost], against: str, other: Callable[[], Cost], runs: int) -> Timed:
    """Time two things in turn."""
    pairs = [(measure(), other()) for _ in range(runs)]
    ratio = statistics.median(_ratio(first, second) for first, second in pairs)
    timed = Timed(what, median([a for a, _ in pairs]), against, median([b for _, b in pairs]), ratio, runs)
    print(row(timed), flush=True)
    return timed


def _ratio(first: Cost, second: Cost) -> float:
    """Compare the CPU of two processes: other work on the machine changes it less than the time."""
    return first.cpu / second.cpu if first.cpu and second.cpu else first.seconds / second.seconds


HEAD = """\
| what | seconds | CPU | MB | against | seconds | CPU | MB | ratio | pairs |
| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |"""


def row(timed: Timed) -> str:
    """Return a row of the table."""
    cost, other = timed.cost, timed.other
    ours, theirs = (f"{c.seconds:.2f} | {f'{c.cpu:.2f}' if c.cpu else '-'} | {c.megabytes:.0f}" for c in (cost, other))
    return f"| {timed.what} | {ours} | {timed.against} | {theirs} | {timed.ratio:.2f} | {timed.runs} |"

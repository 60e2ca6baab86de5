"""`make bench`: whole processes from the shell, each beside what it is compared with, in turn, medians and ratios."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from peers import Dbt, make_environment
from workload import write_project

HERE = Path(__file__).parent
PYTHON = sys.executable
PEERS = HERE.parent / ".venv-peers"
FFT = str(Path(sys.executable).parent / "fft")


@dataclass(frozen=True)
class Timed:
    """Two commands, timed in turn; `ratio` is the median of the pairs' ratios."""

    what: str
    seconds: float
    against: str
    other_seconds: float
    ratio: float


def seconds_of(command: Sequence[str], cwd: Path) -> float:
    """Run a command to its end and time it. Raises CalledProcessError where it fails."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("FF_", "DAGSTER_"))}
    began = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - began


def pair(what: str, measure: Callable[[], float], against: str, other: Callable[[], float], runs: int) -> Timed:
    """Time two things in turn."""
    pairs = [(measure(), other()) for _ in range(runs)]
    return Timed(
        what,
        statistics.median(first for first, _ in pairs),
        against,
        statistics.median(second for _, second in pairs),
        statistics.median(first / second for first, second in pairs),
    )


def first_build(scratch: Path, models: int) -> float:
    """Build W into a new file."""
    root = scratch / "first"
    shutil.rmtree(root, ignore_errors=True)
    write_project(root, models)
    return seconds_of([FFT, "build", str(root)], scratch)


def raw_loop(scratch: Path, models: int) -> float:
    """Run the statements of W in a bare loop, into a new file."""
    database = scratch / "raw.duckdb"
    database.unlink(missing_ok=True)
    return seconds_of([PYTHON, str(HERE / "raw_loop.py"), str(database), str(models)], scratch)


def edited_build(root: Path) -> float:
    """Build after an edit of one model in the last layer."""
    path = sorted((root / "models").glob("*.ff.sql"))[-1]
    path.write_text(path.read_text().replace(" as val", " + 1 as val", 1))
    return seconds_of([FFT, "build", str(root)], root)


def digest_cost(rows: int, *, with_digest: bool) -> float:
    """Store a table of ten columns from another one, scan it for a check, and digest it in the same scan or not."""
    from fft_core.engines.duckdb import connect

    engine = connect(threads=2)
    columns = ", ".join(f"(i * {n}) % 1000 as c{n}" for n in range(1, 10))
    engine.execute(f"create table source as select i, {columns} from range({rows}) as t(i)")
    began = time.perf_counter()
    engine.execute("create table target as select * from source")
    digest = engine.digest("t", engine.columns("select * from target")) if with_digest else "null"
    engine.fetch(f"select count(*), sum(case when i is null then 1 else 0 end), {digest} from target as t")
    seconds = time.perf_counter() - began
    engine.close()
    return seconds


def measure(models: int, runs: int) -> list[Timed]:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        root = scratch / "first"
        import_duckdb = lambda: seconds_of([PYTHON, "-c", "import duckdb"], scratch)  # noqa: E731
        import_dagster = lambda: seconds_of([PYTHON, "-c", "import dagster"], scratch)  # noqa: E731
        return [
            pair(
                f"fft build, {models} models, all new",
                lambda: first_build(scratch, models),
                "bare DuckDB loop",
                lambda: raw_loop(scratch, models),
                runs,
            ),
            pair(
                "fft build, nothing changed",
                lambda: seconds_of([FFT, "build", str(root)], scratch),
                "import duckdb",
                import_duckdb,
                runs,
            ),
            pair(
                "fft plan, nothing changed",
                lambda: seconds_of([FFT, "plan", str(root)], scratch),
                "import duckdb",
                import_duckdb,
                runs,
            ),
            pair("fft build, one edited", lambda: edited_build(root), "import dagster", import_dagster, runs),
            pair(
                "store and check 1,000,000 rows, with digest",
                lambda: digest_cost(1_000_000, with_digest=True),
                "without digest",
                lambda: digest_cost(1_000_000, with_digest=False),
                runs,
            ),
        ]


def measure_peers(models: int, runs: int) -> list[Timed]:
    """Measure W against the peers, which get an environment of their own."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        dbt = Dbt(scratch / "dbt", make_environment(PEERS), models)
        dbt.parse()

        def ours() -> float:
            return first_build(scratch, models)

        what = f"fft build, {models} models, all new"
        return [
            pair(what, ours, "dagster asset materialize, dagster-dbt", dbt.build_under_dagster, runs),
            pair(what, ours, "dbt build, no Dagster", dbt.build, runs),
        ]


def table(results: Sequence[Timed], models: int, runs: int) -> str:
    """Give the results as a page."""
    rows = [f"| {r.what} | {r.seconds:.2f} | {r.against} | {r.other_seconds:.2f} | {r.ratio:.2f} |" for r in results]
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return f"""\
# Benchmarks

Made by `make bench`. Whole processes, in turn with what they are compared with; medians. Trust the ratios: the machine
is shared.

{datetime.now(UTC):%Y-%m-%d}, {machine}, DuckDB {duckdb.__version__}, {models} models, {runs} runs each.

| what | seconds | against | seconds | ratio |
| --- | ---: | --- | ---: | ---: |
{chr(10).join(rows)}
"""


def main() -> None:
    """Measure, print, and write the page where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", type=Path, help="write the page here")
    parser.add_argument("--peers", type=int, default=0, metavar="RUNS", help="also measure the peers, so many times")
    options = parser.parse_args()
    results = measure(options.models, options.runs)
    if options.peers:
        results = measure_peers(options.models, options.peers) + results
    page = table(results, options.models, options.runs)
    print(page)
    if options.write:
        options.write.write_text(page)


if __name__ == "__main__":
    main()

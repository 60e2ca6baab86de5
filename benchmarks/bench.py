"""`make bench`: whole processes from the shell, measured in turn with the one to compare with; medians and ratios."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import loading
from ours import W
from peers import DBT, SQLBUILD, SQLMESH, Dbt, Sqlbuild, Sqlmesh, make_environment, newer_python
from prefect_peers import PREFECT_DBT, PrefectDbt, prefect_server
from timing import HEAD, Cost, Timed, cost_of, pair, row

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "engines"))

from postgres_server import running_server  # noqa: E402

PYTHON = sys.executable
FFT = str(Path(sys.executable).parent / "fft")
KEPT = HERE.parent / ".venv-peers" / "results.json"
WIDE_LAYER = 100  # 5,000 models in 50 layers


def imported(module: str, scratch: Path) -> Cost:
    """Import one module in a new process."""
    return cost_of([PYTHON, "-c", f"import {module}"], scratch)


def everyday(scratch: Path, models: int, runs: int) -> Iterator[Timed]:
    """Measure W new, unchanged and edited, against the statements alone."""
    w = W(scratch, models)
    yield pair(f"fft build, {models} models, all new", w.first_build, "bare DuckDB loop", w.raw_loop, runs)
    duck = lambda: imported("duckdb", scratch)  # noqa: E731
    click = lambda: imported("click", scratch)  # noqa: E731
    yield pair("fft build, nothing changed, after a build", w.build, "import duckdb", duck, 1)
    yield pair("fft build, nothing changed", w.build, "import duckdb", duck, 2 * runs)
    yield pair("fft plan, nothing changed", w.plan, "import duckdb", duck, 2 * runs)
    yield pair(f"fft ls, {models} models", w.ls, "import click", click, 2 * runs)
    dagster = lambda: imported("dagster", scratch)  # noqa: E731
    yield pair("fft plan, one model edited", w.edited_plan, "import dagster", dagster, runs)
    yield pair("fft build, one model edited", w.edited_build, "import dagster", dagster, runs)


def materialized(scratch: Path, models: int, runs: int) -> Iterator[Timed]:
    """Measure "Materialize all" of an unchanged project by Dagster's command, against one that builds all."""
    w = W(scratch, models)
    w.write()
    home = w.write_definitions()
    w.materialize(home)  # an instance that is there, and files that were read before
    what = f"dagster asset materialize, {models} models"
    yield pair(
        f"{what}, nothing changed", lambda: w.materialize(home), "all new", lambda: w.materialize_anew(home), runs
    )


def in_python(scratch: Path, _: int, runs: int) -> Iterator[Timed]:
    """Measure a Run in a loop, against `fft build` without the share of Dagster; and four times as many models."""
    few, many = W(scratch, 160), W(scratch, 640)
    what = "loop over a Run, 160 models, all new"
    yield pair(what, few.python_loop, "fft build -j 1, without Dagster", few.build_less_dagster, runs)
    yield pair("loop over a Run, 640 models, all new", many.python_loop, "160 models", few.python_loop, runs)


def digest(scratch: Path, _: int, runs: int) -> Iterator[Timed]:
    """Measure the cost of comparing rows."""
    compared, not_compared = (partial(_digest_cost, scratch, which) for which in ("with", "without"))
    yield pair("store and check 1,000,000 rows, with digest", compared, "without digest", not_compared, 5 * runs)


def _digest_cost(scratch: Path, which: str) -> Cost:
    cost = cost_of([PYTHON, str(HERE / "digest.py"), which, "1000000"], scratch)
    return Cost(float((scratch / "said.txt").read_text().split()[-1]), cost.megabytes)


def against_dbt(scratch: Path, models: int, runs: int) -> Iterator[Timed]:
    """Measure W against dbt, alone and under Dagster."""
    w, dbt = W(scratch, models), Dbt(scratch / "dbt", make_environment(HERE.parent / ".venv-peers", DBT), models)
    dbt.parse()
    w.first_build()  # files that were read before, and an instance that is there, as the peers have them
    what = f"fft build, {models} models, new database"
    yield pair(what, w.build_anew, "dagster asset materialize, dagster-dbt", dbt.build_under_dagster, runs)
    yield pair(what, w.build_anew, "dbt build, no Dagster", dbt.build, runs)


def against_sqlmesh(scratch: Path, models: int, runs: int) -> Iterator[Timed]:
    """Measure W against sqlmesh."""
    w = W(scratch, models)
    peer = Sqlmesh(scratch / "sqlmesh", make_environment(HERE.parent / ".venv-sqlmesh", SQLMESH), models)
    yield pair(f"fft build, {models} models, all new", w.first_build, "sqlmesh plan, no Dagster", peer.build, runs)


def against_sqlbuild(scratch: Path, models: int, runs: int) -> Iterator[Timed]:
    """Measure W against SQLBuild, which needs a newer Python than FFT."""
    w = W(scratch, models)
    commands = make_environment(HERE.parent / ".venv-sqlbuild", SQLBUILD, newer_python("3.14", "3.13", "3.12"))
    peer = Sqlbuild(scratch / "sqlbuild", commands, models)
    peer.build()
    w.first_build()  # files that were read before, as the peer has them
    yield pair(f"fft build, {models} models, new database", w.build_anew, "sqb build, no Dagster", peer.build, runs)
    yield pair("fft plan, one model edited", w.edited_plan, "sqb plan, one model edited", peer.edited_plan, runs)


def under_prefect(scratch: Path, models: int, runs: int) -> Iterator[Timed]:
    """Measure W under Prefect, against Dagster, the core's own loop and prefect-dbt."""
    with prefect_server(scratch) as environment:
        ours, dagster = W(scratch, models), W(scratch / "dagster", models)
        dagster.scratch.mkdir()

        def prefect(prepare: Callable[[], object]) -> Cost:
            prepare()
            return ours.with_prefect(environment)

        def anew() -> Cost:
            dagster.write()
            return dagster.build()

        what = f"fft build --with prefect, {models} models"
        yield pair(f"{what}, all new", partial(prefect, ours.write), "fft build", anew, runs)
        yield pair(f"{what}, nothing changed", partial(prefect, int), "fft build", dagster.build, runs)
        yield pair(f"{what}, one edited", partial(prefect, ours.edit), "fft build", dagster.edited_build, runs)
        flow = partial(ours.flow, environment)
        yield pair(f"a flow of {models} models, all new", flow, "loop over a Run", ours.python_loop, runs)
        more = W(scratch / "more", 4 * models)
        more.scratch.mkdir()
        yield pair(f"a flow of {4 * models} models", partial(more.flow, environment), f"{models} models", flow, 1)


def against_prefect_dbt(scratch: Path, models: int, runs: int) -> Iterator[Timed]:
    """Measure W under Prefect against prefect-dbt: a wave at a time, and for few models a node at a time.

    On a DuckDB file its processes would lock each other out, so that there is one at a time.
    """
    packages = make_environment(HERE.parent / ".venv-prefect-dbt", PREFECT_DBT)
    with prefect_server(scratch) as environment:
        for count, mode in ((models, "PER_WAVE"), (models // 10, "PER_NODE")):
            ours = W(scratch, count)
            peer = PrefectDbt(scratch / f"prefect-dbt-{mode}", packages, count, environment)
            ours.write()
            ours.with_prefect(environment)

            def anew(ours: W = ours) -> Cost:
                (ours.root / "workload.duckdb").unlink(missing_ok=True)
                return ours.with_prefect(environment)

            what = f"fft build --with prefect, {count} models, new database"
            yield pair(what, anew, f"PrefectDbtOrchestrator, {mode}", partial(peer.orchestrator, mode), runs)


def ten_times(scratch: Path, models: int, runs: int) -> Iterator[Timed]:
    """Measure ten times as many models, in layers ten times as wide: loading, planning, building."""
    for count in (2 * models, 10 * models):
        w = W(scratch, count, WIDE_LAYER)
        w.write()
        plain = scratch / f"plain{count}"
        loading.write_plain(plain, count, WIDE_LAYER)
        ours, others = _loads("fft", w.root, scratch), _loads("plain", plain, scratch)
        ours()  # a second load uses the parse cache
        yield pair(f"definitions of {count} models, second load", ours, "plain @asset with a check", others, runs)
        dbt = Dbt(scratch / f"dbt{count}", make_environment(HERE.parent / ".venv-peers", DBT), count, WIDE_LAYER)
        yield pair(f"fft plan of {count} new models, second load", w.plan, "dbt parse", dbt.parse, 1)
        yield pair(f"fft plan of {count} new models, second load", w.plan, "dbt parse, second", dbt.parse_again, runs)
    small = W(scratch, models)
    yield pair(f"fft build, {10 * models} models, all new", w.first_build, f"{models} models", small.first_build, 1)
    yield pair(f"bare DuckDB loop, {10 * models} models", w.raw_loop, f"{models} models", small.raw_loop, 1)
    yield pair(f"fft build, nothing changed, {10 * models}", w.build, f"{models} models", small.build, runs)


def _loads(kind: str, folder: Path, scratch: Path) -> Callable[[], Cost]:
    return lambda: cost_of([PYTHON, str(HERE / "loading.py"), kind, str(folder)], scratch)


def ten_million_flights(scratch: Path, _: int, runs: int) -> Iterator[Timed]:
    """Measure the example project (its SQL models) on 10 million flights, against its statements in a bare loop."""
    folder = scratch / "flights"
    cost_of([PYTHON, str(HERE / "volume.py"), "prepare", str(folder), "30"], scratch)

    def ours() -> Cost:
        _fresh(folder)
        return cost_of([FFT, "build", str(folder)], scratch)

    def bare() -> Cost:
        _fresh(folder)
        return cost_of([PYTHON, str(HERE / "volume.py"), "loop", str(folder)], scratch)

    yield pair("example project, 10.1 million flights", ours, "bare DuckDB loop", bare, runs)


def many_checks(scratch: Path, _: int, runs: int) -> Iterator[Timed]:
    """Measure 20 checks of 10 million flights, against a query for each, and against one scan of the same columns."""
    file, script = scratch / "checks.duckdb", str(HERE / "checks.py")
    cost_of([PYTHON, script, "prepare", str(file), "30"], scratch)

    def timed(what: str) -> Cost:
        cost = cost_of([PYTHON, script, what, str(file)], scratch)
        return Cost(float((scratch / "said.txt").read_text().split()[0]), cost.megabytes)

    together, apart, scan = (partial(timed, what) for what in ("together", "apart", "scan"))
    yield pair("20 checks of 10.1 million flights", together, "a query for each", apart, 3 * runs)
    yield pair("20 checks of 10.1 million flights", together, "one scan of these columns", scan, 3 * runs)


def _fresh(folder: Path) -> None:
    for leftover in (".local", ".fastflowtransform"):
        shutil.rmtree(folder / leftover, ignore_errors=True)
    (folder / ".local").mkdir()


def from_the_ui(scratch: Path, models: int, runs: int) -> Iterator[Timed]:
    """Measure "Materialize all" in the stock webserver, against `fft build`."""
    w = W(scratch, models)
    w.write()
    with user_interface(w.root) as launch:

        def launched() -> Cost:
            (w.root / "workload.duckdb").unlink(missing_ok=True)
            return launch()

        yield pair(f'"Materialize all", {models} models', launched, "fft build", W(scratch, models).build_anew, runs)


@contextmanager
def user_interface(root: Path) -> Iterator[Callable[[], Cost]]:
    """Start `fft dev`; give a function that launches a run of everything and waits for its end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("FF_", "DAGSTER_", "PYTHONDONTWRITE"))}
    command = [FFT, "dev", str(root), "--port", str(port)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, start_new_session=True, stdout=quiet, stderr=quiet)

    def ask(query: str, **variables: str) -> Any:  # Any: any answer of GraphQL
        content = json.dumps({"query": query, "variables": variables}).encode()
        url, head = f"http://127.0.0.1:{port}/graphql", {"content-type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url, content, head), timeout=60) as response:
            return json.load(response)["data"]

    try:
        yield lambda: _launch(ask)
    finally:
        os.killpg(process.pid, 15)
        process.wait()


LOCATIONS = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
LAUNCH = """
mutation($location: String!, $repository: String!) {
  launchRun(executionParams: {mode: "default", selector: {
    repositoryLocationName: $location, repositoryName: $repository, jobName: "__ASSET_JOB"}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


def _launch(ask: Callable[..., Any]) -> Cost:
    deadline = time.monotonic() + 120
    while True:
        try:
            nodes = ask(LOCATIONS)["repositoriesOrError"].get("nodes")
        except OSError:  # it does not listen yet
            nodes = None
        if nodes:
            break
        if time.monotonic() > deadline:
            raise RuntimeError("the user interface does not answer")
        time.sleep(0.5)
    (node,) = nodes
    began = time.perf_counter()
    run_id = ask(LAUNCH, location=node["location"]["name"], repository=node["name"])["launchRun"]["run"]["runId"]
    while (status := ask(STATUS, id=run_id)["runOrError"]["status"]) not in ("SUCCESS", "FAILURE", "CANCELED"):
        time.sleep(0.1)
    if status != "SUCCESS":
        raise RuntimeError(f"the run ended as {status}")
    return Cost(time.perf_counter() - began)


EXECUTED = {  # how many assets, by storage
    "own": {"empty": 500, "statement": 500, "waits": 500, "check": 500},
    "stock": {"empty": 150, "statement": 150, "waits": 150, "check": 150},
    "postgres": {"empty": 100, "waits": 100},
}


def executors(scratch: Path, runs: int) -> str:
    """Measure the executors on the storages: ms a step."""
    lines = []
    with running_server() as dsn:
        url = dsn.replace("postgresql://", "postgresql+psycopg2://")
        for storage, bodies in EXECUTED.items():
            for body, count in bodies.items():
                run = partial(_milliseconds, scratch, storage, body, url)
                cells = [run(kind, count, runs) for kind in ("in-process", "threads")]
                each = statistics.median(b / a for a, b in zip(*cells, strict=True))
                first, second = (statistics.median(cell) for cell in cells)
                many = f"{run('multiprocess', 10, 1)[0]:.0f}" if storage != "postgres" else ""
                lines.append(f"| {body} | {storage} | {first:.1f} | {second:.1f} | {each:.2f} | {many} |")
                print(lines[-1], flush=True)
    return "\n".join(lines)


def _milliseconds(
    scratch: Path, storage: str, body: str, url: str, executor: str, count: int, runs: int
) -> list[float]:
    found = []
    for _ in range(runs):
        home = scratch / "home"
        shutil.rmtree(home, ignore_errors=True)
        command = [PYTHON, str(HERE / "executors.py"), executor, storage, body, str(count), str(home)]
        cost_of(command, scratch, POSTGRES_URL=url)
        found.append(float((scratch / "said.txt").read_text().split()[-1]))
    return found


PARTS: dict[str, Callable[[Path, int, int], Iterator[Timed]]] = {
    "everyday": everyday,
    "materialized": materialized,
    "python": in_python,
    "digest": digest,
    "dbt": against_dbt,
    "sqlmesh": against_sqlmesh,
    "sqlbuild": against_sqlbuild,
    "prefect": under_prefect,
    "prefect-dbt": against_prefect_dbt,
    "scale": ten_times,
    "volume": ten_million_flights,
    "checks": many_checks,
    "ui": from_the_ui,
}


def page(results: Sequence[str], matrix: str, models: int) -> str:
    """Return the results as a page."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    rows = "\n".join(results)
    return f"""\
# Benchmarks

Made by `make bench`. Whole processes, each in turn with the one to compare with; medians. Trust the ratios, which are
of CPU time: the machine is shared. MB is the largest resident set. For the meaning, see [Speed](speed.md).

{datetime.now(UTC):%Y-%m-%d}, {machine}, DuckDB {duckdb.__version__}, workload of {models} models.

{HEAD}
{rows}

Executors, in ms a step: 500 assets with two dependencies each (150 on stock storage, 100 on a local Postgres, 10 where
each step is a process).

| each step | storage | in-process | threads | threads / in-process | multiprocess |
| --- | --- | ---: | ---: | ---: | ---: |
{matrix}
"""


def _measured(part: str, scratch: Path, options: argparse.Namespace) -> list[str]:
    """Return the rows of a part, or nothing if a peer cannot be installed here."""
    rows = []
    try:
        if part == "executors":
            return executors(scratch, options.runs).splitlines()
        for timed in PARTS[part](scratch, options.models, options.runs):
            rows.append(row(timed))
    except (RuntimeError, subprocess.CalledProcessError) as error:
        print(f"{part} did not run to its end: {error}", file=sys.stderr, flush=True)
    return rows


def main() -> None:
    """Measure, print, and write the page if requested."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, "executors", []], help="default: all of them")
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", type=Path, help="write the page here, with the kept results of parts not named")
    parser.add_argument("--keep", type=Path, default=KEPT, help="where results are kept between calls")
    options = parser.parse_args()
    packages = [HERE.parent / f"fft_{name}" for name in ("core", "cli", "dagster", "prefect")]
    subprocess.run([PYTHON, "-m", "compileall", "-q", *packages], check=True)
    print(HEAD)
    options.keep.parent.mkdir(exist_ok=True)
    kept: dict[str, list[str]] = json.loads(options.keep.read_text()) if options.parts and options.keep.exists() else {}
    for part in options.parts or [*PARTS, "executors"]:
        with tempfile.TemporaryDirectory() as folder:
            kept[part] = _measured(part, Path(folder), options)
        options.keep.write_text(json.dumps(kept, indent=1))
    if options.write:
        rows = [line for part in PARTS for line in kept.get(part, [])]
        options.write.write_text(page(rows, "\n".join(kept.get("executors", [])), options.models))


if __name__ == "__main__":
    main()

"""`python benchmarks/serving.py`: pages and streams of `fft serve` against psycopg and ROAPI, and builds on workers."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests" / "engines")]

from postgres_server import running_server  # noqa: E402

from fft_core import Run, load_project  # noqa: E402
from fft_core.testing.project import make_project  # noqa: E402
from tools.stack import parts  # noqa: E402
from tools.stack.parts import Place  # noqa: E402

ROWS, LIMIT, CLIENTS = 1_000_000, 100, 8
FACTS = """\
{{{{ config(serve=true, indexes=[{{'columns': ['id'], 'unique': true}}]) }}}}
select i as id, 'name ' || i as name, cast(i % 100000 as decimal(10, 2)) / 4 as amount,
  cast('2026-01-01' as timestamp) + i * interval '1 second' as at
from {numbers}
"""
SCHEMA = """\
version: 2
models:
  - name: facts
    columns: [{name: id, tests: [unique, not_null]}]
"""
_LAUNCH = """
mutation ($selector: JobOrPipelineSelector!, $config: RunConfigData) {
  launchRun(executionParams: {selector: $selector, runConfigData: $config}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}
"""
Next = Callable[[bytes], str]


@dataclass(frozen=True)
class Pages:
    """Pages of one server: answers in a second, and seconds of the slowest in a hundred."""

    rate: float
    p99: float


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def server(command: list[str], port: int, path: str, **variables: str) -> Iterator[int]:
    """Run a server until the end of the context; wait for its first answer."""
    process = subprocess.Popen(
        command, env={**os.environ, **variables}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    break
            except OSError:
                pass
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"{command} does not answer")
            time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait()


def pages(port: int, first: str, following: Next, seconds: float) -> Pages:
    """Walk from page to page with several clients at once."""
    times, until = list[float](), time.perf_counter() + seconds

    def walk() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        path = first
        while time.perf_counter() < until:
            began = time.perf_counter()
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            times.append(time.perf_counter() - began)
            assert answer.status == 200, body[:300]
            path = following(body)

    threads = [threading.Thread(target=walk) for _ in range(CLIENTS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Pages(len(times) / (time.perf_counter() - began), statistics.quantiles(times, n=100)[98])


def stream(port: int, path: str, headers: Mapping[str, str]) -> float:
    """Read a stream of all rows to its end; return the seconds."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request("GET", path, headers=dict(headers))
    answer = connection.getresponse()
    body = answer.read()
    seconds = time.perf_counter() - began
    assert answer.status == 200, body[:300]
    assert pa.ipc.open_stream(body).read_all().num_rows == ROWS
    return seconds


def build(root: Path, engine: str, settings: Mapping[str, Any], numbers: str) -> None:
    """Write a project with a model of a million rows, and build it."""
    files = {"models/facts.ff.sql": FACTS.format(numbers=numbers), "models/schema.yml": SCHEMA}
    make_project(root, files, engine=engine, settings=settings)
    with Run(load_project(root, "dev")) as run:
        for node in run.order():
            run.build(node)


def by_cursor(prefix: str) -> Next:
    """Return what finds the next page of `fft serve`."""

    def following(body: bytes) -> str:
        cursor = json.loads(body)["next"]
        return f"{prefix}/models/facts/rows?limit={LIMIT}&cursor={quote(cursor)}"

    return following


def after_id(body: bytes) -> str:
    """Return the next page of psycopg alone."""
    return f"/raw/rows?limit={LIMIT}&after={json.loads(body)['next']}"


def roapi_page(body: bytes) -> str:
    """Return the next page of ROAPI, which has filters, and no cursors."""
    last = json.loads(body)[-1]["id"]
    return f"/api/tables/facts?filter%5Bid%5Dgt={last}&sort=id&limit={LIMIT}"


def serving(scratch: Path, seconds: float, rounds: int) -> list[str]:
    """Measure pages and streams, in turn; return the lines of a table."""
    with ExitStack() as stack:
        dsn = stack.enter_context(running_server())
        build(scratch / "p", "postgres", {"dsn": dsn, "db_schema": "shop"}, f"generate_series(0, {ROWS - 1}) as i")
        build(scratch / "d", "duckdb", {"path": "db.duckdb"}, f"(select unnest(range({ROWS})) as i) as numbers")
        limits = {
            "FFT_SERVE_STREAM_MB": "2000",
            "FFT_SERVE_CONCURRENT": "16",
            "FF_PG_DSN": dsn,
            "PYTHONPATH": str(HERE),
        }
        uvicorn = [sys.executable, "-m", "uvicorn", "serving_app:api", "--log-level", "error", "--port"]
        (file,) = (scratch / "d/.fastflowtransform/served/dev/facts").glob("*.parquet")
        places = {}
        for name in ("p", "d"):
            port, path = free_port(), "/fft/models/facts/rows?limit=1"
            places[name] = stack.enter_context(
                server([*uvicorn, str(port)], port, path, BENCH_PROJECT=str(scratch / name), **limits)
            )
        port = free_port()
        table = f"facts={file},format=parquet,use_memory_table=false"
        roapi = [str(Path(sys.executable).parent / "roapi"), "--table", table, "--addr-http", f"127.0.0.1:{port}"]
        roapi += [
            text for name in ("postgres", "flight-sql") for text in (f"--addr-{name}", f"127.0.0.1:{free_port()}")
        ]
        places["roapi"] = stack.enter_context(server(roapi, port, "/api/tables/facts?limit=1"))
        ours = f"/fft/models/facts/rows?limit={LIMIT}"
        tried: dict[str, Callable[[], Pages]] = {
            "`fft serve`, Postgres": lambda: pages(places["p"], ours, by_cursor("/fft"), seconds),
            "psycopg alone, Postgres": lambda: pages(places["p"], f"/raw/rows?limit={LIMIT}", after_id, seconds),
            "`fft serve`, files of DuckDB": lambda: pages(places["d"], ours, by_cursor("/fft"), seconds),
            "ROAPI, the same file": lambda: pages(
                places["roapi"], f"/api/tables/facts?sort=id&limit={LIMIT}", roapi_page, seconds
            ),
        }
        arrow = {"Accept": "application/vnd.apache.arrow.stream"}
        streams: dict[str, Callable[[], float]] = {
            "`fft serve`, Postgres": lambda: stream(places["p"], "/fft/models/facts/rows.arrow", {}),
            "psycopg alone, Postgres": lambda: stream(places["p"], "/raw/arrow", {}),
            "`fft serve`, files of DuckDB": lambda: stream(places["d"], "/fft/models/facts/rows.arrow", {}),
            "ROAPI, the same file": lambda: stream(places["roapi"], f"/api/tables/facts?limit={ROWS}", arrow),
        }
        return _table(tried, streams, rounds)


def _table(
    tried: Mapping[str, Callable[[], Pages]], streams: Mapping[str, Callable[[], float]], rounds: int
) -> list[str]:
    found: dict[str, list[tuple[Pages, float]]] = {name: [] for name in tried}
    for number in range(rounds):
        for name in tried:
            found[name].append((tried[name](), streams[name]()))
            print(number, name, found[name][-1], flush=True)
    rates = {name: statistics.median(p.rate for p, _ in one) for name, one in found.items()}
    slow = {name: statistics.median(p.p99 for p, _ in one) for name, one in found.items()}
    whole = {name: statistics.median(s for _, s in one) for name, one in found.items()}
    base = "psycopg alone, Postgres"
    return [
        f"| {name} | {rates[name] / rates[base]:.2g} | {slow[name] / slow[base]:.2g} | {whole[base] / whole[name]:.2g} "
        f"| {rates[name]:.0f} | {slow[name] * 1000:.0f} ms | {whole[name]:.1f} s |"
        for name in found
    ]


def models(scratch: Path, number: int) -> Path:
    """Write a project of models whose SQL waits 100 ms, without inputs."""
    files = {f"models/m{n:03}.ff.sql": f"select {n} as id, cast(pg_sleep(0.1) as text) as slept" for n in range(number)}
    root = scratch / "models"
    shutil.rmtree(root, ignore_errors=True)
    settings = {"dsn": "{{ env('FF_PG_DSN') }}", "db_schema": "shop"}
    make_project(
        root, files, engine="postgres", settings=settings, environment={"FF_PG_DSN": "postgresql://localhost/x"}
    )
    (root / "definitions.py").write_text(
        "from pathlib import Path\nfrom fft_dagster import build_definitions\n"
        "defs = build_definitions(Path(__file__).parent)\n"
    )
    return root


def on_workers(scratch: Path, workers: int, number: int, runs: int, jobs: int) -> float:
    """Build models by runs on workers; return the models of a second, from the first begin to the last end."""
    root, folder = models(scratch, number), scratch / f"stack{workers}"
    ports = {name: free_port() for name in ("postgres", "redis", "web", "api")}
    options = [text for name, port in ports.items() for text in (f"--{name}-port", str(port))]
    command = [sys.executable, "-m", "tools.stack", "--project", str(root), "--env", "dev", "--folder", str(folder)]
    process = subprocess.Popen(
        [*command, "--workers", str(workers), *options], cwd=HERE.parent, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("Ctrl-C"):
                break
        place = Place(folder, root, "dev", ports)
        names = [f"m{n:03}" for n in range(number)]
        selector = {
            "repositoryName": "__repository__",
            "repositoryLocationName": "definitions.py",
            "pipelineName": "__ASSET_JOB",
        }
        config = {"execution": {"config": {"max_concurrent": jobs}}}
        ids = []
        for index in range(runs):
            chosen = {**selector, "assetSelection": [{"path": [name]} for name in names[index::runs]]}
            found = parts.graphql(place, _LAUNCH, {"selector": chosen, "config": config})["launchRun"]
            ids.append(found["run"]["runId"])
        asked = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status startTime endTime } } }"
        while True:
            states = [parts.graphql(place, asked, {"id": one})["runOrError"] for one in ids]
            if all(state["status"] in ("SUCCESS", "FAILURE", "CANCELED") for state in states):
                break
            time.sleep(1)
        assert {state["status"] for state in states} == {"SUCCESS"}, states
        ended, began = (max(s["endTime"] for s in states), min(s["startTime"] for s in states))
        return number / float(ended - began)
    finally:
        process.terminate()
        process.wait(120)


def main() -> None:
    """Measure, and print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="the page")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", type=int, default=500)
    given = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="fft_serving_"))
    try:
        lines = serving(scratch, given.seconds, given.rounds)
        rates = {workers: on_workers(scratch, workers, given.models, 8, 4) for workers in (1, 2, 4)}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    text = PAGE.format(
        when=datetime.now(UTC).strftime("%Y-%m-%d"),
        python=platform.python_version(),
        cores=os.cpu_count(),
        load=os.getloadavg()[1],
        clients=CLIENTS,
        limit=LIMIT,
        lines="\n".join(lines),
        models=given.models,
        builds="\n".join(f"| {n} | {rate / rates[1]:.2f} | {rate:.1f} |" for n, rate in rates.items()),
    )
    print(text)
    if given.write:
        given.write.write_text(text, encoding="utf-8")


PAGE = """\
# Benchmarks of serving and of workers

`python benchmarks/serving.py --write docs/concepts/benchmarks-serve.md` wrote this page on {when},
with Python {python} on {cores} cores, which others used as well (a load of {load:.0f}). Compare the ratios,
which are measured in turn, and not the numbers.

## Rows

A table of 1,000,000 rows and 4 columns, with an index on its key on Postgres. {clients} clients walk through it
at once, {limit} rows a page as JSON, ordered by the key; then one client reads all rows as an Arrow stream.
Server and clients share the cores. `fft serve` is mounted in an app of FastAPI, one process; psycopg alone is
an endpoint of ten lines in the same app, without versions, cursors, filters, tokens and limits.
ROAPI 0.12 is a server in Rust with DataFusion; it has filters, but neither cursors nor versions.

| | pages/s, ratio | p99, ratio (less is better) | stream, ratio | pages/s | p99 | stream |
|---|---|---|---|---|---|---|
{lines}

The ratios are those to psycopg alone. The stream of `fft serve` is faster because texts of Postgres become Arrow
in compiled code, and rows never become objects of Python. Its page costs more: the version of the rows is read in the
same statement, and the columns, the filters and the cursor are checked.

A page of a file costs more than one of an index: DuckDB and DataFusion have no index, and read the values of all
rows behind the cursor. For many small pages, serve from Postgres; for whole tables, files are the fastest.

## Builds on workers

{models} models without inputs on Postgres, whose SQL takes 100 ms, in 8 runs of Dagster with 4 steps at a time,
on the stack of `make stack`, from the begin of the first run to the end of the last one. The workers, Dagster,
Postgres and Redis share the cores.

| workers | ratio | models/s |
|---|---|---|
{builds}
"""

if __name__ == "__main__":
    main()

"""Workload W under Prefect, and its dbt project under prefect-dbt, on a server of Prefect for them alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

from peers import write_dbt_project
from timing import Cost, cost_of

PREFECT_DBT = ("prefect-dbt>=0.7.25", "dbt-core>=1.10,<1.11", "dbt-duckdb>=1.9", "duckdb")
HERE = Path(__file__).parent
START_SECONDS = 180.0
ORCHESTRATOR = """\
from pathlib import Path
from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner
from prefect_dbt import PrefectDbtSettings
from prefect_dbt.core._orchestrator import ExecutionMode, PrefectDbtOrchestrator

@flow
def build():
    settings = PrefectDbtSettings(project_dir=Path({root!r}), profiles_dir=Path({root!r}))
    PrefectDbtOrchestrator(
        settings=settings, execution_mode=ExecutionMode.{mode}, concurrency=1, task_runner_type=ThreadPoolTaskRunner
    ).run_build()

build()
"""


@contextmanager
def prefect_server(scratch: Path) -> Iterator[dict[str, str]]:
    """Run a server; return the environment of its clients."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "PREFECT_HOME": str(scratch / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    with (scratch / "server.log").open("w") as log:
        server = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
    try:
        _wait_for(environment["PREFECT_API_URL"], server)
        yield environment
    finally:
        server.terminate()
        server.wait()


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(0.3)
    raise RuntimeError("the server of Prefect does not start")


class PrefectDbt:
    """W as a dbt project under the orchestrator of prefect-dbt.

    Its runner, which is one run of dbt, is not measured: with dbt 1.10 its process is aborted at its exit.

    Args:
        root: The folder of the dbt project.
        bin_folder: The folder of the commands of prefect-dbt and dbt.
        models: The number of models.
        environment: The environment for the server.
    """

    def __init__(self, root: Path, bin_folder: Path, models: int, environment: dict[str, str]) -> None:
        self._root, self._bin, self._environment = root, bin_folder, environment
        shutil.rmtree(root, ignore_errors=True)
        write_dbt_project(root, models)
        cost_of([str(bin_folder / "dbt"), "parse", "--quiet"], root, **environment)

    def orchestrator(self, mode: str) -> Cost:
        """Build into a new file by the orchestrator: `PER_WAVE` or `PER_NODE`."""
        return self._build(ORCHESTRATOR.format(root=str(self._root), mode=mode))

    def _build(self, script: str) -> Cost:
        (self._root / "workload.duckdb").unlink(missing_ok=True)
        (self._root / "build.py").write_text(script)
        path = f"{self._bin}{os.pathsep}{os.environ['PATH']}"
        return cost_of([str(self._bin / "python"), "build.py"], self._root, **{**self._environment, "PATH": path})

"""A server that speaks BigQuery's protocol, for tests: bqemulator, in an environment of its own.

It is made, and skipped where it cannot be had, as fakesnow is: see `fakesnow_server.py`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fakesnow_server import UnavailableError
from server_environment import python_of

REQUIREMENTS = (
    "bqemulator==1.4.0",
    "duckdb==1.5.5",
    "duckdb-extensions==1.5.5",
    "duckdb-extension-spatial==1.5.5",
    "numpy",
)
LAUNCHER = Path(__file__).parent / "servers" / "bqemulator_launcher.py"
PROJECT = "test-project"
_SECONDS_TO_START = 90


@contextmanager
def running_bqemulator() -> Iterator[Mapping[str, Any]]:
    """Give the settings of a profile on a server of our own, without a dataset. Raises UnavailableError."""
    python, port, other = python_of("bqemulator", REQUIREMENTS), _free_port(), _free_port()
    folder = Path(tempfile.mkdtemp(prefix="fft_bqemulator_"))
    environment = {**os.environ, "PYTHONPATH": "", "TMPDIR": str(folder), "HOME": str(folder)}
    with (folder / "log").open("w") as log:
        command = [str(python), str(LAUNCHER), str(port), str(other)]
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
    try:
        _wait_for(server, port, folder / "log")
        yield settings_of(port)
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)
        if os.environ.get("FFT_TEST_SERVER_LOG"):
            shutil.copy(folder / "log", os.environ["FFT_TEST_SERVER_LOG"])
        shutil.rmtree(folder, ignore_errors=True)


def settings_of(port: int) -> dict[str, Any]:
    """Return the settings of a profile, without a dataset."""
    return {
        "project": PROJECT,
        "endpoint": f"http://127.0.0.1:{port}",
        "location": "US",
        "retry_seconds": 0,
        "allow_create_dataset": True,
    }


@contextmanager
def bqemulator_or_skipped() -> Iterator[Mapping[str, Any]]:
    """Do the same, and skip the test where there is no server to be had."""
    server = running_bqemulator()
    try:
        settings = server.__enter__()
    except UnavailableError as error:
        if os.environ.get("FFT_TEST_SERVERS_REQUIRED"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    try:
        yield settings
    finally:
        server.__exit__(None, None, None)


def drop_dataset(settings: Mapping[str, Any], dataset: str) -> None:
    from fft_core.engines.protocol import open_session

    session = open_session("bigquery", {**settings, "dataset": dataset})
    session.execute(session.spelling.drop_schema(session.relation("")))
    session.close()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while True:
        if server.poll() is not None or time.monotonic() > deadline:
            raise UnavailableError(f"bqemulator does not start: {' '.join(log.read_text().splitlines()[-1:])}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)

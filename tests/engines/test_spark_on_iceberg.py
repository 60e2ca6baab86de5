"""Spark on tables of Iceberg: Spark 3.5 in a process of its own, as the package of Iceberg on PyPI is made for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from relocate_jackson import relocate
from server_environment import UnavailableError, folder_of, install
from spark_server import java_home, without_spark
from sweeps import only_in_sweeps

ROOT, HERE = Path(__file__).parents[2], Path(__file__).parent
REQUIREMENTS = ("pyspark==3.5.9", "py4j==0.10.9.7", "snowpark-connect-deps-iceberg==1.0.3")
_CATALOG = "org.apache.iceberg.spark.SparkSessionCatalog"
_EXTENSIONS = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"


def _make(folder: Path) -> None:
    install(folder / "packages", REQUIREMENTS, dependencies=False)
    relocate(folder / "packages" / "pyspark" / "jars", folder / "jackson.jar")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a process in which `pyspark` is Spark 3.5, with Iceberg."""
    try:
        java, folder = java_home(), folder_of("iceberg", REQUIREMENTS, _make)
    except UnavailableError as error:
        if os.environ.get("FFT_TEST_SERVERS_REQUIRED"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    if java is not None:
        pytest.skip("Spark 3.5 needs the Java 17 of the machine")
    place = tmp_path_factory.mktemp("iceberg")
    packages = folder / "packages"
    jars = [
        packages / "snowpark_connect_deps_iceberg/jars/iceberg-spark-runtime-3.5_2.12-1.10.2.jar",
        folder / "jackson.jar",
    ]
    conf = {
        "spark.jars": ",".join(map(str, jars)),
        "spark.sql.extensions": _EXTENSIONS,
        "spark.sql.catalog.spark_catalog.type": "hive",
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:{place}/metastore;create=true",
        "spark.hadoop.datanucleus.schema.autoCreateAll": "true",
        "spark.hadoop.hive.metastore.schema.verification": "false",
        "spark.hadoop.hive.metastore.disallow.incompatible.col.type.changes": "false",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(place),
    }
    settings = {
        "master": "local[2]",
        "catalog": _CATALOG,
        "table_format": "iceberg",
        "use_hive_metastore": True,
        "warehouse_dir": str(place / "warehouse"),
        "extra_conf": conf,
    }
    paths = [packages, HERE, ROOT / "tests" / "core", ROOT / "tests" / "skip"]
    return {
        **without_spark(),
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYSPARK_SUBMIT_ARGS": f"--driver-memory 1g --driver-java-options -Dderby.system.home={place} pyspark-shell",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "FFT_TEST_ICEBERG": json.dumps(settings),
    }


@only_in_sweeps
def test_the_contract(environment: dict[str, str], tmp_path: Path) -> None:
    file = HERE / "contract_on_iceberg.py"
    options = ["-q", "-p", "no:cacheprovider", "-n", "0", "--tb=short", "--maxfail=5"]
    command = [sys.executable, "-m", "pytest", *options, str(file)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=3600, check=False)
    assert done.returncode == 0, done.stdout[-8000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout

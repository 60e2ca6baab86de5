"""Builds a project on a Spark in this process, and then by Spark Connect; prints what its jobs say of themselves.

Run by `test_spark_in_process.py`, with the whole package pyspark on the path. Arguments: a folder, and the run's id.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from server_environment import free_port
from spark_server import CONF

from fft_core import Run
from fft_core.testing.project import make_project

FILES = {"models/orders.ff.sql": "select 1 as id", "models/big.ff.sql": "select id from {{ ref('orders') }}"}


def build(folder: Path, settings: Mapping[str, Any], run_id: str) -> Any:  # Any: a session of Spark's
    project = make_project(folder, FILES, engine="databricks_spark", settings=settings)
    with Run(project) as run:
        for node in run.order():
            run.build(node, run_id=run_id)
        engine: Any = run.sessions.of_thread().engine
        return engine.spark


def main(folder: Path, run_id: str) -> None:
    port = free_port()
    plugin = {
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.port": str(port),
    }
    warehouse = {"master": "local[1]", "warehouse_dir": str(folder / "warehouse"), "extra_conf": {**CONF, **plugin}}
    spark = build(folder / "classic", {**warehouse, "database": "classic"}, run_id)
    build(folder / "connect", {"remote": f"sc://127.0.0.1:{port}", "database": "connect"}, run_id)
    stored = spark.sparkContext._jsc.sc().statusStore().jobsList(None)
    jobs = [stored.apply(number) for number in range(stored.size())]
    told = [job.description() for job in jobs]
    tags = [job.jobTags() for job in jobs]
    found = {
        "descriptions": [one.get() for one in told if one.isDefined()],
        "tags": [[one.apply(number) for number in range(one.size())] for one in tags],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

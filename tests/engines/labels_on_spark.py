"""Builds a model on a Spark in this process, and prints what each job of that Spark says of itself, as JSON.

Run by `test_spark_in_process.py`, with the whole package pyspark on the path. Arguments: a folder, and the run's id.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from spark_server import CONF

from fft_core import Run
from fft_core.testing.project import make_project


def descriptions(spark: Any) -> list[str]:  # Any: the store of a JVM
    """The description of each job that Spark has kept; of one without, an empty text."""
    jobs = spark.sparkContext._jsc.sc().statusStore().jobsList(None)
    told = [jobs.apply(n).description() for n in range(jobs.size())]
    return [one.get() if one.isDefined() else "" for one in told]


def main(folder: Path, run_id: str) -> None:
    warehouse = str(folder / "warehouse")
    settings = {"master": "local[1]", "database": "shop", "warehouse_dir": warehouse, "extra_conf": CONF}
    files = {"models/orders.ff.sql": "select 1 as id", "models/big.ff.sql": "select id from {{ ref('orders') }}"}
    project = make_project(folder / "project", files, engine="databricks_spark", settings=settings)
    with Run(project) as run:
        for node in run.order():
            run.build(node, run_id=run_id)
        engine: Any = run.sessions.of_thread().engine
        print(json.dumps({"project": project.name, "said": descriptions(engine.spark)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

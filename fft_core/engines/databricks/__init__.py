"""Spark and Databricks, by Spark Connect or a Spark in the process. `SPEC` holds the facts that need no driver."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fft_core.engines.databricks.spelling import SPELLINGS
from fft_core.engines.spec import Capabilities, EngineSpec, Full, Namespace, No, Setting
from fft_core.engines.spec.frames import LIBRARY_FRAMES, FrameKind
from fft_core.engines.spec.lexis import Lexis

PYSPARK = FrameKind("pyspark", "pyspark.sql", "DataFrame", is_native=True)
LEXIS = Lexis(("'", '"', "`"), frozenset("'\""), raw_after="r", doubling=False, nested=True)
PARQUET = "parquet"
_PROFILES = """\
# Secrets come from the environment or from .env.local, which is not for version control.
dev:
  engine: databricks_spark
  databricks_spark:
    remote: "{{ env('FF_DBR_REMOTE', 'sc://127.0.0.1:15002') }}"   # a server of Spark Connect
    database: dev
    table_format: parquet      # delta on Databricks; iceberg if the catalog is one of Iceberg

# For `fft utest`: a database of its own.
dev_utest:
  engine: databricks_spark
  databricks_spark:
    remote: "{{ env('FF_DBR_REMOTE', 'sc://127.0.0.1:15002') }}"
    database: dev_utest
    table_format: parquet
"""


def namespace(settings: Mapping[str, Any]) -> Namespace:
    """Return the catalog and database of a profile's relations. A catalog with a dot in it is a class, and no name."""
    catalog = settings.get("catalog")
    return Namespace(settings.get("database"), None if catalog is None or "." in catalog else catalog)


def wrong_format(text: str) -> str | None:
    """Return what is wrong with the name of a table format."""
    return None if text in SPELLINGS else f"must be one of {', '.join(SPELLINGS)}, not {text!r}"


CAN = Capabilities(
    one_writer_process=No("a cluster has any number of sessions"),
    materialized_views=No("Spark has none; those of Databricks belong to its pipelines"),
    renames_repeated_columns=No("two columns of one name are an error"),
    transactions=No("each statement is a transaction of its own"),
    replaces_atomically=No("Parquet: only if the columns stay, or new ones come last. Delta and Iceberg do"),
    changes_rows=No("Parquet has neither UPDATE nor DELETE. Delta and Iceberg do"),
    changes_together=No("a statement changes one table"),
    replaces_kinds=No("one is dropped before the other is created"),
    temporary_tables=No("there are only temporary views"),
    clones=No("not used: what a table will hold is judged as a query"),
    rows_known=No("rows are counted, from the metadata of the files"),
    knows_versions=No("Parquet has none. Delta has versions, and Iceberg snapshots"),
    reads_elsewhere=Full(),
    grants=No("those of others are left alone, and none are set"),
    indexes=No("Spark has none"),
    constraints=No("Spark enforces none"),
)

SPEC = EngineSpec(
    name="databricks_spark",
    aliases=("databricks", "spark"),
    family="spark",
    title="Spark and Databricks",
    settings={
        "remote": Setting("FF_DBR_REMOTE", example="sc://127.0.0.1:15002"),
        "token": Setting("FF_DBR_TOKEN", is_secret=True),
        "cluster_id": Setting("FF_DBR_CLUSTER_ID"),
        "master": Setting("FF_DBR_MASTER", default="local[*]"),
        "app_name": Setting("FF_DBR_APPNAME", default="fft"),
        "catalog": Setting("FF_DBR_CATALOG"),
        "database": Setting("FF_DBR_DATABASE", default="default"),
        "table_format": Setting("FF_DBR_TABLE_FORMAT", default=PARQUET, wrong=wrong_format),
        "table_options": Setting("FF_DBR_TABLE_OPTIONS", "mapping"),
        "warehouse_dir": Setting("FF_DBR_WAREHOUSE_DIR", "path"),
        "use_hive_metastore": Setting("FF_DBR_ENABLE_HIVE", "truth", default=False),
        "extra_conf": Setting("FF_DBR_EXTRA_CONF", "mapping"),
    },
    can=CAN,
    spelling=SPELLINGS[PARQUET](),
    namespace=namespace,
    module="fft_core.engines.databricks.session",
    extra="fft-dagster[spark]",
    drivers=("pyspark-client",),
    schema_setting="database",
    variables="FF_DBR_",
    frames=(PYSPARK, *LIBRARY_FRAMES),
    lexis=LEXIS,
    functions=Path(__file__).with_name("functions.json"),
    profiles=_PROFILES,
    names_ignore_case=True,
)

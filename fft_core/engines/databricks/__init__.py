"""Spark and Databricks, by Spark Connect or a Spark in the process. `SPEC` holds the facts that need no driver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fft_core.engines.databricks.spelling import SPELLINGS
from fft_core.engines.spec import Capabilities, EngineSpec, Full, Namespace, No, Setting
from fft_core.engines.spec.frames import LIBRARY_FRAMES, FrameKind
from fft_core.engines.spec.layout import Layout, LayoutKey, LayoutSupport
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
    """Return the problem of the name of a table format; None for a valid one."""
    return None if text in SPELLINGS else f"must be one of {', '.join(SPELLINGS)}, not {text!r}"


def _wrong_layout(layout: Layout) -> Iterator[tuple[LayoutKey, str]]:
    if layout.table_format is not None and (wrong := wrong_format(layout.table_format)):
        yield "table_format", wrong
    for name, _ in layout.table_options:
        if name.startswith("fft."):
            yield "table_options", f"{name!r}: properties that begin with fft. are those of FFT"


LAYOUT = LayoutSupport(
    partition_by="the columns; on Iceberg also time spans of a column",
    cluster_by="the columns of a Delta table without partitions",
    table_format="the format; the key of the profile is the default",
    table_options="table properties, merged over those of the profile",
    wrong=_wrong_layout,
)
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
    keeps_grants=No("not promised: never verified on Databricks, and Spark has no grants"),
    indexes=No("Spark has none"),
    constraints=No("Spark enforces none"),
)


def capabilities_of(form: str) -> Capabilities:
    """Return the capabilities of tables of a format."""
    if form == PARQUET:
        return CAN
    return replace(CAN, replaces_atomically=Full(), changes_rows=Full(), knows_versions=Full())


SPEC = EngineSpec(
    name="databricks_spark",
    aliases=("databricks", "spark"),
    family="spark",
    title="Spark and Databricks",
    settings={
        "remote": Setting(
            "FF_DBR_REMOTE",
            example="sc://127.0.0.1:15002",
            description="The URL of a server of Spark Connect, with parameters behind `/;`.",
        ),
        "token": Setting(
            "FF_DBR_TOKEN", is_secret=True, description="The token for Databricks; it is added to the URL."
        ),
        "cluster_id": Setting("FF_DBR_CLUSTER_ID", description="The cluster of Databricks; it is added to the URL."),
        "master": Setting(
            "FF_DBR_MASTER", default="local[*]", description="The master of a Spark in the process, without `remote`."
        ),
        "app_name": Setting("FF_DBR_APPNAME", default="fft", description="The name that a Spark in the process shows."),
        "catalog": Setting(
            "FF_DBR_CATALOG",
            description="The name of a catalog, for example of Unity Catalog. A value with a dot is the class of "
            "`spark_catalog`, for a Spark in the process.",
        ),
        "database": Setting(
            "FF_DBR_DATABASE",
            default="default",
            description="The database (schema) of the models; it is created if it is missing.",
        ),
        "table_format": Setting(
            "FF_DBR_TABLE_FORMAT",
            default=PARQUET,
            wrong=wrong_format,
            description="The format of tables: `parquet`, `delta` or `iceberg`.",
        ),
        "table_options": Setting(
            "FF_DBR_TABLE_OPTIONS", "mapping", description="Properties that each table gets, by name."
        ),
        "warehouse_dir": Setting(
            "FF_DBR_WAREHOUSE_DIR", "path", description="The folder of databases, for a Spark in the process."
        ),
        "use_hive_metastore": Setting(
            "FF_DBR_ENABLE_HIVE",
            "truth",
            default=False,
            description="Whether a Spark in the process keeps its catalog in a metastore of Hive.",
        ),
        "extra_conf": Setting(
            "FF_DBR_EXTRA_CONF",
            "mapping",
            description="Settings of Spark, by name; with `remote`, only those of a session.",
        ),
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
    layout=LAYOUT,
    functions=Path(__file__).with_name("functions.json"),
    profiles=_PROFILES,
    names_ignore_case=True,
)

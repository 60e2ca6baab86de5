"""BigQuery, by its client for Python and BigQuery DataFrames. `SPEC` holds the facts that need no driver."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fft_core.engines.bigquery.layout import SUPPORT
from fft_core.engines.bigquery.spelling import SPELLING
from fft_core.engines.spec import Capabilities, EngineSpec, Full, Namespace, No, Setting
from fft_core.engines.spec.frames import LIBRARY_FRAMES, FrameKind
from fft_core.engines.spec.lexis import Lexis

_QUOTES = ("'''", '"""', "'", '"', "`")
LEXIS = Lexis(_QUOTES, frozenset(_QUOTES), doubling=False, line_comments=("--", "#"))
BIGFRAMES = FrameKind("bigframes", "bigframes", "DataFrame", is_native=True)
_PROFILES = """\
# Credentials are those of `gcloud auth application-default login`, or of a file that is not for version control.
dev:
  engine: bigquery
  bigquery:
    project: "{{ env('FF_BQ_PROJECT') }}"
    dataset: dev
    location: EU
    allow_create_dataset: true

# For `fft utest`: a dataset of its own.
dev_utest:
  engine: bigquery
  bigquery:
    project: "{{ env('FF_BQ_PROJECT') }}"
    dataset: dev_utest
    location: EU
    allow_create_dataset: true
"""


def namespace(settings: Mapping[str, Any]) -> Namespace:
    """Return the dataset and project of a profile's relations."""
    return Namespace(settings.get("dataset"), settings.get("project"))


SPEC = EngineSpec(
    name="bigquery",
    title="BigQuery",
    settings={
        "project": Setting(
            "FF_BQ_PROJECT",
            required=True,
            example="my-project",
            description="The project of the relations; its jobs are billed to it.",
        ),
        "dataset": Setting("FF_BQ_DATASET", required=True, example="dev", description="The dataset of the relations."),
        "location": Setting("FF_BQ_LOCATION", description="The location of jobs and of datasets that are created."),
        "use_bigframes": Setting(
            "FF_BQ_USE_BIGFRAMES",
            "truth",
            default=True,
            description="Whether Python models can take frames of BigQuery DataFrames.",
        ),
        "allow_create_dataset": Setting(
            "FF_BQ_ALLOW_CREATE_DATASET", "truth", default=False, description="Whether a missing dataset is created."
        ),
        "keyfile": Setting("FF_BQ_KEYFILE", "path", description="The file with the key of a service account."),
        "impersonate_service_account": Setting(
            "FF_BQ_IMPERSONATE_SERVICE_ACCOUNT", description="The service account whose roles are used."
        ),
        "maximum_bytes_billed": Setting(
            "FF_BQ_MAXIMUM_BYTES_BILLED",
            "whole number",
            at_least=1,
            description="The largest number of bytes that a query may be billed for.",
        ),
        "retry_seconds": Setting(
            "FF_BQ_RETRY_SECONDS",
            "whole number",
            default=600,
            at_least=0,
            description="How long a request is repeated if the service is busy.",
        ),
        "endpoint": Setting("FF_BQ_ENDPOINT", description="The address of a private endpoint, or of an emulator."),
    },
    can=Capabilities(
        one_writer_process=No("a service has any number of sessions"),
        materialized_views=No("its own are of few kinds of queries and refresh by themselves: none are built"),
        renames_repeated_columns=No("two columns of one name are an error"),
        transactions=No("each statement that creates, alters or drops commits"),
        replaces_atomically=Full(),
        changes_rows=Full(),
        changes_together=Full(),
        replaces_kinds=No("one is dropped before the other is created"),
        temporary_tables=No("they live in a session or script; tables that expire are used instead"),
        clones=No("not used: what a table will hold is judged as a query"),
        rows_known=Full(),
        knows_versions=Full(),
        reads_elsewhere=Full(),
        grants=No("none are set yet"),
        keeps_grants=No("those on a table are not promised: never verified on the service"),
        indexes=No("its tables have partitions and clusters, and no indexes of that kind"),
        constraints=No("BigQuery declares them, and enforces none but NOT NULL"),
    ),
    spelling=SPELLING,
    namespace=namespace,
    module="fft_core.engines.bigquery.session",
    extra="fft-dagster[bigquery]",
    drivers=("google-cloud-bigquery", "bigframes"),
    schema_setting="dataset",
    variables="FF_BQ_",
    frames=(BIGFRAMES, *LIBRARY_FRAMES),
    lexis=LEXIS,
    layout=SUPPORT,
    functions=Path(__file__).with_name("functions.json"),
    profiles=_PROFILES,
)

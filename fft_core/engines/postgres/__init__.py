"""Postgres. `SPEC` describes the engine without its driver."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fft_core.engines.postgres.dsn import EXAMPLE, HINT, wrong_dsn
from fft_core.engines.postgres.spelling import SPELLING
from fft_core.engines.spec import LOCK_TIMEOUT, Capabilities, EngineSpec, Full, Namespace, No, Setting
from fft_core.engines.spec.lexis import DOLLAR_QUOTES

LONGEST_NAME = 63  # bytes; Postgres cuts longer names
_PROFILES = """\
# FF_PG_DSN comes from the environment or from .env.local, which is not for version control.
dev:
  engine: postgres
  postgres:
    dsn: "{{ env('FF_PG_DSN') }}"
    db_schema: dev

# For `fft utest`: a schema of its own.
dev_utest:
  engine: postgres
  postgres:
    dsn: "{{ env('FF_PG_DSN') }}"
    db_schema: dev_utest
"""


def namespace(settings: Mapping[str, Any]) -> Namespace:
    """Return the namespace of a profile's relations."""
    return Namespace(settings.get("db_schema") or "public")


SPEC = EngineSpec(
    name="postgres",
    aliases=("postgresql", "pg"),
    title="Postgres",
    settings={
        "dsn": Setting(
            "FF_PG_DSN",
            required=True,
            is_secret=True,
            wrong=wrong_dsn,
            hint=HINT,
            example=EXAMPLE,
            description="The connection, in the form of libpq or SQLAlchemy. It is never shown.",
        ),
        "db_schema": Setting("FF_PG_SCHEMA", description="The schema of relations. [default: `public`]"),
        LOCK_TIMEOUT: Setting(
            "FF_PG_LOCK_TIMEOUT_SECONDS",
            "whole number",
            default=600,
            at_least=0,
            description="Seconds to wait for other processes that build the same relation.",
        ),
        "replace_in_place_up_to_mb": Setting(
            "FF_PG_REPLACE_IN_PLACE_UP_TO_MB",
            "whole number",
            default=16,
            at_least=0,
            description="The size in MB up to which rows are replaced in place; larger tables are swapped.",
        ),
    },
    can=Capabilities(
        one_writer_process=No("a server has any number of sessions"),
        materialized_views=Full(),
        renames_repeated_columns=No("a repeated column name is an error"),
        transactions=Full(),
        replaces_atomically=Full(),
        changes_rows=Full(),
        changes_together=Full(),
        replaces_kinds=Full(),
        temporary_tables=Full(),
        clones=No("a copy stores all rows a second time"),
        rows_known=No("the statistics are delayed, and lost in a crash"),
        knows_versions=No("only a digest of all rows is reliable"),
        grants=Full(),
        keeps_grants=Full(),
        indexes=Full(),
        constraints=Full(),
        reads_elsewhere=Full(),
    ),
    spelling=SPELLING,
    namespace=namespace,
    module="fft_core.engines.postgres.session",
    reader="fft_core.engines.postgres.reading",
    extra="fft-dagster[postgres]",
    drivers=("psycopg",),
    schema_setting="db_schema",
    variables="FF_PG_",
    lexis=DOLLAR_QUOTES,
    functions=Path(__file__).with_name("functions.json"),
    profiles=_PROFILES,
)

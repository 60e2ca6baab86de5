"""Snowflake, by its connector and Snowpark. `SPEC` holds the facts that need no driver."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fft_core.engines.snowflake.spelling import SPELLING
from fft_core.engines.spec import Capabilities, EngineSpec, Full, Namespace, No, Setting
from fft_core.engines.spec.frames import LIBRARY_FRAMES, FrameKind
from fft_core.engines.spec.layout import LayoutSupport
from fft_core.engines.spec.lexis import Lexis

SNOWPARK = FrameKind("snowpark", "snowflake.snowpark", "DataFrame", is_native=True)
LAYOUT = LayoutSupport(
    cluster_by="columns or expressions", transient="TRANSIENT; the key of the profile is the default"
)
LEXIS = Lexis(escaping=frozenset("'"), dollars=r"\$\$", line_comments=("--", "//"))
_PROFILES = """\
# Secrets come from the environment or from .env.local, which is not for version control.
dev:
  engine: snowflake_snowpark
  snowflake_snowpark:
    account: "{{ env('FF_SF_ACCOUNT') }}"   # as in myorg-myaccount
    user: "{{ env('FF_SF_USER') }}"
    private_key_path: "{{ env('FF_SF_PRIVATE_KEY_PATH', '~/.ssh/snowflake_key.p8') }}"
    warehouse: transforming
    database: analytics
    schema: dev
    allow_create_schema: true

# For `fft utest`: a schema of its own.
dev_utest:
  engine: snowflake_snowpark
  snowflake_snowpark:
    account: "{{ env('FF_SF_ACCOUNT') }}"
    user: "{{ env('FF_SF_USER') }}"
    private_key_path: "{{ env('FF_SF_PRIVATE_KEY_PATH', '~/.ssh/snowflake_key.p8') }}"
    warehouse: transforming
    database: analytics
    schema: dev_utest
    allow_create_schema: true
"""


def namespace(settings: Mapping[str, Any]) -> Namespace:
    """Return the database and schema of a profile's relations."""
    return Namespace(settings.get("schema"), settings.get("database"))


SPEC = EngineSpec(
    name="snowflake_snowpark",
    aliases=("snowflake", "snowpark"),
    family="snowflake",
    title="Snowflake",
    settings={
        "account": Setting(
            "FF_SF_ACCOUNT",
            required=True,
            example="myorg-myaccount",
            description="The account, as in `myorg-myaccount`.",
        ),
        "user": Setting("FF_SF_USER", required=True, example="transformer", description="The user."),
        "password": Setting(
            "FF_SF_PASSWORD", is_secret=True, description="The password. A profile needs one way of signing in."
        ),
        "private_key_path": Setting("FF_SF_PRIVATE_KEY_PATH", "path", description="The file with the private key."),
        "private_key_passphrase": Setting(
            "FF_SF_PRIVATE_KEY_PASSPHRASE", is_secret=True, description="The passphrase of the private key."
        ),
        "token": Setting(
            "FF_SF_TOKEN", is_secret=True, description="A token of OAuth, or a programmatic access token."
        ),
        "authenticator": Setting(
            "FF_SF_AUTHENTICATOR",
            description="The way of signing in, in the connector's words: `externalbrowser`, `oauth`, and others.",
        ),
        "warehouse": Setting("FF_SF_WAREHOUSE", description="The warehouse. [default: the user's]"),
        "database": Setting(
            "FF_SF_DATABASE", required=True, example="analytics", description="The database of relations."
        ),
        "schema": Setting("FF_SF_SCHEMA", required=True, example="dev", description="The schema of relations."),
        "role": Setting("FF_SF_ROLE", description="The role. [default: the user's]"),
        "allow_create_schema": Setting(
            "FF_SF_ALLOW_CREATE_SCHEMA", "truth", default=False, description="`true`: a missing schema is created."
        ),
        "transient": Setting(
            "FF_SF_TRANSIENT", "truth", default=False, description="`true`: published tables have no fail-safe."
        ),
        "host": Setting("FF_SF_HOST", description="The host of a proxy or an emulator. [default: the account's]"),
        "port": Setting(
            "FF_SF_PORT",
            "whole number",
            at_least=1,
            description="The port of a proxy or an emulator. [default: the account's]",
        ),
        "protocol": Setting(
            "FF_SF_PROTOCOL", description="The protocol of a proxy or an emulator. [default: the account's]"
        ),
    },
    can=Capabilities(
        one_writer_process=No("a service has any number of sessions"),
        materialized_views=No(
            "materialized views read only one table, and dynamic tables refresh by themselves; FFT builds neither"
        ),
        renames_repeated_columns=No("a repeated column name is an error"),
        transactions=No("each CREATE, ALTER or DROP commits"),
        replaces_atomically=Full(),
        changes_rows=Full(),
        changes_together=Full(),
        replaces_kinds=No("one is dropped before the other is created"),
        temporary_tables=Full(),
        clones=No("not used by FFT"),
        rows_known=Full(),
        knows_versions=Full(),
        reads_elsewhere=Full(),
        grants=No("FFT keeps existing grants, but sets none yet"),
        keeps_grants=Full(),
        indexes=No("Snowflake's tables have none"),
        constraints=No("Snowflake declares them, and enforces none but NOT NULL"),
    ),
    spelling=SPELLING,
    namespace=namespace,
    module="fft_core.engines.snowflake.session",
    extra="fft-dagster[snowflake]",
    drivers=("snowflake-connector-python", "snowflake-snowpark-python"),
    schema_setting="schema",
    variables="FF_SF_",
    frames=(SNOWPARK, *LIBRARY_FRAMES),
    lexis=LEXIS,
    layout=LAYOUT,
    functions=Path(__file__).with_name("functions.json"),
    profiles=_PROFILES,
    names_ignore_case=True,
)

"""Kinds of environment variables: those that determine rows, those that only locate things, and secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache

from fft_core.engines.spec.registry import installed_specs

_PREFIX = "FF_"
# Connections, caches and the like: the same rows, elsewhere. They count if a Python model reads them by name.
_WHERE = re.compile(
    r"FF_(ENGINE(_VARIANT)?|CI_CHANGED_MODELS|(BQ|SF|SPARK|DBR|HTTP|TEST|LOG)_.*|DSN|PATH|SCHEMA|PROFILE)"
)
# Exact names, which docs/reference/secrets.md lists: each of them is a credential wherever it is set.
WELL_KNOWN = frozenset(
    """
    ANTHROPIC_API_KEY AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AZURE_CLIENT_SECRET AZURE_STORAGE_CONNECTION_STRING
    AZURE_STORAGE_KEY AZURE_STORAGE_SAS_TOKEN CI_JOB_TOKEN DAGSTER_CLOUD_API_TOKEN DATABASE_URL DATABRICKS_TOKEN
    FF_API_KEY FF_API_TOKEN FF_DSN FF_PG_DSN FF_SF_PASSWORD GH_TOKEN GITHUB_TOKEN GITLAB_TOKEN HF_TOKEN MOTHERDUCK_TOKEN
    MYSQL_PWD NPM_TOKEN OPENAI_API_KEY PGPASSWORD POSTGRES_PASSWORD SLACK_BOT_TOKEN SNOWFLAKE_PASSWORD
    TWINE_PASSWORD VAULT_TOKEN motherduck_token
    """.split()
)
# Variables that only look like credentials: the folder of the shell, columns, files and limits.


def is_secret(name: str, declared: Iterable[str] = ()) -> bool:
    """Return whether a variable is a secret: a declared name or glob, or one of the well-known names.

    A name that only looks secret does not count: the variable can change rows.

    >>> is_secret("PGPASSWORD"), is_secret("FF_ACCESS_KEY_COLUMN"), is_secret("CRM_LOGIN", ["CRM_*"])
    (True, False, True)
    """
    return name in WELL_KNOWN or name in _of_engines() or any(fnmatchcase(name, glob) for glob in declared)


@cache  # called for each variable of each model
def _of_engines() -> frozenset[str]:
    """Return the variables of secret settings of the installed engines."""
    settings = (setting for spec in installed_specs().values() for setting in spec.settings.values())
    return frozenset(setting.variable for setting in settings if setting.is_secret)


@cache
def _prefixes() -> tuple[str, ...]:
    """Return the prefixes of the variables of the installed engines."""
    return tuple(spec.variables for spec in installed_specs().values() if spec.variables)


def _says_where(name: str) -> bool:
    return _WHERE.fullmatch(name) is not None or name.startswith(_prefixes())


def counted_variables(
    environment: Mapping[str, str], read: Iterable[str], *, all_of_ours: bool, secrets: Iterable[str] = ()
) -> dict[str, str]:
    """Choose the variables that count for a model: those that it reads, and all user FF_* variables with `all_of_ours`.

    Secrets never count; variables that locate things count only if they are read by name.

    >>> counted_variables({"FF_DEMO_TOGGLE": "1", "FF_DUCKDB_PATH": "x", "HOME": "/"}, [], all_of_ours=True)
    {'FF_DEMO_TOGGLE': '1'}
    """
    names = set(read)
    if all_of_ours or "*" in names:
        names |= {name for name in environment if name.startswith(_PREFIX) and not _says_where(name)}
    return {name: environment[name] for name in sorted(names) if name in environment and not is_secret(name, secrets)}

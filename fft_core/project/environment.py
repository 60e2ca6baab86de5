"""Which environment variables say what a model's rows are, and which only say where things lie."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_PREFIX = "FF_"
# Connections, caches and the like: the same rows, elsewhere. They count where a Python model reads them by name.
_WHERE = re.compile(
    r"FF_(ENGINE(_VARIANT)?|CI_CHANGED_MODELS|(DUCKDB|PG|BQ|SF|SPARK|DBR|HTTP|TEST|LOG)_.*|DSN|PATH|SCHEMA|PROFILE)"
)
# The shorter words only at the end: FF_PASS_RATE and FF_TOKEN_LIMIT change rows.
_SECRET = re.compile(
    r"(^|_)(PASS(WORD|WD|PHRASE)|SECRETS?|CREDENTIALS?|(API|ACCESS|PRIVATE)_?KEY)($|_)|(^|_)(PASS|PWD|TOKEN|DSN)\d*$"
)


def is_secret(name: str) -> bool:
    """Whether a variable's name says that it is a credential.

    >>> is_secret("FF_SF_PASSWORD"), is_secret("FF_PARTITION_KEY"), is_secret("FF_PASS_RATE")
    (True, False, False)
    """
    return _SECRET.search(name.upper()) is not None


def without_secrets(text: str, environment: Mapping[str, str]) -> str:
    """Blank the values of credentials in a text that is to be shown; short values are left, as they are anywhere.

    >>> without_secrets("select 'hunter2'", {"FF_API_TOKEN": "hunter2"})
    "select '***'"
    """
    for name, value in environment.items():
        if len(value) >= 4 and is_secret(name):
            text = text.replace(value, "***")
    return text


def counted_variables(environment: Mapping[str, str], read: Iterable[str], *, all_of_ours: bool) -> dict[str, str]:
    """Choose the variables that count for a model: those that it reads, and all user FF_* variables where wanted.

    Credentials never count; variables that say where rather than what only where they are read by name.

    >>> counted_variables({"FF_DEMO_TOGGLE": "1", "FF_DUCKDB_PATH": "x", "HOME": "/"}, [], all_of_ours=True)
    {'FF_DEMO_TOGGLE': '1'}
    """
    names = set(read)
    if all_of_ours or "*" in names:
        names |= {name for name in environment if name.startswith(_PREFIX) and not _WHERE.fullmatch(name)}
    return {name: environment[name] for name in sorted(names) if name in environment and not is_secret(name)}

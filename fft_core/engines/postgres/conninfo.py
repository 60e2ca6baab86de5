"""A dsn as libpq reads it, and the parts of it that may be shown."""

from __future__ import annotations

import os
import re

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fft_core.engines.postgres.dsn import HINT, wrong_dsn
from fft_core.errors import ConnectError


def conninfo_of(dsn: str) -> str:
    """Return a dsn as libpq reads it, with FFT's defaults. Raises ConnectError, which repeats nothing of the dsn."""
    wrong = wrong_dsn(dsn)
    try:
        given = {} if wrong else conninfo_to_dict(re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", dsn))
    except psycopg.Error:
        wrong = "cannot be read"  # libpq's message may quote parts of the password
    if wrong:
        raise ConnectError(f"the dsn of the Postgres profile {wrong}", hint=HINT, code="FFT-205")
    given.setdefault("fallback_application_name", "fft")
    given.setdefault("connect_timeout", "10")
    return make_conninfo("", **{**given, "client_encoding": "UTF8"})


def shown(conninfo: str) -> str:
    """Return a connection as it may be shown: its user, host and database, without the password."""
    given = conninfo_to_dict(conninfo)
    where = f"{given.get('host') or 'the local socket'}:{given.get('port') or 5432}"
    database, user = given.get("dbname") or "(default)", given.get("user") or "(default)"
    return f"Postgres at {where}, database {database}, user {user}"


def database_of(conninfo: str) -> str:
    """Return the name of the database of a connection, the same for every user who connects."""
    given = conninfo_to_dict(conninfo)
    user = given.get("user") or os.environ.get("PGUSER") or ""
    database = given.get("dbname") or os.environ.get("PGDATABASE") or user
    host = given.get("host") or given.get("hostaddr") or os.environ.get("PGHOST") or "the local socket"
    return f"{database} at {host}:{given.get('port') or os.environ.get('PGPORT') or 5432}"

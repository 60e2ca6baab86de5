"""The other profiles that a Postgres session can read: other schemas of its database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus

from fft_core.engines.postgres import namespace
from fft_core.engines.postgres.conninfo import conninfo_of, database_of
from fft_core.engines.postgres.settings import set_search_path
from fft_core.engines.protocol import Row
from fft_core.engines.session import looking_at
from fft_core.errors import EngineError

if TYPE_CHECKING:
    from fft_core.engines.postgres.session import PostgresSession


class PostgresPlaces:
    """The profiles whose relations a session can read.

    Args:
        session: The session.
        conninfo: The connection string of the session.
    """

    def __init__(self, session: PostgresSession, conninfo: str) -> None:
        self._session = session
        self._conninfo = conninfo

    def of(self, settings: Mapping[str, Any]) -> PostgresSession:  # Any: a setting is text or a number
        ours, theirs = map(database_of, (self._conninfo, conninfo_of(settings["dsn"])))
        if ours != theirs:
            raise EngineError(
                f"the other profile is on another Postgres database: {theirs}, but this one is on {ours}",
                hint="One statement reads one database. Put both environments into schemas of one database.",
                code="FFT-223",
            )
        return looking_at(self._session, namespace(settings))


@contextmanager
def looking_from(connection: psycopg.Connection[Row], own: str | None, schema: str | None) -> Iterator[None]:
    """Read the catalog with the search path of another profile, because the text of a view depends on it."""
    if schema == own:
        yield
        return
    connection.execute(f"select {set_search_path(schema)}".encode())
    try:
        yield
    finally:
        if connection.info.transaction_status is not TransactionStatus.INERROR:  # else the rollback restores it
            connection.execute(f"select {set_search_path(own)}".encode())

"""New SQLite databases with the tables and the version of stock Dagster, each created in one transaction.

Stock imports all of Dagster's migrations twice for each database, to find out which is the last one. Here a process
asks Alembic once, and keeps the statements that create the tables as text.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache

import sqlalchemy as db
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

# Private: Dagster's module of migrations, beside which each of its storages has its settings for them.
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.sql import get_alembic_config
from sqlalchemy.engine import Connection

from fft_dagster.storage.connections import BUSY_TIMEOUT_SECONDS, driver_of


def is_stamped(path: str, table: str = "alembic_version") -> bool:
    """Return whether a database has a version and a table, so that stock's check of it is not needed.

    The check imports each of Dagster's migrations, to find out which is the last one.
    """
    if not os.path.exists(path):  # noqa: PTH110 - as the callers
        return False
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS)) as connection, suppress(sqlite3.OperationalError):
        tables = connection.execute("select 1 from sqlite_master where name = ?", [table]).fetchone()
        return bool(tables and connection.execute("select version_num from alembic_version").fetchone())
    return False


def create_new(path: str, tables: db.MetaData) -> bool:
    """Create an empty database of the newest version, and its folder.

    Returns:
        False if there is a file of that name, or another process has just created it: it is left as it is.
    """
    if os.path.exists(path):  # noqa: PTH110 - as the callers
        return False
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - as the callers
    return _create(path, [*_creates(tables), *_stamps()])


def create_like(path: str, model: sqlite3.Connection) -> bool:
    """Create an empty database with the tables, indexes and version of another one. Returns as `create_new` does."""
    return not os.path.exists(path) and _create(path, [*_tables_of(model), *_version_of(model)])  # noqa: PTH110


def _create(path: str, schema: Iterable[str]) -> bool:
    statements = ["pragma journal_mode = wal", "begin immediate", *schema, "commit"]
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS)) as connection:
        try:
            connection.executescript(";\n".join(statements))
        except sqlite3.OperationalError:
            return False
    return True


@cache
def _creates(tables: db.MetaData) -> tuple[str, ...]:
    with _in_memory() as connection:
        tables.create_all(connection, checkfirst=False)
        return tuple(_tables_of(driver_of(connection)))


@cache
def _stamps() -> tuple[str, ...]:
    """Return the statements with which Alembic marks a database as fully migrated."""
    migrations = ScriptDirectory.from_config(get_alembic_config(sqlite_run_storage.__file__))
    with _in_memory() as connection:
        MigrationContext.configure(connection).stamp(migrations, "head")
        stamped = driver_of(connection)
        return (*_tables_of(stamped), *_version_of(stamped))


def _tables_of(model: sqlite3.Connection) -> list[str]:
    made = model.execute("select sql from sqlite_master where sql is not null order by rowid")
    return [text for (text,) in made]


def _version_of(model: sqlite3.Connection) -> list[str]:
    versions = model.execute("select version_num from alembic_version")
    return [f"insert into alembic_version values ('{version}')" for (version,) in versions]


@contextmanager
def _in_memory() -> Iterator[Connection]:
    engine = db.create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()

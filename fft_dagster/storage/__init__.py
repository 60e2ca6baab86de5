"""SQLite storages for Dagster that keep their connections open: stock files and schema at a fraction of the cost.

dagster.yaml:

    storage:
      custom: {module: fft_dagster.storage, class: PooledSqliteStorage, config: {base_dir: /path/to/dagster_home}}
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

# Private: the stock storages, whose one method that opens a connection is replaced.
from dagster._core.storage.runs.schema import RunStorageSqlMetadata, SnapshotsTable
from dagster._core.storage.runs.sql_run_storage import SnapshotType
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage

# Private: stock's name of a database in a folder.
from dagster._core.storage.sqlite import create_db_conn_string

# Private: the places in base_dir of stock Dagster's three kinds of files.
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
    _schedule_directory,
)
from dagster._serdes import ConfigurableClassData, serialize_value

# Private: stock's id of a snapshot, made from its text.
from dagster_shared.serdes.utils import hash_str
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from fft_dagster.storage.connections import OpenDatabases, one_creates
from fft_dagster.storage.creation import create_new, is_stamped
from fft_dagster.storage.event_log import PooledSqliteEventLogStorage

if TYPE_CHECKING:
    from dagster._core.snap import ExecutionPlanSnapshot

__all__ = [
    "PooledSqliteEventLogStorage",
    "PooledSqliteRunStorage",
    "PooledSqliteScheduleStorage",
    "PooledSqliteStorage",
]


class _KeepsOpen:
    """One database, kept open. The stock storages open it again in each call of this method."""

    _conn_string: str

    @cached_property
    def _databases(self) -> OpenDatabases:
        return OpenDatabases(durable=True)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with self._databases.transaction(self._conn_string) as connection:
            yield connection

    def dispose(self) -> None:
        self._databases.close()


def _mark_as_migrated(new: SqliteRunStorage | SqliteScheduleStorage) -> None:
    """Mark a new database as migrated, as stock does: it has no rows to migrate."""
    new.migrate()
    new.optimize()


class PooledSqliteScheduleStorage(_KeepsOpen, SqliteScheduleStorage):
    """The stock storage of schedules with its connections kept open."""

    @classmethod
    def from_local(cls, base_dir: str, inst_data: ConfigurableClassData | None = None) -> SqliteScheduleStorage:
        path = os.path.join(base_dir, "schedules.db")  # noqa: PTH118 - stock's own spelling of it
        is_new = create_new(path, ScheduleStorageSqlMetadata)
        if not (is_new or is_stamped(path)):
            return super().from_local(base_dir, inst_data)
        storage = cls(create_db_conn_string(base_dir, "schedules"), inst_data)
        if is_new:
            _mark_as_migrated(storage)
        return storage


class PooledSqliteRunStorage(_KeepsOpen, SqliteRunStorage):
    """The stock storage of runs with its connections kept open."""

    schedules: SqliteScheduleStorage | None = None

    @classmethod
    def from_local(cls, base_dir: str, inst_data: ConfigurableClassData | None = None) -> Self:
        path = os.path.join(base_dir, "runs.db")  # noqa: PTH118 - stock's own spelling of it
        is_new = create_new(path, RunStorageSqlMetadata)
        if not (is_new or is_stamped(path, "instance_info")):
            return super().from_local(base_dir, inst_data)
        storage = cls(create_db_conn_string(base_dir, "runs"), inst_data)
        if is_new:
            _mark_as_migrated(storage)
        return storage

    def has_execution_plan_snapshot(self, execution_plan_snapshot_id: str) -> bool:
        """Return whether a snapshot is stored; stock reads and unpacks all of it to answer."""
        return self._has_snapshot_id(execution_plan_snapshot_id)

    def add_execution_plan_snapshot(self, execution_plan_snapshot: ExecutionPlanSnapshot) -> str:
        """Store a plan, serialised once; stock serialises it once for its id and once more to store it."""
        text = serialize_value(execution_plan_snapshot)
        snapshot_id = hash_str(text)
        body = zlib.compress(text.encode(), level=1)
        values = {"snapshot_id": snapshot_id, "snapshot_body": body, "snapshot_type": SnapshotType.EXECUTION_PLAN.value}
        with self.connect() as connection, suppress(IntegrityError):  # another process has just stored the same
            connection.execute(SnapshotsTable.insert().values(values))
        return snapshot_id

    def dispose(self) -> None:
        super().dispose()
        if self.schedules is not None:  # an instance disposes of its storages of runs and events, and forgets this one
            self.schedules.dispose()


class PooledSqliteStorage(DagsterSqliteStorage):
    """All three storages of an instance. An instance may change from stock to this and back at any time."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Not the parent's __init__: it opens three stock storages, which would only be replaced. Relies on these names.
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]
        # Dagster then hands over the planned events of a run together; by itself, stock stores one after the other.
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
        self.base_dir = base_dir
        self._inst_data = inst_data
        with one_creates(base_dir):  # they create missing files already
            self._run_storage = PooledSqliteRunStorage.from_local(_runs_directory(base_dir))
            self._event_log_storage = PooledSqliteEventLogStorage(_event_logs_directory(base_dir))
            self._schedule_storage = PooledSqliteScheduleStorage.from_local(_schedule_directory(base_dir))
        self._run_storage.schedules = self._schedule_storage

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        return cls.from_local(inst_data=inst_data, **config_value)

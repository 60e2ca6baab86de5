"""The event log in SQLite, with its connections kept open: stock files and schema at a fraction of the cost."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, Any, Self, cast

import sqlalchemy as db
from sqlalchemy.engine import Connection, Engine
from watchdog.observers import Observer

from fft_dagster.execution.supported import require_supported_dagster
from fft_dagster.storage.connections import (
    OpenDatabases,
    bound,
    driver_of,
    insert_text,
    one_creates,
    update_text,
)
from fft_dagster.storage.creation import create_like, create_new, is_stamped

# Enough for the parents of a wide layer; a record takes a few kilobytes.
MAX_REMEMBERED_RECORDS = 1000
# The delay after which an event of a thread executor's run is stored: the loss if the process is killed.
DEFER_SECONDS = 0.1


require_supported_dagster()  # before the imports below, which may not exist in another version

from dagster import (  # noqa: E402
    AssetCheckEvaluation,
    DagsterEventType,
    DagsterInvariantViolationError,
    EventLogRecord,
)

# Private: the three groups of event types which the index database mirrors from the databases of the runs.
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, EVENT_TYPE_TO_PIPELINE_RUN_STATUS  # noqa: E402

# Private: the column of a check's row for its evaluation.
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus  # noqa: E402

# Private: the index by which the table of assets records wiped assets.
from dagster._core.storage.event_log.migration import ASSET_KEY_INDEX_COLS  # noqa: E402

# Private: the names and columns of the tables; Dagster defines them.
from dagster._core.storage.event_log.schema import (  # noqa: E402
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    AssetKeyTable,
    SqlEventLogStorageMetadata,
    SqlEventLogStorageTable,
)

# Private: the stock storage, whose one method that opens a connection is replaced.
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (  # noqa: E402
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._serdes import ConfigurableClassData  # noqa: E402

from fft_dagster.storage.wal_watchdog import WalWatchdog  # noqa: E402

if TYPE_CHECKING:
    from dagster import AssetKey, EventLogEntry
    from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
    from dagster._core.event_api import EventHandlerFn

_PLANNED, _SUCCEEDED, _FAILED = (
    status.value
    for status in (
        AssetCheckExecutionRecordStatus.PLANNED,
        AssetCheckExecutionRecordStatus.SUCCEEDED,
        AssetCheckExecutionRecordStatus.FAILED,
    )
)
_ENDS_OF_RUNS = frozenset({DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED})
_MIRRORED_EVENTS = frozenset({*ASSET_EVENTS, *ASSET_CHECK_EVENTS, *EVENT_TYPE_TO_PIPELINE_RUN_STATUS})


# The statements of a step as text: building them in SQLAlchemy would take longer than SQLite needs to run them.
_EVENT_ROW = ("run_id", "event", "dagster_event_type", "timestamp", "step_key", "asset_key", "partition")
_INSERT_EVENT = insert_text(SqlEventLogStorageTable, *_EVENT_ROW)
_INSERT_TAG = insert_text(AssetEventTagsTable, "event_id", "asset_key", "key", "value", "event_timestamp")
_EVALUATION = (
    "execution_status",
    "evaluation_event",
    "evaluation_event_timestamp",
    "evaluation_event_storage_id",
    "materialization_event_storage_id",
)
_INSERT_PLANNED_CHECK = insert_text(
    AssetCheckExecutionsTable, "asset_key", "check_name", "partition", "run_id", *_EVALUATION[:-1]
)
_UPDATE_PLANNED_CHECK = update_text(
    AssetCheckExecutionsTable,
    _EVALUATION,
    "asset_key = :asset_key and check_name = :check_name and run_id = :run_id and partition is :partition",
)
_ASSET_ROW = ("id", "asset_key", "last_materialization", "last_run_id", "asset_details", "cached_status_data")
_SELECT_ASSETS = (
    f"select {', '.join(AssetKeyTable.c[name].name for name in _ASSET_ROW)} from {AssetKeyTable.name} "
    "where asset_key in ({}) and (wipe_timestamp is null or last_materialization_timestamp > wipe_timestamp) "
    "order by asset_key"
)
MAX_ASSETS_A_QUERY = 500


class _RememberedRecords:
    """Deserialised materializations, by their text: the text always comes from the database."""

    def __init__(self) -> None:
        self._records: dict[str, tuple[str, EventLogRecord]] = {}

    def remember(self, asset_key: str, text: str, record: EventLogRecord) -> None:
        if len(self._records) >= MAX_REMEMBERED_RECORDS:
            self._records.clear()  # and needs no lock, which a fork could leave taken
        self._records[asset_key] = (text, record)

    def find(self, asset_key: str, text: str) -> EventLogRecord | None:
        known_text, record = self._records.get(asset_key, ("", None))
        return record if text and text == known_text else None


@dataclass(frozen=True)
class _Serialised:
    """An event, and its row as the database takes it."""

    entry: EventLogEntry
    row: Mapping[str, Any]  # Any: any value that SQLite takes


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """The stock event log, one database a run and an index database, with connections kept open."""

    _obs: Any  # Any: stock declares it as None

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._storing_deferred = 0  # the thread that stores
        self._forget_deferred()
        self._databases = OpenDatabases(durable=False, in_forked_child=self._forget_deferred)
        self._records = _RememberedRecords()
        self._held = threading.local()  # connections of the transaction that this thread is in
        self._forget_schema()
        super().__init__(base_dir, inst_data)

    def _forget_schema(self) -> None:
        self._tables: set[str] = set()
        self._columns: set[str] = set()
        self._indexes: set[str] = set()

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """Open a connection in a transaction. Private in stock: all of its methods get their connections here."""
        held = self._held_connections().get(shard)
        if held is not None:
            yield held
            return
        if self._deferred or self._storing_deferred:
            self.store_deferred()
        self._initialise(shard)
        with self._databases.transaction(self.conn_string_for_shard(shard)) as connection:
            yield connection

    def _initialise(self, shard: str) -> None:
        """Create the database of a run at first use, and again after another process wiped the storage."""
        path = self.path_for_shard(shard)
        if shard in self._initialized_dbs and os.path.exists(path):  # noqa: PTH110 - asked for each event
            return
        if shard != INDEX_SHARD_NAME:
            self._initialise(INDEX_SHARD_NAME)  # first, because the lock below is not reentrant
        with one_creates(self._base_dir):
            if shard in self._initialized_dbs and not os.path.exists(path):  # noqa: PTH110
                self._databases.close()
            if not is_stamped(path) and not self._created_like_index(shard):
                with self._databases.engine(self.conn_string_for_shard(shard)) as engine:
                    self._initdb(engine)
            self._initialized_dbs.add(shard)

    def _created_like_index(self, shard: str) -> bool:
        """Create a database like the index, if possible: all have the same tables, and stock asks Alembic each time."""
        if shard == INDEX_SHARD_NAME or not is_stamped(self.path_for_shard(INDEX_SHARD_NAME)):
            return False
        with self._connect(INDEX_SHARD_NAME) as connection:
            return create_like(self.path_for_shard(shard), driver_of(connection))

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        """Create the tables of a database, or check their version. Private in stock."""
        if not create_new(engine.url.database or "", SqlEventLogStorageMetadata):
            super()._initdb(engine, for_index_shard)

    def _held_connections(self) -> dict[str, Connection]:
        if not hasattr(self._held, "connections"):
            self._held.connections = {}
        connections: dict[str, Connection] = self._held.connections
        return connections

    @contextmanager
    def _transaction(self, shard: str) -> Iterator[Connection]:
        """Make everything that this thread does with one database, in any method, a single transaction."""
        held = self._held_connections()
        if shard in held:
            yield held[shard]
            return
        with self._connect(shard) as connection:
            held[shard] = connection
            try:
                yield connection
            finally:
                del held[shard]

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event with the same bytes as stock, serialised once, in one transaction for each database."""
        stored = _Serialised(event, bound(self._event_to_row(event)))
        if event.run_id in self._deferring:
            self._deferred.append(stored)
            if event.is_dagster_event and event.dagster_event_type in _ENDS_OF_RUNS:
                self.store_deferred()  # the status of the run is set next: its readers must find the events
            return
        with self._databases.writing:
            self.store_deferred()
            self._store(event.run_id, [stored])

    def _store(self, run_id: str, events: Sequence[_Serialised], in_run: Callable[[], None] = lambda: None) -> None:
        """Store events; the run's database commits first, as in stock, so that the index never knows more than the run.

        `in_run` is called in between: if the index fails afterwards, the run must not get the events again.
        """
        with self._transaction(run_id) as run:
            driver_of(run).executemany(_INSERT_EVENT, [event.row for event in events])
        in_run()
        mirrored = [e for e in events if e.entry.is_dagster_event and e.entry.dagster_event_type in _MIRRORED_EVENTS]
        if mirrored:
            with self._transaction(INDEX_SHARD_NAME) as index:
                for event in mirrored:
                    self._mirror(driver_of(index), event.entry, event.row)

    # Events of a run may be stored together, a moment later: two commits for several steps instead of eight for each.

    @contextmanager
    def deferring(self, run_id: str) -> Iterator[None]:
        """Store the events of a run in groups while the context is open: DEFER_SECONDS late at most.

        Reads of this process store deferred events first. Other processes see them a moment later, and a killed process
        loses those of the last moment.
        """
        over = threading.Event()
        self._deferring.add(run_id)
        threading.Thread(target=self._store_deferred_until, args=(over,), name="event-log", daemon=True).start()
        try:
            yield
        finally:
            over.set()
            self._deferring.discard(run_id)
            self.store_deferred()

    def _store_deferred_until(self, over: threading.Event) -> None:
        while not over.wait(DEFER_SECONDS):
            try:
                self.store_deferred()
            except Exception:  # no thread waits for this one: the events are kept, and the next reader meets the error
                logging.getLogger(__name__).exception("The event log could not be written; it is tried again")

    def store_deferred(self) -> None:
        """Store deferred events; return when they can be read, even if another thread stores them."""
        if self._storing_deferred == threading.get_ident():
            return  # storing asks for a connection, too
        with self._databases.writing:
            self._storing_deferred = threading.get_ident()
            try:
                while self._deferred:
                    self._store_first_deferred()
            finally:
                self._storing_deferred = 0

    def _store_first_deferred(self) -> None:
        events = list(self._deferred)
        run_id = events[0].entry.run_id
        of_one_run = list(takewhile(lambda event: event.entry.run_id == run_id, events))

        def forget() -> None:
            for _ in of_one_run:
                self._deferred.popleft()

        self._store(run_id, of_one_run, forget)

    def _forget_deferred(self) -> None:
        """Forget deferred events in a forked child: the parent stores them."""
        self._deferred: deque[_Serialised] = deque()
        self._deferring: set[str] = set()
        self._storing_deferred = 0

    def _mirror(self, index: sqlite3.Connection, event: EventLogEntry, row: Mapping[str, Any]) -> None:
        event_id = index.execute(_INSERT_EVENT, row).lastrowid or 0
        if event.dagster_event_type in ASSET_CHECK_EVENTS:
            if not (event.run_id and _store_check(index, event, event_id, row)):
                self.store_asset_check_event(event, event_id)
        elif event.dagster_event_type in ASSET_EVENTS:
            if tags := self._tags_for_asset_event(event):
                self._store_tags(index, tags, event_id, row)
            self._store_asset(index, event, event_id, row)

    def _store_tags(
        self, index: sqlite3.Connection, tags: Mapping[str, str], event_id: int, row: Mapping[str, Any]
    ) -> None:
        if self.has_table(AssetEventTagsTable.name):
            common = {"event_id": event_id, "asset_key": row["asset_key"], "event_timestamp": row["timestamp"]}
            index.executemany(_INSERT_TAG, [{**common, "key": key, "value": value} for key, value in tags.items()])

    def _store_asset(
        self, index: sqlite3.Connection, event: EventLogEntry, event_id: int, row: Mapping[str, Any]
    ) -> None:
        """Update the row of an asset, made by its planned event. Stock tries an insert first, and serialises again."""
        if row["asset_key"] is None:
            return
        record = None
        if event.get_dagster_event().is_step_materialization:
            record = EventLogRecord(storage_id=event_id, event_log_entry=event)
            values = {"last_materialization": _record_text(row["event"], event_id), "last_run_id": event.run_id}
            if self.has_asset_key_index_cols():
                values["last_materialization_timestamp"] = row["timestamp"]
        else:
            values = bound(self._get_asset_entry_values(event, event_id, self.has_asset_key_index_cols()))
        if not values:
            return
        key = {"asset_key": row["asset_key"]}
        update = update_text(AssetKeyTable, values, "asset_key = :asset_key")
        if not index.execute(update, {**values, **key}).rowcount:
            index.execute(insert_text(AssetKeyTable, *key, *values), {**values, **key})
        if record:
            self._records.remember(row["asset_key"], values["last_materialization"], record)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events in one transaction for each database; if it fails, the instance stores them one by one."""
        for run_id, events_of_run in groupby(events, key=lambda event: event.run_id):
            stored = [_Serialised(event, bound(self._event_to_row(event))) for event in events_of_run]
            with self._databases.writing:
                self.store_deferred()
                self._store(run_id, stored)

    def _fetch_raw_asset_rows(
        self,
        asset_keys: Sequence[AssetKey] | None = None,
        **limits: Any,  # Any: prefix, limit, cursor, key_only
    ) -> tuple[Iterable[Any], bool, str | None]:
        """Read rows of the table of assets. Private in stock, which builds a query for each step's parents."""
        by_key = asset_keys and len(asset_keys) <= MAX_ASSETS_A_QUERY and not any(limits.values())
        migrated = self.has_secondary_index(ASSET_KEY_INDEX_COLS) and self.can_read_asset_status_cache()
        if not (asset_keys and by_key and migrated):
            return super()._fetch_raw_asset_rows(asset_keys, **limits)
        keys = [key.to_string() for key in asset_keys]
        with self._index_for(keys) as index:
            rows = driver_of(index).execute(_SELECT_ASSETS.format(", ".join("?" * len(keys))), keys).fetchall()
        return [dict(zip(_ASSET_ROW, row, strict=True)) for row in rows], False, None

    def _index_for(self, asset_keys: Sequence[str]) -> AbstractContextManager[Connection]:
        """Open a connection that sees all events of some assets; deferred events of others may stay so."""
        deferred = {e.row["asset_key"] for e in list(self._deferred) if e.entry.dagster_event_type in ASSET_EVENTS}
        if (
            self._storing_deferred
            or not deferred.isdisjoint(asset_keys)
            or INDEX_SHARD_NAME in self._held_connections()
        ):
            return self._connect(INDEX_SHARD_NAME)
        self._initialise(INDEX_SHARD_NAME)
        return self._databases.transaction(self.conn_string_for_shard(INDEX_SHARD_NAME))

    def _get_latest_materialization_records(
        self,
        raw_asset_rows: Sequence[Any],  # Any: rows are untyped in Dagster
    ) -> Mapping[AssetKey, EventLogRecord | None]:
        """Return records for rows of the table of assets. Private in stock, which takes 0.5 ms for each.

        A run asks for every parent of every step, mostly records that this process has just written."""
        found: dict[AssetKey, EventLogRecord | None] = {}
        unknown = []
        for row in raw_asset_rows:
            text = row["last_materialization"] or ""
            # A wiped asset keeps its last materialization in the row: only stock code knows which one counts then.
            record = None if row["asset_details"] else self._records.find(row["asset_key"], text)
            if record is None or record.asset_key is None:
                unknown.append(row)
            else:
                found[record.asset_key] = record
        return {**found, **self._read_materialization_records(unknown)} if unknown else found

    def _read_materialization_records(self, rows: Sequence[Any]) -> Mapping[AssetKey, EventLogRecord | None]:
        records = super()._get_latest_materialization_records(rows)
        texts = {row["asset_key"]: row["last_materialization"] for row in rows if not row["asset_details"]}
        for asset_key, record in records.items():
            if record is not None and (text := texts.get(asset_key.to_string())):
                self._records.remember(asset_key.to_string(), text, record)
        return records

    # Stock asks the database about its schema four or five times a step. Existing tables do not vanish.

    def has_table(self, table_name: str) -> bool:
        if table_name not in self._tables:
            with self._connect(INDEX_SHARD_NAME) as connection:
                self._tables.update(db.inspect(connection).get_table_names())
        return table_name in self._tables

    def has_asset_key_col(self, column_name: str) -> bool:
        return column_name in self._columns or super().has_asset_key_col(column_name)

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        if column_name not in self._columns:
            self._columns.update(column["name"] for column in db.inspect(conn).get_columns(AssetKeyTable.name))
        return column_name in self._columns

    def has_secondary_index(self, name: str) -> bool:
        if name not in self._indexes and super().has_secondary_index(name):
            self._indexes.add(name)
        return name in self._indexes

    def watch(self, run_id: str, cursor: str | None, callback: EventHandlerFn) -> None:
        if not self._obs:
            self._obs = Observer()
            self._obs.start()
        watchdog = WalWatchdog(self, run_id, callback, cursor)
        watched = self._obs.schedule(watchdog, self._base_dir, recursive=True)
        self._watchers[run_id][callback] = (watchdog, watched)
        watchdog.catch_up()  # events stored between the caller's last look and now

    def upgrade(self) -> None:
        super().upgrade()
        self._forget_schema()

    def wipe(self) -> None:
        self._databases.close()
        super().wipe()

    def dispose(self) -> None:
        super().dispose()
        self._obs = None
        self._databases.close()


def _record_text(event: str, event_id: int) -> str:
    """Return the serialised record of a serialised event."""
    return f'{{"__class__": "EventLogRecord", "event_log_entry": {event}, "storage_id": {event_id}}}'


def _store_check(index: sqlite3.Connection, event: EventLogEntry, event_id: int, row: Mapping[str, Any]) -> bool:
    """Store a planned check or its result; False leaves it to stock: partitions, and results without a plan."""
    details = cast("AssetCheckEvaluation | AssetCheckEvaluationPlanned", event.get_dagster_event().event_specific_data)
    values = {
        "asset_key": details.asset_key.to_string(),
        "check_name": details.check_name,
        "run_id": event.run_id,
        "evaluation_event": row["event"],
        "evaluation_event_timestamp": row["timestamp"],
        "evaluation_event_storage_id": event_id,
    }
    if not isinstance(details, AssetCheckEvaluation):
        if details.partitions_subset:
            return False
        index.execute(_INSERT_PLANNED_CHECK, {**values, "partition": None, "execution_status": _PLANNED})
        return True
    target = details.target_materialization_data
    values["partition"] = details.partition
    values["execution_status"] = _SUCCEEDED if details.passed else _FAILED
    values["materialization_event_storage_id"] = target.storage_id if target else None
    rows = index.execute(_UPDATE_PLANNED_CHECK, values).rowcount
    if rows > 1:
        raise DagsterInvariantViolationError(f"{details.asset_check_key} was planned {rows} times in {event.run_id}")
    return rows == 1

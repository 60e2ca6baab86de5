"""A watcher for the event log of a run whose connections stay open."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

# Private: the stock one, which watches the database file.
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    SqliteEventLogStorage,
    SqliteEventLogStorageWatchdog,
)
from watchdog.events import FileSystemEvent

if TYPE_CHECKING:
    from dagster._core.event_api import EventHandlerFn


class WalWatchdog(SqliteEventLogStorageWatchdog):
    """A watcher of the write-ahead log, too: with a connection open, commits do not touch the database file itself."""

    def __init__(
        self, storage: SqliteEventLogStorage, run_id: str, callback: EventHandlerFn, cursor: str | None
    ) -> None:
        super().__init__(storage, run_id, callback, cursor)
        # Private, in watchdog: the patterns that PatternMatchingEventHandler compares paths with.
        self._patterns = [self._log_path, f"{self._log_path}-wal"]
        self._reading = threading.Lock()

    def on_modified(self, event: FileSystemEvent) -> None:
        self.catch_up()

    def catch_up(self) -> None:
        """Pass on the events that were stored since the last look."""
        with self._reading:
            self._process_log()

"""What a run of the thread executor asks of its instance's storage."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from dagster import DagsterInstance, EventLogEntry

# Private: what stock's own handler of events is.
from dagster._core.instance.types import _EventListenerLogHandler

if TYPE_CHECKING:
    from dagster._core.execution.context.system import PlanExecutionContext


def deferred_events(job_context: PlanExecutionContext) -> AbstractContextManager[None]:
    """Let our own event log store the events of a run in groups while the context lasts."""
    from fft_dagster.storage.event_log import PooledSqliteEventLogStorage

    storage = job_context.instance.event_log_storage
    return storage.deferring(job_context.run_id) if isinstance(storage, PooledSqliteEventLogStorage) else nullcontext()


def keep_connections(instance: DagsterInstance, threads: int) -> None:
    """Private, and what the web server does: dagster-postgres opens a connection for each call otherwise.

    A timeout of 0 is none, as before. Its pool keeps one connection, and closes what other threads bring back: this one
    keeps one for each.
    """
    from sqlalchemy.pool import QueuePool

    for storage in (instance.event_log_storage, instance.run_storage):
        storage.optimize_for_webserver(statement_timeout=0, pool_recycle=3600, max_overflow=threads)
        engine: Any = getattr(storage, "_engine", None)  # Any: private in dagster-postgres; other storages have none
        if engine is not None and isinstance(engine.pool, QueuePool):
            engine.pool._pool.maxsize = threads + 1


def only_listener(job_context: PlanExecutionContext) -> Callable[[EventLogEntry], None] | None:
    """Private: what stock's own handler of events calls, where dagster.yaml has no handlers beside it."""
    handlers = job_context.log._dagster_handler._handlers
    return job_context.instance.handle_new_event if [type(h) for h in handlers] == [_EventListenerLogHandler] else None

"""Settings of the instance's storage for a run of the thread executor."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from dagster import DagsterInstance, EventLogEntry

# Private: stock's own handler of events.
from dagster._core.instance.types import _EventListenerLogHandler

if TYPE_CHECKING:
    from dagster._core.execution.context.system import PlanExecutionContext


def deferred_events(job_context: PlanExecutionContext) -> AbstractContextManager[None]:
    """Let FFT's event log store the events of a run in groups while the context is open."""
    from fft_dagster.storage.event_log import PooledSqliteEventLogStorage

    storage = job_context.instance.event_log_storage
    return storage.deferring(job_context.run_id) if isinstance(storage, PooledSqliteEventLogStorage) else nullcontext()


def keep_connections(instance: DagsterInstance, threads: int) -> None:
    """Keep connections of dagster-postgres open, instead of one for each call. Private; the web server does it too.

    A timeout of 0 means none, as before. Its own pool keeps one connection, and closes those that other threads return;
    this pool keeps one for each thread.
    """
    from sqlalchemy.pool import QueuePool

    for storage in (instance.event_log_storage, instance.run_storage):
        storage.optimize_for_webserver(statement_timeout=0, pool_recycle=3600, max_overflow=threads)
        engine: Any = getattr(storage, "_engine", None)  # Any: private in dagster-postgres; other storages have none
        if engine is not None and isinstance(engine.pool, QueuePool):
            engine.pool._pool.maxsize = threads + 1


def only_listener(job_context: PlanExecutionContext) -> Callable[[EventLogEntry], None] | None:
    """Return the only handler of events, if dagster.yaml adds none. Private: stock's own handler calls it."""
    handlers = job_context.log._dagster_handler._handlers
    return job_context.instance.handle_new_event if [type(h) for h in handlers] == [_EventListenerLogHandler] else None

"""The durations of steps in earlier runs, for the order in which steps begin."""

from __future__ import annotations

from collections.abc import Set

import sqlalchemy as db
from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus, RunsFilter

# Private: the columns of the table of events, and the class whose storages have it.
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

STEP_SUCCESS = DagsterEventType.STEP_SUCCESS.value
FINISHED_STATUSES = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)


def step_seconds_of_earlier_runs(
    instance: DagsterInstance, job_name: str, step_keys: Set[str], *, max_runs: int = 5
) -> dict[str, float]:
    """Return the seconds of each step's last success in the last runs of the job; reads no event bodies."""
    storage = instance.event_log_storage
    seconds: dict[str, float] = {}
    if isinstance(storage, SqlEventLogStorage):  # private: so that it has run_connection and the columns below
        finished = RunsFilter(job_name=job_name, statuses=list(FINISHED_STATUSES))
        for run_id in instance.get_run_ids(finished, limit=max_runs):  # a whole run lists all of its assets
            if step_keys <= seconds.keys():
                break
            seconds = {**_step_seconds_of_run(storage, run_id), **seconds}
    return {step_key: seconds[step_key] for step_key in step_keys & seconds.keys()}


def _step_seconds_of_run(storage: SqlEventLogStorage, run_id: str) -> dict[str, float]:
    columns = SqlEventLogStorageTable.c
    types = [DagsterEventType.STEP_START.value, DagsterEventType.STEP_RESTARTED.value, STEP_SUCCESS]
    query = db.select(columns.step_key, columns.dagster_event_type, columns.timestamp).order_by(columns.id)
    query = query.where(columns.run_id == run_id, columns.dagster_event_type.in_(types))
    with storage.run_connection(run_id) as connection:
        rows = connection.execute(query).all()
    started, seconds = {}, {}
    for step_key, event_type, timestamp in rows:
        if event_type != STEP_SUCCESS:
            started[step_key] = timestamp
        elif step_key in started:
            seconds[step_key] = (timestamp - started[step_key]).total_seconds()
    return seconds

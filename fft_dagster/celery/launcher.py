"""The launcher for runs on workers of Celery: that of dagster-celery, which knows terminated runs and lost workers."""

from __future__ import annotations

from typing import Any

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

_TRIES, _SECONDS = 3, 5.0


class WorkerRunLauncher(CeleryRunLauncher):
    """A run launcher whose runs are tasks of Celery.

    With that of dagster-celery, a terminated run ends as failed, and may be tried again; a run that no worker has taken
    yet stays terminated without an end; and a run whose worker was lost stays started.
    """

    def terminate(self, run_id: str) -> bool:
        """Ask the worker of a run to end it; the run is canceled at once if no worker has it yet."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        task = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
        is_taken = task is not None and self._state(task) != "PENDING"
        if task is not None:
            self.celery.control.revoke(task, terminate=True)
        if not is_taken:
            self._instance.report_run_canceled(run)
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return whether a worker has the run; one that is silent while others answer is lost."""
        if DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return CheckRunHealthResult(WorkerStatus.UNKNOWN, "The run has no task yet.")
        found = super().check_run_worker_health(run)
        if found.status is not WorkerStatus.RUNNING:
            return found
        task = run.tags[DAGSTER_CELERY_TASK_ID_TAG]
        worker = (self.celery.AsyncResult(task).info or {}).get("hostname")
        for _ in range(_TRIES):
            active: dict[str, list[dict[str, Any]]] = self.celery.control.inspect(timeout=_SECONDS).active() or {}
            if any(one["id"] == task for tasks in active.values() for one in tasks):
                return found
            if self._state(task) != "STARTED":  # it has ended meanwhile
                return super().check_run_worker_health(run)
            if worker in active:
                return CheckRunHealthResult(WorkerStatus.FAILED, f"The worker {worker} does not have the task.")
        if not active:
            return CheckRunHealthResult(WorkerStatus.UNKNOWN, "No worker answers.")
        return CheckRunHealthResult(WorkerStatus.FAILED, f"The worker {worker} does not answer.")

    def _state(self, task: str) -> str:
        return str(self.celery.AsyncResult(task).state)

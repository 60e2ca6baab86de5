"""The app of Celery's workers for runs and steps of Dagster: `celery -A fft_dagster.celery.app worker`."""

from __future__ import annotations

import os
from typing import Any

from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task, create_task

from fft_core import FftError

if not os.environ.get("REDIS_URL"):
    raise FftError(
        "REDIS_URL is not set: workers find their tasks there", hint="As in redis://host:6379/0.", code="FFT-901"
    )

_SETTINGS = {
    "task_default_queue": "dagster",
    "task_default_priority": 5,
    "worker_prefetch_multiplier": 1,  # a run that waits is for the next free worker
    "worker_max_tasks_per_child": 1,  # Dagster keeps the definitions in a process: a second run would build old code
    "broker_connection_retry_on_startup": True,
}
_make: Any = make_app  # Any: two functions of dagster-celery have no types
_step: Any = create_task
app = _make({"broker": os.environ["REDIS_URL"], "backend": os.environ["REDIS_URL"], "config_source": _SETTINGS})
execute_plan, execute_job, resume_job = _step(app), create_execute_job_task(app), create_resume_job_task(app)

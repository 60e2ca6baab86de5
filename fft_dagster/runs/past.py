"""Runs of a project, from Dagster's history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from fft_core import Project
from fft_core.run.past_runs import PastRun, PastStatus
from fft_core.run.results import RunStatus
from fft_dagster.projects import BoundProject
from fft_dagster.runs.follow import innermost
from fft_dagster.runs.runs import open_instance, readable_history
from fft_dagster.runs.settings import COMMAND_TAG, ENVIRONMENT_TAG
from fft_dagster.step_names import StepNames
from fft_dagster.translator import FftTranslator

_BLOCKED = 2  # the exit code of a build whose checks failed
_STATUS: Mapping[str, PastStatus] = {
    "SUCCESS": "succeeded",
    "FAILURE": "failed",
    "CANCELED": "cancelled",
    "STARTED": "running",
    "CANCELING": "running",
}
_OF_STEPS = {
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_SKIPPED,
}


def past_runs(project: Project, limit: int, before: str | None) -> Sequence[PastRun]:
    """Return the newest runs, without those of other environments; runs without a mark of theirs count.

    Args:
        project: The project.
        limit: The number of runs at most.
        before: The id of a run: only older ones are returned.

    Raises:
        FftError: the history cannot be read.
    """
    found = list[PastRun]()
    with open_instance(project.root) as instance, readable_history(Path(instance.root_directory)):
        while len(found) < limit:
            records = instance.get_run_records(limit=limit, cursor=before)
            found += [_past(one) for one in records if _is_of(one.dagster_run, project)]
            if len(records) < limit:
                break
            before = records[-1].dagster_run.run_id
    return found[:limit]


def past_run(project: Project, run_id: str) -> PastRun | None:
    """Return a run with the status of each node; None if there is none. Raises FftError."""
    with open_instance(project.root) as instance, readable_history(Path(instance.root_directory)):
        record = instance.get_run_record_by_id(run_id)
        if record is None or not _is_of(record.dagster_run, project):
            return None
        nodes, errors = _nodes(project, instance.all_logs(run_id, of_type=_OF_STEPS))
        return replace(_past(record), nodes=nodes, errors=errors)


def has_run(project: Project, run_id: str) -> bool:
    """Return whether the history has a run of this environment. Raises FftError."""
    with open_instance(project.root) as instance, readable_history(Path(instance.root_directory)):
        run = instance.get_run_by_id(run_id)
        return run is not None and _is_of(run, project)


def _is_of(run: dg.DagsterRun, project: Project) -> bool:
    return run.tags.get(ENVIRONMENT_TAG, project.env) == project.env


def _past(record: Any) -> PastRun:  # Any: a type of Dagster's that is not public
    run: dg.DagsterRun = record.dagster_run
    started, ended = (
        None if seconds is None else datetime.fromtimestamp(seconds, UTC)
        for seconds in (record.start_time, record.end_time)
    )
    return PastRun(run.run_id, run.tags.get(COMMAND_TAG), _STATUS.get(run.status.value, "queued"), started, ended)


def _nodes(project: Project, logs: Sequence[Any]) -> tuple[dict[str, RunStatus], dict[str, str]]:
    """Return the status of each node, and the messages of those that failed."""
    translator = FftTranslator()
    names = StepNames(BoundProject(project, translator))
    steps = {names.of(node): node.name for node in project.stored()}
    found, errors = dict[str, RunStatus](), dict[str, str]()
    for log in logs:
        event = log.dagster_event
        name = steps.get(event.step_key or "") if event is not None else None
        if name is None:
            continue
        if event.is_step_failure:
            found[name], errors[name] = failure_of(event.step_failure_data)
        elif event.is_step_skipped:
            found[name] = "skipped"
        elif event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
            action = event.materialization.metadata.get("action")
            found[name] = "reused" if action is not None and action.value == "reuse" else "built"
        else:
            found.setdefault(name, "checked")
    return found, errors


def failure_of(data: Any) -> tuple[RunStatus, str]:
    """Return the status of a node that failed, and the message."""
    told = data.user_failure_data  # of an error of FFT
    if told is not None and "exit_code" in told.metadata:
        message = str(told.description)
        if told.metadata["exit_code"].value == _BLOCKED:
            return "blocked", message.partition("\n    hint:")[0]  # which shows the first row that failed
        return "failed", message
    return "failed", innermost(data.error) if data.error is not None else "it failed"

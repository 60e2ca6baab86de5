"""Results of checks in earlier runs, from Dagster's history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from fft_core import Project
from fft_core.project.model import Check, Outcome, SourceName
from fft_core.run.check_history import CheckHistory, CheckMark
from fft_dagster.events import UNCHANGED
from fft_dagster.runs.runs import open_instance, readable_history
from fft_dagster.runs.settings import ENVIRONMENT_TAG
from fft_dagster.translator import FftTranslator

_PAGE, _MOST = 50, 500  # records that are read at once, and at most for one check


def read_history(project: Project, checks: Iterable[Check], least: int) -> Mapping[tuple[str, str], CheckHistory]:
    """Read the results of checks in runs of `fft` and of the UI, without those of other environments.

    Args:
        project: The project of the checks.
        checks: The requested checks.
        least: The least number of results for each; more are read until one passed, at most 500.

    Returns:
        The results by node and name, without checks that never ran.

    Raises:
        FftError: the history cannot be read.
    """
    translator = FftTranslator()
    with open_instance(project.root) as instance, readable_history(Path(instance.root_directory)):
        found = {}
        of_runs = _Environments(instance, project.env)
        for check in checks:
            node = project.sources[check.node] if isinstance(check.node, SourceName) else project.node(check.node)
            key = dg.AssetCheckKey(translator.get_asset_key(node), check.name)
            history = _history(instance, key, of_runs, least)
            if history.marks:
                found[str(check.node), check.name] = history
        return found


class _Environments:
    """A filter for runs of an environment. Runs of the UI, which have no mark of it, count."""

    def __init__(self, instance: dg.DagsterInstance, env: str) -> None:
        self._instance = instance
        self._env = env
        self._known: dict[str, bool] = {}

    def ours(self, run_ids: Iterable[str]) -> Mapping[str, bool]:
        """Return the runs of this environment; unknown ones are looked up together."""
        if new := sorted(set(run_ids) - self._known.keys()):
            runs = self._instance.get_runs(dg.RunsFilter(run_ids=new))
            self._known |= dict.fromkeys(new, True)
            self._known |= {run.run_id: run.tags.get(ENVIRONMENT_TAG, self._env) == self._env for run in runs}
        return self._known


def _history(instance: dg.DagsterInstance, key: dg.AssetCheckKey, of_runs: _Environments, least: int) -> CheckHistory:
    """Read the newest results of a check, and older ones until one passed."""
    marks, cursor, read = list[CheckMark](), None, 0
    while read < _MOST:
        records = instance.event_log_storage.get_asset_check_execution_history(key, limit=_PAGE, cursor=cursor)
        ours = of_runs.ours(record.run_id for record in records)
        marks += [mark for record in records if ours[record.run_id] for mark in _mark(record)]
        read += len(records)
        if len(records) < _PAGE:
            return CheckHistory(marks[::-1])
        if len(marks) >= least and any(mark.outcome == "pass" for mark in marks):
            break
        cursor = records[-1].id
    return CheckHistory(marks[::-1], is_whole=False)


def _mark(record: Any) -> Iterator[CheckMark]:
    """Return the result in a record of Dagster; None for a check that was only planned, or was not run again."""
    evaluation, event = record.evaluation, record.event
    if not isinstance(evaluation, dg.AssetCheckEvaluation) or event is None:
        return
    told = {name: value.value for name, value in evaluation.metadata.items()}
    if told.get("judged") == UNCHANGED:
        return
    warns = evaluation.severity is dg.AssetCheckSeverity.WARN
    outcome: Outcome = "pass" if evaluation.passed else "warn" if warns else "fail"
    yield CheckMark(
        datetime.fromtimestamp(event.timestamp, UTC),
        record.run_id,
        outcome,
        _number(told.get("failing_rows")),
        _number(told.get("row_count")),
        str(told.get("judged", "")),
    )


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None

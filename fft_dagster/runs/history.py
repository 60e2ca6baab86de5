"""What checks found in earlier runs, as the history of Dagster keeps it."""

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

_PAGE, _MOST = 50, 500  # records that are read at once, and of one check


def read_history(project: Project, checks: Iterable[Check], least: int) -> Mapping[tuple[str, str], CheckHistory]:
    """Read what checks found, in runs of `fft` and of the UI; those of other environments are left out.

    Args:
        project: Whose checks.
        checks: Those that are asked for.
        least: How many marks are wanted of each; more are read until one passed, at most 500.

    Returns:
        By node and name; what was never run is left out.

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
    """Tells whether runs were made for an environment. Those of the UI, which do not say it, count."""

    def __init__(self, instance: dg.DagsterInstance, env: str) -> None:
        self._instance = instance
        self._env = env
        self._known: dict[str, bool] = {}

    def ours(self, run_ids: Iterable[str]) -> Mapping[str, bool]:
        """Look runs up, those that are not known yet at once."""
        if new := sorted(set(run_ids) - self._known.keys()):
            runs = self._instance.get_runs(dg.RunsFilter(run_ids=new))
            self._known |= dict.fromkeys(new, True)
            self._known |= {run.run_id: run.tags.get(ENVIRONMENT_TAG, self._env) == self._env for run in runs}
        return self._known


def _history(instance: dg.DagsterInstance, key: dg.AssetCheckKey, of_runs: _Environments, least: int) -> CheckHistory:
    """Read the newest marks of a check, and older ones until one passed."""
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
    """Return what a record of Dagster's says; nothing of a check that was planned only, or was not run again."""
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

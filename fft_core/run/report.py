"""The report of a run: the results of its nodes, a summary and the exit code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fft_core.errors import Location, Problem
from fft_core.run.outcomes import RunEnded, RunEvent, RunQueued, RunStarted, StepEnded, Unexpected
from fft_core.run.results import NodeRunResult, RunError, RunResults, RunStatus, write_run_results
from fft_core.version import VERSION

if TYPE_CHECKING:
    from fft_core.run.run import Run

FAILED, CHECKS_FAILED, UNEXPECTED, INTERRUPTED = 1, 2, 99, 130
STATES = ("built", "reused", "checked", "blocked", "failed", "skipped", "interrupted", "not_started")
_CHECKS = {"pass": "passed", "warn": "warned", "fail": "failed"}


@dataclass
class Report:
    """The results of a run so far, in the order in which the nodes ended."""

    results: dict[str, NodeRunResult] = field(default_factory=dict)
    unexpected: list[Unexpected] = field(default_factory=list)
    run_id: str | None = None
    interrupted: bool = False
    left_behind: bool = False

    def see(self, event: RunEvent) -> None:
        """Add an event of the run."""
        match event:
            case RunQueued(run_id) | RunStarted(run_id):
                self.run_id = run_id
            case StepEnded(result):
                self.results[result.name] = result
            case Unexpected():
                self.unexpected.append(event)
            case RunEnded(interrupted, left_behind):
                self.interrupted, self.left_behind = interrupted, left_behind

    @property
    def states(self) -> dict[str, int]:
        """Return the number of nodes in each state, in the order of STATES."""
        found = Counter[str](result.status for result in self.results.values())
        return {state: found[state] for state in STATES if found[state]}

    @property
    def checks(self) -> dict[str, int]:
        """Return the numbers of checks that passed, warned and failed."""
        found = Counter[str](check.status for result in self.results.values() for check in result.checks)
        return {said: found[status] for status, said in _CHECKS.items() if found[status]}

    def errors(self, *, besides: RunStatus | None = None) -> list[str]:
        """Return all errors in full, except those of nodes with the status `besides`."""
        failed = (result for result in self.results.values() if result.status != besides)
        return [_said(result.name, result.error) for result in failed if result.error]

    @property
    def exit_code(self) -> int:
        """Return the exit code; a failed model takes precedence over failed checks."""
        if self.interrupted:
            return INTERRUPTED
        if self.unexpected:
            return UNEXPECTED
        if "failed" in self.states:
            return FAILED
        return CHECKS_FAILED if "blocked" in self.states or "failed" in self.checks else 0

    def summary(self, seconds: float) -> str:
        """Return a summary in one line."""
        states = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in self.states.items())
        checks = ", ".join(f"{count} {outcome}" for outcome, count in self.checks.items())
        return f"{states or 'nothing to do'}{f'; checks: {checks}' if checks else ''}; {seconds:.1f} s"


def _said(name: str, error: RunError) -> str:
    """Return the error of a node, after the node's name; the place of an error in a seed's file names it already."""
    file = Path(error.file) if error.file else None
    said = str(Problem(error.message, Location(file, error.line) if file else None, error.hint, code=error.code))
    return said if file and file.parts[0] == "seeds" and file.stem == name else f"{name}: {said}"


def remember(run: Run, command: str, report: Report, seconds: float) -> None:
    """Write `run_results.json`. Raises ArtifactError."""
    project = run.project
    results = RunResults(
        fft_version=VERSION,
        generated_at=datetime.now(UTC),
        command=command,
        run_id=report.run_id,
        project=project.name,
        profile=project.env,
        engine=project.engine,
        exit_code=report.exit_code,
        elapsed_ms=round(seconds * 1000),
        results=tuple(report.results.values()),
    )
    write_run_results(project.root, results)

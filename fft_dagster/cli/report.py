"""Lines and a summary for people, from the events of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import dagster as dg

INTERRUPTED = 130
_COLORS = {"built": "green", "reused": "bright_black", "failed": "red", "blocked": "red", "skipped": "yellow"}


@dataclass
class Report:
    """What happened so far in a run: one line for each step as it ends, the failures in full at the end."""

    names: Sequence[str]
    unchanged: int = 0
    width: int = 0
    states: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    exit_code: int = 0
    _actions: dict[str, str] = field(default_factory=dict)
    _rows: dict[str, int] = field(default_factory=dict)
    _warnings: dict[str, list[str]] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.width = max(map(len, self.names), default=0)

    def see(self, event: dg.DagsterEvent) -> None:
        """Take one event in, and print a line if a step ended with it."""
        step = event.step_key
        if step is None:
            self._see_end(event)
            return
        if event.is_step_materialization:
            metadata = event.step_materialization_data.materialization.metadata
            rows = metadata.get("dagster/row_count")
            if rows:
                self._rows[step] = int(str(rows.value))
            self._actions[step] = "built" if str(metadata["action"].value) == "build" else "reused"
            self._seconds[step] = float(str(metadata["seconds"].value))
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            self._see_check(step, event)
        elif event.is_step_success:
            self._line(step, self._actions.get(step, "checked"))
        elif event.is_step_failure:
            self._see_failure(step, event)
        elif event.is_step_skipped:
            self._line(step, "skipped")

    def summary(self, seconds: float) -> str:
        """Say what came of all of it."""
        states = self.states + Counter({"reused": self.unchanged})
        states["not started"] = len(self.names) - self.states.total()
        said = ", ".join(f"{count} {state}" for state, count in states.items() if count) or "no models"
        checks = ", ".join(f"{count} {outcome}" for outcome, count in self.checks.items())
        return f"\n{said}{f'; checks: {checks}' if checks else ''}; {seconds:.1f} s"

    def _see_end(self, event: dg.DagsterEvent) -> None:
        if event.event_type_value == "PIPELINE_CANCELED" or self.states["interrupted"]:
            self.exit_code = INTERRUPTED
        elif event.event_type_value == "PIPELINE_FAILURE" and not self.exit_code:
            self.failures.append(f"the run failed: {event.message}")
            self.exit_code = 1

    def _see_check(self, step: str, event: dg.DagsterEvent) -> None:
        evaluation = event.asset_check_evaluation_data
        if evaluation.passed:
            self.checks["passed"] += 1
            return
        severity = "failed" if evaluation.severity.value == "ERROR" else "warned"
        self.checks[severity] += 1
        said = f"{severity}: {evaluation.check_name}: {evaluation.description}"
        self._warnings.setdefault(step, []).append(said)

    def _see_failure(self, step: str, event: dg.DagsterEvent) -> None:
        failure = event.step_failure_data
        user = failure.user_failure_data
        code = int(str(user.metadata["exit_code"].value)) if user and "exit_code" in user.metadata else 1
        error = failure.error
        if error is not None and error.cls_name == "DagsterExecutionInterruptedError":
            self._line(step, "interrupted")
            return
        text = user.description if user else error.message if error else "it failed"
        self.failures.append(f"{step}: {(text or '').strip()}")
        # a model that failed outweighs checks that failed
        self.exit_code = code if self.exit_code == 0 else 1 if 1 in (self.exit_code, code) else self.exit_code
        self._line(step, "blocked" if code == 2 else "failed")

    def _line(self, step: str, state: str) -> None:
        self.states[state] += 1
        rows = f"{self._rows[step]:>12,} rows" if step in self._rows else " " * 17
        seconds = f"{self._seconds[step]:8.2f} s" if step in self._seconds else ""
        mark = click.style(f"{state:11}", fg=_COLORS.get(state))
        click.echo(f"{mark} {step:{self.width}} {rows}{seconds}".rstrip())
        for said in self._warnings.pop(step, []):
            click.echo(f"            {click.style(said, fg='yellow')}")

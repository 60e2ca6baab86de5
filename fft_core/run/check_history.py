"""The history of a check over the last runs: the time since which it does not pass, and the failing rows by run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from fft_core.json_files.artifacts import spelled
from fft_core.project.model import Check, Outcome


@dataclass(frozen=True)
class CheckMark:
    """The result of a check in one run.

    Attributes:
        at: The time, in UTC.
        run_id: The id of the run.
        outcome: The outcome, by its thresholds.
        failing_rows: The number of failing rows, or of other things that the rule counts; None if unknown.
        row_count: The number of rows of the relation; None if unknown.
        judged: A description of the judged rows, for people.
    """

    at: datetime
    run_id: str
    outcome: Outcome
    failing_rows: int | None = None
    row_count: int | None = None
    judged: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain values; `at` is a time in ISO 8601."""
        return {
            "at": spelled(self.at),
            "run_id": self.run_id,
            "status": self.outcome,
            "failing_rows": self.failing_rows,
            "row_count": self.row_count,
            "judged": self.judged,
        }


@dataclass(frozen=True)
class CheckHistory:
    """The marks of a check, the newest last; `is_whole` if they include the oldest.

    >>> from datetime import UTC
    >>> days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    >>> marks = [CheckMark(day, str(day), outcome) for day, outcome in zip(days, ("pass", "fail", "fail"))]
    >>> str(CheckHistory(marks).since)
    'for 2 runs, since 2026-01-02 00:00 UTC'
    """

    marks: Sequence[CheckMark] = ()
    is_whole: bool = True

    @property
    def last(self) -> CheckMark | None:
        """The newest mark."""
        return self.marks[-1] if self.marks else None

    @cached_property
    def since(self) -> Since | None:
        """The time since which the check does not pass; None if it passes, or has never run."""
        failing = list[CheckMark]()
        for mark in reversed(self.marks):
            if mark.outcome == "pass":
                break
            failing.append(mark)
        if not failing:
            return None
        runs = len({mark.run_id for mark in failing})
        return Since(failing[-1].at, runs, is_known=self.is_whole or len(failing) < len(self.marks))

    def newest(self, count: int) -> Sequence[CheckMark]:
        """Return the newest marks, the newest last."""
        return self.marks[-count:]


@dataclass(frozen=True)
class Since:
    """The time since which a check does not pass, and the number of runs.

    `is_known` if it is certain that the check passed in the run before, or that it had never run before.
    """

    at: datetime
    runs: int
    is_known: bool = True

    def __str__(self) -> str:
        least = "" if self.is_known else "at least "
        return f"for {least}{self.runs} run{'s' * (self.runs != 1)}, since {self.at:%Y-%m-%d %H:%M} UTC"


def history_to_json(check: Check, history: CheckHistory, count: int) -> dict[str, Any]:
    """Return the history of a check as plain values, with a number of the newest marks."""
    since = history.since
    return {
        "node": str(check.node),
        "check": check.name,
        "type": check.type,
        "severity": check.severity,
        "status": history.last.outcome if history.last else None,
        "since": spelled(since.at) if since else None,
        "runs": since.runs if since else 0,
        "since_is_known": since.is_known if since else True,
        "results": [mark.to_json() for mark in history.newest(count)],
    }

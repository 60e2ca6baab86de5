"""The outcome of a step as a state of Prefect: Completed, Reused, Blocked, Failed or Cancelled; never NotReady."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from fft_core.errors import Location, Problem
from fft_core.names.text import visible
from fft_core.run.outcomes import StepEnded
from fft_core.run.results import NodeRunResult, RunError

REUSED, BLOCKED = "Reused", "Blocked"
Ended: TypeAlias = State[None]


def state_of(ended: StepEnded) -> Ended:
    """Return the state of a step that is over; its message has the reason."""
    result = ended.result
    match result.status:
        case "built":
            return Completed(message=_said(_built(result), *_reasons(result), *ended.remarks))
        case "reused":
            return Completed(name=REUSED, message=_said(*_reasons(result), *ended.remarks))
        case "checked" if result.error is None:
            return Completed(message=_said(f"{len(result.checks)} checks ran", *ended.remarks))
        case "blocked":
            return Failed(name=BLOCKED, message=_said(error_text(result.error)))
        case "skipped":
            return Cancelled(name=BLOCKED, message=_said("not started: an input failed or was blocked", *ended.remarks))
        case "interrupted":
            return Cancelled(message="interrupted with the run: nothing was published")
    return Failed(message=_said(error_text(result.error)))


def error_text(error: RunError | None) -> str:
    """Return the error of a step as text, with file, line and hint."""
    if error is None:
        return "it failed"
    return str(
        Problem(
            error.message, Location(Path(error.file), error.line) if error.file else None, error.hint, code=error.code
        )
    )


def _built(result: NodeRunResult) -> str:
    rows = "" if result.rows is None else f" {result.rows:,} row{'' if result.rows == 1 else 's'}"
    return f"built{rows} in {(result.duration_ms or 0) / 1000:.1f} s"


def _reasons(result: NodeRunResult) -> list[str]:
    return list(map(str, result.reasons))


def _said(*parts: str) -> str:
    return visible("; ".join(parts))

"""What becomes of the steps of a run, told as values: reports, events and lines on a terminal are made from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from fft_core.build.publish import BuildResult
from fft_core.checks.results import CheckFailedError, CheckResult, JudgedView
from fft_core.errors import FftError
from fft_core.names import Relation
from fft_core.project.model import Model, Seed, Source
from fft_core.run.results import CheckRunResult, HttpRunResult, NodeKind, NodeRunResult, RunError
from fft_core.run.turn import ReuseResult


@dataclass(frozen=True)
class StepStarted:
    """The turn of a node has come."""

    name: str
    at: datetime


@dataclass(frozen=True)
class StepEnded:
    """The turn of a node is over, or will not come.

    Attributes:
        result: What became of it.
        remarks: Which checks did not pass, or what it lacks, in words.
        views: Views whose checks judged its rows, if these were not published.
    """

    result: NodeRunResult
    remarks: tuple[str, ...] = ()
    views: tuple[JudgedView, ...] = ()


def not_started(node: Model | Seed | Source, relation: Relation | None) -> NodeRunResult:
    """Return what a report says of a node before its turn; for a source, that of its checks."""
    kind: NodeKind = "source" if isinstance(node, Source) else node.kind if isinstance(node, Model) else "seed"
    return NodeRunResult(
        name=str(node.name), kind=kind, status="not_started", relation=str(relation) if relation else None
    )


def ended_with_rows(step: NodeRunResult, found: BuildResult | ReuseResult) -> StepEnded:
    """Return what a step has found that published a node, or left it as it is."""
    is_built = isinstance(found, BuildResult)
    result = replace(
        step,
        status="built" if is_built else "reused",
        reasons=found.decision.reasons,
        duration_ms=round(found.seconds * 1000),
        query_duration_ms=round(found.query_seconds * 1000),
        rows=found.row_count,
        bytes=found.size_bytes if isinstance(found, BuildResult) else None,
        bytes_scanned=found.bytes_scanned if isinstance(found, BuildResult) else None,
        relation=str(found.relation),
        http=_http(found.http) if found.http else None,
    )
    unjudged = found.unjudged if isinstance(found, BuildResult) else ()
    ended = with_checks(result, found.checks)
    return replace(ended, remarks=(*ended.remarks, *map(str, unjudged)))


def _http(found: Mapping[str, int]) -> HttpRunResult:
    return HttpRunResult(
        requests=found["requests"],
        cache_hits=found["cache_hits"],
        bytes=found["bytes"],
        used_offline=bool(found["used_offline"]),
    )


def ended_with_checks(step: NodeRunResult, found: tuple[CheckResult, ...]) -> StepEnded:
    """Return what a step has found that only ran checks."""
    failed = any(result.blocks for result in found)
    error = RunError.of(CheckFailedError(step.name, found, published=True)) if failed else None
    return with_checks(replace(step, status="checked", error=error), found)


def ended_with_error(step: NodeRunResult, error: FftError) -> StepEnded:
    """Return what became of a step that failed: what a check stops is blocked."""
    if isinstance(error, CheckFailedError):
        ended = with_checks(replace(step, status="blocked", error=RunError.of(error)), error.results)
        return replace(ended, views=error.views)
    return StepEnded(replace(step, status="failed", error=RunError.of(error)))


def with_checks(result: NodeRunResult, checks: tuple[CheckResult, ...]) -> StepEnded:
    """Add what checks found; those that did not pass are remarks."""
    said = tuple(line for check in checks for line in _remarks(check))
    return StepEnded(replace(result, checks=tuple(map(CheckRunResult.of, checks))), said)


def _remarks(check: CheckResult) -> Iterator[str]:
    if not check.passed:
        yield f"{'failed' if check.blocks else 'warned'}: {check}"
    elif check.summary != "passed":  # there was nothing to compare with, or some rows may fail
        yield str(check)
    if check.where_kept:
        yield f"{check.check.name}: {check.where_kept}"


@dataclass(frozen=True)
class RunStarted:
    """The scheduler has created a run."""

    run_id: str


@dataclass(frozen=True)
class Terminating:
    """The run was told to end: running statements are cancelled."""


@dataclass(frozen=True)
class Unexpected:
    """Something failed that is no fault of the user's, with the trace."""

    message: str
    trace: str


@dataclass(frozen=True)
class RunEnded:
    """The run is over. `left_behind` tells that threads still work, which the process need not wait for."""

    interrupted: bool
    left_behind: bool


RunEvent: TypeAlias = RunStarted | StepStarted | StepEnded | Terminating | Unexpected | RunEnded

"""The outcomes of a run's steps, as values: reports, events and lines on a terminal are made from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from fft_core.checks.results import CheckFailedError, CheckResult, JudgedView
from fft_core.errors import FftError
from fft_core.names import Relation
from fft_core.project.model import Model, Seed, Source
from fft_core.run.results import CheckRunResult, HttpRunResult, NodeKind, NodeRunResult, RunError

if TYPE_CHECKING:
    from fft_core.build.publish import BuildResult
    from fft_core.run.turn import ReuseResult


@dataclass(frozen=True)
class StepStarted:
    """The beginning of a node's turn."""

    name: str
    at: datetime


@dataclass(frozen=True)
class StepEnded:
    """The end of a node's turn, or of a run in which the node has no turn.

    Attributes:
        result: The result of the node.
        remarks: Texts for people: checks that did not pass, failed inputs, views that were not judged.
        views: The views whose checks judged its rows, if the rows were not published.
    """

    result: NodeRunResult
    remarks: tuple[str, ...] = ()
    views: tuple[JudgedView, ...] = ()


def not_started(node: Model | Seed | Source, relation: Relation | None) -> NodeRunResult:
    """Return the result of a node before its turn; for a source, that of its checks."""
    kind: NodeKind = "source" if isinstance(node, Source) else node.kind if isinstance(node, Model) else "seed"
    return NodeRunResult(
        name=str(node.name), kind=kind, status="not_started", relation=str(relation) if relation else None
    )


def ended_with_rows(step: NodeRunResult, found: BuildResult | ReuseResult) -> StepEnded:
    """Return the end of a step that built or reused a node."""
    from fft_core.build.publish import BuildResult  # a run without builds does not need it

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
    """Return the end of a step that only ran checks."""
    failed = any(result.blocks for result in found)
    error = RunError.of(CheckFailedError(step.name, found, published=True)) if failed else None
    return with_checks(replace(step, status="checked", error=error), found)


def ended_with_error(step: NodeRunResult, error: FftError) -> StepEnded:
    """Return the end of a step that failed: `blocked` if a check held the rows back, else `failed`."""
    if isinstance(error, CheckFailedError):
        ended = with_checks(replace(step, status="blocked", error=RunError.of(error)), error.results)
        return replace(ended, views=error.views)
    return StepEnded(replace(step, status="failed", error=RunError.of(error)))


def with_checks(result: NodeRunResult, checks: tuple[CheckResult, ...]) -> StepEnded:
    """Add the results of checks; those that did not pass become remarks."""
    said = tuple(line for check in checks for line in _remarks(check))
    return StepEnded(replace(result, checks=tuple(map(CheckRunResult.of, checks))), said)


def _remarks(check: CheckResult) -> Iterator[str]:
    if not check.passed:
        yield f"{'failed' if check.blocks else 'warned'}: {check}"
    elif check.summary != "passed":  # nothing to compare with, or few enough failing rows
        yield str(check)
    if check.where_kept:
        yield f"{check.check.name}: {check.where_kept}"


@dataclass(frozen=True)
class RunQueued:
    """The launch of a run that waits for a worker."""

    run_id: str


@dataclass(frozen=True)
class RunStarted:
    """The creation of a run by the scheduler."""

    run_id: str


@dataclass(frozen=True)
class Terminating:
    """A request to end the run: running statements are cancelled."""


@dataclass(frozen=True)
class Unexpected:
    """An error that the user did not cause, with its trace."""

    message: str
    trace: str


@dataclass(frozen=True)
class RunEnded:
    """The end of a run; `left_behind` if threads still work, for which the process need not wait."""

    interrupted: bool
    left_behind: bool


RunEvent: TypeAlias = RunQueued | RunStarted | StepStarted | StepEnded | Terminating | Unexpected | RunEnded

"""Runs of the past, as a scheduler's history has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from fft_core.run.results import RunStatus

PastStatus: TypeAlias = Literal["queued", "running", "succeeded", "failed", "cancelled"]


@dataclass(frozen=True)
class PastRun:
    """A run in the history of a scheduler.

    Attributes:
        run_id: The id of the run.
        command: The command that made it; None for a run of a schedule, a sensor or the UI.
        status: Its status.
        started_at: The time of its start, in UTC.
        ended_at: The time of its end, in UTC.
        nodes: The status of each node, if it was asked for.
        errors: The messages of the nodes that failed, if they were asked for.
    """

    run_id: str
    command: str | None
    status: PastStatus
    started_at: datetime | None
    ended_at: datetime | None
    nodes: Mapping[str, RunStatus] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

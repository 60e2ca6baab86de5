"""What becomes of a run and its steps, as values; nothing here imports Dagster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from fft_core import StepEnded, StepStarted


@dataclass(frozen=True)
class RunStarted:
    """A run of Dagster was created."""

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


Outcome: TypeAlias = RunStarted | StepStarted | StepEnded | Terminating | Unexpected | RunEnded

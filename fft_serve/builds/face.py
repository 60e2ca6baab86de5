"""The scheduler that runs builds: an entry point of the group `fft.faces`, as for the command `fft`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, cast

from fft_core import FftError, Project, Run
from fft_core.engines.spec.entry_points import declared
from fft_core.run.outcomes import RunEvent
from fft_core.run.work import Work

GROUP = "fft.faces"


class Face(Protocol):
    """The functions of a scheduler that a build needs."""

    def run(self, project: Project, work: Work, planned: Run) -> Iterator[RunEvent]:
        """Run the work in this process; yield what happens."""

    def run_queued(
        self, project: Project, work: Work | None, planned: Run, *, address: str, build: str
    ) -> Iterator[RunEvent] | None:
        """Launch a run on workers, or follow the one that was launched for a build before; yield what happens."""

    def with_functions(self, project: Project) -> Project:
        """Return the project with the functions of the scheduler's checks. Raises ProjectError."""


def face() -> Face:
    """Import the first installed scheduler. Raises FftError."""
    found = declared(GROUP)
    if not found:
        raise FftError(
            "no scheduler is installed that could run models", hint="pip install fft-dagster", code="FFT-305"
        )
    return cast("Face", found[min(found)][0].load("the scheduler"))


def refuse_no_queue() -> None:
    """Raise FftError if the installed scheduler cannot run builds on workers."""
    if not hasattr(face(), "run_queued"):
        raise FftError(
            "FFT_SERVE_DAGSTER_URL is set, and the scheduler is not Dagster",
            hint="pip install fft-dagster, or unset it.",
            code="FFT-910",
        )

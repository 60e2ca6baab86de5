"""The scheduler that runs the work of a command: an entry point of the group `fft.faces`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, cast

from fft_core import FftError, Project, Run
from fft_core.engines.spec.entry_points import declared
from fft_core.errors import RequestError, nearest
from fft_core.project.model import Check
from fft_core.run.check_history import CheckHistory
from fft_core.run.outcomes import RunEvent
from fft_core.run.work import Work

GROUP = "fft.faces"


class Face(Protocol):
    """The protocol of schedulers: all that the command line needs."""

    def run(self, project: Project, work: Work, planned: Run) -> Iterator[RunEvent]:
        """Run the work in this process; yield events of the run and its steps as they happen.

        Args:
            project: The project.
            work: The work to run.
            planned: The run that made the plan; its knowledge of the project is used again.
        """

    def with_functions(self, project: Project) -> Project:
        """Return the project with the functions of the scheduler's checks; their files are imported.

        Raises:
            ProjectError: with each function that does not exist, or cannot judge staged rows.
        """

    def open_ui(
        self, project: Project, host: str, port: int, variables: Mapping[str, str], announce: Callable[[str], None]
    ) -> int:
        """Open the UI until it ends; return its exit code.

        Args:
            project: The project.
            host: The address that the UI listens on: a name or address of this machine.
            port: A free port.
            variables: Environment variables for the processes of the UI, such as FF_ENGINE.
            announce: Called with the address of the UI.

        Raises:
            FftError: the UI is not installed, is open already, or cannot listen there.
        """

    def check_history(
        self, project: Project, checks: Iterable[Check], least: int
    ) -> Mapping[tuple[str, str], CheckHistory]:
        """Return the results of checks in earlier runs, by node and name, without checks that never ran.

        Args:
            project: The project.
            checks: The requested checks.
            least: The minimum number of results of each check, if there are that many.

        Raises:
            FftError: the history of runs cannot be read.
        """

    def history(self) -> Path:
        """Return the folder with the history of runs, relative to the project's folder."""


def refuse_unknown_scheduler(name: str | None) -> None:
    """Raise RequestError for the name of a scheduler that is not installed. Imports none of them."""
    if name is None:
        return
    found = declared(GROUP)
    if name not in found:
        known = f"Installed are: {', '.join(sorted(found))}."
        raise RequestError(
            f"--with {name!r}: this scheduler is not installed", hint=nearest(name, found) or known, code="FFT-305"
        )


def face(name: str | None = None) -> Face:
    """Import the face of an installed scheduler, by its name; the first of them if None.

    Raises:
        RequestError: no scheduler of that name is installed.
        FftError: none is installed, or it cannot be imported.
    """
    found = declared(GROUP)
    if not found:
        raise FftError("no scheduler is installed", hint="pip install fft-dagster", code="FFT-305")
    refuse_unknown_scheduler(name)
    return cast("Face", found[min(found) if name is None else name][0].load("the scheduler"))

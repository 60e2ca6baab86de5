"""The scheduler that carries out what a command has planned: an entry point of the group `fft.faces`."""

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
    """What the command line needs of a scheduler."""

    def run(self, project: Project, work: Work, planned: Run) -> Iterator[RunEvent]:
        """Carry out the work in this process; yield what becomes of the run and its steps, as it happens.

        Args:
            project: The project.
            work: What is run.
            planned: The run that the work was planned with: what it knows of the project is not worked out again.
        """

    def with_functions(self, project: Project) -> Project:
        """Return the project with the functions of those checks that are the scheduler's; their files are imported.

        Raises:
            ProjectError: with each that is not there, or cannot judge rows that are staged.
        """

    def open_ui(
        self, project: Project, host: str, port: int, variables: Mapping[str, str], announce: Callable[[str], None]
    ) -> int:
        """Open the UI until it ends; return its exit code.

        Args:
            project: The project.
            host: Where the UI listens: a name or address of this machine.
            port: A free port.
            variables: Environment variables for the processes of the UI, such as FF_ENGINE.
            announce: Is told where the UI is.

        Raises:
            FftError: the UI is not installed, is open already, or cannot listen there.
        """

    def check_history(
        self, project: Project, checks: Iterable[Check], least: int
    ) -> Mapping[tuple[str, str], CheckHistory]:
        """Return what checks found in earlier runs, by node and name; what was never run is left out.

        Args:
            project: The project.
            checks: Those that are asked for.
            least: How many results of each are wanted at least, if there are so many.

        Raises:
            FftError: the history of runs cannot be read.
        """

    def history(self) -> Path:
        """Return the folder with the history of runs, relative to a project's own."""


def face(name: str | None = None) -> Face:
    """Import the face of an installed scheduler, by its name; the first of them if None.

    Raises:
        RequestError: no scheduler of that name is installed.
        FftError: none is installed, or it cannot be imported.
    """
    found = declared(GROUP)
    if not found:
        raise FftError("no scheduler is installed that could run models", hint="pip install fft-dagster")
    if name is not None and name not in found:
        known = f"Installed are: {', '.join(sorted(found))}."
        raise RequestError(f"--with {name!r}: there is no such scheduler", hint=nearest(name, found) or known)
    return cast("Face", found[min(found) if name is None else name][0].load("the scheduler"))

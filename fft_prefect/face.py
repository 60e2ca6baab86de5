"""Prefect as a scheduler of the command line: the entry point `prefect` of the group `fft.faces`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fft_core import FftError, Project, ProjectError, Run
from fft_core.errors import Problem
from fft_core.project.model import Check, JudgedRows
from fft_prefect.server import FOLDER, open_ui, use_prefect_of

if TYPE_CHECKING:
    from fft_core.run.check_history import CheckHistory
    from fft_core.run.outcomes import RunEvent
    from fft_core.run.work import Work


class PrefectFace:
    """Flow runs in this process for the command line, on the configured Prefect or the project's own."""

    def run(self, project: Project, work: Work, planned: Run) -> Iterator[RunEvent]:
        """Run the steps; yield the events of the run. Raises FftError if Prefect or its API is missing."""
        _require_prefect()
        use_prefect_of(project.root)  # before it is imported
        from fft_prefect.in_process import run_work  # imports Prefect, which takes a second

        yield from run_work(project, work, planned)

    def with_functions(self, project: Project) -> Project:
        """Return the project. Raises ProjectError for a check whose function belongs to another scheduler."""
        declared = [check for check in project.checks if isinstance(check.rule, JudgedRows) and not check.rule.judge]
        if declared:
            hint = "Run it with Dagster: pip install fft-dagster. Or write it as a check of FFT, in tests/."
            said = "is a Dagster asset check, which Prefect cannot run"
            raise ProjectError(
                Problem(f"{check.name!r} {said}", check.location, hint, code="FFT-900") for check in declared
            )
        return project

    def open_ui(
        self, project: Project, host: str, port: int, variables: Mapping[str, str], announce: Callable[[str], None]
    ) -> int:
        """Run a server of Prefect with the project's flow until it ends; return its exit code.

        Raises FftError if the server cannot start.
        """
        _require_prefect()
        return open_ui(project, host, port, variables, announce)

    def check_history(
        self, project: Project, checks: Iterable[Check], least: int
    ) -> Mapping[tuple[str, str], CheckHistory]:
        """Raise FftError: results of checks are in Prefect's artifacts and events, which no command reads."""
        raise FftError(
            "Prefect keeps no history of checks",
            hint="The artifacts of the flow runs have their results.",
            code="FFT-900",
        )

    def history(self) -> Path:
        """Return the folder of a project's own history, relative to the project."""
        return FOLDER


def _require_prefect() -> None:
    if find_spec("prefect") is None:
        raise FftError("Prefect is not installed", hint='pip install "fft-dagster[prefect]"', code="FFT-901")


FACE = PrefectFace()

"""Dagster as a scheduler of the command line: the entry point `dagster` of the group `fft.faces`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fft_core import Project, Run

if TYPE_CHECKING:
    from fft_core.project.model import Check
    from fft_core.run.check_history import CheckHistory
    from fft_core.run.outcomes import RunEvent
    from fft_core.run.past_runs import PastRun
    from fft_core.run.work import Work


class DagsterFace:
    """The face with Dagster runs in this process, on the project's own instance or that of DAGSTER_HOME."""

    def run(self, project: Project, work: Work, planned: Run) -> Iterator[RunEvent]:
        """Run the steps; yield the outcome of each. Raises FftError if the history of runs cannot be read."""
        from fft_dagster.runs.runs import open_instance, run_work  # imports Dagster, which costs a second

        with open_instance(project.root) as instance:
            yield from run_work(project, work, instance, planned)

    def run_queued(
        self, project: Project, work: Work | None, planned: Run, *, address: str, build: str
    ) -> Iterator[RunEvent] | None:
        """Launch a run on the workers through the web server, and follow it; SIGINT terminates it.

        Args:
            project: The project.
            work: The work of the run; None to follow the run that an earlier process launched for the same build.
            planned: The run of the plan.
            address: The address of Dagster's web server, whose instance must be that of DAGSTER_HOME.
            build: The id of the request, a tag of the run.

        Returns:
            The outcomes; None if there is no run to follow.

        Raises:
            FftError: the run cannot be launched, or followed.
        """
        from fft_dagster.runs.queued import Queue, resumed, run_queued  # imports Dagster, which costs a second
        from fft_dagster.runs.runs import open_instance
        from fft_dagster.runs.web_server import WebServer

        queue = Queue(WebServer(address), open_instance(project.root), build)
        return resumed(project, queue, planned) if work is None else run_queued(project, work, queue, planned)

    def with_functions(self, project: Project) -> Project:
        """Return the project with the functions of the Dagster checks that it declares. Raises ProjectError."""
        from fft_dagster.gates import gated

        return gated(project).project

    def open_ui(
        self, project: Project, host: str, port: int, variables: Mapping[str, str], announce: Callable[[str], None]
    ) -> int:
        """Run `dagster dev` until it ends; return its exit code. Raises FftError if it cannot begin."""
        from fft_dagster.runs.ui import open_ui

        return open_ui(project, host, port, variables, announce)

    def check_history(
        self, project: Project, checks: Iterable[Check], least: int
    ) -> Mapping[tuple[str, str], CheckHistory]:
        """Return the results of checks in earlier runs, by node and name. Raises FftError if they cannot be read."""
        from fft_dagster.runs.instance import has_history

        if not has_history(project.root):
            return {}
        from fft_dagster.runs.history import read_history  # imports Dagster, which costs a second

        return read_history(project, checks, least)

    def past_runs(self, project: Project, limit: int, before: str | None) -> Sequence[PastRun]:
        """Return the newest runs, or those before a run. Raises FftError if they cannot be read."""
        from fft_dagster.runs.instance import has_history

        if not has_history(project.root):
            return []
        from fft_dagster.runs.past import past_runs  # imports Dagster, which costs a second

        return past_runs(project, limit, before)

    def past_run(self, project: Project, run_id: str) -> PastRun | None:
        """Return a run with the status of each node; None if there is none. Raises FftError if it cannot be read."""
        from fft_dagster.runs.instance import has_history

        if not has_history(project.root):
            return None
        from fft_dagster.runs.past import past_run  # imports Dagster, which costs a second

        return past_run(project, run_id)

    def has_run(self, project: Project, run_id: str) -> bool:
        """Return whether the history has a run. Raises FftError if it cannot be read."""
        from fft_dagster.runs.instance import has_history

        if not has_history(project.root):
            return False
        from fft_dagster.runs.past import has_run  # imports Dagster, which costs a second

        return has_run(project, run_id)

    def history(self) -> Path:
        """Return the folder of a project's instance, relative to the project."""
        from fft_dagster.runs.instance import FOLDER

        return FOLDER


FACE = DagsterFace()

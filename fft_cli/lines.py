"""The output of a run: lines for people, or JSON for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TextIO, TypeAlias

from fft_cli.cells import padded, widest
from fft_cli.run_options import Output
from fft_cli.terminal import echo, echo_json, style
from fft_core import Project
from fft_core.run.outcomes import RunEvent, RunStarted, StepEnded, StepStarted, Terminating
from fft_core.run.report import Report
from fft_core.run.results import NodeRunResult, RunStatus

COLORS = {
    "built": "green",
    "reused": "bright_black",
    "checked": "green",
    "blocked": "red",
    "failed": "red",
    "skipped": "yellow",
    "interrupted": "yellow",
    "not_started": "bright_black",
}
TERMINATING = "interrupted: cancelling running statements; Ctrl-C again quits without waiting for them"


@dataclass(frozen=True)
class Start:
    """The start of a run: the nodes in `names` are run, those in `reused` are left as they are."""

    command: str
    project: Project
    names: Sequence[str]
    reused: Sequence[NodeRunResult]
    what: str

    def __str__(self) -> str:
        return f"{self.project.name} on {self.project.engine}, profile {self.project.env}: {self.what}"


class Display(Protocol):
    """The protocol of displays, which show a run from its start to its end."""

    def begin(self, start: Start) -> None:
        """Show the start of the run."""

    def see(self, event: RunEvent) -> None:
        """Show an event."""

    def end(self, report: Report, seconds: float) -> None:
        """Show the results; errors go to stderr."""


class Lines(Display, Protocol):
    """A display that prints lines; a live display asks it for the line of a running node."""

    def running_line(self, name: str, seconds: float) -> str:
        """Return the line of a running node, with the columns of the other lines."""


LinesFor: TypeAlias = Callable[[Output, Callable[[str], None]], Lines]


class PlainLines:
    """A line for each node as it ends, with its checks that did not pass; errors in full at the end.

    Args:
        output: The options of the output.
        echo: Prints a line.
    """

    def __init__(self, output: Output, echo: Callable[[str], None] = echo) -> None:
        self._output = output
        self._echo = echo
        self._width = 0
        self._command = ""

    def begin(self, start: Start) -> None:
        shown = [*start.names, *(result.name for result in start.reused if self._output.shows_reasons)]
        self._width = widest(shown)
        self._command = start.command if start.command != "snapshot" else "snapshot run"
        self._echo(str(start))
        if self._output.shows_reasons:
            for result in start.reused:
                self.see(StepEnded(result))

    def see(self, event: RunEvent) -> None:
        match event:
            case RunStarted(run_id) if self._output.shows_reasons:
                self._echo(f"run {run_id}")
            case Terminating():
                self._echo(style(TERMINATING, fg="yellow"))
            case StepEnded(result) if result.status != "not_started" or self._output.shows_reasons:
                self._echo(self._line(result))
                for line in self._details(event):
                    self._echo(f"            {line}")

    def end(self, report: Report, seconds: float) -> None:
        print_errors(report)
        self._echo(f"\n{report.summary(seconds)}")
        if report.errors() and not report.interrupted:
            self._echo(f"next: correct the error and call `fft {self._command}` again; it builds only the rest")

    def running_line(self, name: str, seconds: float) -> str:
        """Return the line of a running node, with the columns of the other lines."""
        return f"{'running':11} {padded(name, self._width)} {'':17}{seconds:8.0f} s"

    def _line(self, result: NodeRunResult) -> str:
        rows = f"{result.rows:>12,} rows" if result.rows is not None else " " * 17
        seconds = f"{result.duration_ms / 1000:8.2f} s" if result.duration_ms is not None else ""
        mark = style(f"{result.status.replace('_', ' '):11}", fg=COLORS[result.status])
        return f"{mark} {padded(result.name, self._width)} {rows}{seconds}".rstrip()

    def _details(self, ended: StepEnded) -> Iterator[str]:
        if self._output.shows_reasons:
            yield from (str(reason) for reason in ended.result.reasons)
            yield from (f"passed: {check.name}" for check in ended.result.checks if check.status == "pass")
        yield from (style(said, fg="red" if said.startswith("failed") else "yellow") for said in ended.remarks)


class JsonLines:
    """One JSON object per line."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def begin(self, start: Start) -> None:
        project = start.project
        about = {"project": project.name, "profile": project.env, "engine": project.engine}
        self._print("run_started", command=start.command, **about, nodes=list(start.names))
        for result in start.reused:
            self.see(StepEnded(result))

    def see(self, event: RunEvent) -> None:
        match event:
            case RunStarted(run_id):
                self._print("run_created", run_id=run_id)
            case StepStarted(name):
                self._print("node_started", name=name)
            case Terminating():
                self._print("interrupted")
            case StepEnded(result):
                self._print("node_ended", **result.to_json())

    def end(self, report: Report, seconds: float) -> None:
        print_errors(report)
        came_of_it = {"states": report.states, "checks": report.checks, "exit_code": report.exit_code}
        self._print("run_ended", **came_of_it, elapsed_ms=round(seconds * 1000))

    def _print(self, event: str, **values: Any) -> None:  # Any: plain values for JSON
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        echo_json({"event": event, "time": time, **values}, indent=None, file=self._file)


class ErrorsOnly:
    """Errors only."""

    def begin(self, start: Start) -> None:
        pass

    def see(self, event: RunEvent) -> None:
        pass

    def end(self, report: Report, seconds: float) -> None:
        print_errors(report)


class UntilNobodyReads:
    """A wrapper of another display, until the reader of the output has ended: the run continues without it."""

    def __init__(self, shown: Display) -> None:
        self._shown = shown
        self._is_read = True

    def begin(self, start: Start) -> None:
        self._tell(lambda: self._shown.begin(start))

    def see(self, event: RunEvent) -> None:
        self._tell(lambda: self._shown.see(event))

    def end(self, report: Report, seconds: float) -> None:
        if self._is_read:
            self._tell(lambda: self._shown.end(report, seconds))
        else:
            print_errors(report)

    def _tell(self, show: Callable[[], None]) -> None:
        if not self._is_read:
            return
        try:
            show()
        except BrokenPipeError:
            self._is_read = False
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # output of models is dropped, too


def print_errors(report: Report, *, besides: RunStatus | None = None) -> None:
    """Print the errors of nodes on stderr, except those of one status."""
    for error in report.errors(besides=besides):
        echo(f"\n{style('error', fg='red', bold=True)}: {error}", err=True)


@contextmanager
def display(output: Output, lines_for: LinesFor, *, is_worth_watching: bool) -> Iterator[Display]:
    """Choose a display: a terminal gets a live one, if a node runs.

    Args:
        output: The options of the output.
        lines_for: Makes the lines for people.
        is_worth_watching: Whether a node runs.
    """
    if output.as_json:
        lines = JsonLines(sys.stdout)
        with redirect_stdout(sys.stderr):  # output of models
            yield UntilNobodyReads(lines)
    elif output.quiet:
        yield ErrorsOnly()
    elif is_worth_watching and sys.stdout.isatty():
        from fft_cli.progress import live_lines

        with live_lines(output, lines_for) as live:
            yield live
    else:
        yield UntilNobodyReads(lines_for(output, echo))

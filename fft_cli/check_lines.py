"""The output of `fft test`: a line for each check, with failing rows below it, and totals."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from fft_cli.cells import padded, widest
from fft_cli.lines import TERMINATING, Start, print_errors
from fft_cli.run_options import Output
from fft_cli.terminal import echo, style
from fft_core.project.model import Check
from fft_core.reports.checks.outcomes import CheckOutcome, OutcomeStatus, counted, outcomes_of
from fft_core.run.outcomes import RunEvent, RunStarted, StepEnded, Terminating
from fft_core.run.report import Report

_MARKS: Mapping[OutcomeStatus, str] = {"pass": "✓", "fail": "✗", "warn": "!", "error": "✗", "not_run": "-"}
_COLORS = {"pass": "green", "fail": "red", "warn": "yellow", "error": "red", "not_run": "bright_black"}
_TOTALS = {"pass": "passed", "fail": "failed", "warn": "warned", "error": "could not be run", "not_run": "not run"}
LONGEST_ROW = 200  # characters of a failing row; the reports have all of them
_PLAIN = str.maketrans({"✓": "+", "✗": "x", "↳": ">", "⇔": "=", "⇒": ">", "…": "..."})


class CheckLines:
    """Lines for the requested checks as their tables end, and the totals at the end.

    Args:
        checks: The checks.
        output: The options of the output.
        echo: Prints a line.
    """

    def __init__(self, checks: Sequence[Check], output: Output, echo: Callable[[str], None] = echo) -> None:
        self._checks = checks
        self._output = output
        self._echo = echo
        self._types = widest(check.type for check in checks)
        self._subjects = widest(check.rule.subject(check.node) for check in checks)

    def begin(self, start: Start) -> None:
        self._print(str(start))

    def see(self, event: RunEvent) -> None:
        match event:
            case RunStarted(run_id) if self._output.shows_reasons:
                self._print(f"run {run_id}")
            case Terminating():
                self._print(style(TERMINATING, fg="yellow"))
            case StepEnded(result) if result.status != "not_started":
                of_node = [check for check in self._checks if str(check.node) == result.name]
                for outcome in outcomes_of(of_node, {result.name: result}):
                    self._print_outcome(outcome)

    def end(self, report: Report, seconds: float) -> None:
        print_errors(report, besides="checked")  # results of checks are printed already
        outcomes = list(outcomes_of(self._checks, report.results))
        if not outcomes:
            self._print(f"\nnothing to do; {seconds:.1f} s")
            return
        self._print("\nTotals")
        for status, count in counted(outcomes).items():
            mark = style(_MARKS[status], fg=_COLORS[status]) if count else _MARKS[status]
            self._print(f"{mark} {_TOTALS[status]}: {count}")
        self._print(f"\n{seconds:.1f} s")

    def running_line(self, name: str, seconds: float) -> str:
        """Return the line of a node while its checks run."""
        return f"… {padded(name, self._types + self._subjects)} {seconds:8.0f} s"

    def _print_outcome(self, outcome: CheckOutcome) -> None:
        mark = style(_MARKS[outcome.status], fg=_COLORS[outcome.status])
        about = f"{padded(outcome.type, self._types)}  {padded(outcome.subject, self._subjects)}"
        self._print(f"{mark} {about}  {_time(outcome)}".rstrip())
        for line in self._details(outcome):
            self._print(f"  ↳ {style(line, fg=_COLORS[outcome.status])}")

    def _details(self, outcome: CheckOutcome) -> Iterator[str]:
        if outcome.message:
            place = "" if outcome.status == "pass" else f" ({outcome.where})"
            yield f"{outcome.name}: {outcome.message}{place}"
        if outcome.first_row:
            yield f"the first of them: {_short(outcome.first_row)}"
        if outcome.failures:
            yield f"the rows are in {outcome.failures}"
        if outcome.sql and outcome.status != "pass" and self._output.shows_reasons:
            yield outcome.sql

    def _print(self, line: str) -> None:
        self._echo(line if _shows_marks() else line.translate(_PLAIN))


def _time(outcome: CheckOutcome) -> str:
    if outcome.seconds is None:
        return ""
    with_others = f" for {outcome.shared_by} checks" if outcome.shared_by > 1 else ""
    return f"{outcome.seconds * 1000:7,.0f} ms{with_others}"


def _short(row: str) -> str:
    return row if len(row) <= LONGEST_ROW else f"{row[: LONGEST_ROW - 1]}…"


def _shows_marks() -> bool:
    """Return whether the terminal can show the characters of the marks; some terminals of Windows cannot."""
    try:
        "✓✗↳⇔⇒".encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True

"""`fft test --history`: the results of checks in the last runs. No check is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from fft_cli.cells import aligned
from fft_cli.face import face
from fft_cli.terminal import echo, echo_json, style
from fft_core import Project
from fft_core.project.model import Check, Outcome
from fft_core.run.check_history import CheckHistory, CheckMark, history_to_json

SHOWN = 20  # results of a check
_LETTERS: Mapping[Outcome, str] = {"pass": ".", "warn": "w", "fail": "F"}
_COLORS: Mapping[Outcome, str] = {"pass": "green", "warn": "yellow", "fail": "red"}
_COUNTS = 6  # numbers of failing rows that are shown


def print_history(project: Project, checks: Sequence[Check], *, as_json: bool) -> None:
    """Print a line for each check: its last results, since when it fails, and the numbers of failing rows.

    Raises FftError if the history of runs cannot be read.
    """
    known = face().check_history(project, checks, SHOWN)
    histories = [(check, known.get((str(check.node), check.name), CheckHistory())) for check in checks]
    if as_json:
        echo_json({"checks": [history_to_json(check, history, SHOWN) for check, history in histories]})
        return
    for line in aligned([_cells(check, history) for check, history in histories]):
        echo(line)
    failing = sum(1 for _, history in histories if history.since)
    never = sum(1 for _, history in histories if not history.marks)
    without = f", {never} without a result" if never else ""
    echo(f"\n{len(histories)} check{'s' * (len(histories) != 1)}, {failing} not passing{without}")


def _cells(check: Check, history: CheckHistory) -> tuple[str, ...]:
    last = history.last
    name = f"{check.node} {check.name}"
    if last is None:
        return "-", name, "", "no result yet"
    marks = "".join(_letters(history.newest(SHOWN)))
    said = str(history.since) if history.since else f"{last.at:%Y-%m-%d %H:%M} UTC"
    counts = _over_time(history.newest(SHOWN))
    return style(last.outcome, fg=_COLORS[last.outcome]), name, marks, said + (f": {counts} rows" if counts else "")


def _letters(marks: Sequence[CheckMark]) -> list[str]:
    return [style("".join(_LETTERS[outcome] for _ in run), fg=_COLORS[outcome]) for outcome, run in _runs(marks)]


def _runs(marks: Sequence[CheckMark]) -> list[tuple[Outcome, list[CheckMark]]]:
    return [(outcome, list(run)) for outcome, run in groupby(marks, key=lambda mark: mark.outcome)]


def _over_time(marks: Sequence[CheckMark]) -> str:
    """Return the numbers of failing rows, from the oldest to the newest; empty if none failed."""
    counts = [mark.failing_rows for mark in marks if mark.failing_rows is not None]
    if not any(counts):
        return ""
    steps = [count for count, _ in groupby(counts)]
    shown = [f"{count:,}" for count in steps[-_COUNTS:]]
    return " → ".join(["…", *shown] if len(steps) > _COUNTS else shown)

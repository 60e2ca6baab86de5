"""The last results of a check as a small chart: a bar for each, relative to the largest number of failing rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fft_core.project.model import Outcome
from fft_core.run.check_history import CheckHistory, CheckMark

SHOWN = 30  # results
HEIGHT, _LEAST = 24.0, 3.0
_STEP, _WIDTH = 7.0, 5.0


@dataclass(frozen=True)
class Bar:
    """One result; x and y are its upper left corner."""

    x: float
    y: float
    height: float
    outcome: Outcome
    title: str
    width: float = _WIDTH


@dataclass(frozen=True)
class Trend:
    """A chart, and its content in words."""

    bars: tuple[Bar, ...]
    says: str
    outcome: Outcome
    since: str | None

    @property
    def width(self) -> float:
        """The width; the height is `HEIGHT`."""
        return len(self.bars) * _STEP - (_STEP - _WIDTH)


def trend_of(history: CheckHistory) -> Trend | None:
    """Return a chart of the last results of a check, the newest at the right; None if it never ran."""
    marks = history.newest(SHOWN)
    if history.last is None:
        return None
    most = max((mark.failing_rows or 0 for mark in marks), default=0)
    bars = tuple(_bar(number, mark, most) for number, mark in enumerate(marks))
    passed = sum(mark.outcome == "pass" for mark in marks)
    says = f"passed in {passed} of the last {len(marks)} runs" if len(marks) > 1 else "ran once"
    return Trend(bars, says, history.last.outcome, str(history.since) if history.since else None)


def _bar(number: int, mark: CheckMark, most: int) -> Bar:
    """Return the bar of a result; heights are logarithmic, so that one row and a million of them are both visible."""
    share = math.log1p(mark.failing_rows or 0) / math.log1p(most) if most else float(mark.outcome != "pass")
    height = round(_LEAST if mark.outcome == "pass" else max(2 * _LEAST, share * HEIGHT), 1)
    rows = "" if mark.failing_rows is None else f", {mark.failing_rows:,} failing"
    title = f"{mark.at:%Y-%m-%d %H:%M} UTC: {mark.outcome}{rows}"
    return Bar(number * _STEP, round(HEIGHT - height, 1), height, mark.outcome, title)

"""The settings of sessions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from fft_core.engines.spec.spelling import Spelling

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}


@dataclass(frozen=True)
class SessionSettings:
    """The settings by which events become sessions.

    Attributes:
        key: The columns that identify the owner of a session.
        event_time: The column of an event's time.
        event_id: The column that distinguishes events of one key and time; None if each record is a separate event.
        gap: The longest time between two successive events of a session.
        measures: Aggregates in SQL over the events of a session, by name.
        columns: Declared types of events' columns, by name.
    """

    key: tuple[str, ...]
    event_time: str
    gap: timedelta
    event_id: str | None = None
    measures: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)

    def interval(self, spelling: Spelling) -> str:
        """Render the gap as SQL."""
        return spelling.interval(f"{round(self.gap.total_seconds() * 1_000_000)} microseconds")


def read_interval(text: str) -> timedelta:
    """Read a duration such as `30 minutes`. Raises ValueError.

    >>> read_interval("30 minutes"), read_interval("1 day")
    (datetime.timedelta(seconds=1800), datetime.timedelta(days=1))
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(second|minute|hour|day|week)s?\s*", text)
    if match is None:
        raise ValueError(f"{text!r} is not a time; write it as '30 minutes', '2 hours' or '1 day'")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])

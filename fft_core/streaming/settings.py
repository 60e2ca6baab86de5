"""The settings of sessions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, TypeAlias

from fft_core.engines.spec.spelling import Spelling
from fft_core.engines.spec.written_sql import event_time_problem, read_aggregate, type_problem
from fft_core.errors import StreamError
from fft_core.names.csv_columns import twice
from fft_core.names.sessions import reserved_names, taken_key, taken_measures

Writing: TypeAlias = Literal["api", "model"]
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

    def to_json(self, by: Writing = "api") -> str:
        """Return the settings as the text that is kept beside the sessions that were made with them.

        `by` tells whether a model of a project writes the sessions, or a `StreamSessionizer`.
        """
        values = {
            "by": by,
            "sink": "sessions",
            "key": list(self.key),
            "event_time": self.event_time,
            "event_id": self.event_id,
            "gap": self.gap.total_seconds(),
            "measures": dict(self.measures),
            "columns": dict(self.columns),
        }
        return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    def interval(self, spelling: Spelling) -> str:
        """Render the gap as SQL."""
        return spelling.interval(f"{round(self.gap.total_seconds() * 1_000_000)} microseconds")


@dataclass(frozen=True)
class SettingsChange:
    """The differences between the settings that a table was written with and those of now.

    Attributes:
        names: The names of the settings that differ.
        columns: The names of the columns whose declared types differ.
    """

    names: frozenset[str] = frozenset()
    columns: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.names)

    def __str__(self) -> str:
        return ", ".join(sorted(self.names))


def refuse_settings(settings: SessionSettings, dialect: str) -> None:
    """Raise StreamError for settings that are wrong in any database of a dialect."""
    times, ids = [settings.event_time], [settings.event_id] if settings.event_id else []
    named = {"key": settings.key, "event_time": times, "event_id": ids, "measures": settings.measures}
    for setting, name, message in reserved_names({**named, "columns": settings.columns}):
        hint = "Use another name; rename it in the events."
        raise StreamError(message, hint=hint, keys=(setting, name), code="FFT-804")
    for setting, names in (("key", settings.key), ("columns", settings.columns)):
        if again := twice(names):
            raise StreamError(f"{setting}: {again!r} occurs twice", keys=(setting, again), code="FFT-804")
    if taken := taken_key(settings.key):
        raise StreamError(taken, hint="Rename it in the events, or in their source.", keys=("key",), code="FFT-804")
    taken_names = taken_measures(settings.key, settings.measures)
    for name, text in settings.measures.items():
        if name in taken_names:
            raise StreamError(taken_names[name], keys=("measures", name), code="FFT-804")
        try:
            read_aggregate(text, dialect)
        except ValueError as error:
            raise StreamError(
                f"the measure {name!r} ({text}): {error}", keys=("measures", name), code="FFT-804"
            ) from error
    for name, kind in settings.columns.items():
        if problem := type_problem(kind, dialect):
            raise StreamError(f"columns: {name}: {problem[0]}", hint=problem[1], keys=("columns", name), code="FFT-804")
        if name.lower() == settings.event_time.lower() and (said := event_time_problem(kind)):
            raise StreamError(f"columns: {name}: {said}", keys=("columns", name), code="FFT-804")


def table_settings(columns: Mapping[str, str]) -> str:
    """Return the settings of a stream into a table, as text; see `SessionSettings.to_json`."""
    values = {"by": "model", "sink": "table", "columns": dict(columns)}
    return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def is_of_a_model(settings: str | None) -> bool:
    """Return whether a model of a project wrote rows with these settings, or may have done so if they are unknown."""
    return settings is None or json.loads(settings).get("by") == "model"


def settings_change(before: str | None, now: str) -> SettingsChange:
    """Compare settings as they are kept; none differs if those of before are unknown.

    >>> str(settings_change(table_settings({"a": "integer"}), table_settings({"a": "double"})))
    'columns'
    """
    if before is None or before == now:
        return SettingsChange()
    old, new = json.loads(before), json.loads(now)
    names = {name for name in (*old, *new) if name != "by" and old.get(name) != new.get(name)}
    types = {name for name, kind in new["columns"].items() if old["columns"].get(name) != kind}
    return SettingsChange(frozenset(names), frozenset(types))


def read_interval(text: str) -> timedelta:
    """Read a duration such as `30 minutes`. Raises ValueError.

    >>> read_interval("30 minutes"), read_interval("1 day")
    (datetime.timedelta(seconds=1800), datetime.timedelta(days=1))
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(second|minute|hour|day|week)s?\s*", text)
    if match is None:
        raise ValueError(f"{text!r} is not a time; write it as '30 minutes', '2 hours' or '1 day'")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])

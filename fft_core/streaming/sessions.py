"""The statements that make sessions from events: from all events, or from those near the events of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from fft_core.engines.spec.spelling import CHANGED, Spelling
from fft_core.names import Relation
from fft_core.names.sessions import CLOSED, CLOSES, END, EVENTS, ID, START
from fft_core.streaming.measures import columns_in
from fft_core.streaming.settings import SessionSettings
from fft_core.streaming.types import earlier, later

TOUCHED_START, TOUCHED_END, _TOUCHED_KEY = "_ff_start", "_ff_end", "_ff_key_{}"
MOST_RANGES = 8  # the number of time ranges that are read instead of one, so that fewer rows between are read
Range = tuple[datetime, datetime]


@dataclass(frozen=True)
class SessionStatements:
    """The SQL that makes sessions.

    Attributes:
        settings: The settings of the sessions, with the column names of the events.
        measures: The measures, rendered by `spelled_measures`.
        spelling: The spelling of the engine.
    """

    settings: SessionSettings
    measures: Mapping[str, str]
    spelling: Spelling

    def all_sessions(self, events: Relation, watermark: datetime | None) -> str:
        """Render the sessions of all events: this statement defines sessions."""
        return self.sessions_of(f"select * from {events.sql(self.spelling)}", watermark)

    def sessions_of(self, events: str, watermark: datetime | None) -> str:
        """Render the sessions of the events that a query returns; it may leave out the events of whole sessions."""
        key, time = self._key(), self._q(self.settings.event_time)
        gap, order = self.settings.interval(self.spelling), ", ".join(self.order)
        window = f"partition by {', '.join(key)} order by {order}"
        closes = f"max({time}) + {gap}"
        measures = [f"{text} as {self._q(name)}" for name, text in self.measures.items()]
        selected = [
            *key,
            f"{self._session_id(time)} as {ID}",
            f"min({time}) as {START}",
            f"max({time}) as {END}",
            f"count(*) as {EVENTS}",
            *measures,
            f"{self._is_closed(closes, watermark)} as {CLOSED}",
            f"{closes} as {CLOSES}",
        ]
        return (
            f"with _ff_e as (\n{events}\n), _ff_f as (\n"
            f"select *, case when {time} <= lag({time}) over ({window}) + {gap} then 0 else 1 end as _ff_is_first\n"
            f"from _ff_e\n), _ff_n as (\n"
            f"select *, sum(_ff_is_first) over ({window} rows unbounded preceding) as _ff_number from _ff_f\n)\n"
            f"select {', '.join(selected)}\nfrom _ff_n group by {', '.join(key)}, _ff_number"
        )

    def touched(self, sessions: Relation, new: Relation, ranges: Sequence[Range]) -> str:
        """Render the sessions that new events belong to: those within the gap of a new event."""
        time, gap = f"_ff_n.{self._q(self.settings.event_time)}", self.settings.interval(self.spelling)
        near = f"_ff_s.{START} <= {time} + {gap} and _ff_s.{END} >= {time} - {gap}"
        same = self._same("_ff_n", "_ff_s")
        known = f"exists (select 1 from {new.sql(self.spelling)} as _ff_n where {same} and {near})"
        key = (f"_ff_s.{name} as {_TOUCHED_KEY.format(place)}" for place, name in enumerate(self._key()))
        columns = ", ".join([*key, f"_ff_s.{START} as {TOUCHED_START}", f"_ff_s.{END} as {TOUCHED_END}"])
        return "\nunion\n".join(
            f"select {columns} from {sessions.sql(self.spelling)} as _ff_s "
            f"where {self._overlaps('_ff_s', part)} and {known}"
            for part in ranges
        )

    def again(
        self, events: Relation, new: Relation, touched: Relation, ranges: Sequence[Range], now: datetime | None
    ) -> str:
        """Render the sessions that are made from the events of touched sessions and new events."""
        names = ", ".join(self._read())
        time = f"_ff_k.{self._q(self.settings.event_time)}"
        inside = f"{self._is_of('_ff_k.')} and {time} >= {TOUCHED_START} and {time} <= {TOUCHED_END}"
        kept = f"exists (select 1 from {touched.sql(self.spelling)} where {inside})"
        literal = self.spelling.timestamp
        parts = [
            f"select {names} from {events.sql(self.spelling)} as _ff_k "
            f"where {time} >= {literal(low)} and {time} <= {literal(high)} and {kept}"
            for low, high in ranges
        ]
        parts.append(f"select {names} from {new.sql(self.spelling)}")
        return self.sessions_of("\nunion all\n".join(parts), now)

    def removed(self, sessions: Relation, touched: Relation, ranges: Sequence[Range]) -> tuple[str, ...]:
        """Render the statements that delete the touched sessions."""
        known = f"select 1 from {touched.sql(self.spelling)} where {self._is_of()} and {TOUCHED_START} = {START}"
        return tuple(
            self.spelling.delete(sessions, f"{END} >= {low} and {START} <= {high} and exists ({known})")
            for low, high in (map(self.spelling.timestamp, part) for part in ranges)
        )

    def closed(self, sessions: Relation, before: datetime | None, now: datetime | None) -> tuple[str, ...]:
        """Render the update of sessions that the watermark closes, or opens again if it has gone back."""
        if now is None or before is None or now == before:
            return ()
        low, high = (self.spelling.timestamp(time) for time in sorted((before, now)))
        is_closed = self._is_closed(f"{CHANGED}.{CLOSES}", now)
        passed = f"{CHANGED}.{CLOSES} >= {low} and {CHANGED}.{CLOSES} <= {high}"
        return (
            self.spelling.update(sessions, {CLOSED: is_closed}, f"{passed} and {CHANGED}.{CLOSED} <> ({is_closed})"),
        )

    @property
    def order(self) -> tuple[str, ...]:
        """The columns by which the events of a key are ordered, as SQL."""
        named = [self.settings.event_time, *([self.settings.event_id] if self.settings.event_id else [])]
        return tuple(map(self._q, named))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of sessions, as SQL."""
        return (*self._key(), ID, START, END, EVENTS, *map(self._q, self.measures), CLOSED, CLOSES)

    def _read(self) -> list[str]:
        """Return all columns of events that sessions are made from, as SQL."""
        read = dict.fromkeys([*self._key(), *self.order])
        for text in self.measures.values():
            read.update(dict.fromkeys(map(self._q, columns_in(text, self.spelling.dialect))))
        return list(read)

    def _session_id(self, time: str) -> str:
        """Render a hash of the key and of the first event's time and id: a session has the same id in each replay."""
        text = self.spelling.cast
        parts = [self.spelling.hashed([text(name, "text")]) for name in self._key()]
        parts.append(text(f"min({time})", "text"))
        if self.settings.event_id:
            ids, order = self._q(self.settings.event_id), ", ".join(self.order)
            first = f"(array_agg({text(ids, 'text')} order by {order}))[1]"
            parts.append(self.spelling.hashed([first]))
        return self.spelling.hashed(parts)

    def _is_closed(self, closes: str, watermark: datetime | None) -> str:
        return "false" if watermark is None else f"{closes} < {self.spelling.timestamp(watermark)}"

    def _overlaps(self, alias: str, part: Range) -> str:
        low, high = (self.spelling.timestamp(time) for time in part)
        return f"{alias}.{END} >= {low} and {alias}.{START} <= {high}"

    def _same(self, one: str, other: str) -> str:
        return " and ".join(f"{one}.{name} = {other}.{name}" for name in self._key())

    def _is_of(self, of: str = "") -> str:
        """Render the condition that a touched session has the key of a row; the key's columns have other names."""
        return " and ".join(f"{_TOUCHED_KEY.format(i)} = {of}{name}" for i, name in enumerate(self._key()))

    def _key(self) -> list[str]:
        return [self._q(name) for name in self.settings.key]

    def _q(self, name: str) -> str:
        return self.spelling.quoted(name)


def ranges_of(spans: Iterable[Range], around: timedelta, most: int = MOST_RANGES) -> tuple[Range, ...]:
    """Return few ranges of time that contain all spans, with some time around each; the widest gaps are left out.

    >>> day = timedelta(days=1)
    >>> times = [datetime(2026, 1, 1), datetime(2026, 1, 2), datetime(2026, 5, 1)]
    >>> [(a.date().isoformat(), b.date().isoformat()) for a, b in ranges_of([(t, t) for t in times], day, most=2)]
    [('2025-12-31', '2026-01-03'), ('2026-04-30', '2026-05-02')]
    """
    merged = list[list[datetime]]()
    for low, high in sorted(spans):
        if merged and low - merged[-1][1] <= 2 * around:
            merged[-1][1] = max(merged[-1][1], high)
        else:
            merged.append([low, high])
    widths = sorted((after[0] - before[1] for before, after in pairwise(merged)), reverse=True)
    least = widths[most - 1] if len(widths) >= most else timedelta(-1)
    ranges = list[list[datetime]]()
    for low, high in merged:
        if ranges and low - ranges[-1][1] <= least:
            ranges[-1][1] = max(ranges[-1][1], high)
        else:
            ranges.append([low, high])
    return tuple((earlier(low, around), later(high, around)) for low, high in ranges)

"""Sessions of events from frames, in Python: in any number of batches and in any order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from fft_core.engines.protocol import Session
from fft_core.errors import BusyError, EngineError, StreamError
from fft_core.frames.arrow import to_arrow
from fft_core.names import Relation
from fft_core.names.sessions import END
from fft_core.streaming.beside import refuse_dead_share
from fft_core.streaming.intake import EventRules, Intake, take_in
from fft_core.streaming.retake import Retake
from fft_core.streaming.session_sink import SessionSink
from fft_core.streaming.settings import SessionSettings, SettingsChange, refuse_settings, settings_change
from fft_core.streaming.source import Position, Source
from fft_core.streaming.state import (
    StreamState,
    Writer,
    held_state,
    place_of_state,
    prepare_state,
    read_state,
    write_state,
)
from fft_core.streaming.tables import StreamTables, add_index
from fft_core.streaming.types import UNITS, TimeUnit

if TYPE_CHECKING:
    import pyarrow as pa


_LONGEST_GAP = 100 * 366 * 24 * 60  # minutes of a hundred years: a typing error, and times have an end


class HasEngine(Protocol):
    """An object with a session of a database: a `Warehouse`."""

    engine: Session


@dataclass(frozen=True)
class BatchResult:
    """The counts of a batch.

    Attributes:
        given: The number of records.
        events: The number of events that were kept.
        duplicates: The number of events that had been kept before.
        late: The number of events that are older than allowed; they are in `<target>__late`.
        dead: The number of records that are not events, or in whose place another event with the same id is kept; they
            are in `<target>__dead`.
        sessions: The number of sessions that were written.
        watermark: The time up to which events are expected to be there, in UTC.
    """

    given: int
    events: int
    duplicates: int
    late: int
    dead: int
    sessions: int
    watermark: datetime | None


def refuse_engine(engine: Session) -> None:
    """Raise EngineError for an engine that cannot write a position and rows in one transaction."""
    can = engine.capabilities
    for name, support in (("transactions", can.transactions), ("changing rows", can.changes_rows)):
        if not support:
            hint = "Streams need an engine whose transactions have several statements, see docs/reference/engines.md."
            raise EngineError(f"{engine.name} cannot write a stream: {name}: {support}", hint=hint, code="FFT-603")


class StreamSessionizer:
    """A writer of sessions, from events to a table of the warehouse. A context manager, for use in one thread.

    The sessions depend only on the events that are kept, and not on their order and batches. Records that are not kept
    are in `<target>__late` and `<target>__dead`. Each batch is one transaction. If the target was written with another
    key, time, id, gap, measures or column types, the first batch rebuilds all sessions from the events that are kept.

    Args:
        warehouse: An open warehouse.
        target: The table of the sessions, which is created, with `<target>__events` and the others beside it.
        key: The column, or columns, that identify the owner of a session.
        event_time: The column of an event's time: a time, a text of ISO 8601 (without a zone it is UTC), or a number
            of `event_time_unit`.
        event_id: The column that distinguishes events of one key and time, so that a repeated event counts once.
            Without it each record counts, even a repeated one.
        gap_minutes: The longest time between two successive events of a session, in minutes.
        measures: Aggregates in SQL over the events of a session, by name; `first(x)` and `last(x)` are the values of
            its first and its last event.
        allowed_lateness: The longest time by which an event may be older than the newest event; None for no limit.
        max_ahead: The longest time by which an event may be in the future; None for no limit.
        event_time_unit: The unit of numbers in `event_time`, since 1970: "s", "ms" or "us".
        columns: Types of columns, by name; others get the type of their first values.
        max_dead_share: The share of bad records above which a batch is refused.

    >>> import pandas
    >>> from fft_core import load_project, open_warehouse
    >>> from fft_core.streaming import StreamSessionizer
    >>> frame = pandas.DataFrame({"user_id": [1, 1], "ts": ["2026-01-01 10:00", "2026-01-01 10:20"], "amount": [2, 3]})
    >>> with open_warehouse(load_project("shop"), path=":memory:") as warehouse:
    ...     measures = {"pageviews": "count(*)", "revenue": "sum(amount)"}
    ...     sessionizer = StreamSessionizer(
    ...         warehouse, "fct_sessions", key="user_id", event_time="ts", gap_minutes=30, measures=measures
    ...     )
    ...     result = sessionizer.process_batch(frame)
    ...     warehouse.engine.fetch("select user_id, events, revenue, is_closed from fct_sessions")
    [(1, 2, 5, False)]
    """

    def __init__(
        self,
        warehouse: HasEngine,
        target: str,
        *,
        key: str | Sequence[str],
        event_time: str,
        event_id: str | None = None,
        gap_minutes: float = 30,
        measures: Mapping[str, str] | None = None,
        allowed_lateness: timedelta | None = None,
        max_ahead: timedelta | None = None,
        event_time_unit: TimeUnit | None = None,
        columns: Mapping[str, str] | None = None,
        max_dead_share: float | None = None,
    ) -> None:
        keys = _names(key)
        if not isinstance(gap_minutes, int | float) or not 0 < gap_minutes < _LONGEST_GAP:
            raise StreamError(
                f"gap_minutes must be more than 0 and less than {_LONGEST_GAP:,}, not {gap_minutes!r}", code="FFT-804"
            )
        _refuse_values(event_time_unit, {"allowed_lateness": allowed_lateness, "max_ahead": max_ahead}, max_dead_share)
        self._engine = warehouse.engine
        refuse_engine(self._engine)
        settings = SessionSettings(
            keys, event_time, timedelta(minutes=gap_minutes), event_id, dict(measures or {}), dict(columns or {})
        )
        refuse_settings(settings, self._engine.spelling.dialect)
        self._settings = settings.to_json()
        self._rules = EventRules(keys, event_time, event_id, event_time_unit, allowed_lateness, max_ahead)
        self._tables = StreamTables(self._engine.relation(target))
        self._sink = SessionSink(self._engine, self._tables, settings)
        self._share = max_dead_share
        self._is_prepared = False

    @property
    def target(self) -> Relation:
        """The table of the sessions."""
        return self._tables.target

    def process_batch(self, frame: Any) -> BatchResult:  # Any: a frame of any library that Arrow reads
        """Keep the events of a frame, and update their sessions, in one transaction.

        Args:
            frame: A frame of pandas, Polars or Arrow, with one row for each event.

        Raises:
            StreamError: a measure is not valid, too many records are bad, or the sessions cannot be rebuilt with other
                settings. Nothing is kept.
            BusyError: another process writes this stream.
        """
        return self._process(to_arrow(frame), None)

    def process(self, source: Source, limit: int = 100_000) -> BatchResult:
        """Read a batch from a source, and process it in the same way; its position is kept in the same transaction.

        Args:
            source: The source, such as a `FileTailSource`; always the same one for a stream.
            limit: The largest number of records.

        Raises the errors of `process_batch`.
        """
        if limit < 1:
            raise StreamError(f"limit must be 1 or more, not {limit}", code="FFT-804")
        with self._engine.turn():
            state = self._state() or StreamState()
            batch, position = source.poll(state.position, limit)
            is_begun, is_same = bool(state.counts), not self._change(state)
            if not batch.num_rows and is_same and (position == state.position or not is_begun):  # files must not grow
                return BatchResult(0, 0, 0, 0, 0, 0, state.watermark)
            return self._process(batch, position, state)

    def _process(self, batch: pa.Table, position: Position | None, polled: StreamState | None = None) -> BatchResult:
        engine, target, now = self._engine, self.target, _now()
        with engine.turn():
            if not self._is_prepared:
                engine.create_schema(target)
            with engine.transaction():
                engine.hold(place_of_state(target))
                if not self._is_prepared:
                    prepare_state(engine, target)
                before = self._state()
                state = before or StreamState()
                if polled is not None and (polled.epoch, polled.position) != (state.epoch, state.position):
                    raise BusyError(f"another process wrote to the stream {target} in the meantime", code="FFT-805")
                if state.phase == "backfill":
                    hint = "Let `fft stream run` finish it: until then, the sessions are not those of the events kept."
                    raise StreamError(f"{target} is being read again after a reset", hint=hint)
                state, bad = self._retaken(state, now)
                self._sink.refuse_lost_events(state.counts.get("events", 0))
                intake = take_in(batch, self._rules, state, now, takes_nul=engine.spelling.takes_nul)
                counts = self._applied(intake, state, now)
                refuse_dead_share(counts["dead"], intake.given, self._share)
                counts["dead"] += bad
                after = next_state(state, intake, counts, position, Writer.me())
                write_state(engine, target, before, replace(after, settings=self._settings))
            self._is_prepared = True
        return BatchResult(given=intake.given, watermark=intake.watermark, **counts)

    def _change(self, state: StreamState) -> SettingsChange:
        return settings_change(state.settings, self._settings)

    def _retaken(self, state: StreamState, now: datetime) -> tuple[StreamState, int]:
        """Take the events that are kept again, if the settings have changed since."""
        change = self._change(state)
        if not change:
            return state, 0
        if self._tables.events not in self._engine.inspect([self._tables.events]) and state.counts.get("events"):
            message = f"{self.target} was written with other settings ({change}), and its events are not kept any more"
            raise StreamError(message, hint="Name another target, and process the events again.")
        return Retake(self._sink, self._rules, change, self._share).run(state, now)

    def _applied(self, intake: Intake, state: StreamState, now: datetime) -> dict[str, int]:
        engine, is_there = self._engine, self.target in self._engine.inspect([self.target])
        if is_there and not state.counts:
            hint = "Name another target, or drop that table."
            raise StreamError(f"{self.target} exists and was not written by a stream", hint=hint, code="FFT-803")
        is_other = bool(self._change(state))
        counts = self._sink.keep(intake, now, self.target if is_there and not is_other else None, state.watermark)
        if is_there and is_other:
            counts["sessions"] = self._sink.replace(self.target, intake.watermark)
        elif not is_there and counts["events"]:
            query = self._sink.all_sessions(intake)
            engine.execute(engine.spelling.create_as(self.target, "table", query, replaces=False))
            add_index(engine, self.target, END)
            ((sessions,),) = engine.fetch(f"select count(*) from {self.target.sql(engine.spelling)}")
            counts["sessions"] = int(sessions)
        return counts

    def _state(self) -> StreamState | None:
        return read_state(self._engine, self.target)

    def close(self) -> None:
        """Let other processes write this stream."""
        with self._engine.turn(), self._engine.transaction():
            state = self._state()
            if state is not None and state.holder is not None and state.holder.is_me:
                write_state(self._engine, self.target, state, replace(state, holder=None))

    def __enter__(self) -> StreamSessionizer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _names(key: str | Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a key. Raises StreamError for anything else."""
    keys: tuple[object, ...] = (key,) if isinstance(key, str) or not isinstance(key, Sequence) else tuple(key)
    names = tuple(name for name in keys if isinstance(name, str) and name)
    if not names or len(names) < len(keys):
        raise StreamError(
            f"sessions need a key: the column with the owner of a session, or several, not {key!r}", code="FFT-804"
        )
    return names


def _refuse_values(unit: str | None, times: Mapping[str, object], share: float | None) -> None:
    """Raise StreamError for a setting with an invalid value."""
    if unit is not None and unit not in UNITS:
        raise StreamError(f"event_time_unit must be one of {', '.join(UNITS)}, not {unit!r}", code="FFT-804")
    for name, value in times.items():
        if value is not None and not (isinstance(value, timedelta) and value >= timedelta(0)):
            raise StreamError(f"{name} must be a timedelta of 0 or more, not {value!r}", code="FFT-804")
    if share is not None and not 0 <= share <= 1:
        raise StreamError(f"max_dead_share must be from 0 to 1, not {share}", code="FFT-804")


def next_state(
    state: StreamState, intake: Intake, counts: Mapping[str, int], position: Position | None, holder: Writer | None
) -> StreamState:
    """Return the state after a batch."""
    added = {name: state.counts.get(name, 0) + counts[name] for name in ("events", "late", "dead", "duplicates")}
    return replace(
        state,
        position=state.position if position is None else position,
        watermark=intake.watermark,
        partitions=intake.partitions,
        holder=holder,
        epoch=state.epoch if holder == state.holder else state.epoch + 1,
        counts={**added, "batches": state.counts.get("batches", 0) + 1},
    )


@contextmanager
def holding(engine: Session, target: Relation, doing: str) -> Iterator[Writer]:
    """Hold a stream while the context lasts: other processes that try to write it get an error that names this one.

    Raises:
        BusyError: another process holds it.
    """
    me = Writer.me(doing)
    with engine.turn(), engine.transaction():
        before = held_state(engine, target)
        state = before or StreamState()
        write_state(engine, target, before, replace(state, holder=me, epoch=state.epoch + 1))
    try:
        yield me
    finally:
        with engine.turn(), engine.transaction():
            engine.hold(place_of_state(target))
            state = read_state(engine, target) or StreamState()
            if state.holder == me:
                write_state(engine, target, state, replace(state, holder=None))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)

"""Reads and resets the positions of streams, and compares sessions with the stored events."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fft_core.build.streams import body_of, session_sink, settings_of, source_of
from fft_core.engines.protocol import Session
from fft_core.errors import MissingDriverError, RequestError, StreamError
from fft_core.names.sessions import ID
from fft_core.project.model import Model, Project, Sink
from fft_core.streaming.retake import EVERYTHING
from fft_core.streaming.settings import settings_change
from fft_core.streaming.source import OFFSET, PARTITION, Backlog, Position, Source
from fft_core.streaming.state import StreamState, held_state, place_of_state, read_state, remove_unreadable, write_state
from fft_core.streaming.tables import StreamTables
from fft_core.streaming.types import read_time
from fft_core.warehouse.warehouse import Warehouse

_SHOWN = 5


@dataclass(frozen=True)
class StreamStatus:
    """The position of a stream, and its backlog.

    Attributes:
        model: The stream.
        state: The stored state; None if nothing was ever read.
        backlog: The records after that position; None if the source could not be read.
        problem: The reason why it could not be read.
        now: The time of the status, in UTC without a zone.
        code: The code of the problem.
    """

    model: Model
    state: StreamState | None
    backlog: Backlog | None
    problem: str | None
    now: datetime
    code: str | None = None

    @property
    def lag(self) -> timedelta | None:
        """The time by which the watermark is behind now; None before the first event."""
        return self.now - self.state.watermark if self.state and self.state.watermark else None

    @property
    def backlog_age(self) -> timedelta | None:
        """The age of the oldest record that was not read; None if all were read, or if the age is unknown.

        It is the time since the record arrived. If only the last write of its file is known, it is the time since the
        event time of the first record of the file, if that is readable.
        """
        if self.backlog is None or not self.backlog.size:
            return None
        body, oldest = body_of(self.model), self.backlog.oldest
        values = [one.get(body.event_time) for one in self.backlog.first] if body.event_time else []
        times = [time for value in values if (time := read_time(value, body.event_time_unit)) is not None]
        if oldest is not None:
            times.append(datetime.fromtimestamp(oldest, UTC).replace(tzinfo=None))
        return max(self.now - min(times), timedelta(0)) if times else None

    def to_json(self) -> dict[str, Any]:
        """Return the status as values for JSON; times are in UTC."""
        state, backlog = self.state, self.backlog
        return {
            "stream": self.model.name,
            "position": state.position if state else None,
            "watermark": state.watermark.isoformat() if state and state.watermark else None,
            "lag_seconds": self.lag.total_seconds() if self.lag is not None else None,
            "backlog": backlog.size if backlog else None,
            "backlog_unit": backlog.unit if backlog else None,
            "backlog_seconds": self.backlog_age.total_seconds() if self.backlog_age is not None else None,
            "phase": state.phase if state else None,
            "written_by": str(state.holding) if state and state.holding else None,
            "updated_at": state.updated_at.isoformat() if state and state.updated_at else None,
            **{name: (state.counts.get(name, 0) if state else 0) for name in _COUNTED},
            "problem": self.problem,
            "code": self.code,
        }


_COUNTED = ("events", "late", "dead", "duplicates", "batches")


def streams_of(project: Project) -> tuple[Model, ...]:
    """Return the models that are streams, by name."""
    return tuple(model for _, model in sorted(project.models.items()) if model.kind == "stream")


def stream_named(project: Project, name: str) -> Model:
    """Return the stream of that name. Raises RequestError if the project has none."""
    from fft_core.errors import nearest
    from fft_core.names import model_name

    streams = {model.name: model for model in streams_of(project)}
    found = streams.get(model_name(name))
    if found is not None:
        return found
    if model_name(name) in project.models:
        body_of(project.model(name))
    hint = nearest(name, streams) or (f"Streams: {', '.join(streams)}." if streams else "The project has no streams.")
    raise RequestError(f"{name!r} is not a stream", hint=hint, code="FFT-301")


def stream_status(warehouse: Warehouse, model: Model) -> StreamStatus:
    """Return the position of a stream, and the records after it. Raises StateError."""
    state = read_state(warehouse.engine, warehouse.place(model.name))
    now, backlog, problem, code = datetime.now(UTC).replace(tzinfo=None), None, None, None
    try:
        with closing(source_of(warehouse, model)) as source:
            backlog = source.backlog(state.position if state else {})
    except (StreamError, MissingDriverError) as error:
        problem, code = error.problem.message, error.code
    return StreamStatus(model, state, backlog, problem, now, code)


def reset_stream(warehouse: Warehouse, model: Model, to: str) -> Position:
    """Set a stream to another position; stored events after the position are deleted, to be read again.

    The sessions stay as they are until all records of the source have been read again, and are rebuilt then.

    Args:
        warehouse: The session of this thread.
        model: The stream.
        to: "earliest", "latest", or a position as JSON, as `fft stream status --json` prints it.

    Raises:
        RequestError: `to` is not a position, or the rows after it cannot be found in the table.
        BusyError: another process writes the stream.
    """
    engine, target = warehouse.engine, warehouse.place(model.name)
    with closing(source_of(warehouse, model)) as source:
        position = _position(source, to)
        _refuse_lost_rows(model, to)
        warehouse.ensure_schema(target)
        with engine.turn(), engine.transaction():
            if to == "earliest":
                engine.hold(place_of_state(target))
                remove_unreadable(engine, target)
            before = held_state(engine, target)
            state = before or StreamState()
            if to == "earliest":
                _take_back(engine, StreamTables(target), f"{PARTITION} <> ''")
            elif to != "latest":
                _take_back(engine, StreamTables(target), _behind(engine, source, state.position, position))
            write_state(engine, target, before, _reset(state, position, to, body_of(model).sink))
    return position


def _reset(state: StreamState, position: Position, to: str, sink: Sink) -> StreamState:
    """Return the state of a stream that continues from another position."""
    is_again = to != "latest" and not (sink == "table" and to != "earliest")
    is_again = is_again or state.phase == "backfill"  # the sessions are not yet those of the events kept
    after = replace(state, position=position, epoch=state.epoch + 1, phase="live", holder=None)
    after = replace(after, phase="backfill") if is_again else after
    return replace(after, watermark=None, partitions={}, counts={}) if to == "earliest" else after


def _position(source: Source, to: str) -> Position:
    if to == "earliest":
        return {}
    if to == "latest":
        return source.end()
    try:
        position = json.loads(to)
        if not isinstance(position, dict):
            raise ValueError("it is not an object")
        source.offsets(position)
    except (ValueError, StreamError) as error:
        said = error.problem.message if isinstance(error, StreamError) else error
        hint = "Write earliest, latest, or a position as `fft stream status --json` prints it."
        raise RequestError(
            f"--to {to!r} is not a position of {source.said}: {said}", hint=hint, code="FFT-803"
        ) from error
    return position


def _refuse_lost_rows(model: Model, to: str) -> None:
    """Raise RequestError if the table has no positions of its rows, so that rows after `to` cannot be deleted."""
    body = body_of(model)
    if body.sink == "table" and not body.key and to not in ("earliest", "latest"):
        message = f"{model.name} only appends rows: the rows after a position cannot be removed again"
        raise RequestError(
            message, hint="Use --to earliest, which reads all again into an empty table, or latest.", code="FFT-803"
        )


def _behind(engine: Session, source: Source, now: Position, then: Position) -> str:
    """Render the condition of the events that the source has after a position: only these can be read again.

    Args:
        engine: The session.
        source: The source.
        now: The position up to which the source was read.
        then: The position to return to.
    """
    spelling, kept = engine.spelling, source.offsets(then)
    there = {*_still_there(source, now), *_still_there(source, then)}
    after = [f"({PARTITION} = {spelling.literal(name)} and {OFFSET} >= {kept.get(name, 0)})" for name in sorted(there)]
    return " or ".join(after) or "false"


def _still_there(source: Source, position: Position) -> Collection[str]:
    """Return the partitions of a position that the source still has: a file may be gone."""
    with suppress(StreamError):  # messages at this position were deleted, but their partition is there
        position = source.poll(position, 0)[1]
    with suppress(StreamError):
        return source.offsets(position)
    return ()  # a position of the topic before


def _take_back(engine: Session, tables: StreamTables, where: str) -> None:
    """Delete the events that will be read again from all tables."""
    for table in engine.inspect([tables.events, tables.late, tables.dead]):
        engine.execute(engine.spelling.delete(table, where))


@dataclass(frozen=True)
class Replay:
    """The differences between the stored sessions of a stream and those made again from all stored events.

    Attributes:
        sessions: The number of sessions in the table.
        added, gone, changed: The numbers of sessions that would be new, would be missing, and would have other values.
        examples: The ids of some of these sessions, each with "added", "gone" or "changed".
    """

    sessions: int
    added: int
    gone: int
    changed: int
    examples: tuple[tuple[str, str], ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether the table would stay as it is."""
        return not (self.added or self.gone or self.changed)


def replay_stream(warehouse: Warehouse, model: Model) -> Replay:
    """Compare the sessions of a stream with those that result from all stored events. Changes nothing.

    Raises:
        RequestError: the stream does not make sessions, nothing was read yet, it is being read again after a reset, or
            its settings have changed since.
    """
    engine, target = warehouse.engine, warehouse.place(model.name)
    if body_of(model).sink != "sessions":
        raise RequestError(f"{model.name} has no sessions: each of its rows is an event", code="FFT-300")
    state, tables = read_state(engine, target), StreamTables(target)
    if state is None or len(engine.inspect([target, tables.events])) < 2:
        raise RequestError(
            f"{model.name} was not built yet", hint=f"Build it: fft stream run {model.name}", code="FFT-420"
        )
    if state.phase == "backfill":
        message = f"{model.name} is being read again after a reset: its sessions are not yet those of the events kept"
        raise RequestError(
            message, hint=f"Let it finish first: fft stream run {model.name} --until-caught-up", code="FFT-800"
        )
    change = settings_change(state.settings, settings_of(model))
    if change.names & EVERYTHING:
        message = f"settings of {model.name} have changed since it was built: {change}"
        raise RequestError(
            message,
            hint=f"Build it first: the build rebuilds its sessions. fft build --select {model.name}",
            code="FFT-800",
        )
    again = session_sink(engine, target, model).replayed(state.watermark)
    names = [column.name for column in engine.columns(engine.spelling.select_all(target))]
    there = {column.name for column in engine.columns(again)}
    quoted = [engine.spelling.quoted(name) for name in names if name in there and name != ID]
    differs = " or ".join(f"_ff_a.{name} is distinct from _ff_b.{name}" for name in quoted)
    compared = (
        f"select coalesce(_ff_a.{ID}, _ff_b.{ID}) as id, case when _ff_a.{ID} is null then 'added' "
        f"when _ff_b.{ID} is null then 'gone' when {differs} then 'changed' else 'equal' end as what "
        f"from {target.sql(engine.spelling)} as _ff_a full join ({again}) as _ff_b on _ff_a.{ID} = _ff_b.{ID}"
    )
    rows = engine.fetch(f"select what, count(*) from ({compared}) as _ff_c group by what")
    counts: dict[str, int] = {what: int(number) for what, number in rows}
    examples = engine.fetch(
        f"select id, what from ({compared}) as _ff_c where what <> 'equal' order by id limit {_SHOWN}"
    )
    found = {what: counts.get(what, 0) for what in ("added", "gone", "changed", "equal")}
    return Replay(
        sum(found.values()) - found["added"],
        found["added"],
        found["gone"],
        found["changed"],
        tuple((str(i), str(what)) for i, what in examples),
    )

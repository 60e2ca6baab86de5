"""The `_ff_stream` table: the position of each stream, kept beside its rows and in one transaction with them.

Columns are only added at the end of the table. One of an older version lacks the last columns until it is written.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from fft_core.engines.protocol import ColumnType, Session
from fft_core.engines.spec.spelling import TypeWord
from fft_core.errors import BusyError, StateError, StatementError
from fft_core.names import Relation
from fft_core.names.streams import STATE
from fft_core.streaming.source import Position

LEASE = timedelta(minutes=2)  # a writer on another machine counts as alive for this time after its last batch
_COLUMNS: Mapping[str, TypeWord] = {
    "relation": "text",
    "position": "text",
    "watermark": "timestamp",
    "partitions": "text",
    "phase": "text",
    "epoch": "integer",
    "holder": "text",
    "counts": "text",
    "updated_at": "timestamp",
    "settings": "text",
}


@dataclass(frozen=True)
class Writer:
    """A process that writes a stream.

    Attributes:
        host, pid, started: The values that identify the process.
        doing: The command of the process, for people.
    """

    host: str
    pid: int
    started: str
    doing: str = ""

    @classmethod
    def me(cls, doing: str = "") -> Writer:
        """Return this process."""
        return cls(socket.gethostname(), os.getpid(), _started(os.getpid()), doing)

    @property
    def is_me(self) -> bool:
        """Whether the writer is this process."""
        return (self.host, self.pid, self.started) == (socket.gethostname(), os.getpid(), _started(os.getpid()))

    def is_alive(self, last_seen: datetime) -> bool:
        """Return whether the writer may still write: here if its process exists, elsewhere if it wrote recently."""
        if self.host == socket.gethostname():
            return _started(self.pid) == self.started and _exists(self.pid)
        return datetime.now(UTC).replace(tzinfo=None) - last_seen < LEASE

    def __str__(self) -> str:
        return f"{self.doing or 'process'} (pid {self.pid} on {self.host})"


@dataclass(frozen=True)
class StreamState:
    """The state of a stream, as it is stored.

    Attributes:
        position: The position after the last event that was kept.
        watermark: The time up to which events are expected to be there; None before the first event. In UTC.
        partitions: For each partition, its newest event time, and the time at which its last event arrived, as texts.
        phase: "live"; or "backfill" while events are read again, and the sessions are left as they are.
        epoch: The fencing token: it grows with each new writer and each reset.
        holder: The process that holds the stream for longer than a transaction.
        counts: The numbers of events, late events, bad records, duplicates and batches so far.
        updated_at: The time at which the state was written, in UTC.
        settings: The settings that the rows were written with, as `SessionSettings.to_json` returns them; None if a
            version of FFT wrote them that did not keep the settings.
        stored_as: The name of the stream in its row. A file of DuckDB that has another name now gives other names.
    """

    position: Position = field(default_factory=dict)
    watermark: datetime | None = None
    partitions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    phase: Literal["live", "backfill"] = "live"
    epoch: int = 0
    holder: Writer | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    updated_at: datetime | None = None
    settings: str | None = None
    stored_as: str | None = field(default=None, compare=False)

    @property
    def holding(self) -> Writer | None:
        """The other process that holds the stream and is alive; None if there is none."""
        if self.holder is None or self.updated_at is None or self.holder.is_me:
            return None
        return self.holder if self.holder.is_alive(self.updated_at) else None


def place_of_state(target: Relation) -> Relation:
    """Return the table with the state of a stream: beside its rows, so that one transaction writes both."""
    return target.named(STATE)


def read_state(engine: Session, target: Relation) -> StreamState | None:
    """Read the state of a stream; None if nothing was ever read. Raises StateError."""
    table = place_of_state(target)
    if table not in engine.inspect([table]):
        return None
    spelling, name, where = engine.spelling, str(target), _is_of(engine, target)
    order = f"case when relation = {spelling.literal(name)} then 0 else 1 end, relation"
    try:
        rows = engine.fetch(f"select * from {table.sql(spelling)} where {where} order by {order}")
        return _state(rows[0], engine) if rows else None
    except (StatementError, ValueError, TypeError, KeyError) as error:
        hint = f"Its row in {table} was changed by another program. `fft stream reset --to earliest` replaces it."
        said = error.problem.message if isinstance(error, StatementError) else error
        raise StateError(f"the position of {target} cannot be read: {said}", hint=hint, code="FFT-803") from error


def _is_of(engine: Session, target: Relation) -> str:
    """Render the condition that a row belongs to a stream."""
    literal, ending = engine.spelling.literal, "." + ".".join(target.parts[-2:])
    return f"relation = {literal(str(target))} or right(relation, {len(ending)}) = {literal(ending)}"


def remove_unreadable(engine: Session, target: Relation) -> None:
    """Delete the state of a stream if it cannot be read, in a transaction. Raises StateError for another table."""
    try:
        read_state(engine, target)
    except StateError as error:
        if isinstance(error.__cause__, StatementError):
            raise
        engine.execute(engine.spelling.delete(place_of_state(target), _is_of(engine, target)))


def _state(row: tuple[Any, ...], engine: Session) -> StreamState:
    stored_as, position, watermark, partitions, phase, epoch, holder, counts, updated_at, settings, *_ = (*row, None)
    return StreamState(
        position=_mapping(position),
        watermark=None if watermark is None else engine.types.read_time(watermark),
        partitions={name: (_time(times[0]), _time(times[1])) for name, times in _mapping(partitions).items()},
        phase="backfill" if phase == "backfill" else "live",
        epoch=int(epoch),
        holder=Writer(**json.loads(holder)) if holder else None,
        counts={name: int(count) for name, count in _mapping(counts).items()},
        updated_at=engine.types.read_time(updated_at),
        settings=_checked(settings),
        stored_as=stored_as,
    )


def _mapping(text: str) -> Mapping[str, Any]:  # Any: values of JSON
    found: object = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"{text!r} is not an object")
    return found


def _time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


def _checked(settings: str | None) -> str | None:
    if settings is not None and not isinstance(json.loads(settings)["columns"], dict):
        raise ValueError(f"settings is {settings!r}")
    return settings


def prepare_state(engine: Session, target: Relation) -> None:
    """Create the table of the state, if it is missing; add the columns that an older version did not have."""
    table, spelling = place_of_state(target), engine.spelling
    if table not in engine.inspect([table]):
        engine.execute(spelling.create_table(table, _COLUMNS))
        return
    there = {column.name.lower() for column in engine.columns(spelling.select_all(table))}
    for name, kind in _COLUMNS.items():
        if name not in there:
            engine.execute(spelling.add_column(table, ColumnType(name, spelling.types[kind])))


def held_state(engine: Session, target: Relation) -> StreamState | None:
    """Hold the state of a stream until this transaction ends, and read it; None if nothing was ever read.

    Raises:
        BusyError: another process writes the stream.
    """
    engine.hold(place_of_state(target))
    prepare_state(engine, target)
    state = read_state(engine, target)
    if state is not None and (other := state.holding):
        raise held(target, other)
    return state


def write_state(engine: Session, target: Relation, before: StreamState | None, state: StreamState) -> None:
    """Write a state over the one that was read, in the transaction of the rows.

    Raises:
        BusyError: another process writes the stream, or has written it since the state was read.
    """
    there = refuse_others(engine, target, before)
    table, spelling = place_of_state(target), engine.spelling
    values = {
        "relation": str(target),
        "position": json.dumps(state.position, sort_keys=True, separators=(",", ":")),
        "watermark": state.watermark,
        "partitions": json.dumps(state.partitions, sort_keys=True, separators=(",", ":")),
        "phase": state.phase,
        "epoch": state.epoch,
        "holder": json.dumps(vars(state.holder)) if state.holder else None,
        "counts": json.dumps(state.counts),
        "updated_at": datetime.now(UTC).replace(tzinfo=None),
        "settings": state.settings,
    }
    if there is None:
        engine.execute(spelling.insert_row(table, values))
    else:  # not deleted and inserted: DuckDB frees the space of deleted rows only once there are many
        where = f"relation = {spelling.literal(there.stored_as)}"
        engine.execute(spelling.update(table, {k: _spelled(engine, k, v) for k, v in values.items()}, where))


def _spelled(engine: Session, column: str, value: object) -> str:
    spelling = engine.spelling
    return spelling.cast("null", _COLUMNS[column]) if value is None else spelling.literal(value)


def refuse_others(engine: Session, target: Relation, before: StreamState | None) -> StreamState | None:
    """Return the state of a stream. Raise BusyError if another process holds it, or has written it since."""
    now = read_state(engine, target)
    if now is not None and (other := now.holding):
        raise held(target, other)
    if (now is None) != (before is None) or (
        now is not None and before is not None and (now.epoch, now.position) != (before.epoch, before.position)
    ):
        raise BusyError(
            f"another process wrote to the stream {target} in the meantime",
            hint="Start this one again.",
            code="FFT-805",
        )
    return now


def forget_state(engine: Session, target: Relation, before: StreamState | None) -> None:
    """Delete the state of a stream that was read, if there is one.

    Raises:
        BusyError: another process writes the stream, or has written it since the state was read.
    """
    there = refuse_others(engine, target, before)
    if there is not None:
        where = f"relation = {engine.spelling.literal(there.stored_as)}"
        engine.execute(engine.spelling.delete(place_of_state(target), where))


def states_of(engine: Session, targets: Iterable[Relation]) -> dict[Relation, StreamState]:
    """Return the states of those of some relations that are the tables of streams. Raises StateError."""
    places = dict[Relation, list[Relation]]()
    for target in targets:
        places.setdefault(place_of_state(target), []).append(target)
    present = engine.inspect(list(places)) if places else {}
    read = ((target, read_state(engine, target)) for table in present for target in places[table])
    return {target: state for target, state in read if state is not None}


def held(target: Relation, by: Writer) -> BusyError:
    """Return the error that names the writer of a stream."""
    hint = "End that process first. FFT detects a killed process by itself."
    return BusyError(f"the stream {target} is written by {by}", hint=hint, code="FFT-805")


@cache
def _is_linux() -> bool:
    return sys.platform.startswith("linux")


def _started(pid: int) -> str:
    """Return the start of a process, as the system reports it: another process may have the same number later."""
    if not _is_linux():
        return ""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "gone"


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

"""Splits the records of a batch into events to keep, late events and bad records, without a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fft_core.errors import StreamError, nearest
from fft_core.streaming.event_columns import storable
from fft_core.streaming.records import _text
from fft_core.streaming.source import BYTES, ERROR, META, OFFSET, PARTITION, group_of, part_of
from fft_core.streaming.state import StreamState
from fft_core.streaming.tables import RECEIVED
from fft_core.streaming.types import TimeUnit, earlier, exact, read_time

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_PARTITIONS = 1_000


@dataclass(frozen=True)
class EventRules:
    """The rules that a record must follow to be an event.

    Attributes:
        key: The columns of the key, which must have values.
        event_time: The column of an event's time; None if events have no time.
        event_id: The column that distinguishes events; None if each record is a separate event.
        time_unit: The unit of numbers in `event_time`, since 1970; None if a number is not a time.
        allowed_lateness: The longest time by which an event may be older than the newest of its partition; None for no
            limit.
        max_ahead: The longest time by which an event may be in the future; None for no limit.
        idle_after: The time without events after which a partition no longer holds back the watermark.
    """

    key: tuple[str, ...] = ()
    event_time: str | None = None
    event_id: str | None = None
    time_unit: TimeUnit | None = None
    allowed_lateness: timedelta | None = None
    max_ahead: timedelta | None = None
    idle_after: timedelta = timedelta(minutes=5)

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns in which each event must have a value."""
        return tuple(n for n in (*self.key, self.event_time, self.event_id) if n is not None)


@dataclass(frozen=True)
class Intake:
    """A batch, split into events, late events and bad records.

    Attributes:
        events: The events to keep, with `_ff_partition`, `_ff_offset` and `_ff_bytes`; times are UTC, without a zone.
        late: The events that are older than allowed, with the same columns.
        dead: `_ff_partition`, `_ff_offset`, `_ff_error`, `_ff_bytes` of the records that are not events.
        watermark: The watermark of the stream after this batch; None before the first event.
        partitions: The times of the partitions after this batch, see `StreamState`.
        given: The number of records.
    """

    events: pa.Table
    late: pa.Table
    dead: pa.Table
    watermark: datetime | None = None
    partitions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    given: int = 0


def with_meta(frame: pa.Table) -> pa.Table:
    """Return a frame with the columns that a source adds, as far as it lacks them. Raises StreamError."""
    import pyarrow as pa

    rows, table = frame.num_rows, frame
    fills: dict[str, Any] = {  # Any: arrays of several types
        PARTITION: pa.array([""] * rows, pa.string()),
        OFFSET: pa.array(range(rows), pa.int64()),
        ERROR: pa.nulls(rows, pa.string()),
        BYTES: pa.nulls(rows, pa.binary()),
    }
    for name, values in fills.items():
        if name not in table.column_names:
            table = table.append_column(name, values)
            continue
        given = exact(table.column(name), values.type)
        if given is None or (given.null_count and not values.null_count):
            raise StreamError(
                f"the column {name!r} must be {values.type}, in each row; it is {table.schema.field(name).type}",
                hint=f"Leave {name!r} out of the frame, or correct its values: it is the place of a record.",
                code="FFT-803",
            )
        table = table.set_column(table.column_names.index(name), name, given)
    return table


def take_in(batch: pa.Table, rules: EventRules, state: StreamState, now: datetime, *, takes_nul: bool) -> Intake:
    """Split a batch of records.

    Args:
        batch: The records, as `Source.poll` returns them.
        rules: The rules for events.
        state: The state of the stream.
        now: The current time, in UTC, without a zone.
        takes_nul: Whether the engine can store a text with a NUL in it.

    Raises:
        StreamError: no event was kept yet, and none of these records has the column `event_time`.
    """
    batch = with_meta(batch)
    errors: list[str | None] = batch.column(ERROR).to_pylist()
    if not state.counts.get("events") and None in errors:
        _refuse_no_time(batch, rules)
    given, batch = batch, _with_columns(storable(batch, rules.needed, errors), rules.needed)
    if rules.event_time is not None:
        batch = _with_times(batch, rules, errors)
    for name in rules.needed:
        _note_missing(batch, name, errors)
    if not takes_nul:
        _note_nul(batch, errors)
    late, watermark, partitions = _by_time(batch, rules, state, now, errors)
    kept = [error is None and not is_late for error, is_late in zip(errors, late, strict=True)]
    own = batch.drop_columns([ERROR])
    return Intake(
        events=_without_empty(_where(own, kept)),
        late=_without_empty(_where(own, [e is None and is_late for e, is_late in zip(errors, late, strict=True)])),
        dead=dead_letters(given, errors),  # with the original times
        watermark=watermark,
        partitions=partitions,
        given=batch.num_rows,
    )


def take_again(kept: pa.Table, rules: EventRules) -> tuple[pa.Table, pa.Table]:
    """Split events that are kept into events by other rules, and bad records; their order and lateness do not matter.

    Args:
        kept: Rows of a table of events.
        rules: The rules that are valid now.
    """
    batch, errors = _with_columns(with_meta(kept), rules.needed), list[str | None]([None] * kept.num_rows)
    given = batch.drop_columns([RECEIVED])
    if rules.event_time is not None:
        batch = _with_times(batch, rules, errors)
    for name in rules.needed:
        _note_missing(batch, name, errors)
    return _where(batch.drop_columns([ERROR]), [error is None for error in errors]), dead_letters(given, errors)


def _refuse_no_time(batch: pa.Table, rules: EventRules) -> None:
    """Raise StreamError if no record has the column `event_time`: a wrong name would make all records bad ones."""
    names = [name for name in batch.column_names if name not in META]
    if rules.event_time is not None and rules.event_time.lower() not in {name.lower() for name in names}:
        raise StreamError(
            f"no event has the event_time {rules.event_time!r}", hint=nearest(rules.event_time, names), code="FFT-804"
        )


def dead_letters(batch: pa.Table, errors: Sequence[str | None]) -> pa.Table:
    """Return the records that have an error, with their bytes; if these are unknown, their values as JSON."""
    import pyarrow as pa

    bad = [error is not None for error in errors]
    rows = _where(batch, bad)
    raw: list[Any] = rows.column(BYTES).to_pylist()
    if None in raw:
        values = rows.drop_columns([name for name in META if name in rows.column_names]).to_pylist()
        raw = [_json(value) if one is None else one for one, value in zip(raw, values, strict=True)]
    columns: dict[str, Any] = {
        PARTITION: rows.column(PARTITION),
        OFFSET: rows.column(OFFSET),
        ERROR: pa.array([error for error in errors if error is not None], pa.string()),
        BYTES: pa.array(raw, pa.binary()),
    }
    return pa.table(columns)


def _json(values: Mapping[str, object]) -> bytes:
    return _text({name: _plain(value) for name, value in values.items()}).encode("utf-8", "replace")


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)


def _with_columns(batch: pa.Table, names: Sequence[str]) -> pa.Table:
    """Add the columns that no record of the batch has, with NULL."""
    import pyarrow as pa

    for name in names:
        if name not in batch.column_names:
            batch = batch.append_column(name, pa.nulls(batch.num_rows))
    return batch


def _without_empty(table: pa.Table) -> pa.Table:
    """Leave out columns without a value: their type is not known yet."""
    import pyarrow as pa

    empty = [field.name for field in table.schema if pa.types.is_null(field.type)]
    return table.drop_columns(empty) if empty else table


def _where(table: pa.Table, mask: Sequence[bool]) -> pa.Table:
    import pyarrow as pa

    return table if all(mask) else table.filter(pa.array(mask, pa.bool_()))


def _note_missing(batch: pa.Table, name: str, errors: list[str | None]) -> None:
    column = batch.column(name)
    if column.null_count:
        for place, is_null in enumerate(column.is_null().to_pylist()):
            if is_null and errors[place] is None:
                errors[place] = f"it has no {name!r}"


def _note_nul(batch: pa.Table, errors: list[str | None]) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    for field_ in batch.schema:
        if pa.types.is_string(field_.type) and field_.name not in META:
            found: Any = pc.match_substring(batch.column(field_.name), "\0")
            if pc.any(found).as_py():
                _set(errors, found.to_pylist(), f"a NUL character in {field_.name!r}, which the database cannot hold")


def _set(errors: list[str | None], places: Sequence[bool | None], error: str) -> None:
    for place, is_bad in enumerate(places):
        if is_bad and errors[place] is None:
            errors[place] = error


# --- time -------------------------------------------------------------------------------------------------------------


def _with_times(batch: pa.Table, rules: EventRules, errors: list[str | None]) -> pa.Table:
    """Convert the event times to UTC without a zone; note an error for each value that is not a time."""
    import pyarrow as pa

    assert rules.event_time is not None  # the caller has checked
    place = batch.column_names.index(rules.event_time)
    column, kind = batch.column(place), pa.timestamp("us")
    times = _quickly(column)
    if times is None:
        values = column.to_pylist()
        found = [read_time(value, rules.time_unit) for value in values]
        for i, (value, time) in enumerate(zip(values, found, strict=True)):
            if value is not None and time is None and errors[i] is None:
                errors[i] = _no_time(rules.event_time, value, rules.time_unit)
        times = pa.array(found, kind)
    return batch.set_column(place, rules.event_time, times)


def _quickly(column: Any) -> Any | None:  # Any: an Arrow column of any type
    """Cast all values at once; None if one of them cannot be cast."""
    import pyarrow as pa

    kind = column.type
    try:
        if pa.types.is_timestamp(kind):
            return column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.timestamp("us"))
        if pa.types.is_date(kind):
            return column.cast(pa.timestamp("us"))
        if pa.types.is_string(kind):
            return column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return None
    return None


def _no_time(column: str, value: object, unit: TimeUnit | None) -> str:
    if isinstance(value, int | float) and unit is None:
        return f"its {column!r} is a number: set its unit, as in event_time_unit: ms"
    return f"its {column!r} is not a time: {str(value)[:80]!r}"


def _by_time(
    batch: pa.Table, rules: EventRules, state: StreamState, now: datetime, errors: list[str | None]
) -> tuple[list[bool], datetime | None, Mapping[str, tuple[str, str]]]:
    """Find the late events, and the next watermark; note an error for each event that is too far in the future.

    Each event is compared with the events of its partition before it, so the result does not depend on the batches.
    """
    late = [False] * batch.num_rows
    if rules.event_time is None:
        return late, state.watermark, state.partitions
    if rules.allowed_lateness is None and rules.max_ahead is None:
        return late, *_newest(batch, rules, state, now, errors)
    newest = {name: datetime.fromisoformat(times[0]) for name, times in state.partitions.items()}
    seen = {name: datetime.fromisoformat(times[1]) for name, times in state.partitions.items()}
    times: list[Any] = batch.column(rules.event_time).to_pylist()
    partitions: list[Any] = batch.column(PARTITION).to_pylist()
    for i, (time, place) in enumerate(zip(times, partitions, strict=True)):
        if errors[i] is not None:
            continue
        if rules.max_ahead is not None and time - now > rules.max_ahead:
            errors[i] = f"its {rules.event_time!r} is in the future: {time} is after {now}"
            continue
        partition = part_of(place)
        last = newest.get(partition)
        late[i] = last is not None and rules.allowed_lateness is not None and last - time > rules.allowed_lateness
        newest[partition] = time if last is None else max(last, time)
        seen[partition] = now
    return late, *_told(newest, seen, state, earlier(now, rules.idle_after))


def _newest(
    batch: pa.Table, rules: EventRules, state: StreamState, now: datetime, errors: Sequence[str | None]
) -> tuple[datetime | None, Mapping[str, tuple[str, str]]]:
    """Find the next watermark if no event can be late or too far in the future."""
    newest = {name: datetime.fromisoformat(times[0]) for name, times in state.partitions.items()}
    seen = {name: datetime.fromisoformat(times[1]) for name, times in state.partitions.items()}
    assert rules.event_time is not None  # the caller has checked
    good = _where(batch.select([PARTITION, rules.event_time]), [error is None for error in errors])
    found: list[Any] = good.group_by(PARTITION).aggregate([(rules.event_time, "max")]).to_pylist()
    for row in found:
        partition, time = part_of(row[PARTITION]), row[f"{rules.event_time}_max"]
        newest[partition] = max(time, newest.get(partition, time))
        seen[partition] = now
    return _told(newest, seen, state, earlier(now, rules.idle_after))


def _told(
    newest: Mapping[str, datetime], seen: Mapping[str, datetime], state: StreamState, idle: datetime
) -> tuple[datetime | None, Mapping[str, tuple[str, str]]]:
    told = {name: (newest[name].isoformat(), seen[name].isoformat()) for name in newest}
    if len(told) > _MOST_PARTITIONS:  # for example files with a new name each day
        told = dict(sorted(told.items(), key=lambda item: item[1][1])[-_MOST_PARTITIONS:])
    return _watermark(state.watermark, newest, seen, idle), told


def _watermark(
    before: datetime | None, newest: Mapping[str, datetime], seen: Mapping[str, datetime], idle: datetime
) -> datetime | None:
    """Return the oldest of the groups' newest times; groups of partitions without recent events do not count."""
    if not newest:
        return before
    groups, active = dict[str, datetime](), set[str]()
    for name, time in newest.items():
        group = group_of(name)
        groups[group] = max(time, groups.get(group, time))
        active |= {group} if seen[name] >= idle else set()
    return min((time for group, time in groups.items() if group in active), default=max(groups.values()))

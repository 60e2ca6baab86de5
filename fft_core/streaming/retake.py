"""Takes the events that are kept once more, because their key, time, id or types are declared in another way now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fft_core.engines.protocol import ColumnType
from fft_core.errors import StatementError, StreamError, nearest
from fft_core.names.columns import ColumnNames
from fft_core.streaming.beside import bury, refuse_dead_share
from fft_core.streaming.intake import EventRules, take_again
from fft_core.streaming.session_sink import Batch, SessionSink, temporary_tables
from fft_core.streaming.settings import SettingsChange
from fft_core.streaming.source import ERROR, OFFSET, PARTITION, part_of
from fft_core.streaming.state import StreamState
from fft_core.streaming.tables import add_index, columns_of, declared_types

_IDENTITY = frozenset({"key", "event_time", "event_id"})
EVERYTHING = frozenset({*_IDENTITY, "columns"})
_KEPT, _NUMBER = "_ff_kept", "_ff_number"
_AT_ONCE = 500_000  # events that are in memory at a time


@dataclass(frozen=True)
class Retake:
    """The events of a stream of sessions, whose settings have changed since they were kept.

    Attributes:
        sink: The sink with the settings of now.
        rules: The rules for events that are valid now.
        change: The difference to the settings of before.
        max_dead_share: The share of bad records above which nothing is changed.
    """

    sink: SessionSink
    rules: EventRules
    change: SettingsChange
    max_dead_share: float | None = None

    def run(self, state: StreamState, now: datetime) -> tuple[StreamState, int]:
        """Take the events again, as far as the change needs it; return the state after it, and the number of bad ones.

        Events that are not events by the settings of now become bad records. Several with one identity become one.

        Raises:
            StreamError: none of the events is one now, a column is missing, or too many records are bad.
        """
        engine, events = self.sink.engine, self.sink.tables.events
        stored = columns_of(engine, events)
        if not stored:
            return state, 0
        types = self._other_types(stored)
        if not types and not self.change.names & _IDENTITY:
            return state, 0
        ((count,),) = engine.fetch(f"select count(*) from {events.sql(engine.spelling)}")
        if count:
            self._refuse_missing([column.name for column in stored])
        bad = self._taken(types, int(count), now)
        return (self._with_times(state, now) if "event_time" in self.change.names and count else state), bad

    def _other_types(self, stored: Sequence[ColumnType]) -> tuple[ColumnType, ...]:
        """Return the columns that must get another type: those whose declared type changed, and the time."""
        engine, declared = self.sink.engine, self.sink.policy.declared
        columns, known = {column.name: column for column in stored}, ColumnNames(column.name for column in stored)
        wanted = declared_types(engine, {n: kind for n, kind in declared.items() if self._is_due(n, columns, known)})
        found = ((known.find(name), kind) for name, kind in wanted.items())
        return tuple(ColumnType(name, kind) for name, kind in found if name and columns[name].type != kind)

    def _is_due(self, name: str, columns: Mapping[str, ColumnType], known: ColumnNames) -> bool:
        there = known.find(name)
        if there is not None and name.lower() == self.sink.settings.event_time.lower():
            return name in self.change.columns or not self.sink.engine.types.holds_times(columns[there].type)
        return there is not None and name in self.change.columns

    def _refuse_missing(self, names: Sequence[str]) -> None:
        known, own = ColumnNames(names), [name for name in names if not name.startswith("_ff_")]
        settings = self.sink.settings
        needed = {"event_time": [settings.event_time], "key": settings.key, "event_id": [settings.event_id or ""]}
        for what, wanted in needed.items():
            for name in wanted:
                if name and known.find(name) is None:
                    hint = nearest(name, own) or f"They have {', '.join(own)}."
                    raise StreamError(
                        f"the events that are kept have no column {name!r}, which is the {what} now",
                        hint=f"{hint} To use a column that only other events have, read all again into an empty table.",
                        keys=(what,),
                        code="FFT-806",
                    )

    def _taken(self, types: Sequence[ColumnType], count: int, now: datetime) -> int:
        sink, engine, events = self.sink, self.sink.engine, self.sink.tables.events
        spelling, dead = engine.spelling, list[Any]()  # Any: Arrow tables
        with temporary_tables(engine) as temporary:
            order = f"{PARTITION}, {OFFSET}"
            numbered = f"select *, row_number() over (order by {order}) as {_NUMBER} from {events.sql(spelling)}"
            kept = temporary(_KEPT, numbered)
            engine.execute(spelling.delete(events, None))
            for column in types:
                self._made_again(column)
            for first in range(0, count, _AT_ONCE):
                where = f"{_NUMBER} > {first} and {_NUMBER} <= {first + _AT_ONCE}"
                rows = engine.frames.read(f"select * from {kept.sql(spelling)} where {where}")
                good, bad = take_again(rows.drop_columns([_NUMBER]), self.rules)
                fit = sink.fitted(good)
                dead += [bad, fit.dead]
                if fit.rows.num_rows:
                    stored = columns_of(engine, events)
                    batch = Batch(engine, events, sink.statements([c.name for c in stored]), stored, None)
                    batch.keep(fit.rows, None, dead)
        if engine.capabilities.indexes:
            names = ColumnNames(column.name for column in columns_of(engine, events))
            add_index(engine, events, str(names.find(sink.settings.event_time)))
        if count and not engine.fetch(f"select 1 from {events.sql(spelling)} limit 1"):
            raise self._none_left(count, dead)
        refuse_dead_share(sum(table.num_rows for table in dead), count, self.max_dead_share)
        return bury(engine, sink.tables, dead, now) if dead else 0

    def _made_again(self, column: ColumnType) -> None:
        """Replace a column by an empty one of another type; its values are in a temporary table."""
        engine, events = self.sink.engine, self.sink.tables.events
        try:
            engine.execute(engine.spelling.drop_column(events, column.name))
        except StatementError as error:
            hint = "If a view reads that table: drop the view, and create it again after this batch."
            message = f"{events}: {column.name!r} must become {column.type}: {error.problem.message}"
            raise StreamError(message, hint=hint, code="FFT-806") from error
        engine.execute(engine.spelling.add_column(events, column))

    def _none_left(self, count: int, dead: Sequence[Any]) -> StreamError:
        first = next(str(error) for table in dead for error in table.column(ERROR).to_pylist())
        what = next((name for name in ("event_time", "key", "event_id") if name in self.change.names), "columns")
        hint = "Correct the settings. To read all again with them, use an empty table."
        message = f"none of the {count} events that are kept is an event by the settings of now; the first one: {first}"
        return StreamError(message, hint=hint, keys=(what,), code="FFT-806")

    def _with_times(self, state: StreamState, now: datetime) -> StreamState:
        """Return the state with the newest time of each partition by the column of now."""
        engine, spelling, events = self.sink.engine, self.sink.engine.spelling, self.sink.tables.events
        names = [column.name for column in columns_of(engine, events)]
        time = spelling.quoted(self.sink.named(names).event_time)
        query = f"select {PARTITION}, max({time}) from {events.sql(spelling)} group by {PARTITION}"
        newest = dict[str, datetime]()
        for name, value in engine.fetch(query):
            part, found = part_of(str(name)), engine.types.read_time(value)
            newest[part] = max(found, newest.get(part, found))
        seen = {part: state.partitions.get(part, ("", now.isoformat()))[1] for part in newest}
        times = {part: (found.isoformat(), seen[part]) for part, found in newest.items()}
        return replace(state, partitions=times, watermark=max(newest.values()))

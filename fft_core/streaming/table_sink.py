"""The rows that a batch of events adds to a table, or changes; an event that cannot be stored becomes a bad record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fft_core.engines.protocol import Session
from fft_core.errors import StreamError
from fft_core.names import Relation
from fft_core.streaming.intake import EventRules, Intake
from fft_core.streaming.session_sink import bury, keep_late
from fft_core.streaming.source import BYTES, OFFSET, PARTITION
from fft_core.streaming.tables import StreamTables, columns_of, typed

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class TableSink:
    """A table that a stream fills.

    Attributes:
        engine: A session in a transaction.
        tables: The relations of the stream; no events are kept beside the rows.
        rules: The rules for events.
        columns: Declared types, by name.
    """

    engine: Session
    tables: StreamTables
    rules: EventRules
    columns: Mapping[str, str]

    @contextmanager
    def rows(
        self, intake: Intake, now: datetime, table: Relation | None, *, upserts: bool
    ) -> Iterator[tuple[str | None, dict[str, int]]]:
        """Yield the query for the rows of a batch, which is valid while the context lasts, and the counts.

        Args:
            intake: The batch.
            now: The current time, in UTC, without a zone.
            table: The table with the existing rows; None if it does not exist.
            upserts: Whether each key has one row, that of its newest event; else each event has a row.

        Raises:
            StreamError: nothing has arrived yet, and no columns are declared, so the table cannot be created.
        """
        dead = [intake.dead]
        late = keep_late(self.engine, self.tables, intake, now, self.columns, dead)
        fit = typed(self.engine, table, intake.events, self.columns)
        dead.append(fit.dead)
        given, rows = fit.rows.num_rows, fit.rows
        if self.rules.event_id is not None:
            rows = _last_of_each(rows, (*self.rules.key, self.rules.event_id), None)
        if upserts:
            rows = _last_of_each(rows, self.rules.key, self.rules.event_time)
        counts = {"events": given, "late": late, "dead": bury(self.engine, self.tables, dead, now), "duplicates": 0}
        names = [name for name in rows.column_names if name not in (PARTITION, OFFSET, BYTES)]
        if not rows.num_rows and table is not None:
            yield None, counts
            return
        if not names:
            hint = "Declare the columns with their types, as in columns: {id: integer}."
            raise StreamError(
                "no event has arrived yet, so the columns of its table are not known", hint=hint, code="FFT-806"
            )
        with self.engine.frames.query(rows.select(names)) as query:
            yield self._new(query, table, names, upserts=upserts), counts

    def _new(self, query: str, table: Relation | None, names: Sequence[str], *, upserts: bool) -> str:
        """Render a query without the events that the table has already, and those older than the row of their key."""
        there = {column.name for column in columns_of(self.engine, table)} if table is not None else set[str]()
        spelling, conditions = self.engine.spelling, list[str]()
        if table is None:
            return query
        quoted, stored = spelling.quoted, table.sql(spelling)
        time, event = self.rules.event_time, self.rules.event_id
        if upserts and time in there and time in names and set(self.rules.key) <= there:
            same = " and ".join(f"_ff_k.{quoted(n)} = _ff_g.{quoted(n)}" for n in self.rules.key)
            conditions.append(f"{same} and _ff_k.{quoted(time)} > _ff_g.{quoted(time)}")
        if not upserts and event in there and event in names:
            conditions.append(f"_ff_k.{quoted(event)} = _ff_g.{quoted(event)}")
        where = " and ".join(f"not exists (select 1 from {stored} as _ff_k where {one})" for one in conditions)
        return f"select * from ({query}) as _ff_g where {where}" if where else query


def _last_of_each(rows: pa.Table, key: Sequence[str], time: str | None) -> pa.Table:
    """Keep one row for each key: the newest, and the last of several equally new ones."""
    import pyarrow as pa

    keys = list(zip(*(rows.column(name).to_pylist() for name in key), strict=True))
    times: Sequence[Any] = rows.column(time).to_pylist() if time else range(len(keys))
    last = dict[tuple[object, ...], int]()
    for place, one in enumerate(keys):
        if one not in last or times[place] >= times[last[one]]:
            last[one] = place
    if len(last) == len(keys):
        return rows
    return rows.take(pa.array(sorted(last.values()), pa.int64()))

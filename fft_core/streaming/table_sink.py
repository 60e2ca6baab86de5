"""The rows that a batch of events adds to a table, or changes; an event that cannot be stored becomes a bad record."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fft_core.engines.protocol import ColumnType, Session
from fft_core.errors import StatementError, StreamError
from fft_core.names import Relation
from fft_core.names.columns import ColumnNames
from fft_core.streaming.beside import bury, keep_late, no_event
from fft_core.streaming.fitting import ColumnPolicy, Retype, typed
from fft_core.streaming.intake import EventRules, Intake
from fft_core.streaming.source import BYTES, OFFSET, PARTITION
from fft_core.streaming.tables import StreamTables, columns_of, declared_types

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class TableSink:
    """A table that a stream fills.

    Attributes:
        engine: A session in a transaction.
        tables: The relations of the stream; no events are kept beside the rows.
        rules: The rules for events.
        policy: The columns that events may have.
        retype: Changes the type of a column of the table.
    """

    engine: Session
    tables: StreamTables
    rules: EventRules
    policy: ColumnPolicy
    retype: Retype

    def declare(self, table: Relation, changed: Collection[str]) -> None:
        """Convert columns of the table to their declared types, if these have changed.

        Raises:
            StreamError: a value would not be the same, or a view reads the column.
        """
        declared = {name: kind for name, kind in self.policy.declared.items() if name in changed}
        wanted, stored = declared_types(self.engine, declared), {c.name: c for c in columns_of(self.engine, table)}
        known = ColumnNames(stored)
        for name, kind in wanted.items():
            there = known.find(name)
            if there is not None and stored[there].type != kind:
                self._convert(table, stored[there], ColumnType(there, kind))

    def _convert(self, table: Relation, now: ColumnType, then: ColumnType) -> None:
        spelling, types, name = self.engine.spelling, self.engine.types, self.engine.spelling.quoted(now.name)
        back = types.comparable(spelling.cast_to(spelling.cast_to(name, then.type), now.type), now.type)
        differs = spelling.differs(back, types.comparable(name, now.type))
        message = f"the column {now.name!r} is {now.type}, and is declared as {then.type} now"
        hint = (
            f"Declare another type, or read all again with this one: fft build --full-refresh {self.tables.target.name}"
        )
        try:
            ((lost,),) = self.engine.fetch(f"select count(*) from {table.sql(spelling)} where {differs}")
        except StatementError as error:
            why = f"values cannot be converted: {error.problem.message.splitlines()[0]}"
            raise StreamError(f"{message}: {why}", hint=hint, keys=("columns", now.name), code="FFT-806") from error
        if lost:
            raise StreamError(
                f"{message}: {lost} values would change", hint=hint, keys=("columns", now.name), code="FFT-806"
            )
        if not self.retype(then):
            hint = "Drop the view, build the stream, and create the view again."
            raise StreamError(f"{message}: a view reads it", hint=hint, keys=("columns", now.name), code="FFT-806")

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
            NothingArrivedError: no event has arrived, and no columns are declared, so the table cannot be created.
            StreamError: values need a wider type, and `on_schema_change` is "fail".
        """
        dead = [intake.dead]
        late = keep_late(self.engine, self.tables, intake, now, self.policy.declared, dead)
        fit = typed(self.engine, table, intake.events, self.policy, self.retype)
        dead.append(fit.dead)
        given, rows = fit.rows.num_rows, fit.rows
        if self.rules.event_id is not None and given:
            rows = _last_of_each(rows, (*self.rules.key, self.rules.event_id), None)
        if upserts and given:
            rows = _last_of_each(rows, self.rules.key, self.rules.event_time)
        counts = {"events": given, "late": late, "dead": bury(self.engine, self.tables, dead, now), "duplicates": 0}
        names = [name for name in rows.column_names if name not in (PARTITION, OFFSET, BYTES)]
        if not rows.num_rows and table is not None:
            yield None, counts
            return
        if not names or not (rows.num_rows or self.policy.declared):
            raise no_event(intake, "the columns of its table are not known", ())
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

"""Applies a batch of events to the sessions of a stream, inside one transaction: the neighbourhood that it touches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from fft_core.engines.protocol import Session
from fft_core.errors import StatementError, StreamError, nearest
from fft_core.names import Relation
from fft_core.names.columns import ColumnNames
from fft_core.streaming.intake import Intake
from fft_core.streaming.kept import KeptStatements
from fft_core.streaming.measures import spelled_measures
from fft_core.streaming.sessions import (
    ADDED,
    TOUCHED_END,
    TOUCHED_START,
    Range,
    SessionStatements,
    ranges_of,
)
from fft_core.streaming.settings import SessionSettings
from fft_core.streaming.source import BYTES, ERROR
from fft_core.streaming.tables import RECEIVED, WATERMARK, OnNewColumns, StreamTables, append, columns_of, fitted

if TYPE_CHECKING:
    import pyarrow as pa

_GIVEN, _RANKED, _MET, _NEW, _TOUCHED, _AGAIN = (
    "_ff_given", "_ff_ranked", "_ff_met", "_ff_new", "_ff_touched", "_ff_again",
)  # fmt: skip


@dataclass(frozen=True)
class SessionSink:
    """The tables of a stream of sessions, and what is done to them.

    Attributes:
        engine: In a transaction.
        tables: Where they lie.
        settings: How events become sessions.
        on_schema_change: What becomes of columns that the events had not before.
    """

    engine: Session
    tables: StreamTables
    settings: SessionSettings
    on_schema_change: OnNewColumns = "append_new_columns"

    def keep(self, intake: Intake, now: datetime, sessions: Relation | None, before: datetime | None) -> dict[str, int]:
        """Keep the events of a batch, and bring the sessions up to date.

        Args:
            intake: The batch.
            now: In UTC, without a zone.
            sessions: The table of the sessions; None leaves them as they are.
            before: The watermark before this batch.

        Returns:
            How many events were kept, were late, bad or there already, and how many sessions were written.

        Raises:
            StreamError: a measure cannot be made, or events have new columns that they must not have.
        """
        dead = [intake.dead]
        late = self._keep_late(intake, now, dead)
        fit = fitted(self.engine, self.tables.events, intake.events, self._declared(), self.on_schema_change)
        for statement in fit.statements:
            self.engine.execute(statement)
        dead.append(fit.dead)
        counts = {"events": 0, "late": late, "dead": 0, "duplicates": 0, "sessions": 0}
        if fit.rows.num_rows:
            counts |= self._keep_events(fit.rows, now, sessions, intake.watermark, dead)
        if sessions is not None:
            for statement in self.statements().closed(sessions, before, intake.watermark):
                self.engine.execute(statement)
        counts["dead"] += self._bury(dead, now)
        return counts

    def all_sessions(self, watermark: datetime | None) -> str:
        """Spell the query of the sessions of all events that are kept."""
        return self.statements().all_sessions(self.tables.events, watermark)

    def statements(self) -> SessionStatements:
        """Spell for the events as they are stored now. Raises StreamError."""
        names = [column.name for column in columns_of(self.engine, self.tables.events)]
        settings = self._named(names)
        statements = SessionStatements(settings, {}, self.engine.spelling)
        own = {name.lower() for name in (*settings.key, *ADDED)}
        for name in settings.measures:
            if name.lower() in own:
                raise StreamError(f"a measure is called {name!r}, as another column of the sessions is")
        measures = spelled_measures(settings.measures, names, statements.order, self.engine.spelling)
        return replace(statements, measures=measures)

    def _declared(self) -> Mapping[str, str]:
        """The types of the columns that a table of events always has."""
        named = {name.lower() for name in self.settings.columns}
        needed = {self.settings.event_time: "timestamp"} if self.settings.event_time.lower() not in named else {}
        return {**self.settings.columns, **needed}

    def _named(self, names: Sequence[str]) -> SessionSettings:
        known = ColumnNames(names)

        def found(name: str, what: str) -> str:
            there = known.find(name)
            if there is None:
                raise StreamError(f"no event has the {what} {name!r}", hint=nearest(name, names))
            return there

        settings = self.settings
        return replace(
            settings,
            key=tuple(found(name, "key") for name in settings.key),
            event_time=found(settings.event_time, "event_time"),
            event_id=found(settings.event_id, "event_id") if settings.event_id else None,
        )

    def _keep_late(self, intake: Intake, now: datetime, dead: list[pa.Table]) -> int:
        import pyarrow as pa

        rows = intake.late
        if not rows.num_rows:
            return 0
        times = {WATERMARK: intake.watermark, RECEIVED: now}
        for name, time in times.items():
            rows = rows.append_column(name, pa.array([time] * rows.num_rows, pa.timestamp("us")))
        fit = fitted(self.engine, self.tables.late, rows, self._declared(), "append_new_columns")
        for statement in fit.statements:
            self.engine.execute(statement)
        dead.append(fit.dead)
        if fit.rows.num_rows:
            append(self.engine, self.tables.late, fit.rows)
        return fit.rows.num_rows

    def _keep_events(
        self,
        rows: pa.Table,
        now: datetime,
        sessions: Relation | None,
        watermark: datetime | None,
        dead: list[pa.Table],
    ) -> dict[str, int]:
        import pyarrow as pa

        rows = rows.append_column(RECEIVED, pa.array([now] * rows.num_rows, pa.timestamp("us")))
        statements, engine = self.statements(), self.engine
        names = [column.name for column in columns_of(engine, self.tables.events)]
        times = rows.column(statements.settings.event_time).to_pylist()
        ranges = ranges_of(((time, time) for time in set(times)), statements.settings.gap)
        with engine.frames.query(rows) as query, self._temporary() as temporary:
            given = temporary(_GIVEN, self._complete(query, rows.column_names, names))
            new, refused = self._new(given, statements.settings, names, ranges, temporary, dead)
            ((count,),) = engine.fetch(f"select count(*) from {new.sql(engine.spelling)}")
            written = 0
            if sessions is not None and count:
                written = self._refresh(statements, sessions, new, ranges, watermark, temporary)
            quoted = [engine.spelling.quoted(name) for name in names]
            everything = f"select {', '.join(quoted)} from {new.sql(engine.spelling)}"
            engine.execute(engine.spelling.insert(self.tables.events, quoted, everything))
        return {"events": int(count), "duplicates": rows.num_rows - int(count) - refused, "sessions": written}

    def _complete(self, query: str, given: Sequence[str], names: Sequence[str]) -> str:
        """Spell rows with all columns of the events, in their order."""
        spelling, types = self.engine.spelling, {c.name: c.type for c in columns_of(self.engine, self.tables.events)}
        cells = [
            f"{spelling.cast_to(spelling.quoted(n) if n in given else 'null', types[n])} as {spelling.quoted(n)}"
            for n in names
        ]
        return f"select {', '.join(cells)} from ({query}) as _ff_r"

    def _new(
        self,
        given: Relation,
        settings: SessionSettings,
        names: Sequence[str],
        ranges: Sequence[Range],
        temporary: _Temporary,
        dead: list[pa.Table],
    ) -> tuple[Relation, int]:
        """Find the given events that are kept; those that others are kept instead of are bad records, and counted."""
        if settings.event_id is None:
            return given, 0
        engine, kept = self.engine, KeptStatements(settings, names, self.engine.spelling)
        ranked = temporary(_RANKED, kept.ranked(given))
        met = temporary(_MET, kept.met(self.tables.events, ranked, ranges))
        refused = engine.frames.read(kept.refused(ranked, met))
        replaced = engine.frames.read(kept.replaced(self.tables.events, met, ranges))
        engine.execute(kept.removed(self.tables.events, met, ranges))
        dead += [_with_bytes(refused), _with_bytes(replaced)]
        return temporary(_NEW, kept.new(ranked, met)), refused.num_rows

    def _refresh(
        self,
        statements: SessionStatements,
        sessions: Relation,
        new: Relation,
        ranges: Sequence[Range],
        watermark: datetime | None,
        temporary: _Temporary,
    ) -> int:
        """Make the sessions again that new events belong to; return how many there are then."""
        engine = self.engine
        touched = temporary(_TOUCHED, statements.touched(sessions, new, ranges))
        spans = engine.fetch(f"select {TOUCHED_START}, {TOUCHED_END} from {touched.sql(engine.spelling)}")
        read_time = engine.types.read_time
        found = ranges_of(((read_time(low), read_time(high)) for low, high in spans), statements.settings.gap * 0)
        again = temporary(_AGAIN, statements.again(self.tables.events, new, touched, found, watermark))
        for statement in statements.removed(sessions, touched, found):
            engine.execute(statement)
        columns = statements.columns
        query = f"select {', '.join(columns)} from {again.sql(engine.spelling)}"
        engine.execute(engine.spelling.insert(sessions, columns, query))
        ((count,),) = engine.fetch(f"select count(*) from {again.sql(engine.spelling)}")
        return int(count)

    def _bury(self, dead: Sequence[pa.Table], now: datetime) -> int:
        """Write bad records where they can be looked at."""
        import pyarrow as pa

        rows = pa.concat_tables(dead)
        if rows.num_rows:
            received = pa.array([now] * rows.num_rows, pa.timestamp("us"))
            append(self.engine, self.tables.dead, rows.append_column(RECEIVED, received))
        return rows.num_rows

    @contextmanager
    def _temporary(self) -> Iterator[_Temporary]:
        temporary = _Temporary(self.engine)
        try:
            yield temporary
        finally:
            temporary.drop()


class _Temporary:
    """Temporary tables of one batch."""

    def __init__(self, engine: Session) -> None:
        self._engine = engine
        self._made: list[Relation] = []

    def __call__(self, name: str, query: str) -> Relation:
        """Make one of a query."""
        self._engine.create_temporary(name, query)
        self._made.append(self._engine.temporary(name))
        return self._made[-1]

    def drop(self) -> None:
        """Drop all of them; in a transaction that failed they are gone."""
        while self._made:
            relation = self._made.pop()
            try:
                self._engine.execute(self._engine.spelling.drop(relation, "table"))
            except StatementError:
                self._made.clear()


def _with_bytes(refused: pa.Table) -> pa.Table:
    """Give bad records that were rows the bytes that they were shown as."""
    import pyarrow as pa

    texts = refused.column(BYTES).cast(pa.string()).cast(pa.binary())
    place = refused.column_names.index(BYTES)
    error = refused.column_names.index(ERROR)
    table = refused.set_column(place, BYTES, texts)
    return table.set_column(error, ERROR, table.column(ERROR).cast(pa.string()))

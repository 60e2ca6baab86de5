"""Applies a batch of events to the sessions of a stream, in one transaction: only sessions near its events change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from fft_core.engines.changes import Alteration
from fft_core.engines.protocol import ColumnType, Session
from fft_core.errors import EngineError, StatementError, StreamError, nearest
from fft_core.names import Relation
from fft_core.names.columns import ColumnNames
from fft_core.streaming.beside import bury, keep_late, no_event, received
from fft_core.streaming.fitting import ColumnPolicy, Fitted, OnNewColumns, fitted
from fft_core.streaming.intake import Intake
from fft_core.streaming.kept import KeptStatements
from fft_core.streaming.measures import columns_in, spelled_measures, wrong_measure
from fft_core.streaming.sessions import TOUCHED_END, TOUCHED_START, Range, SessionStatements, ranges_of
from fft_core.streaming.settings import SessionSettings
from fft_core.streaming.source import BYTES, ERROR
from fft_core.streaming.tables import StreamTables, add_index, columns_of
from fft_core.streaming.types import later

if TYPE_CHECKING:
    import pyarrow as pa

_GIVEN, _RANKED, _MET, _NEW, _TOUCHED, _AGAIN = (
    "_ff_given", "_ff_ranked", "_ff_met", "_ff_new", "_ff_touched", "_ff_again",
)  # fmt: skip


@dataclass(frozen=True)
class SessionSink:
    """The tables of a stream of sessions, and the statements that change them.

    Attributes:
        engine: A session in a transaction.
        tables: The relations.
        settings: The settings of the sessions.
        on_schema_change: The treatment of columns that earlier events did not have.
    """

    engine: Session
    tables: StreamTables
    settings: SessionSettings
    on_schema_change: OnNewColumns = "append_new_columns"

    def keep(
        self,
        intake: Intake,
        now: datetime,
        sessions: Relation | None,
        before: datetime | None,
        judge: Callable[[Relation], None] | None = None,
    ) -> dict[str, int]:
        """Keep the events of a batch, and update the sessions.

        Args:
            intake: The batch.
            now: The current time, in UTC, without a zone.
            sessions: The table of the sessions; None leaves them as they are.
            before: The watermark before this batch.
            judge: Called with the sessions that are about to be written; if it raises, nothing is kept.

        Returns:
            The numbers of kept, late, bad and repeated events, and of written sessions.

        Raises:
            StreamError: a measure is not valid, or events have new columns, which are not allowed.
        """
        dead = [intake.dead]
        late = keep_late(self.engine, self.tables, intake, now, self.policy.declared, dead)
        fit = self.fitted(intake.events)
        dead.append(fit.dead)
        counts = {"events": 0, "late": late, "dead": 0, "duplicates": 0, "sessions": 0}
        if fit.rows.num_rows or sessions is not None:
            stored = columns_of(self.engine, self.tables.events)
            statements = self.statements([column.name for column in stored])
            if fit.rows.num_rows:
                batch = Batch(self.engine, self.tables.events, statements, stored, intake.watermark, judge)
                counts |= batch.keep(received(fit.rows, now), None if fit.is_retyped else sessions, dead)
            if sessions is not None:
                if fit.is_retyped:
                    counts["sessions"] = self.replace(sessions, intake.watermark, judge)
                for statement in statements.closed(sessions, before, intake.watermark):
                    self.engine.execute(statement)
        counts["dead"] += bury(self.engine, self.tables, dead, now)
        return counts

    def refuse_lost_events(self, kept: int) -> None:
        """Raise StreamError if events were kept, and their table is gone: sessions would be made from others alone."""
        if kept and self.tables.events not in self.engine.inspect([self.tables.events]):
            raise StreamError(
                f"the {kept} events of {self.tables.target} are gone: {self.tables.events} does not exist",
                hint="To read all again: fft stream reset --to earliest.",
                code="FFT-803",
            )

    def fitted(self, events: pa.Table) -> Fitted:
        """Return events with the types of their table, after the table was created or its columns were changed."""
        fit = fitted(self.engine, self.tables.events, events, self.policy)
        for statement in fit.statements:
            try:
                self.engine.execute(statement)
            except StatementError as error:
                hint = (
                    None if fit.is_new else "If a view reads it: drop the view, and create it again after this batch."
                )
                what = "cannot be created" if fit.is_new else "cannot get other columns"
                message = f"the table {self.tables.events} {what}: {error.problem.message}"
                raise StreamError(message, hint=hint, code="FFT-806") from error
        if fit.is_new:
            names = [column.name for column in columns_of(self.engine, self.tables.events)]
            add_index(self.engine, self.tables.events, str(ColumnNames(names).find(self.settings.event_time)))
        return fit

    def replace(
        self, sessions: Relation, watermark: datetime | None, judge: Callable[[Relation], None] | None = None
    ) -> int:
        """Rebuild all sessions in their table, whose columns may become others; return the number of sessions."""
        engine, spelling = self.engine, self.engine.spelling
        self._refuse_measures(self.statements([column.name for column in columns_of(engine, self.tables.events)]))
        query = self.replayed(watermark)
        wanted, stored = {c.name: c for c in engine.columns(query)}, {c.name: c for c in columns_of(engine, sessions)}
        alteration = Alteration(
            added=tuple(column for name, column in wanted.items() if name not in stored),
            dropped=tuple(name for name in stored if name not in wanted),
            retyped=tuple(column for name, column in wanted.items() if name in stored and stored[name] != column),
        )
        engine.execute(spelling.delete(sessions, None))
        try:
            for statement in alteration.statements(sessions, spelling):
                engine.execute(statement)
        except StatementError as error:
            hint = "If a view reads the table: drop the view, and create it again after this batch."
            changed = [*(c.name for c in (*alteration.added, *alteration.retyped)), *alteration.dropped]
            message = f"{sessions}: the columns {', '.join(changed)} must change: {error.problem.message}"
            raise StreamError(message, hint=hint, code="FFT-806") from error
        columns = [spelling.quoted(name) for name in wanted]
        engine.execute(spelling.insert(sessions, columns, f"select * from ({query}) as _ff_s"))
        if judge is not None:
            judge(sessions)
        return _count(engine, sessions)

    def all_sessions(self, intake: Intake) -> str:
        """Render the query for the sessions of all events that are kept.

        Raises:
            NothingArrivedError: no event has arrived, and not all columns that the sessions need are declared.
            StreamError: the database cannot compute a measure.
        """
        names = [column.name for column in columns_of(self.engine, self.tables.events)]
        known = ColumnNames(names)
        missing = [name for name in self._needed() if known.find(name) is None]
        if missing and not _count(self.engine, self.tables.events):
            listed = ", ".join(missing)
            raise no_event(intake, f"the types of {listed} are not known", missing)
        self._refuse_measures(self.statements(names))
        return self.replayed(intake.watermark)

    def _refuse_measures(self, statements: SessionStatements) -> None:
        """Raise StreamError if the database cannot compute a measure over the columns that events have."""
        events = self.tables.events.sql(self.engine.spelling)
        for name, text in statements.measures.items():
            try:
                self.engine.columns(f"select {text} as measure from {events} where false")
            except StatementError as error:
                said = error.problem.message.splitlines()[0]
                raise wrong_measure(name, self.settings.measures[name], said) from error

    def replayed(self, watermark: datetime | None) -> str:
        """Render the query for the sessions of the events that were kept so far. Raises StreamError."""
        names = [column.name for column in columns_of(self.engine, self.tables.events)]
        return self.statements(names).all_sessions(self.tables.events, watermark)

    def statements(self, names: Sequence[str]) -> SessionStatements:
        """Return the statements for events with these columns. Raises StreamError."""
        settings = self.named(names)
        statements = SessionStatements(settings, {}, self.engine.spelling)
        measures = spelled_measures(settings.measures, names, statements.order, self.engine.spelling)
        return replace(statements, measures=measures)

    @property
    def policy(self) -> ColumnPolicy:
        """The columns that the table of the events always has, and those that it may get."""
        named = {name.lower() for name in self.settings.columns}
        needed = {self.settings.event_time: "timestamp"} if self.settings.event_time.lower() not in named else {}
        return ColumnPolicy({**self.settings.columns, **needed}, self.on_schema_change, frozenset(self._needed()))

    def _needed(self) -> tuple[str, ...]:
        """Return the columns of events that the sessions are made from."""
        settings, dialect = self.settings, self.engine.spelling.dialect
        read = [name for text in settings.measures.values() for name in columns_in(text, dialect)]
        own = [*settings.key, settings.event_time, *([settings.event_id] if settings.event_id else [])]
        return tuple(dict.fromkeys([*own, *read]))

    def named(self, names: Sequence[str]) -> SessionSettings:
        """Return the settings with the names that the columns have in the table. Raises StreamError."""
        known = ColumnNames(names)

        def found(name: str, what: str) -> str:
            there = known.find(name)
            if there is None:
                hint = nearest(name, names) or f"Events have {', '.join(n for n in names if not n.startswith('_ff_'))}."
                raise StreamError(f"no event has the {what} {name!r}", hint=hint, keys=(what,), code="FFT-804")
            return there

        settings = self.settings
        return replace(
            settings,
            key=tuple(found(name, "key") for name in settings.key),
            event_time=found(settings.event_time, "event_time"),
            event_id=found(settings.event_id, "event_id") if settings.event_id else None,
        )


@dataclass(frozen=True)
class Batch:
    """One batch of events with the columns of the table.

    Attributes:
        engine: A session in a transaction.
        events: The table of the events.
        statements: The statements for its columns.
        stored: Its columns.
        watermark: The watermark of the stream after this batch.
        judge: Called with the sessions that are about to be written.
    """

    engine: Session
    events: Relation
    statements: SessionStatements
    stored: Sequence[ColumnType]
    watermark: datetime | None
    judge: Callable[[Relation], None] | None = None

    def keep(self, rows: pa.Table, sessions: Relation | None, dead: list[pa.Table]) -> dict[str, int]:
        """Keep the new events, and rebuild the sessions that they belong to."""
        settings, engine = self.statements.settings, self.engine
        ranges = ranges_of(_minutes(rows.column(settings.event_time)), settings.gap)
        with engine.frames.query(rows) as query, temporary_tables(engine) as temporary:
            given = temporary(_GIVEN, self._complete(query, rows.column_names))
            new, count, refused = given, rows.num_rows, 0
            if settings.event_id is not None:
                new, count, refused = self._new(given, count, ranges, temporary, dead)
            written = 0
            if sessions is not None and count:
                written = self._refresh(sessions, new, ranges, temporary)
            names = [engine.spelling.quoted(column.name) for column in self.stored]
            everything = f"select {', '.join(names)} from {new.sql(engine.spelling)}"
            engine.execute(engine.spelling.insert(self.events, names, everything))
        return {"events": count, "duplicates": rows.num_rows - count - refused, "sessions": written}

    def _complete(self, query: str, given: Sequence[str]) -> str:
        """Render a query for rows with all columns of the events, in their order."""
        spelling = self.engine.spelling
        cells = [
            f"{spelling.cast_to(spelling.quoted(c.name) if c.name in given else 'null', c.type)} "
            f"as {spelling.quoted(c.name)}"
            for c in self.stored
        ]
        return f"select {', '.join(cells)} from ({query}) as _ff_r"

    def _new(
        self,
        given: Relation,
        count: int,
        ranges: Sequence[Range],
        temporary: Temporary,
        dead: list[pa.Table],
    ) -> tuple[Relation, int, int]:
        """Return the given events to keep, their number, and the number of those in whose place others are kept."""
        engine = self.engine
        kept = KeptStatements(self.statements.settings, [c.name for c in self.stored], engine.spelling)
        ranked = temporary(_RANKED, kept.ranked(given))
        met = temporary(_MET, kept.met(self.events, ranked, ranges))
        ((repeated,),) = engine.fetch(kept.repeated(ranked, met))
        if not repeated:
            return given, count, 0
        refused = engine.frames.read(kept.refused(ranked, met))
        replaced = engine.frames.read(kept.replaced(self.events, met, ranges))
        if replaced.num_rows:
            engine.execute(kept.removed(self.events, met, ranges))
        dead += [_with_bytes(refused), _with_bytes(replaced)]
        new = temporary(_NEW, kept.new(ranked, met))
        return new, _count(engine, new), refused.num_rows

    def _refresh(self, sessions: Relation, new: Relation, ranges: Sequence[Range], temporary: Temporary) -> int:
        """Rebuild the sessions that new events belong to; return the number of sessions that were written."""
        engine, statements = self.engine, self.statements
        touched = temporary(_TOUCHED, statements.touched(sessions, new, ranges))
        spans = engine.fetch(f"select {TOUCHED_START}, {TOUCHED_END} from {touched.sql(engine.spelling)}")
        read_time = engine.types.read_time
        found = ranges_of(((read_time(low), read_time(high)) for low, high in spans), statements.settings.gap * 0)
        again = temporary(_AGAIN, statements.again(self.events, new, touched, found, self.watermark))
        if self.judge is not None:
            self.judge(again)
        for statement in statements.removed(sessions, touched, found):
            engine.execute(statement)
        query = f"select {', '.join(statements.columns)} from {again.sql(engine.spelling)}"
        stats = engine.execute(engine.spelling.insert(sessions, statements.columns, query))
        return _count(engine, again) if stats.rows is None else stats.rows


def _minutes(times: Any) -> list[Range]:  # Any: an Arrow column
    """Return the distinct minutes of some times: usually there are far fewer minutes than times."""
    import pyarrow.compute as pc

    minutes: list[Any] = pc.floor_temporal(times, unit="minute").unique().to_pylist()
    return [(minute, later(minute, timedelta(minutes=1))) for minute in minutes if minute is not None]


def _count(engine: Session, relation: Relation) -> int:
    ((count,),) = engine.fetch(f"select count(*) from {relation.sql(engine.spelling)}")
    return int(count)


@contextmanager
def temporary_tables(engine: Session) -> Iterator[Temporary]:
    temporary = Temporary(engine)
    try:
        yield temporary
    finally:
        temporary.drop()


class Temporary:
    """The temporary tables of one batch."""

    def __init__(self, engine: Session) -> None:
        self._engine = engine
        self._made: list[Relation] = []

    def __call__(self, name: str, query: str) -> Relation:
        """Create a temporary table from a query."""
        self._engine.create_temporary(name, query)
        self._made.append(self._engine.temporary(name))
        return self._made[-1]

    def drop(self) -> None:
        """Drop all of them; after a failed transaction they are gone already."""
        while self._made:
            relation = self._made.pop()
            try:
                self._engine.execute(self._engine.spelling.drop(relation, "table"))
            except EngineError:
                self._made.clear()


def _with_bytes(refused: pa.Table) -> pa.Table:
    """Return bad records that were rows of a table, with their rendered text as bytes."""
    import pyarrow as pa

    texts = refused.column(BYTES).cast(pa.string()).cast(pa.binary())
    place = refused.column_names.index(BYTES)
    error = refused.column_names.index(ERROR)
    table = refused.set_column(place, BYTES, texts)
    return table.set_column(error, ERROR, table.column(ERROR).cast(pa.string()))

"""One batch of a stream: read after its position, and written into the stage of its model with the new position."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from fft_core.build.increment import Increment, Written, write_increment
from fft_core.checks.results import CheckFailedError, CheckResult
from fft_core.checks.run import run_checks
from fft_core.engines.protocol import Session
from fft_core.errors import BusyError, FftError, Location, NothingArrivedError, RequestError, StreamError
from fft_core.names import Relation
from fft_core.plan.fingerprint import digest_of
from fft_core.project.model import Incremental, Model, OnSchemaChange, Sessions, Sink, StreamBody
from fft_core.streaming.beside import refuse_dead_share
from fft_core.streaming.fitting import ColumnPolicy, OnNewColumns
from fft_core.streaming.intake import EventRules, Intake, take_in
from fft_core.streaming.retake import EVERYTHING, Retake
from fft_core.streaming.session_sink import SessionSink
from fft_core.streaming.sessionizer import holding, next_state, refuse_engine
from fft_core.streaming.settings import SessionSettings, SettingsChange, settings_change, table_settings
from fft_core.streaming.source import Position, Source
from fft_core.streaming.state import StreamState, Writer, held, place_of_state, prepare_state, read_state, write_state
from fft_core.streaming.table_sink import TableSink
from fft_core.streaming.tables import StreamTables
from fft_core.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa


_AWAITED = {"files": "a line in", "kafka": "a message of the topic", "s3": "an object at"}


@dataclass(frozen=True)
class StreamBatch:
    """The records that have arrived in a stream.

    Attributes:
        rows: The records, as `Source.poll` returns them.
        before: The state of the stream before the batch; None if nothing was ever read.
        begun: The position after which the batch was read.
        position: The position of its end.
        is_full: Whether the source may have more records.
        change: The difference between the settings of the existing rows and those of now.
    """

    rows: pa.Table
    before: StreamState | None
    begun: Position
    position: Position
    is_full: bool
    change: SettingsChange

    @property
    def is_empty(self) -> bool:
        """Whether no record has arrived and the position is the same."""
        return not self.rows.num_rows and self.position == self.begun

    @property
    def is_backfill(self) -> bool:
        """Whether the source is being read again after a reset."""
        return self.before is not None and self.before.phase == "backfill"

    def rebuilds(self, sink: Sink) -> bool:
        """Whether the table is rebuilt with this batch: one of sessions only when all events have been read again."""
        return self.is_backfill and (sink == "table" or not self.is_full)

    def leaves(self, sink: Sink) -> bool:
        """Whether an existing table of sessions stays as it is, because not all events have been read again."""
        return self.is_backfill and sink == "sessions" and self.is_full

    def is_other(self, sink: Sink) -> bool:
        """Whether the table was written with settings that make other rows."""
        return bool(self.change) and (sink == "sessions" or "sink" in self.change.names)


@dataclass(frozen=True)
class StreamBounds:
    """The part of a stream that a build read.

    Attributes:
        begun: The position after which it was read.
        position: The position of its end.
        watermark: The time up to which all events are expected to have arrived, in UTC; None before the first event.
        now: The time of the build, in UTC without a zone.
    """

    begun: Position
    position: Position
    watermark: datetime | None
    now: datetime

    @property
    def lag(self) -> timedelta | None:
        """The time by which the watermark is behind the build; None before the first event."""
        return None if self.watermark is None else self.now - self.watermark


def body_of(model: Model) -> StreamBody:
    """Return the body of a stream. Raises RequestError if the model is not a stream."""
    if not isinstance(model.body, StreamBody):
        raise RequestError(
            f"model {model.name!r} is not a stream", hint="A stream is a model of a *.ff.yml file.", code="FFT-301"
        )
    return model.body


def source_of(warehouse: Warehouse, model: Model) -> Source:
    """Return the source of a stream's events, to be closed by the caller.

    Raises:
        MissingDriverError: the packages of the source are not installed.
        StreamError: an environment variable in its options is not set.
    """
    from fft_core.streaming.sources import make_source

    body, project = body_of(model).source, warehouse.project
    options = {name: _of_environment(value, warehouse, model) for name, value in body.options.items()}
    return make_source(body.type, options, project.root, model.name)


def _of_environment(value: object, warehouse: Warehouse, model: Model) -> object:
    if not isinstance(value, Mapping):
        return value
    if value.keys() != {"env"}:
        return {name: _of_environment(one, warehouse, model) for name, one in value.items()}
    name, environment = str(value["env"]), warehouse.project.environment
    if name not in environment:
        raise StreamError(
            f"the stream {model.name} needs the environment variable {name}", where=model.location, code="FFT-204"
        )
    return environment[name]


def hold(warehouse: Warehouse, model: Model, doing: str) -> AbstractContextManager[object]:
    """Reserve a stream for this process while the context lasts; errors in other processes show `doing`.

    Raises:
        BusyError: another process has reserved it.
    """
    return holding(warehouse.engine, warehouse.place(model.name), doing)


def poll(warehouse: Warehouse, model: Model, *, from_begin: bool = False, source: Source | None = None) -> StreamBatch:
    """Read the records that have arrived in a stream. Changes nothing.

    Args:
        warehouse: The session of this thread.
        model: The stream.
        from_begin: Whether a stream is read from its beginning, if its events are not kept beside its table: because
            the table is missing, or has other rows.
        source: The source to read; if None, it is opened and closed.

    Raises:
        BusyError: another process writes the stream.
        StreamError: the source cannot be read.
    """
    refuse_engine(warehouse.engine)
    body, target = body_of(model), warehouse.place(model.name)
    before = read_state(warehouse.engine, target)
    if before is not None and (other := before.holding):
        raise held(target, other)
    change = settings_change(before.settings if before else None, settings_of(model))
    is_lost = from_begin and (body.sink == "table" or "sink" in change.names)
    begun: Position = {} if before is None or is_lost else before.position
    try:
        with nullcontext(source) if source else closing(source_of(warehouse, model)) as opened:
            rows, position = opened.poll(begun, body.batch_rows)
    except FftError as error:
        raise _placed(error, model) from error
    return StreamBatch(rows, before, begun, position, is_full=rows.num_rows >= body.batch_rows, change=change)


def _placed(error: FftError, model: Model) -> FftError:
    """Return the error with the name of the stream, and the place of the setting that it is about."""
    if error.problem.where is None:
        said = error.problem.message
        if isinstance(error, NothingArrivedError):
            said = f"{said}; it waits for {_waited_for(body_of(model))}"
        where = _written_at(model, error.keys) if isinstance(error, StreamError) else model.location
        error.problem = replace(error.problem, message=f"stream {model.name!r}: {said}", where=where)
        error.args = (str(error.problem),)
    return error


def _written_at(model: Model, keys: tuple[str, ...]) -> Location:
    """Return the place of a setting in the file of a stream, or of the nearest setting around it."""
    lines = body_of(model).lines
    names = [".".join(keys[:end]) for end in range(len(keys), 0, -1)]
    line = next((lines[name] for name in names if name in lines), None)
    return model.location if line is None else Location(model.path, line)


def _waited_for(body: StreamBody) -> str:
    options = body.source.options
    given = options.get("path") or options.get("topic")
    named = ", ".join(map(str, given)) if isinstance(given, tuple) else str(given)
    return f"{_AWAITED[body.source.type]} {named}"


def write_batch(warehouse: Warehouse, increment: Increment, batch: StreamBatch) -> Written:
    """Write a batch into the stage of its model, and its position into the table of states.

    Raises:
        BusyError: another process has written the stream since the batch was read.
        CheckFailedError: a check of the batch failed.
        StreamError: too many records are bad, or a measure cannot be computed.
    """
    engine, model, target = warehouse.engine, increment.model, increment.relation
    body, now = body_of(model), datetime.now(UTC).replace(tzinfo=None)
    engine.hold(place_of_state(target))
    prepare_state(engine, target)
    state = batch.before or StreamState()
    if (now_there := read_state(engine, target)) is not None and (
        (now_there.epoch, now_there.position) != (state.epoch, state.position)
    ):
        raise BusyError(
            f"another process wrote to the stream {target} in the meantime",
            hint="Start this one again.",
            code="FFT-805",
        )
    is_new = increment.is_first and (body.sink == "table" or "sink" in batch.change.names)
    if is_new:
        state = replace(state, watermark=None, partitions={}, counts={})
        _forget_read(engine, StreamTables(target), body.sink)
    try:
        state, bad = _retaken(engine, increment, batch, state, now)
        intake = take_in(batch.rows, rules_of(body), state, now, takes_nul=engine.spelling.takes_nul)
        if body.sink == "sessions":
            written = _sessions(warehouse, increment, batch, intake, now)
        else:
            written = _table(warehouse, increment, batch, intake, now)
        refuse_dead_share(written.changes["dead"], intake.given, body.max_dead_share)
    except StreamError as error:
        raise _placed(error, model) from error
    changes = {**written.changes, "dead": written.changes["dead"] + bad}
    _write_position(engine, increment, batch, next_state(state, intake, changes, batch.position, _holder(batch)))
    said = [_identity(model), batch.position, str(intake.watermark)]
    bounds = StreamBounds(batch.begun, batch.position, intake.watermark, now)
    return replace(written, changes=changes, data_version=f"stream:{digest_of(said)[:32]}", bounds=bounds)


def _forget_read(engine: Session, tables: StreamTables, sink: Sink) -> None:
    """Delete the records that are read again from the tables beside a table that is rebuilt from its source."""
    beside = [tables.late, tables.dead, *([tables.events] if sink == "sessions" else [])]
    for table in engine.inspect(beside):
        engine.execute(engine.spelling.delete(table, None))


def _holder(batch: StreamBatch) -> Writer | None:
    return batch.before.holder if batch.before and batch.before.holder and batch.before.holder.is_me else None


def _write_position(engine: Session, increment: Increment, batch: StreamBatch, state: StreamState) -> None:
    is_live = not batch.is_full or increment.is_first
    after = replace(state, settings=settings_of(increment.model), phase="live" if is_live else state.phase)
    write_state(engine, increment.relation, batch.before, after)


def _retaken(
    engine: Session, increment: Increment, batch: StreamBatch, state: StreamState, now: datetime
) -> tuple[StreamState, int]:
    """Take the events that are kept again, if settings have changed since; return the number of bad ones as well."""
    model, change = increment.model, batch.change
    body = body_of(model)
    if body.sink != "sessions" or "sink" in change.names:
        return state, 0
    if increment.is_first and batch.before is not None and batch.before.settings is None:  # kept by an older version
        change = SettingsChange(EVERYTHING, frozenset(body.columns))
    sink = session_sink(engine, increment.relation, model)
    sink.refuse_lost_events(state.counts.get("events", 0))
    return Retake(sink, rules_of(body), change, body.max_dead_share).run(state, now)


def _identity(model: Model) -> list[str]:
    """Return the settings that the rows depend on, besides the events."""
    return [repr(model.materialization), repr(body_of(model).columns)]


def rules_of(body: StreamBody) -> EventRules:
    """Return the rules by which records become events of a stream."""

    def time(seconds: float | None) -> timedelta | None:
        return None if seconds is None else timedelta(seconds=seconds)

    return EventRules(
        body.key,
        body.event_time,
        body.event_id,
        body.event_time_unit,
        time(body.allowed_lateness),
        time(body.max_ahead),
        timedelta(seconds=body.idle_after),
    )


def settings_of(model: Model) -> str:
    """Return the settings that the rows of a stream are made with, as `_ff_stream` keeps them."""
    settings, body = model.materialization, body_of(model)
    return (
        _session_settings(settings, body).to_json("model")
        if isinstance(settings, Sessions)
        else table_settings(body.columns)
    )


def _session_settings(settings: Sessions, body: StreamBody) -> SessionSettings:
    return SessionSettings(
        settings.key,
        settings.event_time,
        timedelta(seconds=settings.gap),
        settings.event_id,
        dict(settings.measures),
        body.columns,
    )


def session_sink(engine: Session, target: Relation, model: Model) -> SessionSink:
    """Return the sink that stores the events of a stream and computes its sessions."""
    settings = model.materialization
    assert isinstance(settings, Sessions)  # callers check the sink
    made = _session_settings(settings, body_of(model))
    return SessionSink(engine, StreamTables(target), made, _on_schema_change(settings.on_schema_change))


def _on_schema_change(written: OnSchemaChange) -> OnNewColumns:
    assert written != "sync_all_columns"  # the reader of the file has replaced it
    return written


@dataclass
class _Judge:
    """The checks of a batch, run on the rows that it will write."""

    warehouse: Warehouse
    increment: Increment
    results: tuple[CheckResult, ...] = ()

    def __call__(self, rows: Relation) -> None:
        """Run the checks, and keep their results. Raises CheckFailedError if one blocks."""
        engine, checks = self.warehouse.engine, self.increment.delta_checks
        if not checks:
            return
        columns = engine.columns(engine.spelling.select_all(rows))
        found = run_checks(engine, rows, columns, checks, self.warehouse.relation).results
        self.results = tuple(replace(result, judged="staged") for result in found)
        if any(result.blocks for result in self.results):
            raise CheckFailedError(self.increment.model.name, self.results)


def _sessions(warehouse: Warehouse, increment: Increment, batch: StreamBatch, intake: Intake, now: datetime) -> Written:
    engine, stage, judge = warehouse.engine, increment.stage, _Judge(warehouse, increment)
    sink = session_sink(engine, increment.relation, increment.model)
    is_left = increment.is_first or (batch.before is not None and batch.before.phase == "backfill")
    before = batch.before.watermark if batch.before else None
    counts: Mapping[str, int] = sink.keep(intake, now, None if is_left else stage.place, before, judge)
    if increment.is_first:
        columns, stats = stage.write(sink.all_sessions(intake))
        judge(stage.place)
        rows = stats.rows if stats.rows is not None else _count(engine, stage.place)
        counts = {**counts, "sessions": rows}
    else:
        columns = engine.columns(engine.spelling.select_all(stage.place))
        rows = _count(engine, stage.place)
    return Written(stage.place, columns, rows, judge.results, counts)


def _table(warehouse: Warehouse, increment: Increment, batch: StreamBatch, intake: Intake, now: datetime) -> Written:
    engine, stage, body = warehouse.engine, increment.stage, body_of(increment.model)
    settings = increment.model.materialization
    assert isinstance(settings, Incremental)  # the sink is a table
    policy = ColumnPolicy(body.columns, _on_schema_change(settings.on_schema_change))
    sink = TableSink(engine, StreamTables(increment.relation), rules_of(body), policy, stage.retype)
    place = None if increment.is_first else stage.place
    if place is not None:
        sink.declare(place, batch.change.columns)
    with sink.rows(intake, now, place, upserts=bool(body.key)) as (query, counts):
        if query is None:
            columns = engine.columns(engine.spelling.select_all(stage.place))
            return Written(stage.place, columns, _count(engine, stage.place), (), counts)
        written = write_increment(warehouse, increment, query)
    kept = written.row_count if place is None else written.changes.get("delta_rows")
    if body.event_id and not body.key and kept is not None:  # events that are in the table already were left out
        counts = {**counts, "events": kept, "duplicates": counts["events"] - kept}
    return replace(written, changes={**written.changes, **counts}, is_unchanged=False)


def _count(engine: Session, relation: Relation) -> int:
    ((count,),) = engine.fetch(f"select count(*) from {relation.sql(engine.spelling)}")
    return int(count)

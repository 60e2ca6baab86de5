"""Stages the rows of one node, checks them, and publishes and records them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from fft_core.build.attachments import NodeAttachments
from fft_core.build.failures import keeping_failures
from fft_core.build.increment import Increment, Written, write_increment
from fft_core.build.judged_views import (
    StagedView,
    Unjudged,
    ViewsToJudge,
    judge_published,
    judge_views,
)
from fft_core.build.model_hooks import NO_HOOKS, RenderedHooks, rendered_hooks
from fft_core.build.query_limit import expected_bytes
from fft_core.build.rows import model_rows
from fft_core.build.seeds import seed_rows
from fft_core.build.served_build import served_build
from fft_core.build.staging import staged
from fft_core.checks.results import CheckFailedError, CheckResult, JudgedView, Judgement, are_settled, measures_of
from fft_core.checks.run import run_checks
from fft_core.engines.protocol import ColumnType, PublishMode, RelationKind, Seal, Session, Stage, Start, Want
from fft_core.errors import BusyError
from fft_core.names import Relation
from fft_core.names.unused import rows_of
from fft_core.plan.decide import first_load, version_of_load, view_version
from fft_core.plan.decision import Decision
from fft_core.plan.records import BuildRecord, Published
from fft_core.project.model import Incremental, MaterializedView, Model, Seed, Snapshot, SourceName, View
from fft_core.warehouse.records import measures_statement, record_statements, recorded_measures
from fft_core.warehouse.source_versions import digest_version
from fft_core.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

    from fft_core.build.streams import StreamBatch, StreamBounds

_TOO_LATE = "it reads these rows through a published view, and this engine cannot undo the build after its checks"


@dataclass(frozen=True, kw_only=True)
class NodeResult:
    """The published relation of a model or seed after its turn in a run, and the decision to build it or to keep it."""

    relation: Relation
    row_count: int | None
    columns: tuple[ColumnType, ...]
    checks: tuple[CheckResult, ...]
    fingerprint: str
    built_at: datetime
    seconds: float
    query_seconds: float
    data_version: str
    decision: Decision
    http: Mapping[str, int] | None = None  # the requests that its model made, see `HttpStats`


@dataclass(frozen=True, kw_only=True)
class BuildResult(NodeResult):
    """The result of a build; `checks` judged its rows before they were published.

    `changes` are the counts of an increment, by name. `size_bytes` is the size of the table, if the engine knows it.
    `bytes_scanned` is the estimate for the query, if a budget or limit needs it and the engine has one. `views` are the
    views over the node whose checks judged the rows, too; `unjudged` are views that could not be judged. `has_more`:
    a stream may have more records than the batch took. `bounds`: the positions between which a stream was read.
    """

    kind: RelationKind
    row_count: int
    changes: Mapping[str, int]
    size_bytes: int | None
    bytes_scanned: int | None = None
    views: tuple[JudgedView, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    has_more: bool = False
    bounds: StreamBounds | None = None


@dataclass(frozen=True)
class StoredFrame:
    """A table that was stored from a frame."""

    relation: Relation
    row_count: int
    columns: tuple[ColumnType, ...]


@dataclass(frozen=True)
class Clock:
    """The start of a node's turn, and the seconds that its session had spent in statements until then."""

    began: float
    queries_before: float

    @classmethod
    def begun(cls, warehouse: Warehouse) -> Clock:
        """Return a clock that starts now."""
        return cls(time.perf_counter(), warehouse.engine.trace.seconds)

    @property
    def seconds(self) -> float:
        """The seconds since the start of the turn."""
        return time.perf_counter() - self.began

    def query_seconds(self, warehouse: Warehouse) -> float:
        """Return the seconds of the turn that were spent in statements."""
        return warehouse.engine.trace.seconds - self.queries_before


@dataclass(frozen=True)
class BuildTask:
    """A build that was decided, with all values and callbacks that it needs from its run.

    Attributes:
        decision: The decision: the node, and the reasons for its build.
        clock: The clock of the node's turn.
        still_current: Raises if another run has built the node or one of its inputs since the decision. Called inside
            the stage, before the rows are written and again before they are published.
        views: Returns the views over the node whose checks judge its new rows. Called after the staged rows have passed
            the node's own checks, because other turns of the run may change the answer until then.
        with_query: Returns the decision, completed with the texts of the query of a lazy model. Called when the query
            is known, before it runs.
        existing: The relation that is published under the node's name; None if none is.
        is_recorded: Whether the build is recorded.
        replaces_record: Whether the node has a record, which the new one replaces.
        run_id: The id of the run, for the record.
        known: Results of checks of the node that have judged these same rows already.
        referring: The attachments, as JSON, of the nodes with foreign keys to this one, by name.
        batch: The records that have arrived in a stream; None if the node is not a stream.
    """

    decision: Decision
    clock: Clock
    still_current: Callable[[], None]
    views: Callable[[], ViewsToJudge]
    with_query: Callable[[Sequence[str]], Decision]
    existing: Published | None
    is_recorded: bool = True
    replaces_record: bool = True
    run_id: str | None = None
    known: tuple[CheckResult, ...] = ()
    referring: Mapping[str, str] = field(default_factory=dict)
    batch: StreamBatch | None = None


@dataclass(frozen=True)
class Built:
    """A node that was built, and the facts that its run remembers.

    Attributes:
        result: The result of the build.
        record: The record of the build; it was written if the task is recorded.
        published: The relation that is published now.
        judged: The results of the checks of the views that were judged on staged rows, by view.
        detached: The remaining attachments, as JSON, of the nodes that lost their foreign keys to this one, by name.
            These nodes get the keys back in their own turn.
    """

    result: BuildResult
    record: BuildRecord
    published: Published
    judged: Mapping[str, tuple[CheckResult, ...]] = field(default_factory=dict)
    detached: Mapping[str, str] = field(default_factory=dict)


def build_node(warehouse: Warehouse, node: Model | Seed, task: BuildTask) -> Built:
    """Build one node: its rows are staged, checked, published and recorded.

    Raises:
        CheckFailedError: a check of severity error failed, of the node or of a view over it; the published rows stay as
            they were.
        UnreadableViewError: the query of a checked view over it fails on the new rows.
        RenderError, ModelError, SeedError, StatementError: the rows cannot be computed.
        Exception: any error of `task.still_current`; nothing is published then.
    """
    build = _Build(warehouse, task)
    if isinstance(node, Model) and task.batch is not None:
        return _publish(build, _Rows("table", "", node, batch=task.batch), rendered_hooks(warehouse, node))
    if isinstance(node, Seed):
        with seed_rows(warehouse, node, build.first_load) as query:
            return _publish(build, _Rows("table", query))
    model = node if isinstance(node.materialization, Incremental | Snapshot) else None
    with model_rows(warehouse, node, is_increment=task.decision.is_increment) as rows:
        scanned = expected_bytes(warehouse, node, rows.sql)
        if node.is_lazy:
            build = _Build(warehouse, replace(task, decision=task.with_query(rows.symbolic)))
        given = _Rows(_kind(node), rows.sql, model, warehouse.backing(node), node.publish)
        built = _publish(build, given, rendered_hooks(warehouse, node))
    return replace(built, result=replace(built.result, bytes_scanned=scanned))


def publish_frame(
    warehouse: Warehouse, relation: Relation, frame: pa.Table, source: SourceName | None = None
) -> StoredFrame:
    """Store the frame of an asset outside of the project as a table; readers see either the old or the new rows.

    Args:
        warehouse: The session of this thread.
        relation: The relation to store it in.
        frame: The rows.
        source: The source that the table is; its checks judge the rows before they are published.

    Raises:
        CheckFailedError: a check of severity error failed; nothing is published.
    """
    engine = warehouse.engine
    with engine.turn(), keeping_failures(warehouse):
        warehouse.ensure_schema(relation)
        existing = engine.inspect([relation]).get(relation)
        replaces = existing.kind if existing else None
        with (
            engine.frames.query(frame) as query,
            engine.publisher.stage(relation, "table", replaces=replaces) as stage,
        ):
            columns, _ = stage.write(query)
            refuse_bad_rows(warehouse, stage.place, columns, source, published=relation)
            stage.publish(Seal(columns=columns))
    return StoredFrame(relation, frame.num_rows, columns)


def refuse_bad_rows(
    warehouse: Warehouse,
    place: Relation,
    columns: Sequence[ColumnType],
    source: SourceName | None,
    *,
    published: Relation,
) -> None:
    """Run the checks of a source on rows that are staged for it. Raises CheckFailedError."""
    checks = warehouse.project.checks_of(source) if source else ()
    judgement = run_checks(warehouse.engine, place, columns, checks, warehouse.relation, published=published)
    if any(result.blocks for result in judgement.results):
        raise CheckFailedError(str(source), judgement.results)


@dataclass(frozen=True)
class _Build:
    """A build task, with the session that runs it."""

    warehouse: Warehouse
    task: BuildTask

    @property
    def decision(self) -> Decision:
        return self.task.decision

    @cached_property
    def first_load(self) -> datetime:
        """The time when this content of a seed was first loaded: now, if the last load had other content."""
        return first_load(self.decision.identity, self.decision.record) or datetime.now(UTC)


@dataclass(frozen=True)
class _Rows:
    """The rows to publish; with a `model`, they are applied to its table instead of replacing it.

    With a `backing`, the rows are stored in that table, and the relation becomes a view of it.
    """

    kind: RelationKind
    query: str
    model: Model | None = None
    backing: Relation | None = None
    publish: PublishMode | None = None
    batch: StreamBatch | None = None


def _kind(model: Model) -> RelationKind:
    match model.materialization:
        case View():
            return "view"
        case MaterializedView():
            return "materialized_view"
    return "table"


def _publish(build: _Build, rows: _Rows, hooks: RenderedHooks = NO_HOOKS) -> Built:
    """Stage the rows, check them, and publish and record them."""
    warehouse, task, name = build.warehouse, build.task, build.decision.name
    relation = warehouse.relation(name)
    warehouse.ensure_schema(relation)
    attachments = NodeAttachments(warehouse, build.decision, rows.kind, task.existing)
    with attachments.explained(), _staged(build, rows, hooks) as stage:
        task.still_current()
        with hooks.explained("pre_hook"):
            stage.apply(hooks.before)
        detached = attachments.detach(task.referring) if task.referring else {}
        stage.apply(attachments.removed())
        written = _write(build, stage, relation, rows)
        judgement = _judged(build, relation, written)
        if any(result.blocks for result in judgement.results):
            raise CheckFailedError(name, judgement.results)
        views = task.views()
        staged = _judge_views(build, stage, judgement, stage.place, views.staged)
        task.still_current()  # its inputs may have been built by another run meanwhile
        record = replace(_record(build, relation, written, judgement), attached=attachments.attached)
        with hooks.explained("post_hook"):
            after = (attachments.added, lambda: hooks.after)
            sealed = stage.publish(replace(_seal(build, rows, written, record, staged), after=after))
        published, unjudged = _judge_where_published(build, stage, judgement, relation, views)
        served = task.is_recorded and served_build(warehouse, record, written.columns, judgement.results)
    if served:
        served.publish()
    result = replace(
        _result(build, relation, rows, written, judgement, record),
        size_bytes=sealed.bytes,
        views=(*staged, *published),
        unjudged=(*views.unjudged, *unjudged),
    )
    exists = Published(rows.kind, record.stamp, record.rows)
    return Built(result, record, exists, {view.name: view.results for view in staged}, detached)


def _staged(build: _Build, rows: _Rows, hooks: RenderedHooks) -> AbstractContextManager[Stage]:
    is_increment = rows.model is not None and build.decision.is_increment
    start: Start = "published" if is_increment else "empty"
    run = build.task.run_id if build.task.is_recorded and not hooks.before else None  # rows may depend on a hook
    existing = build.task.existing
    return staged(build.warehouse, build.decision, rows.kind, existing, backing=rows.backing, start=start, run=run)


def _seal(build: _Build, rows: _Rows, written: Written, record: BuildRecord, views: Sequence[JudgedView]) -> Seal:
    """Return the stamp of the relation, and the statements for the records, also for those of judged views."""
    replaces, engine = build.task.replaces_record, build.warehouse.engine
    recorded = record_statements(engine, record, replaces=replaces) if build.task.is_recorded else ()
    if build.task.is_recorded:
        recorded += tuple(_measured_by_views(build.warehouse, views))
    return Seal(record.stamp, written.columns, recorded, rows.publish)


def _measured_by_views(warehouse: Warehouse, views: Sequence[JudgedView]) -> Iterator[str]:
    """Render the statements that record the measurements of judged views, without a build of these views."""
    engine = warehouse.engine
    for view in views:
        if measured := measures_of(view.results):
            place = warehouse.place_text(view.name)
            known = recorded_measures(engine, view.name, place)
            yield measures_statement(engine, view.name, place, {**known, **measured})


def _result(
    build: _Build, relation: Relation, rows: _Rows, written: Written, judgement: Judgement, record: BuildRecord
) -> BuildResult:
    return BuildResult(
        relation=relation,
        kind=rows.kind,
        row_count=judgement.row_count,
        columns=written.columns,
        checks=judgement.results,
        fingerprint=record.fingerprint.digest if record.fingerprint else "",
        built_at=record.built_at,
        data_version=record.data_version,
        decision=build.decision,
        changes=written.changes,
        bounds=written.bounds,
        size_bytes=None,
        seconds=build.task.clock.seconds,
        query_seconds=build.task.clock.query_seconds(build.warehouse),
    )


def _judge_views(
    build: _Build, stage: Stage, judgement: Judgement, place: Relation, views: Sequence[StagedView]
) -> tuple[JudgedView, ...]:
    """Run the checks of the views over a node on its new rows. Raises CheckFailedError if one blocks."""
    if not views:
        return ()
    judged = judge_views(build.warehouse, stage, build.decision.name, place, views)
    if any(view.blocks for view in judged):
        raise CheckFailedError(build.decision.name, judgement.results, views=judged)
    return judged


def _judge_where_published(
    build: _Build, stage: Stage, judgement: Judgement, relation: Relation, views: ViewsToJudge
) -> tuple[tuple[JudgedView, ...], tuple[Unjudged, ...]]:
    """Judge views with published queries that differ from the project's, after the new rows have the published name.

    A view that was also judged with the project's query keeps that result. Without transactions none is judged, because
    the rows could not be taken back. Raises CheckFailedError if one blocks.
    """
    if not build.warehouse.engine.capabilities.transactions:
        names = dict.fromkeys(view.name for group in (views.published, views.outdated) for view in group)
        return (), tuple(Unjudged(name, _TOO_LATE) for name in names)
    judged = _judge_views(build, stage, judgement, relation, views.published)
    if not views.outdated:
        return judged, ()
    outdated, unjudged = judge_published(build.warehouse, build.decision.name, views.outdated)
    if any(view.blocks for view in outdated):
        raise CheckFailedError(build.decision.name, judgement.results, views=outdated)
    known = {view.name for view in (*views.staged, *views.published)}
    return (*judged, *(view for view in outdated if view.name not in known)), unjudged


def _write(build: _Build, stage: Stage, relation: Relation, rows: _Rows) -> Written:
    """Write the rows into the stage, or apply them to the staged copy of the published rows."""
    if rows.model is None:
        columns, stats = stage.write(rows.query)
        return Written(stage.place, columns, stats.rows)
    is_first = not build.decision.is_increment
    if not is_first:
        _refuse_what_others_built(build.warehouse.engine, build.decision.name, relation, build.task.existing)
    checks = build.warehouse.project.checks_of(build.decision.name)
    delta_checks = tuple(check for check in checks if check.scope == "delta")
    increment = Increment(rows.model, relation, stage, is_first, delta_checks)
    if rows.batch is not None:
        from fft_core.build.streams import write_batch  # most projects have no stream

        return write_batch(build.warehouse, increment, rows.batch)
    return write_increment(build.warehouse, increment, rows.query)


def _refuse_what_others_built(engine: Session, name: str, relation: Relation, existing: Published | None) -> None:
    """Raise BusyError if another run changed the table since the decision: the rows would be applied twice."""
    now = engine.inspect([relation], Want.STAMP).get(relation)
    if existing is not None and (now is None or now.stamp != existing.stamp):
        raise BusyError(f"another run built {name} in the meantime", hint="Start this run again.", code="FFT-462")


def _judged(build: _Build, relation: Relation, written: Written) -> Judgement:
    """Return the results of all checks of the relation: the known ones, those of the delta, and the others, run now."""
    engine, known = build.warehouse.engine, {result.check.name: result for result in written.delta_checks}
    known |= {result.check.name: result for result in build.task.known}
    checks = build.warehouse.project.checks_of(build.decision.name)
    judgement = run_checks(
        engine,
        written.place,
        written.columns,
        [check for check in checks if check.name not in known],
        build.warehouse.relation,
        published=relation,
        digest=_digest(build, written),
        before=_measured_before(build.decision.record),
    )
    known |= {result.check.name: result for result in judgement.results}
    return replace(judgement, results=tuple(known[check.name] for check in checks))


def _measured_before(record: BuildRecord | None) -> Mapping[str, float | None]:
    return {key: values[0] for key, values in record.measures.items()} if record else {}


def _digest(build: _Build, written: Written) -> str:
    """Render the aggregate that digests the rows for their data version; `null` if they are not digested.

    Seeds, views and tables above `digest_max_rows` are not, nor are increments of sorted rows: their order is unknown.
    """
    identity = build.decision.identity
    limit = build.warehouse.project.fingerprint.digest_max_rows
    is_known = identity.data_version is not None or written.data_version is not None
    is_digested = identity.has_digest and not is_known and (written.row_count or 0) <= limit
    if not is_digested or (identity.is_sorted and build.decision.is_increment):
        return "null"
    engine, row = build.warehouse.engine, rows_of(column.name for column in written.columns)
    return engine.versions.digest(row, written.columns, in_order=identity.is_sorted)


def _record(build: _Build, relation: Relation, written: Written, judgement: Judgement) -> BuildRecord:
    decision, stamp = build.decision, uuid.uuid4().hex
    fingerprint = decision.fingerprint(stamp)
    names = [(column.name, column.type) for column in written.columns]
    if decision.identity.data_version is not None:
        data_version = version_of_load(decision.identity.data_version, build.first_load)
    elif written.data_version is not None:
        data_version = written.data_version
    elif decision.identity.is_view and not decision.identity.volatile:
        data_version = view_version(fingerprint)
    elif judgement.digest is not None:
        data_version = digest_version(names, judgement.row_count, judgement.digest)
    elif written.is_unchanged and decision.record and decision.is_as_recorded:
        data_version = decision.record.data_version
    else:
        data_version = f"build:{stamp}"
    return BuildRecord(
        node=decision.name,
        relation=str(relation),
        fingerprint=fingerprint,
        data_version=data_version,
        stamp=stamp,
        rows=None if decision.identity.is_view else judgement.row_count,
        checks=decision.checks if are_settled(judgement.results) else None,
        built_at=datetime.now(UTC),
        run_id=build.task.run_id,
        engine=build.warehouse.engine.name,
        project=build.warehouse.project.name,
        environment=build.warehouse.environment,
        relation_path=(relation.catalog, relation.schema, relation.name),
        measures=measures_of(judgement.results),
    )

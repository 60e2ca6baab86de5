"""Stage, check, publish, record: the only place that changes a warehouse."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from fft_core.checks.run import CheckFailedError, CheckResult, JudgedView, Judgement, run_checks
from fft_core.engines.created import usable_columns
from fft_core.engines.engine import ColumnType, Engine, PublishMode, RelationKind
from fft_core.engines.spelling import rows_of
from fft_core.errors import BusyError, FftError, Location, MissingRelationError, SeedError, StatementError
from fft_core.increment import Increment, Written
from fft_core.judged_views import (
    Unjudged,
    UnreadableViewError,
    ViewsToJudge,
    judge_published,
    judge_views,
    views_to_judge,
)
from fft_core.model_rows import how_to_get, model_rows
from fft_core.names import Relation
from fft_core.plan.decide import Decision, Request, first_load, version_of_load, view_version
from fft_core.plan.records import BuildRecord, Published
from fft_core.planner import OutdatedError, Rebuilder, Subjects
from fft_core.project.live_views import LiveView
from fft_core.project.model import Check, Incremental, MaterializedView, Model, Seed, Snapshot, SourceName, View
from fft_core.project.statement import select_of
from fft_core.sources import digest_version
from fft_core.state import write_checks, write_record
from fft_core.warehouse import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class NodeResult:
    """What is published of a model or seed after its turn in a run, and why it was built or left as it is."""

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


@dataclass(frozen=True, kw_only=True)
class BuildResult(NodeResult):
    """What a build published; `checks` judged its rows before.

    `changes` counts what an increment did. `size_bytes` is what the table takes, where the engine knows. `views` are
    those over it whose checks judged the rows before; `unjudged` are views that could not be asked.
    """

    kind: RelationKind
    row_count: int
    changes: Mapping[str, int]
    size_bytes: int | None
    views: tuple[JudgedView, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReuseResult(NodeResult):
    """What was left as it is.

    `checks` holds the results of checks that were due; `unchanged_checks` are the others, which passed on these rows.
    """

    unchanged_checks: tuple[Check, ...]


@dataclass(frozen=True)
class StoredFrame:
    """A frame that became a table."""

    relation: Relation
    row_count: int
    columns: tuple[ColumnType, ...]


def build_or_reuse(
    warehouse: Warehouse, rebuilder: Rebuilder, node: Model | Seed, *, run_id: str | None = None
) -> BuildResult | ReuseResult:
    """Do what the plan says for one model or seed, at its turn in a run.

    Args:
        warehouse: The session of this thread.
        rebuilder: The one of the run.
        node: A model or seed, whose inputs have had their turn.
        run_id: Noted in the record.

    Raises:
        CheckFailedError: a check of severity error failed, its own or that of a view over it; the published rows stay
            as they were.
        UnreadableViewError: a checked view over it does not work with the new rows.
        MissingRelationError: an input is not in the database.
        RenderError, ModelError, StatementError: the model fails, with its file and the SQL as sent.
        StateError: the records of earlier builds cannot be read.
    """
    failed = True
    try:
        with warehouse.engine.turn(), warehouse.engine.statements.about(node.name):
            result = _build_or_reuse(warehouse, rebuilder, node, run_id)
        failed = False
        return result
    finally:
        rebuilder.views.end(node.name, failed=failed)


def build_model(warehouse: Warehouse, model: Model) -> BuildResult:
    """Build one model whether something changed or not: its rows are staged, checked and published together.

    Raises what `build_or_reuse` raises.
    """
    return _build_unconditionally(warehouse, model)


def build_seed(warehouse: Warehouse, seed: Seed) -> BuildResult:
    """Load a seed's file as a table, with `_ff_loaded_at`, `_ff_seed_id` and `_ff_seed_file` (relative path) added.

    Raises:
        CheckFailedError: a check of severity error failed.
        FftError: the file is missing or cannot be read.
    """
    return _build_unconditionally(warehouse, seed)


def publish_frame(
    warehouse: Warehouse, relation: Relation, frame: pa.Table, source: SourceName | None = None
) -> StoredFrame:
    """Store a frame that was made elsewhere as a table: readers see the old rows or the new ones.

    Args:
        warehouse: The session of this thread.
        relation: Where it is stored.
        frame: The rows.
        source: The source that it fills; its checks judge the rows before they are published.

    Raises:
        CheckFailedError: a check of severity error failed; nothing is published.
    """
    engine, checks = warehouse.engine, warehouse.project.checks_of(source) if source else ()
    with engine.turn():
        warehouse.ensure_schema(relation)
        with engine.frame_query(frame) as query, engine.transaction():
            columns = _publish_checked(warehouse, relation, query, checks, str(source))
    return StoredFrame(relation, frame.num_rows, columns)


def check_node(warehouse: Warehouse, node: str | SourceName, checks: tuple[Check, ...]) -> tuple[CheckResult, ...]:
    """Run checks on the published rows, without building.

    Raises:
        MissingRelationError: nothing is published yet.
    """
    relation = warehouse.relation(node)
    engine = warehouse.engine
    if relation not in engine.kinds([relation]):
        raise MissingRelationError(f"{relation} is not there: nothing to check", hint=how_to_get(warehouse, node))
    with engine.statements.about(str(node)):
        columns = engine.columns(engine.spelling.select_all(relation))
        return run_checks(engine, relation, columns, checks, warehouse.relation).results


@dataclass(frozen=True)
class _Clock:
    """When the turn of a node began, and what its session had spent in statements by then."""

    began: float
    queries_before: float

    @classmethod
    def begun(cls, warehouse: Warehouse) -> _Clock:
        return cls(time.perf_counter(), warehouse.engine.statements.seconds)

    def spent(self, warehouse: Warehouse) -> dict[str, float]:
        return {
            "seconds": time.perf_counter() - self.began,
            "query_seconds": warehouse.engine.statements.seconds - self.queries_before,
        }


def _publish_checked(
    warehouse: Warehouse, relation: Relation, query: str, checks: Sequence[Check], name: str
) -> tuple[ColumnType, ...]:
    engine = warehouse.engine
    engine.hold(relation)
    stage = engine.stage(relation)
    columns, _ = _stage(engine, stage, _Rows("table", query), engine.kinds([stage]).get(stage))
    judgement = run_checks(engine, stage, columns, checks, warehouse.relation, published=relation)
    if any(result.blocks for result in judgement.results):
        raise CheckFailedError(name, judgement.results)
    engine.publish(stage, relation)
    return columns


@dataclass(frozen=True)
class _Build:
    """A build that was decided, by what the rebuilder knew at its `look`."""

    warehouse: Warehouse
    rebuilder: Rebuilder
    look: int
    decision: Decision
    run_id: str | None
    clock: _Clock
    unreadable: tuple[Unjudged, ...] = ()

    @cached_property
    def first_load(self) -> datetime:
        """When the content of a seed was first loaded: now, unless the last load was of the same."""
        return first_load(self.decision.subject, self.decision.record) or datetime.now(UTC)


@dataclass(frozen=True)
class _Rows:
    """What becomes a relation, or with a `model` what its table is changed by.

    With a `backing`, the rows become that table, and the relation a view of it; `digest` then is that of the rows,
    spelled as SQL: a view has rows, but no places of them.
    """

    kind: RelationKind
    query: str
    model: Model | None = None
    backing: Relation | None = None
    publish: PublishMode | None = None
    digest: str | None = None


def _build_or_reuse(
    warehouse: Warehouse, rebuilder: Rebuilder, node: Model | Seed, run_id: str | None
) -> BuildResult | ReuseResult:
    clock, unreadable = _Clock.begun(warehouse), tuple[Unjudged, ...]()
    while True:
        look, decision = rebuilder.look, rebuilder.decide(warehouse, node)
        if not decision.is_build and decision.record is not None:
            return _reuse(warehouse, rebuilder, decision, decision.record, clock)
        if rebuilder.request.records:
            warehouse.ensure_records()
        try:
            rebuilder.refuse_outdated(warehouse, decision, look)
            return _build(_Build(warehouse, rebuilder, look, decision, run_id, clock, unreadable), node)
        except OutdatedError as error:
            _log.info("%s, and so %s is decided anew", error, node.name)
            rebuilder.forget()
        except UnreadableViewError as error:
            if rebuilder.published(warehouse, error.view) is not None:
                raise
            unreadable = (*unreadable, Unjudged(error.view, str(error.problem.message)))  # its own step says it


def _build_unconditionally(warehouse: Warehouse, node: Model | Seed) -> BuildResult:
    if isinstance(node, Model) and node.is_ephemeral:
        raise FftError(f"model {node.name!r} is ephemeral: it has no rows of its own", where=node.location)
    subjects = Subjects(warehouse.project, warehouse.compiler, warehouse.engine.dialect)
    rebuilder = Rebuilder(warehouse.project, subjects, Request(cache="wo"), nodes=frozenset({node.name}))
    result = build_or_reuse(warehouse, rebuilder, node)
    assert isinstance(result, BuildResult)  # with "wo" nothing is reused
    return result


def _reuse(
    warehouse: Warehouse, rebuilder: Rebuilder, decision: Decision, record: BuildRecord, clock: _Clock
) -> ReuseResult:
    relation = warehouse.relation(decision.name)
    due, unchanged = _due_checks(warehouse, decision)
    columns = warehouse.engine.columns(warehouse.engine.spelling.select_all(relation))
    return ReuseResult(
        relation=relation,
        row_count=record.rows,
        columns=columns,
        checks=_check_reused(warehouse, rebuilder, decision, due),
        unchanged_checks=unchanged,
        fingerprint=record.fingerprint.digest if record.fingerprint else "",
        built_at=record.built_at,
        data_version=record.data_version,
        decision=decision,
        **clock.spent(warehouse),
    )


def _build(build: _Build, node: Model | Seed) -> BuildResult:
    if isinstance(node, Seed):
        with _explained_seed(node), _seed_rows(build, node) as query:
            return _publish(build, _Rows("table", query))
    model = node if isinstance(node.materialization, Incremental | Snapshot) else None
    with model_rows(build.warehouse, node, is_increment=build.decision.is_increment) as query:
        return _publish(build, _Rows(_kind(node), query, model, build.warehouse.backing(node), node.publish))


def _kind(model: Model) -> RelationKind:
    match model.materialization:
        case View():
            return "view"
        case MaterializedView():
            return "materialized_view"
    return "table"


def _publish(build: _Build, rows: _Rows) -> BuildResult:
    """Stage the rows, check them, and publish and record them in the one transaction that holds the stage."""
    warehouse, name = build.warehouse, build.decision.name
    engine, relation = warehouse.engine, warehouse.relation(name)
    warehouse.ensure_schema(relation)
    existing = build.rebuilder.published(warehouse, name)
    with engine.transaction():
        engine.hold(relation)
        _refuse_outdated(build)
        rows = _backed(build, rows)
        written = _write(build, relation, rows, existing)
        judgement = _judged(build, relation, written, rows.digest or _digest(build, written))
        if any(result.blocks for result in judgement.results):
            raise CheckFailedError(name, judgement.results)
        views = views_to_judge(warehouse, build.rebuilder, name, build.unreadable)
        judged = _judge_views(build, judgement, written.place, views.staged)
        _refuse_outdated(build)  # what it read may have changed meanwhile
        columns, record = written.columns, _record(build, relation, written, judgement)
        size = engine.publish(written.place, relation, rows.publish) if written.place != relation else None
        judged += _judge_views(build, judgement, relation, views.published)
        outdated, unjudged = _judge_outdated(build, judgement, views)
        engine.stamp(relation, rows.kind, record.stamp, columns)
        if rows.backing is not None:
            engine.stamp(rows.backing, "table", record.stamp, columns)
        if build.rebuilder.request.records:
            write_record(engine, record, replaces=build.rebuilder.is_recorded(warehouse, name))
    build.rebuilder.note(record, Published(rows.kind, record.stamp, record.rows))
    _note_judged(build, judged, views)
    return BuildResult(
        relation=relation,
        kind=rows.kind,
        row_count=judgement.row_count,
        columns=columns,
        checks=judgement.results,
        fingerprint=record.fingerprint.digest if record.fingerprint else "",
        built_at=record.built_at,
        data_version=record.data_version,
        decision=build.decision,
        changes=written.changes,
        size_bytes=size,
        views=(*judged, *outdated),
        unjudged=(*views.unjudged, *unjudged),
        **build.clock.spent(warehouse),
    )


def _judge_views(
    build: _Build, judgement: Judgement, place: Relation, views: Sequence[LiveView]
) -> tuple[JudgedView, ...]:
    """Run the checks of the views over a node on its new rows. Raises CheckFailedError where one blocks."""
    if not views:
        return ()
    judged = judge_views(build.warehouse, build.rebuilder, build.decision.name, place, views)
    if any(view.blocks for view in judged):
        raise CheckFailedError(build.decision.name, judgement.results, views=judged)
    return judged


def _judge_outdated(
    build: _Build, judgement: Judgement, views: ViewsToJudge
) -> tuple[tuple[JudgedView, ...], tuple[Unjudged, ...]]:
    """Do the same for published texts that the project no longer has; what the new ones gave counts as their result."""
    if not views.outdated:
        return (), ()
    judged, unjudged = judge_published(build.warehouse, build.rebuilder, build.decision.name, views.outdated)
    if any(view.blocks for view in judged):
        raise CheckFailedError(build.decision.name, judgement.results, views=judged)
    known = {view.name for view in (*views.staged, *views.published)}
    return tuple(view for view in judged if view.name not in known), unjudged


def _note_judged(build: _Build, judged: Sequence[JudgedView], views: ViewsToJudge) -> None:
    """Spare the views' own builds in this run the checks that passed on the rows that are published now."""
    results = {view.name: view.results for view in judged}
    for view in views.staged:
        build.rebuilder.views.note_judged(build.warehouse, view, results[view.name])


def _refuse_outdated(build: _Build) -> None:
    """Where others may build during this turn, look once more."""
    if not build.warehouse.engine.capabilities.one_writer_process:
        build.rebuilder.refuse_outdated(build.warehouse, build.decision, build.look)


def _backed(build: _Build, rows: _Rows) -> _Rows:
    """Store what a view cannot compute by itself, the rows of a frame, in the table that it reads."""
    if rows.backing is None:
        return rows
    engine = build.warehouse.engine
    stage = engine.stage(rows.backing)
    written = Written(stage, *_stage(engine, stage, _Rows("table", rows.query), engine.kinds([stage]).get(stage)))
    digest = _digest(build, written)
    if digest != "null":  # an aggregate: one row, however many there are
        row = rows_of(column.name for column in written.columns)
        digest = engine.spelling.literal(
            engine.fetch(f"select {digest} from {stage.sql(engine.spelling)} as {row}")[0][0]
        )
    if stage != rows.backing:
        engine.publish(stage, rows.backing)  # its rows may get other places there
    return replace(rows, query=engine.spelling.select_all(rows.backing), digest=digest)


def _write(build: _Build, relation: Relation, rows: _Rows, existing: Published | None) -> Written:
    """Write the rows inside the transaction: where the engine stages a relation, or into the published one."""
    engine, name = build.warehouse.engine, build.decision.name
    stage = engine.stage(relation)
    replaced = existing.kind if existing and stage == relation else None

    def create(query: str) -> tuple[tuple[ColumnType, ...], int | None]:
        return _stage(engine, stage, replace(rows, query=query), replaced)

    def check_delta(delta: Relation, columns: tuple[ColumnType, ...]) -> tuple[CheckResult, ...]:
        checks = tuple(check for check in build.warehouse.project.checks_of(name) if check.scope == "delta")
        results = run_checks(engine, delta, columns, checks, build.warehouse.relation).results if checks else ()
        if any(result.blocks for result in results):
            raise CheckFailedError(name, results)
        return results

    if rows.model is None:
        return Written(stage, *create(rows.query))
    is_first = not build.decision.is_increment
    if not is_first:
        _refuse_what_others_built(engine, name, relation, existing)
    return Increment(engine, rows.model, relation, stage, is_first, create, check_delta).write(rows.query)


def _refuse_what_others_built(engine: Engine, name: str, relation: Relation, existing: Published | None) -> None:
    """Raise where another run changed the table since this one decided: its rows would be applied twice."""
    now = engine.tables([relation]).get(relation)
    if existing is not None and (now is None or now.stamp != existing.stamp):
        raise BusyError(f"{name} was built by another run meanwhile", hint="Start this one again: it plans anew.")


def _judged(build: _Build, relation: Relation, written: Written, digest: str) -> Judgement:
    """Run the checks that judge the whole relation; those of the delta have been run, and others before its inputs."""
    engine, known = build.warehouse.engine, {result.check.name: result for result in written.delta_checks}
    known |= {r.check.name: r for r in build.rebuilder.views.judged(build.warehouse, build.decision.name)}
    checks = build.warehouse.project.checks_of(build.decision.name)
    judgement = run_checks(
        engine,
        written.place,
        written.columns,
        [check for check in checks if check.name not in known],
        build.warehouse.relation,
        published=relation,
        digest=digest,
    )
    known |= {result.check.name: result for result in judgement.results}
    return replace(judgement, results=tuple(known[check.name] for check in checks))


def _stage(
    engine: Engine, relation: Relation, rows: _Rows, existing: RelationKind | None
) -> tuple[tuple[ColumnType, ...], int | None]:
    """Create the relation, inside a transaction; give its columns, and how many rows were written if that is known."""
    if existing and existing != rows.kind:
        engine.execute(engine.spelling.drop(relation, existing))
    written = engine.execute(
        engine.spelling.create_as(
            relation, rows.kind, rows.query, replaces=bool(engine.capabilities.transaction_is_stage)
        )
    )
    return usable_columns(engine, relation, rows.query, is_table=rows.kind == "table"), written


def _digest(build: _Build, written: Written) -> str:
    """Spell what tells these rows from the last ones: not for those of a seed or view, nor for very many.

    What an increment of sorted rows makes of the order of a table is not known.
    """
    subject = build.decision.subject
    limit = build.warehouse.project.fingerprint.digest_max_rows
    is_digested = subject.has_digest and subject.data_version is None and (written.row_count or 0) <= limit
    if not is_digested or (subject.is_sorted and build.decision.is_increment):
        return "null"
    engine, row = build.warehouse.engine, rows_of(column.name for column in written.columns)
    return engine.digest(row, written.columns, in_order=subject.is_sorted)


def _record(build: _Build, relation: Relation, written: Written, judgement: Judgement) -> BuildRecord:
    decision, stamp = build.decision, uuid.uuid4().hex
    fingerprint = decision.fingerprint(stamp)
    names = [(column.name, column.type) for column in written.columns]
    if decision.subject.data_version is not None:
        data_version = version_of_load(decision.subject.data_version, build.first_load)
    elif decision.subject.is_view and not decision.subject.volatile:
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
        rows=None if decision.subject.is_view else judgement.row_count,
        checks=decision.checks,
        built_at=datetime.now(UTC),
        run_id=build.run_id,
        engine=build.warehouse.engine.name,
        project=build.warehouse.project.name,
        environment=build.warehouse.project.env,
        relation_path=(relation.catalog, relation.schema, relation.name),
    )


def _due_checks(warehouse: Warehouse, decision: Decision) -> tuple[tuple[Check, ...], tuple[Check, ...]]:
    """Part the checks of a reused node in those that run and those that passed on its rows before.

    That a blocking check passed is known from the record. What a warning found is not kept, so that it runs each time.
    """
    checks = warehouse.project.checks_of(decision.name)
    if decision.checks_are_due:
        return checks, ()
    due = tuple(check for check in checks if check.severity == "warn")
    return due, tuple(check for check in checks if check.severity == "error")


def _check_reused(
    warehouse: Warehouse, rebuilder: Rebuilder, decision: Decision, checks: tuple[Check, ...]
) -> tuple[CheckResult, ...]:
    """Run checks of a reused node on its published rows, and note that they passed where that was not known."""
    results = check_node(warehouse, decision.name, checks) if checks else ()
    if any(result.blocks for result in results):
        raise CheckFailedError(decision.name, results, published=True)
    if decision.checks_are_due and rebuilder.request.records:
        with warehouse.engine.transaction():
            write_checks(warehouse.engine, decision.name, decision.checks)
    return results


@contextmanager
def _seed_rows(build: _Build, seed: Seed) -> Iterator[str]:
    warehouse = build.warehouse
    path = warehouse.project.root / seed.path
    if not path.is_file():
        raise FftError(f"the file of seed {seed.name!r} is not there", where=Location(seed.path), hint="Was it moved?")
    spelling = warehouse.engine.spelling
    loaded = spelling.zoned(build.first_load)  # readers see it, so that the same rows have the same
    extra = (
        f"{loaded} as _ff_loaded_at, "
        f"{spelling.literal(seed.seed_id)} as _ff_seed_id, {spelling.literal(seed.path.as_posix())} as _ff_seed_file"
    )
    with _file_query(warehouse, seed) as rows:
        yield f"select *, {extra} from ({rows}) as _ff_seed"


def _file_query(warehouse: Warehouse, seed: Seed) -> AbstractContextManager[str]:
    path = warehouse.project.root / seed.path
    if path.suffix == ".sql":
        text = path.read_text(encoding="utf-8")
        return nullcontext(select_of(text, warehouse.engine.dialect, Location(seed.path)))
    return warehouse.engine.file_query(path, seed.column_types, seed.form)


@contextmanager
def _explained_seed(seed: Seed) -> Iterator[None]:
    try:
        yield
    except SeedError as error:
        said = f"Say it in seeds/schema.yml: files: {{{seed.seed_id}: {{{error.setting}}}}}." if error.setting else None
        where, hint = Location(seed.path, error.line), error.problem.hint or said
        raise SeedError(error.problem.message, line=error.line, where=where, hint=hint) from error
    except StatementError as error:
        if error.problem.where:
            raise
        problem = error.problem
        raise StatementError(
            problem.message, sql=error.sql, where=Location(seed.path), hint=problem.hint, position=error.position
        ) from error

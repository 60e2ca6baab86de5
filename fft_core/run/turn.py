"""The turn of one node in a run: decide, then build it or leave it as it is; or only check it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from fft_core.build.attachments import set_attachments
from fft_core.build.failures import keep_failures, keeping_failures, kept_of_views
from fft_core.build.judged_views import Unjudged, UnreadableViewError
from fft_core.build.publish import BuildResult, BuildTask, Clock, NodeResult, build_node
from fft_core.build.rows import how_to_get
from fft_core.checks.results import CheckFailedError, CheckResult, are_settled, measures_of
from fft_core.checks.run import run_checks
from fft_core.compile.identity import Identities
from fft_core.errors import FftError, MissingRelationError, SupersededError
from fft_core.http.stats import collecting
from fft_core.plan.attached import attachments_are_due
from fft_core.plan.decision import Decision, Reason, Request
from fft_core.plan.records import BuildRecord
from fft_core.project.model import Check, Model, Seed, SourceName, StreamBody
from fft_core.run.chosen_views import views_to_judge
from fft_core.run.memory import Look, OutdatedError
from fft_core.run.rebuilder import Rebuilder
from fft_core.warehouse.records import measures_statement, recorded_measures, write_checks
from fft_core.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from fft_core.build.streams import StreamBatch, StreamBounds
    from fft_core.run.hooks import Hooks

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ReuseResult(NodeResult):
    """The result of a reused node, whose relation was left as it is.

    `checks` holds the results of the checks that were due; `unchanged_checks`, the others, which passed on these rows.

    >>> from fft_core import ReuseResult, Run, load_project
    >>> with Run(load_project("shop"), path=":memory:") as run:
    ...     results = [run.build(node) for node in (*run.order(), *run.order())]
    >>> [result.row_count for result in results if isinstance(result, ReuseResult)]
    [1, 2, 2, 2]
    """

    unchanged_checks: tuple[Check, ...]


def build_or_reuse(
    warehouse: Warehouse,
    rebuilder: Rebuilder,
    node: Model | Seed,
    *,
    run_id: str | None = None,
    hooks: Hooks | None = None,
    drains: bool = True,
    polled: StreamBatch | None = None,
) -> BuildResult | ReuseResult:
    """Build or reuse one model or seed, as the plan says, at its turn in a run.

    Args:
        warehouse: The session of this thread.
        rebuilder: The rebuilder of the run.
        node: A model or seed whose inputs have had their turn.
        run_id: The id of the run, for the record.
        hooks: The hooks of the run; those of the model run before and after its build.
        drains: Whether all events that have arrived in a stream are read, batch by batch; else one batch is read.
        polled: The next batch of a stream, if it has just been read.

    Raises:
        HookError: a hook of the model failed.
        CheckFailedError: a check of severity error failed, of the node or of a view over it; the published rows stay
            as they were.
        UnreadableViewError: a checked view over the node cannot be read with the new rows.
        MissingRelationError: an input does not exist in the database.
        RenderError, ModelError, StatementError: the model fails; the error has its file, and the SQL that was sent.
        StateError: the records of earlier builds cannot be read.
    """
    failed = True
    try:
        with warehouse.engine.turn(), warehouse.engine.trace.about(node.name, run_id), collecting() as http:
            with keeping_failures(warehouse):
                turn = _Turn(warehouse, rebuilder, node, run_id, Clock.begun(warehouse), hooks, polled)
                is_stream = isinstance(node, Model) and isinstance(node.body, StreamBody)
                result = _drained(turn, drains=drains) if is_stream else _build_or_reuse(turn)
            result = _with_failures(warehouse, result)
        failed = False
        return replace(result, http=http.as_json()) if http.requests else result
    finally:
        rebuilder.views.end(node.name, failed=failed)


def reuse_unchanged(warehouse: Warehouse, rebuilder: Rebuilder, node: Model | Seed) -> ReuseResult | None:
    """Reuse a node at its turn in a run if nothing at all is to do for it; else return None, and change nothing.

    None means that it has to be built, or checked, or that more than its rows is to be looked at: `build_or_reuse`.

    Args:
        warehouse: The session of this thread.
        rebuilder: The rebuilder of the run.
        node: A model or seed whose inputs have had their turn.

    Raises the errors of `build_or_reuse`.
    """
    if isinstance(node, Model) and (isinstance(node.body, StreamBody) or node.serve is not None):
        return None
    with warehouse.engine.turn(), warehouse.engine.trace.about(node.name):
        clock = Clock.begun(warehouse)
        decision = rebuilder.decide(warehouse, node)
        if decision.is_build or decision.record is None or attachments_are_due(decision):
            return None
        if _due_checks(warehouse, decision)[0]:
            return None
        result = _reuse(warehouse, rebuilder, decision, decision.record, clock)
    rebuilder.views.end(node.name, failed=False)
    return result


def _with_failures(warehouse: Warehouse, result: BuildResult | ReuseResult) -> BuildResult | ReuseResult:
    """Store the failing rows of the checks of a node, and of the views that its build judged."""
    kept = replace(result, checks=keep_failures(warehouse, result.checks))
    return replace(kept, views=kept_of_views(warehouse, kept.views)) if isinstance(kept, BuildResult) else kept


def build_model(warehouse: Warehouse, model: Model) -> BuildResult:
    """Build one model, even if nothing changed: its rows are staged, checked and published together.

    Raises the errors of `build_or_reuse`.
    """
    return _build_unconditionally(warehouse, model)


def build_seed(warehouse: Warehouse, seed: Seed) -> BuildResult:
    """Load a seed's file as a table; add the columns `_ff_loaded_at`, `_ff_seed_id`, `_ff_seed_file` (relative path).

    Raises:
        CheckFailedError: a check of severity error failed.
        FftError: the file is missing or cannot be read.
    """
    return _build_unconditionally(warehouse, seed)


def check_node(warehouse: Warehouse, node: str | SourceName, checks: tuple[Check, ...]) -> tuple[CheckResult, ...]:
    """Run checks on the published rows, without building.

    Raises:
        MissingRelationError: nothing is published yet.
    """
    relation = warehouse.relation(node)
    engine = warehouse.engine
    if relation not in engine.inspect([relation]):
        raise MissingRelationError(f"{relation} does not exist: nothing to check", hint=how_to_get(warehouse, node))
    with engine.trace.about(str(node)):
        columns = engine.columns(engine.spelling.select_all(relation))
        before = _measured_before(warehouse, str(node), checks)
        found = run_checks(engine, relation, columns, checks, warehouse.relation, before=before).results
    return keep_failures(warehouse, found)


def _measured_before(warehouse: Warehouse, node: str, checks: tuple[Check, ...]) -> Mapping[str, float | None]:
    """Read the measurements of the build before the published one; for a view, those of its last checks."""
    if not any(check.rule.measures for check in checks):
        return {}
    model, place = warehouse.project.models.get(node), warehouse.place_text(node)
    recorded = recorded_measures(warehouse.engine, node, place)
    position = 0 if model and model.is_query else 1
    return {key: values[position] for key, values in recorded.items() if len(values) > position}


@dataclass(frozen=True)
class _Turn:
    """The turn of a node: the arguments of `build_or_reuse`, and a clock."""

    warehouse: Warehouse
    rebuilder: Rebuilder
    node: Model | Seed
    run_id: str | None
    clock: Clock
    hooks: Hooks | None = None
    polled: StreamBatch | None = None

    def still_current(self, decision: Decision, look: Look) -> None:
        """Compare the records once more, if other processes may build during this turn. Raises OutdatedError."""
        if not self.warehouse.engine.capabilities.one_writer_process:
            self.rebuilder.refuse_outdated(self.warehouse, decision, look)


def _drained(turn: _Turn, *, drains: bool) -> BuildResult | ReuseResult:
    """Build one batch of a stream, or with `drains` all that has arrived; the counts of the batches are added up."""
    built: BuildResult | None = None
    while True:
        result = _build_or_reuse(turn)
        turn = replace(turn, polled=None)
        if not isinstance(result, BuildResult):
            return built or result
        if built is not None:
            counted = {what: built.changes.get(what, 0) + number for what, number in result.changes.items()}
            result = replace(result, changes=counted, decision=built.decision, bounds=_joined(built, result))
        built = result
        if not drains or not result.has_more:
            return built


def _joined(first: BuildResult, last: BuildResult) -> StreamBounds | None:
    return replace(last.bounds, begun=first.bounds.begun) if first.bounds and last.bounds else last.bounds


def _build_or_reuse(turn: _Turn) -> BuildResult | ReuseResult:
    warehouse, rebuilder, node = turn.warehouse, turn.rebuilder, turn.node
    unreadable, with_hooks = tuple[Unjudged, ...](), _WithHooks(turn)
    while True:
        look = rebuilder.memory.look(warehouse)
        decision, batch = _with_batch(turn, rebuilder.decide(warehouse, node, look))
        if not decision.is_build and decision.record is not None:
            return _reuse(warehouse, rebuilder, decision, decision.record, turn.clock)
        if rebuilder.request.records:
            warehouse.ensure_records()
        try:
            rebuilder.refuse_outdated(warehouse, decision, look)
            with_hooks.before()
            return with_hooks.after(_build(turn, decision, look, unreadable, batch))
        except (OutdatedError, SupersededError) as error:
            _log.info("%s, so the decision about %s is made again", error, node.name)
            rebuilder.memory.forget(look)
        except UnreadableViewError as error:
            if error.view in rebuilder.memory.recall(warehouse).published:
                raise
            unreadable = (*unreadable, Unjudged(error.view, error.why))  # its own step reports it
        except FftError as error:
            with_hooks.failed(error)
            _note_withheld(turn, error)
            raise


def _note_withheld(turn: _Turn, error: FftError) -> None:
    """Note for readers of a served model that its new rows were not published."""
    if isinstance(turn.node, Model) and turn.node.serve is not None and turn.rebuilder.request.records:
        from fft_core.build.serving import note_withheld  # most projects serve nothing

        note_withheld(turn.warehouse, turn.node, error, turn.run_id)


def _with_batch(turn: _Turn, decision: Decision) -> tuple[Decision, StreamBatch | None]:
    """Read the events that have arrived in a stream; if there are none and nothing else changed, reuse the node."""
    if not isinstance(turn.node, Model) or not isinstance(turn.node.body, StreamBody):
        return decision, None
    from fft_core.build.streams import poll  # most projects have no stream

    batch = turn.polled if turn.polled is not None and decision.is_increment else None
    batch = batch or poll(turn.warehouse, turn.node, from_begin=not decision.is_increment)
    sink = turn.node.body.sink
    if batch.before is None and decision.is_increment:  # its rows are not from this stream
        return _with_batch(turn, replace(decision, is_increment=False))
    if batch.leaves(sink) and decision.record is not None and decision.is_as_recorded:
        return replace(decision, is_increment=True), batch
    if batch.is_other(sink) and decision.is_increment and not batch.is_backfill:
        return _with_batch(turn, replace(_written_otherwise(decision, batch), is_increment=False))
    if batch.rebuilds(sink):
        return replace(decision, is_increment=False), batch
    is_asked_for = any(reason.kind != "volatile" for reason in decision.reasons)
    if not batch.is_empty or is_asked_for or decision.record is None:
        return decision, batch
    return replace(decision, action="reuse", reasons=(Reason("unchanged", "no new events"),)), batch


def _written_otherwise(decision: Decision, batch: StreamBatch) -> Decision:
    """Add the reason that the rows of a stream were written with other settings: its record does not know them."""
    if any(reason.kind == "config_changed" for reason in decision.reasons):
        return decision
    reason = Reason("config_changed", f"its rows were written with other settings: {batch.change}")
    return replace(decision, reasons=(*decision.reasons, reason))


class _WithHooks:
    """The hooks of the model that has its turn: once before its build, and after it."""

    def __init__(self, turn: _Turn) -> None:
        self._turn = turn
        self._hooks = turn.hooks
        self._model = turn.node if isinstance(turn.node, Model) else None
        self._has_begun = False

    def before(self) -> None:
        if self._hooks and self._model and not self._has_begun:
            self._has_begun = True
            self._hooks.before(self._turn.warehouse, self._model)

    def after(self, result: BuildResult) -> BuildResult:
        if self._hooks and self._model:
            try:
                self._hooks.after(self._turn.warehouse, self._model, result)
            except FftError:
                self._turn.rebuilder.memory.forget()  # the failed hook removed the record
                raise
        return result

    def failed(self, error: FftError) -> None:
        """Run the hooks after a failed build, unless a hook caused the failure."""
        if self._hooks and self._model and not self._hooks.caused(error):
            self._hooks.after(self._turn.warehouse, self._model, error)


def _build(
    turn: _Turn, decision: Decision, look: Look, unreadable: tuple[Unjudged, ...], batch: StreamBatch | None
) -> BuildResult:
    warehouse, rebuilder, name = turn.warehouse, turn.rebuilder, turn.node.name
    remembered = rebuilder.memory.again(look).remembered
    task = BuildTask(
        decision,
        turn.clock,
        still_current=partial(turn.still_current, decision, look),
        views=partial(views_to_judge, warehouse, rebuilder.views, name, unreadable),
        with_query=partial(rebuilder.with_query, warehouse, decision),
        existing=remembered.published.get(name),
        is_recorded=rebuilder.request.records,
        replaces_record=name in remembered.records,
        run_id=turn.run_id,
        known=rebuilder.views.judged(warehouse, name),
        referring=remembered.referring.get(name, {}),
        batch=batch,
    )
    built = build_node(warehouse, turn.node, task)
    if batch is not None and batch.is_full:
        built = replace(built, result=replace(built.result, has_more=True))
    rebuilder.note(built.record, built.published)
    for child, attached in built.detached.items():
        rebuilder.memory.note_attached(child, attached)
    for view, results in built.judged.items():  # the views' own turns need not run these checks again
        rebuilder.views.note_judged(warehouse, view, results)
    return built.result


def _build_unconditionally(warehouse: Warehouse, node: Model | Seed) -> BuildResult:
    if isinstance(node, Model) and node.is_ephemeral:
        raise FftError(
            f"model {node.name!r} is ephemeral: it has no rows of its own", where=node.location, code="FFT-300"
        )
    identities = Identities(warehouse.project, warehouse.compiler)
    rebuilder = Rebuilder(warehouse.project, identities, Request(cache="wo"), nodes=frozenset({node.name}))
    result = build_or_reuse(warehouse, rebuilder, node)
    assert isinstance(result, BuildResult)  # "wo" reuses nothing
    return result


def _reuse(
    warehouse: Warehouse, rebuilder: Rebuilder, decision: Decision, record: BuildRecord, clock: Clock
) -> ReuseResult:
    relation = warehouse.relation(decision.name)
    if attachments_are_due(decision) and rebuilder.request.records:
        warehouse.ensure_records()
        published = rebuilder.memory.recall(warehouse).published[decision.name]
        attached = set_attachments(warehouse, decision, published)
        rebuilder.memory.note_attached(decision.name, attached)
    due, unchanged = _due_checks(warehouse, decision)
    columns = warehouse.engine.columns(warehouse.engine.spelling.select_all(relation))
    checks = _check_reused(warehouse, rebuilder, decision, due)
    model = warehouse.project.models.get(decision.name)
    if model is not None and model.serve is not None and rebuilder.request.records:
        from fft_core.build.serving import complete_served  # most projects serve nothing

        complete_served(warehouse, model, record, columns, checks)
    return ReuseResult(
        relation=relation,
        row_count=record.rows,
        columns=columns,
        checks=checks,
        unchanged_checks=unchanged,
        fingerprint=record.fingerprint.digest if record.fingerprint else "",
        built_at=record.built_at,
        data_version=record.data_version,
        decision=decision,
        seconds=clock.seconds,
        query_seconds=clock.query_seconds(warehouse),
    )


def _due_checks(warehouse: Warehouse, decision: Decision) -> tuple[tuple[Check, ...], tuple[Check, ...]]:
    """Split the checks of a reused node into those that run and those that passed on its rows before.

    The record says that the blocking checks passed. Results of warnings are not recorded, so these checks always run.
    """
    checks = warehouse.project.checks_of(decision.name)
    if decision.checks_are_due:
        return checks, ()
    due = tuple(check for check in checks if check.can_warn)
    return due, tuple(check for check in checks if not check.can_warn)


def _check_reused(
    warehouse: Warehouse, rebuilder: Rebuilder, decision: Decision, checks: tuple[Check, ...]
) -> tuple[CheckResult, ...]:
    """Run checks of a reused node on its published rows, and record that they passed, unless that is recorded."""
    results = check_node(warehouse, decision.name, checks) if checks else ()
    if any(result.blocks for result in results):
        raise CheckFailedError(decision.name, results, published=True)
    if rebuilder.request.records:
        _note_checks(warehouse, decision, measures_of(results), are_settled=are_settled(results))
    return results


def _note_checks(
    warehouse: Warehouse, decision: Decision, measured: Mapping[str, tuple[float | None, ...]], *, are_settled: bool
) -> None:
    """Record that checks passed, and their measurements, unless the same is recorded already."""
    engine, record = warehouse.engine, decision.record
    relation = record.relation if record else warehouse.place_text(decision.name)
    known = record.measures if record else {}
    is_measured = any(known.get(key) != values for key, values in measured.items())
    is_noted = decision.checks_are_due and are_settled
    if not is_noted and not is_measured:
        return
    with engine.transaction():
        if is_noted:
            write_checks(engine, decision.name, relation, decision.checks)
        if is_measured:
            engine.execute(measures_statement(engine, decision.name, relation, {**known, **measured}))

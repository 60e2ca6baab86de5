"""Applies rows to the staged table of an incremental model or snapshot, before it is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from fft_core.build.adaption import Fit
from fft_core.build.strategies import incremental, snapshot
from fft_core.build.strategies.columns import Adaption
from fft_core.build.strategies.keys import ColumnPair, KeyProbe, key_probes
from fft_core.build.strategies.settings import found_columns, increment_error, incremental_settings, snapshot_settings
from fft_core.build.strategies.steps import Steps, cast_rows
from fft_core.checks.results import CheckFailedError, CheckResult
from fft_core.checks.run import run_checks
from fft_core.engines.protocol import ColumnType, Session, Stage
from fft_core.names import Relation
from fft_core.project.model import Check, Incremental, Model, Snapshot
from fft_core.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from fft_core.build.streams import StreamBounds

Columns: TypeAlias = tuple[ColumnType, ...]
_DELTA, _CAST, _VERSIONS = "_ff_delta", "_ff_cast", "_ff_versions"  # names of tables beside the stage


@dataclass(frozen=True)
class Written:
    """The rows of a node that were written and are not yet published.

    Attributes:
        place: The relation that holds the staged rows.
        columns: The columns of that relation.
        row_count: The number of its rows, if it is known.
        delta_checks: The results of the checks of the delta.
        changes: The counts of an increment, by name, such as `delta_rows`.
        is_unchanged: Whether it is known that the increment changed no row of the table.
        data_version: The data version, if it is known without reading the rows.
        bounds: The positions between which a stream was read.
    """

    place: Relation
    columns: Columns
    row_count: int | None
    delta_checks: tuple[CheckResult, ...] = ()
    changes: Mapping[str, int] = field(default_factory=dict)
    is_unchanged: bool = False
    data_version: str | None = None
    bounds: StreamBounds | None = None


@dataclass(frozen=True)
class Increment:
    """A staged table of a model, which is changed by new rows, or created from them.

    Attributes:
        model: An incremental model or a snapshot.
        relation: The published relation of its table.
        stage: The stage of the table.
        is_first: Whether the table is created from the rows, instead of being changed by them.
        delta_checks: The checks of the rows that are applied.
    """

    model: Model
    relation: Relation
    stage: Stage
    is_first: bool
    delta_checks: tuple[Check, ...] = ()


def write_increment(warehouse: Warehouse, increment: Increment, query: str) -> Written:
    """Create the staged table from the rows of a query, or apply the rows to it.

    Raises:
        IncrementError: keys are missing or occur more than once, or the columns do not match.
        CheckFailedError: a check of the delta failed.
    """
    match increment.model.materialization:
        case Incremental() as settings if increment.is_first:
            return _first(warehouse.engine, increment, settings, query)
        case Incremental() as settings:
            return _applied(warehouse, increment, settings, query)
        case Snapshot() as settings:
            return _versioned(warehouse, increment, settings, query)
    raise AssertionError(f"{increment.model.name} replaces its table")  # callers pass only these two


def _first(engine: Session, increment: Increment, settings: Incremental, query: str) -> Written:
    columns, stats = increment.stage.write(query)
    settings = incremental_settings(increment.model, settings, columns)
    place = increment.stage.place
    probes = key_probes(place, columns, settings.unique_key, settings.partition_by, engine.types)
    _refuse(engine, increment.model, probes)
    return Written(place, columns, stats.rows)


def _applied(warehouse: Warehouse, increment: Increment, settings: Incremental, query: str) -> Written:
    engine, model, stage = warehouse.engine, increment.model, increment.stage
    settings = incremental_settings(model, settings, engine.columns(query))
    stored = _columns_of(engine, stage.place)
    delta, columns = stage.scratch(_DELTA, _newer_rows(engine, increment, settings, stored, query), query)
    _refuse(engine, model, key_probes(delta, columns, settings.unique_key, settings.partition_by, engine.types))
    fit = Fit(engine, model, stage, increment.relation, stored, delta, columns)
    adaption = fit.adaption(settings.on_schema_change)
    pairs = fit.pairs(adaption, (*settings.unique_key, *settings.partition_by))
    checks = _checked(warehouse, increment, delta, columns)
    delta = _cast(engine, stage, delta, columns, adaption)
    stage.alter(adaption.alteration)
    merges = not engine.capabilities.transactions
    application = incremental.Application(delta, pairs, engine.types, settings, merges=merges)
    changes, is_unchanged = _carry_out(engine, stage, application.steps(partial(_columns_of, engine)))
    return _written(engine, stage, checks, changes, is_unchanged=is_unchanged and not adaption.alteration)


def _cast(engine: Session, stage: Stage, rows: Relation, columns: Sequence[ColumnType], adaption: Adaption) -> Relation:
    """Return a copy of the staged rows, cast to the types of the table; the rows themselves if no type differs."""
    if not adaption.casts:
        return rows
    return stage.scratch(_CAST, cast_rows(rows, columns, adaption, engine.spelling))[0]


def _newer_rows(engine: Session, increment: Increment, settings: Incremental, stored: Columns, query: str) -> str:
    if settings.lookback is None:
        return query
    model, table = increment.model, increment.relation
    found = found_columns(model, "updated_at_column", settings.updated_at, stored, of=str(table))
    columns = [ColumnPair(name, given, "") for name, given in zip(found, settings.updated_at, strict=True)]
    return incremental.newer_rows(query, columns, settings.lookback, increment.stage.place, engine.spelling)


def _checked(warehouse: Warehouse, increment: Increment, delta: Relation, columns: Columns) -> tuple[CheckResult, ...]:
    checks = increment.delta_checks
    results: tuple[CheckResult, ...] = ()
    if checks:
        found = run_checks(warehouse.engine, delta, columns, checks, warehouse.relation).results
        results = tuple(replace(result, judged="staged") for result in found)
    if any(result.blocks for result in results):
        raise CheckFailedError(increment.model.name, results)
    return results


def _versioned(warehouse: Warehouse, increment: Increment, settings: Snapshot, query: str) -> Written:
    engine, model, stage = warehouse.engine, increment.model, increment.stage
    rows, columns = stage.scratch(_DELTA, query)
    settings = snapshot_settings(model, settings, columns, engine.types)
    times = [settings.updated_at] if settings.updated_at else []
    _refuse(engine, model, key_probes(rows, columns, settings.unique_key, times, engine.types))
    staged = snapshot.SnapshotRows(settings, rows, columns, warehouse.now(), engine.types)
    if increment.is_first:
        created, stats = stage.write(snapshot.first_versions(staged))
        return Written(stage.place, created, stats.rows)
    return _with_new_versions(engine, increment, staged)


def _with_new_versions(engine: Session, increment: Increment, staged: snapshot.SnapshotRows) -> Written:
    model, stage, settings = increment.model, increment.stage, staged.settings
    stored = _columns_of(engine, stage.place)
    _refuse_other_table(model, increment.relation, stored)
    own = [column for column in stored if column.name.lower() not in snapshot.ADDED]
    fit = Fit(engine, model, stage, increment.relation, own, staged.rows, staged.columns)
    adaption = fit.adaption(settings.on_schema_change)
    pairs = fit.pairs(adaption, settings.unique_key)
    rows = _cast(engine, stage, staged.rows, staged.columns, adaption)
    staged = replace(staged, rows=rows, columns=fit.cast_columns(adaption))
    stage.alter(adaption.alteration)
    versions, _ = stage.scratch(_VERSIONS, snapshot.new_versions(staged, stage.place, pairs))
    applied = snapshot.Versions(staged, versions, pairs)
    changes, is_unchanged = _carry_out(engine, stage, applied.steps(stage.place, partial(_columns_of, engine)))
    return _written(engine, stage, (), changes, is_unchanged=is_unchanged and not adaption.alteration)


def _refuse_other_table(model: Model, table: Relation, stored: Columns) -> None:
    names = {column.name.lower() for column in stored}
    missing = [name for name in snapshot.ADDED if name not in names]
    if missing:
        raise increment_error(
            model,
            f"{table} exists and is not a snapshot: it has no column {', '.join(missing)}",
            f"Rename or drop it, or replace it with a new snapshot: --full-refresh {model.name}",
        )


def _carry_out(engine: Session, stage: Stage, steps: Steps) -> tuple[dict[str, int], bool]:
    """Run the counting queries and change the rows; return the counts, and whether it is known that no row changed."""
    changes = {what: _count(engine, query) for what, query in steps.counts.items()}
    is_needed = steps.needs is None or changes[steps.needs]
    changed = stage.change(steps.change).rows if is_needed else 0
    return changes, changed == 0


def _count(engine: Session, query: str) -> int:
    ((count,),) = engine.fetch(query)
    return int(count)


def _columns_of(engine: Session, relation: Relation) -> Columns:
    return engine.columns(engine.spelling.select_all(relation))


def _written(
    engine: Session, stage: Stage, checks: tuple[CheckResult, ...], changes: Mapping[str, int], *, is_unchanged: bool
) -> Written:
    rows = _count(engine, f"select count(*) from {stage.place.sql(engine.spelling)}")
    return Written(stage.place, _columns_of(engine, stage.place), rows, checks, changes, is_unchanged)


def _refuse(engine: Session, model: Model, probes: Sequence[KeyProbe]) -> None:
    """Raise IncrementError if a probe finds rows with missing or repeated keys."""
    for probe in probes:
        found = engine.fetch(probe.sql)
        if found:
            raise increment_error(model, probe.message(found), probe.hint, "FFT-432")

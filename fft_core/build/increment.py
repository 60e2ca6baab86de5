"""Applies staged rows to the table of an incremental model or snapshot, inside the transaction that publishes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from fft_core.build.adaption import Fit
from fft_core.build.stage import Columns, Target, create
from fft_core.build.strategies import incremental, snapshot
from fft_core.build.strategies.keys import ColumnPair, KeyProbe, key_probes
from fft_core.build.strategies.settings import found_columns, increment_error, incremental_settings, snapshot_settings
from fft_core.build.strategies.steps import Steps
from fft_core.checks.run import CheckFailedError, CheckResult, run_checks
from fft_core.engines.protocol import Engine
from fft_core.names import Relation
from fft_core.project.model import Check, Incremental, Model, Snapshot
from fft_core.warehouse.warehouse import Warehouse

_DELTA, _VERSIONS = "_ff_delta", "_ff_versions"  # temporary: only this session sees them


@dataclass(frozen=True)
class Written:
    """The rows of a node that were written and are not yet published.

    Attributes:
        place: Where they are: the stage, or the published table if it was changed in place.
        columns: Its columns now.
        row_count: Its rows, if their number is known.
        delta_checks: What the checks of the delta found.
        changes: What an increment did, counted.
        is_unchanged: Whether the table is, to the last row, what it was.
    """

    place: Relation
    columns: Columns
    row_count: int | None
    delta_checks: tuple[CheckResult, ...] = ()
    changes: Mapping[str, int] = field(default_factory=dict)
    is_unchanged: bool = False


@dataclass(frozen=True)
class Increment:
    """A table that is changed in place, or created first.

    Attributes:
        model: An incremental model or a snapshot.
        relation: Its table.
        target: Where the table is created, if it is; on some engines its own place.
        is_first: Whether the table is created from the rows, instead of being changed.
        delta_checks: What judges the rows that are applied.
    """

    model: Model
    relation: Relation
    target: Target
    is_first: bool
    delta_checks: tuple[Check, ...] = ()


def write_increment(warehouse: Warehouse, increment: Increment, query: str) -> Written:
    """Create a table from a query's rows, or apply them to it; in a transaction of the caller's.

    Raises:
        IncrementError: keys are missing or occur twice, or the columns do not fit.
        CheckFailedError: a check of the delta failed.
    """
    match increment.model.materialization:
        case Incremental() as settings if increment.is_first:
            return _first(warehouse.engine, increment, settings, query)
        case Incremental() as settings:
            return _applied(warehouse, increment, settings, query)
        case Snapshot() as settings:
            return _versioned(warehouse.engine, increment, settings, query)
    raise AssertionError(f"{increment.model.name} replaces its table")  # callers ask for these two


def _first(engine: Engine, increment: Increment, settings: Incremental, query: str) -> Written:
    target = increment.target
    columns, rows = create(engine, target, query)
    settings = incremental_settings(increment.model, settings, columns)
    probes = key_probes(target.relation, columns, settings.unique_key, settings.partition_by, engine)
    _refuse(engine, increment.model, probes)
    return Written(target.relation, columns, rows)


def _applied(warehouse: Warehouse, increment: Increment, settings: Incremental, query: str) -> Written:
    engine, model, table = warehouse.engine, increment.model, increment.relation
    settings = incremental_settings(model, settings, engine.columns(query))
    stored = _columns_of(engine, table)
    delta, columns = _staged_rows(engine, _newer_rows(engine, increment, settings, stored, query), query)
    _refuse(engine, model, key_probes(delta, columns, settings.unique_key, settings.partition_by, engine))
    fit = Fit(engine, model, table, stored, delta, columns)
    adaption = fit.adaption(settings.on_schema_change)
    pairs = fit.pairs(adaption, (*settings.unique_key, *settings.partition_by))
    checks = _checked(warehouse, increment, delta, columns)
    steps = incremental.Application(table, delta, pairs, engine).steps(settings, adaption)
    changes, is_unchanged = _carry_out(engine, steps)
    _drop(engine, delta)
    return _written(engine, table, checks, changes, is_unchanged=is_unchanged)


def _newer_rows(engine: Engine, increment: Increment, settings: Incremental, stored: Columns, query: str) -> str:
    if settings.lookback is None:
        return query
    model, table = increment.model, increment.relation
    found = found_columns(model, "updated_at_column", settings.updated_at, stored, of=str(table))
    columns = [ColumnPair(name, given, "") for name, given in zip(found, settings.updated_at, strict=True)]
    return incremental.newer_rows(query, columns, settings.lookback, table, engine.spelling)


def _checked(warehouse: Warehouse, increment: Increment, delta: Relation, columns: Columns) -> tuple[CheckResult, ...]:
    checks = increment.delta_checks
    results = run_checks(warehouse.engine, delta, columns, checks, warehouse.relation).results if checks else ()
    if any(result.blocks for result in results):
        raise CheckFailedError(increment.model.name, results)
    return results


def _versioned(engine: Engine, increment: Increment, settings: Snapshot, query: str) -> Written:
    model, target = increment.model, increment.target
    rows, columns = _staged_rows(engine, query, query)
    settings = snapshot_settings(model, settings, columns)
    times = [settings.updated_at] if settings.updated_at else []
    _refuse(engine, model, key_probes(rows, columns, settings.unique_key, times, engine))
    staged = snapshot.SnapshotRows(settings, rows, columns, datetime.now(UTC), engine)
    if increment.is_first:
        created, count = create(engine, target, snapshot.first_versions(staged))
        _drop(engine, rows)
        return Written(target.relation, created, count)
    return _with_new_versions(engine, increment, staged)


def _with_new_versions(engine: Engine, increment: Increment, staged: snapshot.SnapshotRows) -> Written:
    model, table, settings = increment.model, increment.relation, staged.settings
    stored = _columns_of(engine, table)
    _refuse_other_table(model, table, stored)
    own = [column for column in stored if column.name.lower() not in snapshot.ADDED]
    fit = Fit(engine, model, table, own, staged.rows, staged.columns)
    adaption = fit.adaption(settings.on_schema_change)
    pairs = fit.pairs(adaption, settings.unique_key)
    steps = snapshot.steps(replace(staged, columns=fit.cast_columns(adaption)), table, _VERSIONS, pairs, adaption)
    changes, is_unchanged = _carry_out(engine, steps)
    _drop(engine, staged.rows, Relation(_VERSIONS))
    return _written(engine, table, (), changes, is_unchanged=is_unchanged)


def _refuse_other_table(model: Model, table: Relation, stored: Columns) -> None:
    names = {column.name.lower() for column in stored}
    missing = [name for name in snapshot.ADDED if name not in names]
    if missing:
        raise increment_error(
            model,
            f"{table} is there, and is not a snapshot: it has no column {', '.join(missing)}",
            f"Rename or drop it, or replace it by a snapshot of now: --full-refresh {model.name}",
        )


def _carry_out(engine: Engine, steps: Steps) -> tuple[dict[str, int], bool]:
    """Run all statements; return what was counted, and whether it is known that nothing has changed."""
    _execute(engine, (*steps.casts, *steps.alterations))
    _execute(engine, (engine.spelling.create_temporary(name, query) for name, query in steps.staged.items()))
    changes = {what: _count(engine, query) for what, query in steps.counts.items()}
    changed = _execute(engine, steps.statements) if steps.needs is None or changes[steps.needs] else 0
    return changes, changed == 0 and not steps.alterations


def _execute(engine: Engine, statements: Iterable[str]) -> int | None:
    """Run statements; return how many rows they changed, None if the engine does not tell."""
    counts = [engine.execute(statement) for statement in statements]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _count(engine: Engine, query: str) -> int:
    ((count,),) = engine.fetch(query)
    return int(count)


def _staged_rows(engine: Engine, query: str, written: str) -> tuple[Relation, Columns]:
    """Stage rows in a temporary table; `written` is what the model says, which has all its names."""
    target = Target(Relation(_DELTA), is_temporary=True)
    columns, _ = create(engine, target, query, written)
    return target.relation, columns


def _columns_of(engine: Engine, relation: Relation) -> Columns:
    return engine.columns(engine.spelling.select_all(relation))


def _drop(engine: Engine, *staged: Relation) -> None:
    _execute(engine, (engine.spelling.drop(relation, "table") for relation in staged))


def _written(
    engine: Engine, table: Relation, checks: tuple[CheckResult, ...], changes: Mapping[str, int], *, is_unchanged: bool
) -> Written:
    rows = _count(engine, f"select count(*) from {table.sql(engine.spelling)}")
    return Written(table, _columns_of(engine, table), rows, checks, changes, is_unchanged)


def _refuse(engine: Engine, model: Model, probes: Sequence[KeyProbe]) -> None:
    """Raise IncrementError if a probe finds something."""
    for probe in probes:
        found = engine.fetch(probe.sql)
        if found:
            raise increment_error(model, probe.message(found), probe.hint)

"""Removal of old versions from a snapshot; its record gets a new data version."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

from fft_core.build.staging import explained_layout, table_layout
from fft_core.build.strategies import snapshot
from fft_core.engines.changes import Change
from fft_core.engines.protocol import ColumnType, Seal, Session, Stage, TableInfo, Want
from fft_core.errors import IncrementError, MissingRelationError
from fft_core.names import Relation
from fft_core.names.columns import ColumnNames
from fft_core.project.model import Model, Snapshot
from fft_core.warehouse.records import read_records, record_statements
from fft_core.warehouse.warehouse import Warehouse


def prunable_versions(warehouse: Warehouse, model: Model, keep_last: int) -> int:
    """Count the versions that `prune_snapshot` would delete; 0 if the snapshot was not built yet.

    Raises:
        IncrementError: the model is not a snapshot, or its table has other columns.
    """
    engine, table = warehouse.engine, warehouse.relation(model.name)
    if table not in engine.inspect([table]):
        return 0
    ((versions,),) = engine.fetch(snapshot.prunable(table, _key(engine, model, table), keep_last, engine.types))
    return int(versions)


def prune_snapshot(warehouse: Warehouse, model: Model, keep_last: int) -> int:
    """Delete all but the newest versions of each key, and return how many were deleted.

    The next run rebuilds the readers of the snapshot, because its rows have changed.

    Raises:
        MissingRelationError: the snapshot was not built yet.
        IncrementError: the model is not a snapshot, or its table has other columns.
    """
    engine, table = warehouse.engine, warehouse.relation(model.name)
    if table not in engine.inspect([table]):
        raise MissingRelationError(f"{table} does not exist: nothing to prune", hint=f"Build {model.name!r} first.")
    stages = engine.publisher.stage(table, "table", "published", layout=table_layout(engine, model))
    with engine.trace.about(model.name), explained_layout(model), stages as stage:
        now = engine.inspect([table], Want.STAMP)[table]
        key = _key(engine, model, stage.place)
        ((versions,),) = engine.fetch(snapshot.prunable(stage.place, key, keep_last, engine.types))
        if versions:
            stage.change(_pruned(engine, key, keep_last))
            stage.publish(_seal(engine, model, table, stage, now, int(versions)))
    return int(versions)


def _pruned(engine: Session, key: Sequence[ColumnType], keep_last: int) -> Change:
    def coming(table: Relation) -> str:
        names = [column.name for column in engine.columns(engine.spelling.select_all(table))]
        return snapshot.newest(table.sql(engine.spelling), names, key, keep_last, engine.types)

    return Change(lambda table: [snapshot.pruned(table, key, keep_last, engine.types)], coming)


def _key(engine: Session, model: Model, table: Relation) -> tuple[ColumnType, ...]:
    """Return the columns of the unique key, with their names in the database."""
    if not isinstance(model.materialization, Snapshot):
        raise IncrementError(f"model {model.name!r} is not a snapshot", where=model.config_location, code="FFT-301")
    columns = {column.name: column for column in engine.columns(engine.spelling.select_all(table))}
    names = ColumnNames(columns)
    key = [names.find(name) for name in model.materialization.unique_key]
    wanted = (*model.materialization.unique_key, *snapshot.ADDED)
    missing = [name for name in wanted if names.find(name) is None]
    if missing:
        message = f"{table} is not the table of the snapshot {model.name!r}: it has no column {', '.join(missing)}"
        raise IncrementError(message, where=model.config_location)
    return tuple(columns[name] for name in key if name is not None)


def _seal(engine: Session, model: Model, table: Relation, stage: Stage, now: TableInfo, deleted: int) -> Seal:
    """Record the remaining rows, with a stamp of their own; a table that others replaced gets neither."""
    columns = engine.columns(engine.spelling.select_all(stage.place))
    record = read_records(engine, lambda _: str(table)).get(model.name)
    if record is None or record.stamp != now.stamp or record.rows is None:
        return Seal(columns=columns)
    stamp = uuid.uuid4().hex
    left = replace(record, rows=record.rows - deleted, stamp=stamp, data_version=f"build:{stamp}")
    return Seal(stamp, columns, record_statements(engine, left))

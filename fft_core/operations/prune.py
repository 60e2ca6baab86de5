"""Old versions of a snapshot are deleted, and the record says that its rows are others now."""

from __future__ import annotations

import uuid
from dataclasses import replace

from fft_core.build.strategies import snapshot
from fft_core.engines.protocol import ColumnType, Engine, TableInfo
from fft_core.errors import IncrementError, MissingRelationError
from fft_core.names import Relation
from fft_core.names.columns import ColumnNames
from fft_core.project.model import Model, Snapshot
from fft_core.warehouse.records import read_records, write_record
from fft_core.warehouse.warehouse import Warehouse


def prunable_versions(warehouse: Warehouse, model: Model, keep_last: int) -> int:
    """Count the versions that `prune_snapshot` would delete; 0 where the snapshot was not built yet.

    Raises:
        IncrementError: the model is no snapshot, or its table has other columns.
    """
    engine, table = warehouse.engine, warehouse.relation(model.name)
    if table not in engine.kinds([table]):
        return 0
    ((versions,),) = engine.fetch(snapshot.prunable(table, _key(engine, model, table), keep_last, engine))
    return int(versions)


def prune_snapshot(warehouse: Warehouse, model: Model, keep_last: int) -> int:
    """Delete all but the newest versions of each key; say how many were deleted.

    What reads the snapshot is built again by the next build: its rows are others now.

    Raises:
        MissingRelationError: it was not built yet.
        IncrementError: the model is no snapshot, or its table has other columns.
    """
    engine, table = warehouse.engine, warehouse.relation(model.name)
    with engine.trace.about(model.name), engine.transaction():
        engine.hold(table)
        found = engine.tables([table]).get(table)
        if found is None:
            raise MissingRelationError(f"{table} is not there: nothing to prune", hint=f"Build {model.name!r} first.")
        key = _key(engine, model, table)
        ((versions,),) = engine.fetch(snapshot.prunable(table, key, keep_last, engine))
        if versions:
            engine.execute(snapshot.pruned(table, key, keep_last, engine))
            _record(engine, model, found, int(versions))
    return int(versions)


def _key(engine: Engine, model: Model, table: Relation) -> tuple[ColumnType, ...]:
    """The columns of the unique key, as the database spells them."""
    if not isinstance(model.materialization, Snapshot):
        raise IncrementError(f"model {model.name!r} is not a snapshot", where=model.config_location)
    columns = {column.name: column for column in engine.columns(engine.spelling.select_all(table))}
    names = ColumnNames(columns)
    key = [names.find(name) for name in model.materialization.unique_key]
    wanted = (*model.materialization.unique_key, *snapshot.ADDED)
    missing = [name for name in wanted if names.find(name) is None]
    if missing:
        message = f"{table} is not the table of the snapshot {model.name!r}: it has no column {', '.join(missing)}"
        raise IncrementError(message, where=model.config_location)
    return tuple(columns[name] for name in key if name is not None)


def _record(engine: Engine, model: Model, found: TableInfo, deleted: int) -> None:
    """Note the rows that are left, with a data version of their own; a table that others replaced has no record."""
    record = read_records(engine).get(model.name)
    if record is None or record.stamp != found.stamp or record.rows is None:
        return
    write_record(engine, replace(record, rows=record.rows - deleted, data_version=f"build:{uuid.uuid4().hex}"))

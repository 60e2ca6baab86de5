"""Removal of build records: the next run builds a node without a record again. Rows are not changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from fft_core.warehouse.records import built_times, delete_records, drop_records
from fft_core.warehouse.warehouse import Warehouse


def recorded_builds(warehouse: Warehouse) -> Mapping[str, datetime]:
    """Return the models and seeds with a record, and the times of their builds, in UTC.

    Raises:
        StateError: the table of the records cannot be read, or was written by a newer version.
    """
    return built_times(warehouse.engine)


def forget_builds(warehouse: Warehouse, names: Collection[str]) -> None:
    """Delete the records of some nodes, all or none."""
    with warehouse.engine.transaction():
        delete_records(warehouse.engine, names)


def forget_all_builds(warehouse: Warehouse) -> None:
    """Drop the tables of records, even if they are damaged; the next build makes them again.

    Raises:
        StateError: they were written by a newer version.
    """
    drop_records(warehouse.engine)

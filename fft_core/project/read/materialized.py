"""The materialization of a model, from the settings in its own file and elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fft_core.errors import Location, Problem
from fft_core.project.model import Ephemeral, Incremental, Materialization, MaterializedView, Snapshot, Table, View
from fft_core.project.read.layout import keys_without_effect, partition_of
from fft_core.project.read.settings import Nearness, Settings
from fft_core.project.shapes.model_config import SnapshotShape

_INCREMENTAL = ("strategy", "unique_key", "partition_by", "updated_at", "lookback", "on_schema_change", "delta_sql")
_WITHOUT_EFFECT = ("strategy", "lookback", "on_schema_change", "delta_sql")
_PLAIN: Mapping[str, Materialization] = {
    plain.name: plain for plain in (Table(), View(), MaterializedView(), Ephemeral())
}


def materialization_of(settings: Settings, where: Location, problems: list[Problem]) -> Materialization:
    """Return the materialization of a model. Invalid settings are added to `problems`.

    Args:
        settings: Its settings from all places.
        where: The place of the model's config.
        problems: The list to which problems are added.
    """
    said = {key: value for key in _INCREMENTAL if (value := settings.get(key)) is not None}
    match _kind(settings, where, problems):
        case "incremental":
            return _incremental(said, settings.place_of("materialized", where), problems)
        case "snapshot":
            return _snapshot(settings, said, settings.place_of("materialized", where), problems)
        case kind:
            _refuse_what_has_no_effect(kind, settings, where, problems)
            return _PLAIN[kind]


def _kind(settings: Settings, where: Location, problems: list[Problem]) -> str:
    kind, is_enabled = settings.get("materialized"), settings.get("incremental")
    if kind == "incremental" and is_enabled is False and settings.is_near("incremental"):
        message = "materialized='incremental' and incremental.enabled=false"
        problems.append(Problem(message, where, "Remove one of them.", code="FFT-107"))
    if kind in (None, "incremental"):
        return "incremental" if is_enabled or kind else "table"
    if is_enabled and settings.is_near("incremental") and settings.is_near("materialized"):
        by = settings.layer_of("incremental")
        is_named = by is not None and by.nearness is Nearness.NAMED
        said = "project.yml: models.incremental" if is_named else "its block 'incremental'"
        message = f"it is materialized={kind!r}, but incremental by {said}"
        problems.append(
            Problem(message, where, "Write materialized='incremental', or remove the other setting.", code="FFT-107")
        )
    return str(kind)


def _incremental(said: Mapping[str, Any], where: Location, problems: list[Problem]) -> Incremental:
    partitions = [partition_of(one) for one in said.get("partition_by", ())]
    is_by_partition = said.get("strategy") == "insert_overwrite"
    columns = tuple(partition.column for partition in partitions) if is_by_partition else ()
    found = Incremental(**{**said, "partition_by": columns})
    if found.strategy in ("merge", "delete_insert") and not found.unique_key:
        hint = "Name the columns that identify a row: unique_key='id'. To add rows only: strategy='append'."
        problems.append(
            Problem(
                f"an incremental model of strategy {found.strategy!r} needs unique_key", where, hint, code="FFT-163"
            )
        )
    if is_by_partition and not partitions:
        hint = "Name the columns whose values are replaced as a whole: partition_by='day'."
        problems.append(Problem("strategy 'insert_overwrite' needs partition_by", where, hint, code="FFT-163"))
    if is_by_partition and any(one.range or one.granularity not in (None, "day") for one in partitions):
        message = "strategy 'insert_overwrite' replaces values of columns, not the time spans or ranges of partition_by"
        hint = "Add a column with the start of the time span or range to the model, and name that."
        problems.append(Problem(message, where, hint, code="FFT-107"))
    if found.lookback is not None:
        _refuse_lookback(found, where, problems)
    return found


def _refuse_lookback(found: Incremental, where: Location, problems: list[Problem]) -> None:
    if not found.updated_at:
        hint = "Name the column with the time of a row's last change."
        problems.append(Problem("lookback needs updated_at_column", where, hint, code="FFT-163"))
    if found.strategy in ("append", "insert_overwrite"):
        lost = "rows would be added twice" if found.strategy == "append" else "older rows of a partition would be lost"
        hint = "Select the new rows in the model's own WHERE, or use strategy='merge'."
        problems.append(
            Problem(f"lookback cannot be used with strategy {found.strategy!r}: {lost}", where, hint, code="FFT-107")
        )


def _snapshot(settings: Settings, said: Mapping[str, Any], where: Location, problems: list[Problem]) -> Snapshot:
    shape = settings.get("snapshot")
    if not isinstance(shape, SnapshotShape):
        hint = "As in snapshot={'strategy': 'timestamp', 'updated_at': 'changed_at'}."
        problems.append(Problem("a snapshot needs the block 'snapshot'", where, hint, code="FFT-163"))
        return Snapshot((), "check")
    key = tuple(shape.unique_key or said.get("unique_key", ()))
    if not key:
        hint = "Name the columns that identify a row: unique_key='id'."
        problems.append(Problem("a snapshot needs unique_key", where, hint, code="FFT-163"))
    hints = said.get("updated_at", ())
    updated_at = shape.updated_at or (hints[0] if len(hints) == 1 else None)
    if shape.strategy == "timestamp" and updated_at is None:
        problems.append(
            Problem("a snapshot of strategy 'timestamp' needs updated_at: one column", where, code="FFT-163")
        )
    checked = tuple(column for column in shape.check_cols or () if shape.check_cols != ["all"])
    return Snapshot(
        key,
        shape.strategy,
        updated_at if shape.strategy == "timestamp" else None,
        checked,
        shape.hard_deletes,
        shape.keep_last,
        shape.on_schema_change,
    )


def _refuse_what_has_no_effect(kind: str, settings: Settings, where: Location, problems: list[Problem]) -> None:
    """Report settings without effect. A setting of a folder only applies to models that it has a meaning for."""
    of_tables = [*(["publish"] if kind != "table" else []), *keys_without_effect(kind)]
    keys = [*_WITHOUT_EFFECT, "snapshot", *of_tables]
    for key in [key for key in keys if settings.is_near(key)]:
        needed = "table" if key in of_tables else "snapshot" if key == "snapshot" else "incremental"
        hint = f"Write materialized={needed!r}, or remove it."
        message = f"{key!r} has no effect on a model that is a {kind}"
        problems.append(Problem(message, settings.place_of(key, where), hint, code="FFT-107"))

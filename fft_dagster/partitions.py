"""Partitions of Dagster as slices of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from fft_core import FftError
from fft_core.build.slices import PartitionColumn, PartitionExpression, Slice, TimeRange, Within

Wanted = tuple[str, ...] | tuple[TimeRange, ...]


def partition_slice(
    key: dg.AssetKey,
    partitions: dg.PartitionsDefinition[Any],
    wanted: Sequence[str],
    expression: object,
    partition_by: str | Mapping[str, str] | None,
) -> Slice:
    """Return the slice of a table for some partitions.

    Args:
        key: The asset, for messages.
        partitions: The partitions of the asset.
        wanted: The keys of some partitions.
        expression: The asset's `partition_expr`: an expression, or one for each dimension.
        partition_by: The setting of the source: a column, or one for each dimension.

    Raises:
        FftError: the asset and its source have no expression for the partition of a row.
    """
    name = _named(key, wanted)
    if isinstance(partitions, dg.MultiPartitionsDefinition):
        return Slice(_products(key, partitions, wanted, expression, partition_by), name)
    value = _value(key, expression, partition_by, None)
    return Slice(((Within(value, _wanted(partitions, wanted)),),) if wanted else (), name)


def _named(key: dg.AssetKey, wanted: Sequence[str]) -> str:
    asset = key.to_user_string()
    if len(wanted) == 1:
        return f"partition {wanted[0]} of {asset}"
    return f"the {len(wanted)} partitions of {asset}" + (f" from {wanted[0]} to {wanted[-1]}" if wanted else "")


def _products(
    key: dg.AssetKey,
    partitions: dg.MultiPartitionsDefinition,
    wanted: Sequence[str],
    expression: object,
    partition_by: str | Mapping[str, str] | None,
) -> tuple[tuple[Within, ...], ...]:
    """Return keys of two dimensions as few products: keys of one dimension with equal keys of the other."""
    first, second = partitions.partitions_defs
    partners: dict[str, list[str]] = {}
    for text in wanted:
        dimensions = partitions.get_partition_key_from_str(text).keys_by_dimension
        partners.setdefault(dimensions[first.name], []).append(dimensions[second.name])
    groups: dict[tuple[str, ...], list[str]] = {}
    for one, others in partners.items():
        groups.setdefault(tuple(others), []).append(one)
    values = [_value(key, expression, partition_by, dimension.name) for dimension in (first, second)]
    return tuple(
        (
            Within(values[0], _wanted(first.partitions_def, ones)),
            Within(values[1], _wanted(second.partitions_def, others)),
        )
        for others, ones in groups.items()
    )


def _wanted(partitions: dg.PartitionsDefinition[Any], keys: Sequence[str]) -> Wanted:
    """Return keys as they are, or keys of time windows as few ranges."""
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return tuple(str(key) for key in keys)
    ranges: list[TimeRange] = []
    windows = [partitions.time_window_for_partition_key(key) for key in keys]
    for window in sorted(windows, key=lambda window: window.start):
        if ranges and ranges[-1].end == window.start:
            ranges[-1] = TimeRange(ranges[-1].start, window.end)
        else:
            ranges.append(TimeRange(window.start, window.end))
    return tuple(ranges)


def _value(
    key: dg.AssetKey, expression: object, partition_by: str | Mapping[str, str] | None, dimension: str | None
) -> PartitionColumn | PartitionExpression:
    """Return the column or expression for the partition of a row in one dimension; the asset's own expression wins."""
    said = partition_by if expression is None else expression
    said = said.value if isinstance(said, dg.MetadataValue) else said
    if isinstance(said, Mapping) == (dimension is not None):
        said = said.get(dimension) if isinstance(said, Mapping) else said
        if isinstance(said, str) and said.strip():
            return PartitionColumn(said) if expression is None else PartitionExpression(said)
    column = {dimension: f"the_column_of_{dimension}"} if dimension else "the_column"
    lacks = f"of its dimension {dimension!r} " if dimension else ""
    raise FftError(
        f"{key.to_user_string()} is partitioned, but the partition {lacks}of a row is unknown: each would replace "
        "the whole table",
        hint=f"Write metadata={{'partition_expr': {column!r}}} at the asset, or partition_by at the source.",
        code="FFT-904",
    )

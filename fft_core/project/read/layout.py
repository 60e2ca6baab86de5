"""The layout of the table of a model or seed, from the settings in its own file and elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fft_core.engines.spec.layout import LAYOUT_KEYS, Cluster, Layout, LayoutKey, Partition
from fft_core.engines.spec.registry import engine_names, spec_of
from fft_core.errors import Location, Problem
from fft_core.project.read.settings import Settings
from fft_core.project.shapes.model_config import PartitionShape

_WITHOUT_TABLE = ("view", "materialized_view", "ephemeral")


def laid_out(settings: Settings, engine: str, otherwise: Location, problems: list[Problem]) -> Mapping[str, Any]:
    """Return the layout of a node and the places of its keys, by the names of its fields.

    Args:
        settings: The settings of a model or seed from all places.
        engine: The engine of the project, whose own rules for values are applied.
        otherwise: The place of settings whose own place is unknown.
        problems: The list to which problems are added.
    """
    if settings.get("materialized") in _WITHOUT_TABLE:
        return {}
    partitions = tuple(partition_of(one) for one in settings.get("partition_by", ()))
    layout = Layout(
        partition_by=partitions,
        cluster_by=tuple(Cluster(" ".join(text.splitlines())) for text in settings.get("cluster_by", ())),
        table_format=settings.get("table_format"),
        table_options=tuple(sorted(settings.get("table_options", {}).items())),
        labels=tuple(sorted(settings.get("labels", {}).items())),
        transient=settings.get("transient"),
        may_lack_partitions=settings.get("strategy") == "insert_overwrite",
    )
    if not layout.keys:
        return {}
    places: dict[LayoutKey, Location] = {key: settings.place_of(key, otherwise) for key in layout.keys}
    if engine in engine_names():
        support = spec_of(engine).layout
        problems.extend(
            Problem(f"{key}: {said}", places[key], code="FFT-164") for key, said in support.wrong(support.of(layout))
        )
    return {"layout": layout, "layout_at": places}


def partition_of(said: PartitionShape) -> Partition:
    """Return the partition of one item of `partition_by`."""
    ranges = (said.range.start, said.range.end, said.range.interval) if said.range else None
    return Partition(said.field, said.granularity, ranges)


def keys_without_effect(kind: str) -> tuple[LayoutKey, ...]:
    """Return the keys of a layout that have no effect on a model of this materialization, on any engine."""
    return LAYOUT_KEYS if kind in _WITHOUT_TABLE else ()

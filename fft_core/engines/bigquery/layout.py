"""The partitions and clusters of a table of BigQuery: as configured, and as the table has them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fft_core.engines.spec.layout import Cluster, Layout, LayoutError, LayoutKey, LayoutSupport, Partition

if TYPE_CHECKING:
    from google.cloud.bigquery import Table

TIMES: Mapping[str, str] = {"date": "date_trunc", "datetime": "datetime_trunc", "timestamp": "timestamp_trunc"}
_MOST_CLUSTERS = 4
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_OF_FFT = {"description": "FFT writes it", "labels": "it is the key `labels`"}


def _wrong(layout: Layout) -> Iterator[tuple[LayoutKey, str]]:
    if len(layout.cluster_by) > _MOST_CLUSTERS:
        yield "cluster_by", f"BigQuery clusters by {_MOST_CLUSTERS} columns at most, not {len(layout.cluster_by)}"
    for name, value in layout.labels:
        if not _LABEL.fullmatch(name) or not _LABEL_VALUE.fullmatch(value):
            yield "labels", f"{name}: {value!r}: labels of BigQuery are lower-case letters, digits, _ and -, 63 at most"
    for name, _ in layout.table_options:
        if name.lower() in _OF_FFT:
            yield "table_options", f"{name!r} cannot be set here: {_OF_FFT[name.lower()]}"
        elif not re.fullmatch("[A-Za-z_]+", name):
            yield "table_options", f"{name!r} is not the name of an option"


SUPPORT = LayoutSupport(
    partition_by="the first column of dates or times, by day or by its granularity; or a column with a range",
    cluster_by="up to 4 columns",
    table_options="OPTIONS of the table",
    labels="labels of the table",
    wrong=_wrong,
)


@dataclass(frozen=True)
class TableLayout:
    """The partitions and clusters of one table; a granularity is always set, and names are in lower case."""

    partition: Partition | None = None
    clusters: tuple[str, ...] = ()

    def filled_from(self, other: TableLayout, columns: Collection[str], changed: Collection[str]) -> TableLayout:
        """Return this layout, with the parts that it lacks taken from another one.

        Args:
            other: The layout of the published table.
            columns: The columns of the new table.
            changed: The keys that are not taken, as they were configured before.
        """
        names = {name.lower() for name in columns}
        partition = other.partition if other.partition and other.partition.column in names else None
        clusters = tuple(name for name in other.clusters if name in names)
        return TableLayout(
            self.partition or (None if "partition_by" in changed else partition),
            self.clusters or (() if "cluster_by" in changed else clusters),
        )

    def applied_to(self, layout: Layout) -> Layout:
        """Return a configured layout with these partitions and clusters."""
        partitions = (self.partition,) if self.partition else ()
        return replace(layout, partition_by=partitions, cluster_by=tuple(map(Cluster, self.clusters)))


def configured(layout: Layout) -> TableLayout:
    """Return the partitions and clusters of a layout whose columns are typed. Raises LayoutError."""
    usable = [partition for partition in layout.partition_by if _is_usable(partition)]
    if layout.partition_by and not usable and not layout.may_lack_partitions:
        first = layout.partition_by[0]
        hint = "Partition by a date, datetime or timestamp, or by an int64 with `range`; cluster by other columns."
        raise LayoutError("partition_by", f"BigQuery cannot partition by {first.column!r}, which is {first.type}", hint)
    for cluster in layout.cluster_by:
        if cluster.is_expression:
            hint = "Add a column with its value to the model, and name that."
            raise LayoutError("cluster_by", f"BigQuery clusters by columns, not by {cluster.text!r}", hint)
    return TableLayout(
        _normal(usable[0]) if usable else None, tuple(cluster.text.lower() for cluster in layout.cluster_by)
    )


def _is_usable(partition: Partition) -> bool:
    return partition.type == "int64" if partition.range else partition.type in TIMES


def _normal(partition: Partition) -> Partition:
    granularity = None if partition.range else partition.granularity or "day"
    return replace(partition, column=partition.column.lower(), granularity=granularity)


def published(table: Table, types: Mapping[str, str]) -> TableLayout:
    """Return the partitions and clusters of a table; `types` are those of its columns, by lower-case name."""
    clusters = tuple(name.lower() for name in table.clustering_fields or ())
    return TableLayout(_partition(table, types), clusters)


def _partition(table: Table, types: Mapping[str, str]) -> Partition | None:
    """Return the partitions of a table; None if they are by the time of loading."""
    time, ranges = table.time_partitioning, table.range_partitioning
    if ranges is not None and ranges.field:
        steps: Any = ranges.range_
        return Partition(ranges.field.lower(), None, (int(steps.start), int(steps.end), int(steps.interval)), "int64")
    if time is None or not time.field:
        return None
    granularity: Any = (time.type_ or "DAY").lower()
    return Partition(time.field.lower(), granularity, None, types.get(time.field.lower(), "date"))

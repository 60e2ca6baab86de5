"""The partitions and clusters of a table, as the clauses that a statement needs to keep them."""

from __future__ import annotations

from collections.abc import Collection

from google.cloud.bigquery import Table

from fft_core.engines.bigquery.spelling import SPELLING
from fft_core.engines.bigquery.types import spelled_type

_TRUNCATED = {"date": "date_trunc", "datetime": "datetime_trunc", "timestamp": "timestamp_trunc"}


def layout_of(table: Table, columns: Collection[str]) -> str:
    """Render PARTITION BY and CLUSTER BY of a table, as far as its next columns have what they name.

    BigQuery refuses to replace a partitioned table by one with other partitions.
    """
    names = {name.lower() for name in columns}
    partition = _partition(table)
    clusters = [name for name in table.clustering_fields or () if name.lower() in names]
    kept = f" partition by {partition[1]}" if partition and partition[0].lower() in names else ""
    return kept + (f" cluster by {', '.join(map(SPELLING.quoted, clusters))}" if clusters else "")


def _partition(table: Table) -> tuple[str, str] | None:
    """Return the column that a table is partitioned by, and the expression; None if it is the time of loading."""
    time, ranges = table.time_partitioning, table.range_partitioning
    if ranges is not None and ranges.field:
        name, steps = SPELLING.quoted(ranges.field), ranges.range_
        return ranges.field, f"range_bucket({name}, generate_array({steps.start}, {steps.end}, {steps.interval}))"
    if time is None or not time.field:
        return None
    name = SPELLING.quoted(time.field)
    kind = next((spelled_type(field) for field in table.schema if field.name.lower() == time.field.lower()), "date")
    part = (time.type_ or "DAY").lower()
    is_plain = kind == "date" and part == "day"
    return time.field, name if is_plain else f"{_TRUNCATED.get(kind, 'date_trunc')}({name}, {part})"

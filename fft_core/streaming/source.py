"""The sources of streams: one port for files, Kafka and S3. A position is a JSON value that the warehouse keeps.

The name of a partition is GROUP, or GROUP#PART#COPY: events of a part come in the order of their times, more or less;
the watermark is the least of all groups; a record is the only one of its offset in a copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa

Position: TypeAlias = Mapping[str, Any]  # Any: values of JSON
"""A place in a source, as a value of JSON. `{}` is the beginning."""

PARTITION, OFFSET, ERROR, BYTES = "_ff_partition", "_ff_offset", "_ff_error", "_ff_bytes"
META = (PARTITION, OFFSET, ERROR, BYTES)


def group_of(partition: str) -> str:
    """Return the group of a partition.

    >>> group_of("clicks/3"), group_of("#logs/app.log#77.0")
    ('clicks/3', '')
    """
    return partition.partition("#")[0]


def part_of(partition: str) -> str:
    """Return what comes in order.

    >>> part_of("clicks/3"), part_of("#logs/app.log#77.0")
    ('clicks/3', '#logs/app.log')
    """
    return partition.rpartition("#")[0] or partition


@dataclass(frozen=True)
class Backlog:
    """The records of a source beyond a position, as far as it is known without reading it.

    Attributes:
        size: How much: of files bytes, of Kafka messages, of S3 objects.
        unit: What is counted.
        oldest: When the oldest of it arrived, in seconds since 1970; None if nothing is left or nobody knows.
    """

    size: int
    unit: str
    oldest: float | None = None


class Source(Protocol):
    """A source of events. Nothing is committed to it: what was read is known by the position alone."""

    @property
    def said(self) -> str:
        """Name it for people, as in `files logs/*.jsonl`."""

    def poll(self, position: Position, limit: int) -> tuple[pa.Table, Position]:
        """Read what follows a position, and return the position behind it.

        Args:
            position: Where to go on; {} is the begin.
            limit: At most so many records.

        Returns:
            One row for each record: its own columns, `_ff_partition` (text) and `_ff_offset` (integer), which tell
            its place, `_ff_bytes`, and `_ff_error` for a record that cannot be read. No row if nothing has arrived.

        Raises:
            StreamError: the source cannot be read, or the position is not one of it.
        """

    def backlog(self, position: Position) -> Backlog:
        """Return how much there is beyond a position, without reading it. Raises StreamError."""

    def end(self) -> Position:
        """Return the position behind all that is there. Raises StreamError."""

    def close(self) -> None:
        """End connections; it may be used again."""

    def offsets(self, position: Position) -> Mapping[str, int]:
        """Return the partitions that were read up to a position, each with the first offset that was not read."""

"""The sources of streams: one protocol for files, Kafka and S3. A position is a JSON value that the warehouse keeps.

The name of a partition is GROUP, or GROUP#PART#COPY. Events of a part come approximately in the order of their times.
The watermark of a stream is the least of all groups. An offset identifies one record of a copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa

Position: TypeAlias = Mapping[str, Any]  # Any: values of JSON
"""A position in a source, as a value of JSON; `{}` is the start of the stream."""

PARTITION, OFFSET, ERROR, BYTES = "_ff_partition", "_ff_offset", "_ff_error", "_ff_bytes"
META = (PARTITION, OFFSET, ERROR, BYTES)


def group_of(partition: str) -> str:
    """Return the group of a partition.

    >>> group_of("clicks/3"), group_of("#logs/app.log#77.0")
    ('clicks/3', '')
    """
    return partition.partition("#")[0]


def part_of(partition: str) -> str:
    """Return the part of a partition, whose events come in order.

    >>> part_of("clicks/3"), part_of("#logs/app.log#77.0")
    ('clicks/3', '#logs/app.log')
    """
    return partition.rpartition("#")[0] or partition


def is_count(value: object) -> bool:
    """Return whether a value of a position is a number of bytes, lines or messages.

    >>> is_count(0), is_count(True), is_count(-1), is_count("7"), is_count(2**63)
    (True, False, False, False, False)
    """
    return type(value) is int and 0 <= value < 2**63


@dataclass(frozen=True)
class Backlog:
    """The records of a source after a position, as far as they are known without reading more than the first ones.

    Attributes:
        size: The amount: bytes of files, messages of Kafka, objects of S3.
        unit: The unit of `size`.
        oldest: The arrival of the oldest record, in seconds since 1970; None if nothing is left, or if unknown.
        first: The values of the first record of each file, if the arrival of a single record is not known: its event
            time is then used as its arrival, if that is before `oldest`.
    """

    size: int
    unit: str
    oldest: float | None = None
    first: Sequence[Mapping[str, Any]] = ()  # Any: values of JSON


class Source(Protocol):
    """A source of events. Nothing is committed to it: only the position says which records were read."""

    @property
    def said(self) -> str:
        """The name of the source for people, as in `files logs/*.jsonl`."""

    def poll(self, position: Position, limit: int) -> tuple[pa.Table, Position]:
        """Read the records after a position; return them, and the position after them.

        Args:
            position: The position to continue from; {} is the start.
            limit: The largest number of records.

        Returns:
            One row for each record: its own columns, its place in `_ff_partition` (text) and `_ff_offset` (integer),
            `_ff_bytes`, and `_ff_error` for a record that cannot be read. No row if nothing has arrived.

        Raises:
            StreamError: the source cannot be read, or the position is not one of this source.
        """

    def backlog(self, position: Position) -> Backlog:
        """Return the amount of data after a position, and the age of its first records. Raises StreamError."""

    def end(self) -> Position:
        """Return the position after all existing records. Raises StreamError."""

    def close(self) -> None:
        """Close connections; the source may be used again."""

    def offsets(self, position: Position) -> Mapping[str, int]:
        """Return the partitions that were read up to a position, each with the first offset that was not read."""

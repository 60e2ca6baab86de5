"""Models that are streams: the source of their events, and the settings of their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

SourceType: TypeAlias = Literal["files", "kafka", "s3"]
Sink: TypeAlias = Literal["sessions", "table"]


@dataclass(frozen=True)
class StreamSource:
    """The source of events: `options` as written, with defaults; see `fft_core.streaming`."""

    type: SourceType
    options: Mapping[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class StreamBody:
    """The settings of a stream. Times are in seconds.

    Attributes:
        source: The source of its events.
        sink: Whether its events become sessions, or rows of a table.
        key: The columns that identify the owner of a session; of a table those that identify a row, if any.
        event_time: The column of an event's time.
        event_id: The column that distinguishes events of the same key and time.
        event_time_unit: The unit of numbers in `event_time`, counted since 1970.
        columns: The types of the events' columns, by name.
        allowed_lateness: By how much an event may be older than the newest one of its partition; None: no limit.
        max_ahead: How far in the future the time of an event may be; None: no limit.
        idle_after: The time without records after which a partition no longer holds back the watermark.
        batch_rows: The greatest number of records in a batch.
        max_dead_share: The share of bad records above which a batch is refused.
        lines: The lines of its settings in the file, by name; a setting in a mapping is called as `measures.revenue`.
    """

    source: StreamSource
    sink: Sink
    key: tuple[str, ...] = ()
    event_time: str | None = None
    event_id: str | None = None
    event_time_unit: Literal["s", "ms", "us"] | None = None
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    allowed_lateness: float | None = None
    max_ahead: float | None = None
    idle_after: float = 300
    batch_rows: int = 100_000
    max_dead_share: float | None = None
    lines: Mapping[str, int] = field(default_factory=dict, hash=False, compare=False)

"""Models that are streams: the source of their events, and the settings of their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

SourceType: TypeAlias = Literal["files", "kafka", "s3"]
Sink: TypeAlias = Literal["sessions", "table"]


@dataclass(frozen=True)
class StreamSource:
    """The source of events: `options` as they are written, with their defaults; see `fft_core.streaming`."""

    type: SourceType
    options: Mapping[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class StreamBody:
    """The settings of a stream. Times are in seconds.

    Attributes:
        source: Where its events come from.
        sink: Whether they become sessions, or rows of a table.
        key: The columns that tell whose session it is; of a table those that tell rows apart, if there are any.
        event_time: The column of an event's time.
        event_id: The column that tells events of one key and time apart.
        event_time_unit: What a number in `event_time` counts since 1970.
        columns: Types of events' columns, by name.
        allowed_lateness: How much older than the newest event of its partition an event may be; it may be any if None.
        max_ahead: How far in the future an event may be; it may be any if None.
        idle_after: After how long a partition that gives nothing holds the watermark back no more.
        batch_rows: How many records a batch has at most.
        max_dead_share: The share of bad records above which a batch is refused.
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

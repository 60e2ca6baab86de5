"""Streams of events: their sources, their positions, and the sessions and rows that are made from events.

>>> from fft_core.streaming import FileTailSource, StreamSessionizer
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fft_core.streaming.file_tail import FileTailSource as FileTailSource
    from fft_core.streaming.kafka import KafkaSource as KafkaSource
    from fft_core.streaming.s3 import S3Source as S3Source
    from fft_core.streaming.sessionizer import BatchResult as BatchResult
    from fft_core.streaming.sessionizer import StreamSessionizer as StreamSessionizer
    from fft_core.streaming.source import Backlog as Backlog
    from fft_core.streaming.source import Position as Position
    from fft_core.streaming.source import Source as Source

_HOMES = {
    "Backlog": "source",
    "BatchResult": "sessionizer",
    "FileTailSource": "file_tail",
    "KafkaSource": "kafka",
    "Position": "source",
    "S3Source": "s3",
    "Source": "source",
    "StreamSessionizer": "sessionizer",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:  # Any: the type of an export is the type in its own module
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Arrow is what engines speak; pandas, Polars, pyarrow and others are what Python models get and give."""

from __future__ import annotations

from fft_core.frames.arrow import from_arrow, to_arrow
from fft_core.frames.kinds import DEFAULT, KINDS, FrameKind, FrameType, frame_type_of, kind_named, kind_of

__all__ = [
    "DEFAULT",
    "KINDS",
    "FrameKind",
    "FrameType",
    "frame_type_of",
    "from_arrow",
    "kind_named",
    "kind_of",
    "to_arrow",
]

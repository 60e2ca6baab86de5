"""Arrow is what engines speak; pandas, Polars and pyarrow are what Python models get and give."""

from __future__ import annotations

from fft_core.frames.arrow import from_arrow, to_arrow
from fft_core.frames.kinds import FrameType, frame_type_of, frame_type_of_named, frame_type_of_parameter

__all__ = [
    "FrameType",
    "frame_type_of",
    "frame_type_of_named",
    "frame_type_of_parameter",
    "from_arrow",
    "to_arrow",
]

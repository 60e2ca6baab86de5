"""Arrow is what engines speak; pandas, Polars, pyarrow and others are what Python models get and give."""

from __future__ import annotations

from fft_core.frames.arrow import from_arrow, to_arrow
from fft_core.frames.kinds import FrameType

__all__ = ["FrameType", "from_arrow", "to_arrow"]

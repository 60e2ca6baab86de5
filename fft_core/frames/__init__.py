"""Dataframes: engines exchange Arrow; Python models get and return pandas, Polars, pyarrow and others."""

from __future__ import annotations

from fft_core.frames.arrow import from_arrow, to_arrow
from fft_core.frames.kinds import FrameType

__all__ = ["FrameType", "from_arrow", "to_arrow"]

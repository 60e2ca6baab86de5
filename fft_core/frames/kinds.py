"""The kinds of frames: how each is made of an Arrow table, and which libraries have an own way back to Arrow.

The kinds have the names under which `fft_core.engines.spec.frames` declares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fft_core.frames import ibis, narwhals, pandas, polars

if TYPE_CHECKING:
    import pyarrow as pa

FrameType: TypeAlias = Literal["pandas", "polars", "polars_lazy", "arrow", "narwhals", "ibis"]

# Any: a frame of the library
READERS: Mapping[str, Callable[[pa.Table], Any]] = {
    "pandas": pandas.from_arrow,
    "polars": polars.from_arrow,
    "polars_lazy": lambda table: polars.from_arrow(table).lazy(),
    "arrow": lambda table: table,
    "narwhals": narwhals.from_arrow,
    "ibis": ibis.refuse_rows,
}
# For each library: whether an object is its frame, and the frame as an Arrow table. Others use Arrow's C stream.
WRITERS: tuple[tuple[Callable[[Any], bool], Callable[[Any], pa.Table]], ...] = (
    (pandas.is_frame, pandas.to_arrow),
    (polars.is_frame, polars.to_arrow),
)

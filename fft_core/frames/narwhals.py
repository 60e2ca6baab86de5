"""narwhals frames: a narwhals DataFrame over a pyarrow Table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fft_core.errors import MissingDriverError

if TYPE_CHECKING:
    import pyarrow as pa


def from_arrow(table: pa.Table) -> Any:
    """Return an Arrow table as a narwhals DataFrame; its native frame is the table."""
    try:
        import narwhals
    except ModuleNotFoundError as error:
        message = "a model takes narwhals frames, but narwhals is not installed"
        raise MissingDriverError(message, hint="pip install narwhals", code="FFT-211") from error
    return narwhals.from_native(table, eager_only=True)

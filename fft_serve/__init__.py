"""An HTTP API over the models that a project serves. `app` is its one public name; it is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fft_serve.application import app as app

__all__ = ["app"]


def __getattr__(name: str) -> Any:  # Any: the type of an export is the type in its own module
    if name == "app":
        from fft_serve.application import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

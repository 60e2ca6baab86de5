"""FFT projects as Dagster assets and checks. Names are imported on first use, so that `import fft_dagster` stays cheap."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fft_dagster.executor import thread_executor as thread_executor

_EXPORTS = {
    "thread_executor": "fft_dagster.executor",
}

__all__ = [  # noqa: RUF022
    "thread_executor",
]


def __getattr__(name: str) -> Any:  # Any: the type of an export is the type in its own module
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)

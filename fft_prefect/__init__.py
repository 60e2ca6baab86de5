"""FFT projects as Prefect flows. Names are imported on first use: `import fft_prefect` imports no Prefect."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers, to which "X as X" means a public name
    from fft_prefect.flow import project_flow as project_flow
    from fft_prefect.translator import FftTranslator as FftTranslator

# The modules of the public names: each is imported at the first use of a name.
_HOMES = {"FftTranslator": "translator", "project_flow": "flow"}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:  # Any: the type of an export is the type in its own module
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"fft_prefect.{_HOMES[name]}"), name)

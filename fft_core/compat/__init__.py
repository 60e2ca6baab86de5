"""The package that files for FastFlowTransform import: while FFT runs them, `fastflowtransform` means it.

Other programs are not affected. If the real package is installed, it is neither imported nor changed. Scripts get
REGISTRY, topo_sort, mermaid and the executors from here; see `scripts.py`.
"""

from typing import Any

from fft_core.project.read.decorators import dq_test, engine_model
from fft_core.project.read.python_file import model, ref, relation_for, source

OF_SCRIPTS = ("REGISTRY", "topo_sort", "mermaid", "DuckExecutor", "PostgresExecutor")
__all__ = ["dq_test", "engine_model", "model", "ref", "relation_for", "source"]


def __getattr__(name: str) -> Any:
    if name in OF_SCRIPTS:
        from fft_core.compat import scripts  # models import this package, and need no module that builds

        return getattr(scripts, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""What files of projects written for FastFlowTransform import: while we run them, `fastflowtransform` is this package.

Other programs see nothing of that. If the real package is installed, it is neither imported nor changed. Scripts take
REGISTRY, topo_sort, mermaid and the executors from here; see `scripts.py`.
"""

from typing import Any

from fft_core.project.read.decorators import dq_test, engine_model
from fft_core.project.read.python_file import model, ref, relation_for, source

OF_SCRIPTS = ("REGISTRY", "topo_sort", "mermaid", "DuckExecutor", "PostgresExecutor")
__all__ = ["dq_test", "engine_model", "model", "ref", "relation_for", "source"]


def __getattr__(name: str) -> Any:
    if name in OF_SCRIPTS:
        from fft_core.compat import scripts  # models import this package, and need nothing that builds

        return getattr(scripts, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

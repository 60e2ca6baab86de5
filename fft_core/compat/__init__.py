"""What files of projects written for FastFlowTransform import: while we run them, `fastflowtransform` is this package.

Other programs see nothing of that. If the real package is installed, it is neither imported nor changed.
"""

from fft_core.project.read.decorators import dq_test, engine_model
from fft_core.project.read.python_file import model, ref, relation_for, source

__all__ = ["dq_test", "engine_model", "model", "ref", "relation_for", "source"]

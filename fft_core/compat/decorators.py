"""`fastflowtransform.decorators`."""

from fft_core.project.read.decorators import dq_test, engine_model
from fft_core.project.read.python_file import model

__all__ = ["dq_test", "engine_model", "model"]

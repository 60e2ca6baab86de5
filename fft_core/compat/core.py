"""`fastflowtransform.core`."""

from fft_core.project.read.python_file import model, ref, relation_for, source

__all__ = ["model", "ref", "relation_for", "source"]

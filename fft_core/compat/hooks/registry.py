"""`fastflowtransform.hooks.registry`."""

from fft_core.project.read.decorators import fft_hook

__all__ = ["fft_hook"]

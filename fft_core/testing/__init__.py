"""Test helpers for authors of engines and projects. They need pytest, which is not a dependency of FFT."""

from __future__ import annotations

from fft_core.testing.claims import LEVELS
from fft_core.testing.engine_contract import EngineContract, matrix
from fft_core.testing.project import make_project

__all__ = ["LEVELS", "EngineContract", "make_project", "matrix"]

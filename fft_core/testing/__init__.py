"""What authors of engines and of projects need for their tests. It needs pytest, which is no dependency of ours."""

from __future__ import annotations

from fft_core.testing.claims import LEVELS
from fft_core.testing.engine_contract import EngineContract, matrix
from fft_core.testing.project import make_project

__all__ = ["LEVELS", "EngineContract", "make_project", "matrix"]

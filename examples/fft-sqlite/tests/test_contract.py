"""The contract suite of engines, on SQLite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fft_core.engines.spec import Full
from fft_core.testing import LEVELS, EngineContract


class TestSqlite(EngineContract):
    engine = "sqlite"
    levels = dict.fromkeys(LEVELS, Full())

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Mapping[str, Any]:
        return {"path": str(tmp_path / "db.sqlite")}

"""The contract of every engine, as tests: the author of an engine derives a class from `EngineContract`.

    class TestMine(EngineContract):
        engine = "mine"
        levels = {**dict.fromkeys(LEVELS, Full()), "snapshot": No("rows cannot be updated")}

        @pytest.fixture
        def settings(self, tmp_path):
            return {"path": str(tmp_path / "db.mine")}

The projects that it builds are plain SQL; SQL that differs between engines is a class attribute.
"""

from __future__ import annotations

from collections.abc import Sequence

from fft_core.engines.spec import Support
from fft_core.testing.claims import LEVELS
from fft_core.testing.project_contract import (
    BuildsContract,
    ChecksContract,
    IncrementalContract,
    SnapshotContract,
)
from fft_core.testing.session_contract import (
    CapabilitiesContract,
    ConcurrentContract,
    FramesContract,
    ReadsContract,
)


class EngineContract(
    ReadsContract,
    BuildsContract,
    ChecksContract,
    IncrementalContract,
    SnapshotContract,
    ConcurrentContract,
    FramesContract,
    CapabilitiesContract,
):
    """Tests that each engine passes at the levels that it claims. A wrong claim fails, in either direction.

    See `OnAnEngine` for the attributes that describe the engine.
    """

    def test_each_level_is_claimed(self) -> None:
        assert set(self.levels) == set(LEVELS)
        assert all(isinstance(claim, Support) for claim in self.levels.values())


def matrix(contracts: Sequence[type[EngineContract]]) -> str:
    """Return the claims of engines for each level, as a table in Markdown."""
    names = [contract.engine for contract in contracts]
    lines = [f"| | {' | '.join(names)} |", f"| --- | {' | '.join('---' for _ in names)} |"]
    for name, said in LEVELS.items():
        claims = [str(contract.levels[name]) for contract in contracts]
        lines.append(f"| **{name}** {said} | {' | '.join(claims)} |")
    return "".join(f"{line}\n" for line in lines)

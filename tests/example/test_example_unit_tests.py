"""The unit tests of the example project pass, and fail where the model is changed."""

from __future__ import annotations

import shutil
from pathlib import Path

from fft_core import load_project, run_unit_tests

EXAMPLE = Path(__file__).parents[2] / "example_project"


def outcomes(root: Path) -> dict[str, str]:
    project = load_project(root, "test", environment={})
    return {result.test.name: result.status for result in run_unit_tests(project, project.unit_tests)}


def test_the_example_keeps_its_promises(tmp_path: Path) -> None:
    root = tmp_path / "example"
    hidden = shutil.ignore_patterns(".local", ".fastflowtransform", "__pycache__", "*.parquet")
    shutil.copytree(EXAMPLE, root, ignore=hidden)
    for seed in (EXAMPLE / "seeds").glob("*.parquet"):
        (root / "seeds").mkdir(exist_ok=True)
        (root / "seeds" / seed.name).touch()  # unit tests read no seed
    found = outcomes(root)
    assert len(found) == 4
    assert set(found.values()) == {"pass"}
    path = root / "models" / "intermediate" / "int_flight_outcomes.ff.sql"
    path.write_text(path.read_text().replace("arrival_delay < {{", "arrival_delay <= {{"))
    assert outcomes(root) == {**found, "fifteen minutes late is late": "fail"}

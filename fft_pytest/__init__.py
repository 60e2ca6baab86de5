"""A plugin of pytest: `pytest shop` collects the cases of shop/tests/unit/*.yml, each as a separate test.

pytest loads it wherever this package is installed, so nothing is imported before there is a case to collect: neither
fft_core nor pytest itself. `-p no:fft` switches it off.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_SUFFIXES = (".yml", ".yaml")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for the environment of projects."""
    group = parser.getgroup("fft", "unit tests of FFT projects")
    group.addoption("--fft-env", metavar="NAME", help="their environment [default: FFT_ACTIVE_ENV, or dev]")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a file of tests/unit, in a folder with project.yml and models."""
    if file_path.suffix not in _SUFFIXES or file_path.parts[-3:-1] != ("tests", "unit"):
        return None
    root = file_path.parents[2]
    if not ((root / "project.yml").is_file() and (root / "models").is_dir()):
        return None
    from fft_pytest.items import CasesFile

    return CasesFile.from_parent(parent, path=file_path)

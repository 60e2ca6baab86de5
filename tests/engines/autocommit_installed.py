"""Installs the engine without transactions, or another engine for tests, as pip would, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fft_core.engines.spec import registry
from fft_core.project.profile import environment

FOLDER = Path(__file__).parent / "autocommit"
BROKEN = Path(__file__).parent / "broken"


@contextmanager
def autocommit_installed(folder: Path = FOLDER) -> Iterator[None]:
    """Put the package on the path of this process, and of the commands that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", str(folder))
        _forget()
        yield
    _forget()


def _forget() -> None:
    """What a process remembers of the installed packages, which do not change while it lives."""
    for remembered in (registry._loaded, environment._of_engines, environment._prefixes):
        remembered.cache_clear()

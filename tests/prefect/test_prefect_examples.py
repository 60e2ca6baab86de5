"""Every public name of `fft_prefect` has an example in its docstring that runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from public_examples import run_example

import fft_prefect


@pytest.mark.parametrize("name", fft_prefect.__all__)
def test_the_example_of_a_public_name_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_example(fft_prefect, name, tmp_path, monkeypatch)

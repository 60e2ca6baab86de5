"""`max_workers` in a profile: the number of steps that run at a time, if the command does not say another one."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_projects import loaded

from fft_core import FftError, Run
from fft_core.run.work import Todo

MODEL = {"models/a.ff.sql": "select 1 as id"}


def profile(said: str) -> dict[str, str]:
    return {**MODEL, "profiles.yml": f"dev: {{engine: duckdb, {said}duckdb: {{path: x.duckdb}}}}\n"}


@pytest.mark.parametrize(
    ("said", "jobs", "wanted"),
    [
        ("", None, None),
        ("max_workers: 3, ", None, 3),
        ("max_workers: 3, ", 2, 2),
        ("max_workers: \"{{ env('FF_WORKERS', '5') }}\", ", None, 5),
    ],
)
def test_the_command_counts_and_then_the_profile(
    said: str, jobs: int | None, wanted: int | None, tmp_path: Path
) -> None:
    run = Run(loaded(tmp_path, profile(said)))
    assert Todo("1 to build", builds=("a",)).work("build", run, jobs=jobs).jobs == wanted


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "true", "[2]"])
def test_other_values_are_refused_with_their_place(value: str, tmp_path: Path) -> None:
    with pytest.raises(FftError, match=r"profiles\.yml:1: dev\.max_workers must be a whole number from 1 on, not "):
        _ = Run(loaded(tmp_path, profile(f"max_workers: {value}, "))).profile


def test_a_misspelled_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FftError, match=r"'max_worker'.*\n.*Did you mean 'max_workers'"):
        _ = Run(loaded(tmp_path, profile("max_worker: 2, "))).profile

"""FFT_SEEDS_DIR: another folder of seeds, with a schema.yml of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_projects import Files, loaded, opened, problems

FILES: Files = {
    "seeds/names.csv": "id\n1\n",
    "seeds/schema.yml": "columns: {names: {id: string}}\n",
    ".local/seeds/deep/names.csv": "id\n1\n2\n",
    ".local/seeds/schema.yml": "columns: {names: {id: integer}}\n",
    "models/m.ff.sql": "select sum(id) as n from {{ ref('names') }}",
}


@pytest.mark.parametrize("named", [".local/seeds", "./.local/../.local/seeds/"])
def test_seeds_of_another_folder(tmp_path: Path, named: str) -> None:
    with opened(tmp_path, FILES, FFT_SEEDS_DIR=named) as shop:
        assert shop.project.seeds["names"].seed_id == "deep/names"
        shop.build()
        assert shop.rows("select n from m") == [(3,)]


def test_another_folder_is_another_project(tmp_path: Path) -> None:
    loaded(tmp_path, FILES)
    project = loaded(tmp_path, FILES, FFT_SEEDS_DIR=str(tmp_path / ".local" / "seeds"))
    assert project.seeds["names"].path.as_posix() == ".local/seeds/deep/names.csv"
    assert loaded(tmp_path, FILES).seeds["names"].path.as_posix() == "seeds/names.csv"


@pytest.mark.parametrize("named", ["..", ".", "/somewhere", "seeds/../.."])
def test_a_folder_elsewhere_is_an_error(tmp_path: Path, named: str) -> None:
    (said,) = problems(tmp_path, FILES, FFT_SEEDS_DIR=named)
    assert said.startswith(f"environment variable FFT_SEEDS_DIR: {named!r} is not a folder inside the project")


def test_a_folder_that_is_not_there_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = {**FILES, "models/m.ff.sql": "select 1 as n"}
    assert not loaded(tmp_path, files, FFT_SEEDS_DIR="local/seeds").seeds
    assert caplog.messages == ["FFT_SEEDS_DIR: the folder 'local/seeds' does not exist, so the project has no seeds"]

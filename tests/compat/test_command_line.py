"""The command line as the Makefiles of existing projects call it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from run_helpers import installed_fft, write
from targets import Target

SNAPSHOT = (
    "{{ config(materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': ['id']}) }}"
)
FILES = {
    "project.yml": "name: shop\nversion: '1'\n",
    "seeds/raw.csv": "id\n1\n2\n",
    "models/first.ff.sql": "{{ config(tags=['batch']) }} select id from {{ ref('raw') }}",
    "models/second.ff.sql": "{{ config(tags=['batch', 'late']) }} select id from {{ ref('first.ff') }}",
    "models/third.ff.sql": "{{ config(tags=['late']) }} select id from {{ ref('second.ff') }}",
    "tests/unit/first.yml": "model: first.ff\ncases:\n  - name: same\n    inputs: {raw: {rows: [{id: 3}]}}\n"
    "    expect: {rows: [{id: 3}]}\n",
}


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Path]:
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        write(tmp_path, {**FILES, "profiles.yml": profile})
        yield tmp_path


def built(root: Path, *arguments: str) -> list[str]:
    """What a command says that it has built."""
    ended = installed_fft(arguments[0], root, *arguments[1:])
    assert ended.code == 0, ended.out + ended.err
    return [line.split()[1] for line in ended.out.splitlines() if line.startswith(("built ", "build "))]


def test_what_a_selected_model_reads_is_built_with_it_if_it_must_be(shop: Path) -> None:
    command = ("run", "--env", "dev", "--select", "third.ff", "--cache=rw", "--jobs", "4")
    assert built(shop, *command, "--dry-run") == ["raw", "first", "second", "third"]
    said = installed_fft(command[0], shop, *command[1:], "--dry-run").out.splitlines()[-1]
    assert said == "not selected, but built because the selection depends on them: raw, first, second"
    assert sorted(built(shop, *command)) == ["first", "raw", "second", "third"]
    assert built(shop, *command) == []
    ended = installed_fft("run", shop, "--select", "third")
    assert "1 reused" in ended.out  # what was added, and need not be built, is not spoken of


def test_a_snapshot_above_is_never_added(shop: Path) -> None:
    write(shop, {"models/history.ff.sql": SNAPSHOT + " select id from {{ ref('first.ff') }}"})
    write(shop, {"models/of_history.ff.sql": "select id from {{ ref('history') }}"})
    ended = installed_fft("run", shop, "--select", "of_history", "--keep-going")
    assert ended.code == 1
    assert "Build the model 'history' first" in ended.out + ended.err


def test_seeds_stay_away_and_what_is_excluded_too(shop: Path) -> None:
    assert built(shop, "run", "--select", "third", "--no-seeds", "--dry-run") == ["first", "second", "third"]
    assert built(shop, "run", "--select", "third", "--exclude", "raw", "--dry-run") == ["first", "second", "third"]


def test_several_selectors_narrow_and_a_space_unites(shop: Path) -> None:
    assert built(shop, "seed") == ["raw"]
    assert built(shop, "run", "--select", "tag:batch", "--select", "tag:late", "--dry-run") == ["first", "second"]
    assert built(shop, "run", "--select", "first third", "--dry-run") == ["first", "second", "third"]


def test_only_some_are_rebuilt(shop: Path) -> None:
    built(shop, "run")
    assert built(shop, "run", "--rebuild-only", "second") == ["second"]
    assert sorted(built(shop, "run", "--rebuild-only", "first", "--rebuild-only", "third")) == ["first", "third"]


def test_all_that_is_selected_is_rebuilt_if_no_name_is_said(shop: Path) -> None:
    built(shop, "run")
    assert built(shop, "run", "--rebuild", "--select", "second") == ["raw", "first", "second"]
    assert built(shop, "run", "--select", "second", "--rebuild-only") == ["second"]
    assert built(shop, "build", "--select", "second", "--rebuild") == ["second"]


def test_a_folder_behind_rebuild_is_the_project(shop: Path) -> None:
    for option in ("--rebuild", "--rebuild-only"):
        for folder in (".", f"../{shop.name}", str(shop)):
            ended = installed_fft("run", option, folder, "--env", "dev", "--select", "first", cwd=shop)
            assert (ended.code, ended.err) == (0, "")
            assert "first" in [line.split()[1] for line in ended.out.splitlines() if line.startswith("built")]
    ended = installed_fft("run", "--rebuild", shop.name, "--env", "dev", cwd=shop.parent)
    assert (ended.code, ended.err) == (0, "")


def test_a_seed_is_not_held_against_a_budget(shop: Path) -> None:
    write(shop, {"budgets.yml": "version: 1\ntotal: {rows: {warn: 1, error: 1}}\n"})
    seeded = installed_fft("seed", shop)
    assert (seeded.code, seeded.err) == (0, "")
    ended = installed_fft("run", shop, "--select", "first")
    assert (ended.code, ended.err) == (1, "[BUDGET] error: the run: 2 rows written, and the limit is 1\n")


def test_options_that_need_nothing_are_accepted(shop: Path) -> None:
    assert installed_fft("utest", shop, "--cache", "off", "--reuse-meta").code == 0
    assert installed_fft("dag", shop, "--html", "--no-schema").code == 0
    assert (shop / "site" / "dag" / "index.html").is_file()
    assert installed_fft("dag", shop, "--html", "--with-schema").code == 0


def test_the_first_name_of_the_command_says_which_one_to_use() -> None:
    command = [str(Path(sys.executable).with_name("flowforge")), "run", ".", "--select", "a b"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "flowforge was renamed to fft: fft run . --select 'a b'\n"


def test_statements_are_shown_if_the_former_variable_asks_for_it(shop: Path) -> None:
    ended = installed_fft("run", shop, FLOWFORGE_SQL_DEBUG="1")
    assert "select id from" in ended.err

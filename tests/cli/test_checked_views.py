"""What the commands say of views whose checks judge the rows of what they read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from run_helpers import Fft, called_fft, rows, run_results, write

FILES = {
    "project.yml": """\
        name: v
        version: "1"
        tests:
          - {type: unique, table: users, column: id}
        """,
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: dev.duckdb}}\n",
    "seeds/raw.csv": "id\n1\n2\n",
    "models/users.ff.sql": "{{ config(materialized='view') }} select id from {{ ref('raw') }}",
    "models/other.ff.sql": "select 1 as id",
}


@pytest.fixture
def fft(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Fft:
    return lambda *arguments: called_fft(arguments, monkeypatch, capfd)


@pytest.fixture
def root(tmp_path: Path, fft: Fft) -> Path:
    """The project, built; then its seed repeats an id."""
    made = write(tmp_path / "v", FILES)
    assert fft("build", made).code == 0
    write(made, {"seeds/raw.csv": "id\n1\n1\n", "models/other.ff.sql": "select 2 as id"})
    return made


def test_a_build_says_which_table_was_held_back_because_of_which_view(root: Path, fft: Fft) -> None:
    finished = fft("build", root, "--keep-going")
    assert finished.code == 2
    assert sorted(line for line in finished.lines if line.startswith(("blocked", "skipped", "raw:", "failed"))) == [
        "blocked raw N s",
        "failed: unique_id: 1 value occurs more than once",
        "raw: blocked",
        "skipped users",
    ]
    assert (
        "error: raw: project.yml:4: raw is not published: its rows would fail 1 check(s) of the view users "
        "(unique_id: 1 value occurs more than once) [FFT-500]" in finished.err
    )
    assert rows(root, "select id from users order by id") == [(1,), (2,)]
    assert rows(root, "select id from other") == [(2,)]
    results = {result["name"]: result for result in run_results(root)["results"]}
    assert (results["raw"]["status"], results["users"]["status"]) == ("blocked", "skipped")
    (check,) = results["users"]["checks"]
    told = {"name": "unique_id", "status": "fail", "severity": "error", "failing_rows": 1, "judged": "staged"}
    assert check.items() >= told.items()


def test_a_seed_alone_is_held_back_as_well(root: Path, fft: Fft) -> None:
    assert fft("seed", root).code == 2
    assert fft("build", root, "--select", "raw").code == 2
    assert fft("test", root).code == 0  # what is published passes
    assert rows(root, "select id from raw order by id") == [(1,), (2,)]


def test_the_plan_names_the_views(root: Path, fft: Fft) -> None:
    assert "raw its file changed" in " ".join(fft("plan", root).out.split())
    assert "read by the view users: its checks run first" in fft("plan", root).out
    decisions = {d["model"]: d for d in json.loads(fft("plan", root, "--json").out)["decisions"]}
    assert decisions["raw"]["read_by_views"] == [{"view": "users", "judged_with": "raw"}]
    assert "read_by_views" not in decisions["users"]


def test_tables_under_one_view_are_built_in_order_and_the_plan_says_it(root: Path, fft: Fft) -> None:
    both = (
        "{{ config(materialized='view') }} select id from {{ ref('raw') }} union all select id from {{ ref('other') }}"
    )
    write(root, {"models/users.ff.sql": both, "seeds/raw.csv": "id\n1\n", "models/other.ff.sql": "select 2 as id"})
    said = "read by the view users: published before its checks run, in the build of raw"
    assert said in fft("plan", root).out
    assert fft("build", root, "--jobs", "4").code == 0
    write(root, {"seeds/raw.csv": "id\n2\n", "models/other.ff.sql": "select 1 as id"})  # alone, either would repeat one
    assert fft("build", root, "--jobs", "4").code == 0
    assert fft("build", root).lines[-1].startswith("3 reused")


def test_a_table_that_no_longer_fits_a_view_fails_and_names_it(root: Path, fft: Fft) -> None:
    write(root, {"seeds/raw.csv": "key\n1\n"})
    finished = fft("build", root)
    assert finished.code == 1
    assert (
        "raw is not published: the view users, whose checks apply to its rows, could no longer be read" in finished.err
    )
    assert rows(root, "select id from users order by id") == [(1,), (2,)]


def test_a_view_that_could_not_be_asked_is_said(root: Path, fft: Fft) -> None:
    write(root, {"seeds/late.csv": "id\n9\n"})
    both = (
        "{{ config(materialized='view') }} select id from {{ ref('raw') }} union all select id from {{ ref('late') }}"
    )
    write(root, {"models/users.ff.sql": both, "seeds/raw.csv": "id\n3\n"})
    finished = fft("build", root, "--select", "raw users", "--keep-going")
    assert "the checks of the view users did not run: late does not exist" in finished.lines


def test_a_table_says_that_it_is_judged_by_the_view_that_is_published_in_its_place(root: Path, fft: Fft) -> None:
    write(root, {"models/users.ff.sql": "select id from {{ ref('raw') }}"})
    assert "read by the view users: its checks run first" in fft("plan", root).out
    finished = fft("build", root)
    assert finished.code == 2
    assert "judged with the published query of users: build users first" in finished.err
    assert rows(root, "select id from users order by id") == [(1,), (2,)]
    assert fft("build", root, "--select", "users").code == 0
    assert fft("build", root).code == 2  # users has a check of its own, which judges its own rows by now
    assert rows(root, "select id from raw order by id") == [(1,), (1,)]
    assert rows(root, "select id from users order by id") == [(1,), (2,)]


def test_a_published_view_is_judged_if_its_new_text_does_not_come(root: Path, fft: Fft) -> None:
    mended = "select distinct r.id from {{ ref('raw') }} as r cross join {{ ref('fails') }} as f"
    write(root, {"models/users.ff.sql": "{{ config(materialized='view') }} " + mended})
    write(root, {"models/fails.ff.sql": "select no_such_column as id"})
    assert fft("build", root, "--keep-going").code != 0
    assert rows(root, "select id from users order by id") == [(1,), (2,)]
    write(root, {"models/fails.ff.sql": "select 1 as id"})
    assert fft("build", root, "--select", "fails").code == 0
    assert fft("build", root).code == 0
    assert rows(root, "select id from users order by id") == [(1,)]

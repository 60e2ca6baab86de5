"""Checks of Dagster's that hold back rows, as the command line runs them: those that the project declares."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_helpers import Fft, called_fft, rows, run_results, write

GATE = """\
        import dagster as dg
        import polars as pl

        @dg.asset_check(asset="users", name="ours")
        def everybody_is_ours(users: pl.DataFrame) -> dg.AssetCheckResult:
            strangers = users.filter(~pl.col("email").str.ends_with("@x.org"))
            return dg.AssetCheckResult(passed=strangers.is_empty(), description=f"{strangers.height} strangers")
        """
FILES = {
    "project.yml": """\
        name: g
        version: "1"
        """,
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: dev.duckdb}}\n",
    "seeds/raw.csv": "id,email\n1,ada@x.org\n",
    "models/users.ff.sql": "select id, email from {{ ref('raw') }}",
    "models/users.yml": """\
        version: 2
        models:
          - name: users
            tests:
              - asset_check: {name: ours, file: gates/users.py, gate: true}
        """,
    "gates/users.py": GATE,
}


@pytest.fixture
def fft(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Fft:
    return lambda *arguments: called_fft(arguments, monkeypatch, capfd)


@pytest.fixture
def root(tmp_path: Path, fft: Fft) -> Path:
    made = write(tmp_path / "g", FILES)
    assert fft("build", made).code == 0
    return made


def test_a_build_is_held_back_by_a_declared_gate(root: Path, fft: Fft) -> None:
    assert fft("plan", root).out.strip() == "0 to build, 2 to reuse"
    assert "0 to build" in fft("build", root).out
    write(root, {"seeds/raw.csv": "id,email\n1,ada@x.org\n2,eve@spy.com\n"})
    finished = fft("build", root)
    assert finished.code == 2
    assert "failed: ours: 1 strangers" in finished.lines
    assert "models/users.yml:5: users is not published: 1 check(s) failed: ours: 1 strangers" in finished.err
    assert rows(root, "from users") == [(1, "ada@x.org")]
    (result,) = [result for result in run_results(root)["results"] if result["name"] == "users"]
    assert [(check["name"], check["status"], check["judged"]) for check in result["checks"]] == [
        ("ours", "fail", "staged")
    ]


def test_a_gate_that_says_no_more_than_that_it_failed_has_no_first_row(root: Path, fft: Fft) -> None:
    write(root, {"gates/users.py": GATE.replace(', description=f"{strangers.height} strangers"', "")})
    write(root, {"seeds/raw.csv": "id,email\n1,ada@x.org\n2,eve@spy.com\n"})
    finished = fft("build", root)
    assert "users is not published: 1 check(s) failed: ours: failed" in finished.err
    assert "The first of them" not in finished.err


def test_a_gate_is_one_of_the_checks_that_fft_test_runs(root: Path, fft: Fft) -> None:
    finished = fft("test", root, "--json")
    assert finished.code == 0
    (result,) = run_results(root)["results"]
    assert [(check["name"], check["judged"]) for check in result["checks"]] == [("ours", "published")]
    write(root, {"gates/users.py": GATE.replace("@x.org", "@y.org")})
    plan = fft("plan", root, "-v").out
    assert "only its checks changed, or tables that they read: they run on the published rows" in plan
    failed = fft("test", root)
    assert failed.code == 2
    assert "↳ ours: 1 strangers (models/users.yml:5)" in failed.lines
    assert fft("build", root).code == 2


def test_what_is_wrong_with_its_file_is_said_without_a_traceback(root: Path, fft: Fft) -> None:
    write(root, {"gates/users.py": "import nosuch\n"})
    for command in ("build", "test", "plan"):
        finished = fft(command, root)
        assert finished.code == 1
        assert "models/users.yml:5: gates/users.py cannot be imported: ModuleNotFoundError: No module" in finished.err
        assert "Traceback" not in finished.err
    assert fft("ls", root).code == 0  # what runs nothing imports nothing

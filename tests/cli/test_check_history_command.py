"""`fft test --history`: what the last runs of `fft` and of the UI found, and since when a check fails."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from run_helpers import Fft, called_fft, write

from fft_core import load_project
from fft_dagster import project_definitions
from fft_dagster.runs.runs import open_instance

GOOD, BAD, WORSE = "id,n\n1,1\n2,2\n", "id,n\n1,1\n1,2\n", "id,n\n1,1\n1,2\n2,1\n2,1\n3,-1\n"
FILES = {
    "project.yml": """\
        name: h
        version: "1"
        tests:
          - {type: unique, table: raw, column: id, tags: [keys]}
          - {type: greater_equal, table: raw, column: n, severity: warn}
          - {type: not_null, table: raw, column: n}
        """,
    "profiles.yml": """\
        dev: {engine: duckdb, duckdb: {path: dev.duckdb}}
        prod: {engine: duckdb, duckdb: {path: prod.duckdb}}
        """,
    "seeds/raw.csv": GOOD,
}


@pytest.fixture
def fft(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Fft:
    return lambda *arguments: called_fft(arguments, monkeypatch, capfd)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "h", FILES)


def lines(text: str) -> list[str]:
    """What was printed, with one blank between words and without times."""
    plain = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "TIME", text)
    return [" ".join(line.split()) for line in plain.splitlines() if line.strip()]


def history(fft: Fft, root: Path, *options: str) -> dict[str, Any]:
    finished = fft("test", root, "--history", "--json", *options)
    assert finished.code == 0, finished.err
    return {check["check"]: check for check in json.loads(finished.out)["checks"]}


def test_without_runs_nothing_is_known_and_nothing_is_made(fft: Fft, root: Path) -> None:
    finished = fft("test", root, "--history")
    assert finished.code == 0
    assert lines(finished.out) == [
        "- raw unique_id no result yet",
        "- raw greater_equal_n no result yet",
        "- raw not_null_n no result yet",
        "3 checks, 0 not passing, 3 without a result",
    ]
    assert not (root / ".fastflowtransform" / "dagster").exists()


def test_it_says_since_when_a_check_fails_and_how_many_rows_did(fft: Fft, root: Path) -> None:
    fft("build", root)
    write(root, {"seeds/raw.csv": BAD})
    assert fft("build", root).code == 2
    write(root, {"seeds/raw.csv": WORSE})
    assert fft("build", root).code == 2
    assert lines(fft("test", root, "--history").out) == [
        "fail raw unique_id .FF for 2 runs, since TIME UTC: 0 → 1 → 2 rows",
        "warn raw greater_equal_n ..w for 1 run, since TIME UTC: 0 → 1 rows",
        "pass raw not_null_n ... TIME UTC",
        "3 checks, 2 not passing",
    ]
    known = history(fft, root)["unique_id"]
    assert [result["status"] for result in known["results"]] == ["pass", "fail", "fail"]
    assert (known["runs"], known["since"], known["since_is_known"]) == (2, known["results"][1]["at"], True)
    assert known["results"][2]["judged"] == "staged rows, which were not published"
    write(root, {"seeds/raw.csv": GOOD.replace("2,2", "3,3")})
    fft("build", root)
    assert lines(fft("test", root, "--history", "--select", "tag:keys").out) == [
        "pass raw unique_id .FF. TIME UTC: 0 → 1 → 2 → 0 rows",
        "1 check, 0 not passing",
    ]


def test_one_row_is_a_row(fft: Fft, root: Path) -> None:
    write(root, {"seeds/raw.csv": BAD})
    fft("build", root)
    assert lines(fft("test", root, "--history").out)[0] == "fail raw unique_id F for 1 run, since TIME UTC: 1 row"


def test_what_was_not_run_again_is_no_result(fft: Fft, root: Path) -> None:
    fft("build", root)
    fft("build", root)
    run_in_ui(root)
    assert [len(check["results"]) for check in history(fft, root).values()] == [1, 2, 1]  # a warning is asked again
    fft("test", root)
    assert [len(check["results"]) for check in history(fft, root).values()] == [2, 3, 2]


def run_in_ui(root: Path) -> None:
    """Materialize all, as the UI does: on the project's own instance, without what `fft` notes of its runs."""
    definitions = project_definitions(load_project(root, "dev", environment={}))
    with open_instance(root) as instance:
        job = definitions.resolve_implicit_global_asset_job_def()
        job.execute_in_process(instance=instance, raise_on_error=False)


def test_runs_of_the_ui_count_and_those_of_another_environment_do_not(fft: Fft, root: Path) -> None:
    fft("build", root)
    write(root, {"seeds/raw.csv": BAD})
    run_in_ui(root)
    assert lines(fft("test", root, "--history").out)[0] == "fail raw unique_id .F for 1 run, since TIME UTC: 0 → 1 rows"
    write(root, {"seeds/raw.csv": GOOD.replace("2,2", "3,3")})
    fft("build", root, "--env", "prod")
    assert [r["status"] for r in history(fft, root)["unique_id"]["results"]] == ["pass", "fail"]
    assert [r["status"] for r in history(fft, root, "--env", "prod")["unique_id"]["results"]] == ["fail", "pass"]


def test_of_many_results_the_newest_are_shown(fft: Fft, root: Path) -> None:
    write(root, {"seeds/raw.csv": BAD.replace("1,2", "1,1")})
    fft("build", root, "--cache", "off")
    write(root, {"project.yml": FILES["project.yml"].replace("{type: unique", "{severity: warn, type: unique")})
    fft("build", root)
    for _ in range(22):
        fft("test", root, "--select", "tag:keys")
    known = history(fft, root, "--select", "tag:keys")["unique_id"]
    assert len(known["results"]) == 20
    assert (known["runs"], known["since_is_known"]) == (24, True)


def test_reports_of_a_run_are_refused(fft: Fft, root: Path) -> None:
    finished = fft("test", root, "--history", "--junit", root / "x.xml")
    assert finished.code != 0
    assert "--history runs no checks, and cannot be combined with --junit or --sarif" in finished.err
    assert not (root / "x.xml").exists()


def test_a_history_that_cannot_be_read_is_an_error(fft: Fft, root: Path) -> None:
    fft("build", root)
    for path in (root / ".fastflowtransform" / "dagster").rglob("*.db"):
        path.write_bytes(b"not a database, but long enough to be read as the head of one. " * 20)
    for path in (root / ".fastflowtransform" / "dagster").rglob("*.db-*"):
        path.unlink()
    finished = fft("test", root, "--history")
    assert finished.code == 1
    assert "cannot be read" in finished.err
    assert "Traceback" not in finished.err

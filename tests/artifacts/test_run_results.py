"""`run_results.json`: what is written is what is read, by the schema; what cannot be read says where and why."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from validation import validate

from fft_core import FftError
from fft_core.errors import ArtifactError, Location
from fft_core.plan.decision import Reason
from fft_core.run.results import (
    CheckRunResult,
    HttpRunResult,
    NodeRunResult,
    RunError,
    RunResults,
    read_run_results,
    write_run_results,
)

WARNED = CheckRunResult(name="not_null_id", status="warn", severity="warn", failing_rows=3)
FULL = NodeRunResult(
    name="users",
    kind="python",
    status="built",
    reasons=(Reason("code_changed", "its Python changed"),),
    started_at=datetime(2026, 1, 31, 12, 30, 5, 250_000, tzinfo=UTC),
    duration_ms=1500,
    query_duration_ms=12,
    rows=4,
    bytes=800,
    relation="db.main.users",
    checks=(WARNED,),
    http=HttpRunResult(requests=3, cache_hits=1, bytes=2048, used_offline=False),
)
FAILED = NodeRunResult(
    name="orders",
    kind="sql",
    status="failed",
    error=RunError.of(FftError("no such column: é", where=Location(Path("models/orders.ff.sql"), 3), hint="Look.")),
)
RUN = RunResults(
    fft_version="0.1.0",
    generated_at=datetime(2026, 1, 31, 12, 31, tzinfo=UTC),
    command="build",
    run_id="b5f1",
    project="shop",
    profile="dev",
    engine="duckdb",
    exit_code=1,
    elapsed_ms=2100,
    results=(FULL, FAILED, NodeRunResult(name="crm.users", kind="source", status="checked")),
)


def written(root: Path, **changes: object) -> Path:
    """Write the results, with other values at places such as `results[0].rows`."""
    path = write_run_results(root, RUN)
    value = json.loads(path.read_text(encoding="utf-8"))
    for place, new in changes.items():
        *keys, last = place.split("__")
        spot: Any = value
        for key in keys:
            spot = spot[int(key) if key.isdigit() else key]
        spot[last] = new
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    path = write_run_results(tmp_path, RUN)
    assert path == tmp_path / ".fastflowtransform" / "target" / "run_results.json"
    assert read_run_results(tmp_path) == RUN
    assert [found.name for found in path.parent.iterdir()] == ["run_results.json"]


def test_what_is_written_follows_the_schema(tmp_path: Path) -> None:
    value = json.loads(write_run_results(tmp_path, RUN).read_text(encoding="utf-8"))
    validate(value, "run_results")
    assert value["results"][1]["error"] == {
        "message": "no such column: é", "file": "models/orders.ff.sql", "line": 3, "hint": "Look.",
        "code": "FFT-400",
    }  # fmt: skip
    assert value["results"][0]["started_at"] == "2026-01-31T12:30:05.250000Z"


def test_errors_of_older_files_have_no_code(tmp_path: Path) -> None:
    path = write_run_results(tmp_path, RUN)
    assert [result.error.code for result in read_run_results(tmp_path).results if result.error] == ["FFT-400"]
    path.write_text(path.read_text(encoding="utf-8").replace(', "code": "FFT-400"', ""), encoding="utf-8")
    assert [result.error.code for result in read_run_results(tmp_path).results if result.error] == [None]


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (replace(FULL, checks=()), "ok"),
        (replace(FULL, status="reused", checks=()), "ok"),
        (FULL, "warn"),
        (replace(FULL, status="blocked"), "fail"),
        (replace(FULL, status="checked", checks=(WARNED, replace(WARNED, status="fail"))), "fail"),
        (FAILED, "error"),
        (replace(FULL, status="skipped", checks=()), None),
        (replace(FULL, status="interrupted"), None),
        (replace(FULL, status="not_started", checks=()), None),
    ],
)
def test_the_outcome_by_which_a_node_is_selected(result: NodeRunResult, outcome: str | None) -> None:
    assert result.selector_status == outcome


def test_results_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        ArtifactError,
        match=(
            r"(?s)run_results.json does not exist \[FFT-\d+\]\n    hint: fft "
            r"build and fft test"
        ),
    ):
        read_run_results(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"metadata__schema": "fft.run_results/9"},
            "has the schema 'fft.run_results/9', not 'fft.run_results/1'",
        ),
        ({"results__0__status": "done"}, r"results\[0\].status is 'done', not one of built, reused"),
        ({"results__1__rows": "many"}, r"results\[1\].rows is \"many\", which has another type"),
        ({"results__1__rows": True}, r"results\[1\].rows is true, which has another type"),
        ({"results__0__started_at": "noon"}, r"results\[0\].started_at is 'noon', not a time"),
        ({"results__0__checks": [7]}, r"results\[0\].checks\[0\] is not an object"),
        ({"results": {}}, "results is {}, which has another type"),
    ],
)
def test_a_value_that_cannot_be_read_is_named(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    written(tmp_path, **changes)
    with pytest.raises(ArtifactError, match=message):
        read_run_results(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00", "null"])
def test_a_file_that_is_no_results_at_all(tmp_path: Path, text: str) -> None:
    written(tmp_path).write_text(text, encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"run_results\.json"):
        read_run_results(tmp_path)


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / ".fastflowtransform").write_text("a file where the folder should be")
    with pytest.raises(ArtifactError, match=r"cannot write .*run_results\.json: Not a directory: .*target"):
        write_run_results(tmp_path, RUN)


def test_a_write_that_fails_leaves_the_last_file_as_it_was(tmp_path: Path) -> None:
    path = write_run_results(tmp_path, RUN)
    before = path.read_text(encoding="utf-8")
    with pytest.raises(ArtifactError, match="surrogates not allowed"):
        write_run_results(tmp_path, replace(RUN, command="\ud800"))
    assert path.read_text(encoding="utf-8") == before
    assert [found.name for found in path.parent.iterdir()] == ["run_results.json"]

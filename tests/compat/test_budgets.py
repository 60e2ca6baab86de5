"""budgets.yml becomes values, in bytes and milliseconds."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_projects import loaded, problems

from fft_core.project.model import Budget, Limits

TEXT = """\
version: 1
query_limits:
  duckdb: {max_bytes: 5_000_000}
  bigquery: {max_bytes: 10}
total:
  bytes_scanned: {warn: 10, error: 100}
  query_duration_ms: {warn: "30s", error: "2m"}
models:
  users.ff: {bytes_scanned: {error: 3}, query_duration_ms: {warn: 500ms, error: 1h}}
  gone: {rows: {warn: 1}}
tags:
  batch: {bytes_scanned: {warn: 4}}
"""


def test_what_is_said_for_the_engine(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    budgets = loaded(tmp_path, {"budgets.yml": TEXT, "models/users.ff.sql": "select 1 as id"}).budgets
    assert budgets.query_max_bytes == 5_000_000
    assert budgets.total == Budget(Limits(10, 100), None, Limits(30_000, 120_000))
    assert budgets.models["users"] == Budget(Limits(None, 3), None, Limits(500, 3_600_000))
    assert budgets.tags == {"batch": Budget(Limits(4))}
    assert "budgets.yml:10: a budget of 'gone', which is not a model" in caplog.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "totals: {}",
            "budgets.yml:1: unknown key 'totals' in the file [FFT-101]\n    hint: Did you mean 'total' or 'tags'?",
        ),
        ("total: {bytes: {warn: 1}}", "budgets.yml:1: unknown key 'bytes' in total [FFT-101]"),
        ("total: {rows: {warn: 2, error: 1}}", "budgets.yml:1: total.rows: error (1) is below warn (2) [FFT-106]"),
        ("total: {rows: {}}", "budgets.yml:1: total.rows: set warn, error, or both [FFT-106]"),
        (
            "total: {query_duration_ms: {warn: 3 days}}",
            "budgets.yml:1: total.query_duration_ms.warn: '3 days' is not a time",
        ),
        (
            "query_limits: {duckdb: {max_bytes: -1}}",
            "budgets.yml:1: query_limits.duckdb.max_bytes: Input should be greater",
        ),
        ("total: {rows: {warn: yes}}", "budgets.yml:1: total.rows.warn: true is not a number"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    assert problems(tmp_path, {"budgets.yml": text})[0].startswith(said)

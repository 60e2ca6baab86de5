"""`fft source freshness` as a process: lines, JSON, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from test_build_command import SHOP, fft, write

SOURCES = """\
version: 2
sources:
  - name: crm
    tables:
      - name: fresh
        identifier: loads
        freshness: {loaded_at_field: now_, warn_after: {count: 1, period: day}, error_after: {count: 2, period: day}}
      - name: late
        identifier: loads
        freshness: {loaded_at_field: hours, warn_after: {count: 90, period: minute}}
      - name: old
        identifier: loads
        freshness: {loaded_at_field: days, warn_after: {count: 1, period: hour}, error_after: {count: 3, period: day}}
      - name: unlimited
        identifier: loads
  - name: web
    tables:
      - name: gone
        freshness: {loaded_at_field: x, error_after: {count: 1, period: day}}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write(tmp_path_factory.mktemp("fresh"), {**SHOP, "sources.yml": SOURCES})
    with duckdb.connect(str(root / "dev.duckdb")) as connection:
        connection.execute(
            "create table loads as select now() as now_, now() at time zone 'UTC' - interval '5 hours' as hours,"
            " (now() - interval '4 days 2 hours')::timestamptz as days"
        )
    return root


def test_each_source_has_a_line(shop: Path) -> None:
    finished = fft("source", "freshness", shop)
    assert (finished.code, finished.err) == (1, "")
    gone = "dev.main.gone does not exist. The source web.gone (sources.yml:18) must be loaded first. [FFT-504]"
    assert finished.lines[1:] == [
        "warn crm.late 5 h warn after 1 h 30 min",
        "error crm.old 4 d 2 h warn after 1 h, error after 3 d",
        f"error web.gone {gone} error after 1 d",
    ]
    assert finished.lines[0].startswith("pass crm.fresh ")


def test_warnings_are_no_error(shop: Path) -> None:
    finished = fft("source", "freshness", shop, "--select", "crm.late crm.fresh", "--json")
    assert (finished.code, finished.err) == (0, "")
    found = {source["source"]: source for source in json.loads(finished.out)["sources"]}
    assert {name: source["status"] for name, source in found.items()} == {"crm.fresh": "pass", "crm.late": "warn"}
    late = found["crm.late"]
    assert 5 * 3600 < late["age_seconds"] < 5 * 3600 + 90
    assert (late["warn_after_seconds"], late["error_after_seconds"], late["problem"]) == (5400, None, None)
    assert late["loaded_at"].endswith("+00:00")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--select", "crm.unlimited"], 0, "No sources with freshness"),
        (["--select", "crm.lat"], 2, "'crm.lat' is not a source [FFT-301]\n    hint: Did you mean 'crm.late'"),
        (["--env", "nowhere"], 1, "profile 'nowhere' does not exist [FFT-202]"),
    ],
)
def test_what_is_selected_may_be_nothing(shop: Path, arguments: list[str], code: int, said: str) -> None:
    finished = fft("source", "freshness", shop, *arguments)
    assert finished.code == code
    assert said in finished.out + finished.err

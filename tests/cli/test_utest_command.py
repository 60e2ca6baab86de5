"""`fft utest` as a process: its lines, the rows that it shows, JSON and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_build_command import SHOP, fft, write

FILES = {
    **SHOP,
    "project.yml": "name: shop\nversion: '1'\n",
    "models/tagged.ff.sql": "{{ config(tags=['nightly']) }} select id from {{ ref('users') }}",
    "tests/unit/users.yml": """\
        model: users
        defaults: {inputs: {seed_users: {rows: [{id: 1, email: a}, {id: 2, email: null}, {id: 3, email: c}]}}}
        cases:
          - {name: good, expect: {rows: [{id: 1}, {id: 2}, {id: 3}]}}
          - name: bad
            expect: {order_by: [id], rows: [{id: 1, email: a}, {id: 2, email: b}, {id: 4, email: d}]}
          - {name: broken, inputs: {seed_users: {rows: [{no_id: 1}]}}, expect: {rows: []}}
        """,
    "tests/unit/loud.yml": """\
        model: loud
        cases: [{name: shouts, inputs: {users: {rows: [{email: a}]}}, expect: {rows: [{email: A}]}}]
        """,
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("utest"), FILES)


def test_failures_are_shown_by_their_rows(shop: Path) -> None:
    finished = fft("utest", shop)
    assert finished.code == 2
    assert finished.err == "said by the model\n"
    lines = finished.lines
    assert lines[0] == "pass loud shouts N s"
    assert lines[1] == "pass users good N s"
    assert lines[2:9] == [
        "fail users bad tests/unit/users.yml:5",
        "rows: 1 as expected, 1 with other values, 1 missing, 1 not expected",
        "id email",
        "~ 2 'b' -> NULL",
        "- 4 'd'",
        "+ 3 'c'",
        "~ expected -> found - missing + not expected",
    ]
    assert lines[9] == "error users broken tests/unit/users.yml:7"
    assert "models/users.ff.sql:1: model 'users': " in lines[10]
    assert lines[-1] == "2 passed, 2 failed"
    assert not (shop / "dev.duckdb").exists()


def test_json_has_every_row(shop: Path) -> None:
    finished = fft("utest", shop, "--json", "--model", "users")
    assert (finished.code, finished.err) == (2, "")
    found = json.loads(finished.out)
    assert (found["passed"], found["failed"]) == (1, 2)
    good, bad, broken = found["cases"]
    assert (good["status"], good["mismatch"], good["error"]) == ("pass", None, None)
    assert (bad["model"], bad["case"], bad["file"], bad["line"]) == ("users", "bad", "tests/unit/users.yml", 5)
    assert bad["mismatch"] == {
        "equal_rows": 1,
        "differing": [
            {"columns": ["email"], "expected": {"id": 2, "email": "b"}, "found": {"id": 2, "email": None}},
        ],
        "missing": [{"id": 4, "email": "d"}],
        "unexpected": [{"id": 3, "email": "c"}],
        "unknown_columns": [],
    }
    assert broken["status"] == "error"
    assert "models/users.ff.sql:1" in broken["error"]


def test_quiet_and_loud(shop: Path) -> None:
    finished = fft("utest", shop, "-q", "-vv", "--model", "users")
    assert finished.code == 2
    assert [line.split()[:3] for line in finished.lines if line.startswith(("pass", "fail", "error"))] == [
        ["fail", "users", "bad"],
        ["error", "users", "broken"],
    ]
    assert "passed" not in finished.out
    assert finished.err.startswith("sql [users] ")
    assert 'create temporary table "seed_users" as' in finished.err


@pytest.mark.parametrize(
    ("arguments", "code", "last"),
    [
        (["--case", "good"], 0, "1 passed"),
        (["--select", "tag:nightly"], 0, "No unit tests"),
        (["--model", "tagged"], 0, "No unit tests"),
        (["--case", "god"], 2, "hint: Did you mean 'good'?"),
        (["--nothing"], 2, "Error: No such option '--nothing'."),
    ],
)
def test_cases_are_chosen(shop: Path, arguments: list[str], code: int, last: str) -> None:
    finished = fft("utest", shop, *arguments)
    assert finished.code == code
    assert (finished.out or finished.err).strip().splitlines()[-1].strip() == last


def test_a_project_without_unit_tests(tmp_path: Path) -> None:
    finished = fft("utest", write(tmp_path, SHOP))
    assert (finished.code, finished.out, finished.err) == (0, "No unit tests\n", "")


def test_a_test_that_fits_no_model_makes_the_project_invalid(tmp_path: Path) -> None:
    text = FILES["tests/unit/loud.yml"].replace("users:", "user:")
    finished = fft("utest", write(tmp_path, {**FILES, "tests/unit/loud.yml": text}))
    assert finished.code == 1
    assert "tests/unit/loud.yml:2: model 'loud' does not read 'user'\n    hint: Did you mean 'users'?" in finished.err


def test_a_place_that_cannot_be_opened(tmp_path: Path) -> None:
    profiles = "dev: {engine: duckdb}\ndev_utest: {engine: duckdb, duckdb: {path: project.yml}}\n"
    finished = fft("utest", write(tmp_path, {**FILES, "profiles.yml": profiles}))
    assert (finished.code, finished.out) == (1, "")
    assert "cannot open" in finished.err

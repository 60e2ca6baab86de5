"""`fft utest` as a process: its lines, the rows that it shows, JSON and exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
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
        (["--nothing"], 2, "Error: No such option '--nothing'. [FFT-310]"),
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
    assert (
        "tests/unit/loud.yml:2: model 'loud' does not read 'user' [FFT-161]\n    hint: Did you mean 'users'?"
        in finished.err
    )


def test_a_place_that_cannot_be_opened(tmp_path: Path) -> None:
    profiles = "dev: {engine: duckdb}\ndev_utest: {engine: duckdb, duckdb: {path: project.yml}}\n"
    finished = fft("utest", write(tmp_path, {**FILES, "profiles.yml": profiles}))
    assert (finished.code, finished.out) == (1, "")
    assert "cannot open" in finished.err


def test_update_writes_what_was_found(tmp_path: Path) -> None:
    shop = write(tmp_path, FILES)
    finished = fft("utest", shop, "--update")
    assert finished.code == 2  # the broken one is an error still
    assert finished.lines[-2:] == ["2 passed, 2 failed", "updated tests/unit/users.yml: bad"]
    assert (
        "rows: [{id: 1, email: a}, {id: 2, email: null}, {id: 3, email: c}]"
        in (shop / "tests/unit/users.yml").read_text()
    )
    again = fft("utest", shop, "--case", "bad")
    assert (again.code, again.lines[-1]) == (0, "1 passed")


def test_update_as_json_says_what_was_not_written(tmp_path: Path) -> None:
    text = FILES["tests/unit/loud.yml"].replace("{email: A}", "{mail: A}")
    finished = fft(
        "utest", write(tmp_path, {**FILES, "tests/unit/loud.yml": text}), "--update", "--json", "--model", "loud"
    )
    assert finished.code == 2
    (updated,) = json.loads(finished.out)["updated"]
    assert (updated["model"], updated["case"], updated["file"]) == ("loud", "shouts", "tests/unit/loud.yml")
    assert "the model has no column 'mail'" in updated["error"]


def test_a_case_is_generated(tmp_path: Path) -> None:
    shop = write(tmp_path, {**SHOP, "seeds/schema.yml": "columns: {seed_users: {id: integer}}\n"})
    assert fft("build", shop).code == 0
    finished = fft("utest", shop, "--generate", "users", "--rows", "1", "--case", "one")
    assert (finished.code, finished.lines) == (
        0,
        [
            "wrote tests/unit/users_one.yml: one",
            "seed_users: 1 row",
            "expected: 1 row, as the model returns them now: check that they are right",
            "no column is tagged pii: all values come from the tables",
        ],
    )
    assert fft("utest", shop).lines[-1] == "1 passed"
    refused = fft("utest", shop, "--generate", "users", "--case", "one")
    assert (refused.code, refused.out) == (2, "")
    assert "tests/unit/users_one.yml already exists [FFT-311]" in refused.err
    written = json.loads(fft("utest", shop, "--generate", "users", "--case", "one", "--overwrite", "--json").out)
    assert (written["file"], written["faked"]) == ("tests/unit/users_one.yml", [])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rows", "3"], "--rows and --overwrite need --generate."),
        (["--watch", "--update"], "--generate, --watch and --update cannot be combined."),
        (["--watch", "--json"], "--watch cannot be combined with --json."),
        (["--generate", "user"], "'user' is not a model [FFT-301]\n  hint: Did you mean 'users'?"),
    ],
)
def test_options_that_do_not_fit(shop: Path, arguments: list[str], said: str) -> None:
    finished = fft("utest", shop, *arguments)
    assert (finished.code, finished.out) == (2, "")
    assert said.replace("\n  ", " ") in " ".join(finished.err.split()) or said in finished.err


def test_watch_runs_again_when_a_file_changes(tmp_path: Path) -> None:
    """Also after the project was wrong; Ctrl-C ends it."""
    files = {name: text for name, text in FILES.items() if name != "tests/unit/users.yml"}
    shop = write(tmp_path, files)
    command = [sys.executable, "-u", "-m", "fft_cli", "utest", str(shop), "--watch"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    out = process.stdout

    def until(text: str) -> str:
        seen = ""
        while text not in seen:
            line = out.readline()
            assert line, seen
            seen += line
        return seen

    try:
        assert "1 passed" in until("Waiting for changes")
        path = shop / "tests/unit/loud.yml"
        path.write_text(path.read_text().replace("email: A", "email: B"))
        seen = until("Waiting for changes")
        assert "--- changed: tests/unit/loud.yml" in seen
        assert "1 failed" in seen
        path.write_text("model: lout\n")
        assert "tests/unit/loud.yml:1: missing key 'cases' [FFT-105]" in until("Waiting for changes")
        path.write_text(textwrap.dedent(FILES["tests/unit/loud.yml"]))
        assert "1 passed" in until("Waiting for changes")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
    finally:
        process.kill()
        process.wait()

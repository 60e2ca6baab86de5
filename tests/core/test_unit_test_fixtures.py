"""Rows that cases share: tests/fixtures/*.yml and *.csv, by their names."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit_test_bench import Bench
from written_projects import loaded, problems

FILES = {
    "seeds/raw_users.csv": "id,email\n1,a@x.at\n",
    "models/users.ff.sql": "select id, lower(email) as email, joined from {{ ref('raw_users') }}",
    "tests/fixtures/few.yml": "# all that joined in 2025\nrows:\n  - {id: 1, email: A, joined: 2025-01-01}\n"
    "  - {id: 2, email: B}\ncolumns: {joined: timestamp}\n",
    "tests/fixtures/more.yml": "rows: [{id: 3, email: C}]",
    "tests/fixtures/many.csv": "id,email,joined\n7,G,2025-01-07\n",
    "tests/fixtures/from_file.yml": "csv: data/many.csv\ncolumns: {id: string}\n",
    "tests/fixtures/data/many.csv": "id,email,joined\n007,G,2025-01-07\n",
    "tests/fixtures/other.yml": "this is: not one of ours, and is not read\n",
}
CASE = "model: users\ncases: [{name: a, inputs: {raw_users: {fixture: few}}, expect: {rows: []}}]\n"


def test_an_input_has_the_rows_of_a_fixture(bench: Bench) -> None:
    text = """\
        model: users
        defaults: {inputs: {raw_users: {fixture: few}}}
        cases:
          - {name: one, expect: {rows: [{id: 1, email: a, joined: 2025-01-01 00:00:00}, {id: 2, email: b}]}}
          - {name: two, inputs: {raw_users: {fixture: [few, more]}}, expect: {rows: [{id: 1}, {id: 2}, {id: 3}]}}
          - {name: csv, inputs: {raw_users: {fixture: many}}, expect: {rows: [{id: 7, joined: 2025-01-07}]}}
          - {name: typed, inputs: {raw_users: {fixture: many, columns: {id: string}}}, expect: {rows: [{id: "7"}]}}
          - {name: file, inputs: {raw_users: {fixture: from_file}}, expect: {rows: [{id: "007", email: g}]}}
        """
    found = bench.outcome({**FILES, "tests/unit/users.yml": text})
    assert found == dict.fromkeys(["one", "two", "csv", "typed", "file"], "pass")


def test_a_fixture_that_cannot_be_stored_is_named_with_its_line(bench: Bench) -> None:
    files = {**FILES, "tests/fixtures/few.yml": "# wrong\nrows: [{id: 1}, {id: x}]\n", "tests/unit/t.yml": CASE}
    assert bench.outcome(files)["a"].startswith("error: tests/fixtures/few.yml:2: the type of column 'id' is not clear")


def test_a_changed_fixture_is_read_again(tmp_path: Path) -> None:
    (before,) = loaded(tmp_path, {**FILES, "tests/unit/t.yml": CASE}).unit_tests
    (after,) = loaded(tmp_path, {"tests/fixtures/few.yml": "rows: [{id: 8}]"}).unit_tests
    assert len(before.inputs[0].rows) == 2  # type: ignore[arg-type]
    assert after.inputs[0].rows == ({"id": 8},)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"t": "few"}, "tests/unit/t.yml:2: fixture 'fewer' does not exist [FFT-113]\n    hint: Did you mean 'few'?"),
        ({"t": "zzz"}, "hint: There are few, from_file, many, more, other."),
        ({"t": "other"}, "tests/fixtures/other.yml:1: unknown key 'this is' in the file [FFT-101]"),
        ({"t": "few", "few.csv": "id\n1\n"}, "fixture 'few' is also in tests/fixtures/few.yml [FFT-120]"),
        ({"t": "few", "few.yml": "rows: [\n"}, "tests/fixtures/few.yml:2: invalid YAML"),
        ({"t": "few", "few.yml": "rows: []\ncsv: x\n"}, "set either rows or csv [FFT-106]"),
        ({"t": "few", "few.yml": "columns: {}\n"}, "set either rows or csv [FFT-106]"),
        ({"t": "[few, many]"}, "tests/unit/t.yml:2: fixture 'many' is a CSV, so it cannot be one of several [FFT-161]"),
        ({"t": "[]"}, "tests/unit/t.yml:2: cases.0.inputs.raw_users.fixture"),
        ({"t": "few, rows: []"}, "set either rows or csv, or a fixture [FFT-106]"),
    ],
)
def test_what_is_wrong_about_a_fixture_has_its_line(tmp_path: Path, files: dict[str, str], said: str) -> None:
    case = CASE.replace("fixture: few", f"fixture: {'fewer' if 'fewer' in said else files['t']}")
    written = {f"tests/fixtures/{name}": text for name, text in files.items() if name != "t"}
    found = problems(tmp_path, {**FILES, "tests/unit/t.yml": case, **written})
    assert len(found) == 1
    assert said in found[0]

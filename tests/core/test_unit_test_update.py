"""`update_expected`: the rows that were found are written into the files, and nothing else of them changes."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit_test_bench import Bench

from fft_core import run_unit_tests
from fft_core.unit_tests.update import update_expected

FILES = {
    "seeds/raw_users.csv": "id,email\n1,a\n",
    "models/users.ff.sql": "select id, upper(email) as email, amount from {{ ref('raw_users') }}",
    "models/counted.ff.sql": "select count(*) as n from {{ ref('users') }}",
}
INPUTS = """\
defaults:
  inputs:
    raw_users:   # three of them
      rows: [{id: 1, email: a, amount: 1.5}, {id: 2, email: 'no', amount: 2.25}, {id: 3, amount: 1.0e+20}]
"""


def updated(bench: Bench, text: str, name: str = "tests/unit/users.yml") -> tuple[str, list[str]]:
    """Run and update; return the file's text, and what was said. Afterwards all cases pass that were updated."""
    project = bench.load({**FILES, name: text})
    results = list(run_unit_tests(project, project.unit_tests))
    found = [str(one.problem or one.result.test.name) for one in update_expected(project, results)]
    outcome = bench.outcome({})
    assert all(outcome[one] == "pass" for one in found if one in outcome)
    return (bench.root / name).read_text(), found


def test_only_what_differs_is_written(bench: Bench) -> None:
    before = (
        "# users\nmodel: users\n"
        + INPUTS
        + textwrap.dedent("""\
        cases:
          - name: block   # a comment
            expect:
              order_by: [id]
              rows:
                # the first
                - {id: 1,   email: "A", amount: 1.5}   # stays as it is
                - {id: 2, email: nO, amount: 2.25}   # in capitals
                # nobody
                - id: 4
                  email: D
                  amount: 0
                # last words
              approx: 0.001
          - name: flow
            expect: {rows: [{id: 1, email: A}, {id: 9, email: Z}], order_by: [id]}
          - {name: none, expect: {rows: []}}
          - {name: right, expect: {rows: [{id: 1}, {id: 2}, {id: 3}]}}
        # the end
        """)
    )
    after, names = updated(bench, before)
    assert names == ["block", "flow", "none"]
    replaced = before.replace("email: nO,", "email: 'NO',")
    replaced = replaced.replace(
        "- id: 4\n          email: D\n          amount: 0\n", "- {id: 3, email: null, amount: 1.0e+20}\n"
    )
    replaced = replaced.replace("{id: 9, email: Z}]", "{id: 2, email: 'NO'}, {id: 3, email: null}]")
    replaced = replaced.replace(
        "{name: none, expect: {rows: []}}",
        "{name: none, expect: {rows: [{id: 1, email: A, amount: 1.5}, {id: 2, email: 'NO', amount: 2.25}, "
        "{id: 3, email: null, amount: 1.0e+20}]}}",
    )
    assert after == replaced


def test_rows_are_taken_away_and_added(bench: Bench) -> None:
    text = (
        "model: users\n"
        + INPUTS
        + "cases:\n  - name: all others\n    expect:\n      rows:\n      - id: 7\n      - id: 8\n      - id: 9\n"
        "  - name: the last\n    expect:\n      rows:\n      - id: 1\n      - id: 2\n      - id: 3\n      - id: 4\n"
        "      - id: 5"
    )
    after, names = updated(bench, text)
    assert names == ["all others", "the last"]
    assert after.endswith(
        "rows:\n      - {id: 1}\n      - {id: 2}\n      - {id: 3}\n"
        "  - name: the last\n    expect:\n      rows:\n      - id: 1\n      - id: 2\n      - id: 3\n"
    )


def test_a_cell_that_was_left_out_is_added_to_its_row(bench: Bench) -> None:
    text = (
        "model: users\n"
        + INPUTS
        + "cases: [{name: a, expect: {order_by: [id], rows: [{id: 1}, {id: 2, email: x}, {id: 3}]}}]"
    )
    after, _ = updated(bench, text)
    assert after.endswith("rows: [{id: 1, email: A}, {id: 2, email: 'NO'}, {id: 3}]}}]")


def test_all_expectations_of_a_chain_are_updated(bench: Bench) -> None:
    text = (
        "models: [users, counted]\n"
        + INPUTS
        + textwrap.dedent("""\
        cases:
          - name: both
            expect:
              - relation: users
                rows: [{id: 1}]
              - rows:
                  - {n: 7}
        """)
    )
    after, names = updated(bench, text)
    assert names == ["both"]
    assert after == text.replace("{id: 1}]\n      - rows", "{id: 1}, {id: 2}, {id: 3}]\n      - rows").replace(
        "n: 7", "n: 3"
    )


def test_what_kind_of_line_breaks_a_file_has_is_kept(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "duckdb", "{path: db.duckdb}")
    text = "model: users\n" + INPUTS + "cases:\n- name: a\n  expect:\n    rows:\n    - {id: 1}\n    - {id: 4}\n"
    project = bench.load({**FILES, "tests/unit/users.yml": text})
    path = tmp_path / "tests" / "unit" / "users.yml"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert len(list(update_expected(project, run_unit_tests(project, project.unit_tests)))) == 1
    wanted = text.replace("    - {id: 4}\n", "    - {id: 2}\n    - {id: 3}\n")
    assert path.read_bytes() == b"\xef\xbb\xbf" + wanted.replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "cases: [{name: a, expect: {rows: [{mail: x}]}}]",
            "the model has no column 'mail': its rows cannot be updated",
        ),
        (
            "  expect: {rows: [{id: 7}]}\ncases: [{name: a}]",
            "its rows are those of the defaults, which other cases share",
        ),
        (
            "cases: [{name: a, expect: {rows: &rows [{id: 7}]}}, {name: b, expect: {rows: *rows}}]",
            "its rows are an alias of rows that are written elsewhere",
        ),
        (
            "cases: [{name: a, expect: {rows: [&row {id: 7}]}}, {name: b, expect: {rows: [*row]}}]",
            "its rows cannot be updated in place: anchors and aliases",
        ),
        (
            "cases: [{name: a, expect: {subset: true, rows: [{id: 7}]}}]",
            "none of its rows was found, and with `subset: true` a case without rows always passes",
        ),
    ],
)
def test_what_cannot_be_updated_is_left_alone_and_said(tmp_path: Path, text: str, why: str) -> None:
    bench = Bench(tmp_path, "duckdb", "{path: db.duckdb}")
    before = "model: users\n" + INPUTS + text
    after, found = updated(bench, before)
    assert any(why in one and one.startswith("tests/unit/users.yml:") for one in found), found
    assert after == before if "*row]" not in text else after.startswith(before[: before.index("{name: b")])


def test_errors_are_no_rows(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "duckdb", "{path: db.duckdb}")
    text = "model: users\ncases: [{name: a, inputs: {raw_users: {rows: [{x: 1}]}}, expect: {rows: []}}]"
    after, found = updated(bench, text)
    assert (after, found) == (text, [])


cells = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.text(max_size=8).filter(lambda t: "\0" not in t)
)
tables = st.lists(st.fixed_dictionaries({"id": st.integers(0, 5), "note": cells}), max_size=4)


@given(tables, tables, st.sampled_from(["block", "lines", "flow"]))
def test_any_rows_become_any_others(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[dict[str, object]],
    after: list[dict[str, object]],
    style: str,
) -> None:
    """Whatever rows a file has, and in which style: it has the found ones afterwards, and its comments."""
    from fft_core.project.model import ExpectedRows
    from fft_core.unit_tests.compare import compare
    from fft_core.unit_tests.run import FoundRows, UnitTestResult
    from fft_core.unit_tests.yaml_values import yaml_cell, yaml_row

    bench = Bench(tmp_path_factory.mktemp("any"), "duckdb", "{path: db.duckdb}")
    if style == "flow" or not before:
        rows = f" [{', '.join(map(yaml_row, before))}]  # rows\n"
    elif style == "block":
        rows = "\n" + "".join(f"      # {n}\n      - {yaml_row(row)}  # row {n}\n" for n, row in enumerate(before))
    else:
        rows = "\n" + "".join(f"      - id: {row['id']}\n        note: {yaml_cell(row['note'])}\n" for row in before)
    text = (
        f"model: one\ncases:\n  - name: a\n    expect:\n      rows:{rows}      # after\n      order_by: [id]\n# end\n"
    )
    project = bench.load({"models/one.ff.sql": "select 1 as id", "tests/unit/one.yml": text})
    (test,) = project.unit_tests
    found = tuple(tuple(row.values()) for row in after)
    mismatch = compare(test.expected["one"], ("id", "note"), found)
    if mismatch is None:
        return
    result = UnitTestResult(test, {"one": FoundRows(("id", "note"), found)}, 0, {"one": mismatch})
    (told,) = update_expected(project, [result])
    assert told.problem is None
    (again,) = bench.load({}).unit_tests
    assert isinstance(again.expected["one"], ExpectedRows)
    assert compare(again.expected["one"], ("id", "note"), found) is None
    written = (bench.root / "tests/unit/one.yml").read_text()
    assert written.startswith(text[: text.index("rows:") + 5])
    assert "      # after\n      order_by: [id]\n# end\n" in written

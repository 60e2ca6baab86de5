"""tests/unit/*.yml: what is read, how defaults and cases join, and every problem with its line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from written_projects import loaded, problems

from fft_core.project.model import CsvFile, CsvText, SourceName

FILES = {
    "seeds/raw_users.csv": "id,email\n1,a@x.at\n",
    "seeds/schema.yml": "columns:\n  raw_users: {id: integer}\n",
    "sources.yml": """\
        version: 2
        sources:
          - {name: crm, tables: [{name: orders, columns: [{name: amount, data_type: "decimal(9,2)"}]}, {name: logins}]}
          - {name: shop, schema: raw, tables: [{name: orders}]}
        """,
    "models/cleaned.ff.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('raw_users') }}",
    "models/users.ff.sql": "select * from {{ ref('cleaned') }}",
    "models/orders.ff.sql": "select * from {{ source('crm', 'orders') }} natural join {{ source('shop', 'orders') }}",
    "models/logins.ff.sql": "{{ config(materialized='incremental', unique_key='id', updated_at_column='seen') }} "
    "select * from {{ source('crm', 'logins') }}",
}
CASE = "cases: [{name: a, inputs: {raw_users: {rows: [{id: 1}]}}, expect: {rows: [{id: 1}]}}]"


def test_cases_win_over_defaults_key_by_key(tmp_path: Path) -> None:
    text = """\
        model: users.ff
        defaults:
          inputs:
            raw_users: {rows: [{id: 1, joined: 2025-01-01}]}
          expect: {order_by: [id], relation: users, rows: [{id: 1}]}
        cases:
          - name: as the defaults
          - name: 7
            inputs: {raw_users.ff: {rows: []}}
            expect: {rows: [], subset: true}
        """
    first, second = loaded(tmp_path, {**FILES, "tests/unit/users.yml": text}).unit_tests
    assert (first.model, first.name, first.expected["users"].rows, first.expected["users"].order_by) == (
        "users",
        "as the defaults",
        ({"id": 1},),
        ("id",),
    )
    assert [given.rows for given in first.inputs] == [({"id": 1, "joined": date(2025, 1, 1)},)]
    assert str(first.location) == "tests/unit/users.yml:7"
    assert (
        second.name,
        second.expected["users"].rows,
        second.expected["users"].order_by,
        second.expected["users"].subset,
    ) == (
        "7",
        (),
        ("id",),
        True,
    )
    assert [(given.nodes, given.rows) for given in second.inputs] == [(("raw_users",), ())]


def test_types_are_declared_where_the_input_is(tmp_path: Path) -> None:
    tests = {
        "tests/unit/users.yml": f"model: users\ndefaults:\n{CASE}\n",
        "tests/unit/orders.yml": """\
            model: orders
            cases:
              - name: a
                inputs:
                  crm.orders: {rows: [], columns: {id: integer}}
                  shop.orders: {csv: "id\\n1\\n"}
                expect: {rows: []}
            """,
    }
    orders, users = loaded(tmp_path, {**FILES, **tests}).unit_tests
    assert [(given.nodes, dict(given.types), given.other_type) for given in (*orders.inputs, *users.inputs)] == [
        ((SourceName("crm", "orders"),), {"amount": "decimal(9,2)", "id": "integer"}, None),
        ((SourceName("shop", "orders"),), {}, None),
        (("raw_users",), {"id": "integer"}, "string"),
    ]
    assert orders.inputs[1].rows == CsvText("id\n1\n")


def test_one_line_of_csv_is_a_path(tmp_path: Path) -> None:
    text = CASE.replace("rows: [{id: 1}]}}, expect", "csv: rows/users.csv}}, expect")
    (test,) = loaded(tmp_path, {**FILES, "tests/unit/users.yml": f"model: users\n{text}"}).unit_tests
    assert test.inputs[0].rows == CsvFile(Path("rows/users.csv"))


def test_files_for_another_engine_and_files_further_down_are_left_out(tmp_path: Path) -> None:
    tests = {
        "tests/unit/users.yml": f"model: users\nengine: postgres\n{CASE}",
        "tests/unit/parts/users.yml": "not: a test",
        "tests/unit/README.md": "not a test",
        "tests/dq/positive.yml": "not: a test",
    }
    assert loaded(tmp_path, {**FILES, **tests}).unit_tests == ()


def test_a_changed_test_is_read_again(tmp_path: Path) -> None:
    assert len(loaded(tmp_path, {**FILES, "tests/unit/users.yml": f"model: users\n{CASE}"}).unit_tests) == 1
    tests = {"tests/unit/users.yml": f"model: users\n{CASE.replace('name: a', 'name: b')}"}
    assert [test.name for test in loaded(tmp_path, tests).unit_tests] == ["b"]
    assert [test.name for test in loaded(tmp_path, {}).unit_tests] == ["b"]  # from the cache


def test_the_own_table_of_an_incremental_model(tmp_path: Path) -> None:
    text = """\
        model: logins
        cases:
          - {name: first, inputs: {logins: {rows: [{id: 1}]}, crm.logins: {rows: [{id: 1}]}}, expect: {rows: []}}
          - {name: next, inputs: {this: {rows: [{id: 1}]}, crm.logins: {rows: [{id: 1}]}}, expect: {rows: []}}
          - {name: none, inputs: {crm.logins: {rows: [{id: 1}]}}, expect: {rows: []}}
        """
    tests = loaded(tmp_path, {**FILES, "tests/unit/logins.yml": text}).unit_tests
    assert [test.is_given("logins") for test in tests] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"model: user\n{CASE}", "1: 'user' is not a model [FFT-113]\n    hint: Did you mean 'users'?"),
        (
            f"model: users\n{CASE.replace('raw_users', 'raw_user')}",
            "2: model 'users' does not read 'raw_user' [FFT-161]",
        ),
        (f"model: users\n{CASE.replace('raw_users', 'zzz')}", "hint: It reads cleaned, raw_users."),
        (f"model: users\n{CASE.replace('raw_users', 'this')}", "2: model 'users' replaces its table"),
        (
            "model: users\ncases: [{name: a, expect: {rows: []}}]",
            "2: case 'a' has no rows for the input 'raw_users' [FFT-161]",
        ),
        (
            f"model: users\n{CASE.replace('expect: {rows', 'expect: {row')}",
            "2: unknown key 'row' in cases.0.expect [FFT-101]",
        ),
        (
            f"model: users\n{CASE.replace(', expect: {rows: [{id: 1}]}', '')}",
            "2: case 'a' has no expect.rows [FFT-105]",
        ),
        (f"model: users\n{CASE.replace('expect: {', 'expect: {relation: x, ')}", "expect.relation 'x' is not"),
        (f"model: users\n{CASE.replace('expect: {', 'expect: {approx: much, ')}", "'much' is not a tolerance"),
        (f"model: users\n{CASE.replace('expect: {', 'expect: {approx: {id: -1}, ')}", "-1 is not a tolerance"),
        (
            f"model: users\n{CASE.replace('rows: [{id: 1}]}}', 'csv: x, rows: []}}')}",
            "set either rows or csv, or a fixture [FFT-106]",
        ),
        (
            f"model: users\n{CASE.replace('rows: [{id: 1}]}}', 'columns: {}}}')}",
            "set either rows or csv, or a fixture [FFT-106]",
        ),
        (f"model: users\n{CASE.replace('[{id: 1}]}}', '[1]}}')}", "2: cases.0.inputs.raw_users.rows.0"),
        (f"model: users\n{CASE.replace('{id: 1}]}}', '{on: 1}]}}')}", "rows.0: the column True is not text: quote"),
        ("model: users\ncases: []", "2: cases: List should have at least 1 item"),
        ("cases: [{name: a}]", "missing key 'model' [FFT-106]"),
        ("[1]", "the file must be a mapping [FFT-106]"),
        ("model: [", "invalid YAML"),
        (
            f"model: users\n{CASE[:-1]}, {CASE[8:]}",
            "2: case 'a' of 'users' is also in tests/unit/t.yml:2 [FFT-120]\n    hint: Use another name",
        ),
        (
            "model: orders\ncases: [{name: a, inputs: {orders: {rows: []}}, expect: {rows: []}}]",
            "2: model 'orders' replaces its table",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    found = problems(tmp_path, {**FILES, "tests/unit/t.yml": text})
    assert all(problem.startswith("tests/unit/t.yml") for problem in found)
    assert any(said in problem for problem in found), found


def test_a_name_of_two_sources_must_be_written_in_full(tmp_path: Path) -> None:
    files = {
        **FILES,
        "models/both.ff.sql": "select 1 as one from {{ source('crm', 'orders') }}, {{ source('shop', 'orders') }}",
        "tests/unit/t.yml": "model: both\ncases: [{name: a, inputs: {orders: {rows: []}}, expect: {rows: []}}]",
    }
    found = problems(tmp_path, files)
    assert (
        "'orders' could be several inputs of 'both' [FFT-161]\n    hint: Write crm.orders or shop.orders." in found[0]
    )


def test_an_input_that_is_not_there_is_reported_once(tmp_path: Path) -> None:
    files = {
        "models/users.ff.sql": "select * from {{ ref('nothing') }}, {{ source('crm', 'nothing') }}",
        "tests/unit/t.yml": "model: users\ncases: [{name: a, expect: {rows: []}}]",
    }
    assert [problem.split("\n")[0] for problem in problems(tmp_path, files)] == [
        "models/users.ff.sql:1: ref('nothing') is not a model or seed [FFT-110]",
        "models/users.ff.sql:1: source('crm', 'nothing') is not in sources.yml [FFT-112]",
    ]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("models/users.ff.sql", "select * from {{ ref('claened') }}", "ref('claened') is not a model or seed"),
        ("models/users.ff.sql", "select * from {{ ref('cleaned') }", "template error"),
        ("models/users.ff.py", "def users(:", "invalid Python"),
    ],
)
def test_the_tests_of_a_broken_model_are_no_further_problems(tmp_path: Path, name: str, text: str, said: str) -> None:
    files = {file: content for file, content in FILES.items() if file != "models/users.ff.sql"}
    (found,) = problems(tmp_path, {**files, name: text, "tests/unit/users.yml": f"model: users\n{CASE}\n"})
    assert said in found

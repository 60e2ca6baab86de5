"""Checks that are files of the project: queries with `config(type=...)`, functions with `@dq_test`."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from targets import Target
from written_projects import Files, loaded, opened, problems

from fft_core import CheckFailedError, FftError
from fft_core.checks.custom import is_number
from fft_core.checks.results import CheckResult
from fft_core.checks.words import in_words

COUNT = """\
{{ config(type="no_large_ids", params=["where", "limit"]) }}
-- how many are too large
select count(*) from {{ table }}
where {{ column }} > {{ params.limit or 2 }} {% if where %}and ({{ where }}){% endif %};
"""
ROWS = """\
{{ config(type="only_known") }}
with known as (select id from {{ ref('known.ff') }})
select id, {{ ff_safe_cast("id", "numeric") }} as number
from {{ table }} where {{ column }} not in (select id from known)
"""
FUNCTION = """\
from __future__ import annotations
from fastflowtransform.decorators import dq_test
from fastflowtransform.testing import base as testing
from pydantic import BaseModel

class Params(BaseModel):
    min_share: float = 0.75
    where: str | None = None

@dq_test("min_positive_share", params_model=Params)
def share(con, table, column, params):
    where = f" where {params['where']}" if params["where"] else ""
    total = testing._scalar(con, f"select count(*) from {table}{where}")
    positive = testing._scalar(con, f"select count(*) from {table}{where or ' where 1=1'} and {column} > 0")
    share = positive / total if total else 1
    example = f"select * from {table} where {column} <= 0"
    return share >= params["min_share"], f"{share:.2f} of the rows are positive, not {params['min_share']}", example

@dq_test("without_params")
def plain(con, table, column, params):
    assert con.execute("select 1 where 1 = 0").fetchone() is None
    return len(con.execute(f"select * from {table}").fetchall()) == params.get("rows", 3), "other", None

@dq_test("broken")
def broken(con, table, column, params):
    return params["not_there"]

@dq_test("wrong_type")
def wrong_type(con, table, column, params):
    return "yes"
"""
FILES: Files = {
    "models/known.ff.sql": "select 1 as id union all select 2",
    "models/m.ff.sql": "select 1 as id, -1 as v union all select 2, 5 union all select 3, 7",
    "tests/dq/large.ff.sql": COUNT,
    "tests/known.ff.sql": ROWS,
    "tests/dq/deep/functions.ff.py": FUNCTION,
    "tests/README.md": "no check",
    "tests/test_our_own.py": "raise RuntimeError",
}


def project(test: str) -> str:
    return f"name: shop\nversion: '1'\ntests:\n  - {{table: m, severity: warn, {test}}}\n"


CASES = {
    "a number": ("type: no_large_ids, column: id", 1, "1 found"),
    "a number, none": ("type: no_large_ids, column: id, params: {limit: 3}", 0, "passed"),
    "a flat parameter": ("type: no_large_ids, column: id, limit: 1", 2, "2 found"),
    "where": ('type: no_large_ids, column: id, limit: 1, where: "v > 5"', 1, "1 found"),
    "rows": ("type: only_known, column: id", 1, "1 found"),
    "defaults": ("type: min_positive_share, column: v", 1, "0.67 of the rows are positive, not 0.75"),
    "given": ("type: min_positive_share, column: v, params: {min_share: 0.5}", 0, "passed"),
    "given, where": ('type: min_positive_share, column: v, params: {where: "id > 1"}', 0, "passed"),
    "flat where": ('type: min_positive_share, column: v, where: "id > 1"', 0, "passed"),
    "no model of parameters": ("type: without_params, rows: 3", 0, "passed"),
    "no model, failing": ("type: without_params, rows: 2", 1, "other"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_custom_check_judges(tmp_path: Path, target: Target, case: str) -> None:
    test, failing, summary = CASES[case]
    with target.profile() as profiles:
        files = {**FILES, "project.yml": project(test), "profiles.yml": profiles}
        with opened(tmp_path, files) as shop:
            (result,) = [check for built in shop.build() for check in built.checks]
            assert (result.failing_rows, result.summary) == (failing, summary)
            if result.sql and failing:
                assert shop.rows(result.sql), "the query of the result is one over the published table"


def test_bad_rows_are_not_published(tmp_path: Path) -> None:
    files = {**FILES, "project.yml": project("type: min_positive_share, column: v").replace("warn", "error")}
    with opened(tmp_path, files) as shop:
        with pytest.raises(CheckFailedError) as caught:
            shop.build("known", "m")
        assert "0.67 of the rows are positive" in str(caught.value)
        assert "main.m" not in shop.relations()


def test_a_query_waits_for_what_it_mentions(tmp_path: Path) -> None:
    shop = loaded(tmp_path, {**FILES, "project.yml": project("type: only_known, column: id")})
    assert shop.waits_for("m") == ("known",)
    (check,) = shop.checks
    assert in_words(check) == "tests/known.ff.sql finds nothing wrong with column id"


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("type: broken", "check broken of m: broken() raised KeyError: 'not_there' [FFT-503]"),
        (
            "type: wrong_type",
            "check wrong_type of m: wrong_type() returned 'yes', not (ok, message, example_sql) [FFT-503]",
        ),
        ("type: min_positive_share, params: {min_share: much}", "share() raised ValidationError"),
        ("type: min_positive_share, column: nothing", "nothing"),
        ("type: no_large_ids, column: nothing", "nothing"),
    ],
)
def test_one_that_cannot_judge_is_an_error(tmp_path: Path, test: str, said: str) -> None:
    with opened(tmp_path, {**FILES, "project.yml": project(test)}) as shop, pytest.raises(FftError) as caught:
        shop.build()
    assert said in str(caught.value)
    assert not isinstance(caught.value, CheckFailedError)


WRONG: dict[str, tuple[Files, str]] = {
    "an unknown type": (
        {"project.yml": project("type: no_large_id, column: id")},
        "project.yml:4: unknown type 'no_large_id' [FFT-151]\n    hint: Did you mean 'no_large_ids'?",
    ),
    "an unknown parameter": (
        {"project.yml": project("type: no_large_ids, column: id, limt: 1")},
        (
            "project.yml:4: 'limt' is not a parameter of no_large_ids (tests/dq/large.ff.sql:1) [FFT-150]\n"
            "    hint: Did you mean 'limit'?"
        ),
    ),
    "an unknown parameter of a function": (
        {"project.yml": project("type: min_positive_share, column: v, params: {min_shar: 0.5}")},
        (
            "project.yml:4: 'min_shar' is not a parameter of min_positive_share "
            "(tests/dq/deep/functions.ff.py:11) [FFT-150]\n"
            "    hint: Did you mean 'min_share'?"
        ),
    ),
    "a name that is taken": (
        {"tests/x.ff.sql": "{{ config(type='not_null') }} select 0"},
        "tests/x.ff.sql:1: the check 'not_null' is built in [FFT-120]\n    hint: Rename it.",
    ),
    "a name twice": (
        {"tests/x.ff.sql": "{{ config(type='only_known') }} select 0"},
        "tests/x.ff.sql:1: the check 'only_known' is also in tests/known.ff.sql:1 [FFT-120]\n    hint: Rename it.",
    ),
    "no type": (
        {"tests/x.ff.sql": "select 0"},
        (
            "tests/x.ff.sql:1: a custom check needs a type [FFT-150]\n"
            '    hint: Begin it with {{ config(type="my_check", params=["where"]) }}.'
        ),
    ),
    "an unknown key": (
        {"tests/x.ff.sql": "{{ config(type='x', param=['y']) }} select 0"},
        "tests/x.ff.sql:1: config(): unknown key 'param' [FFT-101]\n    hint: Did you mean 'params'?",
    ),
    "no function": (
        {"tests/x.ff.py": "x = 1\n"},
        (
            "tests/x.ff.py: no custom check in this file [FFT-141]\n    hint: Decorate a function with @dq_test (from "
            "fastflowtransform.decorators import dq_test), or rename the file."
        ),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_where_it_stands(tmp_path: Path, case: str) -> None:
    files, said = WRONG[case]
    assert problems(tmp_path, {**FILES, **files}) == [said]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select count(*) from t", True),
        ("select sum(x) + 1 from t where x", True),
        ("select case when count(*) > 3 then 1 else 0 end from t", True),
        ("with a as (select count(*) as n from t) select n from a", True),
        ("select n from (select count(*) as n from t) as a", True),
        ("select (select count(*) from t)", True),
        ("select 0", True),
        ("select id from t where id < 0", False),
        ("select count(*) from t group by x", False),
        ("select count(*) over () from t", False),
        ("select id, count(*) from t", False),
        ("select (select max(x) from u) from t", False),
        ("select * from t", False),
        ("select 1 where false union all select 2", False),
    ],
)
def test_a_number_is_told_from_rows_by_the_form_of_the_query(sql: str, expected: bool) -> None:
    assert is_number(sql, "duckdb") is expected


def test_a_result_shows_what_a_function_said(tmp_path: Path) -> None:
    with opened(tmp_path, {**FILES, "project.yml": project("type: min_positive_share, column: v")}) as shop:
        (result,) = [check for built in shop.build() for check in built.checks]
    assert isinstance(result, CheckResult)
    assert result.first_row == "0.67 of the rows are positive, not 0.75"
    assert result.sql == 'select * from "warehouse"."main"."m" where v <= 0'


@pytest.mark.parametrize(
    "test", ["type: few, column: id", "type: min_positive_share, column: id, params: {min_share: 1}"]
)
def test_a_view_is_judged_before_what_it_reads_is_published(tmp_path: Path, target: Target, test: str) -> None:
    files: Files = {
        **FILES,
        "models/m.ff.sql": "select {{ var('n', 1) }} as id",
        "models/v.ff.sql": "{{ config(materialized='view') }} select id from {{ ref('m') }}",
        "tests/few.ff.sql": "{{ config(type='few') }} select * from {{ table }} where {{ column }} < 1",
        "project.yml": f"name: shop\nversion: '1'\ntests: [{{table: v, {test}}}]\n",
    }
    with target.profile(str(tmp_path / "v.duckdb")) as profiles:
        with opened(tmp_path, {**files, "profiles.yml": profiles}) as shop:
            shop.build()
        files = {**files, "models/m.ff.sql": "select {{ var('n', -1) }} as id", "profiles.yml": profiles}
        with opened(tmp_path, files) as shop:
            with pytest.raises(CheckFailedError, match="its rows would fail 1 check"):
                shop.build("m")
            assert shop.rows(f"select id from {shop.warehouse.relation('v').sql(shop.warehouse.engine.spelling)}") == [
                (1,)
            ]


def test_the_new_rows_of_an_incremental_model_can_be_judged_alone(tmp_path: Path, target: Target) -> None:
    files: Files = {
        **FILES,
        "models/inc.ff.sql": "{{ config(materialized='incremental', unique_key='id') }} select {{ var('n', 1) }} as id",
        "tests/one.ff.sql": "{{ config(type='one') }} select count(*) - 1 from {{ table }}",
        "project.yml": "name: shop\nversion: '1'\ntests: [{table: inc, type: one, scope: delta}]\n",
    }
    with target.profile(str(tmp_path / "v.duckdb")) as profiles:
        for n in (1, 2):
            files = {**files, "models/inc.ff.sql": f"{files['models/inc.ff.sql']!s}".replace(f"{n - 1})", f"{n})")}
            with opened(tmp_path, {**files, "profiles.yml": profiles}) as shop:
                (result,) = shop.build("inc")
                assert result.checks[0].passed


def test_a_project_with_such_checks_can_be_sent_to_another_process(tmp_path: Path) -> None:
    project_text = project("type: only_known, column: id") + "  - {table: m, severity: warn, type: broken}\n"
    there = loaded(tmp_path, {**FILES, "project.yml": project_text})
    here = pickle.loads(pickle.dumps(there))
    assert here.checks == there.checks
    contexts = [check.rule.context for check in here.checks]
    assert contexts[0] is contexts[1]
    assert contexts[0].project.name == "shop"

"""What counts as a change of a model, and what does not: many models in one project, all edited at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from skip_helpers import CSV, Place, built, place

from fft_core import ProjectError, load_project, make_plan, open_warehouse

REF = "{{ ref('users') }}"
# name -> the model before and after an edit
SAME: Mapping[str, tuple[str, str]] = {
    "comment": ("select 1 as a", "-- new\nselect /* here, too */ 1 as a"),
    "nested_comment": ("select 1 as a", "select 1 /* a /* b */ + 1 /* c */ */ as a"),
    "white_space": ("select 1 as a, 2 as b", "select\n\t1 as a,\n\n   2 as b\n"),
    "keywords": (
        f"select distinct id from {REF} where id is not null and id in (1, 2) order by id desc limit 3",
        f"SELECT DISTINCT id FROM {REF} WHERE id IS NOT NULL AND id IN (1, 2) ORDER BY id DESC LIMIT 3",
    ),
    "joins": (
        f"with b as (select 1 as id) select u.id from {REF} as u left join b on u.id = b.id group by u.id",
        f"WITH b AS (SELECT 1 AS id) SELECT u.id FROM {REF} AS u LEFT JOIN b ON u.id = b.id GROUP BY u.id",
    ),
    "types": ("select cast(1 as int) as a, 2::varchar as b", "select CAST(1 as INT) as a, 2::VARCHAR as b"),
    "functions": ("select count(*) as n, max(1) as m", "select COUNT(*) as n, Max(1) as m"),
    "semicolon": ("select 1 as a", "select 1 as a ;\n"),
    "jinja_comment": ("select 1 as a", "{# select 2 #}select 1 as a"),
    "description": ("select 1 as a", "{{ config(description='about', tags=['x'], owners=['team:y']) }} select 1 as a"),
    "the_same_text_by_jinja": ("select 1 as a", "select {{ 2 - 1 }} as a"),
}
CHANGED: Mapping[str, tuple[str, str]] = {
    "text": ("select 'a b' as x", "select 'a  b' as x"),
    "case_of_text": ("select 'a' as x", "select 'A' as x"),
    "escaped_text": ("select e'a' as x", "select e'A' as x"),
    "dollar_text": ("select $$a$$ as x", "select $$A$$ as x"),
    "tagged_text": ("select $t$a$t$ as x", "select $t$A$t$ as x"),
    "comment_mark_in_text": ("select '-- a' as x", "select '-- b' as x"),
    "name": ("select 1 as ab", "select 1 as Ab"),
    "quoted_name": ('select 1 as "ab"', 'select 1 as "Ab"'),
    "keyword_as_name": ("select 1 as date", "select 1 as Date"),
    "keyword_after_dot": ("select t.date from (select 1 as date) as t", "select t.Date from (select 1 as date) as t"),
    "keyword_read": ("select date from (select 1 as date)", "select Date from (select 1 as date)"),
    "keyword_in_struct": ("select {date: 1} as x", "select {Date: 1} as x"),
    "keyword_in_expression": ("select date + 1 from (select 1 as date)", "select Date + 1 from (select 1 as date)"),
    "operator": ("select 1 < 2 as x", "select 1 <= 2 as x"),
    "number": ("select 1 as x", "select 1.0 as x"),
    "order_of_columns": ("select 1 as a, 2 as b", "select 2 as b, 1 as a"),
    "parentheses": ("select 1 - (2 - 3) as x", "select (1 - 2) - 3 as x"),
    "materialization": ("select 1 as a", "{{ config(materialized='view') }} select 1 as a"),
    "other_input": (f"select id from {REF}", "select id from {{ ref('more_users') }}"),
}
FUNCTION = (
    "from fft_core import model\n\n@model({arguments})\ndef build({parameters}):\n{body}\n    return users{end}\n"
)


def python(
    arguments: str = "deps=['users']", parameters: str = "users", body: str = "    pass", end: str = "", head: str = ""
) -> str:
    return head + FUNCTION.format(arguments=arguments, parameters=parameters, body=body, end=end)


PYTHON_SAME: Mapping[str, tuple[str, str]] = {
    "python_comment": (python(), "# why\n" + python(body="    pass  # here")),
    "python_docstring": (python(), '"""A module."""\n' + python(body='    """What it is."""\n\n    pass')),
    "python_layout": (python(end=".head( 5 )"), python(end=".head(5)")),
    "python_description": (python(), python("deps=['users'], description='about', tags=['a'], owners=['team:b']")),
    "python_input_of_one": (python("deps=['users']"), python("deps=['users.ff']")),
}
PYTHON_CHANGED: Mapping[str, tuple[str, str]] = {
    "python_constant": (python(head="LIMIT = 1\n"), python(head="LIMIT = 2\n")),
    "python_operator": (python(end="[users['id'] > 1]"), python(end="[users['id'] >= 1]")),
    "python_text": (python(body="    note = 'a'"), python(body="    note = 'A'")),
    "python_requires": (python(), python("deps=['users'], requires=['id']")),
    "python_deps": (
        python("deps=['users', 'more_users']", "users, more"),
        python("deps=['more_users', 'users']", "users, more"),
    ),
    "python_default": (python(parameters="users, limit=1"), python(parameters="users, limit=2")),
    "python_other_function": (
        python(head="def other():\n    return 1\n\n"),
        python(head="def other():\n    return 2\n\n"),
    ),
}


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[str]]:
    """What is due after all edits at once."""
    sql, functions = {**SAME, **CHANGED}, {**PYTHON_SAME, **PYTHON_CHANGED}
    texts = {f"models/{name}.ff.sql": pair for name, pair in sql.items()}
    texts |= {f"models/{name}.ff.py": pair for name, pair in functions.items()}
    seeds = {"seeds/users.csv": CSV, "seeds/more_users.csv": CSV + "3,cid\n"}
    known = {name: pair[0] for name, pair in texts.items()}
    folder = tmp_path_factory.mktemp("edited")
    made = built(folder, {**seeds, **known})
    assert not made.due()
    made.write({name: texts[name][1] for name in known})
    return made.due()


@pytest.mark.parametrize("name", [*SAME, *PYTHON_SAME])
def test_an_edit_that_changes_no_rows_does_not_rebuild(edited: Mapping[str, list[str]], name: str) -> None:
    assert name not in edited


@pytest.mark.parametrize("name", [*CHANGED, *PYTHON_CHANGED])
def test_an_edit_that_can_change_rows_rebuilds(edited: Mapping[str, list[str]], name: str) -> None:
    assert set(edited[name]) & {"code_changed", "config_changed", "input_changed"}


def test_column_docs_and_descriptions_in_yaml_do_not_rebuild(tmp_path: Path) -> None:
    made = built(tmp_path, {"models/a.ff.sql": "select 1 as x"})
    made.write(
        {
            "models/a.yml": "version: 2\nmodels:\n  - {name: a, description: about, tags: [t], owners: ['team:z'],"
            " columns: [{name: x, description: it}]}\n"
        }
    )
    assert not made.due()


# --- macros, vars, env ------------------------------------------------------------------------------------------------


def test_a_macro_counts_through_its_text_across_files(tmp_path: Path) -> None:
    files = {
        "models/macros/one.sql": "{% macro outer(x) %}{{ inner(x) }} + 1{% endmacro %}",
        "models/macros/two.sql": "{% macro inner(x) %}{{ x }} * 2{% endmacro %}\n{% macro unused() %}1{% endmacro %}",
        "models/uses.ff.sql": "select {{ outer(3) }} as x",
        "models/does_not.ff.sql": "select 3 as x",
    }
    made = built(tmp_path, files)
    made.write({"models/macros/two.sql": "{% macro inner(x) %}{{ x }} * 3{% endmacro %}"})
    assert made.due() == {"uses": ["code_changed"]}
    made.build()
    made.write({"models/macros/two.sql": "{# why #}{% macro inner(x) %}{{ x }} /* by */ * 3{% endmacro %}"})
    assert not made.due()


def test_a_var_counts_for_the_models_whose_text_it_changes(tmp_path: Path) -> None:
    files = {
        "models/uses.ff.sql": "select {{ var('step', 0) }} as x",
        "models/same.ff.sql": "select {{ 1 if var('step', 0) < 10 else 2 }} as x",
        "models/does_not.ff.sql": "select 3 as x",
    }
    made = built(tmp_path, files)
    made.write({"project.yml": "name: skips\nversion: '1'\nvars: {step: 5}\n"})
    assert made.due() == {"uses": ["code_changed"]}


@pytest.mark.parametrize(
    "files",
    [
        {"models/m.ff.sql": "select '{{ env('OUR_X') }}' as x"},
        {"models/m.ff.sql": "select '{{ env(name='OUR_X') }}' as x"},
        {"models/m.ff.sql": "{% set e = env %}select '{{ e('OUR_X') }}' as x"},
        {"models/m.ff.sql": "select '{{ env('OUR' ~ '_X') }}' as x"},
        {
            "models/m.ff.sql": "select {{ x() }} as x",
            "models/macros/x.sql": "{% set X = env('OUR_X') %}{% macro x() %}'{{ X }}'{% endmacro %}",
        },
        {
            "models/m.ff.sql": "select {{ x() }} as x",
            "models/macros/x.sql": "{% macro x(v=env('OUR_X')) %}'{{ v }}'{% endmacro %}",
        },
    ],
)
def test_a_variable_counts_through_the_text_also_where_the_text_was_cached(
    tmp_path: Path, files: Mapping[str, str]
) -> None:
    made = built(tmp_path, {**files, "models/does_not.ff.sql": "select 3 as x"}, OUR_X="1")
    assert not made.due()  # this fills the cache of rendered code
    made.environment["OUR_X"] = "2"
    assert made.due() == {"m": ["code_changed"]}


# --- Python modules ---------------------------------------------------------------------------------------------------

IMPORTS = {
    "transitive": "from lib.shift import shift",
    "module_of_a_package": "from lib import shift as s; shift = s.shift",
    "package": "import lib.shift; shift = lib.shift.shift",
    "star": "from lib import *",
}


@pytest.mark.parametrize("edit", ["lib/__init__.py", "lib/shift.py", "lib/deep/amount.py"])
def test_every_module_that_is_imported_counts(tmp_path: Path, edit: str) -> None:
    texts = {
        "lib/__init__.py": "SIZE = {}\nfrom lib.shift import shift as moved\n",
        "lib/shift.py": "def shift():\n    from .deep import amount\n    return amount.A + {}\n",
        "lib/deep/amount.py": "A = {}\n",
        "lib/unused.py": "B = {}\n",
    }
    files = {name: text.replace("{}", "1") for name, text in texts.items()}
    for name, line in IMPORTS.items():
        files[f"models/{name}.ff.py"] = python(head=f"{line}\n")
        files[f"models/inside_{name}.ff.py"] = python(body=f"    {line.replace('import *', 'import shift')}")
    files["models/none.ff.py"] = python()
    made = built(tmp_path, {"seeds/users.csv": CSV, **files})
    made.write({"lib/unused.py": "B = 2\n", edit: "# a comment\n" + files[edit]})
    assert not made.due()
    made.write({edit: texts[edit].replace("{}", "2")})
    models = {Path(name).name.partition(".")[0] for name in files if name.startswith("models/")}
    assert set(made.due()) == models - {"none"}


@pytest.mark.parametrize("model", ["models/m.ff.py", "models/marts/m.ff.py"])
@pytest.mark.parametrize("helper", ["shift.py", "models/shift.py"])
def test_a_relative_import_of_a_model_counts_wherever_it_is_found(tmp_path: Path, model: str, helper: str) -> None:
    text = python(head="from .shift import amount\n", end=".assign(v=amount())")
    made = built(tmp_path, {"seeds/users.csv": CSV, model: text, helper: "def amount():\n    return 1\n"})
    made.write({helper: "def amount():\n    return 2\n"})
    assert made.due() == {"m": ["code_changed"]}
    made.build()
    assert made.sql("select distinct v from m") == [(2,)]


def test_two_models_of_one_file_are_told_apart(tmp_path: Path) -> None:
    text = python("name='a', deps=['users']").replace("build", "a") + python("name='b', deps=['users']", end="{}")
    made = built(tmp_path, {"seeds/users.csv": CSV, "models/m.ff.py": text.replace("{}", "")})
    made.write({"models/m.ff.py": text.replace("{}", ".head(1)")})
    assert made.due() == {"b": ["code_changed"]}


def test_an_edited_ephemeral_query_rebuilds_the_python_model_that_reads_it(tmp_path: Path) -> None:
    inner = "{{ config(materialized='ephemeral') }} select id, VALUE as v from {{ ref('users') }}"
    outer = "{{ config(materialized='ephemeral') }} select * from {{ ref('inner') }}"
    files = {
        "seeds/users.csv": CSV,
        "models/inner.ff.sql": inner.replace("VALUE", "1"),
        "models/outer.ff.sql": outer,
        "models/m.ff.py": python("deps=['outer']"),
    }
    made = built(tmp_path, files)
    assert not made.due()
    made.write({"models/inner.ff.sql": inner.replace("VALUE", "2")})
    assert made.due() == {"m": ["code_changed"]}
    made.build()
    assert made.sql("select distinct v from m") == [(2,)]


def test_a_helper_that_is_no_python_is_an_error_with_its_line(tmp_path: Path) -> None:
    made = built(
        tmp_path,
        {"seeds/users.csv": CSV, "models/m.ff.py": python(head="import shift\n"), "shift.py": "A = 1\n"},
    )
    made.write({"shift.py": "A = 1\nB = (\n"})
    with pytest.raises(ProjectError, match=r"shift\.py:2: invalid Python: '\(' was never closed"):
        made.plan()


# --- the environment --------------------------------------------------------------------------------------------------


def a_project_that_reads(tmp_path: Path, settings: str = "", **environment: str) -> Place:
    files = {
        "seeds/users.csv": CSV,
        "models/reads.ff.py": python(head="import os\n", body="    os.environ.get('FF_MODE', os.getenv('OUR_MODE'))"),
        "models/plain.ff.sql": "select 1 as a",
        "models/plain_python.ff.py": python(),
        "models/in_text.ff.sql": "select '{{ env('FF_LABEL', '') }}' as label",
    }
    if settings:
        files["project.yml"] = f"name: skips\nversion: '1'\n{settings}\n"
    return built(tmp_path, files, **environment)


def test_a_user_variable_counts_for_all_models(tmp_path: Path) -> None:
    made = a_project_that_reads(tmp_path)
    made.environment["FF_DEMO_TOGGLE"] = "1"
    assert set(made.due()) == {"reads", "plain", "plain_python", "in_text"}
    assert made.why("plain") == "FF_DEMO_TOGGLE was set"
    made.build()
    assert not made.due()
    del made.environment["FF_DEMO_TOGGLE"]
    assert made.why("plain") == "FF_DEMO_TOGGLE is no longer set"


def test_variables_that_say_where_do_not_count(tmp_path: Path) -> None:
    made = built(tmp_path, {"models/plain.ff.sql": "select 1 as a"})
    names = (
        "FF_DUCKDB_THREADS FF_ENGINE_VARIANT FF_HTTP_CACHE_DIR FF_PG_DSN FF_SF_PASSWORD FF_API_TOKEN FF_BQ_PROJECT "
        "FF_CI_CHANGED_MODELS FFT_ACTIVE_ENV HOME"
    )
    made.environment |= dict.fromkeys(names.split(), "7")
    assert not made.due()


def test_where_it_is_so_set_only_the_readers_of_a_variable_are_rebuilt(tmp_path: Path) -> None:
    made = a_project_that_reads(tmp_path, "fingerprint: {environment: used}")
    made.environment["FF_DEMO_TOGGLE"] = "1"
    assert not made.due()
    made.environment["FF_MODE"] = "1"
    assert made.due() == {"reads": ["environment_changed"]}
    del made.environment["FF_MODE"]
    made.environment["OUR_MODE"] = "1"
    assert made.due() == {"reads": ["environment_changed"]}
    del made.environment["OUR_MODE"]
    made.environment["FF_LABEL"] = "1"
    assert set(made.due()) == {"in_text"}


@pytest.mark.parametrize("name", ["FF_LOG_MODE", "FF_TEST_MODE", "FF_SCHEMA"])
def test_a_variable_that_a_python_model_reads_by_name_counts_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    text = python(head="import os\n", body=f"    '{name}' in os.environ")
    made = built(tmp_path, {"seeds/users.csv": CSV, "models/m.ff.py": text, "models/plain.ff.sql": "select 1 as a"})
    made.environment[name] = "1"
    assert made.due() == {"m": ["environment_changed"]}


@pytest.mark.parametrize("use", ["os.environ.get('OUR_' + 'X')", "dict(os.environ)", "dict(environ)"])
def test_variables_by_computed_names_cannot_be_followed_so_the_model_is_always_built(tmp_path: Path, use: str) -> None:
    text = python(head="import os\nfrom os import environ as environ\n", body=f"    {use}")
    made = built(tmp_path, {"seeds/users.csv": CSV, "models/m.ff.py": text})
    assert made.why("m") == "always built: it uses environment variables with computed names"


@pytest.mark.parametrize("name", ["FF_PASS_RATE", "FF_TOKEN_LIMIT"])
def test_a_variable_that_only_looks_like_a_secret_counts(tmp_path: Path, name: str) -> None:
    text = f"select {{{{ env('{name}') }}}} as rate"
    made = built(tmp_path, {"models/m.ff.sql": text}, **{name: "1"})
    made.environment[name] = "2"
    assert "code_changed" in made.due()["m"]


def test_engine_and_profile_count(tmp_path: Path) -> None:
    made = built(tmp_path, {"models/m.ff.sql": "select 1 as a"})
    made.write({"profiles.yml": "prod: {engine: duckdb, duckdb: {path: db.duckdb}}\n"})
    project = load_project(tmp_path, "prod", environment={})
    with open_warehouse(project) as warehouse:
        (decision,) = make_plan(warehouse).decisions
    assert [str(reason) for reason in decision.reasons] == [
        "it was built on duckdb, profile dev, and this is duckdb, profile prod"
    ]


def test_no_secret_is_stored(tmp_path: Path) -> None:
    secrets = {"FF_SF_PASSWORD": "sesame-open-1", "FF_API_TOKEN": "hunter2-hunter2"}
    files = {"models/m.ff.sql": "select 1 as a where '{{ env('FF_API_TOKEN') }}' <> ''"}
    made = built(tmp_path, files, **secrets)
    assert not made.due()
    made.environment["FF_API_TOKEN"] = "another-hunter"
    assert not made.due()
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        stored = path.read_bytes()
        for value in secrets.values():
            for digest in (hashlib.sha256, hashlib.md5, hashlib.sha1):
                assert digest(value.encode()).hexdigest().encode() not in stored
            assert value.encode() not in stored


def test_a_project_without_a_record_of_a_model_says_so(tmp_path: Path) -> None:
    made = place(tmp_path, {"models/m.ff.sql": "select 1 as a"})
    assert made.due() == {"m": ["never_built"]}

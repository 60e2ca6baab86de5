"""What each rule of `fft ci-check` finds, where, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from fft_core import ProjectError, load_project
from fft_core.reports.lint.findings import lint_project, problems_found

PLAIN: Mapping[str, str] = {
    "project.yml": "name: shop\nversion: '1'\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: dev.duckdb, schema: shop}}\n",
    "sources.yml": "version: 2\nsources:\n  - name: crm\n    schema: landing\n    tables:\n      - name: orders\n",
    "seeds/raw_users.csv": "id,Email\n1,a@x.at\n",
    "models/users.ff.sql": "select id, email as mail, count(*) as n from {{ ref('raw_users') }} group by 1, 2",
    "models/orders.ff.sql": "select id, total from {{ source('crm', 'orders') }}",
}


def found(folder: Path, files: Mapping[str, str | None]) -> list[str]:
    """The findings in a plain project with some other files; None takes one out."""
    for name, text in {**PLAIN, **files}.items():
        if text is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    try:
        return [str(finding) for finding in lint_project(load_project(folder, "dev", environment={}))]
    except ProjectError as error:
        return [str(finding) for finding in problems_found(error)]


def test_nothing_is_found_in_a_plain_project(tmp_path: Path) -> None:
    assert found(tmp_path, {}) == []
    assert not (tmp_path / "dev.duckdb").exists()


# what is wrong


def test_all_problems_of_a_project_that_does_not_load(tmp_path: Path) -> None:
    files = {
        "models/a.ff.sql": "select 1\nfrom {{ ref('usres') }}",
        "models/b.ff.sql": "select 1 from {{ ref('c') }}",
        "models/c.ff.sql": "select 1 from {{ ref('b') }}",
        "profiles.yml": "dev: {engine: duckdb, duckdb: {paht: x}}\n",
    }
    assert found(tmp_path, files) == [
        ("models/a.ff.sql:2: error: ref('usres') is not a model or seed [FFT-110]\n    hint: Did you mean 'users'?"),
        (
            "models/b.ff.sql:1: error: cycle: b -> c -> b [FFT-111]\n"
            "    hint: A model cannot depend on itself, directly or through other models."
        ),
        "profiles.yml:1: error: unknown key 'paht' in dev.duckdb [FFT-101]\n    hint: Did you mean 'path'?",
    ]


def test_what_does_not_render(tmp_path: Path) -> None:
    files = {
        "models/a.ff.sql": "select 1 as x,\n  {{ missing_macro() }}",
        "models/b.ff.sql": "select 1 as x; select 2 as y",
        "models/apart.ff.sql": "{{ config(materialized='ephemeral') }} select {{ nothing.here }}",
        "models/reads.ff.sql": "select * from {{ ref('apart') }}",
        "models/helped.ff.py": "import broken\nfrom fft_core import model\n@model\ndef helped(): ...\n",
        "models/broken.py": "def (:\n",
    }
    broken = found(tmp_path, files)
    assert [text.splitlines()[0] for text in broken] == [
        "models/a.ff.sql:2: error: template error: 'missing_macro' is undefined [FFT-402]",
        "models/apart.ff.sql:1: error: template error: 'nothing' is undefined [FFT-402]",
        (
            "models/b.ff.sql: error: a model must be one statement; this has 2: the second is 'select 2 as y ...' "
            "[FFT-403]"
        ),
        "models/broken.py:1: error: invalid Python: invalid syntax [FFT-140]",
    ]


def test_sql_that_is_none(tmp_path: Path) -> None:
    (text,) = found(tmp_path, {"models/a.ff.sql": "{{ config(tags=['x']) }}\nselect id\n  , total\nfrom t where (a"})
    assert text == (
        "models/a.ff.sql:4: error: the SQL cannot be read: Expecting ), near 'a' [unreadable-sql]\n"
        "    hint: If the database accepts it, set lint: {unreadable-sql: off} in project.yml."
    )


# what is odd


@pytest.mark.parametrize(
    ("tests", "finding"),
    [
        ("{type: not_null, table: users, column: emial}", "users has no column 'emial'"),
        ("{type: unique, table: users, column: [ID, Mail]}", None),
        ("{type: unique, table: users, column: [id, day]}", "users has no column 'day'"),
        ("{type: not_null, table: raw_users, column: email}", None),
        ("{type: not_null, table: raw_users, column: _ff_loaded_at}", None),
        ("{type: not_null, table: raw_users, column: mail}", "raw_users has no column 'mail'"),
        ("{type: relationships, table: users, column: id, to: raw_users, field: id}", None),
        ("{type: relationships, table: users, column: id, to: raw_users}", None),
        (
            "{type: relationships, table: users, column: id, to: raw_users, field: key}",
            "raw_users has no column 'key'",
        ),
        ("{type: row_count_between, table: users}", None),
        ("{type: not_null, table: crm.orders, column: anything}", None),  # only the database knows
    ],
)
def test_a_check_of_a_column_that_is_not_there(tmp_path: Path, tests: str, finding: str | None) -> None:
    texts = found(tmp_path, {"project.yml": PLAIN["project.yml"] + f"tests:\n  - {tests}\n"})
    expected = [f"project.yml:4: warning: {finding} [unknown-column]"] if finding else []
    assert [text.splitlines()[0] for text in texts] == expected


@pytest.mark.parametrize(
    "sql",
    [
        "select * from {{ ref('users') }}",
        "select u.*, 1 as b from {{ ref('users') }} as u",
        "select * exclude (n) from {{ ref('users') }}",
        "select columns('i.*') from {{ ref('users') }}",
        "select id, count(*) from {{ ref('users') }} group by id",
        "from {{ ref('users') }}",
        "pivot {{ ref('users') }} on mail",
        "{{ config(materialized='incremental', unique_key='id') }} select id from {{ ref('users') }}",
    ],
)
def test_where_only_the_database_knows_the_columns_nothing_is_said(tmp_path: Path, sql: str) -> None:
    tests = "tests: [{type: not_null, table: a, column: anything}]\n"
    assert found(tmp_path, {"models/a.ff.sql": sql, "project.yml": PLAIN["project.yml"] + tests}) == []


def test_keys_and_required_columns_that_are_not_there(tmp_path: Path) -> None:
    files = {
        "models/kept.ff.sql": "\n{{ config(materialized='incremental', unique_key=['id', 'day']) }}"
        "select id, mail::text as mail from {{ ref('users') }}",
        "models/history.ff.sql": "{{ config(materialized='snapshot', unique_key='id', "
        "snapshot={'strategy': 'timestamp', 'updated_at': 'changed_at'}) }} select id, n from {{ ref('users') }}",
        "models/loud.ff.py": "from fft_core import model\n\n@model(deps=['users', 'history'], "
        "requires={'users': ['id', 'email'], 'history': ['id', '_ff_is_current']})\ndef loud(a, b): return a\n",
    }
    assert [text.splitlines()[0] for text in found(tmp_path, files)] == [
        "models/history.ff.sql:1: warning: history has no column 'changed_at' [unknown-column]",
        "models/kept.ff.sql:2: warning: kept has no column 'day' [unknown-column]",
        "models/loud.ff.py:4: warning: users has no column 'email' [unknown-column]",
    ]


def test_relations_that_are_written_out(tmp_path: Path) -> None:
    files = {
        "models/a.ff.sql": "-- from users\nwith t as (select 1 as id)\n"
        "select t.id from t\njoin shop.Users as u using (id)",
        "models/b.ff.sql": "select id from landing.orders",
        "models/c.ff.sql": "select id from elsewhere.things, information_schema.tables, range(3)",
        "models/d.ff.sql": "{{ config(materialized='incremental', unique_key='id') }} "
        "select id from {{ ref('users') }} {% if is_incremental() %}\nwhere id > (select max(id) from d)\n{% endif %}",
        "models/e.ff.sql": "{{ config(materialized='ephemeral') }} select id from raw_users",
        "models/f.ff.sql": "select id from {{ ref('e') }}",
        "models/g.ff.sql": "select id from {{ anybody() }}",
        "models/macros/m.sql": "\n{% macro anybody() %}\nraw_users\n{% endmacro %}",
    }
    assert found(tmp_path, files) == [
        (
            "models/a.ff.sql:4: warning: shop.Users is not read by ref() or source(): a does not wait for it, "
            "and is always built "
            "[hard-coded-relation]\n    hint: Write {{ ref('users') }}."
        ),
        (
            "models/b.ff.sql:1: warning: landing.orders is not read by ref() or source(): b does not see it "
            "change, and is always "
            "built [hard-coded-relation]\n    hint: Write {{ source('crm', 'orders') }}."
        ),
        (
            "models/c.ff.sql:1: warning: elsewhere.things is neither a model nor a source: c is built every time "
            "[undeclared-table]\n    hint: Declare it in sources.yml, and read it by source()."
        ),
        (
            "models/d.ff.sql:2: warning: d is not read by ref() or source(): d reads itself, and is always built "
            "[hard-coded-relation]\n    hint: Write {{ this }}."
        ),
        (
            "models/e.ff.sql:1: warning: raw_users is not read by ref() or source(): e does not wait for it, and "
            "is always built "
            "[hard-coded-relation]\n    hint: Write {{ ref('raw_users') }}."
        ),
        (
            "models/macros/m.sql:3: warning: raw_users is not read by ref() or source(): g does not wait for it, "
            "and is always built "
            "[hard-coded-relation]\n    hint: Write {{ ref('raw_users') }}."
        ),
    ]


def test_a_source_that_is_a_model(tmp_path: Path) -> None:
    files = {
        "sources.yml": "crm:\n  orders: {schema: landing}\n  users: {}\n"
        "  others: {identifier: users, schema: landing}\n  raw_users: {}\n",
        "models/reads.ff.sql": "select 1 as x from {{ source('crm', 'users') }}, {{ source('crm', 'others') }}, "
        "{{ source('crm', 'raw_users') }}",
    }
    assert found(tmp_path, files) == [
        (
            "sources.yml:3: warning: source crm.users is the model users: models that read it do not wait for "
            "the model "
            "[source-is-model]\n    hint: Read it by ref('users')."
        ),
    ]


def test_variables_that_are_not_set(tmp_path: Path) -> None:
    files = {
        "project.yml": PLAIN["project.yml"] + "vars: {first_id: 1}\n",
        "models/a.ff.sql": "select {{ var('first_id') }} as a, {{ var('x', 0) }} as b, {{ var('y') or 1 }} as c\n"
        "{% if var('flag') %}, 1 as d{% endif %}, {{ var('z') | default(1, true) }} as e\n, {{ var('frist_id') }} as f",
        "models/b.ff.sql": "select {{ limit() }} as x",
        "models/macros/m.sql": "{% macro limit() %}\n{{ var('limit') }}{% endmacro %}",
    }
    assert found(tmp_path, files) == [
        (
            "models/a.ff.sql:3: warning: var('frist_id') is not set, and is rendered as None [unset-variable]\n"
            "    hint: Did you mean 'first_id'?"
        ),
        (
            "models/macros/m.sql:2: warning: var('limit') is not set, and is rendered as None [unset-variable]\n"
            "    hint: Set it under `vars` in project.yml, or give a default."
        ),
    ]


def test_what_nothing_uses(tmp_path: Path) -> None:
    files = {
        "sources.yml": PLAIN["sources.yml"] + "      - name: visits\n      - {name: seen, tests: [row_count_between]}\n"
        "  - name: own\n    tables:\n      - {name: raw_users, columns: [{name: id, tests: [unique]}]}\n",
        "models/e.ff.sql": "{{ config(materialized='ephemeral') }} select id from {{ ref('users') }}",
        "models/f.ff.sql": "select {{ outer_one() }} as x",
        "models/macros/m.sql": "{% macro outer_one() %}{{ inner_one() }}{% endmacro %}\n"
        "{% macro inner_one() %}1{% endmacro %}\n{% macro alone() %}{{ inner_one() }}{% endmacro %}\n",
    }
    assert found(tmp_path, files) == [
        (
            "models/e.ff.sql:1: warning: e is ephemeral, and nothing reads it: it has no effect [unused-ephemeral]\n"
            "    hint: Remove it, or make it a view."
        ),
        "models/macros/m.sql:3: note: no model uses the macro alone [unused-macro]\n    hint: Remove it.",
        (
            "sources.yml:7: warning: no model reads source crm.visits, and nothing checks it [unused-source]\n"
            "    hint: Remove it."
        ),
    ]


def test_all_columns_of_a_source(tmp_path: Path) -> None:
    files = {
        "models/a.ff.sql": "select * from {{ source('crm', 'orders') }}",
        "models/b.ff.sql": "with s as (select * from {{ source('crm', 'orders') }}) select id from s",
        "models/c.ff.sql": "select * from {{ ref('users') }}",
    }
    assert found(tmp_path, files) == [
        (
            "models/a.ff.sql:1: note: a selects all columns of its inputs: it changes with crm.orders "
            "[star-over-source]\n    hint: Name the columns."
        ),
    ]


def test_what_is_odd_in_a_package_is_left_to_its_authors_and_errors_are_not(tmp_path: Path) -> None:
    files = {
        "packages.yml": "shared: ./shared\n",
        "shared/project.yml": "name: shared\nversion: 1.0.0\n",
        "shared/models/a.ff.sql": "select * from elsewhere.things",
        "shared/models/macros/m.sql": "{% macro unused() %}{{ var('x') }}{% endmacro %}",
    }
    assert found(tmp_path, files) == []
    assert found(tmp_path, {**files, "shared/models/a.ff.sql": "select {{ nothing() }} as x"}) == [
        "packages/shared/models/a.ff.sql:1: error: template error: 'nothing' is undefined [FFT-402]"
    ]


# levels


def test_project_yml_sets_the_level_of_a_rule(tmp_path: Path) -> None:
    files = {
        "project.yml": PLAIN["project.yml"] + "lint:\n  unused-source: off\n  star-over-source: error\n",
        "sources.yml": PLAIN["sources.yml"] + "      - name: visits\n",
        "models/a.ff.sql": "select * from {{ source('crm', 'orders') }}",
    }
    assert [text.splitlines()[0] for text in found(tmp_path, files)] == [
        ("models/a.ff.sql:1: error: a selects all columns of its inputs: it changes with crm.orders [star-over-source]")
    ]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("unused-sources: off", "project.yml:4: error: lint: 'unused-sources' is not a rule that can be set"),
        ("invalid-project: off", "project.yml:4: error: lint: 'invalid-project' is not a rule that can be set"),
        ("unused-source: nope", "project.yml:4: error: lint.unused-source: unknown value 'nope'"),
    ],
)
def test_a_setting_that_is_none(tmp_path: Path, setting: str, message: str) -> None:
    (text,) = found(tmp_path, {"project.yml": PLAIN["project.yml"] + f"lint:\n  {setting}\n"})
    assert text.startswith(message)


def test_a_folder_without_a_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        load_project(tmp_path / "nowhere")
    (finding,) = problems_found(caught.value)
    assert str(finding).startswith("project.yml: error: this is not an FFT project: project.yml is missing")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("models/old.sql", "If it is a model, rename it to old.ff.sql."),
        ("models/marts/macros/of_dbt.sql", "If it is a model, rename it to of_dbt.ff.sql."),
        ("tests/no_orders.sql", "If it is a check, rename it to no_orders.ff.sql."),
        ("macros/cents.sql", "Move it into models/macros."),
        ("snapshots/users.sql", "Write it as a model with materialized='snapshot'."),
        ("seeds/rows.json", "A seed is a file of CSV, Parquet or SQL."),
    ],
)
def test_a_file_that_is_not_read(tmp_path: Path, name: str, hint: str) -> None:
    files = {name: "select 1", "models/macros/used.sql": "{% macro used() %}1{% endmacro %}"}
    files["models/users.ff.sql"] = "select {{ used() }} as id from {{ ref('raw_users') }}"
    assert found(tmp_path, files) == [f"{name}: warning: this file is not read [ignored-file]\n    hint: {hint}"]

"""The first rows of a model's query, and its SQL: nothing is built, and what is missing is named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from written_projects import loaded, opened, write_project

from fft_core import FftError, Project, ProjectError, load_project, open_warehouse, preview
from fft_core.errors import MissingRelationError, RenderError, StatementError
from fft_core.operations.preview import Preview, find_node, inline_model, rendered_sql

FILES = {
    "seeds/raw_users.csv": "id,email\n1,a@x.at\n2,b@x.at\n3,\n",
    "sources.yml": "crm:\n  people: {identifier: raw_users}\n",
    "models/macros/shout.sql": "{% macro shout(x) %}upper({{ x }}) || '!'{% endmacro %}",
    "models/cleaned.ff.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('raw_users') }} "
    "where email is not null -- not all",
    "models/users.ff.sql": "select id, {{ shout('email') }} as email from {{ ref('cleaned') }} order by id desc;",
    "models/counted.ff.py": "from fft_core import model\n\n@model(deps=['users'])\ndef counted(u):\n    return u",
    "models/latest.ff.sql": "{{ config(materialized='incremental', unique_key='id', updated_at_column='id') }} "
    "select id from {{ ref('raw_users') }}{% if is_incremental() %} where id > 100{% endif %}",
    "models/secret.ff.sql": "select '{{ env('FF_API_TOKEN') }}' as token",
}


@pytest.fixture(params=["duckdb", "postgres"])
def profile(request: pytest.FixtureRequest) -> Mapping[str, str]:
    if request.param == "duckdb":
        return {"profiles.yml": "dev: {engine: duckdb, duckdb: {path: db.duckdb}}"}
    dsn, schema = request.getfixturevalue("postgres_dsn"), request.getfixturevalue("postgres_schema")
    return {"profiles.yml": f"dev: {{engine: postgres, postgres: {{dsn: '{dsn}', db_schema: {schema}}}}}"}


@pytest.fixture
def root(tmp_path: Path, profile: Mapping[str, str]) -> Path:
    """A project of which only the seed and the incremental model are built."""
    with opened(tmp_path, {**FILES, **profile}) as shop:
        shop.build("raw_users", "latest")
    return tmp_path


def project_at(root: Path) -> Project:
    return load_project(root, "dev", environment={"FF_API_TOKEN": "hunter2"})


def shown(root: Path, name: str, limit: int = 10) -> Preview:
    project = project_at(root)
    with open_warehouse(project, read_only=True) as warehouse:
        return preview(warehouse, find_node(project, name), limit)


def shown_inline(root: Path, query: str) -> Preview:
    project, model = inline_model(project_at(root), query)
    with open_warehouse(project, read_only=True) as warehouse:
        return preview(warehouse, model, 10)


def relations(root: Path) -> set[str]:
    with opened(root) as shop:
        return {name.partition(".")[2] for name in shop.relations()}


def test_the_query_of_a_model_that_is_not_built(root: Path) -> None:
    before = relations(root)
    found = shown(root, "users.ff")
    assert [column.name for column in found.columns] == ["id", "email"]
    assert found.columns[0].type.lower() == "bigint"
    assert (found.rows, found.has_more, found.published) == (((2, "B@X.AT!"), (1, "A@X.AT!")), False, None)
    assert shown(root, "cleaned").rows[0][:2] == (1, "a@x.at")
    assert relations(root) == before


def test_only_so_many_rows(root: Path) -> None:
    assert [(len(found.rows), found.has_more) for found in (shown(root, "raw_users", n) for n in (1, 2, 3, 4))] == [
        (1, True),
        (2, True),
        (3, False),
        (3, False),
    ]


def test_an_incremental_model_is_shown_in_full(root: Path) -> None:
    assert sorted(shown(root, "latest").rows) == [(1,), (2,), (3,)]


@pytest.mark.parametrize("name", ["raw_users", "crm.people"])
def test_seeds_and_sources_are_shown_as_published(root: Path, name: str) -> None:
    found = shown(root, name)
    assert (found.rows[2][:2], found.published and found.published.name) == ((3, None), "raw_users")


def test_a_python_model_is_shown_as_published(root: Path) -> None:
    with pytest.raises(
        MissingRelationError,
        match=(
            r"relation of counted does not exist: .*\.counted "
            r"\[FFT-\d+\]\s+hint: B"
        ),
    ):
        shown(root, "counted")
    with opened(root) as shop:
        shop.build("users", "counted")
    assert sorted(shown(root, "counted").rows) == [(1, "A@X.AT!"), (2, "B@X.AT!")]


def test_a_query_of_ones_own(root: Path) -> None:
    found = shown_inline(
        root, "select {{ shout('email') }} as e, {{ var('n', 5) }} from {{ ref('cleaned') }} where id=1;"
    )
    assert found.rows == (("A@X.AT!", 5),)
    with pytest.raises(
        ProjectError,
        match=(
            r"ref\('cleane'\) is not a model or seed \[FFT-\d+\]\s+hint: Did you "
            r"mean 'cleaned'"
        ),
    ):
        shown_inline(root, "select * from {{ ref('cleane') }}")
    with pytest.raises(ProjectError, match="template"):
        shown_inline(root, "select {{ 1")
    with pytest.raises(FftError, match="a model must be a query"):
        shown_inline(root, "drop table raw_users")
    with pytest.raises(StatementError, match="no_such"):
        shown_inline(root, "select no_such from {{ ref('raw_users') }}")


def test_nothing_can_be_written(root: Path) -> None:
    """Not even by a query that writes, which only Postgres has."""
    with pytest.raises((StatementError, RenderError)):
        shown_inline(root, "with gone as (delete from {{ ref('raw_users') }} returning 1 as one) select * from gone")
    assert len(shown(root, "raw_users").rows) == 3


def test_what_a_query_reads_may_be_missing(tmp_path: Path, profile: Mapping[str, str]) -> None:
    project = loaded(tmp_path, {**FILES, **profile})
    with (
        open_warehouse(project, read_only=True) as warehouse,
        pytest.raises(MissingRelationError, match=r"users\.ff\.sql:1: model 'users' reads \S+ which does not"),
    ):
        preview(warehouse, project.models["users"], 10)
    assert not (tmp_path / "db.duckdb").exists()


def test_a_name_that_is_not_there(tmp_path: Path) -> None:
    project = loaded(tmp_path, FILES)
    for name, hint in (("user", "users"), ("crm.peple", "crm.people")):
        with pytest.raises(FftError, match=f"is not a model, seed or source .FFT-301.\\s+hint: Did you mean '{hint}'"):
            find_node(project, name)


def test_sql_is_rendered_without_a_database(tmp_path: Path) -> None:
    write_project(tmp_path, FILES)
    project = project_at(tmp_path)
    assert rendered_sql(project, project.models["users"]) == (
        "select id, upper(email) || '!' as email from (\n"
        'select * from "warehouse"."main"."raw_users" where email is not null\n) order by id desc'
    )
    assert "hunter2" not in rendered_sql(project, project.models["secret"])
    with pytest.raises(FftError, match=r"models/counted\.ff\.py:\d+: 'counted' is a Python model: it has no SQL"):
        rendered_sql(project, project.models["counted"])
    assert not (tmp_path / "warehouse.duckdb").exists()

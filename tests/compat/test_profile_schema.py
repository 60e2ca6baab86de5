"""A source may name the schema that the profile has: the seed that fills it, which names none, is the same table."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_projects import Files, loaded, opened

from fft_core import SourceName

PROFILE = "dev: {engine: duckdb, duckdb: {path: shop.duckdb}}\n"
FILES: Files = {
    "profiles.yml": PROFILE,
    "sources.yml": """\
        version: 2
        sources: [{name: crm, schema: demo, tables: [{name: users, identifier: seed_users}]}]
        """,
    "seeds/seed_users.csv": "id\n1\n2\n",
    "models/users.ff.sql": "select id from {{ source('crm', 'users') }}",
}
USERS = SourceName("crm", "users")


def test_a_source_waits_for_its_seed(tmp_path: Path) -> None:
    with opened(tmp_path, FILES, FF_DUCKDB_SCHEMA="demo") as shop:
        assert shop.project.waits_for("users") == ("seed_users",)
        shop.build()
        assert shop.rows("select count(*) from demo.users") == [(2,)]


@pytest.mark.parametrize(
    ("source", "seed", "variables", "is_filled"),
    [
        ("schema: demo", "", {"FF_DUCKDB_SCHEMA": "demo"}, True),
        ("schema: demo, catalog: shop", "", {"FF_DUCKDB_SCHEMA": "demo"}, True),
        ("schema: main", "", {}, True),
        ("schema: demo", "schema: demo", {}, True),
        ("schema: demo", "schema: demo", {"FF_DUCKDB_SCHEMA": "demo"}, True),
        ("", "", {"FF_DUCKDB_SCHEMA": "demo"}, True),
        ("catalog: shop", "", {}, True),
        ("schema: demo", "", {}, False),
        ("schema: demo", "schema: other", {"FF_DUCKDB_SCHEMA": "demo"}, False),
        ("schema: demo, catalog: elsewhere", "", {"FF_DUCKDB_SCHEMA": "demo"}, False),
    ],
)
def test_which_seed_fills_a_source(
    tmp_path: Path, source: str, seed: str, variables: dict[str, str], is_filled: bool
) -> None:
    files = {
        **FILES,
        "sources.yml": f"version: 2\nsources: [{{name: crm, {source}{', ' if source else ''}"
        "tables: [{name: users, identifier: seed_users}]}]\n",
        "seeds/schema.yml": f"targets: {{seed_users: {{{seed}}}}}\n",
    }
    project = loaded(tmp_path, files, **variables)
    assert (project.seed_behind(USERS) == "seed_users") is is_filled


def test_another_schema_of_the_profile_is_another_project(tmp_path: Path) -> None:
    assert loaded(tmp_path, FILES, FF_DUCKDB_SCHEMA="demo").seed_behind(USERS) == "seed_users"
    assert loaded(tmp_path, FILES).seed_behind(USERS) is None
    assert loaded(tmp_path, FILES, FF_DUCKDB_SCHEMA="demo").seed_behind(USERS) == "seed_users"

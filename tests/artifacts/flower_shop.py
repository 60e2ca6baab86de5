"""A project with everything that artifacts and pages tell: written, and built where it is asked for."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

from fft_core import Project, load_project, open_warehouse
from fft_core.run.turn import build_model, build_seed

FILES: Mapping[str, str] = {
    "project.yml": """\
        name: flowers
        version: "1.2"
        docs: {dag_dir: out/dag}
        """,
    "profiles.yml": """\
        dev: {engine: duckdb, duckdb: {path: shop.duckdb}}
        pg: {engine: postgres, postgres: {dsn: "{{ env('DSN', '') }}", db_schema: "{{ env('SCHEMA', '') }}"}}
        """,
    "sources.yml": """\
        version: 2
        sources:
          - name: crm
            tables:
              - name: visits
                description: Who came when. Filled by the till.
                columns: [{name: user_id, description: The visitor.}]
        """,
    "seeds/users.csv": "id,email\n1,Ann@example.com\n2,bob@example.org\n",
    "models/staging/cleaned.ff.sql": """\
        {{ config(materialized='ephemeral') }}
        select id, lower(email) as email from {{ ref('users') }}
        """,
    "models/people.ff.sql": """\
        {{ config(tags=['nightly', 'core'], owners=['team:core']) }}
        select id, email, 1 as undescribed from {{ ref('cleaned') }} where id < 100 and '<b>' <> '&amp;'
        """,
    "models/recent.ff.sql": """\
        {{ config(materialized='view') }}
        select p.id, v.day from {{ ref('people') }} as p join {{ source('crm', 'visits') }} as v on v.user_id = p.id
        """,
    "models/counted.ff.py": '''\
        from fft_core import model


        @model(deps=["people"], tags=["nightly"])
        def counted(people):
            """How many <people> there are."""
            return people.groupby("email", as_index=False).size()
        ''',
    "models/schema.yml": """\
        version: 2
        models:
          - name: people
            description: One row per person; names with <script>alert("x")</script> & "quotes" stay text.
            columns:
              - name: id
                description: The key.
                tests: [not_null, unique]
              - {name: email, description: "In lower case; it's \\"the\\" address."}
              - {name: gone, description: Not in the table.}
          - name: users
            description: As exported.
            columns: [{name: email, description: As typed.}]
        """,
}


def write_shop(folder: Path, files: Mapping[str, str] | None = None) -> Path:
    """Write the project, with other files on top."""
    for name, text in {**FILES, **(files or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def load_shop(folder: Path, env: str = "dev", **environment: str) -> Project:
    """Load the project; its environment is what is given, and nothing of the process."""
    return load_project(folder, env, environment=environment)


def build_shop(project: Project) -> None:
    """Fill the source, and build everything."""
    with open_warehouse(project) as warehouse:
        for node in project.stored():
            if node.name in project.seeds:
                build_seed(warehouse, project.seeds[node.name])
                visits = warehouse.engine.relation("visits").sql(warehouse.engine.spelling)
                warehouse.engine.execute(f"create table {visits} as select 1 as user_id, date '2026-01-31' as day")
            else:
                build_model(warehouse, project.models[node.name])

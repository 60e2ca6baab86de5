"""A project for each section of the format of FFT, with all that the section lists: it loads, and is built."""

from __future__ import annotations

from pathlib import Path

import pytest
from targets import Target
from written_projects import Files, Shop, loaded, opened, problems, write_project

from fft_core import load_project

SEED = "id,name,updated_at\n1,ann,2026-01-03T00:00:00\n2,bob,2026-02-01T12:30:00\n"
LAYOUT: Files = {  # section 2: what a project is made of
    "project.yml": """\
        name: layout
        version: "0.1"
        models_dir: models
        docs: {dag_dir: site/dag}
        vars: {}
        models: {}
        seeds: {}
        tests: []
        """,
    "sources.yml": "version: 2\n",
    "packages.yml": "packages: []\n",
    "budgets.yml": "version: 1\n",
    ".env": "# none\n",
    "models/marts/deep/users_clean.ff.sql": "select id, name from {{ ref('seed_users') }}",
    "models/python/py_users.ff.py": """\
        from fastflowtransform import model
        @model(name="py_users", deps=["users_clean.ff"])
        def build(df):
            return df
        """,
    "models/macros/m.sql": "{% macro a() %}1{% endmacro %}",
    "models/macros/n.sql.j2": "{% macro b() %}2{% endmacro %}",
    "models/macros_py/helpers.py": "def c():\n    return 3\n",
    "models/schema.yml": "version: 2\nmodels: [{name: users_clean.ff, columns: [{name: id, tests: [not_null]}]}]\n",
    "models/uses.ff.sql": "select {{ a() }} as a, {{ b() }} as b, {{ c() }} as c",
    "seeds/raw/seed_users.csv": SEED,
    "seeds/schema.yml": "columns: {seed_users: {id: integer, name: string, updated_at: timestamp}}\n",
    "tests/unit/users.yml": """\
        model: users_clean.ff
        cases: [{name: c, inputs: {seed_users: {rows: []}}, expect: {rows: []}}]
        """,
    "tests/dq/check.ff.sql": "{{ config(type='never') }} select 0",
    "hooks/start.sql": "select 1",
    "hooks/code.py": "from fastflowtransform.hooks.registry import fft_hook\n@fft_hook()\ndef h(context): ...\n",
    **{
        f"{folder}README.md": "text"
        for folder in ("", "models/", "models/marts/", "seeds/", "tests/", "tests/unit/", "hooks/")
    },
    "patches/p.sql": "not read",
    "scripts/s.ff.sql": "not read",
    "docs/d.yml": "not: [read",
    "Makefile": "all:\n",
}
CONFIG: Files = {  # section 5.1: config()
    "project.yml": """\
        name: config
        version: "0.1"
        models:
          incremental:
            fct_inc.ff: {unique_key: id, incremental: {enabled: true, updated_at_column: updated_at}}
            not_there: {unique_key: id}
          storage: {fct_inc: {path: x, format: delta}}
        seeds: {storage: {}}
        """,
    "seeds/seed_users.csv": SEED,
    "seeds/schema.yml": "columns: {seed_users: {id: integer, name: string, updated_at: timestamp}}\n",
    "models/a_table.ff.sql": """\

        {{ config(
            materialized='table',
            tags=['scope:a', 'kind:staging',],
            kind='sql',
            engines=['duckdb', 'postgres', 'bigquery'],
            storage={'path': 'x'},
            http={'cache': 'rw'},
            api={},
        ) }}
        select * from {{ ref('seed_users') }};
        """,
    "models/a_view.ff.sql": """\
        {{ config(materialized='view') }}
        /* with */ -- select
        select * from {{ ref('a_table.ff') }}
        """,
    "models/inlined.ff.sql": "{{ config(materialized='ephemeral') }} select id from {{ ref('a_view') }}",
    "models/uses.ff.sql": "{{ config(unique_key='id') }} select id from {{ ref('inlined.ff') }} as i",
    "models/fct_inc.ff.sql": """\
        {{ config(materialized='incremental') }}
        select * from {{ ref('a_table.ff') }}
        {% if is_incremental() %}where updated_at > (select max(updated_at) from {{ this }}){% endif %};
        """,
    "models/fct_more.ff.sql": """\
        {{ config(materialized='incremental', unique_key=['id'], incremental={'updated_at_column': 'updated_at'},
                  on_schema_change='ignore') }}
        select * from {{ ref('a_table.ff') }}
        """,
    "models/snap.ff.sql": """\
        {{ config(materialized='snapshot', unique_key='id',
                  snapshot={'strategy': 'timestamp', 'updated_at': 'updated_at'}) }}
        select * from {{ ref('a_table.ff') }}
        """,
    "models/snap_check.ff.sql": """\
        {{ config(materialized='snapshot', unique_key=['id'], snapshot={'strategy': 'check', 'check_cols': ['name']}) }}
        select * from {{ ref('a_table.ff') }}
        """,
    "models/created.ff.sql": "-- first run\ncreate or replace table created as select 1 as id",
}
JINJA: Files = {  # section 5.2: the environment of templates
    "project.yml": "name: jinja\nversion: '0.1'\nvars: {which: b, limit: 1}\n",
    "seeds/seed_users.csv": SEED,
    "sources.yml": "version: 2\nsources: [{name: crm, tables: [{name: users, identifier: seed_users}]}]\n",
    "models/macros/types.sql": """\
        {% macro dtype_double() %}
        -- a comment
        {% set engine = var('engine') or env('FF_ENGINE') or '' %}
        {{ 'double precision' if engine else 'float' }}
        {% endmacro %}
        {% macro star_except(relation, drop) %}
        {{ adapter_columns(relation) | reject('in', drop) | join(', ') }}
        {% endmacro %}
        {% macro listed(names) %}{{ names | map('upper') | list | join(', ') }} {{ nested() }}{% endmacro %}
        """,
    "models/macros/other.sql": "{% macro nested() %}, {{ env('NOTHING') }} as nothing{% endmacro %}",
    "models/a.ff.sql": "select cast(id as {{ dtype_double() }}) as id from {{ source('crm', 'users') }}",
    "models/b.ff.sql": "{# ref('nothing') #}select 2 as id",
    "models/c.ff.sql": """\
        {% set chosen = {'a': ref('a.ff'), 'b': ref('b.ff')}.get(var('which')) %}
        select {{ listed(['id']) | replace('None', '0') }}, {{ [1, 2] | length }} as n, '{{ this ~ "" }}' as this_text,
               '{{ this.name }} {{ this.materialized }} {{ var("none") }} {{ "limit" | var }}' as told
        from {{ chosen }}
        -- {{ ref('gone') }}
        """,
}
YAML: Files = {  # section 6: YAML
    "project.yml": """\
        name: yaml
        version: "0.1"
        tests:
          - {type: not_null, table: users, column: id, tags: [batch], severity: warn, name: ids}
          - {type: unique, table: users, column: id}
          - {type: row_count_between, table: users, min_rows: 1, max_rows: 1_000}
          - {type: accepted_values, table: users, column: name, values: [ann, bob], where: id > 0}
          - {type: greater_equal, table: users, column: id, threshold: 1}
          - {type: non_negative_sum, table: users, column: id}
          - {type: freshness, table: users, column: updated_at, max_delay_minutes: 900000000}
          - {type: relationships, table: users, column: id, to: "ref('seed_users')", to_field: id}
          - {type: reconcile_equal, left: {table: users, expr: count(*)}, right: {table: seed_users, expr: count(*)}}
          - {type: reconcile_coverage, source: {table: users, key: id}, target: {table: seed_users, key: id}}
          - {type: no_future_orders, table: users, column: updated_at, where: id > 0}
          - {type: min_positive_share, table: users, column: id, params: {min_share: 0.5, where: id > 0}}
        """,
    "sources.yml": """\
        version: 2
        sources:
          - name: crm
            project: gcp
            dataset: raw
            options: {a: 1}
            meta: {b: 2}
            tables:
              - name: users
                identifier: seed_users
                description: text
                meta: {c: 3}
                freshness:
                  loaded_at_field: _ff_loaded_at
                  warn_after: {count: 60, period: minute}
                  error_after: {count: 4, period: hour}
                overrides:
                  databricks_spark: {schema: raw, format: delta, location: "/tmp/x"}
                  bigquery: {project: a, dataset: b}
        """,
    "seeds/raw/seed_users.csv": SEED,
    "seeds/schema.yml": """\
        targets:
          raw/seed_users: {table: seed_users, schema_by_engine: {bigquery: other}}
        columns:
          seed_users: {id: integer, name: {type: string, engines: {bigquery: STRING}}, updated_at: timestamp}
        dtypes:
          seed_users: {id: Int64}
        """,
    "budgets.yml": """\
        version: 1
        query_limits: {duckdb: {max_bytes: 5_000_000}, bigquery: {max_bytes: 10}}
        total: {bytes_scanned: {warn: 10, error: 100}, query_duration_ms: {warn: "30s", error: "2m"}}
        models: {users.ff: {bytes_scanned: {warn: 1, error: 3}}}
        tags: {batch: {bytes_scanned: {warn: 4}}}
        """,
    "models/users.ff.sql": "select * from {{ source('crm', 'users') }}",
    "tests/dq/no_future.ff.sql": """\
        {{ config(type="no_future_orders", params=["where"]) }}
        select count(*) from {{ table }} where {{ column }} > timestamp '2100-01-01'
        {% if where %} and ({{ where }}) {% endif %}
        """,
    "tests/dq/share.ff.py": """\
        from fastflowtransform.decorators import dq_test
        @dq_test("min_positive_share", params_model=None)
        def share(con, table, column, params):
            return con.execute(f"select 1 from {table}").fetchone() is not None, "no rows", ""
        """,
    "tests/unit/users.yml": """\
        model: users.ff
        defaults:
          inputs: {seed_users: {rows: [{id: 1, name: a, updated_at: "2026-01-01"}]}}
          expect: {relation: users, order_by: [id], any_order: true}
        cases:
          - {name: one, expect: {rows: [{id: 1}]}}
          - {name: from_csv, inputs: {seed_users: {csv: "id,name\\n2,b\\n"}}, expect: {rows: [{id: 2}], subset: true}}
        """,
}
SECTIONS = {"2 layout": LAYOUT, "5.1 config": CONFIG, "5.2 Jinja": JINJA, "6 YAML": YAML}


def rows_of(shop: Shop, name: str, columns: str = "*") -> list[tuple[object, ...]]:
    relation = shop.warehouse.relation(name).sql(shop.warehouse.engine.spelling)
    return shop.rows(f"select {columns} from {relation} order by 1")


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_loads_and_is_built(tmp_path: Path, target: Target, section: str) -> None:
    with target.profile() as profiles, opened(tmp_path, {**SECTIONS[section], "profiles.yml": profiles}) as shop:
        results = shop.build()
        assert all(check.passed for result in results for check in result.checks)
        again = shop.build()  # with what is there: increments and snapshots, too
        assert len(again) == len(results)
        match section:
            case "2 layout":
                assert rows_of(shop, "uses") == [(1, 2, 3)]
                assert rows_of(shop, "py_users", "id") == [(1,), (2,)]
            case "5.1 config":
                assert rows_of(shop, "fct_inc", "id") == rows_of(shop, "fct_more", "id") == [(1,), (2,)]
                assert rows_of(shop, "snap", "id") == rows_of(shop, "snap_check", "id") == [(1,), (2,)]
                assert rows_of(shop, "uses") == [(1,), (2,)]
            case "5.2 Jinja":
                ((*numbers, this, told),) = rows_of(shop, "c")
                assert numbers == [2, 0, 2]
                assert "c" in str(this)
                assert told == "c table None 1"
            case "6 YAML":
                assert shop.project.budgets.query_max_bytes == (5_000_000 if target.engine == "duckdb" else None)
                assert len(shop.project.unit_tests) == 2


UNKNOWN: dict[str, tuple[Files, str]] = {
    "project.yml": (
        {"project.yml": "name: a\nversion: '1'\nhook: {}\n"},
        "project.yml:3: unknown key 'hook' in the file [FFT-101]\n    hint: Did you mean 'hooks'?",
    ),
    "models": (
        {"project.yml": "name: a\nversion: '1'\nmodels: {storge: {}}\n"},
        (
            "project.yml:3: models: 'storge' is not a folder or name of models/ [FFT-113]\n    hint: Did you mean "
            "'storage'?"
        ),
    ),
    "config": (
        {"models/a.ff.sql": "{{ config(engine=['x']) }} select 1 as a"},
        "models/a.ff.sql:1: config(): unknown key 'engine' [FFT-101]\n    hint: Did you mean 'engines'?",
    ),
    "config, no delta_python": (
        {"models/a.ff.sql": "{{ config(delta_python='x') }} select 1 as a"},
        "models/a.ff.sql:1: config(): delta_python: not supported; write a Python model",
    ),
    "decorator": (
        {"models/a.ff.py": "from fastflowtransform import engine_model\n@engine_model(onyl='x')\ndef a(): ...\n"},
        "models/a.ff.py:3: @model(): unknown key 'onyl' [FFT-101]",
    ),
    "sources": (
        {"sources.yml": "version: 2\nsources: [{name: a, tables: [{name: b, overrides: {x: {formt: y}}}]}]\n"},
        (
            "sources.yml:2: unknown key 'formt' in sources.0.tables.0.overrides.x [FFT-101]\n    hint: Did you mean "
            "'format'?"
        ),
    ),
    "a file as a source": (
        {"sources.yml": "version: 2\nsources: [{name: a, tables: [{name: b, overrides: {duckdb: {location: y}}}]}]\n"},
        "sources.yml:2: source a.b: `location` is not supported on duckdb [FFT-107]",
    ),
    "seeds": (
        {"seeds/a.csv": "x\n1\n", "seeds/schema.yml": "columns: {a: {x: {type: integer, engine: {}}}}\n"},
        "seeds/schema.yml:1: columns.a.x: Input should be a valid string [FFT-106]",
    ),
    "dtypes alone": (
        {"seeds/a.csv": "x\n1\n", "seeds/schema.yml": "dtypes: {a: {x: string}}\n"},
        "seeds/schema.yml:1: dtypes of 'a' without columns of it are not supported [FFT-160]",
    ),
    "dtypes": (
        {"seeds/a.csv": "x\n1\n", "seeds/schema.yml": "dtypes: {a: {x: complex}}\n"},
        "seeds/schema.yml:1: dtypes.a.x: 'complex' is not a supported type of pandas",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_the_format_does_not_know_is_an_error(tmp_path: Path, case: str) -> None:
    files, said = UNKNOWN[case]
    assert problems(tmp_path, files)[0].startswith(said)


ENV = """\
# section 7: .env files
FF_ENGINE=duckdb
export FF_QUOTED="a b"
if [ -z "$DATABRICKS_HOST" ]; then
  echo "no host"
fi
FF_LAST='x'
"""


def test_shell_lines_of_env_files_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FF_LAST", "of the process")
    files: Files = {
        ".env": "FF_LAYER=1\nFF_WEAK=.env\n",
        ".env.local": "FF_LAYER=2\n",
        ".env.dev_db": ENV,
        "profiles.yml": "default: {engine: \"{{ env('FF_ENGINE') }}\", duckdb: {path: ':memory:'}}\n",
        "models/a.ff.sql": "select 1 as a",
    }
    project = load_project(write_project(tmp_path, files), "dev_db")
    seen = {name: project.environment.get(name) for name in ("FF_QUOTED", "FF_LAYER", "FF_WEAK", "FF_LAST")}
    assert seen == {"FF_QUOTED": "a b", "FF_LAYER": "2", "FF_WEAK": ".env", "FF_LAST": "of the process"}
    assert project.engine == "duckdb"


ENGINES_IN_ONE = """\
dev:
  engine: "{{ env('FF_ENGINE') }}"
  duckdb: {path: ':memory:'}
  bigquery: &bq {project: "{{ env('NOT_SET') }}", dataset: x, use_bigframes: true, allow_create_dataset: true}
  databricks_spark: {master: "local[*]", extra_conf: {a: b}, table_format: delta, table_options: {x: y}}
  snowflake_snowpark: {account: "{{ env('NOT_SET') }}", allow_create_schema: true}
stg: {<<: {engine: bigquery}, bigquery: *bq}
dev_utest:
  engine: duckdb
  duckdb:
    path: >-
      :memory:
"""


def test_a_profile_may_have_parts_for_engines_that_are_not_installed(tmp_path: Path) -> None:
    files: Files = {"profiles.yml": ENGINES_IN_ONE, "models/a.ff.sql": "select 1 as a"}
    assert loaded(tmp_path, files, FF_ENGINE="duckdb").engine == "duckdb"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dev: {engine: duckdb, duckdbs: {path: x}}", "profiles.yml:1: unknown key 'duckdbs' in dev [FFT-101]"),
        ("dev: {engine: duckdb, path: x}", "profiles.yml:1: unknown key 'path' in dev [FFT-101]"),
        (
            "dev: {engine: duckdb, duckdb: {path: \"{{ env('NOT_SET') }}\"}}",
            "profiles.yml:1: environment variable NOT_SET",
        ),
        ("dev: {engine: redshift, redshift: {}}", "profiles.yml:1: unknown engine 'redshift' [FFT-203]"),
    ],
)
def test_a_profile_that_cannot_be_used_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    assert problems(tmp_path, {"profiles.yml": text, "models/a.ff.sql": "select 1 as a"})[0].startswith(said)

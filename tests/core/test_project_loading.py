"""Files in, a Project out: forms of SQL, references, sources, seeds, checks, the graph, the environment."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from written_projects import USERS_ORDERS, loaded, opened, problems, write_project

from fft_core import Model, Project, load_project
from fft_core.project.model import (
    AcceptedValues,
    Ephemeral,
    Freshness,
    GreaterEqual,
    NotNull,
    Relationships,
    RowCountBetween,
    SourceName,
    Table,
    Unique,
    View,
)
from fft_core.project.model.project import model_levels
from fft_core.project.profile.profiles import load_environment, load_profile

ONE = {"models/one.ff.sql": "select 1 as x"}


def sql_of(project: Project, name: str) -> str:
    """The text that is sent for a model."""
    from fft_core import open_warehouse

    with open_warehouse(project, path=":memory:") as warehouse:
        return warehouse.compiler.sql(project.model(name), warehouse.naming)


# SQL forms


@pytest.mark.parametrize(
    "text",
    [
        "select 1 as x",
        "select 1 as x;",
        "select 1 as x ; \n ; ",
        "-- first; run\n/* with; select */ select 1 as x -- the end;\n;",
        "create or replace table one as select 1 as x;",
        "CREATE TABLE one AS\nselect 1 as x",
        "create or replace view main.one as (select 1 as x)",
        "{# nothing; #}\n{{ config(materialized='table') }}\nselect 1 as x",
        "with a as (select 1 as x) select * from a",
        "(select 1 as x)",
        "from (select 1 as x)",
        "values (1)",
        "select 1 as x, ';' as y, $$ ; $$ as z",
        "\ufeffselect 1 as x",
    ],
)
def test_a_model_is_one_query_in_any_of_these_forms(tmp_path: Path, text: str) -> None:
    with opened(tmp_path, {"models/one.ff.sql": text}) as shop:
        shop.build("one")
        assert shop.rows("select * from one")[0][0] == 1


def test_config_is_read_wherever_it_stands(tmp_path: Path) -> None:
    text = """\
        -- what this is
        select 1 as x
        {{ config(materialized='view', tags=['a', 'b'], owners='team:core', description='One.') }}
        """
    model = loaded(tmp_path, {"models/one.ff.sql": text}).model("one")
    assert (model.materialization, model.tags, model.owners, model.description) == (
        View(),
        ("a", "b"),
        ("team:core",),
        "One.",
    )


def test_a_model_without_config_is_a_table(tmp_path: Path) -> None:
    model = loaded(tmp_path, ONE).model("one")
    assert (model.materialization, model.kind, model.path) == (Table(), "sql", Path("models/one.ff.sql"))


# references


def test_both_forms_of_a_name_are_the_same_model(tmp_path: Path) -> None:
    files = {**ONE, "models/two.ff.sql": "select * from {{ ref('one.ff') }} union all select * from {{ ref('one') }}"}
    project = loaded(tmp_path, files)
    assert project.model("two").inputs == ("one",)
    assert project.model("two.ff") is project.model("two")
    assert project.node("one.ff") is project.model("one")


@pytest.mark.parametrize(
    "comment",
    [
        "-- {{ ref('ghost') }}",
        "/* {{ ref('ghost') }}\n {{ source('no', 'where') }} */",
        "{# {{ ref('ghost') }} #}",
        "-- it's {{ ref('ghost') }} and {% if %}",
        "{% raw %}/* {{ ref('ghost') }} */{% endraw %}",
    ],
)
def test_what_is_commented_out_is_not_referred_to(tmp_path: Path, comment: str) -> None:
    files = {**ONE, "models/two.ff.sql": f"{comment}\nselect * from {{{{ ref('one') }}}} {comment}\n"}
    with opened(tmp_path, files) as shop:
        assert shop.project.model("two").inputs == ("one",)
        shop.build()
        assert shop.rows("select * from two") == [(1,)]


def test_a_quoted_dash_is_no_comment(tmp_path: Path) -> None:
    files = {**ONE, "models/two.ff.sql": "select '--' as a, x from {{ ref('one') }}"}
    assert loaded(tmp_path, files).model("two").inputs == ("one",)


def test_references_in_every_branch_count(tmp_path: Path) -> None:
    text = """\
        {% if var('which', 'a') == 'a' %}
        select * from {{ ref('a') }}
        {% else %}
        select * from {{ {'b': ref('b'), 'c': ref('c')}[var('which')] }}
        {% endif %};
        """
    files = {f"models/{name}.ff.sql": f"select '{name}' as x" for name in "abc"}
    project = loaded(tmp_path, {**files, "models/two.ff.sql": text})
    assert project.model("two").refs == ("a", "b", "c")
    lines = {name: where.line for name, where in project.model("two").input_places.items()}
    assert lines == {"a": 2, "b": 4, "c": 4}
    assert '"a"' in sql_of(project, "two")


def test_references_are_found_through_macros_that_call_macros(tmp_path: Path) -> None:
    files = {
        **ONE,
        "models/macros/a.sql": "{% macro outer(column) %}{{ inner() }} where {{ column }} = 1{% endmacro %}",
        "models/macros/deep/b.sql.j2": "{% macro inner() %}select * from {{ ref('one') }}{% endmacro %}"
        "{% macro unused() %}{{ nobody_defines_this }}{% endmacro %}",
        "models/two.ff.sql": "{{ outer('x') }}",
    }
    project = loaded(tmp_path, files)
    assert project.model("two").inputs == ("one",)
    assert sql_of(project, "two") == 'select * from "memory"."main"."one" where x = 1'


def test_a_macro_may_be_handed_a_reference(tmp_path: Path) -> None:
    files = {
        **ONE,
        "models/macros/all.sql": "{% macro all_of(relation) %}select * from {{ relation }}{% endmacro %}",
        "models/two.ff.sql": "{{ all_of(ref('one')) }}",
    }
    assert sql_of(loaded(tmp_path, files), "two") == 'select * from "memory"."main"."one"'


def test_a_macro_hands_on_its_argument_when_the_model_names_it_too(tmp_path: Path) -> None:
    files = {
        **ONE,
        "models/macros/all.sql": "{% macro all_of(name) %}select * from {{ ref(name) }}{% endmacro %}",
        "models/two.ff.sql": "{% set _ = ref('one') %}{{ all_of('one') }}",
    }
    assert sql_of(loaded(tmp_path, files), "two") == 'select * from "memory"."main"."one"'


def test_template_functions(tmp_path: Path) -> None:
    text = """\
        select
            '{{ var("country") }}' as country,
            '{{ var("missing") }}' as missing,
            '{{ var("missing", "fallback") }}' as fallback,
            '{{ env("SHOP_NAME") }}' as shop,
            '{{ env("SHOP_OTHER", "none") }}' as other,
            '{{ engine() }}' as engine,
            {{ is_incremental() }} as incremental,
            '{{ this.name }}|{{ this.schema }}|{{ this.database }}|{{ this.materialized }}' as parts,
            '{{ "" ~ this }}' as this
        """
    files = {"project.yml": "name: shop\nversion: 1\nvars: {country: DE}\n", "models/one.ff.sql": text}
    with opened(tmp_path, files, SHOP_NAME="corner") as shop:
        assert shop.project.version == "1"
        shop.build()
        assert shop.rows("select * from one") == [
            (
                "DE",
                "None",
                "fallback",
                "corner",
                "none",
                "duckdb",
                False,
                "one|main|warehouse|table",
                '"warehouse"."main"."one"',
            )
        ]


def test_arguments_override_the_variables_of_the_project(tmp_path: Path) -> None:
    files = {"project.yml": "name: shop\nversion: '1'\nvars: {a: 1, b: 2}\n", **ONE}
    project = load_project(write_project(tmp_path, files), variables={"b": 3}, environment={})
    assert project.variables == {"a": 1, "b": 3}


def test_what_a_template_reads_is_known(tmp_path: Path) -> None:
    files = {
        "models/macros/m.sql": "{% macro m() %}{{ env('FROM_MACRO') }}{% endmacro %}",
        "models/one.ff.sql": "select '{{ m() }}{{ var('a') }}{{ 'b' | var }}{{ env(var('c')) }}' as x",
    }
    body = loaded(tmp_path, files).model("one").body
    assert (body.macros, body.variables, body.environment) == ({"m"}, {"a", "b", "c"}, {"FROM_MACRO", "*"})  # type: ignore[union-attr]


# sources and seeds


def test_sources_in_the_old_form(tmp_path: Path) -> None:
    text = """\
        crm:
          users: {identifier: seed_users}
          orders:
          visits: {schema: web, database: lake, overrides: {duckdb: {schema: local}}}
        """
    project = loaded(tmp_path, {**ONE, "sources.yml": text})
    places = {str(name): (s.catalog, s.schema, s.identifier, s.location.line) for name, s in project.sources.items()}
    assert places == {
        "crm.users": (None, None, "seed_users", 2),
        "crm.orders": (None, None, "orders", 3),
        "crm.visits": ("lake", "local", "visits", 4),
    }


def test_sources_in_version_2(tmp_path: Path) -> None:
    text = """\
        version: 2
        sources:
          - name: crm
            schema: raw
            tags: [pii]
            overrides: {postgres: {schema: public}, duckdb: {catalog: lake}}
            tables:
              - name: users
                identifier: seed_users
                description: People.
                tags: [core]
                columns: [{name: id, description: The key., data_type: bigint}]
              - name: orders
                schema: sales
                overrides: {duckdb: {identifier: orders_v2}}
        """
    project = loaded(tmp_path, {**ONE, "sources.yml": text})
    users, orders = project.sources.values()
    assert (users.catalog, users.schema, users.identifier, users.tags) == ("lake", "raw", "seed_users", ("pii", "core"))
    assert (users.description, users.columns[0].type, users.location.line) == ("People.", "bigint", 8)
    assert (orders.catalog, orders.schema, orders.identifier) == ("lake", "sales", "orders_v2")


def test_a_sources_file_may_say_nothing_but_its_version(tmp_path: Path) -> None:
    assert loaded(tmp_path, {**ONE, "sources.yml": "version: 2\n"}).sources == {}


def test_keys_for_anchors_at_the_top_of_a_file_are_ignored(tmp_path: Path) -> None:
    text = "x-place: &place {schema: raw}\nversion: 2\nsources: [{name: crm, tables: [{name: users, <<: *place}]}]\n"
    (source,) = loaded(tmp_path, {"sources.yml": text}).sources.values()
    assert source.schema == "raw"
    (problem,) = problems(tmp_path, {"sources.yml": text.replace("{name: users,", "{name: users, x-a: 1,")})
    assert problem.startswith("sources.yml:3: unknown key 'x-a' in sources.0.tables.0 [FFT-101]")


def test_seeds_take_place_and_types_from_their_schema_file(tmp_path: Path) -> None:
    schema = """\
        targets:
          raw/users: {schema: raw, table: seed_users}
          orders: {schema: sales, schema_by_engine: {duckdb: local, postgres: public}}
        columns:
          seed_users: {id: integer, born: {type: date}}
        """
    files = {**ONE, "seeds/schema.yml": schema, "seeds/raw/users.csv": "id,born\n", "seeds/orders.csv": "id\n1\n"}
    project = loaded(tmp_path, {**files, "seeds/README.md": "no seed", "seeds/.hidden/x.csv": "a\n"})
    users, orders = project.seeds["seed_users"], project.seeds["orders"]
    assert (users.seed_id, users.schema, users.column_types) == ("raw/users", "raw", {"id": "integer", "born": "date"})
    assert (orders.seed_id, orders.schema, orders.path) == ("orders", "local", Path("seeds/orders.csv"))
    assert len(project.seeds) == 2


# checks


def test_checks_of_project_yml(tmp_path: Path) -> None:
    text = """\
        name: shop
        version: "1"
        tests:
          - {type: not_null, table: one.ff, column: x, severity: warn, where: x > 0, tags: [batch], description: Why.}
          - {type: unique, table: one, column: [x, y], name: the key}
          - {type: accepted_values, table: one, column: x, values: [1, a, true, 1.5, 2024-01-01]}
          - {type: row_count_between, table: one}
          - {type: greater_equal, table: one, column: x, threshold: -2}
          - {type: freshness, table: one, column: t, max_delay_minutes: 60}
          - {type: relationships, table: one, column: x, to: "ref('two.ff')"}
          - {type: not_null, table: one, column: x}
          - {type: not_null, table: crm.users, column: id}
          - {type: not_null, table: raw_users, column: id}
        """
    files = {
        "project.yml": text,
        **ONE,
        "models/two.ff.sql": "select 1 as id",
        "sources.yml": "crm: {users: {identifier: raw_users}}",
    }
    project = loaded(tmp_path, files)
    checks = {check.name: check for check in project.checks_of("one")}
    first = checks["not_null_x"]
    assert (first.rule, first.severity, first.where, first.tags, first.description, str(first.location)) == (
        NotNull("x"),
        "warn",
        "x > 0",
        ("batch",),
        "Why.",
        "project.yml:4",
    )
    assert {name: check.rule for name, check in checks.items() if name != "not_null_x"} == {
        "the_key": Unique(("x", "y")),
        "accepted_values_x": AcceptedValues("x", (1, "a", True, 1.5, "2024-01-01")),
        "row_count_between": RowCountBetween(1, None),
        "greater_equal_x": GreaterEqual("x", -2),
        "freshness_t": Freshness("t", 60),
        "relationships_x": Relationships("x", "two", "id"),
        "not_null_x_2": NotNull("x"),
    }
    assert [c.name for c in project.checks_of(SourceName("crm", "users"))] == ["not_null_id", "not_null_id_2"]


def test_check_names_are_unique_even_where_a_user_takes_the_numbered_one(tmp_path: Path) -> None:
    tests = "".join(
        f"  - {{type: not_null, table: one, column: x, name: {name}}}\n"
        for name in ("a", "a_2", "a", "a", "'!'", "'?'")
    )
    project = loaded(tmp_path, {"project.yml": f"name: s\nversion: '1'\ntests:\n{tests}", **ONE})
    names = [check.name for check in project.checks]
    assert len(set(names)) == len(names) == 6
    assert all(names)


def test_checks_and_descriptions_of_schema_files(tmp_path: Path) -> None:
    text = """\
        version: 2
        models:
          - name: one
            description: The only one.
            tags: [batch]
            owners: [team:core]
            tests:
              - row_count_between: {min_rows: 1, max_rows: 5}
              - unique: {arguments: {column: [x, y]}, config: {severity: warn, where: x > 0, tags: [t]}}
            columns:
              - name: x
                description: A number.
                data_type: integer
                tests: [not_null, unique]
                data_tests:
                  - accepted_values: {values: [1]}
                  - relationships:
                      arguments: {to: "{{ ref('two') }}", field: id}
                      config: {severity: warn}
        seeds:
          - name: raw_users
            description: People.
            columns: [{name: id, description: Key., tests: [not_null]}]
        """
    sources = """\
        version: 2
        sources:
          - name: crm
            tables:
              - name: users
                tests: [{row_count_between: {min_rows: 2}}]
                columns: [{name: id, data_tests: [unique]}]
        """
    files = {
        **ONE,
        "models/two.ff.sql": "select 1 as id",
        "models/deep/schema.yml": text,
        "sources.yml": sources,
        "seeds/raw_users.csv": "id\n1\n",
    }
    project = loaded(tmp_path, files)
    one = project.model("one")
    assert (one.description, one.tags, one.owners) == ("The only one.", ("batch",), ("team:core",))
    assert [(c.name, c.description, c.type) for c in one.columns] == [("x", "A number.", "integer")]
    found = [(c.rule, c.severity, c.where, c.tags, c.location.line) for c in project.checks_of("one")]
    assert found == [
        (RowCountBetween(1, 5), "error", None, (), 8),
        (Unique(("x", "y")), "warn", "x > 0", ("t",), 9),
        (NotNull("x"), "error", None, (), 14),
        (Unique(("x",)), "error", None, (), 14),
        (AcceptedValues("x", (1,)), "error", None, (), 16),
        (Relationships("x", "two", "id"), "warn", None, (), 17),
    ]
    assert [str(c.rule) for c in project.checks_of("raw_users")] == ["NotNull(column='id')"]
    assert (project.seeds["raw_users"].description, project.seeds["raw_users"].columns[0].description) == (
        "People.",
        "Key.",
    )
    on_source = project.checks_of(SourceName("crm", "users"))
    assert [(c.rule, str(c.location)) for c in on_source] == [
        (RowCountBetween(2, None), "sources.yml:6"),
        (Unique(("id",)), "sources.yml:7"),
    ]


def test_a_check_of_a_source_that_a_seed_fills_is_a_check_of_the_seed(tmp_path: Path) -> None:
    files = {
        **ONE,
        "project.yml": "name: s\nversion: '1'\ntests:\n  - {type: unique, table: raw_users, column: id}\n"
        "  - {type: not_null, table: crm.users, column: id}\n  - {type: not_null, table: raw_users, column: id}\n",
        "sources.yml": "crm: {users: {identifier: raw_users}}",
        "seeds/raw_users.csv": "id\n1\n",
    }
    project = loaded(tmp_path, files)
    assert [check.name for check in project.checks_of("raw_users")] == ["unique_id", "not_null_id", "not_null_id_2"]
    assert project.checks_of(SourceName("crm", "users")) == ()


# the graph


def diamond(tmp_path: Path) -> Project:
    reads = {"a": "1", "z": "1", "b": "ref('a')", "c": "ref('a') ~ ref('z')", "d": "ref('b') ~ ref('c')"}
    files = {f"models/{'x' * i}/{name}.ff.sql": f"{{{{ {text} }}}}" for i, (name, text) in enumerate(reads.items(), 1)}
    return loaded(tmp_path, files)


def test_order_levels_and_reach(tmp_path: Path) -> None:
    project = diamond(tmp_path)
    assert model_levels(project) == (("a", "z"), ("b", "c"), ("d",))
    assert [model.name for model in project.order()] == ["a", "z", "b", "c", "d"]
    assert project.upstream("d") == {"a", "b", "c", "z"}
    assert project.downstream("a.ff") == {"b", "c", "d"}
    assert project.upstream("a") == project.downstream("d") == frozenset()


def test_a_seed_behind_a_source_is_upstream(tmp_path: Path) -> None:
    project = load_project(USERS_ORDERS, "memory", environment={})
    assert project.upstream("mart_users") == {
        "users",
        "orders",
        "users_enriched",
        "mart_orders_enriched",
        "seed_users",
        "seed_orders",
    }
    assert project.downstream("seed_orders") == {"orders", "mart_orders_enriched", "mart_users"}
    # the relationships check of orders reads users, so that users comes first
    assert [model.name for model in project.order()] == [
        "users",
        "orders",
        "users_enriched",
        "mart_orders_enriched",
        "mart_users",
    ]


def test_a_project_travels_by_pickle_without_the_secrets_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "s3cret-of-the-process")
    profiles = "dev:\n  engine: duckdb\n  duckdb: {path: \"{{ env('SHOP_FILE') }}\"}\n"
    files = {**ONE, "profiles.yml": profiles, ".env": "SHOP_FILE=from_dotenv.duckdb\nOTHER=s3cret-of-dotenv\n"}
    project = load_project(write_project(tmp_path, files))
    stored = pickle.dumps(project)
    assert b"s3cret" not in stored
    assert "s3cret" not in repr(project)
    again = pickle.loads(stored)
    assert again == project
    assert load_profile(again.root, again.env, again.environment).settings["path"] == str(
        tmp_path.resolve() / "from_dotenv.duckdb"
    )


def test_loading_opens_no_database_and_runs_no_code(tmp_path: Path) -> None:
    files = {
        "models/bomb.ff.py": "from fft_core import model\nraise SystemExit('run')\n@model\ndef bomb(): ...\n",
        "profiles.yml": "dev: {engine: duckdb, duckdb: {path: made/by/nobody.duckdb}}",
    }
    assert [model.name for model in loaded(tmp_path, files).order()] == ["bomb"]
    assert not (tmp_path / "made").exists()
    assert not list(tmp_path.rglob("__pycache__"))


def test_ephemeral_models_are_not_stored(tmp_path: Path) -> None:
    files = {"models/one.ff.sql": "{{ config(materialized='ephemeral') }} select 1", "seeds/s.csv": "a\n1\n"}
    project = loaded(tmp_path, files)
    assert project.model("one").materialization == Ephemeral()
    assert [node.name for node in project.stored()] == ["s"]


# the environment and the profile


def test_env_files_are_layered_and_the_process_wins(tmp_path: Path) -> None:
    layers = {".env": "ABCDE", ".env.local": "BCDE", ".env.prod": "CDE", ".env.prod.local": "DE", ".env.dev": "A"}
    for name, keys in layers.items():
        (tmp_path / name).write_text("".join(f"{key}={name}\n" for key in keys))
    found = load_environment(tmp_path, "prod", {"E": "process"})
    assert found == {"A": ".env", "B": ".env.local", "C": ".env.prod", "D": ".env.prod.local", "E": "process"}


def test_shell_lines_in_an_env_file_are_skipped(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('A=1\nif [ -z "$B" ]; then\n  export B=2\nfi\nexport C="3"\n')
    found = load_environment(tmp_path, "dev", {})
    assert (found["A"], found["C"]) == ("1", "3")


PROFILE = "dev: {engine: duckdb, duckdb: {path: from_file.duckdb, schema: filed}}\n"


def test_variables_win_over_the_profile_and_arguments_over_both(tmp_path: Path) -> None:
    write_project(tmp_path, {"profiles.yml": PROFILE})
    variables = {"FF_DUCKDB_PATH": "from_variable.duckdb", "FF_DUCKDB_SCHEMA": "varied", "FF_DUCKDB_THREADS": "2"}
    by_file = load_profile(tmp_path, "dev", {}).settings
    by_variable = load_profile(tmp_path, "dev", variables).settings
    by_argument = load_profile(tmp_path, "dev", variables, path="from_argument.duckdb", schema=None).settings
    assert [(Path(s["path"]).name, s["schema"], s["threads"]) for s in (by_file, by_variable, by_argument)] == [
        ("from_file.duckdb", "filed", None),
        ("from_variable.duckdb", "varied", 2),
        ("from_argument.duckdb", "varied", 2),
    ]


def test_an_unknown_environment_uses_the_default_profile(tmp_path: Path) -> None:
    profiles = "default: {engine: duckdb, duckdb: {path: d.duckdb}}\nprod: {engine: duckdb}\n"
    project = loaded(tmp_path, {**ONE, "profiles.yml": profiles}, env="staging")
    assert (project.env, load_profile(tmp_path, "staging", {}).name) == ("staging", "default")


def test_a_relative_path_starts_at_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with opened(tmp_path / "project", {**ONE, "profiles.yml": PROFILE}) as shop:
        shop.build()
    assert (tmp_path / "project" / "from_file.duckdb").is_file()
    assert list(Path.cwd().iterdir()) == []


def test_variables_are_enough_without_profiles(tmp_path: Path) -> None:
    write_project(tmp_path, ONE)
    (tmp_path / "profiles.yml").unlink()
    project = load_project(tmp_path, environment={"FF_ENGINE": "duckdb", "FF_DUCKDB_PATH": "x.duckdb"})
    assert project.engine == "duckdb"


def test_the_environment_chooses_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = f"{PROFILE}prod: {{engine: duckdb}}\n"
    write_project(tmp_path, {**ONE, "profiles.yml": profiles})
    monkeypatch.setenv("FFT_ACTIVE_ENV", "prod")
    assert (load_project(tmp_path).env, load_project(tmp_path, "dev").env) == ("prod", "dev")


def test_profiles_may_share_parts_by_anchors(tmp_path: Path) -> None:
    profiles = """\
        x-shared: &shared
          path: shared.duckdb
          threads: 1
        dev:
          engine: "{{ env('FF_ENGINE', 'duckdb') }}"
          duckdb:
            <<: *shared
            schema: >
              folded
        """
    write_project(tmp_path, {"profiles.yml": profiles})
    settings = load_profile(tmp_path, "dev", {}).settings
    assert (Path(settings["path"]).name, settings["threads"], settings["schema"].strip()) == (
        "shared.duckdb",
        1,
        "folded",
    )


def test_a_variable_missing_in_another_profile_is_no_error(tmp_path: Path) -> None:
    profiles = f"{PROFILE}prod:\n  engine: duckdb\n  duckdb: {{path: \"{{{{ env('PROD_PATH') }}}}\"}}\n"
    assert loaded(tmp_path, {**ONE, "profiles.yml": profiles}).engine == "duckdb"
    assert problems(tmp_path, {**ONE, "profiles.yml": profiles}, env="prod") == [
        (
            "profiles.yml:4: environment variable PROD_PATH is not set and has no default [FFT-204]\n"
            "    hint: Set PROD_PATH (in the environment or a .env file), or write env('PROD_PATH', 'default')."
        )
    ]


def test_the_database_path_of_the_process_is_left_alone() -> None:
    assert "FF_DUCKDB_PATH" not in os.environ, "unset FF_DUCKDB_PATH: it would override the profiles of these tests"


def test_models_know_where_they_are_written(tmp_path: Path) -> None:
    text = "from fft_core import model\n\n\n@model(name='one')\ndef a(): ...\n\n\n@model\ndef b(): ...\n"
    project = loaded(tmp_path, {"models/deep/two.ff.py": text})
    places = {name: str(model.location) for name, model in project.models.items() if isinstance(model, Model)}
    assert places == {"one": "models/deep/two.ff.py:5", "two": "models/deep/two.ff.py:9"}

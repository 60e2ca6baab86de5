"""A project as Dagster definitions, and real runs of them: the event log and the DuckDB file are what is read."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from conftest import REPOSITORY, FinishedRun, run_job
from fft_core import FftError, Model, ProjectError, Seed, Source
from fft_dagster import FftTranslator, build_definitions

SHOP: Mapping[str, str] = {
    "profiles.yml": """\
        dev: {engine: duckdb, duckdb: {path: warehouse.duckdb}}
        """,
    "project.yml": """\
        name: shop
        version: "1"
        vars: {limit: 0}
        tests:
          - {type: not_null, table: users, column: id}
          - {type: greater_equal, table: orders, column: amount, threshold: 0, where: amount is not null, tags: [money]}
          - {type: accepted_values, table: users, column: email, values: [a@x.at], severity: warn}
          - {type: relationships, table: orders, column: user_id, to: users, field: id}
        """,
    "sources.yml": """\
        version: 2
        sources:
          - name: crm
            description: Our customers.
            tables:
              - name: users
                identifier: seed_users
                columns: [{name: id, description: The key., tests: [not_null]}]
          - name: web
            schema: landing
            tables: [{name: visits, tests: [{row_count_between: {min_rows: 1}}]}]
        """,
    "models/schema.yml": """\
        version: 2
        models:
          - name: users
            description: People who buy.
            owners: [team:core, ann@example.com]
            columns: [{name: id, description: Their number., data_type: bigint}]
        """,
    "seeds/seed_users.csv": "id,email\n1,a@x.at\n2,b@x.at\n",
    "seeds/seed_orders.csv": "id,user_id,amount\n10,1,5.5\n11,2,0\n",
    "models/staging/users.ff.sql": """\
        {{ config(materialized='view', tags=['batch', 'owner:team/a b', 'a/b/c', ':x', 'äö']) }}
        select id, email from {{ source('crm', 'users') }}
        """,
    "models/staging/core/orders.ff.sql": """\
        select id, user_id, amount - {{ var('limit') }} as amount from {{ ref('seed_orders') }}
        """,
    "models/hidden.ff.sql": "{{ config(materialized='ephemeral') }} select u.*, o.amount from {{ ref('users') }} u"
    " left join {{ ref('orders') }} o on o.user_id = u.id",
    "models/spending.ff.py": """\
        import polars as pl
        from fft_core import model


        @model(deps=["hidden.ff"])
        def spending(frame: pl.DataFrame) -> pl.DataFrame:
            \"\"\"What each one spends.\"\"\"
            return frame.group_by("email").agg(pl.col("amount").sum()).sort("email")
        """,
}


def write(folder: Path, files: Mapping[str, str] = SHOP, **changed: str) -> Path:
    for name, content in {**files, **changed}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content))
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write(tmp_path / "shop")


def definitions(folder: Path, **arguments: Any) -> dg.Definitions:
    return build_definitions(folder, "dev", **arguments)


def materialize(
    defs: dg.Definitions, instance: dg.DagsterInstance, selection: dg.AssetSelection | None = None
) -> FinishedRun:
    """Run a selection, or all assets and checks, in this process."""
    jobs = [dg.define_asset_job("some", selection)] if selection else []
    merged = dg.Definitions.merge(defs, dg.Definitions(jobs=jobs))
    job = merged.resolve_job_def("some") if selection else merged.resolve_implicit_global_asset_job_def()
    return run_job(job, instance)


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def evaluations(run: FinishedRun) -> dict[str, dg.AssetCheckEvaluation]:
    return {
        f"{e.asset_check_evaluation_data.asset_key.to_user_string()}:{e.asset_check_evaluation_data.check_name}": (
            e.asset_check_evaluation_data
        )
        for e in run.events
        if e.event_type_value == "ASSET_CHECK_EVALUATION"
    }


def materialized(run: FinishedRun) -> dict[str, dg.AssetMaterialization]:
    events = [event.step_materialization_data for event in run.events if event.is_step_materialization]
    return {event.materialization.asset_key.to_user_string(): event.materialization for event in events}


WEB_VISITS = dg.AssetKey(["web", "visits"])
NO_VISITS = dg.AssetSelection.all() - dg.AssetSelection.checks_for_assets(WEB_VISITS)


# definitions


def test_every_stored_model_and_seed_is_an_asset_and_every_source_an_external_one(shop: Path) -> None:
    graph = definitions(shop).resolve_asset_graph()
    described = {
        node.key.to_user_string(): (
            node.group_name,
            sorted(node.kinds),
            sorted(key.to_user_string() for key in node.parent_keys),
            node.is_materializable,
        )
        for node in graph.asset_nodes
    }
    assert described == {
        "seed_users": ("seeds", ["csv", "duckdb", "seed"], [], True),
        "seed_orders": ("seeds", ["csv", "duckdb", "seed"], [], True),
        "crm/users": ("crm", ["duckdb", "source"], ["seed_users"], False),
        "web/visits": ("web", ["duckdb", "source"], [], False),
        "users": ("staging", ["duckdb", "sql", "view"], ["crm/users", "seed_users"], True),
        "orders": ("staging/core", ["duckdb", "sql", "table"], ["seed_orders", "users"], True),
        "spending": ("default", ["duckdb", "python", "table"], ["orders", "users"], True),
    }


def test_what_is_known_of_a_model_is_on_its_asset(shop: Path) -> None:
    graph = definitions(shop).resolve_asset_graph()
    users = graph.get(dg.AssetKey("users"))
    assert users.description == "People who buy."
    assert set(users.owners) == {"team:core", "ann@example.com"}
    assert {k: v for k, v in users.tags.items() if not k.startswith("dagster/")} == {
        "batch": "",
        "owner": "team_a_b",
        "a_b_c": "",
        "_": "",
    }
    assert users.metadata["dagster/table_name"] == "warehouse.main.users"
    assert users.metadata["dagster/storage_kind"] == "duckdb"
    (column,) = users.metadata["dagster/column_schema"].columns
    assert (column.name, column.type, column.description) == ("id", "bigint", "Their number.")
    (reference,) = users.metadata["dagster/code_references"].code_references
    assert (reference.file_path, reference.line_number) == (str(shop.resolve() / "models/staging/users.ff.sql"), 1)
    assert graph.get(dg.AssetKey("spending")).description == "What each one spends."
    assert graph.get(dg.AssetKey(["crm", "users"])).description == "Our customers."
    assert graph.get(WEB_VISITS).metadata["dagster/table_name"] == "warehouse.landing.visits"


def test_checks_block_by_their_severity_and_say_what_they_check(shop: Path) -> None:
    graph = definitions(shop).resolve_asset_graph()
    checks = {node.key.to_user_string(): node for node in graph.asset_check_nodes}
    assert {name: node.blocking for name, node in checks.items()} == {
        "users:not_null_id": True,
        "users:accepted_values_email": False,
        "orders:greater_equal_amount": True,
        "orders:relationships_user_id": True,
        "seed_users:not_null_id": True,
        "web/visits:row_count_between": True,
    }
    amount = checks["orders:greater_equal_amount"]
    assert amount.description == "amount is at least 0, or NULL, where amount is not null"
    assert {key: amount.metadata[key] for key in ("type", "where", "tags", "file", "column")} == {
        "type": "greater_equal",
        "where": "amount is not null",
        "tags": "money",
        "file": "project.yml:6",
        "column": "amount",
    }


def test_models_of_a_package_are_assets_in_groups_of_its_name(shop: Path) -> None:
    write(
        shop.parent / "shared-models",
        {
            "project.yml": "name: shared-models\nversion: 1.0\n",
            "models/top.ff.sql": "select 1 as id",
            "models/staging/deep/people.ff.sql": "select id from {{ source('crm', 'users') }}",
        },
    )
    (shop / "packages.yml").write_text("shared-models: ../shared-models\n")
    graph = definitions(shop).resolve_asset_graph()
    people = graph.get(dg.AssetKey("people"))
    assert (people.group_name, sorted(people.kinds)) == ("shared_models/staging/deep", ["duckdb", "sql", "table"])
    assert graph.get(dg.AssetKey("top")).group_name == "shared_models"
    assert dg.AssetKey(["crm", "users"]) in people.parent_keys
    (reference,) = people.metadata["dagster/code_references"].code_references
    assert reference.file_path == str(shop.parent.resolve() / "shared-models/models/staging/deep/people.ff.sql")
    assert reference.label == "packages/shared-models/models/staging/deep/people.ff.sql"


def test_loading_definitions_opens_no_database(shop: Path) -> None:
    definitions(shop)
    assert not (shop / "warehouse.duckdb").exists()


def test_a_translator_names_everything(shop: Path, instance: dg.DagsterInstance) -> None:
    class Mine(FftTranslator):
        def get_asset_key(self, node: Model | Seed | Source) -> dg.AssetKey:
            return super().get_asset_key(node).with_prefix("wh")

        def get_group_name(self, node: Model | Seed | Source) -> str | None:
            return "mine"

    defs = definitions(shop, translator=Mine())
    graph = defs.resolve_asset_graph()
    assert {key.path[0] for key in graph.get_all_asset_keys()} == {"wh"}
    assert {key.asset_key.path[0] for key in graph.asset_check_keys} == {"wh"}
    assert {node.group_name for node in graph.asset_nodes} == {"mine"}
    run = materialize(defs, instance, dg.AssetSelection.assets(["wh", "seed_users"], ["wh", "users"]))
    assert (run.status, set(materialized(run))) == ("SUCCESS", {"wh/seed_users", "wh/users"})


def test_an_invalid_project_is_one_error_with_all_problems(shop: Path) -> None:
    write(shop, {"models/bad.ff.sql": "{{ ref('nope') }}", "models/worse.ff.py": "def"})
    with pytest.raises(ProjectError) as caught:
        definitions(shop)
    assert len(caught.value.problems) == 2


def test_dagster_validates_the_workspace_of_the_repository(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"],
        cwd=REPOSITORY,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    assert "All code locations passed validation" in finished.stdout + finished.stderr


# runs


def test_materialize_all(shop: Path, instance: dg.DagsterInstance) -> None:
    (shop / "warehouse.duckdb").unlink(missing_ok=True)
    with duckdb.connect(str(shop / "warehouse.duckdb")) as connection:
        connection.execute("create schema landing; create table landing.visits as select 1 as id")
    defs = definitions(shop)
    run = materialize(defs, instance)
    assert run.status == "SUCCESS"
    assert {"seed_users", "seed_orders", "users", "orders", "spending"} == set(materialized(run))
    assert {name: evaluation.passed for name, evaluation in evaluations(run).items()} == {
        "users:not_null_id": True,
        "users:accepted_values_email": False,
        "orders:greater_equal_amount": True,
        "orders:relationships_user_id": True,
        "seed_users:not_null_id": True,
        "web/visits:row_count_between": True,
    }
    assert rows(shop, "select * from spending") == [("a@x.at", 5.5), ("b@x.at", 0.0)]
    order = [step for step in run.steps("STEP_SUCCESS") if step in ("seed_users", "users", "orders", "spending")]
    assert order == ["seed_users", "users", "orders", "spending"]
    # what was stored is what was said
    stored = instance.get_latest_materialization_event(dg.AssetKey("spending"))
    assert stored is not None
    assert stored.asset_materialization is not None
    metadata = stored.asset_materialization.metadata
    assert metadata["dagster/row_count"].value == 2
    assert metadata["dagster/table_name"].value == "warehouse.main.spending"
    schema = metadata["dagster/column_schema"].value
    assert isinstance(schema, dg.TableSchema)
    assert [(column.name, column.type) for column in schema.columns] == [("email", "VARCHAR"), ("amount", "DOUBLE")]


def test_a_first_run_of_everything_on_an_empty_database(shop: Path, instance: dg.DagsterInstance) -> None:
    run = materialize(definitions(shop), instance, NO_VISITS)
    assert run.status == "SUCCESS", run.messages("STEP_FAILURE")
    assert evaluations(run)["seed_users:not_null_id"].passed


def test_a_failing_check_publishes_nothing_and_stops_what_is_downstream(
    shop: Path, instance: dg.DagsterInstance
) -> None:
    models = dg.AssetSelection.assets("seed_users", "seed_orders", "users", "orders", "spending")
    assert materialize(definitions(shop), instance, models).status == "SUCCESS"
    before = rows(shop, "select * from orders order by 1"), rows(shop, "select * from spending")
    run = materialize(definitions(shop, variables={"limit": 3}), instance, models)
    assert run.status == "FAILURE"
    assert run.steps("STEP_FAILURE") == ["orders"]
    assert "orders" not in materialized(run)
    assert "spending" not in run.steps("STEP_START")
    evaluation = evaluations(run)["orders:greater_equal_amount"]
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert evaluation.metadata["failing_rows"].value == 1
    assert evaluation.metadata["judged"].value == "staged rows, which were not published"
    assert "| 11 | 2 | -3.0 |" in str(evaluation.metadata["sample"].value)
    assert evaluations(run)["orders:relationships_user_id"].passed
    (failure,) = [event.step_failure_data for event in run.events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == (
        "project.yml:6: orders is not published: 1 check(s) failed: greater_equal_amount: 1 of 2 rows fail [FFT-500]\n"
        "    hint: The first of them: id = 11, user_id = 2, amount = -3.0"
    )
    assert (rows(shop, "select * from orders order by 1"), rows(shop, "select * from spending")) == before


def test_a_warning_is_recorded_and_stops_nothing(shop: Path, instance: dg.DagsterInstance) -> None:
    run = materialize(definitions(shop), instance, dg.AssetSelection.assets("seed_users", "users"))
    assert run.status == "SUCCESS"
    evaluation = evaluations(run)["users:accepted_values_email"]
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert evaluation.description == "1 of 2 rows fail"


def test_checks_alone_judge_the_published_rows_and_build_nothing(shop: Path, instance: dg.DagsterInstance) -> None:
    defs = definitions(shop)
    assert materialize(defs, instance, NO_VISITS).status == "SUCCESS"
    with duckdb.connect(str(shop / "warehouse.duckdb")) as connection:
        connection.execute("update orders set amount = -1")
    key = dg.AssetCheckKey(dg.AssetKey("orders"), "greater_equal_amount")
    run = materialize(defs, instance, dg.AssetSelection.checks(key))
    assert materialized(run) == {}
    assert list(evaluations(run)) == ["orders:greater_equal_amount"]
    evaluation = evaluations(run)["orders:greater_equal_amount"]
    assert (evaluation.passed, evaluation.metadata["judged"].value) == (False, "the published rows")
    assert rows(shop, "select distinct amount from orders") == [(-1.0,)]
    source = dg.AssetCheckKey(dg.AssetKey("seed_users"), "not_null_id")
    run = materialize(defs, instance, dg.AssetSelection.checks(source))
    assert (run.status, list(evaluations(run)), materialized(run)) == ("SUCCESS", ["seed_users:not_null_id"], {})


def test_a_model_that_fails_reads_like_its_error(shop: Path, instance: dg.DagsterInstance) -> None:
    write(shop, {"models/broken.ff.py": "from fft_core import model\n@model\ndef broken():\n    return 1 / 0\n"})
    run = materialize(definitions(shop), instance, dg.AssetSelection.assets("broken"))
    (failure,) = [event.step_failure_data for event in run.events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == (
        "models/broken.ff.py:4: model 'broken' raised ZeroDivisionError: division by zero [FFT-411]\n"
        "    models/broken.ff.py:4 in broken: return 1 / 0"
    )


def test_a_statement_that_is_rejected_is_shown_whole(shop: Path, instance: dg.DagsterInstance) -> None:
    write(shop, {"models/wrong.ff.sql": "select nothing"})
    run = materialize(definitions(shop), instance, dg.AssetSelection.assets("wrong"))
    (failure,) = [event.step_failure_data.user_failure_data for event in run.events if event.is_step_failure]
    assert failure is not None
    sql = 'create or replace table "warehouse"."main"."wrong" as\nselect nothing'
    assert failure.metadata["sql"].value == f"```sql\n{sql}\n```"


# assets beside the models


def test_a_plain_asset_downstream_takes_a_model_as_the_frame_that_it_names(
    shop: Path, instance: dg.DagsterInstance
) -> None:
    seen: dict[str, Any] = {}

    @dg.asset
    def by_default(orders) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - that there is no annotation
        seen["none"] = orders

    @dg.asset
    def as_pandas(orders: pd.DataFrame) -> None:
        seen["pandas"] = orders

    @dg.asset
    def as_polars(orders: pl.DataFrame) -> None:
        seen["polars"] = orders

    @dg.asset
    def as_arrow(orders: pa.Table, users: pd.DataFrame) -> None:
        seen["arrow"], seen["view"] = orders, users

    defs = definitions(shop, assets=[by_default, as_pandas, as_polars, as_arrow])
    run = materialize(defs, instance, NO_VISITS)
    assert run.status == "SUCCESS", run.messages("STEP_FAILURE")
    assert {name: type(frame) for name, frame in seen.items()} == {
        "none": pd.DataFrame,
        "pandas": pd.DataFrame,
        "polars": pl.DataFrame,
        "arrow": pa.Table,
        "view": pd.DataFrame,
    }
    assert seen["polars"].sort("id").rows() == [(10, 1, 5.5), (11, 2, 0.0)]
    assert sorted(seen["view"]["id"]) == [1, 2]


def test_a_plain_asset_upstream_fills_a_source_that_a_model_reads(shop: Path, instance: dg.DagsterInstance) -> None:
    @dg.asset(key=["web", "visits"], io_manager_key="fft_io_manager")
    def visits() -> pl.DataFrame:
        return pl.DataFrame({"user_id": [1, 1, 2]})

    write(
        shop, {"models/visitors.ff.sql": "select user_id, count(*) as n from {{ source('web', 'visits') }} group by 1"}
    )
    run = materialize(definitions(shop, assets=[visits]), instance)
    assert run.status == "SUCCESS", run.messages("STEP_FAILURE")
    assert rows(shop, "select * from visitors order by 1") == [(1, 2), (2, 1)]
    assert rows(shop, "select count(*) from landing.visits") == [(3,)]
    metadata = materialized(run)["web/visits"].metadata
    assert (metadata["dagster/table_name"].value, metadata["dagster/row_count"].value) == (
        "warehouse.landing.visits",
        3,
    )
    assert evaluations(run)["web/visits:row_count_between"].passed


def test_bad_rows_of_a_plain_asset_are_not_published(shop: Path, instance: dg.DagsterInstance) -> None:
    @dg.asset(key=["web", "visits"], io_manager_key="fft_io_manager")
    def visits() -> pd.DataFrame:
        return pd.DataFrame({"user_id": [0]}).head(0)

    write(shop, {"models/visitors.ff.sql": "select user_id from {{ source('web', 'visits') }}"})
    both = dg.AssetSelection.assets(WEB_VISITS, ["visitors"])
    run = materialize(definitions(shop, assets=[visits]), instance, both)
    assert run.status == "FAILURE"
    assert materialized(run) == {}
    assert run.messages("STEP_FAILURE") == ['Execution of step "web__visits" failed.']
    assert rows(shop, "select count(*) from duckdb_tables() where table_name = 'visits'") == [(0,)]


def test_a_plain_asset_that_is_no_source_is_stored_under_its_key(shop: Path, instance: dg.DagsterInstance) -> None:
    @dg.asset(key=["extra", "numbers"], io_manager_key="fft_io_manager")
    def numbers() -> pd.DataFrame:
        return pd.DataFrame({"n": [1, 2]})

    @dg.asset(io_manager_key="fft_io_manager", ins={"numbers": dg.AssetIn(key=["extra", "numbers"])})
    def doubled(numbers: pl.DataFrame) -> pa.Table:
        return numbers.select(pl.col("n") * 2).to_arrow()

    defs = definitions(shop, assets=[numbers, doubled])
    run = materialize(defs, instance, dg.AssetSelection.assets(["extra", "numbers"], ["doubled"]))
    assert run.status == "SUCCESS", run.messages("STEP_FAILURE")
    assert rows(shop, "select * from extra.numbers union all select * from main.doubled order by 1") == [
        (1,),
        (2,),
        (2,),
        (4,),
    ]


def test_what_is_no_frame_or_not_there_is_said(shop: Path, instance: dg.DagsterInstance) -> None:
    @dg.asset(io_manager_key="fft_io_manager")
    def no_frame() -> int:
        return 3

    @dg.asset
    def reads_nothing(orders: pd.DataFrame) -> None: ...

    defs = definitions(shop, assets=[no_frame, reads_nothing])
    for name, said in {
        "no_frame": "a model must return a frame, not int",
        "reads_nothing": "warehouse.main.orders does not exist [FFT-420]\n    hint: Materialize orders first.",
    }.items():
        run = materialize(defs, instance, dg.AssetSelection.assets(name))
        assert run.status == "FAILURE"
        (failure,) = [event.step_failure_data for event in run.events if event.is_step_failure]
        assert said in str(failure.error_display_string)


def test_variables_come_from_the_environment_where_none_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `fft dev --vars` passes them on, to a definitions.py of the project's own, too."""
    (tmp_path / "models").mkdir()
    (tmp_path / "project.yml").write_text("name: v\nversion: '1'\nvars: {n: 1}\n")
    (tmp_path / "profiles.yml").write_text("dev: {engine: duckdb, duckdb: {path: v.duckdb}}\n")
    (tmp_path / "models" / "m.ff.sql").write_text("select {{ var('n') }} as n")
    versions = []
    for given in (None, '{"n": 2}', '{"n": 1}'):
        monkeypatch.delenv("FFT_VARS", raising=False)
        if given is not None:
            monkeypatch.setenv("FFT_VARS", given)
        spec = build_definitions(tmp_path).resolve_all_asset_specs()[0]
        versions.append(spec.code_version)
    assert versions[0] == versions[2] != versions[1]
    monkeypatch.setenv("FFT_VARS", "[1")
    with pytest.raises(FftError, match="FFT_VARS is not a JSON object"):
        build_definitions(tmp_path)


def test_definitions_let_python_search_for_cycles_less_often(shop: Path) -> None:
    """Thresholds that a process has set itself stay."""
    code = "import gc; {}; import fft_dagster as f; f.build_definitions({!r}); print(gc.get_threshold())"

    def thresholds(setting: str) -> str:
        command = [sys.executable, "-c", code.format(setting, str(shop))]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert thresholds("pass") == "(50000, 20, 100)"
    assert thresholds("gc.set_threshold(900, 5, 5)") == "(900, 5, 5)"


@pytest.mark.parametrize(
    ("imports", "searches"), [("gc", False), ("duckdb", True), ("gc; gc.set_threshold(9, 5, 5)", True)]
)
def test_a_process_of_definitions_ends_without_a_search_for_cycles(shop: Path, imports: str, searches: bool) -> None:
    """Objects of DuckDB's driver are freed as before: it reports those that are not."""
    code = (
        f"import atexit, {imports}\nimport gc, fft_dagster\n"
        "atexit.register(lambda: print('searches:', gc.get_freeze_count() == 0))\n"  # called after what comes later
        f"fft_dagster.build_definitions({str(shop)!r}).get_repository_def()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == f"searches: {searches}"
    assert "leaked" not in ended.stderr

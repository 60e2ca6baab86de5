"""The layout of tables from configs: where it is read, what is refused, and that only its effect makes a rebuild."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from fft_cli.app import app
from fft_core import ProjectError, load_project
from fft_core.compile.identity import project_identities
from fft_core.engines.protocol import ColumnType
from fft_core.engines.spec.layout import (
    LAYOUT_KEYS,
    Cluster,
    Layout,
    LayoutError,
    LayoutSupport,
    Partition,
    option_text,
)
from fft_core.engines.spec.registry import installed_specs
from fft_core.project.model import Incremental, Project
from fft_core.testing.project import make_project

WAREHOUSES = {
    "bigquery": {"project": "p", "dataset": "d"},
    "snowflake_snowpark": {"account": "a", "user": "u", "password": "p", "database": "d", "schema": "s"},
    "databricks_spark": {"master": "local[1]"},
    "duckdb": {"path": ":memory:"},
    "postgres": {"dsn": "postgresql:///", "db_schema": "s"},
}
ORDERS = "select 1 as id, date '2026-01-03' as day, 'a' as region"
Make = Callable[..., Project]


@pytest.fixture
def project_of(tmp_path: Path) -> Make:
    def made(config: str = "", engine: str = "duckdb", **files: str) -> Project:
        head = f"{{{{ config({config}) }}}}\n" if config else ""
        written = {
            "models/orders.ff.sql": head + ORDERS,
            **{name.replace("__", "/"): text for name, text in files.items()},
        }
        return make_project(tmp_path / engine, written, engine=engine, settings=WAREHOUSES[engine])

    return made


def layout_in(project: Project, name: str = "orders") -> Layout:
    return project.node(name).layout


EVERY_KEY = (
    "partition_by=['day', 'region'], cluster_by='id', table_format='delta', table_options={'a': 1, 'b': True}, "
    "labels={'team': 'core'}, transient=True"
)


def test_every_key_is_read_from_the_config_of_a_model(project_of: Make) -> None:
    assert layout_in(project_of(EVERY_KEY)) == Layout(
        partition_by=(Partition("day"), Partition("region")),
        cluster_by=(Cluster("id"),),
        table_format="delta",
        table_options=(("a", 1), ("b", True)),
        labels=(("team", "core"),),
        transient=True,
    )


def test_the_nearest_place_wins_key_by_key(tmp_path: Path) -> None:
    files = {
        "project.yml": (
            "name: p\nversion: '1'\nmodels:\n  +cluster_by: [id]\n  +labels: {team: core}\n"
            "seeds: {+cluster_by: [id], +partition_by: {field: id, range: {start: 0, end: 10, interval: 5}}}\n"
        ),
        "models/orders.ff.sql": f"{{{{ config(cluster_by=['day']) }}}}\n{ORDERS}",
        "models/marts.yml": "version: 2\nmodels:\n  - name: sales\n    config: {cluster_by: [region, 'date(day)']}\n",
        "models/sales.ff.sql": ORDERS,
        "models/view.ff.sql": f"{{{{ config(materialized='view') }}}}\n{ORDERS}",
        "seeds/raw.csv": "id\n1\n",
    }
    project = make_project(tmp_path, files, engine="duckdb", settings=WAREHOUSES["duckdb"])
    labels = (("team", "core"),)
    assert layout_in(project) == Layout(cluster_by=(Cluster("day"),), labels=labels)
    assert layout_in(project, "sales") == Layout(cluster_by=(Cluster("region"), Cluster("date(day)")), labels=labels)
    assert layout_in(project, "raw") == Layout(
        partition_by=(Partition("id", range=(0, 10, 5)),), cluster_by=(Cluster("id"),)
    )
    assert layout_in(project, "view") == Layout()  # of a folder, a key is for the tables in it
    assert {key: str(place) for key, place in project.node("orders").layout_at.items()} == {
        "cluster_by": "models/orders.ff.sql:1",
        "labels": "project.yml:5",
    }


def test_a_python_model_has_a_layout_too(project_of: Make) -> None:
    code = "from fft_core import model\n\n@model(cluster_by=['id'])\ndef users():\n    return None\n"
    assert layout_in(project_of(**{"models__users.ff.py": code}), "users").cluster_by == (Cluster("id"),)


def test_a_cached_project_has_its_layout(project_of: Make) -> None:
    project = project_of(EVERY_KEY)
    assert load_project(project.root, "dev", environment={}).models["orders"] == project.models["orders"]


BY_MONTH = (
    "materialized='incremental', strategy='insert_overwrite', partition_by={'field': 'day', 'granularity': 'month'}"
)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("cluster_by=3", "cluster_by must be"),
        ("cluster_by=[]", "cluster_by"),
        ("partition_by=[1]", "partition_by"),
        ("partition_by={'field': 'day', 'granularity': 'week'}", "partition_by.granularity: unknown value 'week'"),
        ("partition_by={'granularity': 'day'}", "missing key 'field'"),
        ("partition_by={'field': 'id', 'range': {'start': 0, 'end': 9, 'interval': 0}}", "interval"),
        ("table_options=['a']", "table_options must be"),
        ("labels={'a': 1}", "labels"),
        ("transient='perhaps'", "transient: Input should be a valid boolean"),
        ("table_fromat='delta'", "unknown key 'table_fromat'"),
        (BY_MONTH, "replaces values of columns, not the time spans"),
        ("materialized='view', cluster_by=['id']", "'cluster_by' has no effect on a model that is a view [FFT-107]"),
        ("materialized='ephemeral', labels={'a': 'b'}", "'labels' has no effect on a model that is a ephemeral"),
    ],
)
def test_a_wrong_value_is_an_error_with_its_place_on_every_engine(project_of: Make, config: str, said: str) -> None:
    with pytest.raises(ProjectError) as raised:
        project_of(config)
    assert said in str(raised.value)
    assert "models/orders.ff.sql:1" in str(raised.value)


@pytest.mark.parametrize(
    ("engine", "config", "said"),
    [
        (
            "bigquery",
            "cluster_by=['a', 'b', 'c', 'd', 'e']",
            "cluster_by: BigQuery clusters by 4 columns at most, not 5",
        ),
        ("bigquery", "labels={'Team': 'core'}", "labels: Team: 'core': labels of BigQuery are lower-case"),
        ("bigquery", "table_options={'description': 'x'}", "'description' cannot be set here: FFT writes it"),
        ("bigquery", "table_options={'a) as': 1}", "'a) as' is not the name of an option"),
        ("databricks_spark", "table_format='orc'", "table_format: must be one of parquet, delta, iceberg, not 'orc'"),
        ("databricks_spark", "table_options={'fft.mark': 'x'}", "properties that begin with fft. are those of FFT"),
    ],
)
def test_what_one_engine_refuses_is_an_error_there_alone(project_of: Make, engine: str, config: str, said: str) -> None:
    with pytest.raises(ProjectError) as raised:
        project_of(config, engine)
    assert said in str(raised.value)
    assert "models/orders.ff.sql:1" in str(raised.value)
    assert "[FFT-164]" in str(raised.value)
    assert project_of(config).models["orders"].layout.keys


def test_partition_by_keeps_its_meaning_for_insert_overwrite(project_of: Make) -> None:
    overwrite = "materialized='incremental', strategy='insert_overwrite', partition_by='day'"
    model = project_of(overwrite).models["orders"]
    assert isinstance(model.materialization, Incremental)
    assert model.materialization.partition_by == ("day",)
    assert model.layout.may_lack_partitions
    model = project_of("materialized='incremental', unique_key='id', partition_by='day'").models["orders"]
    assert isinstance(model.materialization, Incremental)
    assert model.materialization.partition_by == ()
    assert not model.layout.may_lack_partitions


CHANGED_ON = {
    "partition_by='day'": {"bigquery", "databricks_spark"},
    "cluster_by=['id']": {"bigquery", "databricks_spark", "snowflake_snowpark"},
    "table_format='iceberg'": {"databricks_spark"},
    "table_options={'a': 'b'}": {"bigquery", "databricks_spark"},
    "labels={'a': 'b'}": {"bigquery"},
    "transient=True": {"snowflake_snowpark"},
}


@pytest.mark.parametrize(("config", "engines"), CHANGED_ON.items(), ids=[one.partition("=")[0] for one in CHANGED_ON])
def test_a_key_changes_the_fingerprint_where_it_has_an_effect(project_of: Make, config: str, engines: set[str]) -> None:
    found = {}
    for engine in WAREHOUSES:
        (plain,) = project_identities(project_of(engine=engine))
        (one,) = project_identities(project_of(config, engine))
        found[engine] = sorted(one.config.items() - plain.config.items())
        assert bool(found[engine]) != bool(one.layout_unused)
    assert {engine for engine, keys in found.items() if keys} == engines
    assert {key for keys in found.values() for key, _ in keys} == {config.partition("=")[0]}


def test_a_layout_does_not_change_the_version_of_a_seed(tmp_path: Path) -> None:
    def identity(config: str) -> tuple[str | None, str | None]:
        files = {"seeds/raw.csv": "id\n1\n", "project.yml": f"name: p\nversion: '1'\nseeds: {{{config}}}\n"}
        project = make_project(tmp_path, files, engine="bigquery", settings=WAREHOUSES["bigquery"])
        (found,) = project_identities(project)
        return found.data_version, found.config.get("cluster_by")

    assert identity("+cluster_by: [id]") == (identity("")[0], '["id"]')


def test_the_plan_lists_keys_without_effect_and_builds_nothing_for_them(tmp_path: Path) -> None:
    def made(config: str) -> Path:
        text = f"{{{{ config({config}) }}}}\n{ORDERS}"
        settings = {"path": str(tmp_path / "db.duckdb")}
        return make_project(tmp_path / "p", {"models/orders.ff.sql": text}, engine="duckdb", settings=settings).root

    def plan(*options: str) -> str:
        return CliRunner().invoke(app, ["plan", str(tmp_path / "p"), *options]).output

    root = made("tags=['a']")
    built = CliRunner().invoke(app, ["run", str(root), "--face", "none"])
    built = built if built.exit_code == 0 else CliRunner().invoke(app, ["run", str(root)])
    assert built.exit_code == 0, built.output
    made("tags=['a'], cluster_by=['nothing'], labels={'a': 'b'}")
    assert "0 to build, 1 to reuse" in plan()
    assert "without effect on this engine: cluster_by, labels" in plan("-v")


COLUMNS = [ColumnType("Day", "date"), ColumnType("id", "int64"), ColumnType("Order no", "string")]


def test_columns_are_named_and_typed_as_the_rows_have_them() -> None:
    layout = Layout(
        partition_by=(Partition("day"),), cluster_by=(Cluster("ID"), Cluster("Order no"), Cluster("to_date(day)"))
    )
    found = layout.for_columns(COLUMNS)
    assert found.partition_by == (Partition("Day", type="date"),)
    assert found.cluster_by == (Cluster("id"), Cluster("Order no"), Cluster("to_date(day)", is_expression=True))


@pytest.mark.parametrize("key", ["partition_by", "cluster_by"])
def test_an_unknown_column_has_the_nearest_name_as_a_hint(key: str) -> None:
    layout = Layout(partition_by=(Partition("Dy"),)) if key == "partition_by" else Layout(cluster_by=(Cluster("Dy"),))
    with pytest.raises(LayoutError) as raised:
        layout.for_columns(COLUMNS)
    assert raised.value.problem.message == f"{key}: 'Dy' is not one of its columns"
    assert raised.value.problem.hint == "Did you mean 'Day'?"


def test_both_classes_have_all_keys() -> None:
    assert set(LAYOUT_KEYS) <= set(Layout.__dataclass_fields__) & set(LayoutSupport.__dataclass_fields__)
    assert Layout().keys == ()
    assert {key for spec in installed_specs().values() for key in spec.layout.keys} == set(LAYOUT_KEYS)
    assert [option_text(value) for value in (True, 2, "x")] == ["true", "2", "x"]

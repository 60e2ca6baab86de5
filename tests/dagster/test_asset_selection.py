"""The selection grammar in Dagster's own jobs, schedules and definitions."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from fft_core import FftError, Project, load_project
from fft_dagster import FftTranslator, asset_selection, project_definitions

FILES = {
    "project.yml": "name: shop\nversion: '1'\ntests: [{type: not_null, table: orders, column: id}]\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: dev.duckdb}}\n",
    "sources.yml": "crm:\n  visits: {}\n",
    "seeds/raw_users.csv": "id\n1\n",
    "models/users.ff.sql": "{{ config(tags=['nightly']) }} select id from {{ ref('raw_users') }}",
    "models/inner.ff.sql": "{{ config(materialized='ephemeral') }} select id from {{ ref('users') }}",
    "models/orders.ff.sql": "select id from {{ ref('inner') }}",
    "models/marts/totals.ff.sql": "{{ config(materialized='view') }} select id from {{ ref('orders') }}",
    "models/apart.ff.sql": "{{ config(tags=['nightly', 'small']) }} select 1 as id",
    "models/visits_seen.ff.sql": "select * from {{ source('crm', 'visits') }}",
}


class Prefixed(FftTranslator):
    def get_asset_key(self, node: object) -> dg.AssetKey:
        return super().get_asset_key(node).with_prefix("warehouse")  # type: ignore[arg-type]


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return load_project(tmp_path, "dev", environment={})


def resolved(project: Project, selection: dg.AssetSelection, translator: FftTranslator | None = None) -> set[str]:
    definitions = project_definitions(project, translator=translator)
    return {key.to_user_string() for key in selection.resolve(definitions.resolve_asset_graph())}


@pytest.mark.parametrize(
    ("expressions", "exclude", "names"),
    [
        ([], [], "raw_users users orders totals apart visits_seen"),
        (["tag:nightly"], [], "users apart"),
        (["tag:nightly+"], [], "users orders totals apart"),
        (["tag:nightly+", "kind:sql,path:models/marts"], [], "totals"),
        (["+totals"], ["kind:seed"], "users orders totals"),
        (["source:crm apart"], [], "visits_seen apart"),
        (["nothing_*"], [], ""),
    ],
)
def test_an_expression_selects_assets(shop: Project, expressions: list[str], exclude: list[str], names: str) -> None:
    selection = asset_selection(shop, *expressions, exclude=exclude)
    assert resolved(shop, selection) == set(names.split())


def test_keys_are_those_of_the_translator(shop: Project) -> None:
    selection = asset_selection(shop, "tag:small", translator=Prefixed())
    assert resolved(shop, selection, Prefixed()) == {"warehouse/apart"}


def test_it_joins_with_selections_of_dagster(shop: Project) -> None:
    assert resolved(shop, asset_selection(shop, "users").downstream(depth=1)) == {"users", "orders"}
    assert resolved(shop, asset_selection(shop, "tag:nightly") - dg.AssetSelection.assets("apart")) == {"users"}
    crm = dg.AssetSelection.assets(dg.AssetKey(["crm", "visits"]))
    assert resolved(shop, asset_selection(shop, "apart") | crm) == {"apart", "crm/visits"}


def test_a_job_of_a_schedule_builds_what_is_selected_and_checks_it(shop: Project) -> None:
    job = dg.define_asset_job("nightly", asset_selection(shop, "+orders"))
    nightly = dg.ScheduleDefinition(job=job, cron_schedule="0 3 * * *")
    weekly = dg.ScheduleDefinition(
        name="weekly", target=asset_selection(shop, "tag:nightly,tag:small"), cron_schedule="0 4 * * 0"
    )
    definitions = dg.Definitions.merge(
        project_definitions(shop, jobs=[job]), dg.Definitions(schedules=[nightly, weekly])
    )
    dg.Definitions.validate_loadable(definitions)
    with dg.DagsterInstance.ephemeral() as instance:
        ended = definitions.resolve_job_def("nightly").execute_in_process(instance=instance)
        assert ended.success
        built = {event.asset_key for event in ended.get_asset_materialization_events()}
        assert built == {dg.AssetKey("raw_users"), dg.AssetKey("users"), dg.AssetKey("orders")}
        assert [(e.asset_key.to_user_string(), e.passed) for e in ended.get_asset_check_evaluations()] == [
            ("orders", True)
        ]
    weekly_job = definitions.resolve_schedule_def("weekly").job
    layer = definitions.resolve_job_def(weekly_job.name).asset_layer
    assert {key.to_user_string() for key in layer.selected_asset_keys} == {"apart"}


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("user", "'user' is not a model or seed"),
        (
            "state:modified+",
            "state: cannot be used here [FFT-302]\n    hint: It depends on the warehouse or on the last run",
        ),
        ("result:error", "result: cannot be used here"),
    ],
)
def test_what_cannot_be_selected_is_an_error_when_definitions_load(
    shop: Project, expression: str, message: str
) -> None:
    with pytest.raises(FftError) as caught:
        asset_selection(shop, expression)
    assert str(caught.value).startswith(message)

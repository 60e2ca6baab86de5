"""What an asset beside the models may store, and where: refused when definitions load, or made by hand."""

from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pytest

from conftest import run_job
from fft_core import FftError, load_project
from fft_dagster import (
    FftIOManager,
    FftTranslator,
    WarehouseSessions,
    build_definitions,
    fft_io_manager,
    project_assets,
    warehouse_resource,
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    files = {
        "project.yml": "name: shop\nversion: '1'\n",
        "profiles.yml": "dev: {engine: duckdb, duckdb: {path: shop.duckdb}}\n",
        "sources.yml": "web:\n  visits: {schema: landing}\n  people: {identifier: seed_users}\n",
        "models/users.ff.sql": "select 1 as id",
        "models/hidden.ff.sql": "{{ config(materialized='ephemeral') }} select 1 as id",
        "seeds/seed_users.csv": "id\n1\n",
        "seeds/schema.yml": "targets: {seed_users: {schema: main}}\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def asset(*key: str, manager: str = "fft_io_manager") -> dg.AssetsDefinition:
    @dg.asset(key=list(key), io_manager_key=manager)
    def made() -> pd.DataFrame:
        return pd.DataFrame({"id": [7]})

    return made


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (["main", "users"], "the model users (models/users.ff.sql:1)"),
        (["MAIN", "Users"], "the model users (models/users.ff.sql:1)"),
        (["x", "main", "users"], "the model users (models/users.ff.sql:1)"),
        (["users"], "the model users (models/users.ff.sql:1)"),
        (["main", "seed_users"], "the seed seed_users (seeds/seed_users.csv)"),
        (["web", "people"], "the seed seed_users (seeds/seed_users.csv)"),
        (["landing", "visits"], "the source web.visits (sources.yml:2)"),
        (["_ff_meta"], "a name that is reserved for FFT"),
        (["main", "_ff_migrations"], "a name that is reserved for FFT"),
        (["__ff_py_users"], "a name that is reserved for FFT"),
    ],
)
def test_what_would_take_the_rows_of_something_else_is_refused_at_loading(
    shop: Path, key: list[str], said: str
) -> None:
    with pytest.raises(FftError) as caught:
        build_definitions(shop, "dev", assets=[asset(*key)])
    assert said in str(caught.value)
    assert "/".join(key) in str(caught.value)


def test_two_assets_of_one_table_are_refused_at_loading(shop: Path) -> None:
    with pytest.raises(FftError, match="the assets x/sales/orders and sales/orders would both be stored as"):
        build_definitions(shop, "dev", assets=[asset("x", "sales", "orders"), asset("sales", "orders")])


def test_what_is_stored_elsewhere_may_have_any_key(shop: Path) -> None:
    defs = build_definitions(
        shop, "dev", assets=[asset("main", "users", manager="io_manager"), asset("main", "hidden")]
    )
    assert dg.AssetKey(["main", "users"]) in defs.resolve_asset_graph().get_all_asset_keys()
    ours: dict[str, Any] = {"io_manager": fft_io_manager()}
    with pytest.raises(FftError, match="the model users"):
        build_definitions(shop, "dev", assets=[asset("main", "users", manager="io_manager")], resources=ours)


def test_an_asset_of_other_definitions_is_refused_when_it_runs(shop: Path, instance: dg.DagsterInstance) -> None:
    merged = dg.Definitions.merge(
        build_definitions(shop, "dev"), dg.Definitions(assets=[asset("main", "users"), asset("extra", "x")])
    )
    run = run_job(merged.resolve_implicit_global_asset_job_def(), instance)
    assert set(run.steps("STEP_FAILURE")) == {"main__users"}
    with duckdb.connect(str(shop / "shop.duckdb")) as connection:
        assert connection.sql("select * from main.users union all select * from extra.x").fetchall() == [(1,), (7,)]


def test_the_io_manager_is_made_for_definitions_of_ones_own(shop: Path, instance: dg.DagsterInstance) -> None:
    class Prefixed(FftTranslator):
        def get_asset_key(self, node: Any) -> dg.AssetKey:
            return super().get_asset_key(node).with_prefix("wh")

    project, translator = load_project(shop, "dev"), Prefixed()

    @dg.asset(ins={"users": dg.AssetIn(key=["wh", "users"])})
    def doubled(users: pd.DataFrame) -> pd.DataFrame:
        return users * 2

    own = fft_io_manager(project, translator)
    defs = dg.Definitions(
        assets=[*project_assets(project, translator), doubled],
        resources={"fft_warehouse": warehouse_resource(project), "fft_io_manager": own, "io_manager": own},
        executor=dg.in_process_executor,
    )
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
    assert result.success
    with duckdb.connect(str(shop / "shop.duckdb")) as connection:
        assert connection.sql("select * from doubled").fetchall() == [(2,)]


def test_steps_and_io_manager_in_a_context_that_is_built_by_hand(shop: Path) -> None:
    project = load_project(shop, "dev")
    sessions = WarehouseSessions(project)
    users = next(a for a in project_assets(project) if a.key == dg.AssetKey("users"))
    with dg.build_asset_context(resources={"fft_warehouse": sessions}) as context:
        results: Any = users(context)
        (result,) = list(results)
    assert result.metadata["action"] == "build"
    manager = FftIOManager(sessions)
    with dg.build_output_context(asset_key=["extra", "x"]) as output:
        manager.handle_output(output, pd.DataFrame({"id": [3]}))
    with dg.build_input_context(asset_key=["users"]) as context:
        assert manager.load_input(context)["id"].tolist() == [1]
    with sessions.session() as warehouse:
        assert warehouse.engine.fetch("select * from extra.x") == [(3,)]
    sessions.close()


class Users:
    """A type that no frame library has."""


def test_an_argument_of_a_type_that_no_library_owns_fails_its_step(shop: Path, instance: dg.DagsterInstance) -> None:
    @dg.asset(io_manager_key="fft_io_manager")
    def wrong(users: Users) -> pd.DataFrame:
        return pd.DataFrame({"id": [1]})

    @dg.asset(io_manager_key="fft_io_manager")
    def right(users) -> pd.DataFrame:  # type: ignore[no-untyped-def]  # noqa: ANN001 - pandas, as nothing is said
        frame: pd.DataFrame = users + 1
        return frame

    defs = build_definitions(shop, "dev", assets=[wrong, right])
    run = run_job(defs.resolve_implicit_global_asset_job_def(), instance)
    assert run.steps("STEP_FAILURE") == ["wrong"]
    (failure,) = (event for event in run.events if event.event_type_value == "STEP_FAILURE")
    assert "Users is not a type of frame that a model can take" in str(failure.event_specific_data)
    with duckdb.connect(str(shop / "shop.duckdb")) as connection:
        assert connection.sql("select * from main.right").fetchall() == [(2,)]

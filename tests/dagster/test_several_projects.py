"""Several projects, and one project in two environments, in one code location and in one run."""

from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pytest

from conftest import FinishedRun, run_job
from fft_core import Model, Seed, Source
from fft_dagster import FftTranslator, build_definitions


class Prefixed(FftTranslator):
    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def get_asset_key(self, node: Model | Seed | Source) -> dg.AssetKey:
        return super().get_asset_key(node).with_prefix(self.prefix)


def project(folder: Path, **models: str) -> Path:
    files = {
        "project.yml": f"name: {folder.name}\nversion: '1'\n",
        "profiles.yml": "".join(
            f"{env}: {{engine: duckdb, duckdb: {{path: {env}.duckdb}}}}\n" for env in ("dev", "prod")
        ),
        **{f"models/{name}.ff.sql": sql for name, sql in models.items()},
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return project(tmp_path / "shop", users="select 1 as id")


@pytest.fixture
def news(tmp_path: Path) -> Path:
    return project(tmp_path / "news", articles="select 2 as id")


def run(defs: dg.Definitions, instance: dg.DagsterInstance, **resources: Any) -> FinishedRun:
    job = defs.resolve_implicit_global_asset_job_def()
    if resources:
        made = instance.create_run_for_job(job, run_config={"resources": resources})
        from fft_dagster.execution.executor import iterate_run

        events = list(iterate_run(job, made, instance))
        finished = instance.get_run_by_id(made.run_id)
        assert finished is not None
        return FinishedRun(finished, events)
    return run_job(job, instance)


def rows(file: Path, table: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(f"select * from {table}").fetchall()


def reader(name: str, upstream: list[str], manager: str = "fft_io_manager") -> dg.AssetsDefinition:
    def made(frame: pd.DataFrame) -> pd.DataFrame:
        return frame * 10

    decorated: dg.AssetsDefinition = dg.asset(
        name=name, io_manager_key=manager, ins={"frame": dg.AssetIn(key=upstream)}
    )(made)
    return decorated


def test_two_projects_run_in_one_run(shop: Path, news: Path, instance: dg.DagsterInstance) -> None:
    merged = dg.Definitions.merge(
        build_definitions(shop, "dev", assets=[reader("shop_report", ["users"])]),
        build_definitions(news, "prod", assets=[reader("news_report", ["articles"])]),
        dg.Definitions(jobs=[dg.define_asset_job("everything")]),
    )
    assert run(merged, instance).status == "SUCCESS"
    assert rows(shop / "dev.duckdb", "shop_report") == [(10,)]
    assert rows(news / "prod.duckdb", "news_report") == [(20,)]
    assert not (news / "dev.duckdb").exists()
    wanted = {"fft_warehouse": {"config": {"rebuild": ["users"]}}}
    again = run(merged, instance, **wanted)
    assert again.status == "SUCCESS", again.messages("STEP_FAILURE")
    done = {
        e.step_key: e.step_materialization_data.materialization.metadata.get("action")
        for e in again.events
        if e.is_step_materialization
    }
    assert {key: action.value for key, action in done.items() if action} == {"users": "build", "articles": "reuse"}
    wrong = run(merged, instance, fft_warehouse={"config": {"rebuild": ["nosuch"]}})
    assert sorted(wrong.steps("STEP_FAILURE")) == ["articles", "users"]


def test_one_project_in_two_environments(shop: Path, instance: dg.DagsterInstance) -> None:
    merged = dg.Definitions.merge(
        build_definitions(shop, "dev", translator=Prefixed("dev")),
        build_definitions(shop, "prod", translator=Prefixed("prod"), assets=[reader("copy", ["dev", "users"])]),
    )
    assert run(merged, instance).status == "SUCCESS"
    assert rows(shop / "dev.duckdb", "users") == rows(shop / "prod.duckdb", "users") == [(1,)]
    assert rows(shop / "prod.duckdb", "copy") == [(10,)]  # read where it is, written where its project is


def test_an_executor_of_the_users_own(shop: Path, news: Path) -> None:
    merged = dg.Definitions.merge(
        build_definitions(shop, "dev", executor=None),
        build_definitions(news, "dev", executor=None),
        dg.Definitions(executor=dg.in_process_executor),
    )
    assert merged.resolve_implicit_global_asset_job_def().executor_def is dg.in_process_executor


def test_resources_at_top_level_are_those_of_the_only_project(shop: Path, instance: dg.DagsterInstance) -> None:
    @dg.asset(deps=["users"], required_resource_keys={"fft_warehouse"})
    def counted(context: dg.AssetExecutionContext) -> None:
        with context.resources.fft_warehouse.session() as warehouse:
            warehouse.engine.execute("create table counted as select count(*) as n from users")

    merged = dg.Definitions.merge(
        build_definitions(shop, "dev"), dg.Definitions(assets=[counted, reader("copied", ["users"])])
    )
    done = run(merged, instance)
    assert done.status == "SUCCESS", done.messages("STEP_FAILURE")
    assert rows(shop / "dev.duckdb", "counted") == [(1,)]
    assert rows(shop / "dev.duckdb", "copied") == [(10,)]


def test_where_they_are_ambiguous_the_message_says_what_to_write(
    shop: Path, news: Path, instance: dg.DagsterInstance
) -> None:
    @dg.asset(required_resource_keys={"fft_warehouse"})
    def unclear(context: dg.AssetExecutionContext) -> None:
        with context.resources.fft_warehouse.session():
            pass

    @dg.asset(io_manager_key="fft_io_manager")
    def lost() -> pd.DataFrame:
        return pd.DataFrame({"id": [1]})

    @dg.asset(io_manager_key="news_fft_io_manager", required_resource_keys={"news_fft_warehouse"})
    def clear(context: dg.AssetExecutionContext) -> pd.DataFrame:
        with context.resources.news_fft_warehouse.session() as warehouse:
            return pd.DataFrame({"name": [warehouse.project.name]})

    merged = dg.Definitions.merge(
        build_definitions(shop, "dev"), build_definitions(news, "dev"), dg.Definitions(assets=[unclear, lost])
    )
    done = run(merged, instance)
    assert sorted(done.steps("STEP_FAILURE")) == ["lost", "unclear"]
    said = [str(e.step_failure_data.error_display_string) for e in done.events if e.is_step_failure]
    for text in said:
        assert "news (dev), shop (dev)" in text
        assert "assets=[...]" in text
        assert 'resource_prefix="..."' in text
    named = dg.Definitions.merge(
        build_definitions(shop, "dev"),
        build_definitions(news, "dev", resource_prefix="news_"),
        dg.Definitions(assets=[clear, reader("copied", ["articles"], "news_fft_io_manager")]),
    )
    done = run(named, instance)
    assert done.status == "SUCCESS", done.messages("STEP_FAILURE")
    assert rows(news / "dev.duckdb", "clear") == [("news",)]
    assert rows(news / "dev.duckdb", "copied") == [(20,)]


def test_assets_are_all_that_definitions_take(shop: Path, instance: dg.DagsterInstance) -> None:
    (shop / "sources.yml").write_text("web:\n  a: {}\n  b: {}\n  c: {}\n  d: {}\n")
    (shop / "models" / "reads.ff.sql").write_text("select * from {{ source('web', 'd') }}")

    @dg.observable_source_asset(key=["web", "b"])
    def observed() -> dg.DataVersion:
        return dg.DataVersion("1")

    @dg.asset(key=["web", "d"], io_manager_key="fft_io_manager")
    def made() -> pd.DataFrame:
        return pd.DataFrame({"id": [1]})

    given = iter([dg.AssetSpec(["web", "a"], description="mine"), observed, dg.SourceAsset(["web", "c"]), made])
    graph = build_definitions(shop, "dev", assets=given).resolve_asset_graph()
    assert graph.get(dg.AssetKey(["web", "a"])).description == "mine"
    assert graph.get(dg.AssetKey(["web", "b"])).is_observable
    assert graph.get(dg.AssetKey(["web", "d"])).is_materializable
    merged = dg.Definitions.merge(
        build_definitions(shop, "dev", declare_sources=False), dg.Definitions(assets=[made, observed])
    )
    assert run(merged, instance).status == "SUCCESS"
    assert rows(shop / "dev.duckdb", "reads") == [(1,)]


def test_names_of_steps_do_not_collide(shop: Path, instance: dg.DagsterInstance) -> None:
    files = {
        "sources.yml": "version: 2\nsources: [{name: web, tables: [{name: x, tests: [{row_count_between: "
        "{min_rows: 0}}]}]}]\n",
        "models/web__x_checks.ff.sql": "select 1 as id",
        "models/a__b.ff.sql": "select 1 as id",
        "models/b.ff.sql": "select 1 as id",
        "models/own.ff.sql": "select 1 as id",
    }
    for name, text in files.items():
        (shop / name).write_text(text)

    class Odd(FftTranslator):
        def get_asset_key(self, node: Model | Seed | Source) -> dg.AssetKey:
            return dg.AssetKey(["a", "b"]) if node.name == "b" else super().get_asset_key(node)

    @dg.asset(key=["web", "x"], io_manager_key="fft_io_manager")
    def filled() -> pd.DataFrame:
        return pd.DataFrame({"id": [1]})

    @dg.multi_asset(name="own", specs=[dg.AssetSpec("other")])
    def own() -> None: ...

    defs = build_definitions(shop, "dev", translator=Odd(), assets=[filled, own])
    done = run(defs, instance)
    assert done.status == "SUCCESS"
    steps = done.steps("STEP_SUCCESS")
    assert len(set(steps)) == len(steps) == 8
    assert {"users", "own", "web__x"} <= set(steps)


def hooked(folder: Path, **hooks: str) -> None:
    written = ", ".join(f'{phase}: [{{name: {phase}, kind: sql, sql: "{sql}"}}]' for phase, sql in hooks.items())
    (folder / "project.yml").write_text(f"name: {folder.name}\nversion: '1'\nhooks: {{{written}}}\n")


@pytest.mark.parametrize("executor", ["threads", "in_process"])
@pytest.mark.parametrize("fails", ["on_run_start", "on_run_end"])
def test_a_run_that_began_for_a_project_ends_for_it_though_a_hook_of_another_fails(
    shop: Path, news: Path, instance: dg.DagsterInstance, executor: str, fails: str
) -> None:
    began, ended = list[bool](), list[str]()
    for wrong, right in ((shop, news), (news, shop)):  # one of them is the first
        start, end = right / "start.csv", right / "end.csv"
        hooked(wrong, **{fails: "select nothing"})
        hooked(
            right,
            on_run_start=f"copy (select 1) to '{start}' (header false)",
            on_run_end=f"copy (select '{{{{ run.status }}}}') to '{end}' (header false)",
        )
        job = dg.define_asset_job("all", executor_def=dg.in_process_executor if executor == "in_process" else None)
        both = dg.Definitions.merge(
            build_definitions(shop, "dev"), build_definitions(news, "dev"), dg.Definitions(jobs=[job])
        )
        run_job(both.resolve_job_def("all"), instance)
        assert end.exists() == start.exists()
        began.append(start.exists())
        ended += [end.read_text().strip()] if end.exists() else []
    assert any(began) if fails == "on_run_start" else all(began)
    if executor == "threads":
        assert fails == "on_run_end" or set(ended) == {"error"}

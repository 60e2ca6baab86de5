"""Retries, pools, priorities, tags and time-outs of models: said by the project or the translator, honoured by runs."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import psycopg
import pytest

from conftest import FinishedRun, MakeInstance, run_job
from fft_core import Model, ProjectError, Seed, Source, load_project
from fft_dagster import FftTranslator, build_definitions

RAISES = """\
from pathlib import Path
import dagster as dg
import pandas as pd
from fft_core import model
from fft_core.errors import BusyError

@model({options})
def shaky():
    tries = Path(__file__).parent / "tries"
    with tries.open("a") as file:
        file.write("x")
    if len(tries.read_text()) < {succeeds_at}:
        {fails}
    return pd.DataFrame({{"id": [1]}})
"""


def project(
    folder: Path, models: Mapping[str, str], profile: str = "duckdb: {path: shop.duckdb}", **files: str
) -> Path:
    all_files = {
        "project.yml": "name: shop\nversion: '1'\n",
        "profiles.yml": f"dev: {{engine: {profile.partition(':')[0]}, {profile}}}\n",
        **{f"models/{name}": text for name, text in models.items()},
        **files,
    }
    for name, text in all_files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def run(
    folder: Path, instance: dg.DagsterInstance, translator: FftTranslator | None = None, **config: Any
) -> FinishedRun:
    defs = build_definitions(folder, "dev", translator=translator)
    return run_job(defs.resolve_implicit_global_asset_job_def(), instance, **config)


def failure(done: FinishedRun) -> str:
    (text,) = [str(e.step_failure_data.error_display_string) for e in done.events if e.is_step_failure]
    return text


@pytest.mark.parametrize(
    "fails",
    [
        "raise OSError('the service is away')",
        "raise dg.RetryRequested(max_retries=5, seconds_to_wait=0)",
        "raise dg.Failure('mine', allow_retries=True)",
        "raise BusyError('busy')",
    ],
)
def test_a_python_model_that_raises_is_tried_again(tmp_path: Path, instance: dg.DagsterInstance, fails: str) -> None:
    text = RAISES.format(options="retries={'max': 2}", succeeds_at=3, fails=fails)
    done = run(project(tmp_path, {"shaky.ff.py": text}), instance)
    assert done.status == "SUCCESS", failure(done)
    assert (tmp_path / "models" / "tries").read_text() == "xxx"
    assert len(done.steps("STEP_RESTARTED")) == 2


def test_retries_end(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    text = RAISES.format(options="retries=1", succeeds_at=9, fails="raise OSError('the service is away')")
    done = run(project(tmp_path, {"shaky.ff.py": text}), instance)
    assert done.status == "FAILURE"
    assert (tmp_path / "models" / "tries").read_text() == "xx"
    assert "model 'shaky' raised OSError: the service is away" in failure(done)


@pytest.mark.parametrize("fails", ["raise dg.Failure('mine', allow_retries=False)", "return 3", "return None"])
def test_what_a_model_says_for_good_is_not_tried_again(
    tmp_path: Path, instance: dg.DagsterInstance, fails: str
) -> None:
    text = RAISES.format(options="retries=3", succeeds_at=9, fails=fails)
    done = run(project(tmp_path, {"shaky.ff.py": text}), instance)
    assert done.status == "FAILURE"
    assert (tmp_path / "models" / "tries").read_text() == "x"


@pytest.mark.parametrize("sql", ["select nosuch", "select 1 as id where"])
def test_sql_and_checks_are_not_tried_again(tmp_path: Path, instance: dg.DagsterInstance, sql: str) -> None:
    config = "{{ config(retries={'max': 3, 'delay': 0}) }}\n"
    files = {"project.yml": "name: s\nversion: '1'\ntests: [{type: unique, table: twice, column: id}]\n"}
    models = {"wrong.ff.sql": config + sql, "twice.ff.sql": config + "select 1 as id union all select 1"}
    done = run(project(tmp_path, models, **files), instance)
    assert sorted(done.steps("STEP_FAILURE")) == ["twice", "wrong"]
    assert done.steps("STEP_UP_FOR_RETRY") == []


def test_a_server_that_does_not_answer_is_asked_again(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {"one.ff.sql": "{{ config(retries=2) }} select 1 as id"}
    profile = "postgres: {dsn: 'postgresql://nobody@127.0.0.1:1/none'}"
    done = run(project(tmp_path, models, profile), instance)
    assert done.status == "FAILURE"
    assert len(done.steps("STEP_RESTARTED")) == 2
    assert "cannot connect to" in failure(done)


def test_a_server_that_refuses_is_not_asked_again(
    tmp_path: Path, instance: dg.DagsterInstance, postgres_dsn: str
) -> None:
    models = {"one.ff.sql": "{{ config(retries=2) }} select 1 as id"}
    dsn = f"{postgres_dsn.rpartition('/')[0]}/nosuch"
    done = run(project(tmp_path, models, f"postgres: {{dsn: '{dsn}'}}"), instance)
    assert done.status == "FAILURE"
    assert done.steps("STEP_RESTARTED") == []


def test_a_lost_connection_is_made_again(
    tmp_path: Path, instance: dg.DagsterInstance, postgres_dsn: str, postgres_schema: str
) -> None:
    models = {
        "slow.ff.sql": "{{ config(retries=2) }} select pg_sleep(case when exists (select from pg_stat_activity "
        "where application_name = 'killer') then 30 else 0 end)::text as slept"
    }
    profile = f"postgres: {{dsn: '{postgres_dsn}', db_schema: {postgres_schema}}}"

    def kill() -> None:
        with psycopg.connect(postgres_dsn, autocommit=True, application_name="killer") as connection:
            sql = (
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where query like '%pg_sleep(case%' and pid != pg_backend_pid()"
            )
            deadline = time.monotonic() + 60
            while not connection.execute(sql).fetchall() and time.monotonic() < deadline:
                time.sleep(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    time.sleep(0.5)
    done = run(project(tmp_path, models, profile), instance)
    killer.join()
    assert done.status == "SUCCESS", failure(done)
    assert done.steps("STEP_RESTARTED") == ["slow"]


SETTINGS = """\
version: 2
models:
  - name: by_yaml
    pool: heavy
    priority: 3
    op_tags: {dagster-k8s/config: {container_config: {resources: {limits: {cpu: "1"}}}}, team: core}
    retries: {max: 2, delay: 5, backoff: exponential, jitter: plus_minus}
    timeout: 60
  - name: by_both
    pool: light
    priority: 9
seeds:
  - name: letters
    concurrency_key: disk
    retries: 1
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    models = {
        "by_yaml.ff.sql": "select 1 as id",
        "by_both.ff.sql": "{{ config(pool='mine', op_tags={'a': 'b'}) }} select 1 as id",
        "plain.ff.sql": "select 1 as id",
        "schema.yml": SETTINGS,
    }
    return project(tmp_path, models, **{"seeds/letters.csv": "id\n1\n"})


def steps(defs: dg.Definitions) -> dict[str, dg.OpDefinition]:
    job = defs.resolve_implicit_global_asset_job_def()
    return {node.name: node.definition for node in job.nodes if isinstance(node.definition, dg.OpDefinition)}


def test_what_the_project_says_reaches_the_steps(shop: Path) -> None:
    ops = steps(build_definitions(shop, "dev"))
    by_yaml, by_both, letters, plain = (ops[name] for name in ("by_yaml", "by_both", "letters", "plain"))
    assert (by_yaml.pool, by_both.pool, letters.pool, plain.pool) == ("heavy", "mine", None, None)
    assert by_yaml.tags["dagster/priority"] == "3"
    assert by_yaml.tags["team"] == "core"
    assert '"cpu":"1"' in by_yaml.tags["dagster-k8s/config"].replace(" ", "")
    assert by_yaml.retry_policy == dg.RetryPolicy(2, 5, dg.Backoff.EXPONENTIAL, dg.Jitter.PLUS_MINUS)
    assert (by_both.tags["dagster/priority"], by_both.tags["a"]) == ("9", "b")
    assert letters.tags["dagster/concurrency_key"] == "disk"
    assert letters.retry_policy == dg.RetryPolicy(1)
    assert plain.retry_policy is None
    assert load_project(shop, "dev").models["by_yaml"].step.timeout == 60


def test_a_translator_says_them(shop: Path) -> None:
    class Mine(FftTranslator):
        def get_pool(self, node: Model | Seed | Source) -> str | None:
            return super().get_pool(node) or "all"

        def get_op_tags(self, node: Model | Seed | Source) -> Mapping[str, Any]:
            return {**super().get_op_tags(node), "size": "S"}

        def get_retry_policy(self, node: Model | Seed | Source) -> dg.RetryPolicy | None:
            return super().get_retry_policy(node) or dg.RetryPolicy(max_retries=7)

    (shop / "models" / "schema.yml").unlink()
    ops = steps(build_definitions(shop, "dev", translator=Mine()))
    assert (ops["plain"].pool, ops["by_both"].pool) == ("all", "mine")
    assert (ops["by_both"].tags["size"], ops["by_both"].tags["a"]) == ("S", "b")
    assert ops["letters"].retry_policy == dg.RetryPolicy(7)


def test_they_do_not_build_anything_anew(shop: Path, instance: dg.DagsterInstance) -> None:
    (shop / "models" / "schema.yml").unlink()
    assert run(shop, instance).status == "SUCCESS"
    (shop / "models" / "schema.yml").write_text(SETTINGS.replace("delay: 5, ", "delay: 1, "))
    done = run(shop, instance)
    actions = {
        e.step_key: e.step_materialization_data.materialization.metadata["action"].value
        for e in done.events
        if e.is_step_materialization
    }
    assert set(actions.values()) == {"reuse"}


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("retries: {max: 0}", "retries.max"),
        ("retries: {max: 1, backoff: linear}", "set delay"),
        ("retries: {max: 1, delay: 1, backoff: cubic}", "backoff"),
        ("retries: {maximum: 1}", "maximum"),
        ("pool: 'a b'", "pool"),
        ("{pool: a, concurrency_key: b}", "two names for the same limit"),
        ("timeout: 0", "timeout"),
        ("priority: high", "priority"),
    ],
)
def test_what_cannot_be_is_said_with_its_place(tmp_path: Path, said: str, problem: str) -> None:
    said = said.strip("{}") if said.startswith("{") else said
    schema = "version: 2\nmodels:\n  - name: one\n    " + (
        said.replace(", concurrency_key", "\n    concurrency_key") if "pool: a" in said else said
    )
    with pytest.raises(ProjectError) as caught:
        load_project(project(tmp_path, {"one.ff.sql": "select 1 as id", "schema.yml": schema}), "dev")
    assert problem in str(caught.value)
    assert "models/schema.yml:" in str(caught.value)


def test_a_pool_and_priorities_are_honoured(tmp_path: Path, make_instance: MakeInstance) -> None:
    """Steps of one pool with one slot run one after the other, and of those that could start the most wanted first."""
    instance = make_instance()
    instance.event_log_storage.set_concurrency_slots("one", 1)
    models = {
        f"m{n}.ff.sql": f"{{{{ config(pool='one', priority={n}) }}}} select {n} as n, sum(i) as s from "
        "range(2000000) as t(i)"
        for n in range(4)
    }
    done = run(project(tmp_path, models), instance, max_concurrent=4)
    assert done.status == "SUCCESS"
    order = [
        (e.event_type_value, e.step_key) for e in done.events if e.event_type_value in ("STEP_START", "STEP_SUCCESS")
    ]
    assert [key for kind, key in order if kind == "STEP_START"] == ["m3", "m2", "m1", "m0"]
    assert [kind for kind, _ in order] == ["STEP_START", "STEP_SUCCESS"] * 4


@pytest.mark.parametrize("language", ["sql", "python"])
def test_a_step_ends_when_its_time_is_over(tmp_path: Path, instance: dg.DagsterInstance, language: str) -> None:
    endless = "select count(*) as n from range(100000000) a, range(100000000) b"
    python = """\
import time
import pandas as pd
from fft_core import model

@model(timeout=1)
def slow():
    time.sleep(2)
    return pd.DataFrame({"n": [1]})
"""
    models = {"slow.ff.sql": f"{{{{ config(timeout=1) }}}} {endless}"} if language == "sql" else {"slow.ff.py": python}
    done = run(project(tmp_path, models), instance)
    assert done.status == "FAILURE"
    assert "slow took longer than its timeout of 1 s" in failure(done)
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        assert connection.sql("select * from duckdb_tables() where table_name = 'slow'").fetchall() == []
    (tmp_path / "models").joinpath(*models).write_text(
        "select 1 as n"
        if language == "sql"
        else python.replace("sleep(2)", "sleep(0)").replace("timeout=1", "timeout=600")
    )
    assert run(tmp_path, instance).status == "SUCCESS"


def test_a_time_limit_of_a_run_that_is_in_time_leaves_nothing_behind(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    models = {"quick.ff.sql": "{{ config(timeout=600) }} select 1 as n"}
    assert run(project(tmp_path, models), instance).status == "SUCCESS"
    assert [t for t in threading.enumerate() if isinstance(t, threading.Timer)] == []

"""Hooks of runs and models, on each engine: through the plain loop, the command line, and Dagster."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from run_helpers import installed_fft
from skip_helpers import Place, place
from targets import Target

from fft_core import FftError, Run, load_project
from fft_core.run.hooks import HookError
from fft_dagster import build_definitions
from fft_dagster.execution.executor import iterate_run

AUDIT = "create table if not exists audit (said varchar, about varchar, status varchar, number integer)"
TELL = (
    "insert into audit values ('{{ run.env_name }} {{ run.engine_name }}', "
    "{{ (model.name if model else 'run') | sql_literal }}, {{ (node or run).status | sql_literal }}, "
    "{{ (model.rows_affected if model else run.row_count) or 'null' }})"
)
PROJECT = f"""\
name: hooked
version: '1'
hooks:
  on_run_start:
    - {{name: create_audit, kind: sql}}
    - {{name: started, kind: sql, sql: "{TELL}"}}
  on_run_end:
    - {{name: ended, kind: sql, sql: "{TELL}"}}
    - {{name: remember, kind: python}}
  before_model:
    - {{name: before, kind: sql, sql: "{TELL}", select: "tag:told"}}
  after_model:
    - {{name: after, kind: sql, sql: "{TELL}", select: "tag:told"}}
    - {{name: remember, kind: python, params: {{file: said.json}}}}
"""
PYTHON = """\
import json, pathlib
from fastflowtransform.hooks.registry import fft_hook

@fft_hook(name="remember")
def remember(context):
    path = pathlib.Path(__file__).parent.parent / "said.json"
    told = json.loads(path.read_text()) if path.exists() else []
    path.write_text(json.dumps([*told, context]))
"""
FILES = {
    "project.yml": PROJECT,
    "hooks/sql/create_audit.sql": f"{AUDIT};\n-- one more; not a statement\nselect ';';\n",
    "hooks/told.py": PYTHON,
    "models/a.ff.sql": "{{ config(tags=['told']) }} select 1 as id",
    "models/b.ff.sql": "select id from {{ ref('a') }} union all select 2",
}


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Place]:
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        yield place(tmp_path / "project", {**FILES, "profiles.yml": profile})


def audit(shop: Place) -> list[tuple[Any, ...]]:
    return shop.sql("select about, status, number from audit")


def told(shop: Place) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((shop.root / "said.json").read_text())
    return found


def build(shop: Place) -> Mapping[str, str]:
    project = load_project(shop.root, "dev", environment={})
    with Run(project) as run:
        return {node.name: run.build(node).decision.action for node in run.order()}


WHOLE = [("run", None, None), ("a.ff", None, None), ("a.ff", "success", 1), ("run", "success", 3)]


def test_hooks_stand_around_a_run_and_around_the_models_that_it_builds(shop: Place) -> None:
    assert build(shop) == {"a": "build", "b": "build"}
    assert audit(shop) == WHOLE
    after_a, after_b, at_the_end = told(shop)
    assert [after_a["when"], after_b["when"], at_the_end["when"]] == ["after_model", "after_model", "on_run_end"]
    assert after_b["model"]["name"] == "b.ff"
    assert after_a["model"]["meta"] == {"materialized": "table", "tags": ["told"]}
    assert after_b["model"]["rows_affected"] == after_b["model_stats"]["rows_affected"] == 2
    assert after_a["params"] == {"file": "said.json"}
    assert at_the_end["model"] is None
    assert at_the_end["run_stats"]["models_built"] == 2
    assert len({one["run"]["run_id"] for one in told(shop)}) == 1


def test_models_that_are_left_as_they_are_have_none_and_the_run_has(shop: Place) -> None:
    build(shop)
    assert build(shop) == {"a": "reuse", "b": "reuse"}
    assert audit(shop) == [*WHOLE, ("run", None, None), ("run", "success", None)]


def test_a_run_that_cannot_begin_builds_nothing(shop: Place) -> None:
    shop.write({"hooks/sql/create_audit.sql": "select nothing"})
    with pytest.raises(HookError, match=r"the hook 'create_audit' of on_run_start failed: .*nothing") as caught:
        build(shop)
    assert str(caught.value.problem.where) == "hooks/sql/create_audit.sql"
    assert set(shop.due()) == {"a", "b"}


def test_a_selector_that_is_none_is_told_of_before_anything_runs(shop: Place) -> None:
    text = "{{ config(engines=['bigquery']) }} select 1 as id"
    shop.write({"project.yml": PROJECT.replace('"tag:told"', "c.ff", 1), "models/c.ff.sql": text})
    assert build(shop) == {"a": "build", "b": "build"}  # c is there for another engine
    shop.write({"project.yml": PROJECT.replace("tag:told", "tagg:told", 1)})
    with pytest.raises(HookError, match=r"'before' of before_model failed: 'tagg' is not a selection method") as caught:
        build(shop)
    assert str(caught.value.problem.where) == "project.yml:11"


def test_a_model_whose_hook_before_it_fails_is_not_built(shop: Place) -> None:
    shop.write(
        {
            "project.yml": PROJECT.split("  before_model:")[0]
            + '  before_model:\n    - {name: wrong, kind: sql, sql: "select nothing"}\n'
        }
    )
    with pytest.raises(HookError, match="of before_model"):
        build(shop)
    assert set(shop.due()) == {"a", "b"}
    assert audit(shop) == [("run", None, None), ("run", "error", None)]


def test_a_model_whose_hook_after_it_fails_is_published_whole_and_built_once_more(shop: Place) -> None:
    failing = PYTHON.replace(
        "    path = ", "    if context['when'] == 'after_model' and FAILS: raise ValueError('no')\n    path = "
    )
    shop.write({"hooks/told.py": failing.replace("@fft_hook", "FAILS = True\n@fft_hook")})
    with pytest.raises(
        HookError, match=r"the hook 'remember' of after_model failed: remember\(\) raised ValueError: no"
    ) as caught:
        build(shop)
    assert str(caught.value.problem.where) == "hooks/told.py:7"
    assert shop.sql("select id from a") == [(1,)]
    shop.write({"hooks/told.py": failing.replace("@fft_hook", "FAILS = False\n@fft_hook")})
    assert build(shop) == {"a": "build", "b": "build"}


def test_what_fails_at_the_end_is_told_after_all_had_their_turn(shop: Place) -> None:
    late = PROJECT.replace(
        "- {name: ended, kind: sql, sql:",
        "- {name: wrong, kind: sql, sql: select nothing}\n    - {name: ended, kind: sql, sql:",
    )
    shop.write({"project.yml": late})
    with pytest.raises(HookError, match="the hook 'wrong' of on_run_end failed"):
        build(shop)
    assert audit(shop) == WHOLE
    assert not shop.due()


def test_a_model_that_fails_is_told_to_the_hooks(shop: Place) -> None:
    shop.write({"models/b.ff.sql": "select nothing from {{ ref('a') }}"})
    with pytest.raises(FftError, match="model 'b'"):
        build(shop)
    assert audit(shop)[-1] == ("run", "error", 1)
    assert [(one["when"], (one["model"] or {}).get("status")) for one in told(shop)] == [
        ("after_model", "success"),
        ("after_model", "error"),
        ("on_run_end", None),
    ]
    assert "nothing" in told(shop)[1]["model"]["error"]


def test_the_command_line_runs_them_once(shop: Place) -> None:
    assert installed_fft("build", shop.root).code == 0
    assert audit(shop) == WHOLE
    assert installed_fft("build", shop.root).code == 0  # nothing to do, and a run all the same
    assert audit(shop)[len(WHOLE) :] == [("run", None, None), ("run", "success", None)]
    assert installed_fft("build", shop.root, "--dry-run").code == 0
    assert len(audit(shop)) == len(WHOLE) + 2


def test_what_is_no_run_of_models_has_none(shop: Place) -> None:
    check = "{'strategy': 'check', 'check_cols': ['id']}"
    snapshot = f"{{{{ config(materialized='snapshot', unique_key='id', snapshot={check}) }}}}"
    shop.write(
        {
            "seeds/raw.csv": "id\n1\n",
            "hooks/sql/create_audit.sql": "select * from a",  # which does not exist before the first run
            "models/kept.ff.sql": snapshot + " select id from {{ ref('raw') }}",
            "models/checks.yml": "version: 2\nmodels:\n- {name: kept, columns: [{name: id, tests: [unique]}]}\n",
        }
    )
    for command in (["seed"], ["snapshot", "run"], ["test"]):
        ended = installed_fft(*command, shop.root)
        assert (ended.code, ended.err) == (0, ""), command
    assert not (shop.root / "said.json").exists()


def test_the_command_line_says_which_hook_failed(shop: Place) -> None:
    shop.write({"hooks/sql/create_audit.sql": "select nothing"})
    ended = installed_fft("build", shop.root)
    assert ended.code == 1
    assert "the hook 'create_audit' of on_run_start failed" in ended.err
    assert "Traceback" not in ended.out + ended.err


def materialize(shop: Place, instance: dg.DagsterInstance) -> bool:
    definitions = build_definitions(shop.root, "dev")
    job = definitions.resolve_implicit_global_asset_job_def()
    events = list(iterate_run(job, instance.create_run_for_job(job), instance))
    return any(event.event_type_value == "PIPELINE_SUCCESS" for event in events)


def test_a_run_of_dagster_has_them_once(shop: Place) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert materialize(shop, instance)
    assert sorted(audit(shop), key=str) == sorted(WHOLE, key=str)
    assert audit(shop)[0] == WHOLE[0]
    assert audit(shop)[-1] == WHOLE[-1]


def test_a_run_of_dagster_fails_with_them(shop: Place) -> None:
    shop.write(
        {
            "project.yml": PROJECT.split("  on_run_end:")[0]
            + '  on_run_end:\n    - {name: wrong, kind: sql, sql: "select nothing"}\n'
        }
    )
    with dg.DagsterInstance.ephemeral() as instance:
        assert not materialize(shop, instance)
    assert not shop.due()
    shop.write({"hooks/sql/create_audit.sql": "select nothing", "models/b.ff.sql": "select 3 as id"})
    with dg.DagsterInstance.ephemeral() as instance:
        assert not materialize(shop, instance)
    assert set(shop.due()) == {"b"}


def test_checks_of_what_hooks_write_wait_for_the_models(shop: Place) -> None:
    tests = """\
tests:
  - {type: not_null, table: audit, column: about}
  - {type: row_count_between, table: audit, min_rows: 3}
"""
    shop.write({"project.yml": PROJECT + tests})
    job = build_definitions(shop.root, "dev").resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(raise_on_error=False)
    assert {check.check_name: check.passed for check in result.get_asset_check_evaluations()} == {
        "not_null_about": True,
        "row_count_between": True,
    }
    assert result.success


def test_dagsters_own_executor_in_one_process_has_them_too(shop: Place) -> None:
    definitions = build_definitions(shop.root, "dev")
    own = dg.Definitions(jobs=[dg.define_asset_job("all", executor_def=dg.in_process_executor)])
    assert dg.Definitions.merge(definitions, own).resolve_job_def("all").execute_in_process().success
    assert audit(shop) == WHOLE


@dg.executor(name="somewhere", config_schema={"retries": dg.Field(dict, default_value={"disabled": {}})})
def somewhere(context: dg.InitExecutorContext) -> dg.Executor:
    """An executor whose name says that its steps may be anywhere."""
    made: dg.Executor = dg.in_process_executor.executor_creation_fn(context)  # type: ignore[misc]
    return made


def test_steps_in_processes_of_their_own_are_refused(shop: Place) -> None:
    definitions = build_definitions(shop.root, "dev")
    own = dg.Definitions(jobs=[dg.define_asset_job("all", executor_def=somewhere)])
    job = dg.Definitions.merge(definitions, own).resolve_job_def("all")
    with dg.DagsterInstance.ephemeral() as instance:
        events = list(iterate_run(job, instance.create_run_for_job(job), instance))
    (failure, *_) = [event for event in events if event.is_step_failure]
    error = failure.step_failure_data.error
    assert error is not None
    assert "the executor 'somewhere' runs each step in a process of its own" in error.to_string()
    assert set(shop.due()) == {"a", "b"}


def test_what_a_hook_writes_lies_in_the_schema_of_the_profile(tmp_path: Path) -> None:
    project = PROJECT + "tests:\n  - {type: not_null, table: audit, column: about}\n"
    profile = "dev: {engine: duckdb, duckdb: {path: db.duckdb, schema: demo}}\n"
    shop = place(tmp_path, {**FILES, "project.yml": project, "profiles.yml": profile})
    build(shop)
    assert len(shop.sql("select * from demo.audit")) == 4
    assert installed_fft("test", shop.root).code == 0

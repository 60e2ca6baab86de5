"""A project as a flow, on a real server of Prefect: which task runs there are, their states, edges and messages."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from prefect_runs import FlowRun, RunFlow, flow_run
from written_projects import write_project

from fft_core import FftError
from fft_prefect import FftTranslator, project_flow

CHAIN = {
    "seeds/raw.csv": "id,email\n1,a@x.at\n2,b@x.at\n",
    "models/users.ff.sql": "select id, email from {{ ref('raw') }}",
    "models/domains.ff.sql": """\
        {{ config(tags=['nightly']) }}
        select split_part(email, '@', 2) as d from {{ ref('users') }}
        """,
    "models/apart.ff.sql": "select 1 as id",
}
ENDLESS = "select count(*) as n from range(200000) a, range(200000) b where a.range * b.range % 7 = 3"
NOT_NULL = 'name: shop\nversion: "1"\ntests:\n  - {type: not_null, table: users, column: id}\n'
SPAN = """\
import time
from pathlib import Path
import pandas as pd
from fft_core import model

@model({options})
def {name}({arguments}):
    began = time.monotonic()
    time.sleep({seconds})
    with (Path(__file__).parent.parent / "spans").open("a") as file:
        file.write(f"{{began}} {{time.monotonic()}}\\n")
    {then}
    return pd.DataFrame({{"id": [1]}})
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of a project."""
    return tmp_path / "shop"


def rows(root: Path, sql: str) -> list[Any]:
    with duckdb.connect(str(root / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def spans(root: Path) -> list[tuple[float, float]]:
    lines = (root / "spans").read_text().splitlines()
    return sorted((float(began), float(ended)) for began, ended in map(str.split, lines))


def at_once(found: list[tuple[float, float]]) -> int:
    return max(sum(began <= moment < ended for began, ended in found) for moment, _ in found)


def test_a_task_run_for_what_is_built_and_none_for_what_is_reused(root: Path, run_flow: RunFlow) -> None:
    flow = project_flow(write_project(root, CHAIN))
    first = run_flow(flow)
    assert (first.state, first.type) == ("Completed", "COMPLETED")
    assert first.states == dict.fromkeys(["apart", "domains", "raw", "users"], "Completed")
    assert first.tasks["users"].message.startswith("built 2 rows in ")
    assert "no build is recorded" in first.tasks["users"].message
    assert first.state_value.result() == {"built": 4}
    assert first.tasks["domains"].tags == {"nightly"}

    second = run_flow(flow)
    assert second.states == {}
    assert second.message.startswith("4 reused; ")

    (root / "models/domains.ff.sql").write_text("select split_part(email, '@', 2) as domain from {{ ref('users') }}")
    third = run_flow(flow)
    assert third.states == {"domains": "Completed"}
    assert "its SQL changed" in third.tasks["domains"].message
    assert third.state_value.result() == {"built": 1, "reused": 3}


def test_edges_are_drawn_to_what_is_read(root: Path, run_flow: RunFlow) -> None:
    done = run_flow(project_flow(write_project(root, CHAIN)))
    tasks = done.tasks
    assert tasks["raw"].parents == tasks["apart"].parents == frozenset()
    assert tasks["users"].parents == {tasks["raw"].id}
    assert tasks["domains"].parents == {tasks["users"].id}


def test_what_is_reused_can_be_shown_with_the_reason(root: Path, run_flow: RunFlow) -> None:
    flow = project_flow(write_project(root, CHAIN), show_reused=True)
    run_flow(flow)
    again = run_flow(flow, rebuild=["users"])
    # its rows are as they were, so that what reads it is reused when its turn comes
    assert again.states == {"apart": "Reused", "domains": "Reused", "raw": "Reused", "users": "Completed"}
    assert {again.tasks[name].type for name in again.tasks} == {"COMPLETED"}
    assert again.tasks["apart"].message == "nothing changed"
    assert "requested by --rebuild users" in again.tasks["users"].message


def test_a_failing_check_blocks_its_model_and_what_reads_it(root: Path, run_flow: RunFlow) -> None:
    flow = project_flow(write_project(root, {**CHAIN, "project.yml": NOT_NULL}))
    run_flow(flow)
    (root / "models/users.ff.sql").write_text("select nullif(id, 2) as id, email from {{ ref('raw') }}")
    (root / "models/apart.ff.sql").write_text("select 2 as id")
    done = run_flow(flow)
    assert done.states == {"apart": "Completed", "domains": "Blocked", "users": "Blocked"}
    assert (done.tasks["users"].type, done.tasks["domains"].type) == ("FAILED", "CANCELLED")
    assert done.tasks["users"].message.startswith(
        "project.yml:4: users is not published: 1 check(s) failed: not_null_id"
    )
    assert done.tasks["domains"].message == "not started: an input failed or was blocked; users: blocked"
    assert done.tasks["domains"].parents == {done.tasks["users"].id}
    assert (done.state, done.type) == ("Failed", "FAILED")
    assert done.message.startswith("1 built, 1 reused, 1 blocked, 1 skipped; checks: 1 failed; ")
    assert rows(root, "select id from users order by 1") == [(1,), (2,)]  # as they were
    summary = done.artifact("summary")
    assert "| users | not\\_null\\_id | fail | 1 |" in summary.replace("not_null_id", "not\\_null\\_id")
    assert "| NULL | b@x.at |" in summary
    with pytest.raises(FftError, match="users is not published"):
        done.state_value.result()


def test_a_failing_model_says_where_and_stops_no_other_branch(root: Path, run_flow: RunFlow) -> None:
    files = {**CHAIN, "models/users.ff.sql": "select id,\n  nosuch from {{ ref('raw') }}"}
    done = run_flow(project_flow(write_project(root, files)))
    assert done.states == {"apart": "Completed", "domains": "Blocked", "raw": "Completed", "users": "Failed"}
    assert done.tasks["users"].message.startswith("models/users.ff.sql:1: model 'users': ")
    assert "nosuch" in done.tasks["users"].message
    assert done.tasks["domains"].message == "not started: an input failed or was blocked; users: failed"
    assert "NotReady" not in done.states.values()
    results = json.loads((root / ".fastflowtransform/target/run_results.json").read_text())
    assert (root / ".fastflowtransform/target/manifest.json").is_file()
    assert results["metadata"]["exit_code"] == 1
    assert results["metadata"]["run_id"] == str(done.id)
    assert {result["name"]: result["status"] for result in results["results"]} == {
        "apart": "built",
        "domains": "skipped",
        "raw": "built",
        "users": "failed",
    }


def test_without_keep_going_nothing_is_started_after_a_failure(root: Path, run_flow: RunFlow) -> None:
    files = {
        "models/first.ff.sql": "{{ config(priority=9) }}select nosuch",
        "models/second.ff.sql": "select 1 as id",
        "models/third.ff.sql": "select * from {{ ref('first') }}",
    }
    done = run_flow(project_flow(write_project(root, files), max_workers=1, keep_going=False))
    assert done.states == {"first": "Failed", "third": "Blocked"}
    assert done.message.startswith("1 failed, 1 skipped, 1 not started; ")


def test_what_a_later_try_may_not_meet_is_tried_again(root: Path, run_flow: RunFlow) -> None:
    fails_once = "if len((Path(__file__).parent.parent / 'spans').read_text().splitlines()) < 2: raise OSError('away')"
    shaky = SPAN.format(
        options="retries={'max': 3, 'delay': 0.1}", name="shaky", arguments="", seconds=0, then=fails_once
    )
    files = {
        "models/shaky.ff.py": shaky,
        "models/wrong.ff.sql": "{{ config(retries=3) }}select nosuch",
    }
    done = run_flow(project_flow(write_project(root, files)))
    assert done.states == {"shaky": "Completed", "wrong": "Failed"}
    assert (done.tasks["shaky"].run_count, done.tasks["wrong"].run_count) == (2, 1)
    assert len(spans(root)) == 2
    assert done.message.startswith("1 built, 1 failed; ")


def test_when_the_retries_are_used_up_the_error_is_that_of_the_last(root: Path, run_flow: RunFlow) -> None:
    shaky = SPAN.format(options="retries=1", name="shaky", arguments="", seconds=0, then="raise OSError('away')")
    done = run_flow(project_flow(write_project(root, {"models/shaky.ff.py": shaky})))
    assert (done.tasks["shaky"].state, done.tasks["shaky"].run_count) == ("Failed", 2)
    assert done.tasks["shaky"].message.startswith("models/shaky.ff.py:12: ")
    assert "away" in done.tasks["shaky"].message


def test_a_time_out_interrupts_the_statement(root: Path, run_flow: RunFlow) -> None:
    began = time.monotonic()
    files = {"models/slow.ff.sql": f"{{{{ config(timeout=1) }}}}{ENDLESS}"}
    done = run_flow(project_flow(write_project(root, files)))
    assert done.states == {"slow": "Failed"}
    assert "slow took longer than its timeout of 1 s" in done.tasks["slow"].message
    assert time.monotonic() - began < 30


def test_a_retry_begins_when_its_predecessor_has_ended(root: Path, run_flow: RunFlow) -> None:
    """A Python model cannot be interrupted: its time-out is told when it returns, and only then it is tried again."""
    slow = SPAN.format(options="timeout=1, retries=1", name="slow", arguments="", seconds=1.4, then="pass")
    done = run_flow(project_flow(write_project(root, {"models/slow.ff.py": slow})))
    assert (done.tasks["slow"].state, done.tasks["slow"].run_count) == ("Failed", 2)
    first, second = spans(root)
    assert first[1] <= second[0]


def test_steps_run_beside_each_other_up_to_a_number(root: Path, run_flow: RunFlow) -> None:
    files = {
        f"models/m{n}.ff.py": SPAN.format(options="", name=f"m{n}", arguments="", seconds=0.4, then="pass")
        for n in range(5)
    }
    done = run_flow(project_flow(write_project(root, files), max_workers=2))
    assert set(done.states.values()) == {"Completed"}
    assert at_once(spans(root)) == 2


def test_a_global_limit_of_prefect_holds_for_all_steps(root: Path, prefect_api: str, run_flow: RunFlow) -> None:
    limit = {"name": "warehouse", "limit": 1, "active": True}
    assert httpx.post(f"{prefect_api}/v2/concurrency_limits/", json=limit, timeout=30).is_success
    files = {
        f"models/{name}.ff.py": SPAN.format(options="", name=name, arguments="", seconds=0.3, then="pass")
        for name in ("one", "two", "three")
    }
    done = run_flow(project_flow(write_project(root, files), concurrency_limit="warehouse"))
    assert set(done.states.values()) == {"Completed"}
    assert at_once(spans(root)) == 1


def test_a_dry_run_leaves_the_plan_and_changes_nothing(root: Path, run_flow: RunFlow) -> None:
    done = run_flow(project_flow(write_project(root, CHAIN)), dry_run=True, select=["+users"])
    assert done.states == {}
    assert (done.name, done.message) == ("plan +users", "2 to build, 0 to reuse")
    assert not (root / "warehouse.duckdb").exists()
    plan = done.artifact("plan")
    assert "# Plan of shop (dev, duckdb)\n\n2 to build, 0 to reuse" in plan
    assert "| build | raw | no build is recorded |" in plan
    assert "domains" not in plan
    assert [decision["model"] for decision in done.state_value.result()["decisions"]] == ["raw", "users"]


def test_parameters_are_looked_at_before_anything_runs(root: Path, run_flow: RunFlow) -> None:
    flow = project_flow(write_project(root, CHAIN))
    wrong = run_flow(flow, select=["userss"])
    assert (wrong.state, wrong.states) == ("Failed", {})
    assert "userss" in wrong.message
    assert "Did you mean 'users'?" in wrong.message
    assert "Did you mean 'users'?" in run_flow(flow, rebuild=["user"]).message
    assert "matches no incremental model" in run_flow(flow, full_refresh=["users"]).message
    assert run_flow(flow, cache="never").message.startswith("Validation of flow parameters failed")
    assert not (root / "warehouse.duckdb").exists()


def test_a_project_with_mistakes_is_a_failed_run_that_names_them(root: Path, run_flow: RunFlow) -> None:
    files = {**CHAIN, "models/users.ff.sql": "select * from {{ ref('rw') }}"}
    done = run_flow(project_flow(write_project(root, files)))
    assert (done.state, done.states) == ("Failed", {})
    assert done.message.startswith("models/users.ff.sql:1: ref('rw') is not a model or seed")
    assert "Did you mean 'raw'?" in done.message


def test_vars_and_caches_are_parameters(root: Path, run_flow: RunFlow) -> None:
    files = {"models/apart.ff.sql": "select {{ var('n') }} as n"}
    files["project.yml"] = 'name: shop\nversion: "1"\nvars: {n: 1}\n'
    flow = project_flow(write_project(root, files))
    run_flow(flow, vars={"n": 7})
    assert rows(root, "select n from apart") == [(7,)]
    run_flow(flow, vars={"n": 8}, cache="ro")
    assert rows(root, "select n from apart") == [(8,)]
    assert run_flow(flow, vars={"n": 8}, dry_run=True).message == "1 to build, 0 to reuse"  # nothing was recorded


def test_the_translator_names_task_runs_and_assets(root: Path, run_flow: RunFlow) -> None:
    class Ours(FftTranslator):
        def get_task_name(self, node: Any) -> str:
            return f"shop/{super().get_task_name(node)} {{id}}"

    done = run_flow(project_flow(write_project(root, CHAIN), translator=Ours(), select=["apart"], name="ours"))
    assert done.states == {"shop/apart {id}": "Completed"}


def test_what_is_secret_is_in_no_message(root: Path, run_flow: RunFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FF_LOGIN", "hunter2hunter2")
    files = {
        "project.yml": 'name: shop\nversion: "1"\nsecrets: [FF_LOGIN]\n',
        "models/wrong.ff.sql": "select '{{ env('FF_LOGIN') }}' as a, nosuch",
        "models/raises.ff.py": SPAN.format(
            options="", name="raises", arguments="", seconds=0, then="raise OSError('no entry for hunter2hunter2')"
        ),
    }
    done = run_flow(project_flow(write_project(root, files)))
    assert done.states == {"raises": "Failed", "wrong": "Failed"}
    assert "no entry for ***" in done.tasks["raises"].message
    told = [done.message, done.artifact("summary"), *(task.message for task in done.tasks.values())]
    assert not [text for text in told if "hunter2" in text]


def test_a_link_leads_to_the_site(root: Path, run_flow: RunFlow) -> None:
    flow = project_flow(write_project(root, CHAIN), select=["apart"], docs_url="https://docs.example.com/shop")
    assert "https://docs.example.com/shop" in run_flow(flow).artifact("docs")


def test_a_run_that_is_cancelled_in_prefect_interrupts_its_statement(
    root: Path, prefect_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from prefect.client.orchestration import get_client
    from prefect.states import Cancelling

    monkeypatch.setattr("fft_prefect.runs.ASK_SECONDS", 0.3)
    slow = "select count(*) as n from range(200000) a, range(200000) b where a.range * b.range % 7 = 3"
    flow = project_flow(
        write_project(root, {"models/slow.ff.sql": slow, "models/after.ff.sql": "select * from {{ ref('slow') }}"})
    )
    ended: list[Any] = []
    thread = threading.Thread(target=lambda: ended.append(flow(return_state=True)), daemon=True)
    thread.start()
    with get_client(sync_client=True) as client:
        run_id = _running(client, flow.name, root)
        client.set_flow_run_state(run_id, Cancelling())
    thread.join(30)
    (state,) = ended
    done: FlowRun = flow_run(state, run_id)
    assert done.type == "CANCELLED"
    assert done.tasks["slow"].type == "CANCELLED"
    assert done.tasks["slow"].message == "interrupted with the run: nothing was published"
    assert "after" not in done.tasks
    assert done.message.startswith("1 interrupted, 1 not started; ")
    assert rows(root, "select count(*) from duckdb_tables() where table_name = 'slow'") == [(0,)]


def _running(client: Any, flow_name: str, root: Path) -> Any:
    """Wait until the only step of a flow's run is in its statement; give the run's id."""
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterName,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType

    chosen = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING])),
        name=FlowRunFilterName(any_=["build"]),
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = client.read_flow_runs(flow_run_filter=chosen)
        if found and (root / "warehouse.duckdb").exists():
            time.sleep(0.5)
            return found[0].id
        time.sleep(0.1)
    raise AssertionError("the flow does not run")

"""Builds over HTTP: a process of their own, by the scheduler of the command line; keys, events, and cancelling."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from api import client
from fft_process import run_process
from serve_project import SCHEMA, Served, orders
from starlette.testclient import TestClient

from fft_serve.builds.launch import BuildRequest
from fft_serve.builds.store import BuildStore, Events

SLOW = "select count(*) as n from range(10000000000) as a, range(100) as b where a.range % 7 = b.range"
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CACHE_HOME") if name in os.environ}


@pytest.fixture
def shop(tmp_path: Path) -> Served:
    found = Served(tmp_path)
    found.write({"models/orders.ff.sql": orders(range(5)), "models/schema.yml": SCHEMA})
    return found


def begin(api: TestClient, said: Mapping[str, Any], key: str | None = None) -> Any:
    return api.post("/builds", json=dict(said), headers={"Idempotency-Key": key} if key else {})


def ended(api: TestClient, identity: str, seconds: float = 60) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = api.get(f"/builds/{identity}").json()
        if found["status"] not in ("queued", "running"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def wait_for(shop: Served, identity: str, name: str, text: str) -> str:
    """Wait until a file of a build has a text; return its content."""
    file, deadline = shop.root / ".fastflowtransform/serve/builds" / identity / name, time.monotonic() + 60
    while True:
        content = file.read_text() if file.exists() else ""
        if content and text in content:
            return content
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_build_is_planned_run_and_told(shop: Served) -> None:
    api = client(shop, ENVIRONMENT)
    answer = begin(api, {"select": "orders"}, "monday")
    assert answer.status_code == 202, answer.text
    said = answer.json()
    assert [(d["name"], d["action"]) for d in said["plan"]] == [("orders", "build")]
    assert answer.headers["location"] == f"/builds/{said['id']}"
    done = ended(api, said["id"])
    assert (done["status"], done["nodes"]) == ("succeeded", {"orders": "built"})
    assert len(api.get("/models/orders/rows").json()["rows"]) == 5
    assert api.get("/models/orders").json()["run_id"] == done["run_id"]
    lines = api.get(f"/builds/{said['id']}/events").text.split("\n\n")
    events = [json.loads(line.partition("data: ")[2]) for line in lines if line]
    assert [event["event"] for event in events] == ["started", "run_started", "step_started", "step_ended", "ended"]
    assert [check["status"] for check in events[3]["result"]["checks"]] == ["pass", "pass"]
    later = api.get(f"/builds/{said['id']}/events", headers={"Last-Event-ID": "4"}).text
    assert later.startswith("id: 5\nevent: ended\n")
    again = begin(api, {"select": "orders"}, "monday")
    assert (again.status_code, again.json()["id"]) == (200, said["id"])
    other = begin(api, {"select": "orders", "rebuild": True}, "monday")
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    runs = api.get("/runs").json()["runs"]
    assert [(run["run_id"], run["command"], run["status"]) for run in runs] == [(done["run_id"], "serve", "succeeded")]
    assert api.get(f"/runs/{done['run_id']}").json()["results"][0]["name"] == "orders"


def test_the_plan_of_a_rebuild_builds_what_is_up_to_date(shop: Served) -> None:
    shop.build()
    api = client(shop, ENVIRONMENT)
    said = begin(api, {"select": "orders", "rebuild": True}).json()
    assert [(one["action"], one["reasons"][0]["kind"]) for one in said["plan"]] == [("build", "requested")]
    assert ended(api, said["id"])["nodes"] == {"orders": "built"}


def test_runs_of_a_project_with_a_model_that_stores_nothing(shop: Served) -> None:
    shop.write({"models/inlined.ff.sql": "{{ config(materialized='ephemeral') }} select 1 as id"})
    shop.write({"models/late.ff.sql": "select * from {{ ref('inlined') }}"})
    api = client(shop, ENVIRONMENT)
    done = ended(api, begin(api, {"select": "late"}).json()["id"])
    assert [run["nodes"] for run in api.get("/runs").json()["runs"]] == [{"late": "built"}]
    assert api.get(f"/runs/{done['run_id']}").json()["nodes"] == {"late": "built"}
    shutil.rmtree(shop.root / ".fastflowtransform/serve")
    for file in shop.root.rglob("run_results.json"):
        file.unlink()  # now the scheduler alone knows it
    assert api.get(f"/runs/{done['run_id']}").json()["nodes"] == {"late": "built"}


def test_a_key_of_a_process_that_died_is_free_again(shop: Served) -> None:
    """The process has taken the key, and was killed before it had planned the build."""
    store = BuildStore(shop.root / ".fastflowtransform/serve")
    asked = {"select": "orders"}
    digest = BuildRequest("orders", rebuild=False).digest
    store.claim("monday", "loopback", digest, store.new_id())
    api = client(shop, ENVIRONMENT)
    assert begin(api, asked, "monday").status_code == 409  # it may be planning
    (key,) = (shop.root / ".fastflowtransform/serve/keys").iterdir()
    os.utime(key, (time.time() - 3600,) * 2)
    assert [begin(api, asked, "monday").status_code for _ in range(2)] == [409, 202]
    ended(api, api.get("/builds").json()["builds"][0]["id"])


def test_the_newest_builds_are_kept(tmp_path: Path) -> None:
    store = BuildStore(tmp_path, most=3)
    for number in range(6):
        identity = f"2026010100000{number}-00000000"
        store.claim(f"key {number}", "ann", "digest", identity)
        build = store.add(identity, {"select": None})
        if number != 1:
            Events(build).add("ended", status="succeeded")
        old = time.time() - 86_400 * (6 - number)
        os.utime(build.folder / "build.json", (old, old))
        os.utime(max((tmp_path / "keys").iterdir(), key=lambda path: path.stat().st_mtime), (old, old))
    assert [build.id[13] for build in store.all()] == ["5", "4", "3", "1"]  # 1 has not ended
    assert len(list((tmp_path / "keys").iterdir())) == 3


def test_a_web_server_that_does_not_answer_is_told(shop: Served) -> None:
    api = client(shop, {**ENVIRONMENT, "FFT_SERVE_DAGSTER_URL": "http://127.0.0.1:9"})
    done = ended(api, begin(api, {"select": "orders"}).json()["id"])
    assert done["status"] == "failed"
    assert "Dagster's web server at http://127.0.0.1:9 cannot be reached" in done["message"]
    assert "FFT-908" in done["message"]


def test_a_blocked_build_says_which_check(shop: Served) -> None:
    shop.write({"models/orders.ff.sql": orders(range(5)).replace("select i as id", "select 1 as id")})
    api = client(shop, ENVIRONMENT)
    done = ended(api, begin(api, {}).json()["id"])
    assert (done["status"], done["nodes"]) == ("blocked", {"orders": "blocked"})
    assert api.get("/models/orders/rows").status_code == 503
    run = api.get(f"/runs/{done['run_id']}").json()
    (check,) = [check for check in run["results"][0]["checks"] if check["status"] == "fail"]
    assert (check["failing_rows"], check["sample"]) == (1, [])  # rows are for those who may read rows
    assert run["results"][0]["error"]["hint"] is None


def test_a_build_is_cancelled(shop: Served) -> None:
    shop.build()
    shop.write({"models/slow.ff.sql": SLOW})
    api = client(shop, ENVIRONMENT)
    identity = begin(api, {}).json()["id"]
    assert begin(api, {}).status_code == 503  # one at a time
    wait_for(shop, identity, "events.jsonl", "step_started")
    assert api.delete(f"/builds/{identity}").status_code == 202
    assert ended(api, identity, 20)["status"] == "cancelled"
    assert api.delete(f"/builds/{identity}").status_code == 409


def test_builds_stay_within_the_allowed_selection(shop: Served) -> None:
    shop.write({"models/other.ff.sql": "select 1 as id"})
    api = client(shop, {**ENVIRONMENT, "FFT_SERVE_BUILD_SELECT": "tag:mart"})
    assert (begin(api, {"select": "other"}).status_code, begin(api, {"select": "nothing"}).status_code) == (403, 400)
    said = begin(api, {}).json()
    assert [decision["name"] for decision in said["plan"]] == ["orders"]
    assert list(ended(api, said["id"])["nodes"]) == ["orders"]


@pytest.mark.parametrize(
    "said",
    [{"selct": "a"}, {"select": 1}, {"rebuild": "yes"}, [], "text", {"select": "a\0b"}, {"select": "state:modified"}],
)
def test_a_wrong_body_begins_nothing(shop: Served, said: Any) -> None:
    api = client(shop, ENVIRONMENT)
    assert api.post("/builds", json=said).status_code == 400
    assert api.get("/builds").json() == {"builds": []}


def test_forms_of_other_sites_begin_nothing(shop: Served) -> None:
    api = client(shop, ENVIRONMENT)
    assert api.post("/builds", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 400
    assert api.post("/builds", json={}, headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert api.post("/builds", json={}, headers={"Host": "elsewhere.example"}).status_code == 403


def test_a_process_that_was_killed_is_lost(shop: Served) -> None:
    shop.build()
    shop.write({"models/slow.ff.sql": SLOW})
    api = client(shop, ENVIRONMENT)
    identity = begin(api, {}).json()["id"]
    process = int(wait_for(shop, identity, "lock", ""))
    os.kill(process, 9)
    assert ended(api, identity, 20)["status"] == "lost"


def paged(api: TestClient, limit: int) -> list[str]:
    """Return the ids of all runs, read page by page."""
    found, cursor = list[str](), None
    while True:
        page = api.get("/runs", params={"limit": limit, **({"cursor": cursor} if cursor else {})}).json()
        found += [run["run_id"] or run["build"] for run in page["runs"]]
        cursor = page["next"]
        if cursor is None:
            return found


def test_pages_of_runs_leave_none_out_beside_builds_that_needed_no_run(shop: Served) -> None:
    shop.build()
    api = client(shop, ENVIRONMENT)
    for key in ("a", "b"):
        ended(api, begin(api, {"select": "orders"}, key).json()["id"])  # nothing is to be built
    ended(api, begin(api, {"select": "orders", "rebuild": True}, "c").json()["id"])
    runs = [run["run_id"] or run["build"] for run in api.get("/runs").json()["runs"]]
    assert len(runs) >= 3
    for limit in range(1, len(runs) + 2):
        assert paged(api, limit) == runs


def test_the_history_has_the_runs_of_commands(shop: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page, the newest first; each run says what became of its nodes."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    run_process(sys.executable, "-m", "fft_cli", "build", shop.root)
    shop.write({"models/orders.ff.sql": orders(range(5)).replace("select i as id", "select 1 as id")})
    run_process(sys.executable, "-m", "fft_cli", "build", shop.root)
    run_process(sys.executable, "-m", "fft_cli", "build", shop.root, "--env", "dev")
    api = client(shop, ENVIRONMENT)
    found = api.get("/runs").json()
    assert [(run["command"], run["status"]) for run in found["runs"]] == [
        ("build", "failed"), ("build", "failed"), ("build", "succeeded"),
    ]  # fmt: skip
    assert found["next"] is None
    assert found["runs"][0]["nodes"] == {"orders": "blocked"}
    assert all(run["elapsed_ms"] >= 0 for run in found["runs"])
    assert paged(api, 1) == [run["run_id"] for run in found["runs"]]
    second, first = (api.get(f"/runs/{run['run_id']}").json() for run in found["runs"][1:])
    assert [(result["name"], result["status"]) for result in first["results"]] == [("orders", "built")]
    assert [(result["name"], result["status"]) for result in second["results"]] == [("orders", "blocked")]
    message = second["results"][0]["error"]["message"]
    assert ("unique" in message, "hint" in message) == (True, False)  # a hint shows a row
    assert api.get("/runs/00000000-0000-0000-0000-000000000000").status_code == 404
    for wrong in ("limit=0", "limit=201", "limit=x", "lmit=3", "cursor=nope", "cursor="):
        assert api.get(f"/runs?{wrong}").status_code == 400
    assert api.get("/runs?cursor=nope").json()["code"] == "bad_cursor"

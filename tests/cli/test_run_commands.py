"""`fft seed`, `run`, `test`, `snapshot run` and `build`: what each of them runs, prints, and writes down."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from run_helpers import SHOP, Fft, called_fft, golden, rows, run_results, shop, write

from fft_core.run.results import read_run_results


@pytest.fixture
def fft(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Fft]:
    yield lambda *arguments: called_fft(arguments, monkeypatch, capfd)
    channel = logging.getLogger("fft.sql")  # a command has a process of its own
    channel.handlers.clear()
    channel.setLevel(logging.NOTSET)
    channel.propagate = True


def tables(root: Path) -> set[str]:
    found = rows(root, "select table_name from information_schema.tables")
    return {name for (name,) in found if not name.startswith("_ff_")} - {"crm_users"}


def test_a_run_takes_along_the_seeds_that_its_models_read(fft: Fft, tmp_path: Path) -> None:
    root = shop(tmp_path)
    (root / "seeds" / "unread.csv").write_text("id\n1\n")
    assert fft("run", root, "--select", "users", "--exclude", "names").code == 1
    assert tables(root) == set()
    ran = fft("run", root, "--select", "users")
    assert (ran.code, ran.err) == (0, "")
    assert tables(root) == {"names", "users"}
    (root / "seeds" / "names.csv").write_text((root / "seeds" / "names.csv").read_text() + "3,cyd\n")
    dry = fft("run", root, "--dry-run")
    assert "names" in dry.out
    assert "unread" not in dry.out


def test_each_command_runs_what_it_is_called_for(fft: Fft, tmp_path: Path) -> None:
    root = shop(tmp_path)
    before = fft("run", root, "--no-seeds")
    assert before.code == 1
    assert before.lines == [
        "shop on duckdb, profile dev: 2 to build",
        "failed users N s",
        "skipped domains",
        "users: failed",
        "1 failed, 1 skipped; N s",
        "next: correct the error and call `fft run` again; it builds only the rest",
    ]
    assert golden(before.err) == [
        "error: users: models/users.ff.sql:2: model 'users' reads dev.main.names, which does not exist [FFT-420]",
        "hint: Build the seed 'names' first.",
    ]
    seeded = fft("seed", root)
    assert (seeded.code, seeded.err) == (0, "")
    assert seeded.lines == ["shop on duckdb, profile dev: 1 to build", "built names 2 rows N s", "1 built; N s"]
    assert tables(root) == {"names"}
    ran = fft("run", root)
    assert (ran.code, ran.err) == (0, "")
    assert ran.lines == [
        "shop on duckdb, profile dev: 2 to build",
        "built users 2 rows N s",
        "warned: accepted_values_email: 1 of 2 rows fail",
        "built domains 2 rows N s",
        "2 built, 1 reused; checks: 1 passed, 1 warned; N s",
    ]
    assert tables(root) == {"names", "users", "domains"}
    assert fft("run", root, "--select", "history").err.splitlines() == [
        "history is a snapshot: `fft build` or `fft snapshot run` builds it"
    ]
    assert fft("seed", root, "--select", "users").err.splitlines() == [
        "users is a model: `fft build` or `fft run` builds it"
    ]
    snapshots = fft("snapshot", "run", root)
    assert snapshots.lines == [
        "shop on duckdb, profile dev: 1 to build",
        "built history 2 rows N s",
        "1 built; checks: 1 passed; N s",
    ]
    assert tables(root) == {"names", "users", "domains", "history"}
    built = fft("build", root)
    assert built.lines == ["shop on duckdb, profile dev: 0 to build", "4 reused; N s"]
    tested = fft("test", root, "--jobs", "1", "--skip-build")
    assert (tested.code, tested.err) == (0, "")
    assert tested.lines[0] == "shop on duckdb, profile dev: 4 checks"
    for found in (
        ["✓ unique crm.users.id N ms"],
        [
            "✓ not_null users.id N ms for 2 checks",
            "! accepted_values users.email N ms for 2 checks",
            "↳ accepted_values_email: 1 of 2 rows fail (project.yml:5)",
            "↳ the first of them: id = 2, email = b@x.at, name = Bob",
        ],
        ["✓ unique history.id, email N ms"],
    ):
        begin = tested.lines.index(found[0])
        assert tested.lines[begin : begin + len(found)] == found
    assert tested.lines[-5:] == ["Totals", "✓ passed: 3", "✗ failed: 0", "! warned: 1", "N s"]


def test_only_build_runs_the_checks_of_sources_and_of_what_is_reused(fft: Fft, tmp_path: Path) -> None:
    root = shop(tmp_path)
    built = fft("build", root, "--jobs", "1")
    assert built.code == 0
    assert built.lines[0] == "shop on duckdb, profile dev: 4 to build"
    assert "checked crm.users N s" in built.lines
    assert built.lines[-1] == "4 built, 1 checked; checks: 3 passed, 1 warned; N s"
    write(root, {"project.yml": SHOP["project.yml"].replace("a@x.at", "c@x.at").replace(", severity: warn", "")})
    assert fft("run", root).lines == ["shop on duckdb, profile dev: 0 to build", "3 reused; N s"]
    checked = fft("build", root)
    assert checked.code == 2
    at = checked.lines.index("blocked users N s")
    assert checked.lines[at + 1] == "failed: accepted_values_email: 2 of 2 rows fail"
    assert checked.lines[-2] == "3 reused, 1 checked, 1 blocked; checks: 2 passed, 1 failed; N s"
    assert golden(checked.err) == [
        (
            "error: users: project.yml:5: users has bad rows: 1 check(s) failed: accepted_values_email: 2 of 2 rows "
            "fail [FFT-500]"
        ),
        "hint: The first of them: id = 1, email = a@x.at, name = Ann",
    ]


def test_what_fails_and_what_depends_on_it(fft: Fft, tmp_path: Path) -> None:
    root = shop(tmp_path)
    others = {
        "models/users.ff.sql": "select id,\n  upper(emial) as email\nfrom {{ source('crm', 'users') }}",
        "models/first.ff.sql": "select 1 as n",
        "models/second.ff.sql": "select n from {{ ref('first') }}",
        "models/zebra.ff.sql": "select count(*) as n from {{ ref('domains') }}",
    }
    write(root, others)
    kept_going = fft("run", root, "--keep-going")
    assert kept_going.code == 1
    assert sorted(kept_going.lines) == sorted(
        [
            "shop on duckdb, profile dev: 5 to build",
            "built first 1 rows N s",
            "built second 1 rows N s",
            "failed users N s",
            "skipped domains",
            "users: failed",
            "skipped zebra",
            "domains: skipped",
            "2 built, 1 failed, 2 skipped; N s",
            "next: correct the error and call `fft run` again; it builds only the rest",
        ]
    )
    error = kept_going.err
    assert error.startswith("\nerror: users: models/users.ff.sql:2: model 'users': Binder Error: ")
    assert error.endswith(
        "    In the rendered SQL, line 2:\n"
        "        1 | select id,\n"
        "        2 |   upper(emial) as email\n"
        "          |         ^\n"
        '        3 | from "dev"."main"."crm_users"\n'
    )
    stopped = fft("run", root, "--no-cache", "--jobs", "1", "--select", "first second", "--select", "+second", "-v")
    assert stopped.code == 0
    assert "--cache off builds everything" in stopped.lines
    write(root, {"models/first.ff.sql": "select nothing as n", "models/users.ff.sql": SHOP["models/users.ff.sql"]})
    stopped = fft("build", root, "--jobs", "1", "--select", "first second zebra")
    assert stopped.code == 1
    assert stopped.lines[-2] == "1 failed, 1 skipped, 1 not started; N s"


def test_a_dry_run_prints_the_plan_and_changes_nothing(fft: Fft, tmp_path: Path) -> None:
    root = shop(tmp_path)
    planned = fft("run", root, "--dry-run")
    assert planned.lines == [
        "build names no build is recorded",
        "build users no build is recorded",
        "build domains no build is recorded",
        "3 to build, 0 to reuse",
    ]
    assert {d["model"] for d in json.loads(fft("build", root, "--dry-run", "--json").out)["decisions"]} == {
        "names",
        "users",
        "domains",
        "history",
    }
    assert tables(root) == set()
    assert not (root / ".fastflowtransform" / "target").exists()


def test_which_checks_a_selection_means(fft: Fft, tmp_path: Path) -> None:
    root = shop(tmp_path)
    assert fft("build", root).code == 0

    def checks(*arguments: str) -> list[str]:
        finished = fft("test", root, "--json", *arguments)
        assert finished.code == 0, finished.err
        ended = [event for event in finished.events if event["event"] == "node_ended"]
        return sorted(f"{event['name']} {check['name']}" for event in ended for check in event["checks"])

    everything = checks()
    assert len(everything) == 4
    assert checks("--select", "users") == ["users accepted_values_email", "users not_null_id"]
    assert checks("--select", "tag:batch") == checks("--select", "batch") == ["users not_null_id"]
    assert checks("--select", "source:crm.*,unique_id") == ["crm.users unique_id"]
    assert checks("--select", "history batch") == ["history unique_id_email", "users not_null_id"]
    assert checks("--select", "users+", "--exclude", "batch") == ["users accepted_values_email"]
    assert checks("--exclude", "users") == ["crm.users unique_id", "history unique_id_email"]
    assert checks("--select", "type:unique") == ["crm.users unique_id", "history unique_id_email"]
    assert checks("--select", "type:not_null history") == ["history unique_id_email", "users not_null_id"]
    assert checks("--select", "type:snapshot") == ["history unique_id_email"]
    assert checks("--select", "tag:nightly") == []
    assert fft("test", root, "--select", "tag:nightly").lines[-1] == "nothing to do; N s"
    mistyped = fft("test", root, "--select", "type:uniqe")
    assert (mistyped.code, golden(mistyped.err)[1]) == (2, "hint: Did you mean 'unique'?")
    wrong = fft("test", root, "--select", "usres")
    assert (wrong.code, golden(wrong.err)) == (
        2,
        ["error: 'usres' is not a model or seed [FFT-301]", "hint: Did you mean 'users'?"],
    )


def test_all_checks_run_though_some_fail(fft: Fft, tmp_path: Path) -> None:
    root = shop(tmp_path)
    assert fft("build", root).code == 0
    with duckdb.connect(str(root / "dev.duckdb")) as connection:
        connection.execute("update users set id = null where id = 2")
        connection.execute("insert into crm_users values (1, 'c@x.at')")
    tested = fft("test", root)
    assert tested.code == 2
    assert tested.lines[-5:] == ["Totals", "✓ passed: 1", "✗ failed: 2", "! warned: 1", "N s"]
    at = tested.lines.index("✗ not_null users.id N ms for 2 checks")
    assert tested.lines[at + 1 : at + 3] == [
        "↳ not_null_id: 1 of 2 rows fail (project.yml:4)",
        "↳ the first of them: id = NULL, email = b@x.at, name = Bob",
    ]
    assert "↳ unique_id: 1 value occurs more than once (sources.yml:7)" in tested.lines
    assert tested.err == ""
    outcomes = {result.name: result.selector_status for result in read_run_results(root).results}
    assert outcomes == {"users": "fail", "crm.users": "fail", "history": "ok"}
    with duckdb.connect(str(root / "dev.duckdb")) as connection:
        connection.execute("drop table users cascade")
    tested = fft("test", root, "--select", "users")
    assert tested.code == 1
    assert golden(tested.err) == [
        "error: users: dev.main.users does not exist: nothing to check [FFT-420]",
        "hint: Build the model 'users' first.",
    ]
    assert tested.lines[1:] == [
        "✗ not_null users.id",
        "↳ not_null_id: dev.main.users does not exist: nothing to check (project.yml:4)",
        "✗ accepted_values users.email",
        "↳ accepted_values_email: dev.main.users does not exist: nothing to check (project.yml:5)",
        *("Totals", "✓ passed: 0", "✗ failed: 0", "! warned: 0", "✗ could not be run: 2", "N s"),
    ]


def test_snapshots_are_pruned(fft: Fft, tmp_path: Path) -> None:
    root = shop(tmp_path)
    write(root, {"models/latest.ff.sql": "select max(_ff_valid_from) as at from {{ ref('history') }}"})
    for email in ("a@x.at", "b@x.at", "c@x.at"):
        with duckdb.connect(str(root / "dev.duckdb")) as connection:
            connection.execute(f"update crm_users set email = '{email}' where id = 1")
        assert fft("build", root, "--quiet", "--select", "+latest", "--rebuild", "history").code == 0
    (versions,) = rows(root, "select count(*) from history")
    assert versions == (4,)
    prune = ("snapshot", "run", root, "--prune", "--keep-last", "1")
    assert fft(*prune, "--dry-run").lines[-1] == "would prune history: 2 versions"
    assert rows(root, "select count(*) from history") == [versions]
    assert fft(*prune, "--json").events[-1] == {"event": "pruned", "name": "history", "versions": 2}
    assert rows(root, "select id, email from history order by 1") == [(1, "c@x.at"), (2, "b@x.at")]
    assert fft(*prune).lines[-1] == "pruned history: 0 versions"
    after = fft("plan", root, "--select", "+latest", "-v")
    assert after.lines[0].startswith("reuse history")
    assert "build latest history changed" in after.lines
    assert fft("snapshot", "run", root, "--prune").code == 2
    assert fft("snapshot", "run", root, "--keep-last", "1").code == 2


def test_quiet_and_verbose(fft: Fft, tmp_path: Path) -> None:
    root = shop(tmp_path)
    quiet = fft("seed", root, "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    verbose = fft("build", root, "-v", "--jobs", "1")
    assert verbose.err == ""
    at = verbose.lines.index("built users 2 rows N s")
    assert verbose.lines[at + 1 : at + 4] == [
        "no build is recorded",
        "passed: not_null_id",
        "warned: accepted_values_email: 1 of 2 rows fail",
    ]
    assert verbose.lines[1:3] == ["reused names 2 rows", "nothing changed"]
    assert verbose.lines[3] == f"run {run_results(root)['metadata']['run_id']}"
    write(root, {"models/users.ff.sql": "select 1 as id, {{ env('FF_API_TOKEN') }} as email"})
    failed = fft("run", root, "-q")
    assert (failed.code, failed.out) == (1, "")
    assert "error: users: models/users.ff.sql:1: model 'users': " in failed.err


def test_the_sql_channel(fft: Fft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = shop(tmp_path)
    write(root, {"models/users.ff.sql": "select 1 as id, '{{ env(\"SHOP_TOKEN\") }}' as email"})
    monkeypatch.setenv("SHOP_TOKEN", "hunter2")
    shown = fft("run", root, "-vv", "--select", "users")
    assert shown.code == 0
    assert 'ms:\n    create or replace table "dev"."main"."users" as\n' in shown.err
    assert "    select 1 as id, '***' as email\n" in shown.err
    assert "sql [users] " in shown.err
    assert "sql [fft] " in shown.err  # of the plan
    assert "hunter2" not in shown.err
    assert "create or replace" not in shown.out
    logged = fft("run", root, "-vv", "--select", "users", "--no-cache", "--json")
    statements = [json.loads(line) for line in logged.err.splitlines()]
    assert {statement["event"] for statement in statements} == {"statement"}
    assert any(s["name"] == "users" and s["milliseconds"] > 0 and "'***'" in s["sql"] for s in statements)


def test_events_as_json(fft: Fft, tmp_path: Path) -> None:
    root = shop(tmp_path)
    write(
        root,
        {
            "models/loud.ff.py": """\
                from fft_core import model

                @model(deps=["users"])
                def loud(df):
                    print("said by the model")
                    return df
                """
        },
    )
    assert fft("seed", root, "-q").code == 0
    finished = fft("build", root, "--json", "--jobs", "1")
    assert (finished.code, finished.err) == (0, "said by the model\n")
    events = [(event["event"], event.get("name")) for event in finished.events]
    assert events[:3] == [("run_started", None), ("node_ended", "names"), ("run_created", None)]
    assert events[-1] == ("run_ended", None)
    for name in ("users", "loud", "domains", "history", "crm.users"):
        assert events.index(("node_started", name)) < events.index(("node_ended", name))
    last = finished.events[-1]
    assert last["states"] == {"built": 4, "reused": 1, "checked": 1}
    assert last["checks"] == {"passed": 3, "warned": 1}
    assert last["exit_code"] == 0
    results = {result["name"]: result for result in run_results(root)["results"]}
    for event in finished.events:
        if event["event"] == "node_ended":
            assert {key: event[key] for key in results[event["name"]]} == results[event["name"]]


def test_the_results_are_written_down(fft: Fft, tmp_path: Path) -> None:
    root = shop(tmp_path)
    assert fft("build", root).code == 0
    written = read_run_results(root)
    assert (written.command, written.project, written.profile, written.engine) == ("build", "shop", "dev", "duckdb")
    assert (written.exit_code, written.run_id is not None) == (0, True)
    results = {result.name: result for result in written.results}
    users, source = results["users"], results["crm.users"]
    assert (users.kind, users.status, users.rows, users.relation) == ("sql", "built", 2, "dev.main.users")
    assert [reason.kind for reason in users.reasons] == ["never_built"]
    assert [(check.name, check.status) for check in users.checks] == [
        ("not_null_id", "pass"),
        ("accepted_values_email", "warn"),
    ]
    assert users.query_duration_ms is not None
    assert users.duration_ms is not None
    assert 0 < users.query_duration_ms <= users.duration_ms
    assert users.started_at is not None
    assert users.started_at <= written.generated_at
    assert users.selector_status == "warn"
    assert (source.kind, source.status, source.relation) == ("source", "checked", "dev.main.crm_users")
    assert fft("build", root).code == 0
    again = read_run_results(root)
    assert again.run_id is None
    assert {result.status for result in again.results} == {"reused"}
    assert {reason.kind for result in again.results for reason in result.reasons} == {"unchanged"}
    write(root, {"models/users.ff.sql": "select emial from {{ ref('names') }}"})
    assert fft("run", root).code == 1
    failed = {result.name: result for result in read_run_results(root).results}
    assert (failed["users"].status, failed["domains"].status) == ("failed", "skipped")
    error = failed["users"].error
    assert error is not None
    assert (error.file, error.line) == ("models/users.ff.sql", 1)
    assert "emial" in error.message
    assert failed["users"].duration_ms is not None

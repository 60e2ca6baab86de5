"""Checks of Dagster's as gates: the rows that a step has staged are judged by a user's function, as a frame."""

import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import dagster as dg
import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from conftest import FinishedRun, MakeInstance, write
from fft_core import CheckFailedError, FftError, ProjectError, Run, load_project, open_warehouse
from fft_core.project.model import Model, Seed, Source
from fft_core.project.model.project import with_stored_failures
from fft_dagster import FftTranslator, build_definitions, gated, project_definitions
from fft_dagster.execution.executor import iterate_run

GOOD, BAD = "id,email\n1,ada@x.org\n2,bob@x.org\n", "id,email\n1,ada@x.org\n2,bob@gmail.com\n"
FILES = {
    "project.yml": "name: g\nversion: '1'\ntests:\n  - {type: unique, table: users, column: id}\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: g.duckdb}}\n",
    "seeds/raw.csv": GOOD,
    "models/users.ff.sql": "select id, email from {{ ref('raw') }}",
    "models/counts.ff.sql": "select count(*) as n from {{ ref('users') }}",
}
CHECKS = """import dagster as dg
import pandas as pd

@dg.asset_check(asset="users", description="Everybody is ours.")
def ours(users: pd.DataFrame) -> dg.AssetCheckResult:
    strangers = users[~users["email"].str.endswith("@x.org")]
    return dg.AssetCheckResult(
        passed=strangers.empty, description=f"{len(strangers)} strangers", metadata={"strangers": len(strangers)}
    )
"""
DECLARED = FILES | {
    "project.yml": "name: g\nversion: '1'\ntests:\n"
    "  - {type: asset_check, table: users, name: ours, file: checks.py, gate: true}\n",
    "checks.py": CHECKS,
}
Node = Model | Seed | Source
AnyCheck = dg.AssetChecksDefinition


class BlockingAreGates(FftTranslator):
    def is_gate(self, spec: dg.AssetCheckSpec, node: Node) -> bool:
        return spec.blocking


@dg.asset_check(asset="users", blocking=True)
def ours(users: pd.DataFrame) -> dg.AssetCheckResult:
    """Everybody is ours."""
    strangers = users[~users["email"].str.endswith("@x.org")]
    return dg.AssetCheckResult(
        passed=strangers.empty,
        description=f"{len(strangers)} strangers",
        metadata={"strangers": len(strangers), "first": dg.MetadataValue.md("**who**")},
    )


@dg.asset_check(asset="users")
def small(users: pd.DataFrame) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=len(users) < 10, metadata={"n": len(users)})


@pytest.fixture(params=["pooled", "stock"])
def instance(make_instance: MakeInstance, request: pytest.FixtureRequest) -> dg.DagsterInstance:
    return make_instance(request.param)


def run(
    root: Path,
    instance: dg.DagsterInstance,
    checks: Iterable[AnyCheck] = (ours, small),
    *,
    keys: Iterable[str] | None = None,
    only: Iterable[tuple[str, str]] | None = None,
    translator: FftTranslator | None = None,
) -> FinishedRun:
    """Run all assets, some assets, or only some checks."""
    project = load_project(root, "dev", environment={})
    definitions = project_definitions(project, asset_checks=checks, translator=translator or BlockingAreGates())
    job = definitions.resolve_implicit_global_asset_job_def()
    assets = frozenset(map(dg.AssetKey, keys)) if keys is not None else None
    chosen = frozenset(dg.AssetCheckKey(dg.AssetKey(asset), name) for asset, name in only) if only else None
    if chosen is not None:
        assets = frozenset()
    if assets is not None or chosen is not None:
        job = job.get_subset(asset_selection=assets, asset_check_selection=chosen)
    created = instance.create_run_for_job(job, asset_selection=assets or None)
    events = list(iterate_run(job, created, instance))
    finished = instance.get_run_by_id(created.run_id)
    assert finished is not None
    return FinishedRun(finished, events)


def evaluations(finished: FinishedRun) -> dict[str, tuple[bool, str, Any]]:
    """By name: whether each check passed, in which step, and its evaluation."""
    found = [e for e in finished.events if e.event_type_value == "ASSET_CHECK_EVALUATION"]
    data = [(e.asset_check_evaluation_data, e.step_key or "") for e in found]
    return {d.check_name: (d.passed, step, d) for d, step in data}


def rows(root: Path, table: str = "users") -> list[Any]:
    with open_warehouse(load_project(root, "dev", environment={}), read_only=True) as warehouse:
        return sorted(warehouse.engine.fetch(f"select * from {table}"))


def said(finished: FinishedRun) -> str:
    (failure,) = [e for e in finished.events if e.is_step_failure]
    error = failure.step_failure_data.user_failure_data
    assert error is not None
    return str(error.description)


def test_a_gate_holds_rows_back_and_its_result_is_in_the_event_log(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    root = write(tmp_path / "g", FILES)
    first = run(root, instance)
    assert first.status == "SUCCESS"
    passed, step, evaluation = evaluations(first)["ours"]
    assert (passed, step, evaluation.description) == (True, "users", "0 strangers")
    assert evaluation.metadata["judged"].value == "the rows of this build, before they were published"
    assert evaluation.blocking
    write(root, {"seeds/raw.csv": BAD})
    finished = run(root, instance)
    assert finished.status == "FAILURE"
    assert finished.steps("STEP_FAILURE") == ["users"]
    assert "counts" not in finished.steps("STEP_START")
    assert rows(root) == [(1, "ada@x.org"), (2, "bob@x.org")]
    assert "users is not published: 1 check(s) failed: ours: 1 strangers" in said(finished)
    key = dg.AssetCheckKey(dg.AssetKey("users"), "ours")
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert record.run_id == finished.run.run_id
    assert record.event is not None
    assert record.event.dagster_event is not None
    evaluation = record.event.dagster_event.asset_check_evaluation_data
    assert (evaluation.passed, evaluation.severity, evaluation.description) == (
        False,
        dg.AssetCheckSeverity.ERROR,
        "1 strangers",
    )
    told = {name: value.value for name, value in evaluation.metadata.items()}
    assert told["strangers"] == 1
    assert told["first"] == "**who**"
    assert told["judged"] == "staged rows, which were not published"
    assert told["row_count"] == 2


def test_a_check_that_is_no_gate_runs_as_dagster_runs_it(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    root = write(tmp_path / "g", FILES)
    found = evaluations(run(root, instance))
    passed, step, evaluation = found["small"]
    assert (passed, step) == (True, "users_small")
    assert evaluation.metadata["n"].value == 2
    assert "judged" not in evaluation.metadata
    write(root, {"seeds/raw.csv": BAD})
    later = run(root, instance, translator=FftTranslator())  # now none is: what Dagster runs, finds published rows
    assert evaluations(later)["ours"][:2] == (False, "users_ours")
    assert rows(root)[1] == (2, "bob@gmail.com")


def test_a_gate_that_warns_publishes_and_is_asked_again(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    @dg.asset_check(asset="users", blocking=True)
    def few(users: pl.DataFrame) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=users.height > 5, severity=dg.AssetCheckSeverity.WARN)

    root = write(tmp_path / "g", FILES)
    first = run(root, instance, [few])
    assert first.status == "SUCCESS"
    passed, _, evaluation = evaluations(first)["few"]
    assert (passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
    passed, step, evaluation = evaluations(run(root, instance, [few]))["few"]
    assert (passed, step, evaluation.severity) == (False, "users", dg.AssetCheckSeverity.WARN)
    assert evaluation.metadata["judged"].value == "the published rows"


@pytest.mark.parametrize(
    ("annotation", "count"),
    [
        (pd.DataFrame, len),
        (pl.DataFrame, len),
        (pl.LazyFrame, lambda frame: len(frame.collect())),
        (pa.Table, len),
        (nw.DataFrame, len),
        (None, len),
    ],
    ids=["pandas", "polars", "lazy", "arrow", "narwhals", "none"],
)
def test_a_gate_gets_the_frame_of_its_annotation(
    tmp_path: Path, annotation: type | None, count: Callable[[Any], int]
) -> None:
    seen = []

    def check(users: Any) -> dg.AssetCheckResult:
        seen.append((type(users), count(users)))
        return dg.AssetCheckResult(passed=True)

    check.__annotations__ = {"users": annotation} if annotation else {}
    made = dg.asset_check(asset="users", blocking=True)(check)
    root = write(tmp_path / "g", FILES)
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(root, instance, [made]).status == "SUCCESS"
    assert seen == [(annotation or pd.DataFrame, 2)]


def test_a_gate_with_a_context_can_log(tmp_path: Path) -> None:
    @dg.asset_check(asset="users", blocking=True)
    def logs(context: dg.AssetCheckExecutionContext, users: pa.Table) -> dg.AssetCheckResult:
        context.log.info(f"saw {users.num_rows}")
        return dg.AssetCheckResult(passed=context.run.run_id != "")

    root = write(tmp_path / "g", FILES)
    with dg.DagsterInstance.ephemeral() as instance:
        finished = run(root, instance, [logs])
        assert evaluations(finished)["logs"][0]
        logged = [entry.user_message for entry in instance.all_logs(finished.run.run_id)]
    assert "saw 2" in logged


FACTORY = """import dagster as dg
import pandas as pd

def limited(limit):
    @dg.asset_check(asset="users", blocking=True)
    def limits(users: pd.DataFrame) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=len(users) <= int(str(limit)))

    return limits
"""


def test_a_gate_is_due_when_the_values_that_it_is_made_with_change(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unreadable:
        def __str__(self) -> str:
            return "7"

    write(tmp_path / "code", {"limit_factory.py": FACTORY})
    monkeypatch.syspath_prepend(tmp_path / "code")
    limited = importlib.import_module("limit_factory").limited

    def judged(limit: object) -> str:
        finished = run(root, instance, [limited(limit)])
        assert finished.status == "SUCCESS"
        return str(evaluations(finished)["limits"][2].metadata["judged"].value)

    root = write(tmp_path / "g", FILES)
    assert judged(5) == "the rows of this build, before they were published"
    assert judged(5).startswith("not run again")
    assert judged(6) == "the published rows"
    assert judged(6).startswith("not run again")
    assert judged(Unreadable()) == "the published rows"
    assert judged(Unreadable()) == "the published rows"  # nobody can tell whether it is another value
    finished = run(root, instance, [limited(1)])
    assert finished.steps("STEP_FAILURE") == ["users"]
    assert "users has bad rows: 1 check(s) failed: limits: failed" in said(finished)


def test_a_declared_gate_is_found_in_its_file_and_asked_again_when_that_changes(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    root = write(tmp_path / "g", DECLARED)
    first = run(root, instance, [])
    assert evaluations(first)["ours"][:2] == (True, "users")
    again = evaluations(run(root, instance, []))["ours"][2]
    assert again.metadata["judged"].value.startswith("not run again")
    write(root, {"checks.py": CHECKS.replace("@x.org", "@y.org")})
    finished = run(root, instance, [])
    assert finished.steps("STEP_FAILURE") == ["users"]
    assert evaluations(finished)["ours"][2].metadata["judged"].value == "the published rows"
    assert "users has bad rows: 1 check(s) failed: ours: 2 strangers" in said(finished)


def test_a_gate_alone_judges_the_published_rows(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    root = write(tmp_path / "g", FILES)
    run(root, instance)
    write(root, {"seeds/raw.csv": BAD})
    finished = run(root, instance, only=[("users", "ours")])
    assert finished.status == "SUCCESS"
    passed, step, evaluation = evaluations(finished)["ours"]
    assert (passed, step) == (True, "users")
    assert evaluation.metadata["judged"].value == "the published rows"
    assert [*evaluations(finished)] == ["ours"]


def test_a_gate_of_a_view_judges_what_it_would_show(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    view = {"models/users.ff.sql": "{{ config(materialized='view') }} select id, email from {{ ref('raw') }}"}
    root = write(tmp_path / "g", FILES | view)
    assert run(root, instance).status == "SUCCESS"
    write(root, {"seeds/raw.csv": BAD})
    finished = run(root, instance)
    assert finished.steps("STEP_FAILURE") == ["raw"]
    passed, step, evaluation = evaluations(finished)["ours"]
    assert (passed, step, evaluation.metadata["strangers"].value) == (False, "raw", 1)
    assert rows(root, "raw")[1][:2] == (2, "bob@x.org")


def test_a_gate_of_a_source_judges_what_an_asset_fills_it_with(tmp_path: Path) -> None:
    @dg.asset(key=["web", "visits"], io_manager_key="fft_io_manager")
    def visits() -> pd.DataFrame:
        return pd.DataFrame({"user_id": [1, -2]})

    @dg.asset_check(asset=dg.AssetKey(["web", "visits"]), blocking=True)
    def known(visits: pd.DataFrame) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=bool((visits["user_id"] > 0).all()))

    root = write(tmp_path / "g", FILES | {"sources.yml": "web:\n  visits: {schema: landing}\n"})
    project = load_project(root, "dev", environment={})
    definitions = project_definitions(project, assets=[visits], asset_checks=[known], translator=BlockingAreGates())
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    with open_warehouse(load_project(root, "dev", environment={})) as warehouse:
        there = warehouse.engine.inspect([warehouse.engine.relation("visits", "landing")])
    assert not there


def test_a_gate_that_raises_publishes_nothing(tmp_path: Path) -> None:
    @dg.asset_check(asset="users", blocking=True)
    def broken(users: pd.DataFrame) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=users["nobody"].empty)

    @dg.asset_check(asset="users", blocking=True)
    def wrong(users: pd.DataFrame) -> dg.AssetCheckResult:
        return True  # type: ignore[return-value]

    root = write(tmp_path / "g", FILES)
    with dg.DagsterInstance.ephemeral() as instance:
        finished = run(root, instance, [broken])
        assert finished.steps("STEP_FAILURE") == ["users"]
        assert "check broken of users raised KeyError: 'nobody'" in said(finished)
        assert "check wrong of users: it returned True" in said(run(root, instance, [wrong]))
    with open_warehouse(load_project(root, "dev", environment={})) as warehouse:
        assert not warehouse.engine.inspect([warehouse.relation("users")])


def test_a_gate_that_fails_as_dagster_wants_it_is_the_failure_of_the_step(tmp_path: Path) -> None:
    @dg.asset_check(asset="users", blocking=True)
    def unreachable(users: pd.DataFrame) -> dg.AssetCheckResult:
        raise dg.Failure("the other system is away", metadata={"tried": 3})

    root = write(tmp_path / "g", FILES)
    with dg.DagsterInstance.ephemeral() as instance:
        finished = run(root, instance, [unreachable])
    assert finished.steps("STEP_FAILURE") == ["users"]
    assert said(finished) == "the other system is away"


def test_a_secret_is_masked_in_what_a_gate_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @dg.asset_check(asset="users", blocking=True)
    def tells(users: pd.DataFrame) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, description="the token is s3cr3t-of-all")

    root = write(tmp_path / "g", FILES | {".env": "API_TOKEN=s3cr3t-of-all\n"})
    project = load_project(root, "dev", environment={"API_TOKEN": "s3cr3t-of-all"})
    definitions = project_definitions(project, asset_checks=[tells], translator=BlockingAreGates())
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        (found,) = [e for e in result.get_asset_check_evaluations() if e.check_name == "tells"]
        logged = " ".join(entry.user_message for entry in instance.all_logs(result.run_id))
    assert found.description == "the token is ***"
    assert "s3cr3t" not in logged


def test_without_a_scheduler_a_declared_gate_is_an_error_and_nothing_is_published(tmp_path: Path) -> None:
    root = write(tmp_path / "g", DECLARED)
    with Run(load_project(root, "dev", environment={})) as alone:
        raw, users, _ = alone.order()
        alone.build(raw)
        with pytest.raises(FftError, match="the check ours of users is a check of Dagster, and its function was not"):
            alone.build(users)
    with Run(gated(load_project(root, "dev", environment={})).project) as given:
        assert [str(check) for node in given.order() for check in given.build(node).checks] == ["ours: passed"]


def test_a_gate_keeps_no_rows_and_passes_where_all_checks_keep_theirs(tmp_path: Path) -> None:
    root = write(tmp_path / "g", DECLARED)
    project = with_stored_failures(gated(load_project(root, "dev", environment={})).project)
    for file, is_good in ((GOOD, True), (BAD, False), (GOOD.replace("1,", "7,"), True)):
        write(root, {"seeds/raw.csv": file})
        with Run(project) as run:
            raw, users, _ = run.order()
            run.build(raw)
            if is_good:
                assert [result.where_kept for result in run.build(users).checks] == [""]
                continue
            with pytest.raises(CheckFailedError) as raised:
                run.build(users)
            assert raised.value.results[0].where_kept == ""


def test_a_gate_waits_for_its_further_deps(tmp_path: Path) -> None:
    @dg.asset_check(asset="users", blocking=True, additional_deps=["other"])
    def after(users: pd.DataFrame) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    root = write(tmp_path / "g", FILES | {"models/other.ff.sql": "select 1 as x"})
    project = gated(load_project(root, "dev", environment={}), [after], BlockingAreGates()).project
    assert project.waits_for("users") == ("raw", "other")
    definitions = project_definitions(project)
    graph = definitions.resolve_asset_graph()
    assert dg.AssetKey("other") in graph.get(dg.AssetKey("users")).parent_keys
    definitions.resolve_implicit_global_asset_job_def()  # the graph is one that Dagster can run


class Settings(dg.Config):
    limit: int = 1


class Mail(dg.ConfigurableResource):  # type: ignore[type-arg]
    host: str = "x"


def with_resource(users: pd.DataFrame, mail: Mail) -> dg.AssetCheckResult:
    raise NotImplementedError


def with_config(users: pd.DataFrame, config: Settings) -> dg.AssetCheckResult:
    raise NotImplementedError


def without_rows() -> dg.AssetCheckResult:
    raise NotImplementedError


def with_number(users: int) -> dg.AssetCheckResult:
    raise NotImplementedError


async def waiting(users: pd.DataFrame) -> dg.AssetCheckResult:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (with_resource, "the check with_resource cannot be a gate: it takes the resource mail"),
        (with_config, "it takes a config"),
        (
            without_rows,
            "it takes no rows [FFT-905]\n    hint: Give it a parameter for them: def without_rows(users: pd.",
        ),
        (with_number, "builtins.int is not a type of frame that a model can take"),
        (waiting, "it is a generator, or asynchronous"),
    ],
    ids=["resource", "config", "no rows", "no frame", "async"],
)
def test_a_check_that_cannot_be_a_gate_is_refused_when_definitions_load(
    tmp_path: Path, function: Callable[..., Any], message: str
) -> None:
    made = dg.asset_check(asset="users", blocking=True)(function)
    root = write(tmp_path / "g", FILES)
    with pytest.raises(ProjectError) as raised:
        build_definitions(root, "dev", asset_checks=[made], translator=BlockingAreGates())
    assert message in str(raised.value)
    assert "test_gates.py:" in str(raised.value)


def test_a_gate_with_the_name_of_a_check_of_the_project_is_refused(tmp_path: Path) -> None:
    @dg.asset_check(asset="users", blocking=True, name="unique_id")
    def again(users: pd.DataFrame) -> dg.AssetCheckResult:
        raise NotImplementedError

    root = write(tmp_path / "g", FILES)
    with pytest.raises(ProjectError, match=r"the check unique_id of users is also in project\.yml:4"):
        build_definitions(root, "dev", asset_checks=[again], translator=BlockingAreGates())


ENTRY = "{type: asset_check, table: users, name: ours, file: checks.py, gate: true}"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (ENTRY.replace("checks.py", "chekcs.py"), "the file chekcs.py does not exist"),
        (
            ENTRY.replace("name: ours", "name: our"),
            "has no check our of the asset users [FFT-113]\n    hint: Did you mean 'ours'",
        ),
        (
            ENTRY.replace("table: users", "table: raw"),
            "no check ours of the asset raw [FFT-113]\n    hint: The check of this name belongs to users",
        ),
        (ENTRY.replace("gate: true", "gate: false"), "gate: false has no effect"),
        (ENTRY.replace("gate: true", "severity: warn, gate: true"), "severity has no effect"),
        (ENTRY.replace("checks.py", "../checks.py"), "is not a file of the project with a name that ends in .py"),
        (ENTRY.replace(", gate: true", ""), "gate"),
        (ENTRY.replace("gate:", "gates:"), "gates"),
    ],
)
def test_what_is_wrong_with_a_declared_gate_is_said_at_its_line(tmp_path: Path, entry: str, message: str) -> None:
    root = write(tmp_path / "g", DECLARED)
    write(root, {"project.yml": f"name: g\nversion: '1'\ntests:\n  - {entry}\n"})
    with pytest.raises(ProjectError) as raised:
        build_definitions(root, "dev")
    assert message in str(raised.value)
    assert "project.yml:4" in str(raised.value)


def test_a_file_that_builds_the_definitions_hands_its_gates_over(tmp_path: Path) -> None:
    build = "\nfrom fft_dagster import build_definitions\ndefs = build_definitions({!r}, 'dev'{})\n"
    root = write(tmp_path / "g", DECLARED)
    write(root, {"checks.py": CHECKS + build.format(str(root), "")})
    with pytest.raises(ProjectError, match=r"checks\.py has gates, and builds the definitions that need them"):
        build_definitions(root, "dev")
    write(root, {"checks.py": CHECKS + build.format(str(root), ", asset_checks=[ours]")})
    names = [key.name for key in build_definitions(root, "dev").resolve_asset_graph().asset_check_keys]
    assert names == ["ours"]

"""`fft engine check`: what it finds on good engines and on broken ones, what it leaves, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from autocommit_installed import BROKEN, autocommit_installed
from fft_process import FFT, run_process
from run_helpers import clean_environment
from sweeps import FACTOR
from targets import Target

from fft_core import load_project
from fft_core.engine_check.check import CLAIMS, claims_named, examine
from fft_core.engine_check.outcomes import Examined
from fft_core.engine_check.scratch import PREFIX, scratch_schema
from fft_core.engine_check.statements import publish
from fft_core.engines.protocol import Session, open_session
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import EngineError
from fft_core.warehouse.records import migrate

SECRET = "s3cret_of_the_check"
Settings = Mapping[str, Any]


def project(root: Path, engine: str, settings: Settings) -> Path:
    (root / "models").mkdir(parents=True)
    (root / "project.yml").write_text("name: shop\nversion: '1'\n")
    (root / "models" / "users.ff.sql").write_text("select 1 as id")
    (root / "profiles.yml").write_text(f"prod: {{engine: {engine}, {engine}: {json.dumps(dict(settings))}}}\n")
    return root


def check(root: Path, *options: str) -> CompletedProcess[str]:
    return run_process(FFT, "engine", "check", root, "--env", "prod", *options, environment=clean_environment())


def examined(root: Path, *names: str) -> Mapping[str, Examined]:
    """Check claims in this process."""
    with scratch_schema(load_project(root, "prod", environment={})) as scratch:
        return {one.name: one for one in examine(scratch, claims_named(names))}


def schemas(session: Session) -> set[str]:
    rows = session.fetch("select schema_name from information_schema.schemata")
    return {name for (name,) in rows if not name.startswith("pg_")}


@pytest.fixture
def settings(tmp_path: Path, target: Target) -> Iterator[Settings]:
    with target.settings(str(tmp_path / "db.duckdb")) as given:
        yield {**given, "dsn": given["dsn"].replace("@", f":{SECRET}@")} if "dsn" in given else given


def opened(engine: str, settings: Settings) -> Callable[[], Any]:
    return lambda: closing(open_session(engine, settings))


def test_all_claims_of_our_engines_hold(tmp_path: Path, target: Target, settings: Settings) -> None:
    """The whole command, on a project whose schema has a table: nothing of it is touched."""
    session = opened(target.engine, settings)
    with session() as before:
        own = before.relation("users")
        before.create_schema(own)
        before.execute(before.spelling.create_as(own, "table", "select 7 as id", replaces=False))
        there = schemas(before)
    ended = check(project(tmp_path / "shop", target.engine, settings), "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert SECRET not in ended.stdout
    found = json.loads(ended.stdout)
    assert (found["env"], found["engine"]) == ("prod", target.engine)
    assert found["version"]
    outcomes = {one["name"]: one["outcome"] for one in found["claims"]}
    can = spec_of(target.engine).can
    assert outcomes == {
        claim.name: "held" if not claim.capability or getattr(can, claim.capability) else "not claimed"
        for claim in CLAIMS
    }
    with session() as after:
        assert after.names_beside(own, "") == ["users"]
        assert after.fetch(after.spelling.select_all(own)) == [(7,)]
        assert schemas(after) == there


ABOUT_PUBLISHING = {"publish", "columns-change", "kind-change", "rollback", "crashes"}


@pytest.mark.parametrize(
    ("fault", "claims", "said"),
    [
        ("drops", ABOUT_PUBLISHING, 'relation "'),
        ("empties", {"publish"}, "a reader saw an empty relation: not exactly one version"),
        ("digests", {"digests"}, "NULL and an empty text: different rows, the same digest"),
    ],
)
def test_a_broken_engine_is_found(
    tmp_path: Path, postgres_dsn: str, postgres_schema: str, fault: str, claims: set[str], said: str
) -> None:
    given = {"dsn": postgres_dsn, "db_schema": postgres_schema, "fault": fault}
    with autocommit_installed(BROKEN):
        root = project(tmp_path / "shop", "broken", given)
        others = ("texts", "frames")
        environment = {**clean_environment(), "PYTHONPATH": str(BROKEN)}
        only = [word for name in sorted({*claims, *others}) for word in ("--only", name)]
        ended = run_process(FFT, "engine", "check", root, "--env", "prod", *only, environment=environment)
    assert (ended.returncode, ended.stderr) == (1, "")
    lines = {line.split()[1]: line for line in ended.stdout.splitlines() if line.startswith(("held", "failed"))}
    assert {name for name, line in lines.items() if line.startswith("failed")} == claims
    assert said in lines[min(claims - {"columns-change", "crashes"})]
    assert f"{len(others)} held, {len(claims)} failed" in ended.stdout
    with opened("postgres", {"dsn": postgres_dsn})() as session:
        assert not {name for name in schemas(session) if name.startswith(PREFIX)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_the_schema_is_dropped(
    tmp_path: Path, postgres_dsn: str, postgres_schema: str, number: signal.Signals
) -> None:
    root = project(tmp_path / "shop", "postgres", {"dsn": postgres_dsn, "db_schema": postgres_schema})
    command = [str(FFT), "engine", "check", str(root), "--env", "prod", "--only", "crashes"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=clean_environment()) as started:
        assert started.stdout is not None
        heading = started.stdout.readline()
        schema = heading.split()[-1]
        with opened("postgres", {"dsn": postgres_dsn, "db_schema": schema})() as session:
            assert schema in schemas(session)
            while not session.names_beside(session.relation("any"), "ff_check_crashed"):
                assert started.poll() is None
            started.send_signal(number)
            out, err = started.communicate(timeout=60)
            assert (started.returncode, out.strip(), err.strip()) == (130, "", "interrupted")
            assert schema not in schemas(session)


def test_a_schema_that_is_named_must_be_empty_and_stays(tmp_path: Path, target: Target, settings: Settings) -> None:
    root = project(tmp_path / "shop", target.engine, settings)
    key, named = target.schema_setting, f"named_{os.getpid()}"
    place = opened(target.engine, {**settings, key: named})
    with place() as session:
        relation = session.relation("kept")
        session.create_schema(relation)
        try:
            session.execute(session.spelling.create_as(relation, "table", "select 1 as a", replaces=False))
            refused = check(root, "--schema", named)
            assert (refused.returncode, refused.stdout) == (2, "")
            assert f"the schema {named} is not empty: it has kept [FFT-300]" in refused.stderr
            session.execute(session.spelling.drop(relation, "table"))
            with scratch_schema(load_project(root, "prod", environment={}), named) as scratch:
                assert [one.outcome for one in examine(scratch, claims_named(["names", "kind-change"]))] == ["held"] * 2
                with scratch.session() as inside:
                    migrate(inside)  # as builds do
                assert {"ff_check_names", "_ff_meta"} < set(session.names_beside(relation, ""))
            assert named in schemas(session)
            assert session.names_beside(relation, "") == []
        finally:
            session.execute(session.spelling.drop_schema(relation))


def test_the_schema_of_the_profile_is_refused(tmp_path: Path, target: Target, settings: Settings) -> None:
    root = project(tmp_path / "shop", target.engine, settings)
    own = settings.get(target.schema_setting, "main")
    refused = check(root, "--schema", own)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"{own} is the schema of the profile prod, which a check never touches" in refused.stderr


def test_who_may_not_create_a_schema_can_name_one(tmp_path: Path, postgres_dsn: str, postgres_schema: str) -> None:
    role = f"user_{postgres_schema}"
    dsn = f"{postgres_dsn}?options=-crole%3D{role}"
    root = project(tmp_path / "shop", "postgres", {"dsn": dsn, "db_schema": "elsewhere"})
    with opened("postgres", {"dsn": postgres_dsn})() as owner:
        owner.execute(f"create role {role}")
        try:
            refused = check(root)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert "cannot be created: permission denied for database postgres [FFT-608]" in refused.stderr
            assert "Or name an existing empty schema: --schema NAME." in refused.stderr
            owner.execute(f'create schema "{postgres_schema}"')
            owner.execute(f'grant usage, create on schema "{postgres_schema}" to {role}')
            ended = check(root, "--schema", postgres_schema, "--only", "publish", "--only", "grants")
            assert (ended.returncode, ended.stderr) == (0, "")
            assert "2 held" in ended.stdout
        finally:
            owner.execute(f"drop owned by {role}")
            owner.execute(f"drop role {role}")


def test_what_another_process_cannot_see_is_not_checked(tmp_path: Path) -> None:
    ended = check(project(tmp_path / "shop", "duckdb", {"path": ":memory:"}), "--only", "crashes", "--only", "publish")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "unchecked" in ended.stdout
    assert "is the database in memory?" in ended.stdout
    assert "1 held, 1 unchecked" in ended.stdout


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--env", "nowhere"), 1, "nowhere"),
        (("--only", "publsh"), 2, "no such claim: 'publsh' [FFT-301]\n    hint: Did you mean 'publish'?"),
    ],
)
def test_a_wrong_request_is_told(tmp_path: Path, options: Sequence[str], code: int, said: str) -> None:
    root = project(tmp_path / "shop", "duckdb", {"path": "db.duckdb"})
    ended = check(root, *options)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    ended = check(project(tmp_path / "shop", "postgres", {"dsn": f"postgresql://u:{SECRET}@127.0.0.1:1/db"}))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "cannot connect to" in ended.stderr
    assert SECRET not in ended.stderr


def test_what_cannot_be_dropped_is_told(tmp_path: Path, postgres_dsn: str, postgres_schema: str) -> None:
    """For example because somebody reads a table in the schema for longer than the user waits for locks."""
    dsn = f"{postgres_dsn}?options=-clock_timeout%3D100"
    loaded = load_project(project(tmp_path / "shop", "postgres", {"dsn": dsn, "db_schema": postgres_schema}), "prod")
    with opened("postgres", {"dsn": postgres_dsn})() as reader:

        def read_in_the_schema() -> None:
            with scratch_schema(loaded) as scratch, scratch.session() as session:
                relation = publish(session, "ff_check_t", "select 1 as a")
                reader.execute("begin")
                reader.fetch(session.spelling.select_all(relation))

        with pytest.raises(EngineError, match=r"ff_check_\w+ could not be removed: .*lock timeout") as caught:
            read_in_the_schema()
        reader.execute("rollback")
        (left,) = (name for name in schemas(reader) if name.startswith(PREFIX))
        reader.execute(f'drop schema "{left}" cascade')
    assert caught.value.code == "FFT-608"
    assert "Drop it by hand" in str(caught.value)


ON_EMULATORS = ("texts", "grants", "clean")  # the contract suite has the other ones, but for those that kill builds


@pytest.mark.parametrize(
    ("engine", "failed", "unchecked"),
    [
        ("snowflake_snowpark", (), ("grants",)),
        ("bigquery", ("names",), ()),  # those of the emulator ignore case
        ("databricks_spark", (), ()),
    ],
)
def test_an_emulator_is_checked(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str, failed: Sequence[str], unchecked: Sequence[str]
) -> None:
    """What an emulator shows; all claims are checked only in a sweep, and Spark only there."""
    if engine == "databricks_spark" and FACTOR == 1:
        pytest.skip("takes minutes: FFT_SWEEP")
    server = {
        "snowflake_snowpark": "snowflake_server",
        "bigquery": "bigquery_server",
        "databricks_spark": "spark_server",
    }[engine]
    with Target(None, engine, request.getfixturevalue(server)).settings() as settings:
        root = project(tmp_path / "shop", engine, settings)
        found = examined(root, *(ON_EMULATORS if FACTOR == 1 else ()))
    wrong = {name: one.details for name, one in found.items() if one.outcome == "failed"}
    assert wrong.keys() == {*failed} & found.keys(), wrong
    assert {name for name, one in found.items() if one.outcome == "unchecked"} == {*unchecked}

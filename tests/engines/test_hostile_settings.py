"""Rows, and what a plan says of them, do not depend on the environment, on roles or on what a dsn sets."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import psycopg
import pytest
from postgres_server import new_schema
from targets import Target

from fft_core.engines.protocol import Seal, open_session

# Each changes what a value looks like, what a text means, or which rows there are.
SETTINGS = {
    "TimeZone": "Asia/Tokyo",
    "timezone_abbreviations": "India",
    "DateStyle": "German, DMY",
    "IntervalStyle": "iso_8601",
    "bytea_output": "escape",
    "extra_float_digits": "-4",
    "xmlbinary": "hex",
    "xmloption": "document",
    "standard_conforming_strings": "off",
    "escape_string_warning": "off",
    "backslash_quote": "on",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "gin_fuzzy_search_limit": "1",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "exit_on_error": "on",
    "search_path": "pg_catalog",
    "client_encoding": "LATIN1",
    "geqo": "off",
    "enable_hashjoin": "off",
}
VALUES = r"""
    timestamptz '2024-06-01 23:30+00' as t, cast(timestamptz '2024-06-01 23:30+00' as date) as d,
    cast(date '2024-02-01' as text) as txt, cast('01/02/03' as date) as read,
    timestamptz '2024-01-01 00:00 IST' as ist,
    cast(interval '1 day 2 hours' as text) as i, cast('\xdeadbeef'::bytea as text) as b, 'a\b' as backslash,
    cast(0.1::float8 + 0.2::float8 as text) as f, to_char(1234.5, '9G999D9') as n,
    to_char(date '2024-05-01', 'TMMonth') as m,
    cast('{null, 1}'::int[] as text) as a, null = null as is_null, quote_ident('x') as q,
    current_setting('xmlbinary') as x, current_setting('xmloption') as y, 'ä€' as utf8,
    current_setting('transaction_isolation') as isolation"""
ENVIRONMENT = {
    "PGTZ": "Asia/Tokyo",
    "PGDATESTYLE": "German",
    "PGCLIENTENCODING": "LATIN1",
    "PGGEQO": "off",
    "PGAPPNAME": "somebody",
    "TZ": "America/New_York",
    "LANG": "de_DE.UTF-8",
    "LC_ALL": "tr_TR.UTF-8",
}
OPTIONS = " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in SETTINGS.items())


@pytest.fixture
def schema(postgres_dsn: str) -> Iterator[str]:
    name = new_schema()
    yield name
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f'drop schema if exists "{name}" cascade'.encode())


def read(dsn: str, schema: str) -> list[tuple[object, ...]]:
    engine = open_session("postgres", {"dsn": dsn, "db_schema": schema})
    try:
        engine.create_schema(engine.relation("any"))
        with engine.transaction():
            engine.execute(f"create table made as select {VALUES}")
            rows = engine.fetch("select * from made")
            engine.execute("drop table made")
        return rows
    finally:
        engine.close()


def test_the_environment_does_not_change_values(
    postgres_dsn: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read(postgres_dsn, schema)
    for name, value in {**ENVIRONMENT, "PGOPTIONS": OPTIONS}.items():
        monkeypatch.setenv(name, value)
    assert read(postgres_dsn, schema) == before


def test_what_a_dsn_sets_does_not_change_values(postgres_dsn: str, schema: str) -> None:
    before = read(postgres_dsn, schema)
    info = psycopg.conninfo.make_conninfo(postgres_dsn, options=OPTIONS)
    assert read(info, schema) == before


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_a_role_sets_does_not_change_values(postgres_dsn: str, schema: str, setting: str) -> None:
    role = f"role_{schema}"
    before = read(postgres_dsn, schema)
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"create role {role} superuser login".encode())
        try:
            connection.execute(f"alter role {role} set {setting} = {SETTINGS[setting]!r}".encode())
            assert read(psycopg.conninfo.make_conninfo(postgres_dsn, user=role), schema) == before
        finally:
            connection.execute(f"drop owned by {role} cascade".encode())
            connection.execute(f"drop role {role}".encode())


def test_a_session_that_is_opened_again_is_set_again(
    postgres_dsn: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    engine = open_session("postgres", {"dsn": postgres_dsn, "db_schema": schema})
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        ((pid,),) = engine.fetch("select pg_backend_pid()")
        connection.execute("select pg_terminate_backend(%s)", (pid,))
    with pytest.raises(Exception, match="connection"):
        engine.fetch("select 1")
    with engine.transaction():
        assert engine.fetch("select current_setting('TimeZone')") == [("UTC",)]
    thread = engine.for_thread()
    assert thread.fetch("select current_setting('TimeZone')") == [("UTC",)]
    thread.close()
    engine.close()


def test_a_plan_opens_a_database_that_it_cannot_change(postgres_dsn: str, schema: str) -> None:
    engine = open_session("postgres", {"dsn": postgres_dsn, "db_schema": schema}, read_only=True)
    with pytest.raises(Exception, match="read-only"):
        engine.execute("create table public.never as select 1 as a")
    thread = engine.for_thread()
    with pytest.raises(Exception, match="read-only"):
        thread.execute("create table public.never as select 1 as a")
    thread.close()
    engine.close()


def test_what_users_set_is_theirs(postgres_dsn: str, schema: str) -> None:
    options = "-c statement_timeout=12345 -c lock_timeout=234 -c work_mem=5MB"
    dsn = psycopg.conninfo.make_conninfo(postgres_dsn, options=options, application_name="mine")
    engine = open_session("postgres", {"dsn": dsn, "db_schema": schema})
    engine.create_schema(engine.relation("any"))
    with engine.publisher.stage(engine.relation("t"), "table") as stage:
        stage.write("select 1 as a")
        stage.publish(Seal("ab"))
        names = ("statement_timeout", "lock_timeout", "work_mem", "application_name")
        found = engine.fetch(f"select {', '.join(f'current_setting({name!r})' for name in names)}")
    assert found == [("12345ms", "234ms", "5MB", "mine")]
    engine.close()


def test_a_statement_that_takes_too_long_for_its_role_says_why(postgres_dsn: str, schema: str) -> None:
    dsn = psycopg.conninfo.make_conninfo(postgres_dsn, options="-c statement_timeout=20")
    engine = open_session("postgres", {"dsn": dsn, "db_schema": schema})
    with pytest.raises(Exception, match=r"statement timeout \[FFT-601\]\n    hint: Is a statement_timeout set"):
        engine.fetch("select pg_sleep(2)")
    engine.close()


MODELS = {
    "postgres": "select timestamptz '2024-06-01 23:30+00' as t, cast(timestamptz '2024-06-01 23:30+00' as date) as d",
    "duckdb": (
        "select timestamptz '2024-06-01 23:30+00' as t, cast(timestamptz '2024-06-01 23:30+00' as date) as d, "
        "date_trunc('week', timestamptz '2024-06-01 23:30+00') as w, year(timestamptz '2024-01-01 00:00+00') as y"
    ),
}


def fft(root: Path, *arguments: str, environment: Mapping[str, str]) -> str:
    command = [sys.executable, "-m", "fft_cli", *arguments, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_build_in_a_hostile_environment_is_the_same_build(target: Target, tmp_path: Path) -> None:
    (tmp_path / "project.yml").write_text("name: p\nversion: '1'\n")
    for folder in ("models", "seeds"):
        (tmp_path / folder).mkdir()
    (tmp_path / "seeds/s.csv").write_text("id,t\n1,2024-06-01 12:00:00\n")
    (tmp_path / "seeds/schema.yml").write_text("columns:\n  s: {id: integer, t: timestamptz}\n")
    (tmp_path / "models/a.ff.sql").write_text(MODELS[target.engine])
    (tmp_path / ".duckdbrc").write_text("set default_null_order = 'nulls_first';\n")
    hostile = {**ENVIRONMENT, "HOME": str(tmp_path)}
    if target.engine == "postgres":
        hostile["PGOPTIONS"] = OPTIONS
    with target.settings(str(tmp_path / "db.duckdb")) as settings:
        lines = "".join(f"\n    {key}: {value}" for key, value in settings.items())
        (tmp_path / "profiles.yml").write_text(f"dev:\n  engine: {target.engine}\n  {target.engine}:{lines}\n")
        fft(tmp_path, "build", environment=hostile)
        assert "0 to build, 2 to reuse" in fft(tmp_path, "plan", environment={})
        engine = open_session(target.engine, settings)
        when = engine.fetch("select cast(t as varchar) from s")
        assert when == [("2024-06-01 12:00:00+00",)]
        assert engine.fetch("select * from a") == engine.fetch(MODELS[target.engine])
        assert engine.fetch("select d from a") == [(date(2024, 6, 1),)]
        engine.close()

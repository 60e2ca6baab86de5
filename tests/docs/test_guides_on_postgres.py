"""The scripts of the guide to Postgres move the rows of a project there, and find them equal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import duckdb
import psycopg
import pytest
from fft_process import FFT, run_process
from pages import DOCS, README, blocks_of

GUIDE = DOCS / "guides" / "duckdb-to-postgres.md"
SOURCES = "crm: {orders: {identifier: raw_orders}}\n"
REVENUE = "select user_id, sum(amount) as revenue from {{ source('crm', 'orders') }} group by user_id\n"
HISTORY = """\
{{ config(materialized='snapshot', snapshot={'strategy': 'check', 'check_cols': ['email']}, unique_key='id') }}
select id, email from {{ ref('users') }}
"""


@pytest.fixture
def folder(tmp_path: Path, postgres_schema: str) -> Path:
    """Write the README's shop with a source and a snapshot, and the files of the guide."""
    files = {block.file: block.text for block in reversed(blocks_of(README)) if block.file}  # as first written
    guide = {block.file: block.text for block in blocks_of(GUIDE) if block.file}
    more = {
        "shop/sources.yml": SOURCES,
        "shop/models/revenue.ff.sql": REVENUE,
        "shop/models/history.ff.sql": HISTORY,
        "shop/seeds/raw_users.csv": "id,email\n1,Ann@example.com\n2,bob@example.org\n",
    }
    for name, text in (files | guide | more).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("db_schema: analytics", f"db_schema: {postgres_schema}"), encoding="utf-8")
    with duckdb.connect(tmp_path / "shop" / "shop.duckdb") as connection:
        connection.execute("create table raw_orders as select 1 as user_id, 20 as amount")
    return tmp_path


def output(folder: Path, dsn: str, *command: str | Path) -> str:
    ended = run_process(*command, cwd=folder, environment={**os.environ, "FF_PG_DSN": dsn})
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_rows_are_moved_and_compared(folder: Path, postgres_dsn: str, postgres_schema: str) -> None:
    output(folder, postgres_dsn, FFT, "build", "shop")
    moved = output(folder, postgres_dsn, sys.executable, "shop/move.py")
    assert moved.split() == ["crm.orders", "1", "history", "2"]
    plan = output(folder, postgres_dsn, FFT, "plan", "shop", "--env", "prod")
    (shown,) = [block.text.strip() for block in blocks_of(GUIDE) if block.text.startswith("build  history")]
    assert " ".join(shown.split()) in " ".join(plan.split())
    output(folder, postgres_dsn, FFT, "build", "shop", "--env", "prod")
    compared = output(folder, postgres_dsn, sys.executable, "shop/compare.py").splitlines()
    assert len(compared) == 5
    assert [line for line in compared if not line.startswith("equal")] == []
    with duckdb.connect(folder / "shop" / "shop.duckdb") as old, psycopg.connect(postgres_dsn) as new:
        ((began,),) = old.execute("select distinct epoch_us(_ff_valid_from) from history").fetchall()
        there = new.execute(f'select distinct _ff_valid_from from "{postgres_schema}".history'.encode()).fetchall()
    assert [round(time.timestamp() * 1_000_000) for (time,) in there] == [began]  # the history is the old one


def test_a_row_that_differs_is_found(folder: Path, postgres_dsn: str, postgres_schema: str) -> None:
    output(folder, postgres_dsn, FFT, "build", "shop")
    output(folder, postgres_dsn, sys.executable, "shop/move.py")
    output(folder, postgres_dsn, FFT, "build", "shop", "--env", "prod")
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"""update "{postgres_schema}".users set email = 'x' where id = 1""".encode())
    compared = output(folder, postgres_dsn, sys.executable, "shop/compare.py").splitlines()
    assert [line.split()[1] for line in compared if line.startswith("differs")] == ["users"]

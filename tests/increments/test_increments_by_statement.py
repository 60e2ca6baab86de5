"""Increments where statements are transactions of their own leave the rows that they leave on DuckDB, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

import pytest
from autocommit_installed import autocommit_installed
from sweeps import examples
from targets import SERVERS, Target
from workbench import EVENTS, Bench, Rows, bench

from fft_core import FftError
from fft_core.checks.results import CheckFailedError

COLUMNS = {"id": "integer", "day": "integer", "val": "integer"}
FIRST: Rows = [(1, 1, 10), (2, 1, 20), (3, 2, 30)]
LATER: Rows = [(2, 2, 21), (3, 2, 30), (4, 2, 40)]
BY_DIGEST = "version: 2\nsources: [{name: raw, tables: [{name: events, data_version: {digest_max_rows: 1000}}]}]\n"
ALL = f"select id, day, val from {EVENTS}"


@dataclass(frozen=True)
class Step:
    """What is written before a build: the source's rows, and the model if it is another one now."""

    rows: Rows
    query: str = ALL
    config: str | None = None
    columns: tuple[tuple[str, str], ...] = tuple(COLUMNS.items())


def steps(config: str, *queries: str) -> list[Step]:
    """Two fillings of the source, and a third one for each other query."""
    return [
        Step(FIRST, config=config),
        Step(LATER),
        Step(LATER),
        *(Step([*LATER, (5, 3, 50)], query) for query in queries),
    ]


MERGE = "materialized='incremental', unique_key='id'"
SNAPSHOT = "materialized='snapshot', unique_key='id', snapshot={{'strategy': 'check', 'check_cols': 'all'{}}}"
CASES: dict[str, list[Step]] = {
    "append": steps("materialized='incremental', strategy='append'"),
    "merge": steps(MERGE),
    "merge with a key that is all there is": [
        Step(FIRST, "select id from " + EVENTS, MERGE),
        Step(LATER, "select id from " + EVENTS),
    ],
    "merge keeps values of columns that are gone": steps(
        f"{MERGE}, on_schema_change='ignore'", f"select id, val from {EVENTS}"
    ),
    "merge adds columns": steps(
        f"{MERGE}, on_schema_change='append_new_columns'", f"select id, day, val, 'x' as note from {EVENTS}"
    ),
    "merge follows all columns": steps(
        f"{MERGE}, on_schema_change='sync_all_columns'",
        f"select id, cast(val as varchar) as val, 1.5 as added from {EVENTS}",
    ),
    "delete and insert": steps("materialized='incremental', strategy='delete_insert', unique_key='id'"),
    "delete and insert without a column": steps(
        "materialized='incremental', strategy='delete_insert', unique_key='id', on_schema_change='ignore'",
        f"select id, val from {EVENTS}",
    ),
    "insert overwrite": steps("materialized='incremental', strategy='insert_overwrite', partition_by='day'"),
    "a column of NULLs gets a type": [
        Step(FIRST, f"select id, null as note from {EVENTS}", MERGE),
        Step(LATER, f"select id, val as note from {EVENTS}"),
        Step(FIRST, f"select id, null as note from {EVENTS}"),
    ],
    "snapshot": steps(SNAPSHOT.format("")),
    "snapshot that closes": steps(SNAPSHOT.format(", 'hard_deletes': 'invalidate'")),
    "snapshot that forgets": steps(SNAPSHOT.format(", 'hard_deletes': 'invalidate', 'keep_last': 1")),
    "snapshot with new columns": steps(
        f"{SNAPSHOT.format('')}, on_schema_change='append_new_columns'",
        f"select id, day, val, 'x' as note from {EVENTS}",
    ),
}


ENGINES = ("autocommit", "snowflake_snowpark", "bigquery")
# An emulator that answers slowly gets some of the cases, and all of them in a sweep.
FEW = ("append", "merge follows all columns", "delete and insert", "insert overwrite", "snapshot that closes")
ON = [(engine, case) for engine in ENGINES for case in CASES if engine != "bigquery" or case in FEW or examples(0, 1)]


@pytest.fixture(params=ENGINES)
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    is_postgres = request.param == "autocommit"
    with autocommit_installed() if is_postgres else nullcontext():
        if is_postgres:
            yield Target(request.getfixturevalue("postgres_dsn"), request.param)
        else:
            yield Target(None, request.param, request.getfixturevalue(SERVERS[request.param]))


def plain(rows: Sequence[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Rows without the clock: a time says only that there is one."""
    return sorted(
        (tuple("a time" if isinstance(v, datetime) else None if v is None else str(v) for v in row) for row in rows),
        key=repr,
    )


def after(made: Bench, step: Step, config: str) -> list[tuple[object, ...]]:
    made.fill(dict(step.columns), step.rows)
    made.model(config, step.query)
    made.build()
    names = sorted(name for name in made.columns() if name != "_ff_snapshot_hash")
    return [tuple(names), *plain(made.rows(f"select {', '.join(names)} from m"))]


@pytest.mark.parametrize(("target", "case"), ON, indirect=["target"])
def test_the_rows_are_those_of_duckdb(target: Target, case: str) -> None:
    with bench(target) as made, bench(Target()) as other:
        made.write({"sources.yml": BY_DIGEST})  # a table that is made anew has another version of the engine's own
        config = ""
        for number, step in enumerate(CASES[case]):
            config = step.config or config
            assert after(made, step, config) == after(other, step, config), f"after step {number}"
        assert not made.plan().builds
        assert not made.warehouse.engine.names_beside(made.warehouse.relation("any"), "_ff_swap")


@pytest.mark.parametrize("config", [MERGE, "materialized='incremental', strategy='append'", SNAPSHOT.format("")])
def test_rows_that_fail_a_check_are_never_seen(target: Target, config: str) -> None:
    """The check is of the whole table, and the table is judged as a query: it is not touched."""
    with bench(target) as made:
        checks = "tests:\n  - {type: greater_equal, table: m, column: val, threshold: 0}\n"
        made.write({"project.yml": f"name: bench\nversion: '1'\n{checks}"})
        made.fill(COLUMNS, FIRST)
        made.model(config, ALL)
        made.build()
        before = made.rows()
        made.fill(COLUMNS, [(2, 1, -1), (9, 9, 9)])
        with pytest.raises(CheckFailedError):
            made.build()
        assert made.rows() == before
        made.fill(COLUMNS, [(2, 1, 1), (9, 9, 9)])
        made.build()
        assert len(made.rows()) > len(before)


def test_a_refused_increment_leaves_the_table_as_it_was(target: Target) -> None:
    with bench(target) as made:
        made.fill(COLUMNS, FIRST)
        made.model(MERGE, ALL)
        made.build()
        before = made.rows()
        made.fill(COLUMNS, [*LATER, (2, 5, 5)])
        with pytest.raises(FftError, match="occur more than once"):
            made.build()
        assert made.rows() == before

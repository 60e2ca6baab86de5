"""Columns whose names differ only in case: each is found as it is written, or else where no other can be meant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from targets import Target
from workbench import Bench

from fft_core import CheckFailedError, FftError
from fft_core.errors import IncrementError
from fft_core.names.columns import AmbiguousColumnError, ColumnNames, paired
from fft_core.operations.comments import plan_comments
from fft_core.operations.prune import prunable_versions, prune_snapshot
from fft_core.project.model import ExpectedRows
from fft_core.unit_tests.compare import compare

MERGE = "materialized='incremental', unique_key='id'"
SNAPSHOT = "materialized='snapshot', unique_key='id', snapshot={{'strategy': 'check', 'check_cols': {}}}"


@pytest.fixture
def bench(tmp_path: Path, target: Target) -> Iterator[Bench]:
    with target.profile() as profile:
        made = Bench(tmp_path, profile)
        yield made
        made.warehouse.close()


@pytest.fixture
def postgres(tmp_path: Path, postgres_dsn: str) -> Iterator[Bench]:
    """Only there are two columns whose names differ in case."""
    with Target(postgres_dsn).profile() as profile:
        made = Bench(tmp_path, profile)
        yield made
        made.warehouse.close()


@pytest.mark.parametrize(
    ("stored", "given", "pairs"),
    [
        ("id val", "id val", "id:id val:val"),
        ("id val", "VAL ID", "val:VAL id:ID"),
        ("id val", "id Val val", "id:id val:val"),
        ("id Val val", "id val", "id:id val:val"),
        ("Val val", "VAL Val val", "Val:Val val:val"),
        ("Val val", "Val VAL", "Val:Val val:VAL"),
        ("a", "b", ""),
    ],
)
def test_columns_are_paired(stored: str, given: str, pairs: str) -> None:
    wanted = dict(pair.split(":") for pair in pairs.split())
    assert paired(stored.split(), given.split()) == wanted


@pytest.mark.parametrize(("stored", "given"), [("Val val", "VAL"), ("val", "Val VAL"), ("Id ID", "id iD")])
def test_a_name_that_can_be_two_is_no_pair(stored: str, given: str) -> None:
    with pytest.raises(AmbiguousColumnError, match="matches several columns"):
        paired(stored.split(), given.split())


def test_a_name_that_can_be_two_is_not_found() -> None:
    with pytest.raises(AmbiguousColumnError, match="'VAL' matches several columns: 'Val', 'val'"):
        ColumnNames(["val", "Val"]).find("VAL")


@pytest.mark.parametrize("strategy", ["merge", "delete_insert", "append"])
def test_two_columns_stay_two_in_an_increment(postgres: Bench, strategy: str) -> None:
    config = f"{MERGE}, strategy='{strategy}'"
    postgres.model(config, 'select 1 as id, 10 as "Val", 20 as val')
    postgres.build()
    postgres.model(config, 'select 1 as id, 11 as "Val", 21 as val union all select 2, 12, 22')
    postgres.build()
    added = [(1, 10, 20)] if strategy == "append" else []
    assert postgres.rows('select id, "Val", val from m') == [*added, (1, 11, 21), (2, 12, 22)]


@pytest.mark.parametrize(
    ("policy", "rows"),
    [
        ("ignore", [(1, "v2")]),
        ("append_new_columns", [(1, "v2", "OTHER")]),
        ("sync_all_columns", [(1, "v2", "OTHER")]),
    ],
)
def test_a_column_in_another_case_is_a_new_one(postgres: Bench, policy: str, rows: list[tuple[object, ...]]) -> None:
    config = f"{MERGE}, on_schema_change='{policy}'"
    postgres.model(config, "select 1 as id, 'v1' as val")
    postgres.build()
    postgres.model(config, "select 1 as id, 'OTHER' as \"Val\", 'v2' as val")
    postgres.build()
    assert postgres.rows() == rows


def test_a_column_in_another_case_fails_where_columns_may_not_change(postgres: Bench) -> None:
    config = f"{MERGE}, on_schema_change='fail'"
    postgres.model(config, "select 1 as id, 'v1' as val")
    postgres.build()
    postgres.model(config, "select 1 as id, 'v2' as val, 'OTHER' as \"Val\"")
    with pytest.raises(IncrementError, match=r"on_schema_change is 'fail': Val \(text\) is new"):
        postgres.build()
    assert postgres.rows() == [(1, "v1")]


def test_one_of_two_columns_can_go(postgres: Bench) -> None:
    config = f"{MERGE}, on_schema_change='sync_all_columns'"
    postgres.model(config, "select 1 as id, 'a' as val, 'b' as \"Val\"")
    postgres.build()
    postgres.model(config, "select 1 as id, 'c' as val")
    postgres.build()
    assert postgres.columns() == {"id": "integer", "val": "text"}
    assert postgres.rows() == [(1, "c")]


@pytest.mark.parametrize("config", [MERGE, SNAPSHOT.format("'all'")])
def test_a_column_that_can_be_two_of_the_table_is_an_error_that_names_both(postgres: Bench, config: str) -> None:
    postgres.model(config, 'select 1 as id, 10 as "Val", 20 as val')
    postgres.build()
    postgres.model(config, 'select 1 as id, 11 as "VAL"')
    with pytest.raises(IncrementError, match=r"m\.ff\.sql:1: .*'VAL' matches several columns: 'Val', 'val'"):
        postgres.build()


@pytest.mark.parametrize("setting", ["'all'", "['Val']", "['val', 'Val']"])
def test_two_columns_stay_two_in_a_snapshot(postgres: Bench, setting: str) -> None:
    config = SNAPSHOT.format(setting)
    postgres.model(config, "select 1 as id, 'a' as \"Val\", 'x' as val")
    postgres.build()
    postgres.model(config, "select 1 as id, 'b' as \"Val\", 'x' as val")
    postgres.build()
    query = 'select "Val", val, _ff_is_current from m'
    assert postgres.rows(query) == [("a", "x", False), ("b", "x", True)]


def test_a_snapshot_looks_at_the_column_that_is_named(postgres: Bench) -> None:
    config = SNAPSHOT.format("['val']")
    postgres.model(config, "select 1 as id, 'a' as \"Val\", 'x' as val")
    postgres.build()
    postgres.model(config, "select 1 as id, 'b' as \"Val\", 'x' as val")
    postgres.build()
    assert postgres.rows('select "Val", val from m') == [("a", "x")]


@pytest.mark.parametrize("setting", ["unique_key='ID', ", "unique_key='id', "])
def test_a_key_that_can_be_two_columns_is_an_error(postgres: Bench, setting: str) -> None:
    postgres.model(f"materialized='incremental', {setting}", 'select 1 as "Id", 2 as "iD"')
    with pytest.raises(IncrementError, match=r"its unique_key: .* matches several columns: 'Id', 'iD'"):
        postgres.build()


@pytest.mark.parametrize(
    "config",
    [
        MERGE,
        f"{MERGE}, strategy='delete_insert'",
        f"{MERGE}, on_schema_change='sync_all_columns'",
        f"{MERGE}, updated_at_column='V', lookback=1",
        SNAPSHOT.format("'all'"),
        SNAPSHOT.format("['V']"),
        "materialized='snapshot', unique_key='id', snapshot={'strategy': 'timestamp', 'updated_at': 'T'}",
        SNAPSHOT.format("'all', 'hard_deletes': 'invalidate', 'keep_last': 1"),
        "materialized='incremental', strategy='insert_overwrite', partition_by='id'",
    ],
)
def test_columns_that_are_spelled_in_another_case_are_the_same(bench: Bench, config: str) -> None:
    bench.model(config, "select 1 as id, 2 as v, timestamp '2024-01-01' as t")
    bench.build()
    bench.model(config, 'select 1 as "ID", 3 as "V", timestamp \'2024-01-02\' as "T"')
    bench.build()
    is_kept = "keep_last" not in config and "snapshot" in config
    assert bench.rows("select id, v from m") == ([(1, 2), (1, 3)] if is_kept else [(1, 3)])
    if "snapshot" in config:
        model = bench.warehouse.project.models["m"]
        assert prunable_versions(bench.warehouse, model, 1) == int(is_kept)
        assert prune_snapshot(bench.warehouse, model, 1) == int(is_kept)


def test_a_key_that_the_table_lacks_is_an_error(bench: Bench) -> None:
    bench.model(MERGE, "select 1 as id, 2 as v")
    bench.build()
    bench.model("materialized='incremental', unique_key='number'", "select 1 as number, 2 as v")
    with pytest.raises(IncrementError, match=r"has no column 'number'.* \[FFT-\d+\]\n.*--full-refresh m"):
        bench.build()


@pytest.mark.parametrize(
    ("check", "passes"),
    [
        ("{type: not_null, table: m, column: id}", False),
        ("{type: not_null, table: m, column: ID}", True),
        ("{type: unique, table: m, column: id}", True),
        ("{type: unique, table: m, column: ID}", False),
        ("{type: unique, table: m, column: [ID, n]}", True),
        ("{type: unique, table: m, column: [ID, N]}", True),
        ("{type: accepted_values, table: m, column: ID, values: [1]}", True),
        ("{type: accepted_values, table: m, column: id, values: [1]}", False),
        ("{type: greater_equal, table: m, column: id, threshold: 8}", False),
        ("{type: relationships, table: m, column: ID, to: p, field: ID}", True),
        ("{type: relationships, table: m, column: N, to: p, to_field: KEY}", True),
        ("{type: relationships, table: m, column: N, to: p, to_field: ID}", False),
    ],
)
def test_a_check_looks_at_the_column_that_is_named(postgres: Bench, check: str, passes: bool) -> None:
    postgres.write({"project.yml": f"name: bench\nversion: '1'\ntests: [{check}]\n"})
    postgres.model("materialized='table'", 'select 5 as id, 1 as "ID", 2 as n union all select 7, 1, 3')
    if "not_null" in check:
        postgres.model("materialized='table'", 'select null::int as id, 1 as "ID"')
    postgres.model("materialized='table'", 'select 1 as "ID", 2 as key union all select 9, 3', name="p")
    if passes:
        postgres.build()
    else:
        with pytest.raises(CheckFailedError):
            postgres.build()


def test_a_check_of_a_column_that_can_be_two_says_which(postgres: Bench) -> None:
    check = "{type: not_null, table: m, column: ID}"
    postgres.write({"project.yml": f"name: bench\nversion: '1'\ntests:\n  - {check}\n"})
    postgres.model("materialized='table'", 'select 5 as "Id", 1 as "iD"')
    with pytest.raises(FftError, match=r"project\.yml:4: .*'ID' matches several columns: 'Id', 'iD'"):
        postgres.build()


def test_the_column_of_a_parent_is_found_in_any_case(bench: Bench) -> None:
    check = "{type: relationships, table: m, column: PID, to: p, field: ID}"
    bench.write({"project.yml": f"name: bench\nversion: '1'\ntests: [{check}]\n"})
    bench.model("materialized='table'", "select 1 as id", name="p")
    bench.model("materialized='table'", "select 1 as pid")
    (result,) = bench.build()["m"].checks
    assert result.passed


def test_a_unit_test_compares_the_column_that_is_named() -> None:
    rows = [(1, "a", "b")]
    for expected, is_same in (
        ({"id": 1, "Val": "a", "val": "b"}, True),
        ({"ID": 1, "Val": "b", "val": "a"}, False),
        ({"Id": 1, "val": "a"}, False),
        ({"iD": 1, "val": "b"}, True),
    ):
        assert (compare(ExpectedRows((expected,)), ["id", "Val", "val"], rows) is None) is is_same
    with pytest.raises(AmbiguousColumnError):
        compare(ExpectedRows(({"VAL": "a"},)), ["id", "Val", "val"], rows)


def test_a_comment_is_that_of_the_column_that_is_named(postgres: Bench) -> None:
    columns = "{name: val, description: small}, {name: Val, description: large}, {name: VAL, description: which}"
    postgres.write({"models/m.yml": f"version: 2\nmodels: [{{name: m, columns: [{columns}]}}]\n"})
    postgres.model("materialized='table'", 'select 1 as "Val", 2 as val')
    postgres.build()
    plan = plan_comments(postgres.reload())
    assert {(change.column, change.new) for change in plan.changes} == {("val", "small"), ("Val", "large")}
    assert plan.left_out == ("m: 'VAL' matches several columns: 'Val', 'val'",)

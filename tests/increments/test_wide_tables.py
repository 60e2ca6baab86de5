"""Tables of hundreds of columns, and what an error shows of the statements that they need."""

from __future__ import annotations

from pathlib import Path

import pytest
from targets import Target
from workbench import Bench

from fft_core import FftError

WIDTHS = {"duckdb": 1500, "postgres": 1500}  # Postgres has 1,600 columns at most, and 5 are the snapshot's own
CONFIGS = {
    "check all": "materialized='snapshot', unique_key='c0', snapshot={'strategy': 'check', 'check_cols': 'all'}",
    "timestamp": "materialized='snapshot', unique_key='c0', snapshot={'strategy': 'timestamp', 'updated_at': 'u'}",
    "merge": "materialized='incremental', unique_key='c0', on_schema_change='fail'",
    "delete_insert": "materialized='incremental', unique_key='c0', strategy='delete_insert'",
    "table": "materialized='table'",
}


def wide(width: int, last: str, day: int) -> str:
    columns = ", ".join(f"{i} as c{i}" for i in range(width - 2))
    return f"select {columns}, {last} as last, timestamp '2024-01-0{day}' as u"


@pytest.mark.parametrize("config", CONFIGS)
def test_hundreds_of_columns_are_built(tmp_path: Path, target: Target, config: str) -> None:
    with target.profile() as profile:
        bench = Bench(tmp_path, profile)
        checks = "{type: unique, table: m, column: [c0, last]}, {type: not_null, table: m, column: last}"
        bench.write({"project.yml": f"name: bench\nversion: '1'\ntests: [{checks}]\n"})
        width = WIDTHS[target.engine]
        bench.model(CONFIGS[config], wide(width, "1", 1))
        first = bench.build()["m"]
        bench.model(CONFIGS[config], wide(width, "2", 2))
        second = bench.build()["m"]
        assert first.data_version != second.data_version
        found = bench.rows("select last from m")
        assert found == ([(1,), (2,)] if "snapshot" in CONFIGS[config] else [(2,)])
        bench.warehouse.close()


def test_the_hash_of_many_columns_is_that_of_their_texts(tmp_path: Path, target: Target) -> None:
    with target.profile() as profile:
        bench = Bench(tmp_path, profile)
        bench.model(CONFIGS["check all"], wide(200, "'x'", 1).replace("timestamp '2024-01-01'", "null::text"))
        bench.build()
        texts = "||".join([*(str(i) for i in range(1, 198)), "x", ""])
        assert bench.rows(f"select _ff_snapshot_hash = md5('{texts}') from m") == [(True,)]
        bench.warehouse.close()


def test_an_error_does_not_show_a_whole_statement_of_many_lines(tmp_path: Path, target: Target) -> None:
    with target.profile() as profile:
        bench = Bench(tmp_path, profile)
        bench.model(CONFIGS["check all"], wide(1400, "cast('x' as integer)", 1))
        with pytest.raises(FftError) as caught:
            bench.build()
        assert len(str(caught.value)) < 4_000
        assert "x" in str(caught.value)
        bench.warehouse.close()

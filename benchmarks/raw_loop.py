"""The least possible: the statements of workload W in a bare DuckDB loop: create, check and count, without records."""

from __future__ import annotations

import sys

import duckdb
from workload import SEED_ROWS, name, query

if __name__ == "__main__":
    connection = duckdb.connect(sys.argv[1])
    connection.execute(
        f"create table seed_base as select i as id, i % 17 as val, i % 5 as grp from range({SEED_ROWS}) as t(i)"
    )
    for index in range(int(sys.argv[2])):
        table = name(index)
        connection.execute("begin")
        connection.execute(f"create or replace table {table} as {query(index, str, int(sys.argv[3]))}")
        scan = f"select count(*), coalesce(sum(case when id is null then 1 else 0 end), 0) from {table}"
        ((_, nulls),) = connection.execute(scan).fetchall()
        connection.execute("rollback" if nulls else "commit")

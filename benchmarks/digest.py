"""The cost of comparing rows: `digest.py with|without ROWS` prints the seconds of storing and checking a table."""

from __future__ import annotations

import sys
import time

from fft_core.engines.duckdb.session import connect


def main() -> None:
    """Store a table of ten columns from another one, scan it for a check, and digest it in the same scan or not."""
    which, rows = sys.argv[1:]
    engine = connect(threads=2)
    columns = ", ".join(f"(i * {n}) % 1000 as c{n}" for n in range(1, 10))
    engine.execute(f"create table source as select i, {columns} from range({rows}) as t(i)")
    began = time.perf_counter()
    engine.execute("create table target as select * from source")
    digest = engine.versions.digest("t", engine.columns("select * from target")) if which == "with" else "null"
    engine.fetch(f"select count(*), sum(case when i is null then 1 else 0 end), {digest} from target as t")
    print(time.perf_counter() - began)
    engine.close()


if __name__ == "__main__":
    main()

"""Twenty checks of flights: `checks.py prepare|together|apart|scan FILE [TIMES]`; each but the first prints seconds.

`together` judges them as a build does; `apart` asks for the failing rows of each, as peers do; `scan` reads the columns
that they read once, and judges nothing.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from fft_core.checks.builtin import check_query
from fft_core.checks.run import run_checks
from fft_core.engines.duckdb.session import DuckDBSession, connect
from fft_core.errors import Location
from fft_core.project.model import (
    AcceptedValues,
    Between,
    Check,
    ColumnTypes,
    Drift,
    Expression,
    MatchesRegex,
    NonNegativeSum,
    NotConstant,
    NotNull,
    RowCountBetween,
    Rule,
    SumBetween,
)

FLIGHTS = Path(__file__).parents[1] / "example_project" / "seeds" / "raw_flights.parquet"
# Checks for which the database must read the rows: it knows smallest and largest values without reading.
AGGREGATES = {"BIGINT": "sum({})", "VARCHAR": "max({})", "TIMESTAMP WITH TIME ZONE": "sum(epoch_us({}))"}
RULES: tuple[Rule, ...] = (
    NotNull("flight"),
    NotNull("tailnum"),
    NotNull("time_hour"),
    AcceptedValues("origin", ("EWR", "JFK", "LGA")),
    AcceptedValues("month", tuple(range(1, 13))),
    Between("hour", 0, 23),
    Between("minute", 0, 59),
    Between("distance", 1, 5000),
    Between("dep_delay", -60, 1400),
    Between("time_hour", datetime(2013, 1, 1)),
    MatchesRegex("carrier", r"^[A-Z0-9]{2}$"),
    MatchesRegex("tailnum", r"^[A-Z]\d"),
    Expression("sched_dep_time = hour * 100 + minute"),
    Expression("air_time is null or air_time < distance"),
    NotConstant("dest"),
    NonNegativeSum("air_time"),
    SumBetween("distance", 1),
    RowCountBetween(1),
    Drift("mean", "arr_delay"),
    ColumnTypes((("flight", "bigint"), ("carrier", "text"), ("time_hour", "timestamptz"))),
)


def prepare(file: Path, times: int) -> None:
    """Store the flights of the example so many times."""
    file.unlink(missing_ok=True)
    engine = connect(path=str(file))
    engine.execute(f"create table flights as select f.* from read_parquet('{FLIGHTS}') as f, range({times})")
    engine.close()


def together(engine: DuckDBSession) -> None:
    """Judge all checks as a build does."""
    table = engine.relation("flights")
    columns = engine.columns(engine.spelling.select_all(table))
    results = run_checks(engine, table, columns, _checks(), lambda _: table, before={"mean|arr_delay": 6.9}).results
    assert len(results) == len(RULES)


def apart(engine: DuckDBSession) -> None:
    """Request the failing rows of each check separately."""
    table = engine.relation("flights")
    columns = engine.columns(engine.spelling.select_all(table))
    for check in _checks():
        query = check_query(check, table, columns, engine, lambda _: table, datetime.now(UTC))
        engine.fetch(f"select count(*) from ({query.failing_rows}) as failing")


def scan(engine: DuckDBSession) -> None:
    """Read the columns once."""
    columns = engine.columns("select * from flights")
    names = {column for rule in RULES for column in rule.columns} | {"sched_dep_time"}
    asked = [AGGREGATES[column.type].format(column.name) for column in columns if column.name in names]
    engine.fetch(f"select {', '.join(asked)} from flights")


def _checks() -> list[Check]:
    place = Location(Path("project.yml"), 1)
    return [Check(f"c{position}", "flights", "any", rule, place) for position, rule in enumerate(RULES)]


def main() -> None:
    """Run the requested command."""
    what, file, *times = sys.argv[1:]
    if what == "prepare":
        prepare(Path(file), int(times[0]))
        return
    engine = connect(path=file, read_only=True)
    began = time.perf_counter()
    {"together": together, "apart": apart, "scan": scan}[what](engine)
    print(time.perf_counter() - began)
    engine.close()


if __name__ == "__main__":
    main()

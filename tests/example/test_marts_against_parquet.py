"""The marts of example_project against queries straight over the Parquet files, written another way than the models."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fft_process import run_process

from fft_core import load_project, open_warehouse, read_relation

EXAMPLE = Path(__file__).parents[2] / "example_project"
TABLES = ("airlines", "airports", "flights", "planes", "weather")

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Built:
    """What `fft build` left behind."""

    output: str
    again: str
    warehouse: duckdb.DuckDBPyConnection
    project: Path

    def rows(self, sql: str) -> list[Row]:
        return self.warehouse.execute(sql).fetchall()


@dataclass(frozen=True)
class Parquet:
    """The seeds as they lie in the repository; FFT has no part in it."""

    connection: duckdb.DuckDBPyConnection

    def rows(self, sql: str) -> list[Row]:
        return self.connection.execute(sql).fetchall()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("example")
    database = folder / "warehouse" / "nyc.duckdb"
    database.parent.mkdir()
    project = folder / "example_project"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    output = build(project, "dev", FF_DUCKDB_PATH=str(database))
    again = build(project, "dev", FF_DUCKDB_PATH=str(database))
    warehouse = duckdb.connect(str(database), read_only=True)
    yield Built(output, again, warehouse, project)
    warehouse.close()


def build(project: Path, env: str, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FF_", "DAGSTER_"))}
    command = (sys.executable, "-m", "fft_cli", "build", project, "--env", env)
    finished = run_process(*command, cwd=project.parent, environment={**environment, **variables}, timeout=600)
    output = finished.stdout + finished.stderr
    assert finished.returncode == 0, output
    return output


@pytest.fixture(scope="session")
def parquet() -> Iterator[Parquet]:
    connection = duckdb.connect()
    for table in TABLES:
        file = EXAMPLE / "seeds" / f"raw_{table}.parquet"
        connection.execute(f"create view {table} as select * from read_parquet('{file}')")
    yield Parquet(connection)
    connection.close()


def assert_same(actual: Sequence[Row], expected: Sequence[Row], rounded_to: int) -> None:
    """Compare rows; the expected numbers are not rounded, the actual ones are."""
    assert actual
    assert [row[0] for row in actual] == [row[0] for row in expected]
    for row, wanted in zip(actual, expected, strict=True):
        assert list(row) == [_about(value, rounded_to) for value in wanted]


def _about(value: Any, rounded_to: int) -> Any:
    return pytest.approx(value, abs=0.5 * 10**-rounded_to + 1e-9) if isinstance(value, float) else value


def test_a_second_build_has_nothing_to_do(built: Built) -> None:
    assert "20 reused" in built.again
    assert "built " not in built.again


def test_the_warning_counts_flights_whose_aircraft_is_unknown(built: Built, parquet: Parquet) -> None:
    ((without, unknown),) = parquet.rows(
        """
        select count(*) filter (tailnum is null), count(*) filter (tailnum not in (select tailnum from planes))
        from flights
        """
    )
    assert (without, unknown, without + unknown) == (2_512, 50_094, 52_606)
    assert re.search(r"\b52,?606\b", built.output), built.output


def test_every_flight_is_staged_once(built: Built, parquet: Parquet) -> None:
    totals = "count(*), sum({dep}), sum({arr}), count({dep}), count({arr})"
    assert built.rows(
        f"select {totals.format(dep='departure_delay', arr='arrival_delay')} from stg_flights"
    ) == parquet.rows(f"select {totals.format(dep='dep_delay', arr='arr_delay')} from flights")
    assert built.rows("select count(distinct flight_id) from stg_flights") == [(336_776,)]


def test_carrier_performance(built: Built, parquet: Parquet) -> None:
    expected = parquet.rows(
        """
        select carrier, name, count(*),
            100 * countif(arr_delay <= 14) / count(*),
            100 * countif(arr_delay >= 15) / count(*),
            100 * (count(*) - count(dep_time)) / count(*),
            100 * (count(dep_time) - count(arr_delay)) / count(*),
            sum(arr_delay) / count(arr_delay),
            quantile_cont(arr_delay, 0.5)
        from flights join airlines using (carrier)
        group by carrier, name
        order by carrier
        """
    )
    actual = built.rows(
        """
        select carrier, carrier_name, flights, on_time_pct, late_pct, cancelled_pct, diverted_pct,
            avg_arrival_delay, median_arrival_delay
        from mart_carrier_performance order by carrier
        """
    )
    assert_same(actual, expected, rounded_to=1)
    assert {row[0]: row[2:4] for row in actual}["UA"] == (58_665, 76.3)


def test_route_performance(built: Built, parquet: Parquet) -> None:
    expected = parquet.rows(
        """
        select origin || '-' || dest, any_value(name), count(*), count(distinct carrier), max(distance),
            100 * countif(arr_delay < 15) / count(*), 100 * countif(dep_time is null) / count(*), avg(arr_delay)
        from flights left join airports on dest = faa
        group by origin, dest
        having count(*) > 99
        order by 1
        """
    )
    actual = built.rows(
        """
        select route, dest_name, flights, carriers, distance_miles, on_time_pct, cancelled_pct, avg_arrival_delay
        from mart_route_performance order by route
        """
    )
    assert len(actual) == 195
    assert_same(actual, expected, rounded_to=1)


def test_the_best_carrier_of_a_route_has_flown_it_often_and_no_other_is_better(built: Built, parquet: Parquet) -> None:
    shares: dict[str, dict[str, float]] = {}
    for route, carrier, share in parquet.rows(
        """
        select origin || '-' || dest, carrier, 100 * countif(arr_delay < 15) / count(*)
        from flights group by all having count(*) >= 100
        """
    ):
        shares.setdefault(route, {})[carrier] = share
    best = built.rows("select route, best_carrier, best_carrier_on_time_pct from mart_route_performance")
    for route, carrier, share in best:
        if carrier is None:
            assert route not in shares
        else:
            assert share == pytest.approx(shares[route][carrier], abs=0.05 + 1e-9)
            assert share == pytest.approx(max(shares[route].values()), abs=0.05 + 1e-9)
    assert sum(carrier is None for _, carrier, _ in best) == 2


BANDS = {
    ("precipitation", 1): "precip < 0.01",
    ("precipitation", 2): "precip >= 0.01 and precip < 0.05",
    ("precipitation", 3): "precip >= 0.05 and precip < 0.2",
    ("precipitation", 4): "precip >= 0.2",
    ("precipitation", 9): "precip is null",
    ("visibility", 1): "visib = 10",
    ("visibility", 2): "visib >= 5 and visib < 10",
    ("visibility", 3): "visib >= 1 and visib < 5",
    ("visibility", 4): "visib < 1",
    ("visibility", 9): "visib is null",
    ("wind", 1): "wind_speed < 8",
    ("wind", 2): "wind_speed >= 8 and wind_speed < 18",
    ("wind", 3): "wind_speed >= 18 and wind_speed < 25",
    ("wind", 4): "wind_speed between 25 and 1000",
    ("wind", 9): "wind_speed is null or wind_speed > 1000",
}


def test_weather_delay(built: Built, parquet: Parquet) -> None:
    """The model joins on the point in time; this joins on the clock of New York. No flight left in the doubled hour."""
    expected = [
        (
            band,
            *parquet.rows(
                f"""
                select count(*), avg(dep_delay), 100 * countif(dep_delay >= 61) / count(dep_delay),
                    100 * countif(dep_time is null) / count(*)
                from flights left join weather using (origin, year, month, day, hour)
                where {condition}
                """
            )[0],
        )
        for band, condition in BANDS.items()
    ]
    actual = built.rows(
        """
        select weather_factor, band_order, flights, avg_departure_delay, over_an_hour_pct, cancelled_pct
        from mart_weather_delay order by weather_factor, band_order
        """
    )
    assert_same([((row[0], row[1]), *row[2:]) for row in actual], expected, rounded_to=1)
    assert sum(row[2] for row in actual) == 3 * 336_776


FLEET = """
    select carrier, tailnum, dep_delay,
        (select 2013 - any_value(planes.year) from planes where planes.tailnum = flights.tailnum and seats > 19) as age
    from flights where tailnum is not null
"""


def test_fleet_age(built: Built, parquet: Parquet) -> None:
    expected = parquet.rows(
        f"""
        with fleet as ({FLEET}), aircraft as (select distinct carrier, tailnum, age from fleet)
        select carrier, any_value(aircraft), any_value(known), 100 * count(age) / count(*),
            any_value(aircraft_age), avg(age), 100 * countif(age >= 20) / count(age)
        from fleet
        join (
            select carrier, count(*) as aircraft, count(age) as known, avg(age) as aircraft_age
            from aircraft group by carrier
        ) using (carrier)
        group by carrier
        order by carrier
        """
    )
    actual = built.rows(
        """
        select carrier, aircraft, aircraft_with_age, flights_with_age_pct, avg_aircraft_age, avg_flown_age,
            flights_by_old_aircraft_pct
        from mart_fleet_age order by carrier
        """
    )
    assert_same(actual, expected, rounded_to=1)


def test_age_band_delay(built: Built, parquet: Parquet) -> None:
    expected = parquet.rows(
        f"""
        select case when age is null then 'unknown'
                when age > 25 then 'over 25 years'
                else ['0-5', '6-10', '11-15', '16-20', '21-25'][greatest(ceil(age / 5), 1)::int] || ' years' end,
            count(distinct tailnum), count(*), avg(dep_delay)
        from ({FLEET})
        group by 1
        order by 1
        """
    )
    actual = built.rows(
        "select age_band, aircraft, flights, avg_departure_delay from mart_age_band_delay order by age_band"
    )
    assert_same(actual, expected, rounded_to=1)


def test_daily_operations(built: Built, parquet: Parquet) -> None:
    days = parquet.rows(
        """
        select today || ' ' || origin, count(*), 100 * countif(dep_time is null) / count(*),
            (select sum(precip) from weather as w where w.origin = f.origin and make_date(year, month, day) = today),
            avg(dep_delay)
        from flights as f, lateral (select make_date(f.year, f.month, f.day)) as day_of (today)
        group by today, origin
        order by 1
        """
    )
    actual = built.rows(
        """
        select flight_date || ' ' || origin, flights, cancelled_pct, precipitation_in::double, avg_departure_delay
        from mart_daily_operations order by 1
        """
    )
    assert_same([row[:3] for row in actual], [row[:3] for row in days], rounded_to=1)
    assert_same([(row[0], *row[3:]) for row in actual], [(row[0], *row[3:]) for row in days], rounded_to=2)


def test_the_weather_of_a_day_leaves_out_the_impossible_wind(built: Built, parquet: Parquet) -> None:
    expected = parquet.rows(
        """
        select make_date(year, month, day) || ' ' || origin, max(wind_speed) filter (wind_speed < 1000), min(visib)
        from weather group by all order by 1
        """
    )
    actual = built.rows(
        """
        select flight_date || ' ' || origin, max_wind_mph::double, min_visibility_miles::double
        from mart_daily_operations where min_visibility_miles is not null order by 1
        """
    )
    assert_same(actual, expected, rounded_to=2)


def test_the_week_of_a_day_is_that_day_and_the_six_before(built: Built, parquet: Parquet) -> None:
    expected = parquet.rows(
        """
        with days as (select distinct origin, make_date(year, month, day) as day from flights)
        select days.day || ' ' || days.origin, avg(dep_delay)
        from days join flights
            on flights.origin = days.origin and make_date(year, month, flights.day) between days.day - 6 and days.day
        group by days.day, days.origin
        order by 1
        """
    )
    actual = built.rows(
        "select flight_date || ' ' || origin, avg_departure_delay_7d from mart_daily_operations order by 1"
    )
    assert_same(actual, expected, rounded_to=2)


def test_the_most_disrupted_days(built: Built, parquet: Parquet) -> None:
    expected = parquet.rows(
        """
        select origin, list(day order by share desc, day)[:10]
        from (
            select origin, make_date(year, month, day) as day, countif(dep_time is null) / count(*) as share
            from flights group by all
        )
        group by origin order by origin
        """
    )
    actual = built.rows(
        """
        select origin, list(flight_date order by disruption_rank)
        from mart_daily_operations where disruption_rank <= 10 group by origin order by origin
        """
    )
    assert actual == expected


def test_carrier_delay_trend(built: Built, parquet: Parquet) -> None:
    expected = parquet.rows(
        """
        with weeks as (
            select carrier, date_trunc('week', make_date(year, month, day))::date as week,
                count(dep_delay) as departures, avg(dep_delay) as delay
            from flights where dep_delay is not null group by all
        )
        select now.carrier || ' ' || now.week, now.departures, now.delay,
            sum(earlier.delay * weight) / sum(weight), now.delay - sum(earlier.delay * weight) / sum(weight)
        from weeks as now
        join weeks as earlier on earlier.carrier = now.carrier and earlier.week <= now.week,
        lateral (select 0.5 ** ((now.week - earlier.week) / 28.0) as weight)
        group by now.carrier, now.week, now.departures, now.delay
        order by 1
        """
    )
    actual = built.rows(
        """
        select carrier || ' ' || week_start, departures, avg_departure_delay, delay_trend, above_trend
        from mart_carrier_delay_trend order by 1
        """
    )
    assert_same(actual, expected, rounded_to=2)


EXAMPLES = re.findall(r"```sql\n([^`]*)```\s*\n((?:\|.*\n)+)", (EXAMPLE / "README.md").read_text("utf-8"))


@pytest.mark.parametrize(("sql", "table"), EXAMPLES)
def test_the_readme_tells_the_truth(sql: str, table: str, built: Built) -> None:
    _, _, *lines = table.splitlines()
    told = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    assert told == [tuple(str(value) for value in row) for row in built.rows(sql)]


def test_the_readme_has_its_queries() -> None:
    assert len(EXAMPLES) == 3


def test_postgres_has_the_same_rows_in_every_table(built: Built, postgres_dsn: str, postgres_schema: str) -> None:
    variables = {"FF_PG_DSN": postgres_dsn, "FF_PG_SCHEMA": postgres_schema}
    build(built.project, "postgres", **variables)
    project = load_project(built.project, "postgres", environment=variables)
    with open_warehouse(project, read_only=True) as warehouse:
        for node in project.stored():
            built.warehouse.register("theirs", read_relation(warehouse, warehouse.relation(node.name)))
            columns = ", ".join(f'"{name}"' for (name,) in columns_of(built, node.name))
            ours, theirs = f"select {columns} from {node.name}", f"select {columns} from theirs"
            for one, other in ((ours, theirs), (theirs, ours)):
                assert built.rows(f"{one} except all {other}") == [], node.name
        assert warehouse.engine.fetch("select count(*) from stg_flights") == [(336_776,)]


def columns_of(built: Built, table: str) -> list[Row]:
    """The columns of a table, less the one that says when it was loaded."""
    query = "select column_name from duckdb_columns() where table_name = $1 and column_name <> '_ff_loaded_at'"
    return built.warehouse.execute(query, [table]).fetchall()

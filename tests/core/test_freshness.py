"""How old sources are, on both engines: limits, zones, what cannot be known; and the check of it in Dagster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from written_projects import loaded, opened, problems, write_project

from fft_core import FftError, Warehouse, open_warehouse, source_freshness
from fft_core.operations.freshness import FreshnessResult
from fft_core.run.select.sources import select_sources

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
BOTH = "warn_after: {count: 30, period: minute}, error_after: {count: 1, period: day}"


def sources(**tables: str) -> Mapping[str, str]:
    """Source tables of the group crm, each with its freshness block."""
    listed = "".join(f"\n      - {{name: {name}, freshness: {{{block}}}}}" for name, block in tables.items())
    return {"sources.yml": f"version: 2\nsources:\n  - name: crm\n    tags: [nightly]\n    tables:{listed}\n"}


@pytest.fixture(params=["duckdb", "postgres"])
def profile(request: pytest.FixtureRequest) -> Mapping[str, str]:
    if request.param == "duckdb":
        return {"profiles.yml": "dev: {engine: duckdb, duckdb: {path: db.duckdb}}"}
    dsn, schema = request.getfixturevalue("postgres_dsn"), request.getfixturevalue("postgres_schema")
    return {"profiles.yml": f"dev: {{engine: postgres, postgres: {{dsn: '{dsn}', db_schema: {schema}}}}}"}


@pytest.fixture
def warehouse(tmp_path: Path, profile: Mapping[str, str]) -> Iterator[Warehouse]:
    """One table with a time in each form, and some sources on it."""
    blocks = {
        "naive": f"loaded_at_field: naive, {BOTH}",
        "zoned": f"loaded_at_field: ZONED, {BOTH}",
        "day": f"loaded_at_field: day, {BOTH}",
        "iso": f"loaded_at_field: iso, {BOTH}",
        "expression": f"loaded_at_field: \"naive + interval '1 hour'\", {BOTH}",
        "nothing": f"loaded_at_field: missing, {BOTH}",
        "warned": "loaded_at_field: missing, warn_after: {count: 1, period: hour}",
        "number": f"loaded_at_field: n, {BOTH}",
        "words": f"loaded_at_field: words, {BOTH}",
        "endless": f"loaded_at_field: endless, {BOTH}",
        "no_column": f"loaded_at_field: naiv, {BOTH}",
        "no_sense": f"loaded_at_field: 'nonsense(naive)', {BOTH}",
    }
    named = {name: f"{block}" for name, block in blocks.items()}
    files = {**profile, **sources(**named, no_table=f"loaded_at_field: x, {BOTH}")}
    text = files["sources.yml"].replace("{name: ", "{identifier: loads, name: ")
    text = text.replace("{identifier: loads, name: no_table", "{name: no_table")
    with opened(tmp_path, {**files, "sources.yml": text}) as shop:
        place = shop.warehouse.engine.relation("loads")
        shop.warehouse.engine.create_schema(place)
        table = place.sql(shop.warehouse.engine.spelling)
        shop.warehouse.engine.execute(
            f"create table {table} as select timestamp '2025-06-01 11:00:00' as naive,"
            " cast('2025-06-01 13:45:00+02:00' as timestamptz) as zoned, date '2025-05-31' as day,"
            " '2025-06-01T11:59:00+00:00' as iso, cast(null as timestamp) as missing, 5 as n, 'yesterday' as words,"
            " cast('infinity' as timestamp) as endless"
            " union all select timestamp '2020-01-01 00:00:00', null, null, null, null, 1, 'a', null"
        )
        yield shop.warehouse


def judged(warehouse: Warehouse, name: str) -> FreshnessResult:
    (source,) = select_sources(warehouse.project, [f"crm.{name}"])
    return source_freshness(warehouse, source, NOW)


@pytest.mark.parametrize(
    ("name", "status", "age"),
    [
        ("naive", "warn", timedelta(hours=1)),
        ("zoned", "pass", timedelta(minutes=15)),
        ("day", "error", timedelta(hours=36)),
        ("iso", "pass", timedelta(minutes=1)),
        ("expression", "pass", timedelta(0)),
    ],
)
def test_the_age_of_the_newest_row_is_judged(warehouse: Warehouse, name: str, status: str, age: timedelta) -> None:
    result = judged(warehouse, name)
    assert (result.status, result.age, result.problem) == (status, age, None)


@pytest.mark.parametrize(
    ("name", "status", "problem"),
    [
        ("nothing", "error", "no row has a time"),
        ("warned", "warn", "no row has a time"),
        ("number", "error", "n is not a time: 5"),
        ("words", "error", "words is not a time: 'yesterday'"),
        ("endless", "error", "endless is not a time: 'infinity'"),
        ("no_column", "error", "has no column 'naiv'. Did you mean 'naive'?"),
        ("no_sense", "error", "nonsense(naive) cannot be read"),
        ("no_table", "error", "no_table does not exist. The source crm.no_table (sources.yml:"),
    ],
)
def test_what_cannot_be_known_is_said(warehouse: Warehouse, name: str, status: str, problem: str) -> None:
    result = judged(warehouse, name)
    assert (result.status, result.age) == (status, None)
    assert problem in (result.problem or "")
    assert judged(warehouse, "zoned").status == "pass"  # the session goes on


def test_the_clock_is_the_measure_otherwise(warehouse: Warehouse) -> None:
    (source,) = select_sources(warehouse.project, ["crm.naive"])
    age = source_freshness(warehouse, source).age
    assert age is not None
    assert abs(age - (datetime.now(UTC) - NOW + timedelta(hours=1))) < timedelta(minutes=1)


def test_a_limit_is_not_yet_too_old(tmp_path: Path) -> None:
    files = sources(
        a="loaded_at_field: at_, warn_after: {count: 1, period: hour}, error_after: {count: 1, period: hour}"
    )
    with opened(tmp_path, files) as shop:
        shop.rows("create table a as select timestamp '2025-06-01 11:00:00' as at_")
        (source,) = select_sources(shop.project)
        assert source_freshness(shop.warehouse, source, NOW).status == "pass"
        assert source_freshness(shop.warehouse, source, NOW + timedelta(seconds=1)).status == "error"


def test_sources_are_chosen(tmp_path: Path) -> None:
    files = sources(users=f"loaded_at_field: x, {BOTH}", orders=f"loaded_at_field: x, {BOTH}")
    text = files["sources.yml"] + "  - {name: web, tables: [{name: users}]}\n"
    project = loaded(tmp_path, {"sources.yml": text})

    def chosen(*expressions: str) -> list[str]:
        return [str(source.name) for source in select_sources(project, expressions)]

    assert chosen() == ["crm.users", "crm.orders", "web.users"]
    assert chosen("crm") == chosen("source:crm") == chosen("tag:nightly") == ["crm.users", "crm.orders"]
    assert chosen("*.users") == chosen("crm.users web") == ["crm.users", "web.users"]
    assert chosen("*.users", "crm") == chosen("*.users,crm") == ["crm.users"]
    assert chosen("*.users,web crm.orders") == ["crm.orders", "web.users"]
    with pytest.raises(FftError, match=r"'crm,' has a comma with an empty side"):
        chosen("crm,")
    assert chosen("nothing*") == []
    with pytest.raises(FftError, match=r"'crm\.user' is not a source \[FFT-\d+\]\s+hint: Did you mean 'crm\.users'"):
        chosen("crm.user")


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("loaded_at_field: x", "set warn_after, error_after, or both [FFT-106]"),
        (f"{BOTH}", "missing key 'loaded_at_field'"),
        (
            "loaded_at_field: x, warn_after: {count: 2, period: hour}, error_after: {count: 1, period: hour}",
            "error_after is shorter than warn_after [FFT-106]",
        ),
        ("loaded_at_field: x, warn_after: {count: 2, period: week}", "unknown value 'week' [FFT-106]"),
        ("loaded_at_field: x, warn_after: {count: -2, period: day}", "greater than or equal to 0"),
        ("loaded_at_field: x, warn_afte: {count: 2, period: day}", "unknown key 'warn_afte'"),
    ],
)
def test_a_malformed_block_is_a_problem_with_its_line(tmp_path: Path, block: str, said: str) -> None:
    (problem, *_) = problems(tmp_path, sources(users=block))
    assert problem.startswith("sources.yml:6: ")
    assert said in problem


def test_the_database_may_be_read_only_and_missing(tmp_path: Path) -> None:
    write_project(tmp_path, sources(users=f"loaded_at_field: x, {BOTH}"))
    with open_warehouse(loaded(tmp_path, {}), read_only=True) as warehouse:
        assert judged(warehouse, "users").status == "error"
    assert not (tmp_path / "warehouse.duckdb").exists()

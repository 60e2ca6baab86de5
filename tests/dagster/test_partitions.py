"""Partitions of assets beside the models are slices of one table: written and read without the others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from targets import Target

from fft_core import load_project, open_warehouse
from fft_dagster import build_definitions

LETTERS = dg.StaticPartitionsDefinition(["a", "b", "c", "O'Hara"])
DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-08")
GRID = dg.MultiPartitionsDefinition({"day": DAYS, "letter": LETTERS})


@dataclass
class Shop:
    """A project on one of the engines, and what Dagster makes of it with some assets beside the models."""

    folder: Path
    instance: dg.DagsterInstance

    def definitions(self, *assets: Any, **arguments: Any) -> dg.Definitions:
        return build_definitions(self.folder, "dev", assets=assets, executor=dg.in_process_executor, **arguments)

    def run(
        self, assets: list[Any], partition: str | None = None, selection: list[str] | None = None, **tags: str
    ) -> dg.ExecuteInProcessResult:
        job = self.definitions(*assets).resolve_implicit_global_asset_job_def()
        keys = [dg.AssetKey.from_user_string(key) for key in selection or [a.key.to_user_string() for a in assets]]
        return job.execute_in_process(
            instance=self.instance, partition_key=partition, asset_selection=keys, tags=tags, raise_on_error=False
        )

    def range(self, assets: list[Any], first: str, last: str) -> dg.ExecuteInProcessResult:
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        return self.run(assets, None, None, **tags)

    def rows(self, relation: str) -> list[tuple[Any, ...]]:
        with open_warehouse(load_project(self.folder, "dev")) as warehouse:
            return sorted(warehouse.engine.fetch(f"select * from {relation}"), key=str)

    def failure(self, result: dg.ExecuteInProcessResult) -> str:
        (event,) = [event for event in result.all_events if event.is_step_failure]
        return str(event.step_failure_data.error_display_string)


@pytest.fixture(scope="module")
def history() -> Iterator[dg.DagsterInstance]:
    """One for all tests, which read what a run gives, and not what earlier ones have stored."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def shop(tmp_path: Path, target: Target, history: dg.DagsterInstance) -> Iterator[Shop]:
    with target.profile("warehouse.duckdb") as profile:
        (tmp_path / "models").mkdir()
        (tmp_path / "project.yml").write_text("name: shop\nversion: '1'\n")
        (tmp_path / "profiles.yml").write_text(profile)
        (tmp_path / "sources.yml").write_text("web:\n  visits: {schema: landing_p, partition_by: Letter}\n")
        yield Shop(tmp_path, history)
        with open_warehouse(load_project(tmp_path, "dev")) as warehouse:
            warehouse.engine.execute("drop schema if exists landing_p cascade")


def letters(make: Callable[[list[str]], pd.DataFrame] | None = None, **arguments: Any) -> dg.AssetsDefinition:
    metadata = arguments.pop("metadata", {"partition_expr": "letter"})

    def made(context: dg.AssetExecutionContext) -> pd.DataFrame:
        keys = list(context.partition_keys)
        return make(keys) if make else pd.DataFrame({"letter": keys, "n": range(len(keys))})

    decorated: dg.AssetsDefinition = dg.asset(
        name="letters", io_manager_key="fft_io_manager", partitions_def=LETTERS, metadata=metadata, **arguments
    )(made)
    return decorated


def test_a_partition_replaces_itself_and_no_other(shop: Shop) -> None:
    for letter in ("a", "b", "O'Hara", "a"):
        result = shop.run([letters()], letter)
        assert result.success, shop.failure(result)
    assert shop.rows("letters") == [("O'Hara", 0), ("a", 0), ("b", 0)]
    event = result.asset_materializations_for_node("letters")[0]
    assert event.partition == "a"
    assert event.metadata["dagster/partition_row_count"].value == 1


def test_a_range_of_partitions_in_one_run(shop: Shop) -> None:
    whole = letters(backfill_policy=dg.BackfillPolicy.single_run())
    assert shop.run([whole], "c").success
    assert shop.range([whole], "a", "b").success
    assert [row[0] for row in shop.rows("letters")] == ["a", "b", "c"]


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz", "text"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Vienna"])
def test_time_windows_by_dates_and_times(shop: Shop, kind: str, zone: str) -> None:
    days = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-08", timezone=zone)

    @dg.asset(io_manager_key="fft_io_manager", partitions_def=days, metadata={"partition_expr": "at"})
    def events(context: dg.AssetExecutionContext) -> pa.Table:
        window = context.partition_time_window
        start, end = pd.Timestamp(window.start), pd.Timestamp(window.end) - pd.Timedelta(seconds=1)
        times = [start, start] if kind == "date" else [start, end]
        match kind:
            case "date":
                column: pa.Array[Any] = pa.array([time.date() for time in times])
            case "timestamp":
                column = pa.array([time.tz_localize(None) for time in times], pa.timestamp("us"))
            case "timestamptz":
                column = pa.array([time.astimezone(UTC) for time in times], pa.timestamp("us", "UTC"))
            case _:
                column = pa.array([f"{time:%Y-%m-%d %H:%M:%S}" for time in times])
        return pa.table({"at": column, "n": [1, 2]})

    for day in ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-02"):
        result = shop.run([events], day)
        assert result.success, shop.failure(result)
    assert len(shop.rows("events")) == 6


def test_two_dimensions(shop: Shop) -> None:
    @dg.asset(
        io_manager_key="fft_io_manager",
        partitions_def=GRID,
        metadata={"partition_expr": {"day": "day", "letter": "upper(letter)"}},
    )
    def grid(context: dg.AssetExecutionContext) -> pl.DataFrame:
        keys = context.partition_key.keys_by_dimension
        day = datetime.fromisoformat(keys["day"])
        return pl.DataFrame({"day": [day], "letter": [keys["letter"].upper()]})

    grid_upper = dg.StaticPartitionsDefinition(["A", "B"])
    cells = dg.MultiPartitionsDefinition({"day": DAYS, "letter": grid_upper})

    @dg.asset(
        io_manager_key="fft_io_manager",
        partitions_def=cells,
        metadata={"partition_expr": {"day": "day", "letter": "letter"}},
    )
    def table(context: dg.AssetExecutionContext) -> pl.DataFrame:
        keys = context.partition_key.keys_by_dimension
        return pl.DataFrame({"day": [datetime.fromisoformat(keys["day"])], "letter": [keys["letter"]]})

    for day, letter in (("2026-01-01", "A"), ("2026-01-01", "B"), ("2026-01-02", "A"), ("2026-01-01", "A")):
        result = shop.run([table], dg.MultiPartitionKey({"day": day, "letter": letter}))
        assert result.success, shop.failure(result)
    assert [(row[0].day, row[1]) for row in shop.rows('"table"')] == [(1, "A"), (1, "B"), (2, "A")]
    result = shop.run([grid], dg.MultiPartitionKey({"day": "2026-01-01", "letter": "a"}))
    assert "1 rows are not in partition 2026-01-01|a of grid" in shop.failure(result)  # upper(letter) is 'A', not 'a'


def test_a_reader_gets_its_partitions(shop: Shop) -> None:
    seen: dict[str, Any] = {}
    written = letters()

    @dg.asset(partitions_def=LETTERS)
    def one(context: dg.AssetExecutionContext, letters: pl.DataFrame) -> None:
        seen[context.partition_key] = letters["letter"].to_list()

    @dg.asset
    def everything(letters: pd.DataFrame) -> None:
        seen["all"] = sorted(letters["letter"])

    @dg.asset(
        ins={
            "letters": dg.AssetIn(
                partition_mapping=dg.StaticPartitionMapping({"a": "b", "b": "c", "c": "a"}), key="letters"
            )
        },
        partitions_def=LETTERS,
    )
    def shifted(letters: pa.Table) -> None:
        seen["shifted"] = letters["letter"].to_pylist()

    assets = [written, one, everything, shifted]
    for letter in ("a", "b"):
        assert shop.run(assets, letter, ["letters", "one"]).success
    assert shop.run(assets, None, ["everything"]).success
    result = shop.run(assets, "b", ["shifted"])
    assert result.success, shop.failure(result)
    assert seen == {"a": ["a"], "b": ["b"], "all": ["a", "b"], "shifted": ["a"]}


def test_without_an_expression_a_partition_is_refused(shop: Shop) -> None:
    assert shop.run([letters()], "a").success
    result = shop.run([letters(metadata={})], "b")
    said = shop.failure(result)
    assert "letters is partitioned, but the partition of a row" in said
    assert "metadata={'partition_expr': 'the_column'}" in said
    assert shop.rows("letters") == [("a", 0)]
    result = shop.run([letters(metadata={"partition_expr": {"letter": "letter"}})], "b")
    assert "the partition of a row is unknown" in shop.failure(result)


def test_rows_of_other_partitions_are_refused(shop: Shop) -> None:
    assert shop.run([letters()], "a").success
    for column in (["b", "a"], ["b", None]):
        frame = pd.DataFrame({"letter": column, "n": [1, 2]})
        result = shop.run([letters(lambda _, frame=frame: frame)], "b")  # type: ignore[misc]
        assert "1 rows are not in partition b of letters" in shop.failure(result)
    assert shop.rows("letters") == [("a", 0)]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ({"letter": ["b"]}, "n is missing"),
        ({"letter": ["b"], "n": [1], "more": [1]}, "more"),
        ({"letter": ["b"], "n": ["x"]}, "n is"),
        ({"letter": ["b"], "n": ["7"]}, "n is"),
        ({"letter": ["b"], "n": [1.5]}, "values would change"),
        ({"letter": ["b"], "n": [2**63]}, "n is"),
        ({"letter": ["b"], "n": [datetime(2026, 1, 1, tzinfo=UTC)]}, "n is"),
    ],
)
def test_changed_columns_are_refused(shop: Shop, frame: dict[str, list[Any]], said: str) -> None:
    assert shop.run([letters()], "a").success
    result = shop.run([letters(lambda _: pd.DataFrame(frame))], "b")
    failure = shop.failure(result)
    assert "the columns differ from those of" in failure
    assert said in failure
    assert shop.rows("letters") == [("a", 0)]


@pytest.mark.parametrize("values", [[3.0], [None], [True], []])
def test_values_that_the_columns_hold_are_taken(shop: Shop, values: list[Any]) -> None:
    assert shop.run([letters()], "a").success
    frame = pd.DataFrame({"n": values, "letter": ["b"] * len(values)})
    result = shop.run([letters(lambda _: frame)], "b")
    if values == [True]:
        assert "the columns differ from those of" in shop.failure(result)
        return
    assert result.success, shop.failure(result)
    assert shop.rows("letters") == [("a", 0), *[("b", int(v) if v else None) for v in values]]


def test_a_source_says_its_column_and_its_checks_judge_the_whole_table(shop: Shop) -> None:
    text = (
        "version: 2\nsources: [{name: web, schema: landing_p, tables: [{name: visits, partition_by: Letter, "
        "tests: [{unique: {column: n}}]}]}]\n"
    )
    (shop.folder / "sources.yml").write_text(text)

    def visits(n: int) -> dg.AssetsDefinition:
        @dg.asset(key=["web", "visits"], io_manager_key="fft_io_manager", partitions_def=LETTERS)
        def made(context: dg.AssetExecutionContext) -> pd.DataFrame:
            return pd.DataFrame({"letter": [context.partition_key], "n": [n]})

        return made

    assert shop.run([visits(1)], "a").success
    assert "unique_n" in shop.failure(shop.run([visits(1)], "b"))
    assert shop.run([visits(2)], "b").success
    assert shop.rows("landing_p.visits") == [("a", 1), ("b", 2)]


def test_a_partition_of_a_view_and_a_wrong_expression_are_refused(shop: Shop) -> None:
    with open_warehouse(load_project(shop.folder, "dev")) as warehouse:
        warehouse.engine.create_schema(warehouse.engine.relation("x"))
        name = warehouse.engine.relation("letters").sql(warehouse.engine.spelling)
        warehouse.engine.execute(f"create view {name} as select 'a' as letter, 1 as n")
    assert "is a view; partitions need a table" in shop.failure(shop.run([letters()], "a"))
    with open_warehouse(load_project(shop.folder, "dev")) as warehouse:
        warehouse.engine.execute(f"drop view {name}")
    result = shop.run([letters(metadata={"partition_expr": "nosuch"})], "a")
    assert "partition_expr (nosuch) cannot be evaluated" in shop.failure(result)


def test_a_partition_without_rows_says_nothing_of_types(shop: Shop) -> None:
    empty = letters(lambda _: pd.DataFrame({"letter": [], "n": []}))
    assert shop.run([empty], "a").success
    assert shop.rows("letters") == []
    assert shop.run([letters()], "a").success
    assert shop.run([empty], "b").success
    assert shop.rows("letters") == [("a", 0)]
    assert shop.run([empty], "a").success
    assert shop.rows("letters") == []

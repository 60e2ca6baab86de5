"""Whatever happens to the source, an incremental model has the rows that a model built anew would have."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sweeps import examples
from targets import Target
from workbench import EVENTS, Bench, bench

COLUMNS = {"id": "integer", "day": "integer", "val": "varchar", "ts": "timestamp"}
QUERY = f"select id, day, val, ts from {EVENTS} as e"
NEWEST = "(select coalesce(max(ts), timestamp '1900-01-01') from {{ this }})"
NEWER = f"{{% if is_incremental() %}} where e.ts > {NEWEST} {{% endif %}}"
START = datetime(2024, 1, 1)
MANY = settings(max_examples=examples(2, 20), deadline=None, suppress_health_check=list(HealthCheck), database=None)
VALUES = st.sampled_from(["a", "b", "c", None])
BATCHES = st.lists(
    st.lists(st.tuples(st.sampled_from(["put", "put", "delete"]), st.integers(0, 5), st.integers(0, 2), VALUES)),
    min_size=2,
    max_size=5,
)
Batch = list[tuple[str, int, int, str | None]]


class Source:
    """Rows by id, each with the time of its last change; every change is later than all before."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[int, int, str | None, datetime]] = {}
        self.clock = START

    def change(self, key: int, day: int, val: str | None) -> None:
        self.clock += timedelta(minutes=1)
        self.rows[key] = (key, day, val, self.clock)

    def fill(self, shop: Bench) -> None:
        shop.fill(COLUMNS, list(self.rows.values()))

    def all(self) -> list[tuple[object, ...]]:
        return sorted(self.rows.values(), key=repr)


@pytest.mark.parametrize("strategy", ["merge", "delete_insert"])
@pytest.mark.parametrize("where", ["", NEWER], ids=["all rows", "newer rows"])
@given(batches=BATCHES)
@MANY
def test_upserts(target: Target, strategy: str, where: str, batches: list[Batch]) -> None:
    with bench(target) as shop:
        shop.model(f"materialized='incremental', unique_key='id', strategy='{strategy}'", QUERY + where)
        source = Source()
        for batch in batches:
            for _, key, day, val in batch:
                source.change(key, day, val)
            source.fill(shop)
            shop.build()
            assert shop.rows() == source.all()


@given(batches=BATCHES, lateness=st.lists(st.integers(0, 40), min_size=40, max_size=40))
@MANY
def test_a_lookback_finds_late_rows_that_are_not_too_late(
    target: Target, batches: list[Batch], lateness: list[int]
) -> None:
    """Each new row is up to 40 minutes older than the newest; the model has no WHERE of its own."""
    with bench(target) as shop:
        config = "materialized='incremental', unique_key='id', updated_at_column='ts', lookback='41 minutes'"
        shop.model(config, QUERY)
        source, key = Source(), 0
        for batch in batches:
            for _, _, day, val in batch:
                key, source.clock = key + 1, source.clock + timedelta(minutes=1)
                source.rows[key] = (key, day, val, source.clock - timedelta(minutes=lateness[key % 40]))
            source.fill(shop)
            shop.build()
            assert shop.rows() == source.all()


@pytest.mark.parametrize("kind", ["where", "delta_sql", "python"])
@given(batches=BATCHES)
@MANY
def test_append(target: Target, kind: str, batches: list[Batch]) -> None:
    with bench(target) as shop:
        _write_append(shop, kind)
        source, key = Source(), 0
        for batch in batches:
            for _, _, day, val in batch:
                key += 1
                source.change(key, day, val)
            source.fill(shop)
            shop.build()
            assert shop.rows("select id, day, val from m") == sorted(
                ((i, d, v) for i, d, v, _ in source.rows.values()), key=repr
            )


def _write_append(shop: Bench, kind: str) -> None:
    config = "materialized='incremental', strategy='append'"
    if kind == "where":
        shop.model(config, QUERY + NEWER)
    elif kind == "delta_sql":
        shop.write({"models/m.ff.sql": f"{{{{ config({config}) }}}}\n{QUERY}"})
        overlay = f'{{incremental: {{m.ff: {{delta_sql: "{QUERY} where e.ts > {NEWEST}"}}}}}}'
        shop.write({"project.yml": f"name: bench\nversion: '1'\nmodels: {overlay}\n"})
    else:
        code = """\
            import polars as pl
            from fft_core import model, source

            @model(deps=[source("raw", "events")], materialized="incremental", strategy="append")
            def m(events: "pl.DataFrame", *, this: "pl.DataFrame", is_incremental):
                assert is_incremental == (this is not None)
                new = events if this is None else events.join(this, on="id", how="anti")
                return new.select("id", "day", "val")
            """
        shop.write({"models/m.ff.py": code})


@given(batches=BATCHES)
@MANY
def test_overwritten_partitions(target: Target, batches: list[Batch]) -> None:
    """Rows may vanish, as long as something is left of their partition: what is not in the delta is not touched."""
    with bench(target) as shop:
        shop.model("materialized='incremental', strategy='insert_overwrite', partition_by='day'", QUERY)
        source = Source()
        for batch in batches:
            for action, key, day, val in batch:
                days = [row[1] for row in source.rows.values()]
                if key in source.rows and days.count(source.rows[key][1]) == 1:
                    source.change(key, source.rows[key][1], val)  # the last one of its day stays there
                elif action == "put":
                    source.change(key, day, val)
                else:
                    source.rows.pop(key, None)
            source.fill(shop)
            shop.build()
            assert shop.rows() == source.all()


@given(batches=BATCHES, repeat=st.booleans())
@MANY
def test_a_build_without_changes_changes_nothing(target: Target, batches: list[Batch], repeat: bool) -> None:
    with bench(target) as shop:
        shop.model("materialized='incremental', unique_key=['id', 'day'], early_cutoff=False", QUERY)
        source = Source()
        for batch in batches:
            for _, key, day, val in batch:
                source.change(key, day, val)
            source.fill(shop)
            built, rows = shop.build()["m"], shop.rows()
            assert shop.build()["m"].decision.action == "reuse"
            again = shop.build(cache="wo")["m"]
            assert (again.decision.is_increment, shop.rows()) == (True, rows)
            assert again.data_version == built.data_version  # so that nothing below is built

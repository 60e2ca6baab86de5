"""Values that need a wider type than their column: it is widened if it may be, and no value changes silently."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from events import Place, frame
from targets import Target
from test_changed_settings import at
from test_stream_models import APPEND, SESSIONS, UPSERT, Shop, click

from fft_core.engines.protocol import Session
from fft_core.errors import StreamError
from fft_core.streaming.records import Record, as_table
from fft_core.streaming.types import cast, exact, wider

LARGE = 2**53 + 1


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Shop]:
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        made = Shop(tmp_path / "shop", profile)
        made.write({"models/mart.ff.sql": "select 1 as n from {{ ref('visits') }}"})
        yield made


@pytest.fixture(params=("duckdb", "postgres"))
def place(request: pytest.FixtureRequest, engines: dict[str, Session]) -> Place:
    return Place.new(engines[request.param])


def sizes(shop: Shop, *values: object) -> list[Any]:
    shop.click(*({"id": f"e{value}", "size": value} for value in values))
    shop.build()
    return shop.rows("size", "visits")


@pytest.mark.parametrize("sink", [APPEND, UPSERT.replace("user_id", "id").replace("    event_time: ts\n", "")])
def test_a_whole_number_then_a_fraction(shop: Shop, sink: str) -> None:
    shop.write({"models/visits.ff.yml": sink})
    assert sizes(shop, 2) == [(2,)]
    assert sizes(shop, 2.5, 3) == [(2.0,), (2.5,), (3.0,)]
    assert sizes(shop, 4) == [(2.0,), (2.5,), (3.0,), (4.0,)]


def test_a_declared_type_is_kept(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": APPEND + "    columns: {size: integer}\n"})
    sizes(shop, 2)
    assert sizes(shop, 2.5) == [(2,)]
    assert shop.rows("_ff_error", "visits__dead") == [
        ("its 'size' is not of type int64: '2.5'; columns declares it as integer",)
    ]


def test_a_schema_that_may_not_change(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": APPEND + "    on_schema_change: ignore\n"})
    sizes(shop, 2)
    assert sizes(shop, 2.5) == [(2,)]
    ((said,),) = shop.rows("_ff_error", "visits__dead")
    assert said.endswith("'2.5'; on_schema_change is ignore, so the column is not widened")
    shop.write({"models/visits.ff.yml": APPEND + "    on_schema_change: fail\n"})
    with pytest.raises(StreamError, match=r"the column 'size' is int64, and values of double have come; .* is fail"):
        sizes(shop, 3.5)
    shop.write({"models/visits.ff.yml": APPEND + "    on_schema_change: sync_all_columns\n"})
    shop.build()
    assert shop.rows("size", "visits") == [(2.0,), (3.5,)]
    shop.click({"id": "only"})
    shop.build()
    assert shop.rows("count(*), count(size)", "visits") == [(3, 2)]


def test_a_column_of_large_numbers_does_not_become_inexact(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": APPEND})
    sizes(shop, LARGE)
    assert sizes(shop, 2.5) == [(LARGE,)]
    ((said,),) = shop.rows("_ff_error", "visits__dead")
    assert "the column has whole numbers that a double cannot hold" in said


def test_large_numbers_and_fractions_in_one_batch(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": APPEND})
    assert sizes(shop, LARGE, 2.5, 2**60) == [(2.5,), (float(2**60),)]
    ((said,),) = shop.rows("_ff_error", "visits__dead")
    assert "a whole number in 'size' that a double cannot hold" in said


def test_a_text_that_is_longer_than_declared_is_bad_and_the_batch_goes_on(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": APPEND + "    columns: {page: varchar(5)}\n"})
    shop.click({"page": "/a"}, {"page": "/a/long/one"})
    shop.build()
    shop.click({"page": "/b"}, {"page": "/b/long/one"})
    shop.build()
    assert shop.rows("page", "visits") == [("/a",), ("/b",)]
    said = "its 'page' has 11 characters, and the column holds 5; columns declares it as varchar(5)"
    assert shop.rows("_ff_error", "visits__dead") == [(said,), (said,)]
    shop.write({"models/visits.ff.yml": APPEND})
    shop.click({"page": "/c/long/one"})
    shop.build()
    assert len(shop.rows("page", "visits")) == 3


def test_a_text_is_no_number(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": APPEND})
    sizes(shop, 2)
    assert sizes(shop, "much", True, 3) == [(2,), (3,)]
    assert len(shop.rows("_ff_error", "visits__dead")) == 2


def test_a_batch_of_bad_records_only(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": UPSERT})
    shop.click(click(0))
    shop.build()
    shop.click({"no": "key"})
    assert shop.build()["visits"].changes["dead"] == 1


@pytest.mark.parametrize("target", ["postgres"], indirect=True)  # DuckDB's views do not keep the types of columns
def test_a_view_that_keeps_the_type(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": APPEND})
    sizes(shop, 2)
    with shop.run() as run:
        warehouse = run.sessions.of_thread()
        table = warehouse.relation("visits").sql(warehouse.engine.spelling)
        warehouse.engine.execute(f'create view {table[:-1]}_v" as select * from {table}')
    assert sizes(shop, 2.5, 3) == [(2,), (3,)]
    ((said,),) = shop.rows("_ff_error", "visits__dead")
    assert said.endswith("'2.5'; a view reads the column, so it is not widened")


def test_events_of_sessions_follow_the_same_rules(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": SESSIONS.replace(", amount: double", "")})
    shop.click(click(0, amount=2))
    shop.build()
    shop.click(click(10, amount=2.5))
    shop.build()
    assert shop.rows("events, revenue", "visits") == [(2, 4.5)]
    shop.write({"models/visits.ff.yml": SESSIONS.replace("amount: double", "amount: integer")})
    shop.click(click(20, amount=3))
    shop.build()
    assert shop.rows("events, revenue", "visits") == [(2, 5)]
    ((said,),) = shop.rows("_ff_error", "visits__dead")
    assert "its 'amount' is not of type int64: '2.5'" in said


def test_narrow_numbers_of_frames_become_wider(place: Place) -> None:
    rows = frame(at(0, 1)).drop_columns(["amount"])

    def given(first: pa.Array[Any], then: pa.Array[Any]) -> list[Any]:
        other = Place.new(place.engine)
        sessions = other.sessionizer(measures={"total": "sum(amount)"})
        sessions.process_batch(rows[:1].append_column("amount", first))
        sessions.process_batch(rows[1:].append_column("amount", then))
        return other.rows(columns="total")

    assert given(pa.array([7], pa.int16()), pa.array([2**40], pa.int64())) == [(2**40 + 7,)]
    assert given(pa.array([1.5], pa.float32()), pa.array([0.1], pa.float64())) == [(1.6,)]
    small, large = pa.array([Decimal("1.25")], pa.decimal128(5, 2)), pa.array([Decimal("1000000.125")])
    assert given(small, large) == [(Decimal("1000001.375"),)]


def test_columns_that_are_declared_later_are_there(shop: Shop) -> None:
    shop.click(click(0))
    shop.build()
    later = SESSIONS.replace("clicks: count(*)", "clicks: count(*), page: first(page)")
    shop.write({"models/visits.ff.yml": later.replace("amount: double", "amount: double, page: string")})
    shop.build()
    assert shop.rows("page, clicks", "visits") == [(None, 1)]


def test_columns_that_sessions_need_are_added_even_if_others_are_ignored(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": SESSIONS + "    on_schema_change: ignore\n"})
    shop.click(click(0))
    shop.build()
    later = SESSIONS.replace("clicks: count(*)", "clicks: count(*), page: last(page)")
    shop.write({"models/visits.ff.yml": later + "    on_schema_change: ignore\n"})
    shop.click(click(10, page="/", other="x"))
    shop.build()
    assert shop.rows("page, clicks", "visits") == [("/", 2)]


# --- types ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("have", "given", "becomes"),
    [
        (pa.int8(), pa.int64(), pa.int64()),
        (pa.uint8(), pa.int8(), pa.int16()),
        (pa.uint64(), pa.int64(), None),
        (pa.int64(), pa.float64(), pa.float64()),
        (pa.int64(), pa.decimal128(5, 2), pa.decimal128(22, 2)),
        (pa.decimal128(38, 0), pa.decimal128(38, 9), None),
        (pa.decimal128(5, 2), pa.float64(), None),
        (pa.string(), pa.int64(), None),
    ],
)
def test_wider(have: Any, given: Any, becomes: Any) -> None:
    assert wider(have, given) == becomes


@pytest.mark.parametrize(
    ("value", "given", "kind", "becomes"),
    [
        (3, pa.int64(), pa.decimal128(10, 2), Decimal("3.00")),
        (2.555, pa.float64(), pa.decimal128(10, 2), None),
        (2.5, pa.float64(), pa.decimal128(10, 2), Decimal("2.50")),
        (0.1, pa.float64(), pa.float32(), None),
        (LARGE, pa.int64(), pa.float64(), None),
        (2, pa.int64(), pa.bool_(), None),
        (5, pa.int64(), pa.timestamp("us"), None),
        ("1.5", pa.string(), pa.float64(), 1.5),
    ],
)
def test_a_cast_changes_no_value(value: object, given: Any, kind: Any, becomes: object) -> None:
    found = exact(pa.chunked_array([pa.array([value], given)]), kind)
    assert (None if found is None else found[0].as_py()) == becomes


def test_a_declared_time_reads_texts_with_zones() -> None:
    errors: list[str | None] = [None, None, None]
    texts = pa.chunked_array([pa.array(["2026-01-01T10:00:00Z", "2026-01-01T10:00:00", "soon"])])
    found = cast(texts, pa.timestamp("us"), "sent", errors)
    assert [value and value.isoformat() for value in found.to_pylist()] == [
        "2026-01-01T10:00:00", "2026-01-01T10:00:00", None,
    ]  # fmt: skip
    assert errors == [None, None, "its 'sent' is not of type timestamp[us]: 'soon'"]


def test_numbers_of_json_are_kept_or_refused() -> None:
    texts = [json.dumps({"n": value}) for value in (1.5, LARGE)]
    table = as_table([Record("p", i, text.encode(), json.loads(text)) for i, text in enumerate(texts)])
    assert table.column("n").to_pylist() == [1.5, None]

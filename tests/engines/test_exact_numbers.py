"""Numbers of any number of digits on their way to and from frames: exactly the same, or an error that names them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import MAX_PREC, Context, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fft_core import FftError, from_arrow, to_arrow
from fft_core.engines.protocol import Session
from fft_core.frames import FrameType

LIBRARIES: tuple[FrameType, ...] = ("pandas", "polars", "arrow")


@st.composite
def numbers(draw: st.DrawFn) -> Decimal:
    digits = draw(st.integers(1, 60))
    number = draw(st.integers(10 ** (digits - 1), 10**digits - 1))
    return Decimal(draw(st.sampled_from((1, -1))) * number).scaleb(-draw(st.integers(0, 40)), Context(MAX_PREC))


ANY = numbers() | st.none() | st.just(Decimal("NaN"))


def needed(values: Sequence[Decimal | None]) -> int:
    """Count the digits of a type that has all values: those before the point and those behind it."""
    there = [value for value in values if value]
    shortest = [value.normalize(Context(MAX_PREC)) for value in there]
    behind = max((-int(value.as_tuple().exponent) for value in shortest), default=0)
    return max((max(0, value.adjusted() + 1) for value in there), default=0) + max(0, behind)


def columns_of(engine: Session, values: Sequence[Decimal | None]) -> str:
    spelled = ["null" if value is None else f"'{value:f}'" for value in values]
    rows = ", ".join(f"({place}, {text}::numeric)" for place, text in enumerate(spelled))
    return f"select v as a, array[v, null] as l from (values {rows}) as t(place, v) order by place"


@settings(max_examples=150, deadline=None)
@given(values=st.lists(ANY, min_size=1, max_size=3))
@example(values=[Decimal("1e23"), Decimal("0.5")])
@example(values=[Decimal("1000000000000001")])
def test_postgres_reads_any_number_exactly_or_names_it(
    engines: dict[str, Session], values: list[Decimal | None]
) -> None:
    engine = engines["postgres"]
    query = columns_of(engine, values)
    if any(value is not None and value.is_nan() for value in values) or needed(values) > 76:
        for column in ("a", "l"):
            with pytest.raises(FftError, match=f"column '{column}'.*(NaN|[0-9]{{10}})"):
                engine.frames.read(f"select {column} from ({query}) as q")
        return
    table = engine.frames.read(query)
    assert table["a"].to_pylist() == values
    assert table["l"].to_pylist() == [[value, None] for value in values]
    for library in LIBRARIES:
        if library == "polars" and needed(values) > 38:
            with pytest.raises(FftError, match="column 'a'"):
                from_arrow(table, library)
            continue
        written = to_arrow(from_arrow(table.select(["a"]), library))
        with engine.frames.query(written) as rows:
            found = [text for (text,) in engine.fetch(f"select a::text from ({rows}) as q")]
        if pa.types.is_floating(written.schema.field("a").type):
            assert all(value is None or is_a_double(value) for value in values)
            # Postgres prints the double of 1e23 as 9.999999999999999e+22
            assert list(map(as_double, found)) == list(map(as_double, values))
        else:
            assert [None if text is None else Decimal(text) for text in found] == values


def is_a_double(value: Decimal) -> bool:
    """Whether the double next to a number is printed as that number."""
    return Decimal(repr(float(value))) == value


def as_double(value: Decimal | str | None) -> float | None:
    return None if value is None else float(value)


@pytest.mark.parametrize(
    "value",
    [
        "1234567890123456789012345",
        "123456789012345678901234567890.5",
        "99999999999999999999999999999999999999",
        "170141183460469231731.687303715884105728",
        "-340282366920938463463.374607431768211456",
        f"0.{'0' * 56}1",
        f"1.5{'0' * 90}",
        "100000000000000000000",
    ],
)
@pytest.mark.parametrize("library", LIBRARIES)
def test_postgres_numbers_that_once_wrapped_around(engines: dict[str, Session], value: str, library: FrameType) -> None:
    engine = engines["postgres"]
    table = engine.frames.read(f"select '{value}'::numeric as a")
    assert table["a"].to_pylist() == [Decimal(value)]
    if library == "polars" and needed([Decimal(value)]) > 38:
        with pytest.raises(FftError, match="column 'a'"):
            from_arrow(table, library)
        return
    with engine.frames.query(to_arrow(from_arrow(table, library))) as rows:
        ((found,),) = engine.fetch(f"select a::text from ({rows}) as q")
    assert Decimal(found) == Decimal(value)


@settings(max_examples=100, deadline=None)
@given(digits=st.integers(1, 38), zeros=st.integers(0, 38), data=st.data())
def test_duckdb_takes_decimals_with_zeros_before_the_point_exactly_or_names_them(
    engines: dict[str, Session], digits: int, zeros: int, data: st.DataObject
) -> None:
    written = Decimal(data.draw(st.integers(10 ** (digits - 1), 10**digits - 1)))
    number = written.scaleb(zeros, Context(MAX_PREC))
    unscaled: Any = pa.array([written], pa.decimal128(38, 0))
    frame = pa.table({"a": pa.Array.from_buffers(pa.decimal128(38, -zeros), 1, unscaled.buffers())})
    engine = engines["duckdb"]
    if digits + zeros > 38:
        with pytest.raises(FftError, match="column 'a'"), engine.frames.query(frame):
            pass
        return
    with engine.frames.query(frame) as rows:
        assert engine.fetch(rows) == [(number,)]

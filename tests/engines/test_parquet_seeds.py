"""Parquet files as seeds: equal on both engines, and what one of them would rename, round or cut is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from seed_tables import Table, Way, all_ways

from fft_core import FftError

NANOSECONDS = 1_700_000_000_123_456_789


@pytest.fixture(scope="module")
def ways(postgres_dsn: str) -> Iterator[Mapping[str, Way]]:
    with all_ways(postgres_dsn) as found:
        yield {way.name: way for way in found}


def written(folder: Path, values: Any, kind: pa.DataType | None = None, name: str = "a") -> Path:
    path = folder / "year=2024" / "s.parquet"
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({name: pa.array(values, kind)}), path)
    return path


SAME: Mapping[str, tuple[list[Any], pa.DataType | None]] = {
    "unsigned": ([2**64 - 1, None], pa.uint64()),
    "38 digits": ([D("9" * 38)], pa.decimal128(38, 0)),
    "a wide type with few digits": ([D("1.5")], pa.decimal256(10, 1)),
    "text": (["", None, "x"], pa.large_string()),
    "a dictionary": (["x", "y", "x"], pa.dictionary(pa.int8(), pa.string())),
    "bytes": ([b"\x00\xff"], pa.binary()),
    "nothing but NULL": ([None], pa.null()),
    "a duration": ([timedelta(days=2, microseconds=5)], pa.duration("us")),
    "microseconds": ([datetime(2024, 1, 2, 3, 4, 5, 6)], pa.timestamp("us")),
    "nanoseconds that are none": ([NANOSECONDS - 789], pa.timestamp("ns")),
    "a zone": ([NANOSECONDS // 1000], pa.timestamp("us", "Europe/Vienna")),
    "a list": ([[1, None], [], None], pa.list_(pa.int64())),
    "a struct": ([{"x": 1, "y": "b"}], None),
    "half floats": ([1.5], pa.float16()),
    "doubles": ([-0.0, 0.1, float("inf")], pa.float64()),
}


@pytest.mark.parametrize("case", SAME)
def test_values_are_the_same_on_both_engines(ways: Mapping[str, Way], tmp_path: Path, case: str) -> None:
    path = written(tmp_path, *SAME[case])
    tables: dict[str, Table] = {name: way.read(path) for name, way in ways.items() if not way.by_sql}
    by_sql = ways["duckdb by SQL"]
    if case in ("bytes", "a duration", "a list", "a struct"):
        with pytest.raises(FftError, match=r"column 'a' \(.*\) has"):
            by_sql.read(path)
    else:
        assert by_sql.read(path).rows == tables["duckdb"].rows
    assert tables["duckdb"].names == tables["postgres"].names == ("a",)  # a folder's name is no column
    assert tables["duckdb"].rows == tables["postgres"].rows
    assert tables["duckdb"].kinds != ('"null"',)  # which can hold nothing


REFUSED: Mapping[str, tuple[pa.Table, tuple[str, ...], str]] = {
    "50 digits": (
        pa.table({"a": pa.array([D("1" * 40 + ".5")], pa.decimal256(50, 1))}),
        ("duckdb",),
        "column 'a' has decimal256(50, 1), but the database has 38 digits",
    ),
    "50 digits in a struct": (
        pa.table({"a": pa.array([{"x": D("1.5")}], pa.struct([("x", pa.decimal256(50, 1))]))}),
        ("duckdb",),
        "column 'a' has ",
    ),
    "nanoseconds": (
        pa.table({"a": pa.array([NANOSECONDS], pa.timestamp("ns"))}),
        ("postgres",),
        "column 'a' has nanoseconds, but the database stores microseconds",
    ),
    "nanoseconds of a day": (
        pa.table({"a": pa.array([1], pa.time64("ns"))}),
        ("postgres",),
        "column 'a' has nanoseconds, but the database stores microseconds",
    ),
    "a duration in nanoseconds": (
        pa.table({"a": pa.array([1], pa.duration("ns"))}),
        ("duckdb", "postgres"),
        "column 'a' has a duration in nanoseconds",
    ),
    "names in two cases": (
        pa.table([pa.array([1]), pa.array([2])], names=["a", "A"]),
        ("duckdb", "postgres"),
        "the file has the column 'A' twice: 'a' is the same name to databases",
    ),
    "a name twice": (
        pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]),
        ("duckdb", "postgres"),
        "the file has the column 'a' twice",
    ),
    "no name": (
        pa.table([pa.array([1])], names=[""]),
        ("duckdb", "postgres"),
        "column 1 of the file has no name",
    ),
    "a name of ours": (
        pa.table([pa.array([1])], names=["_FF_loaded_at"]),
        ("duckdb", "postgres"),
        "the file has the column '_FF_loaded_at', which FFT adds to every seed",
    ),
    "a long name": (pa.table([pa.array([1])], names=["x" * 64]), ("postgres",), "is longer than 63 bytes"),
    "no columns": (pa.table({}), ("duckdb", "postgres"), "the file has no columns"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_lost_is_refused(ways: Mapping[str, Way], tmp_path: Path, case: str) -> None:
    table, engines, said = REFUSED[case]
    path = tmp_path / "s.parquet"
    pq.write_table(table, path)
    for engine, way in ways.items():
        if engine in engines or (way.by_sql and case != "a long name"):
            with pytest.raises(FftError) as caught:
                way.read(path)
            assert said in str(caught.value)
        else:
            assert len(way.read(path).rows) == 1


def test_nanoseconds_stay_where_the_engine_has_them(ways: Mapping[str, Way], tmp_path: Path) -> None:
    path = written(tmp_path, [NANOSECONDS], pa.timestamp("ns"))
    with ways["duckdb"].engine.frames.file_query(path, {}) as query:
        assert ways["duckdb"].engine.fetch(f"select epoch_ns(a) from ({query})") == [(NANOSECONDS,)]


@pytest.mark.parametrize("content", [b"", b"no parquet at all", b"PAR1PAR1"])
def test_a_file_that_is_no_parquet(ways: Mapping[str, Way], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.parquet").write_bytes(content)
    for way in ways.values():
        with pytest.raises(FftError, match="the file cannot be read as Parquet: "):
            way.read(tmp_path / "s.parquet")


CAST: Mapping[str, tuple[list[Any], pa.DataType, str, list[Any]]] = {
    "whole doubles": ([1.0, None], pa.float64(), "integer", [1, None]),
    "doubles with two places": ([1.25], pa.float64(), "numeric", [D("1.25")]),
    "midnights": ([datetime(2024, 1, 2)], pa.timestamp("us"), "date", [datetime(2024, 1, 2).date()]),
    "texts of numbers": (["7"], pa.string(), "integer", [7]),
}


@pytest.mark.parametrize("case", CAST)
def test_a_declared_type(ways: Mapping[str, Way], tmp_path: Path, case: str) -> None:
    values, kind, declared, expected = CAST[case]
    for way in ways.values():
        assert way.read(written(tmp_path, values, kind), types={"A": declared}).column() == expected


MISFITS: Mapping[str, tuple[Any, pa.DataType, str]] = {
    "a fraction of an integer": (1.5, pa.float64(), "integer"),
    "digits of a decimal": (D("1.005"), pa.decimal128(10, 3), "decimal(10,2)"),
    "a third": (1 / 3, pa.float64(), "numeric"),
    "bits of a whole number": (2**53 + 1, pa.int64(), "double"),
    "a time of day": (datetime(2024, 1, 2, 3), pa.timestamp("us"), "date"),
    "a text": ("1.5", pa.string(), "integer"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_a_value_that_its_declared_type_would_change(ways: Mapping[str, Way], tmp_path: Path, case: str) -> None:
    value, kind, declared = MISFITS[case]
    for way in ways.values():
        with pytest.raises(FftError, match=r"^column 'a': .* (would change as|is not a whole number)"):
            way.read(written(tmp_path, [value], kind), types={"a": declared})


def test_a_type_of_a_column_that_is_not_there(ways: Mapping[str, Way], tmp_path: Path) -> None:
    for way in ways.values():
        with pytest.raises(FftError, match="gives column 'b' a type, but the file has no such column"):
            way.read(written(tmp_path, [1], pa.int64()), types={"b": "integer"})

"""Frames that a model returns: what is a frame, and what is said of those that cannot be stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from targets import Target
from written_projects import opened

from fft_core import FftError, ModelError, to_arrow
from fft_core.engines.protocol import Session


class Extended(pd.DataFrame):
    """What a library such as geopandas makes of a DataFrame."""

    @property
    def _constructor(self) -> type[Extended]:
        return Extended


class Streamed:
    """A frame of a library that nobody here knows, which speaks Arrow."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        table: Any = pa.table({"x": [1]})
        return table.__arrow_c_stream__(requested_schema)


class Narwhal:
    """A frame around another one."""

    def to_native(self) -> pd.DataFrame:
        return pd.DataFrame({"x": [1, 1]}).groupby("x", as_index=False).first()


FRAMES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame({"x": [1]}),
    "a subclass of pandas": lambda: Extended({"x": [1]}),
    "polars": lambda: pl.DataFrame({"x": [1]}),
    "polars lazy": lambda: pl.LazyFrame({"x": [1]}),
    "pyarrow": lambda: pa.table({"x": [1]}),
    "record batch": lambda: pa.record_batch({"x": [1]}),
    "reader": lambda: pa.table({"x": [1]}).to_reader(),
    "duckdb": lambda: __import__("duckdb").sql("select 1::bigint as x"),
    "Arrow's C stream": Streamed,
    "a frame around pandas": Narwhal,
    "narwhals": lambda: __import__("narwhals").from_native(pl.DataFrame({"x": [1]})),
    "narwhals lazy": lambda: __import__("narwhals").from_native(pl.LazyFrame({"x": [1]})),
    "a table of Ibis": lambda: __import__("ibis").memtable({"x": [1]}).filter(lambda table: table.x > 0),
    "a filtered frame": lambda: pd.DataFrame({"x": [0, 1]})[lambda frame: frame["x"] > 0],
    "joined frames": lambda: pd.concat([pd.DataFrame({"x": [1]}), pd.DataFrame({"x": []}, dtype="int64")]),
    "an empty index": lambda: pd.DataFrame({"x": pd.Series([], dtype="int64")}, index=[]),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_what_is_a_frame(kind: str) -> None:
    table = to_arrow(FRAMES[kind]())
    assert table.schema == pa.schema({"x": pa.int64()})
    assert table["x"].to_pylist() == ([] if kind == "an empty index" else [1])


@pytest.mark.parametrize("kind", [list, dict, set, str, object, lambda: iter([1]), lambda: None])
def test_what_is_none(kind: Callable[[], Any]) -> None:
    with pytest.raises(ModelError, match="a model must return a frame, not"):
        to_arrow(kind())


@pytest.mark.parametrize("series", [pd.Series([1]), pl.Series([1]), pa.chunked_array([[1]])])
def test_a_column_is_no_frame(series: Any) -> None:
    with pytest.raises(ModelError, match="a model must return a frame, not"):
        to_arrow(series)


def objects(*values: object) -> pd.DataFrame:
    return pd.DataFrame({"x": pd.Series(list(values), dtype=object)})


SALES = pd.DataFrame({"k": [1, 1], "j": [1, 2], "v": [3, 4]})
ZONED = datetime(2025, 1, 1, tzinfo=UTC)
# what is returned, what is said, and a word of the hint
REFUSED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "an index that has a name": (lambda: SALES.groupby("k").sum(), "it has the index 'k'", "reset_index()"),
    "an index of several levels": (lambda: SALES.groupby(["k", "j"]).sum(), "the index 'k', 'j'", "reset_index()"),
    "an index set": (lambda: SALES.set_index("k"), "the index 'k'", "reset_index()"),
    "counted values": (lambda: SALES["k"].value_counts().to_frame(), "the index 'k'", "reset_index()"),
    "an index of texts": (lambda: SALES.describe(), "an index of string values", "reset_index()"),
    "an index of dates": (
        lambda: pd.DataFrame({"v": [1]}, index=pd.date_range("2025", periods=1)),
        "an index of datetime64 values",
        "reset_index()",
    ),
    "an index of doubles": (lambda: pd.DataFrame({"v": [1]}, index=[0.5]), "an index of floating values", "reset_i"),
    "columns of several levels": (
        lambda: SALES.groupby("k").agg({"v": ["sum", "max"]}).reset_index(),
        "names of several levels, such as ('k', '') [FFT-413]",
        "df.columns =",
    ),
    "a name that is a tuple": (lambda: pd.DataFrame({"a": [1]}).set_axis([None], axis=1), "called None", "map(str)"),
    "a name that is a time": (lambda: pd.DataFrame([[1]], columns=[pd.Timestamp("2025")]), "Timestamp(", "map(str)"),
    "an empty name": (lambda: pd.DataFrame({"": [1]}), "empty name", "Name every column"),
    "a name twice": (lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]), "the column 'a' twice [FFT-413]", "Rename"),
    "a number and its text": (
        lambda: pd.DataFrame([[1, 2]], columns=[1, "1"]),
        "the column '1' twice [FFT-413]",
        "Rename",
    ),
    "a name twice in Arrow": (
        lambda: pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]),
        "the column 'a' twice [FFT-413]",
        "Rename",
    ),
    "no columns": (lambda: pd.DataFrame(index=[1]), "the frame has no columns [FFT-413]", "Name the columns"),
    "a number of 71 bits": (lambda: pd.DataFrame({"x": [2**70, 1]}), "column 'x'", "one database type"),
    "complex numbers": (lambda: pd.DataFrame({"x": [1 + 2j]}), "column 'x' (complex128)", "one database type"),
    "numbers and texts": (lambda: objects(1, "a"), "column 'x' (object)", "text"),
    "sets": (lambda: objects({1}), "column 'x': it holds sets", "one database type"),
    "sets in lists": (lambda: objects([{1}]), "column 'x': it holds sets", "one database type"),
    "texts and bytes": (lambda: objects("a", b"b"), "it holds str and bytes [FFT-413]", "one database type"),
    "texts and bytes in lists": (
        lambda: objects(["a"], [b"b"]),
        ("it holds str and bytes [FFT-413]"),
        "one database type",
    ),
    "texts and bytes in dicts": (
        lambda: objects({"k": "a"}, {"k": b"b"}),
        "it holds str and bytes [FFT-413]",
        "one database type",
    ),
    "dates and timestamps": (
        lambda: objects(date(2025, 1, 1), datetime(2025, 1, 1, 9)),
        "date and datetime [FFT-413]",
        "one",
    ),
    "zones and none": (
        lambda: objects(datetime(2025, 1, 1), ZONED),
        "with and without a time zone [FFT-413]",
        "one database type",
    ),
    "none and zones": (
        lambda: objects(ZONED, datetime(2025, 1, 1)),
        "with and without a time zone [FFT-413]",
        "one database type",
    ),
    "zoned times of day": (
        lambda: objects(time(1, tzinfo=UTC)),
        ("times of day with a zone [FFT-413]"),
        "one database type",
    ),
    "nanoseconds in objects": (
        lambda: objects(pd.Timestamp(1)),
        ("column 'x': it holds nanoseconds"),
        "one database type",
    ),
    "nanosecond durations": (
        lambda: objects(pd.Timedelta(1, "ns")),
        ("column 'x': it holds nanoseconds"),
        "one database type",
    ),
    "decimals and doubles": (lambda: objects(Decimal("1.5"), 2.5), "column 'x' (object)", "one database type"),
    "infinite decimals": (lambda: objects(Decimal("Infinity")), "column 'x' (object)", "one database type"),
    "a lone surrogate": (lambda: objects("\ud800"), "column 'x' (object)", "one database type"),
    "objects": (lambda: objects(object()), "column 'x' (object)", "one database type"),
    "lists of mixed types": (lambda: objects([1], ["a"]), "column 'x' (object)", "one database type"),
    "periods": (lambda: pd.DataFrame({"x": pd.period_range("2025", periods=1, freq="M")}), "pandas period", "bounds"),
    "intervals": (lambda: pd.DataFrame({"x": pd.interval_range(0, 1)}), "pandas interval", "bounds"),
    "categories of periods": (
        lambda: pd.DataFrame({"x": pd.Categorical(pd.period_range("2025", periods=1, freq="M"))}),
        "pandas period",
        "bounds",
    ),
    "sparse": (lambda: pd.DataFrame({"x": pd.arrays.SparseArray([0, 1])}), "column 'x' (Sparse", "one database type"),
    "objects of Polars": (lambda: pl.DataFrame({"x": pl.Series([object()], dtype=pl.Object)}), "'x' is Object", "Cast"),
    "a lazy frame that fails": (lambda: pl.LazyFrame({"x": [1]}).select("y"), "cannot be stored", ""),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_frames_that_would_lose_something_are_refused(kind: str) -> None:
    make, message, hint = REFUSED[kind]
    with pytest.raises(ModelError) as caught:
        to_arrow(make())
    assert message in str(caught.value)
    assert hint in (caught.value.problem.hint or "")


def column(kind: pa.DataType, *values: object) -> pa.Table:
    return pa.table({"x": pa.array(values, kind)})


TOO_FINE = "nanoseconds"
# what is returned -> what DuckDB and Postgres give; an error begins with "!"
STORED: dict[str, tuple[Callable[[], Any], Any, Any]] = {
    "missing in objects": (lambda: objects(1, pd.NA, None, np.nan), [1, None, None, None], "="),
    "one zone and another": (
        lambda: objects(datetime(2025, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), ZONED),
        [ZONED, ZONED],
        "=",
    ),
    "categories and NULL": (lambda: pd.DataFrame({"x": pd.Categorical(["a", None])}), ["a", None], "="),
    "categories of numbers": (lambda: pd.DataFrame({"x": pd.Categorical([2, None])}), [2, None], "="),
    "half floats": (lambda: pd.DataFrame({"x": np.array([1.5], dtype="float16")}), [1.5], "="),
    "unsigned": (lambda: pd.DataFrame({"x": np.array([2**64 - 1], dtype="uint64")}), [2**64 - 1], "="),
    "a UUID": (lambda: objects(UUID(int=1)), [UUID(int=1)], "="),
    "a NUL in a text": (lambda: objects("a\0b"), ["a\0b"], "!column 'x' (string) has values that Postgres"),
    "lists": (lambda: objects([1, None], []), [[1, None], []], "="),
    "lists of dicts": (lambda: objects([{"a": 1}]), [[{"a": 1}]], "="),
    "tuples": (lambda: objects((1, 2)), [[1, 2]], "="),
    "arrays": (lambda: objects(np.array([1, 2])), [[1, 2]], "="),
    "ragged lists of lists": (lambda: objects([[1], [2, 3]]), [[[1], [2, 3]]], "!lists of different lengths"),
    "empty lists in lists": (lambda: objects([[]]), [[[]]], "!or empty"),
    "no list in a list": (lambda: objects([[1], None]), [[[1], None]], "!NULL instead of a list"),
    "a map": (lambda: column(pa.map_(pa.string(), pa.int8()), [("a", 1)]), [{"a": 1}], "="),
    "a map of numbers": (lambda: column(pa.map_(pa.int8(), pa.string()), [(1, "a")]), [{1: "a"}], [{"1": "a"}]),
    "NaN in a struct": (
        lambda: column(pa.struct([("a", pa.float64())]), {"a": float("inf")}),
        [{"a": float("inf")}],
        "!JSON",
    ),
    "50 digits": (lambda: objects(Decimal("1" * 50)), "!column 'x'", [Decimal("1" * 50)]),
    "80 digits": (lambda: objects(Decimal("1" * 80)), "!column 'x'", "!column 'x'"),
    "wide type, few digits": (lambda: column(pa.decimal256(76, 2), Decimal("1.5")), [Decimal("1.5")], "="),
    "a negative scale": (lambda: column(pa.decimal128(5, -3), Decimal(12000)), [Decimal(12000)], "="),
    "durations": (
        lambda: pd.DataFrame({"x": [timedelta(days=10**6, microseconds=1)]}).astype("timedelta64[us]"),
        [timedelta(days=10**6, microseconds=1)],
        "=",
    ),
    "negative durations": (
        lambda: column(pa.duration("us"), timedelta(microseconds=-1500)),
        [timedelta(microseconds=-1500)],
        "=",
    ),
    "durations in lists": (lambda: column(pa.list_(pa.duration("us")), [timedelta(-1)]), [[timedelta(-1)]], "="),
    "fine durations": (lambda: column(pa.duration("ns"), 1), f"!{TOO_FINE}", f"!{TOO_FINE}"),
    "fine intervals": (lambda: column(pa.month_day_nano_interval(), (1, 2, 3)), f"!{TOO_FINE}", f"!{TOO_FINE}"),
    "intervals": (lambda: column(pa.month_day_nano_interval(), (0, 2, 3000)), [timedelta(2, 0, 3)], "="),
    "whole nanoseconds": (
        lambda: column(pa.timestamp("ns"), 1_735_689_600_000_001_000),
        [datetime(2025, 1, 1, 0, 0, 0, 1)],
        "=",
    ),
    "fine timestamps": (lambda: column(pa.timestamp("ns"), 1), [datetime(1970, 1, 1)], f"!{TOO_FINE}"),
    "fine timestamps in lists": (
        lambda: column(pa.list_(pa.timestamp("ns")), [1]),
        [[datetime(1970, 1, 1)]],
        f"!{TOO_FINE}",
    ),
    "times beyond all years": (lambda: column(pa.timestamp("s"), 2**62), "!column 'x'", "!column 'x'"),
    "fine times of day": (lambda: column(pa.time64("ns"), 1), [time(0)], f"!{TOO_FINE}"),
    "times of day of Polars": (lambda: pl.DataFrame({"x": [time(1, 2, 3, 4)]}), [time(1, 2, 3, 4)], "="),
    "an early day": (lambda: column(pa.date32(), -719162), [date(1, 1, 1)], "="),
    "a union": (
        lambda: pa.table({"x": pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([7])])}),
        [7],
        "!a type that Postgres does not have",
    ),
    "views of texts": (lambda: column(pa.string_view(), "a"), ["a"], "="),
    "lists of views": (lambda: column(pa.list_(pa.string_view()), ["a"]), [["a"]], "="),
    "runs": (
        lambda: pa.table({"x": pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.array([7]))}),
        [7, 7],
        "=",
    ),
    "nothing": (lambda: objects(None), [None], "="),
    "numbers as names": (lambda: pd.DataFrame({0: [1]}).rename(columns={0: "x"}), [1], "="),
}


@pytest.mark.parametrize("kind", STORED)
def test_what_is_stored(kind: str, engines: dict[str, Session], target: Target) -> None:
    make, on_duckdb, on_postgres = STORED[kind]
    wanted = on_duckdb if target.engine == "duckdb" or on_postgres == "=" else on_postgres
    engine = engines[target.engine]

    def store() -> list[object]:
        with engine.frames.query(to_arrow(make())) as query:
            return [row[0] for row in engine.fetch(query)]

    if isinstance(wanted, str):
        with pytest.raises(FftError) as caught:
            store()
        assert "the frame cannot be stored: column 'x'" in str(caught.value)
        assert wanted[1:] in str(caught.value)
        assert caught.value.problem.hint
    else:
        assert [tuple_as_list(value) for value in store()] == wanted


def tuple_as_list(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def test_objects_of_decimals_do_not_change_their_type_with_their_digits() -> None:
    kinds = {to_arrow(objects(Decimal(text))).schema.field("x").type for text in ("0.01", "12345678.90")}
    assert kinds == {pa.decimal128(38, 2)}


def test_names_that_differ_only_in_case(engines: dict[str, Session]) -> None:
    table = to_arrow(pd.DataFrame([[1, 2]], columns=["a", "A"]))
    with engines["postgres"].frames.query(table) as query:
        assert [c.name for c in engines["postgres"].columns(query)] == ["a", "A"]
    with (
        pytest.raises(FftError, match="its columns 'a' and 'A' are the same name to DuckDB"),
        engines["duckdb"].frames.query(table),
    ):
        pass


# in a project


IMPORTS = "import pandas as pd\nimport polars as pl\nimport pyarrow as pa\nfrom fft_core import model\n"


CAST = "hint: Cast it in SQL, for example cast(iv as varchar), or take the input as a pyarrow Table."
RESET = "hint: reset_index() makes it a column; reset_index(drop=True) leaves it out."
RENAME = "hint: Rename or drop one of them."
ROUND = "hint: Round it or cast it in the model, for example to text."
FINE = "column 'x' (duration[ns]) has nanoseconds, but INTERVAL stores microseconds [FFT-413]"
NAMES = "its columns 'a' and 'A' are the same name to DuckDB [FFT-413]"
INDEX = "it has the index 'n', which is not a column [FFT-413]"
POLARS = "its input 'a': the rows cannot be read as Polars: column 'iv' (interval) [FFT-414]"
ERRORS = [
    ("pl.DataFrame", "return frame", f"{POLARS}\n    {CAST}"),
    ("pd.DataFrame", "return frame.set_index('n')", f"the frame cannot be stored: {INDEX}\n    {RESET}"),
    ("pa.Table", "return pa.table({'a': [1], 'A': [2]})", f"the frame cannot be stored: {NAMES}\n    {RENAME}"),
    (
        "pa.Table",
        "return pa.table({'x': pa.array([1], pa.duration('ns'))})",
        f"the frame cannot be stored: {FINE}\n    {ROUND}",
    ),
]


@pytest.mark.parametrize(("annotation", "body", "message"), ERRORS)
def test_errors_say_model_and_line(tmp_path: Path, annotation: str, body: str, message: str) -> None:
    files = {
        "models/a.ff.sql": "select 1 as n, interval 3 day as iv",
        "models/m.ff.py": f"{IMPORTS}@model(deps=['a'])\ndef m(frame: {annotation}):\n    {body}\n",
    }
    with opened(tmp_path, files) as shop, pytest.raises(FftError) as caught:
        shop.build()
    assert str(caught.value) == f"models/m.ff.py:6: m: {message}"
    assert caught.value.exit_code == 1


def test_a_sum_of_whole_numbers_is_whole(tmp_path: Path) -> None:
    files = {
        "models/a.ff.sql": "select sum(x) as total from (select 9007199254740993::bigint as x)",
        "models/m.ff.py": f"{IMPORTS}@model(deps=['a'])\ndef m(frame):\n    return frame\n",
    }
    with opened(tmp_path, files) as shop:
        shop.build()
        assert shop.warehouse.engine.fetch("select total, typeof(total) from m") == [(9007199254740993, "BIGINT")]


def test_decimals_that_no_double_holds_are_objects_and_arithmetic_with_doubles_says_so(tmp_path: Path) -> None:
    files = {
        "models/a.ff.sql": "select 12345678901234567.89::decimal(38, 2) as x",
        "models/m.ff.py": f"{IMPORTS}@model(deps=['a'])\ndef m(frame):\n    return frame * 1.5\n",
    }
    with opened(tmp_path, files) as shop, pytest.raises(ModelError) as caught:
        shop.build()
    assert "raised TypeError: " in str(caught.value)
    assert "hint: A column holds decimals that do not fit into a double" in str(caught.value)

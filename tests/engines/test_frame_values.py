"""Each type of each engine in each frame library, and stored again; docs/reference/project.md lists them.

A value is the same, or there is an error that names its column. Nothing is in between.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from targets import Target

from fft_core import FftError, from_arrow, to_arrow
from fft_core.engines.protocol import Session
from fft_core.frames import FrameType

LIBRARIES: tuple[FrameType, ...] = ("pandas", "polars", "arrow")
SAME, NO_POLARS, UNREADABLE = "same", "no Polars", "unreadable"
# SQL of a value -> its type when it was stored again (SAME: its own), the same text; for pandas where it is another
Expected = str | tuple[str, str]

DUCKDB: dict[str, Expected] = {
    "true": SAME,
    "127::tinyint": SAME,
    "255::utinyint": SAME,
    "32767::smallint": SAME,
    "65535::usmallint": SAME,
    "2147483647::integer": SAME,
    "4294967295::uinteger": SAME,
    "9007199254740993::bigint": SAME,
    "(-9223372036854775808)::bigint": SAME,
    "18446744073709551615::ubigint": SAME,
    "9007199254740993::hugeint": ("DECIMAL(38,0)", "BIGINT"),
    "170141183460469231731::hugeint": "DECIMAL(38,0)",
    "99999999999999999999999999999999999999::hugeint": "DECIMAL(38,0)",
    "170141183460469231731687303715884105727::hugeint": UNREADABLE,
    "5::uhugeint": ("DECIMAL(38,0)", "BIGINT"),
    "340282366920938463463374607431768211455::uhugeint": UNREADABLE,
    "12345678901234567890123456789012345678901234567890::bignum": (SAME, UNREADABLE),
    "(select sum(x) from (values (9007199254740993), (2)) t(x))": ("DECIMAL(38,0)", "BIGINT"),
    "12.34::decimal(9, 2)": (SAME, "DOUBLE"),
    "0.1::decimal(18, 1)": (SAME, "DOUBLE"),
    "123::decimal(9, 0)": (SAME, "BIGINT"),
    "12345678901234567890123::decimal(38, 0)": SAME,
    "12345678901234567890.123456789::decimal(38, 9)": (SAME, "DECIMAL(38,9)"),
    "0.333333333333333333::decimal(38, 18)": (SAME, "DECIMAL(38,18)"),
    "1.5::float": SAME,
    "0.1::double": SAME,
    "(-0.0)::double": SAME,
    "'-infinity'::double": SAME,
    "''": SAME,
    "'a' || chr(0) || 'b'": SAME,
    "'äß漢'": SAME,
    r"'\x00\xff'::blob": SAME,
    "''::blob": SAME,
    "'00101'::bit": "VARCHAR",
    "date '0001-01-01'": SAME,
    "date '9999-12-31'": SAME,
    "date 'infinity'": SAME,
    "date '0044-03-15 (BC)'": SAME,
    "time '24:00:00'": (NO_POLARS, UNREADABLE),
    "[time '12:00:00', '24:00:00']": NO_POLARS,
    "[[time_ns '24:00:00']]": NO_POLARS,
    "[time '24:00:00']::time[1]": NO_POLARS,
    "{'x': 1, 'y': [time '24:00:00']}": NO_POLARS,
    "map {'x': time '24:00:00'}": NO_POLARS,
    "map {time '24:00:00': 1}": NO_POLARS,
    "[time_ns '23:59:59.999999999', null]": SAME,
    "time '12:34:56.123456'": SAME,
    "time_ns '12:34:56.123456789'": SAME,
    "timetz '12:34:56+02'": "VARCHAR",
    "timestamp '0001-01-01 00:00:00.000001'": SAME,
    "timestamp '9999-12-31 23:59:59.999999'": SAME,
    "timestamp '290000-01-01'": SAME,
    "timestamp 'infinity'": SAME,
    "timestamp_ms '2025-01-01 00:00:00.001'": SAME,
    "timestamp_ns '2025-01-01 00:00:00.123456789'": SAME,
    "timestamptz '2025-06-01 12:00:00+02'": SAME,
    "timestamptz '9999-12-31 23:59:59.999999+00'": SAME,
    "interval '14 months 3 days -4.000006 seconds'": NO_POLARS,
    "'00000000-0000-0000-0000-00000000000f'::uuid": "VARCHAR",
    "'b'::enum('a', 'b')": "VARCHAR",
    """'{"a":  1.0}'::json""": "VARCHAR",
    "[1, null, 9007199254740993]": SAME,
    "[]::integer[]": SAME,
    "[[1], [null, 2], null, []]": SAME,
    "[1, 2]::integer[2]": SAME,
    "[1.10, 2.25]::decimal(9, 2)[]": SAME,
    "['101'::bit]": "VARCHAR[]",
    "[1::hugeint]": "DECIMAL(38,0)[]",
    "['00000000-0000-0000-0000-00000000000f'::uuid]": "VARCHAR[]",
    "[interval 1 day]": NO_POLARS,
    "{'a': 9007199254740993, 'b': {'c d': [date '2025-01-01', null]}}": SAME,
    "{'a b': 1::hugeint, 'c': ['1'::bit]}": 'STRUCT("a b" DECIMAL(38,0), c VARCHAR[])',
    "map {'a': 1, 'b': null}": SAME,
    "map {1: 'a'}": SAME,
    "map {'a': 1::hugeint}": "MAP(VARCHAR, DECIMAL(38,0))",
    "union_value(a := 1)": NO_POLARS,
    "1::variant": (SAME, UNREADABLE),
}
POSTGRES: dict[str, Expected] = {
    "true": SAME,
    "32767::smallint": SAME,
    "2147483647::integer": SAME,
    "9007199254740993::bigint": SAME,
    "4294967295::oid": "bigint",
    "1.5::numeric(9, 2)": (SAME, "double precision"),
    "123::numeric(9, 0)": (SAME, "bigint"),
    "12300::numeric(3, -2)": ("numeric(5,0)", "bigint"),
    "0.00012::numeric(3, 5)": ("numeric(5,5)", "double precision"),
    "12345678901234567890.123456789::numeric(38, 9)": SAME,
    "1.5::numeric": ("numeric(38,18)", "double precision"),
    "(10 / 3.0)::numeric": ("numeric(38,18)", "numeric(38,18)"),
    "(select sum(x) from (values (9007199254740993), (2)) t(x))": "numeric(38,18)",
    "12345678901234567890.1234567890123456789::numeric(50, 19)": (NO_POLARS, "numeric(39,19)"),
    f"{'9' * 60}.5::numeric(61, 1)": (NO_POLARS, "numeric(61,1)"),
    f"{'9' * 100}::numeric": UNREADABLE,
    "'NaN'::numeric": UNREADABLE,
    "'Infinity'::numeric": UNREADABLE,
    "1.1::real": SAME,
    "0.1::double precision": SAME,
    "'-Infinity'::double precision": SAME,
    "'$12.34'::money": "text",
    "''::text": SAME,
    r"E'a\r\n\\.'": SAME,
    "'ab'::varchar(5)": "text",
    "'\"quoted\"'::text": SAME,
    r"'\x00ff'::bytea": SAME,
    "date '0001-01-01'": SAME,
    "date '9999-12-31'": SAME,
    "date 'infinity'": UNREADABLE,
    "date '0044-03-15 BC'": UNREADABLE,
    "time '12:34:56.123456'": SAME,
    "time '24:00'": UNREADABLE,
    "timetz '12:34:56+02'": "text",
    "timestamp '0001-01-01 00:00:00.000001'": SAME,
    "timestamp '9999-12-31 23:59:59.999999'": SAME,
    "timestamp 'infinity'": UNREADABLE,
    "timestamptz '2025-06-01 12:00:00+02'": SAME,
    "interval '-14 months 3 days -4.000006 seconds'": NO_POLARS,
    "interval '100000 hours'": NO_POLARS,
    "interval '0'": NO_POLARS,
    "'00000000-0000-0000-0000-00000000000f'::uuid": "text",
    """'{"a":  1.0}'::json""": "text",
    """'{"a": 1.0}'::jsonb""": "text",
    "'101'::bit(3)": "text",
    "'101'::varbit": "text",
    "int4range(1, 3)": "text",
    "'10.0.0.1/24'::inet": "text",
    "point(1, 2)": "text",
    "row(1, 'x, y')": "text",
    "'a b'::tsvector": "text",
    "array[1, null, 3]": SAME,
    "'{}'::integer[]": SAME,
    "array[[1, 2], [3, null]]": SAME,
    "array[9007199254740993]": SAME,
    "array[1.5, 2.25]::numeric(9, 2)[]": SAME,
    "array['NaN'::numeric]": UNREADABLE,
    r"""array['a,"b\c', null, 'NULL', '']""": SAME,
    "array[timestamp '2025-01-01 00:00:00.000001']": SAME,
    "array[timestamp 'infinity']": UNREADABLE,
    r"array['\x00ff'::bytea]": SAME,
    "array['NaN'::double precision, 'Infinity']": SAME,
    "array['00000000-0000-0000-0000-00000000000f'::uuid]": "text",
}
CASES = [
    pytest.param(engine, value, library, id=f"{engine}-{library}-{value[:50]}")
    for engine, values in (("duckdb", DUCKDB), ("postgres", POSTGRES))
    for value in values
    for library in LIBRARIES
]


def test_words_of_the_engines_are_said_once() -> None:
    assert not {SAME, NO_POLARS, UNREADABLE} & {*DUCKDB, *POSTGRES}


def stored(engine: Session, frame: Any) -> tuple[str, str, int]:
    """Store a frame as a build does; give the type, the text and the number of its only column and row."""
    with engine.frames.query(to_arrow(frame)) as query:
        (column,) = engine.columns(query)
        rows = engine.fetch(f"select x::varchar from ({query}) as frame")
    return column.type, rows[0][0], len(rows)


@pytest.mark.parametrize(("engine_name", "value", "library"), CASES)
def test_values_come_back_as_they_went(
    engines: dict[str, Session], engine_name: str, value: str, library: FrameType
) -> None:
    engine = engines[engine_name]
    expected = (DUCKDB if engine_name == "duckdb" else POSTGRES)[value]
    others, of_pandas = expected if isinstance(expected, tuple) else (expected, expected)
    wanted = of_pandas if library == "pandas" else others
    query = f"select {value} as x"
    if wanted == UNREADABLE or (wanted == NO_POLARS and library == "polars"):
        with pytest.raises(FftError, match=r"column 'x'") as caught:
            from_arrow(engine.frames.read(query), library)
        assert "ast" in str(caught.value)  # the hint: cast it
        return
    kind, text, _ = stored(engine, from_arrow(engine.frames.read(query), library))
    ((before,),) = engine.fetch(f"select x::varchar from ({query}) as q")
    assert kind == (engine.columns(query)[0].type if wanted in (SAME, NO_POLARS) else wanted)
    assert same_text(text, before, engine)


def same_text(one: str, other: str, engine: Session) -> bool:
    """Texts of numbers may differ in zeros after the point: the database compares those."""
    if one == other:
        return True
    digits = set("0123456789.-e+")
    if not set(one) | set(other) <= digits:
        return False
    exact = "decimal(38, 18)" if engine.name == "duckdb" else "numeric"
    ((is_same,),) = engine.fetch(f"select '{one}'::{exact} = '{other}'::{exact}")
    return bool(is_same)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", ["boolean", "smallint", "bigint", "date", "varchar", "timestamp"])
def test_a_null_among_values_changes_neither_type_nor_values(
    engines: dict[str, Session], target: Target, library: FrameType, kind: str
) -> None:
    engine = engines[target.engine]
    value = {"boolean": "true", "date": "2025-01-01", "timestamp": "2025-01-01"}.get(kind, "9")
    query = f"select cast('{value}' as {kind}) as x union all select null"
    frame = from_arrow(engine.frames.read(query), library)
    with engine.frames.query(to_arrow(frame)) as rows:
        assert engine.columns(rows)[0].type in (engine.columns(query)[0].type, "text")
        assert sorted(map(str, engine.fetch(rows))) == sorted(map(str, engine.fetch(query)))


@pytest.mark.parametrize("library", ["polars", "polars_lazy"])
def test_polars_gets_no_null_for_the_end_of_a_day(engines: dict[str, Session], library: FrameType) -> None:
    table = engines["duckdb"].frames.read("select 1 as a, unnest([null, time_ns '12:00', '24:00:00']) as x")
    with pytest.raises(FftError, match=r"column 'x' \(time64\[ns\]\): 24:00"):
        from_arrow(table, library)
    assert from_arrow(table.slice(0, 2), "polars")["x"].null_count() == 1


REPEATED: dict[str, tuple[pa.DataType, Any]] = {
    "texts": (pa.map_(pa.string(), pa.int64()), [("k", 1), ("l", 3), ("k", 2)]),
    "equal values": (pa.map_(pa.string(), pa.int64()), [("k", 1), ("k", 1)]),
    "doubles": (pa.map_(pa.float64(), pa.string()), [(1.5, "a"), (1.5, "b")]),
    "integers": (pa.map_(pa.int8(), pa.string()), [(1, "a"), (1, None)]),
    "dates": (pa.map_(pa.date32(), pa.string()), [(date(2025, 1, 1), "a"), (date(2025, 1, 1), "b")]),
    "bytes": (pa.map_(pa.binary(), pa.string()), [(b"a", "a"), (b"a", "b")]),
    "structs": (pa.map_(pa.struct([("x", pa.int8())]), pa.string()), [({"x": 1}, "a"), ({"x": 1}, "b")]),
    "in a list": (pa.list_(pa.map_(pa.string(), pa.int64())), [[("k", 1), ("k", 2)]]),
    "in a struct": (pa.struct([("m", pa.map_(pa.string(), pa.int64()))]), {"m": [("k", 1), ("k", 2)]}),
    "in a map": (pa.map_(pa.string(), pa.map_(pa.string(), pa.int64())), [("o", [("k", 1), ("k", 2)])]),
}


@pytest.mark.parametrize("case", REPEATED)
@pytest.mark.parametrize("way", ["frame", "parquet"])
def test_postgres_loses_no_value_of_a_map_with_a_repeated_key(
    engines: dict[str, Session], tmp_path: Path, way: str, case: str
) -> None:
    engine, (kind, value) = engines["postgres"], REPEATED[case]
    frame = pa.table({"a": pa.array([None, value], kind)})
    path = tmp_path / "s.parquet"
    pq.write_table(frame, path)
    rows = engine.frames.query(to_arrow(frame)) if way == "frame" else engine.frames.file_query(path, {})
    with pytest.raises(FftError, match=r"column 'a' \(.*the key .* twice"), rows:
        pass


def test_not_a_number_is_missing_in_pandas_and_only_there(engines: dict[str, Session], target: Target) -> None:
    engine = engines[target.engine]
    table = engine.frames.read("select 'NaN'::double precision as x")
    found = [stored(engine, from_arrow(table, library))[1] for library in LIBRARIES]
    assert [text and text.lower() for text in found] == [None, "nan", "nan"]


def test_decimals_are_the_nearest_doubles(engines: dict[str, Session], target: Target) -> None:
    """Arrow's own cast is off by one in the last place for every fourth number of 15 digits."""
    engine = engines[target.engine]
    numbers = [f"{number}.{number % 100:02d}" for number in range(1_000_000_000_003, 1_000_000_000_603, 3)]
    values = ", ".join(f"({number})" for number in numbers)
    table = engine.frames.read(f"select cast(v as decimal(38, 2)) as x from (values {values}) as t(v)")
    assert from_arrow(table, "pandas")["x"].tolist() == [float(number) for number in numbers]


def test_a_frame_with_an_empty_chunk(engines: dict[str, Session]) -> None:
    """pyarrow's writer of CSV leaves bytes behind for one, which Postgres refuses."""
    rows = pa.table({"name": pa.array(["x"]), "raw": pa.array([b"y"], pa.binary())})
    for engine in engines.values():
        with engine.frames.query(pa.concat_tables([rows.slice(0, 0), rows])) as query:
            assert engine.fetch(query) == [("x", b"y")]

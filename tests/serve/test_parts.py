"""Small parts, for any input: cursors, lists of values, texts of values, and formats by preference."""

from __future__ import annotations

import base64
import csv
import io
import json
import zlib
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fft_core.engines.postgres.spelling import SPELLING
from fft_core.engines.reading import Place, RowsQuery, rows_sql
from fft_serve.problems import ProblemError
from fft_serve.rows.cursor import Cursor, decoded, query_digest, read_cursor
from fft_serve.rows.endpoint import chosen_format, is_known
from fft_serve.rows.formats import CsvWriter, JsonRows
from fft_serve.rows.request import _listed

PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(value).encode())).decode().rstrip("=")


@given(st.text())
def test_any_text_as_a_cursor_is_refused_or_read(text: str) -> None:
    assert decoded(text) is None or isinstance(decoded(text), Cursor)


@given(st.recursive(st.none() | st.integers() | PLAIN, lambda inner: st.lists(inner, max_size=7)))
def test_any_content_of_a_cursor_is_refused_or_read(value: object) -> None:
    assert decoded(packed(value)) is None or isinstance(decoded(packed(value)), Cursor)


def test_a_cursor_that_would_fill_the_memory_is_refused() -> None:
    assert decoded(packed(["x" * 10_000_000, "", "", [], "", 1])) is None


@given(PLAIN, st.lists(st.none() | PLAIN), PLAIN)
def test_a_cursor_comes_back(version: str, keys: list[str | None], at: str) -> None:
    cursor = Cursor(version, "", query_digest([version]), tuple(keys), at, 2**40)
    if len(cursor.text()) < 8000:
        assert read_cursor(cursor.text(), cursor.query, len(keys), 10) == cursor


def test_an_expired_cursor_is_gone() -> None:
    cursor = Cursor("v", "", "q", (), "", 1)
    with pytest.raises(ProblemError) as found:
        read_cursor(cursor.text(), "q", 0, 3600)
    assert (found.value.code, found.value.more) == ("version_gone", {"expired": True})


@given(st.lists(PLAIN, min_size=1, max_size=20))
def test_values_in_quotes_come_back(values: list[str]) -> None:
    written = ",".join('"' + value.replace('"', '""') + '"' for value in values)
    assert _listed(f"({written})") == values


VALUES: list[tuple[Any, Any, Any, str]] = [
    (pa.int64(), 2**63 - 1, 2**63 - 1, "9223372036854775807"),
    (pa.bool_(), True, True, "true"),
    (pa.float64(), 0.1, 0.1, "0.1"),
    (pa.float64(), float("nan"), "NaN", "NaN"),
    (pa.float64(), float("-inf"), "-Infinity", "-Infinity"),
    (pa.decimal128(38, 10), Decimal("1234567890123456789.5"), 1234567890123456789.5, "1234567890123456789.5"),
    (pa.decimal128(10, 2), Decimal("-0.00"), 0, "0"),
    (pa.string(), 'a"b,\n', 'a"b,\n', '"a""b,\n"'),
    (pa.string(), "", "", '""'),
    (pa.date32(), date(2026, 1, 31), "2026-01-31", "2026-01-31"),
    (pa.time64("us"), time(12, 30, 0, 5), "12:30:00.000005", "12:30:00.000005"),
    (pa.timestamp("us"), datetime(2026, 1, 31, 12), "2026-01-31T12:00:00", "2026-01-31T12:00:00"),
    (pa.timestamp("us", "UTC"), datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
    (pa.duration("us"), timedelta(seconds=90), "PT90S", "PT90S"),
    (pa.binary(), b"ab", "YWI=", "YWI="),
    (pa.list_(pa.int32()), [1, None], [1, None], '"[1,null]"'),
    (pa.struct([("a", pa.string())]), {"a": "x"}, {"a": "x"}, '"{""a"":""x""}"'),
    (pa.map_(pa.string(), pa.int32()), [("k", 1)], {"k": 1}, '"{""k"":1}"'),
    (pa.map_(pa.int32(), pa.int32()), [(1, 2)], [[1, 2]], '"[[1,2]]"'),
    (pa.month_day_nano_interval(), (14, 3, 1_500_000_000), "P14M3DT1.5S", "P14M3DT1.5S"),
]


@pytest.mark.parametrize(("kind", "value", "in_json", "in_csv"), VALUES, ids=lambda v: str(v)[:30])
def test_texts_of_values(kind: Any, value: Any, in_json: Any, in_csv: str) -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([value, None], kind), pa.array([1, 2])], names=["v", "n"])
    rows = [json.loads(row)["v"] for row in JsonRows(batch.schema).rows(batch)]
    assert rows == [in_json, None]
    assert CsvWriter(batch.schema).write(batch).decode() == f"{in_csv},1\r\n,2\r\n"


@given(st.lists(PLAIN, min_size=1))
def test_texts_in_csv_come_back(texts: list[str]) -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(texts), pa.array(range(len(texts)))], names=["v", "n"])
    found = csv.reader(io.StringIO(CsvWriter(batch.schema).write(batch).decode(), newline=""))
    assert [row[0] for row in found] == texts


@pytest.mark.parametrize(
    ("accept", "format"),
    [
        ("", "json"), ("*/*", "json"), ("text/html, */*;q=0.1", "json"), ("text/csv", "csv"), ("text/*", "csv"),
        ("application/json;q=0.1, text/csv;q=0.9", "csv"), ("application/vnd.apache.parquet", "parquet"),
        ("text/csv;q=0, application/json", "json"), ("application/x-ndjson;q=x, application/json", "json"),
    ],
)  # fmt: skip
def test_formats_by_preference(accept: str, format: str) -> None:
    assert chosen_format(None, accept) == format


def test_known_versions() -> None:
    assert is_known('W/"a", "b"', 'W/"b"')
    assert is_known("*", 'W/"b"')
    assert not is_known("", 'W/"b"')
    assert not is_known('"ab"', 'W/"b"')


def test_an_index_serves_both_directions_of_a_column_without_null() -> None:
    """`nulls last` fits no index in the order of the default, unless the column has none."""
    query = RowsQuery(Place(), ("id",), order=(("id", True), ("a", True)), never_null=frozenset({"id"}))
    assert rows_sql(query, "t", SPELLING, "ctid").endswith(' order by "id" desc, "a" desc nulls last')

"""Messages in Avro: with and without the prefix of a schema registry, and with values that JSON does not have."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fft_core.errors import StreamError
from fft_core.streaming.avro import avro_reader
from fft_core.streaming.records import as_table, read_record
from fft_core.streaming.source import ERROR

fastavro = pytest.importorskip("fastavro")
TIME = {"type": "long", "logicalType": "timestamp-millis"}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 2}


def read(kinds: Sequence[object], *messages: Sequence[object], prefix: bytes = b"") -> list[tuple[Any, ...]]:
    """Write messages with the fields a, b, c and so on, and read them."""
    names = "abc"[: len(kinds)]
    fields = [{"name": name, "type": kind} for name, kind in zip(names, kinds, strict=True)]
    schema = {"type": "record", "name": "click", "fields": fields}
    raw = []
    for message in messages:
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), dict(zip(names, message, strict=True)))
        raw.append(prefix + stream.getvalue())
    reader = avro_reader(json.dumps(schema))
    table = as_table([read_record("clicks/0", place, one, reader) for place, one in enumerate(raw)])
    assert table.column(ERROR).to_pylist() == [None] * len(messages)
    return [tuple(row.get(name) for name in names) for row in table.to_pylist()]


@pytest.mark.parametrize(("kind", "first"), [("int", 0), ("string", ""), (["null", "string"], None), ("string", "x")])
@pytest.mark.parametrize("prefix", [b"", b"\0\0\0\0\7"], ids=["alone", "registry"])
def test_a_message_may_begin_with_a_zero(kind: object, first: object, prefix: bytes) -> None:
    assert read([kind, "string"], [first, "a long text"], prefix=prefix) == [(first, "a long text")]


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ({"type": "array", "items": TIME}, [datetime(2026, 1, 1, tzinfo=UTC)], '["2026-01-01T00:00:00+00:00"]'),
        ({"type": "map", "values": "bytes"}, {"k": b"v"}, '{"k":"v"}'),
        ({"type": "array", "items": DECIMAL}, [Decimal("1.50")], '["1.50"]'),
    ],
)
def test_nested_values_that_json_does_not_have_are_text(kind: object, value: object, stored: str) -> None:
    assert read([kind], [value]) == [(stored,)]


def test_values_of_several_kinds_in_one_column_are_text() -> None:
    time = datetime(2026, 1, 1, tzinfo=UTC)
    assert read([["string", TIME]], ["x"], [time]) == [("x",), ("2026-01-01T00:00:00+00:00",)]
    assert read([["int", "bytes"]], [5], [b"x"]) == [("5",), ("x",)]


@pytest.mark.parametrize(
    "schema", ["", "{}", "5", "null", "[]", '{"type": "record", "name": "x", "fields": 5}', '{"type": "record"}']
)
def test_what_is_not_a_schema(schema: str) -> None:
    with pytest.raises(StreamError, match="schema_file is not an Avro schema"):
        avro_reader(schema)

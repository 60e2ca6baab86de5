"""Addresses, headers and bodies that no friendly client sends, and values that no format or only some can hold."""

from __future__ import annotations

import functools
import io
import json
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from api import client
from postgres_server import drop_schema, new_schema
from serve_project import SCHEMA, Served, orders
from starlette.testclient import TestClient
from test_rows import HOSTILE

ROWS = "/models/orders/rows"
HEADERS = [
    "\xb2",
    "1\xb2",
    "*/*;q=\xb2",
    "text/csv;q=.",
    "text/csv;q=1.1.1",
    "*/*;q=-1",
    ",,,;;;==",
    "\xff",
    "W/",
    '"',
    "*",
    "a" * 5000,
]
PATHS = [
    "..%2f..%2fetc%2fpasswd",
    "%00",
    "%ff",
    "orders%2frows",
    ".",
    "%2e%2e",
    "orders;a=b",
    "orders.json",
    "\xb4",
    "%F0%9F%98%80",
]


@pytest.fixture
def api(tmp_path: Path) -> TestClient:
    shop = Served(tmp_path)
    shop.write({"models/orders.ff.sql": orders(range(5)), "models/schema.yml": SCHEMA})
    shop.build()
    return client(shop)


def test_hostile_headers_are_problems_or_ignored(api: TestClient) -> None:
    for text in HEADERS:
        for name in ("Accept", "If-None-Match", "Authorization", "Last-Event-ID", "Content-Type", "Idempotency-Key",
                     "Host", "Origin", "X-Forwarded-For", "Content-Length", "Accept-Encoding"):  # fmt: skip
            for path in (ROWS, "/builds/20260101000000-00000000/events"):
                answer = api.get(path, headers={name: text.encode("latin-1")})
                assert answer.status_code in (200, 304, 400, 401, 403, 404, 406), (path, name, text, answer.text)


def test_hostile_addresses_are_problems(api: TestClient) -> None:
    texts = [*PATHS, *(text for text in HOSTILE if len(text) < 300 and "\ud7ff" not in text)]
    for text in texts:
        for path in (f"/models/{text}", f"/models/{text}/rows", f"{ROWS}.{text}", f"/sources/{text}", f"/runs/{text}",
                     f"/builds/{text}", f"/builds/{text}/events"):  # fmt: skip
            answer = api.get(path)
            assert answer.status_code in (200, 400, 404, 405, 406), (path, answer.text)
            assert answer.status_code == 200 or answer.json()["code"], path
        answer = api.get("/plan", params={"select": text})
        assert answer.status_code in (200, 400), (text, answer.text)


@pytest.mark.parametrize(
    "body",
    [b"", b"nul", b"[" * 30_000, b'{"select": ' * 3000, b"\xff\xfe", b'{"select": "\\ud800"}', b'{"select": "(((("}',
     b'{"rebuild": 1}', b'{"a": 1e999999}', b'{"select": "' + b"9" * 1001 + b'"}', b'"' + b"a" * 60_000],
)  # fmt: skip
def test_hostile_bodies_begin_nothing(tmp_path: Path, body: bytes) -> None:
    shop = Served(tmp_path)
    shop.write({"models/orders.ff.sql": orders(range(5))})
    api = client(shop)
    answer = api.post("/builds", content=body or b"[]", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json"), answer.text
    assert api.get("/builds").json() == {"builds": []}


# each with its JSON
TEXTS = {
    "nan": ("cast('NaN' as double precision)", "NaN"),
    "less": ("cast('-Infinity' as double precision)", "-Infinity"),
    "real": ("cast(0.1 as real)", 0.10000000149011612),
    "small": ("cast('5e-324' as double precision)", 5e-324),
    "large": ("cast(9223372036854775807 as bigint)", 9223372036854775807),
    "whole": ("cast('99999999999999999999999999999999999999' as decimal(38, 0))", 10**38 - 1),
    "empty": ("''", ""),
    "signs": ("chr(1) || chr(127) || chr(8238) || '</script>' || chr(128512)", "\x01\x7f\u202e</script>\U0001f600"),
    "list": ("array['a', null, 'b\"c']", ["a", None, 'b"c']),
    "nested": ("array[array[1, 2], array[3, 4]]", [[1, 2], [3, 4]]),
    "months": ("interval '1' month + interval '2' day", "P1M2DT0S"),
    "first": ("cast('0001-01-01' as date)", "0001-01-01"),
    "last": ("cast('9999-12-31 23:59:59.999999' as timestamp)", "9999-12-31T23:59:59.999999"),
    "doc": ("""cast('{"a": [1, "x", null, 0.10]}' as json)""", {"a": [1, "x", None, 0.1]}),
    "nothing": ("cast(null as integer)", None),
}


def served_texts(shop: Served, binary: str) -> tuple[str, str]:
    columns = ", ".join(f"{sql} as {name}" for name, (sql, _) in TEXTS.items())
    shop.write({"models/orders.ff.sql": f"{{{{ config(serve=true) }}}} select {columns}, {binary} as bytes"})
    shop.build()
    api = client(shop)
    arrow = pa.ipc.open_stream(io.BytesIO(api.get(f"{ROWS}.arrow").content)).read_all()
    assert arrow.column("bytes").to_pylist() == [b"\xab\x00"]
    return api.get(f"{ROWS}.ndjson").text, api.get(f"{ROWS}.csv").text


def test_values_at_the_edges_are_the_same_text_on_both_engines(tmp_path: Path, postgres_dsn: str) -> None:
    schema = new_schema()
    duckdb = served_texts(Served(tmp_path / "a"), r"cast('\xAB\x00' as blob)")
    settings = {"dsn": postgres_dsn, "db_schema": schema}
    postgres = served_texts(Served(tmp_path / "b", "postgres", settings), r"cast('\xAB00' as bytea)")
    drop_schema(postgres_dsn, schema)
    assert duckdb == postgres
    row = json.loads(duckdb[0])
    assert row.pop("bytes") == "qwA="
    assert row == {name: value for name, (_, value) in TEXTS.items()}


@pytest.mark.parametrize("value", ["cast('infinity' as timestamp)", "cast('infinity' as date)"])
def test_a_value_that_a_format_cannot_hold_is_told(served_place: Served, value: str) -> None:
    served_place.write({"models/orders.ff.sql": f"{{{{ config(serve=true) }}}} select 1 as id, {value} as x"})
    served_place.build()
    api = client(served_place)
    for path in (ROWS, f"{ROWS}.csv", f"{ROWS}.ndjson"):
        answer = api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
        assert "cast its column to text" in answer.json()["detail"]
    assert api.get(f"{ROWS}?select=id").json()["rows"] == [{"id": 1}]


def test_a_document_that_is_not_json_for_all_is_a_text(tmp_path: Path) -> None:
    documents: dict[str, Any] = {
        '{"a": NaN}': {"a": "NaN"},
        '{"a": 1e400}': '{"a": 1e400}',
        "[" * 201 + "]" * 201: "[" * 201 + "]" * 201,
        '{"a": ' * 200 + "1" + "}" * 200: functools.reduce(lambda inner, _: {"a": inner}, range(200), cast("Any", 1)),
        "[" * 5000 + "]" * 5000: "[" * 5000 + "]" * 5000,
    }
    rows = " union all ".join(f"select {n} as id, cast('{text}' as json) as doc" for n, text in enumerate(documents))
    shop = Served(tmp_path)
    shop.write({"models/orders.ff.sql": f"{{{{ config(serve=true) }}}} {rows}"})
    shop.build()
    text = client(shop).get(f"{ROWS}?order=id").text
    assert '"doc":{"a": 1e400}' in text
    found = json.loads(text.replace("1e400", '"1e400"'), parse_constant=lambda name: pytest.fail(name))["rows"]
    assert [found[n]["doc"] for n in (0, 2, 3, 4)] == [[*documents.values()][n] for n in (0, 2, 3, 4)]

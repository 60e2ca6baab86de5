"""The service: reloads, limits, documents, mounting; and builds while readers page."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
from api import client
from fastapi import FastAPI
from serve_project import SCHEMA, Served, orders
from starlette.testclient import TestClient

from fft_core.errors import FftError
from fft_serve import app
from fft_serve.problems import CODES

ROWS = "/models/orders/rows"


@pytest.fixture
def shop(tmp_path: Path) -> Served:
    found = Served(tmp_path)
    found.write({"models/orders.ff.sql": orders(range(20)), "models/schema.yml": SCHEMA})
    found.build()
    return found


def test_the_project_is_never_stale(shop: Served) -> None:
    api = client(shop)
    assert [model["name"] for model in api.get("/models").json()["models"]] == ["orders"]
    shop.write({"models/users.ff.sql": "{{ config(serve=true) }} select 1 as id"})
    assert [model["name"] for model in api.get("/models").json()["models"]] == ["orders", "users"]
    answer = api.get("/models/users/rows")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_built")
    assert answer.headers["retry-after"] == "10"
    shop.build()
    assert api.get("/models/users/rows").json()["rows"] == [{"id": 1}]


def test_rows_are_served_while_the_files_have_errors(shop: Served) -> None:
    api = client(shop)
    good = (shop.root / "models/orders.ff.sql").read_text()
    (shop.root / "models/orders.ff.sql").write_text("{{ config(serve=true) }} select * from {{ ref('nothing') }}")
    answer = api.get("/models")
    assert (answer.status_code, answer.json()["code"]) == (503, "project_broken")
    assert "nothing" in answer.json()["detail"]
    assert len(api.get(ROWS).json()["rows"]) == 20
    assert api.get("/health/ready").json() == {"status": "ready", "project": "broken"}
    (shop.root / "models/orders.ff.sql").write_text(good)
    assert api.get("/models").status_code == 200
    assert api.get("/health/ready").json() == {"status": "ready", "project": "ok"}


def test_a_model_without_the_key_has_no_rows(shop: Served) -> None:
    shop.write({"models/inner.ff.sql": "select 1 as id"})
    answer = client(shop).get("/models/inner/rows")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_busy_server_says_when_to_come_back(shop: Served) -> None:
    api = client(shop, {"FFT_SERVE_CONCURRENT": "1", "FFT_SERVE_WAIT_SECONDS": "0"})
    with api:  # one event loop
        slots = api.app.state.service.slots  # type: ignore[attr-defined]
        assert api.portal is not None
        slot = api.portal.call(slots.take)
        answer = api.get(ROWS)
        assert (answer.status_code, answer.headers["retry-after"], answer.json()["code"]) == (503, "1", "busy")
        api.portal.call(slot.leave)
        assert api.get(ROWS).status_code == 200


def test_places_are_left_also_after_errors(shop: Served) -> None:
    api = client(shop, {"FFT_SERVE_CONCURRENT": "1", "FFT_SERVE_WAIT_SECONDS": "0"})
    with api:
        for path in (f"{ROWS}?id=eq.x", f"{ROWS}.csv?prise=eq.1", f"{ROWS}.csv", f"{ROWS}.arrow", ROWS):
            assert {api.get(path).status_code for _ in range(3)} <= {200, 400}, path
        tag = api.get(ROWS).headers["etag"]
        assert [api.get(ROWS, headers={"If-None-Match": tag}).status_code for _ in range(3)] == [304] * 3


def test_a_large_body_is_refused(shop: Served) -> None:
    api = client(shop)
    assert api.post("/builds", json={"select": "x" * 100_000}).status_code == 413


@pytest.mark.parametrize(("path", "code"), [("/nothing", "not_found"), ("/models/orders/", "not_found")])
def test_unknown_addresses_are_problems(shop: Served, path: str, code: str) -> None:
    answer = client(shop).get(path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert client(shop).put("/models").json()["code"] == "method_not_allowed"
    assert client(shop).get("/models?limit=3").json()["code"] == "unknown_parameter"


def test_it_can_be_mounted_in_another_app(shop: Served) -> None:
    outer = FastAPI()
    outer.mount("/data", app(shop.root, "dev", variables={}))
    api = TestClient(outer, base_url="http://localhost", client=("127.0.0.1", 5))
    first = api.get(f"/data{ROWS}.csv?limit=2")
    assert first.status_code == 200
    assert api.get(first.headers["link"].partition(">")[0][1:]).status_code == 200
    assert api.get("/data/openapi.json").json()["servers"] == [{"url": "/data"}]


def test_the_document_has_a_schema_of_each_served_model(shop: Served) -> None:
    document = client(shop).get("/openapi.json").json()
    row = document["components"]["schemas"]["Row_orders"]
    assert row["properties"]["id"] == {"type": ["integer", "null"], "description": "The number of the order"}
    assert "name" not in row["properties"]  # it is personal
    assert set(row["example"]) == set(row["properties"])
    names = {parameter["name"] for parameter in document["paths"][ROWS]["get"]["parameters"]}
    assert {"select", "order", "limit", "cursor", "count", "id", "grp", "price"} == names
    text = json.dumps(document)
    assert all(f"#/components/schemas/{name}" in text for name in ("Problem", "Row_orders"))
    assert set(document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]) == set(CODES)


def test_the_page_uses_nothing_from_outside(shop: Served) -> None:
    answer = client(shop).get("/")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"https?://|src=|@import|url\(", files("fft_serve").joinpath("page.html").read_text())


def test_counters(shop: Served) -> None:
    api = client(shop)
    api.get(f"{ROWS}?limit=3")
    text = api.get("/metrics").text
    assert 'fft_serve_requests_total{method="GET",route="/models/{name}/rows",status="200"} 1.0' in text
    assert 'fft_serve_rows_total{model="orders"} 3.0' in text


def test_the_catalog_says_what_is_stale(served_place: Served) -> None:
    shop = served_place
    shop.write({"models/orders.ff.sql": orders(range(20)), "models/schema.yml": SCHEMA})
    shop.write({"models/late.ff.sql": "{{ config(serve=true) }} select count(*) as n from {{ ref('orders') }}"})
    shop.build()
    api = client(shop)
    assert api.get("/models/late").json()["is_stale"] is False
    shop.write({"models/orders.ff.sql": orders(range(5))})
    shop.build("orders")
    said = api.get("/models/late").json()
    assert (said["is_stale"], said["stale_because"]) == (True, ["orders was built since"])
    assert said["inputs"] == ["orders"]
    edges = api.get("/lineage").json()["edges"]
    assert edges == [{"from": "orders", "to": "late"}]


def test_the_plan_is_that_of_the_command(shop: Served) -> None:
    api = client(shop)
    shop.write({"models/orders.ff.sql": orders(range(5))})
    (decision,) = api.get("/plan").json()["decisions"]
    assert (decision["name"], decision["action"], decision["reasons"][0]["kind"]) == ("orders", "build", "code_changed")
    assert api.get("/plan?select=nothing").status_code == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FFT_SERVE_MAX_ROWS", "many"),
        ("LOG_LEVEL", "loud"),
        ("DATABASE_URL", "mysql://secret@host/db"),
        ("FFT_SERVE_PII", "both"),
        ("FFT_SERVE_SECONDS", "inf"),
        ("FFT_SERVE_STREAM_MB", "inf"),
        ("FFT_SERVE_JWKS_URL", "issuer/keys"),
        ("FFT_SERVE_DAGSTER_URL", "web:3000"),
        ("SENTRY_DSN", "not-an-address"),
        ("FFT_SERVE_BUILD_SELECT", "kind:nonsense"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(shop: Served, name: str, value: str) -> None:
    with pytest.raises(FftError, match=name) as found:
        client(shop, {name: value})
    assert value not in str(found.value) or name == "FFT_SERVE_BUILD_SELECT"


def test_a_misspelled_setting_is_told(shop: Served, caplog: pytest.LogCaptureFixture) -> None:
    """But not variables that Kubernetes makes for a service called fft-serve."""
    of_kubernetes = {"FFT_SERVE_SERVICE_HOST": "10.0.0.1", "FFT_SERVE_PORT_8000_TCP_ADDR": "10.0.0.1"}
    client(shop, {"FFT_SERVE_PAGEROWS": "3", "FFT_SERVE_PAGE_ROWS": "4", **of_kubernetes})
    assert [record.getMessage() for record in caplog.records if "FFT_SERVE" in record.getMessage()] == [
        "FFT_SERVE_PAGEROWS is not a setting, and has no effect. Did you mean FFT_SERVE_PAGE_ROWS?"
    ]


def test_the_address_of_the_database_is_a_setting(tmp_path: Path, postgres_dsn: str) -> None:
    settings = {"dsn": "{{ env('FF_PG_DSN') }}", "db_schema": "public"}
    shop = Served(tmp_path, "postgres", settings, {"FF_PG_DSN": postgres_dsn})
    shop.write({"models/served_here.ff.sql": "{{ config(serve=true) }} select 1 as id"})
    shop.build()
    rest = postgres_dsn.partition("://")[2]
    more = "&" if "?" in rest else "?"
    for address in (
        f"postgresql+asyncpg://{rest}",
        f" POSTGRES://{rest}\n",
        f"postgresql+asyncpg://{rest}{more}ssl=disable",  # the name of that driver
        f"postgresql+psycopg://{rest}{more}sslmode=disable",
    ):
        answer = client(shop, {"DATABASE_URL": address}).get("/models/served_here/rows")
        assert answer.json()["rows"] == [{"id": 1}], address


def test_a_project_that_changes_keeps_its_connections(tmp_path: Path, postgres_dsn: str) -> None:
    """Each reload with connections of its own would use up those of the server."""
    shop = Served(tmp_path, "postgres", {"dsn": postgres_dsn, "db_schema": "public"})
    api = client(shop_with(shop, 0))
    readers = set()
    for number in range(1, 6):
        shop_with(shop, number)
        assert api.get("/models").status_code == 200
        loaded = api.app.state.service.state.current()  # type: ignore[attr-defined]
        assert loaded.project.models["counted"].description == str(number)
        readers.add(id(loaded.sources.reader))
    assert len(readers) == 1


def shop_with(shop: Served, number: int) -> Served:
    shop.write({"models/counted.ff.sql": f"{{{{ config(serve=true, description='{number}') }}}} select 1 as id"})
    return shop

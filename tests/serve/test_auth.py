"""Who may ask what: hashed tokens, JSON web tokens, scopes, conditions on rows, and personal columns."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, TypeAlias

import jwt
import pytest
from api import client
from cryptography.hazmat.primitives.asymmetric import rsa
from serve_project import SCHEMA, Served, orders
from starlette.testclient import TestClient

from fft_serve.auth.tokens import create_token, read_tokens, revoke_token

Headers: TypeAlias = dict[str, str]
ROWS = "/models/orders/rows"
KEY = "a key of the tests that is long enough"
OWN = orders(range(20)).replace("serve=true", "serve={'where': 'grp = :group'}")


@pytest.fixture
def shop(served_place: Served) -> Served:
    served_place.write({"models/orders.ff.sql": orders(range(20)), "models/schema.yml": SCHEMA})
    served_place.build()
    return served_place


def token(
    shop: Served, *scopes: str, claims: Mapping[str, Any] | None = None, ends: int | None = None
) -> dict[str, str]:
    path = shop.root / ".fastflowtransform/serve/tokens.json"
    name = f"token {len(read_tokens(path))}"
    return {"Authorization": f"Bearer {create_token(path, name, scopes, claims or {}, ends)}"}


def web(
    key: Any = KEY, algorithm: str = "HS256", headers: Mapping[str, Any] | None = None, **claims: Any
) -> dict[str, str]:
    said = {"sub": "ann", "scope": "read:catalog read:model", "exp": int(time.time()) + 60, **claims}
    return {"Authorization": f"Bearer {jwt.encode(said, key, algorithm, headers=dict(headers or {}))}"}


def status(api: TestClient, path: str, headers: Mapping[str, str] | None = None) -> int:
    found: int = api.get(path, headers=dict(headers or {})).status_code
    return found


def test_without_tokens_only_this_machine_may_ask(shop: Served) -> None:
    assert status(client(shop), ROWS) == 200
    assert status(client(shop, address="192.0.2.1"), ROWS) == 401
    assert status(client(shop, address="192.0.2.1"), "/health/live") == 200
    assert status(client(shop), ROWS, {"Host": "elsewhere.example"}) == 403


def test_pages_of_allowed_origins_may_ask_without_tokens(shop: Served) -> None:
    api = client(shop, {"CORS_ORIGINS": "http://localhost:5173, https://dash.example"})
    allowed = api.get(ROWS, headers={"Origin": "http://localhost:5173"})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, "http://localhost:5173")
    assert {"X-FFT-Built-At", "Retry-After", "Location"} <= set(
        allowed.headers["access-control-expose-headers"].split(", ")
    )
    assert status(api, ROWS, {"Origin": "https://elsewhere.example"}) == 403
    asked = {"Origin": "https://dash.example", "Access-Control-Request-Method": "GET"}
    for header in ("Authorization", "Last-Event-ID", "If-None-Match"):
        preflight = api.options(ROWS, headers={**asked, "Access-Control-Request-Headers": header})
        assert preflight.status_code == 200, header
    everybody = client(shop, {"CORS_ORIGINS": "*"})
    assert status(everybody, ROWS, {"Origin": "https://elsewhere.example"}) == 403


def test_pages_of_allowed_origins_can_read_every_error(shop: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    api = client(shop, {"CORS_ORIGINS": "https://dash.example"})
    monkeypatch.setattr("fft_serve.application.Service.whole", lambda self: 1 / 0)  # as an error in FFT itself would
    asked = {"Origin": "https://dash.example"}
    failed = api.get("/plan", headers=asked)
    large = api.post("/builds", json={"select": "x" * 100_000}, headers=asked)
    assert [(a.status_code, a.json()["code"]) for a in (failed, large)] == [(500, "internal"), (413, "too_large")]
    for answer in (failed, large):
        assert answer.headers["access-control-allow-origin"] == "https://dash.example"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert 'status="500"' in api.get("/metrics").text


def test_a_bad_token_is_never_no_token(shop: Served) -> None:
    api = client(shop)
    for header in ("Bearer x", "Bearer ", "Basic abc", "Bearer fft_000000000000_" + "a" * 43, "Bearer a.b.c", "x", ""):
        answer = api.get(ROWS, headers={"Authorization": header})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), header
        assert "Bearer" in answer.headers["www-authenticate"]


MATRIX = {
    "/models": "read:catalog",
    "/models/orders": "read:catalog",
    "/sources": "read:catalog",
    "/lineage": "read:catalog",
    "/plan": "read:catalog",
    "/runs": "read:catalog",
    "/metrics": "read:catalog",
    "/openapi.json": "read:catalog",
    ROWS: "read:model",
    f"{ROWS}.csv": "read:model",
    "/builds": "run:build",
}


def test_each_path_needs_its_scope(shop: Served) -> None:
    headers = {scope: token(shop, scope) for scope in ("read:catalog", "read:model", "run:build", "read:pii")}
    api = client(shop)
    for path, needed in MATRIX.items():
        assert status(api, path) == 401, path
        for scope, header in headers.items():
            assert status(api, path, header) == (200 if scope == needed else 403), (path, scope)
    build = api.post("/builds", json={}, headers=headers["read:model"])
    assert (build.status_code, build.json()["scope"]) == (403, "run:build")


def documented(api: TestClient, headers: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield method, address and scope of each documented call that needs one."""
    for path, operations in api.get("/openapi.json", headers=dict(headers)).json()["paths"].items():
        for method, operation in operations.items():
            for scheme in operation["security"]:
                for scope in scheme.get("token", ()):
                    yield method, path.replace("{name}", "orders").replace("{identity}", "none"), scope


def test_each_documented_call_needs_a_good_token_and_its_scope(shop: Served) -> None:
    path = shop.root / ".fastflowtransform/serve/tokens.json"
    good = {scope: token(shop, scope) for scope in ("read:catalog", "read:model", "read:pii", "run:build")}
    both, revoked = token(shop, "read:catalog", "read:model"), token(shop, "read:catalog", "read:model", "run:build")
    revoke_token(path, read_tokens(path)[-1].name)
    late = token(shop, "read:catalog", "read:model", "run:build", ends=int(time.time()) - 1)
    api = client(shop, {"SECRET_KEY": KEY})
    cut = {"Authorization": both["Authorization"][:-1]}
    bad = [{}, revoked, late, cut, web("b" * 40), web(KEY * 2, "HS512"), web(exp=1), {"Authorization": "Basic YTpi"}]
    calls = list(documented(api, both))
    assert len(calls) == 16
    for method, address, scope in calls:
        for headers in bad:
            answer = api.request(method, address, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), (method, address, headers)
        for has, headers in good.items():
            is_allowed = scope == has or scope.startswith(f"{has}:")
            answer = api.request(method, address, headers=headers)
            assert (answer.status_code != 403) == is_allowed, (method, address, has)
            assert answer.status_code != 401
    for path_of_all in ("/health/live", "/health/ready", "/"):
        assert status(api, path_of_all) == 200


def test_a_scope_for_some_models(shop: Served) -> None:
    api = client(shop)
    assert status(api, ROWS, token(shop, "read:model:ord*")) == 200
    assert status(api, ROWS, token(shop, "read:model:users")) == 403


def test_tokens_end_and_are_revoked_while_the_server_runs(shop: Served) -> None:
    api = client(shop)
    path = shop.root / ".fastflowtransform/serve/tokens.json"
    assert status(api, ROWS, token(shop, "read:model", ends=int(time.time()) - 1)) == 401
    good = token(shop, "read:model")
    assert status(api, ROWS, good) == 200
    assert path.stat().st_mode & 0o777 == 0o600
    assert good["Authorization"].rpartition("_")[2] not in path.read_text()
    for one in read_tokens(path):
        revoke_token(path, one.name)
    assert (status(api, ROWS, good), status(api, ROWS)) == (401, 401)  # and it is not open again
    path.write_text("not json")
    assert (status(api, ROWS, good), status(api, ROWS)) == (401, 401)


def test_web_tokens_with_a_shared_key(shop: Served) -> None:
    api = client(shop, {"SECRET_KEY": KEY, "FFT_SERVE_JWT_AUDIENCE": "fft"})
    now = int(time.time())
    assert status(api, ROWS, web(aud="fft")) == 200
    assert status(api, ROWS, web(aud="fft", exp=now - 10)) == 200  # clocks differ
    bad = [
        web(aud="other"), web(), web(aud="fft", exp=now - 60), web(aud="fft", nbf=now + 600), web("b" * 40, aud="fft"),
        web(KEY, "HS384", aud="fft"), web("", "none", aud="fft"), web(aud="fft", exp="soon"), web(aud="fft", scope=5),
    ]  # fmt: skip
    for header in bad:
        assert status(api, ROWS, header) == 401
    endless = jwt.encode({"sub": "ann", "aud": "fft", "scope": "read:model"}, KEY, "HS256")
    assert status(api, ROWS, {"Authorization": f"Bearer {endless}"}) == 401
    assert status(api, ROWS, web(aud="fft", scope="read:catalog")) == 403
    nameless = client(shop, {"SECRET_KEY": KEY})
    assert (status(nameless, ROWS, web()), status(nameless, ROWS, web(aud="other"))) == (200, 401)


def test_a_short_key_signs_nothing(shop: Served) -> None:
    assert status(client(shop, {"SECRET_KEY": "short"}), ROWS, web("short")) == 401


@contextmanager
def published_keys(keys: list[Any]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"keys": keys}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/keys"
    finally:
        server.shutdown()


def test_web_tokens_with_published_keys(shop: Served) -> None:
    own, other = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(own.public_key()))
    with published_keys([{**public, "kid": "1", "use": "sig", "alg": "RS256"}]) as address:
        api = client(shop, {"FFT_SERVE_JWKS_URL": address})
        assert status(api, ROWS, web(own, "RS256", {"kid": "1"})) == 200
        assert status(api, ROWS, web(other, "RS256", {"kid": "1"})) == 401
        assert status(api, ROWS, web(own, "RS256", {"kid": "2"})) == 401
        assert status(api, ROWS, web(public["n"], "HS256", {"kid": "1"})) == 401  # the public key as a shared one
    api = client(shop, {"FFT_SERVE_JWKS_URL": "http://127.0.0.1:9/keys"})
    assert status(api, ROWS, web(own, "RS256", {"kid": "1"})) == 401


def test_conditions_on_rows_by_claims(shop: Served) -> None:
    shop.write({"models/orders.ff.sql": OWN})
    shop.build()
    api = client(shop, {"SECRET_KEY": KEY})

    def ids(headers: Mapping[str, str], query: str = "") -> list[int]:
        return [row["id"] for row in api.get(f"{ROWS}?{query}", headers=dict(headers)).json()["rows"]]

    assert ids(token(shop, "read:model", claims={"group": 3})) == [3, 10, 17]
    assert ids(web(group=3), "id=gt.3") == [10, 17]
    assert ids(web(group=99)) == []
    for header in (web(), web(group={"a": 1}), web(group=None)):
        assert status(api, ROWS, header) == 403
    first = api.get(f"{ROWS}?limit=1", headers=web(group=3)).json()
    other = api.get(f"{ROWS}?limit=1&cursor={first['next']}", headers=web(group=4))
    assert other.status_code == 400  # the cursor of a reader who sees other rows
    for query in ("id=eq.4", "grp=eq.4", "grp=ne.3", "grp=is.null"):
        assert ids(web(group=3), query) == []
    assert api.get(f"{ROWS}?count=exact", headers=web(group=3)).json()["count"] == 3
    assert "group" not in api.get(f"{ROWS}.csv?count=exact", headers=web(group=3)).text


def test_a_claim_that_is_a_list(shop: Served) -> None:
    shop.write({"models/orders.ff.sql": OWN.replace("grp = :group", "grp in :group")})
    shop.build()
    api = client(shop, {"SECRET_KEY": KEY})
    assert len(api.get(ROWS, headers=web(group=[1, 2])).json()["rows"]) == 6
    assert api.get(ROWS, headers=web(group=[])).json()["rows"] == []


def test_a_claim_is_a_value_and_never_sql(shop: Served) -> None:
    shop.write({"models/orders.ff.sql": OWN.replace("grp = :group", "name = :group")})
    shop.build()
    api = client(shop, {"SECRET_KEY": KEY})
    assert len(api.get(ROWS, headers=web(group="name 1")).json()["rows"]) == 1
    for text in ("' or '1'='1", "{0}", "$1", ":group", "a\u0000b"):
        assert api.get(ROWS, headers=web(group=text)).json().get("rows", []) == []


def test_personal_columns_are_hidden_or_stars(shop: Served) -> None:
    all_scopes = token(shop, "read:model", "read:pii")
    some = token(shop, "read:model")
    hides, masks = client(shop), client(shop, {"FFT_SERVE_PII": "mask"})
    assert hides.get(f"{ROWS}?limit=1", headers=all_scopes).json()["rows"][0]["name"] == "name 0"
    assert "name" not in hides.get(f"{ROWS}?limit=1", headers=some).json()["rows"][0]
    assert masks.get(f"{ROWS}?limit=1", headers=some).json()["rows"][0]["name"] == "***"
    assert masks.get(f"{ROWS}?select=name&limit=1", headers=some).json()["rows"] == [{"name": "***"}]
    for api in (hides, masks):
        for query in ("name=eq.name 0", "order=name", "name=like.n%25"):
            assert status(api, f"{ROWS}?{query}", some) == 400
    assert status(hides, f"{ROWS}?select=name", some) == 400
    for suffix in ("csv", "ndjson", "arrow", "parquet"):
        assert b"name 0" not in hides.get(f"{ROWS}.{suffix}", headers=some).content
        assert b"name 0" not in masks.get(f"{ROWS}.{suffix}", headers=some).content


def test_other_rules_about_personal_values_are_other_answers(shop: Served) -> None:
    tag = client(shop).get(ROWS).headers["etag"]
    assert status(client(shop), ROWS, {"If-None-Match": tag}) == 304
    assert status(client(shop, {"FFT_SERVE_PII": "mask"}), ROWS, {"If-None-Match": tag}) == 200
    shop.write({"models/schema.yml": SCHEMA.replace("[pii]", "[mart]")})
    shop.build()
    assert status(client(shop), ROWS, {"If-None-Match": tag}) == 200


def test_a_personal_key_is_not_in_cursors(shop: Served) -> None:
    schema = SCHEMA.replace("tags: [pii]", "tests: [unique]").replace("tests: [unique, not_null]", "tags: [pii]")
    shop.write({"models/orders.ff.sql": orders(range(1000, 1020)), "models/schema.yml": schema})
    shop.build()
    from fft_serve.rows.cursor import decoded

    cursor = decoded(client(shop).get(f"{ROWS}?limit=2").json()["next"])
    assert cursor is not None
    assert not any("1001" in (key or "") and "name" not in (key or "") for key in cursor.keys)

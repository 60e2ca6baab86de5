"""A client of an app in this process, as a browser on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from serve_project import Served
from starlette.testclient import TestClient

from fft_serve import app

OPEN: list[FastAPI] = []


def client(shop: Served, variables: Mapping[str, str] | None = None, *, address: str = "127.0.0.1") -> TestClient:
    given = {"FFT_SERVE_RELOAD_SECONDS": "0", **(variables or {})}
    found = app(shop.root, "dev", variables=given)
    OPEN.append(found)
    return TestClient(found, base_url="http://localhost", client=(address, 50_000), raise_server_exceptions=False)


def walk(api: TestClient, path: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return all rows, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        answer = api.get(path, params={**parameters, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["rows"]
        cursor = page["next"]
        if cursor is None:
            return found

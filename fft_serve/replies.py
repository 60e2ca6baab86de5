"""Answers with plain values, and query parameters that endpoints do not have."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fft_core.names.numbers import json_text
from fft_serve.problems import ProblemError, nearest_text


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return plain values as JSON."""
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return Response(json_text(value).encode(), status, kept, "application/json")


def refuse_parameters(request: Request, known: tuple[str, ...] = ()) -> None:
    """Raise ProblemError for a query parameter that the endpoint does not have."""
    for name in request.query_params:
        if name not in known:
            raise ProblemError("unknown_parameter", f"there is no parameter {name!r}.{nearest_text(name, known)}")

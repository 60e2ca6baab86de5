"""Errors of the API as problem documents (RFC 9457): a status, a code for programs, and what to do for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

TYPE = "application/problem+json"
# Each code has one status and one title: clients may depend on the code.
CODES: Mapping[str, tuple[int, str]] = {
    "bad_parameter": (400, "A query parameter cannot be used"),
    "unknown_parameter": (400, "There is no such query parameter"),
    "unknown_column": (400, "The model has no such column"),
    "unknown_operator": (400, "There is no such operator"),
    "bad_value": (400, "A value is not of its column's type"),
    "bad_cursor": (400, "The cursor is not one of this query"),
    "bad_body": (400, "The body of the request cannot be used"),
    "unauthorized": (401, "A valid token is needed"),
    "forbidden": (403, "The token does not allow this"),
    "not_found": (404, "There is no such resource"),
    "method_not_allowed": (405, "The resource does not have this method"),
    "not_acceptable": (406, "The rows cannot be sent in this format"),
    "conflict": (409, "The state of the resource does not allow this"),
    "version_gone": (410, "The rows are those of another version now"),
    "too_large": (413, "The answer or the request is too large"),
    "key_reused": (422, "The idempotency key was used for another request"),
    "too_large_to_serve": (503, "The rows are too large to be served"),
    "internal": (500, "The request failed for a reason of the server's"),
    "not_built": (503, "The model has no published rows yet"),
    "busy": (503, "The server is busy"),
    "unavailable": (503, "The database cannot be used now"),
    "project_broken": (503, "The files of the project have errors"),
    "time_limit": (504, "The query took too long"),
}


class ProblemError(Exception):
    """An error of a request, with its code.

    Args:
        code: One of `CODES`.
        detail: What is wrong with this request.
        headers: Further headers of the response.
        more: Further members of the document, such as the new version.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,  # Any: plain values for JSON
    ) -> None:
        super().__init__(detail)
        self.code, self.detail, self.headers, self.more = code, detail, dict(headers or {}), more

    @property
    def status(self) -> int:
        """The status of the response."""
        return CODES[self.code][0]


def busy(detail: str, *, seconds: int = 1) -> ProblemError:
    """Return the error of a server that has no room just now."""
    return ProblemError("busy", detail, headers={"Retry-After": str(seconds)})


def problem_response(error: ProblemError, request: Request | None = None) -> Response:
    """Return the document of an error."""
    status, title = CODES[error.code]
    content: dict[str, Any] = {
        "type": f"urn:fft:problem:{error.code}",
        "title": title,
        "status": status,
        "code": error.code,
        "detail": error.detail,
        **error.more,
    }
    if request is not None:
        content["instance"] = request.url.path
    body = json.dumps(content, ensure_ascii=False, default=str).encode("utf-8", "replace")
    return Response(body, status, {"Cache-Control": "no-store", **error.headers}, TYPE)


def nearest_text(name: str, known: Iterable[str]) -> str:
    """Return a sentence that names what was probably meant, or what there is; empty if there is nothing.

    >>> nearest_text("prise", ["price", "id"])
    " Did you mean 'price'?"
    """
    names = sorted(known)
    close = get_close_matches(name, names, n=2, cutoff=0.6)
    if close:
        return f" Did you mean {' or '.join(map(repr, close))}?"
    return f" There is {', '.join(map(repr, names[:20]))}." if names else ""

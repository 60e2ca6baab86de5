"""The middleware of each request: counters and headers of every answer, the limit of bodies, and unexpected errors."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request

from fft_serve.problems import ProblemError, problem_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from fft_serve.metrics import Metrics

_log = logging.getLogger("fft_serve.access")
FAILED = "the request failed: the server's log says why"
_METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


class Around:
    """Counts requests, and adds headers. It is pure ASGI, so streams are not buffered.

    Args:
        app: The app inside.
        metrics: The counters.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), [500]

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        self._metrics.running.inc()
        try:
            await self._app(scope, receive, counted)
        finally:
            self._metrics.running.dec()
            self._note(scope, status[0], time.perf_counter() - begun)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route: Any = scope.get("route")  # the pattern, without the values of the request
        path = getattr(route, "path", None) or "none"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(method, path, str(status)).inc()
        self._metrics.seconds.labels(path).observe(seconds)
        _log.info("%s %s %d %.1f ms", method, path, status, seconds * 1000)


class Guard:
    """Refuses large bodies, and answers unexpected errors, which it raises again for the log.

    It is inside of CORS: pages of other origins can read these answers, too.

    Args:
        app: The app inside.
        body_bytes: The limit of a request's body.
    """

    def __init__(self, app: ASGIApp, body_bytes: int) -> None:
        self._app, self._body_bytes = app, body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def sent(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._limited(scope, receive, sent)
        except Exception:
            if not has_begun:
                failed = ProblemError("internal", FAILED)
                await problem_response(failed, Request(scope))(scope, receive, send)
            raise

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = Headers(scope=scope).get("content-length", "")
        too_large = ProblemError("too_large", f"the body is larger than {self._body_bytes} bytes")
        if length.isascii() and length.isdigit() and int(length) > self._body_bytes:
            await problem_response(too_large, Request(scope))(scope, receive, send)
            return
        read = 0

        async def received() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._body_bytes:
                raise too_large
            return message

        await self._app(scope, received, send)

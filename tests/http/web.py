"""A web server of this machine, which says what it is told to, and remembers what it was asked."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Web:
    """The server: `says` gives the answer to a path and its parameters, as status, headers and content."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: dict[str, Callable[[dict[str, str]], tuple[int, dict[str, str], object]]] = field(default_factory=dict)

    def says(self, path: str, content: object, status: int = 200, **headers: str) -> None:
        """Always give this answer."""
        self.answers[path] = lambda _: (status, {n.replace("_", "-"): v for n, v in headers.items()}, content)

    def says_in_turn(self, path: str, *answers: tuple[int, dict[str, str], object]) -> None:
        """Give these answers one after the other, the last one for ever."""
        left = list(answers)
        self.answers[path] = lambda _: left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def web() -> Iterator[Web]:
    """Serve until the context is left."""
    served = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            served.asked.append(self.path)
            served.headers.append({name.lower(): value for name, value in self.headers.items()})
            params = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            answer = served.answers.get(parts.path)
            status, headers, content = answer(params) if answer else (404, {}, {"error": "not here"})
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            if headers.get("content-encoding") == "gzip":
                body = gzip.compress(body)
            self.send_response(status)
            for name, value in {
                "content-type": "application/json",
                "set-cookie": "token=cookie5ecret",
                **headers,
            }.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

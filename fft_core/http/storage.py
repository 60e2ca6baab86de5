"""Responses in files: `<key>.json` has the request and the time, `<key>.bin` the body. No name contains a secret.

A file has the method of the request, its URL without credentials, and its parameters, masked if they look like
credentials; and of the response, its status and the headers that describe the body.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from hishel import BaseStorage, Entry, Headers, Request, Response

from fft_core.json_files import replace_file
from fft_core.names.secret_names import looks_secret

_KEPT = ("content-type", "content-language", "date", "etag", "last-modified", "link")
_MASK = "***"


class FileStorage(BaseStorage):
    """Storage of responses in a folder.

    Args:
        folder: The folder.
        ttl: Seconds after which a response is no longer returned; None for never.
        is_written: Whether new responses are stored.
    """

    def __init__(self, folder: Path, *, ttl: float | None = None, is_written: bool = True) -> None:
        super().__init__(default_ttl=ttl)
        self._folder = folder
        self._is_written = is_written

    def create_entry(
        self, request: Request, response: Response, key: str, *, ttl: float | None = None, tti: float | None = None
    ) -> Entry:
        """Store a response when its body has been read."""
        said = {
            "method": request.method,
            **_address(request.url),
            "status": response.status_code,
            "headers": {name: value for name, value in response.headers.items() if name.lower() in _KEPT},
            "created_at": time.time(),
        }
        stream = self._saved(cast("Iterable[bytes]", response.stream or ()), key, said)
        return Entry(uuid.uuid4(), request, Response(response.status_code, response.headers, stream))

    def get_entries(self, key: str) -> list[Entry]:
        """Return the response of a key, if there is one that is not too old."""
        found = self._read(key)
        if found is None:
            return []
        said, body = found
        request = Request(said["method"], said["url"], Headers({}))
        headers = Headers({**said["headers"], "content-length": str(len(body))})
        return [Entry(uuid.uuid4(), request, Response(said["status"], headers, iter([body])))]

    def update_headers(self, id: uuid.UUID, headers: Headers) -> None:
        """Do nothing: responses are never revalidated."""

    def remove_entry(self, id: uuid.UUID) -> None:
        """Do nothing: responses are only replaced."""

    def _read(self, key: str) -> tuple[dict[str, Any], bytes] | None:
        """Read an entry; None if it is too old, incomplete, or was changed by hand."""
        try:
            said = json.loads((self._folder / f"{key}.json").read_bytes())
            body = (self._folder / f"{key}.bin").read_bytes()
            is_good = said["sha256"] == _digest(body) and isinstance(said["headers"], dict)
            age = time.time() - float(said["created_at"])
        except (OSError, ValueError, LookupError, TypeError):
            return None
        is_old = self.default_ttl is not None and not 0 <= age <= self.default_ttl
        return (said, body) if is_good and not is_old else None

    def _saved(self, chunks: Iterable[bytes], key: str, said: dict[str, object]) -> Iterator[bytes]:
        body = b"".join(chunks)
        yield body
        if self._is_written:
            self._folder.mkdir(parents=True, exist_ok=True)
            replace_file(self._folder / f"{key}.bin", body)
            text = json.dumps({**said, "sha256": _digest(body)}, indent=1, sort_keys=True)
            replace_file(self._folder / f"{key}.json", text.encode())


def key_of(method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes) -> str:
    """Return a digest of all that the response depends on: requests with other credentials have other keys."""
    parts = urlsplit(url)
    query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    told = [method, parts._replace(query="", fragment="").geturl(), query, sorted(headers), _digest(body)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def shown_url(url: str) -> str:
    """Return a URL without credentials, for messages.

    >>> shown_url("https://me:x@example.com/a?api_key=1&page=2")
    'https://example.com/a?api_key=***&page=2'
    """
    said = _address(url)
    query = "&".join(f"{name}={value}" for name, value in said["params"])
    return f"{said['url']}?{query}" if query else str(said["url"])


def _address(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    params = parse_qsl(parts.query, keep_blank_values=True)
    masked = [[name, _MASK if looks_secret(name) else value] for name, value in params]
    return {"url": f"{parts.scheme}://{host}{parts.path}", "params": masked}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

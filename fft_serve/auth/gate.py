"""The gate of the API: every request has a subject, or ends with a 401. A bad token never counts as no token."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request

from fft_core.errors import ArtifactError
from fft_serve.auth.subject import OPEN, Subject
from fft_serve.auth.tokens import Token, matching_token, read_tokens
from fft_serve.auth.web_tokens import WebTokens
from fft_serve.problems import ProblemError

if TYPE_CHECKING:
    from fft_serve.settings import ServeSettings

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="fft"'}


class Gate:
    """Finds the subject of requests.

    Args:
        tokens: The file with the hashed tokens; it is read again when it changes.
        settings: The settings of JSON web tokens.
    """

    def __init__(self, tokens: Path, settings: ServeSettings) -> None:
        self._path = tokens
        self._web = WebTokens(settings)
        self._origins = settings.cors_origins
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._tokens: tuple[Token, ...] = ()
        self._asks = False

    @property
    def asks_for_tokens(self) -> bool:
        """Whether there is any way to have a token. Once there was one, the API does not become open again."""
        self._read()
        self._asks = self._asks or bool(self._tokens) or self._web.is_configured or self._path.exists()
        return self._asks

    def subject(self, request: Request) -> Subject:
        """Return who asks. Raises ProblemError for a missing or invalid token."""
        header = request.headers.get("authorization")
        if header is not None:
            return self._of_token(header)
        if self.asks_for_tokens:
            raise ProblemError("unauthorized", "send a token: Authorization: Bearer ...", headers=_CHALLENGE)
        if not _is_loopback(request):
            said = "without tokens, only this machine may ask: create one with `fft serve token create`"
            raise ProblemError("unauthorized", said, headers=_CHALLENGE)
        _refuse_other_sites(request, self._origins)
        return OPEN

    def _of_token(self, header: str) -> Subject:
        kind, _, text = header.partition(" ")
        text = text.strip()
        self._read()
        if kind.lower() == "bearer" and text:
            token = matching_token(self._tokens, text)
            if token is not None:
                return Subject(token.name, frozenset(token.scopes), token.claims)
            found = self._web.subject(text) if text.count(".") == 2 else None
            if found is not None:
                return found
        headers = {"WWW-Authenticate": 'Bearer realm="fft", error="invalid_token"'}
        raise ProblemError("unauthorized", "the token is not valid", headers=headers)

    def _read(self) -> None:
        """Read the file again if it changed; while it cannot be read, no token of it is valid."""
        with self._lock:
            try:
                found = self._path.stat()
                seen = (found.st_mtime_ns, found.st_size, found.st_ino)
            except OSError:
                self._seen, self._tokens = None, ()
                return
            if seen != self._seen:
                try:
                    self._tokens = read_tokens(self._path)
                    self._seen = seen
                except ArtifactError:
                    self._seen, self._tokens = None, ()


def is_loopback_name(name: str) -> bool:
    """Return whether a name or address is that of this machine alone.

    >>> is_loopback_name("127.0.0.1"), is_loopback_name("localhost"), is_loopback_name("0.0.0.0")
    (True, True, False)
    """
    if name in ("localhost", ""):
        return name != ""
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_loopback(request: Request) -> bool:
    return request.client is not None and is_loopback_name(request.client.host)


def _refuse_other_sites(request: Request, allowed: Collection[str]) -> None:
    """Raise ProblemError for what pages of other sites send through a browser on this machine.

    Origins are allowed by name: a star would open this machine to each page that its user visits.
    """
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    if not is_loopback_name(host):
        raise ProblemError("forbidden", "without tokens, the address must be one of this machine")
    origin = request.headers.get("origin")
    if origin is None or origin in allowed:
        return
    if urlsplit(origin).netloc != request.headers.get("host"):
        raise ProblemError("forbidden", "without tokens, pages of other addresses may not ask")

"""Static tokens: a file with the hash of each. The token itself is shown once, when it is created."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fft_core.errors import ArtifactError, RequestError, nearest
from fft_core.json_files import json_text, replace_file

_SHAPE = re.compile(r"fft_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_FOR_OWNER = 0o600


@dataclass(frozen=True)
class Token:
    """A token, without its secret.

    Attributes:
        id: The part of the token that names it.
        name: Its name for people; unique.
        hash: The SHA-256 of its secret, which is random and long.
        scopes: What it allows.
        claims: What conditions on rows can ask about it.
        created_at: When it was created.
        expires_at: When it ends, in seconds since 1970; None if it does not.
    """

    id: str
    name: str
    hash: str
    scopes: tuple[str, ...]
    claims: Mapping[str, Any] = field(default_factory=dict)
    created_at: str = ""
    expires_at: int | None = None


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Read the tokens of a file; none if it does not exist. Raises ArtifactError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return tuple(_token(item) for item in content["tokens"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"cannot read the tokens of {path}: {type(error).__name__}") from error


def _token(item: dict[str, Any]) -> Token:
    return Token(**{**item, "scopes": tuple(item["scopes"])})


def create_token(
    path: Path, name: str, scopes: tuple[str, ...], claims: Mapping[str, Any], expires_at: int | None
) -> str:
    """Add a token to the file, and return it; it cannot be read again. Raises RequestError, ArtifactError."""
    tokens = read_tokens(path)
    if any(token.name == name for token in tokens):
        raise RequestError(
            f"there is a token {name!r} already", hint="Revoke it first, or choose another name.", code="FFT-912"
        )
    identity, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    _write(path, (*tokens, Token(identity, name, _hashed(secret), scopes, claims, now, expires_at)))
    return f"fft_{identity}_{secret}"


def revoke_token(path: Path, name: str) -> None:
    """Remove a token from the file. Raises RequestError, ArtifactError."""
    tokens = read_tokens(path)
    kept = tuple(token for token in tokens if token.name != name)
    if len(kept) == len(tokens):
        raise RequestError(
            f"there is no token {name!r}", hint=nearest(name, [token.name for token in tokens]), code="FFT-912"
        )
    _write(path, kept)


def matching_token(tokens: tuple[Token, ...], text: str) -> Token | None:
    """Return the token of a text, if it is valid. The time that it takes tells nothing about secrets."""
    found = _SHAPE.fullmatch(text)
    identity, secret = (found[1], found[2]) if found else ("", "")
    token = next((token for token in tokens if token.id == identity), None)
    is_equal = hmac.compare_digest(_hashed(secret), token.hash if token else _hashed("none"))
    if token is None or not is_equal or (token.expires_at is not None and token.expires_at <= time.time()):
        return None
    return token


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _write(path: Path, tokens: tuple[Token, ...]) -> None:
    content = json_text({"tokens": [asdict(token) for token in tokens]})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content.encode(), mode=_FOR_OWNER)
    except OSError as error:
        raise ArtifactError(f"cannot write {path}: {error.strerror}", code="FFT-711") from error

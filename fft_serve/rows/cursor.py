"""Cursors: where the next page begins, in which version, and of which query. They hold no secret, and are opaque."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fft_serve.problems import ProblemError

_LONGEST = 8192


@dataclass(frozen=True)
class Cursor:
    """The end of a page.

    Attributes:
        version: The data version of the walk.
        pin: What the version is compared by in the database; empty for files.
        query: The digest of the query that the walk is of.
        keys: The texts of the last row's values that order the rows; None for NULL.
        at: The place of the last row among equal ones; empty if there are none.
        begun: When the walk began, in seconds since 1970.
    """

    version: str
    pin: str
    query: str
    keys: tuple[str | None, ...]
    at: str
    begun: int

    def text(self) -> str:
        """Return the cursor for the client."""
        content = json.dumps(list(asdict(self).values()), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")


def query_digest(parts: Sequence[object]) -> str:
    """Return the digest of all that a walk depends on: a cursor of another query is refused."""
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


def read_cursor(text: str, query: str, orders: int, lifetime: int) -> Cursor:
    """Read the cursor of a query.

    Raises:
        ProblemError: it is not a cursor of this query, or has expired.
    """
    cursor = decoded(text)
    if cursor is None or len(cursor.keys) != orders:
        raise ProblemError("bad_cursor", "the cursor cannot be read: send `next` of the page before, as it is")
    if cursor.query != query:
        said = "the cursor is one of another query: keep select, filters and order, and change only the limit"
        raise ProblemError("bad_cursor", said)
    if cursor.begun + lifetime < time.time():
        raise ProblemError("version_gone", "the cursor has expired: begin again without it", expired=True)
    return cursor


def decoded(text: str) -> Cursor | None:
    """Return what a cursor says; None if it is not one."""
    if len(text) > _LONGEST:
        return None
    try:
        packed = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        unpacker = zlib.decompressobj()
        content: Any = json.loads(unpacker.decompress(packed, 4 * _LONGEST))
        version, pin, query, keys, at, begun = content
    except (ValueError, zlib.error, TypeError, RecursionError):
        return None
    texts = (version, pin, query, at)
    is_whole = all(isinstance(part, str) and "\0" not in part for part in texts) and type(begun) is int
    if not is_whole or not isinstance(keys, list):
        return None
    if not all(key is None or (isinstance(key, str) and "\0" not in key) for key in keys):
        return None
    return Cursor(version, pin, query, tuple(keys), at, begun)

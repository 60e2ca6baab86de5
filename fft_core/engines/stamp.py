"""The mark that a build leaves in the comment of a relation, beside the text that users write there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_MARK = re.compile(r"\n?\[fft ([0-9a-f]+) ([0-9a-f]+)\]")


def marked(text: str, stamp: str, signature: str) -> str:
    """Return a text with the mark of a build behind it; `signature` is a digest of the relation's columns or query.

    >>> marked("All users.", "a1", "b2")
    'All users.\\n[fft a1 b2]'
    """
    return "\n".join(part for part in (unmarked(text), f"[fft {stamp} {signature}]") if part)


def unmarked(comment: str | None) -> str:
    """Return the text that users wrote into a comment, without marks.

    >>> unmarked("All users.\\n[fft a1 b2]")
    'All users.'
    """
    return _MARK.sub("", comment or "")


def mark_in(comment: str | None) -> str:
    """Return the mark in a comment, without the text of users; empty if there is none.

    >>> mark_in("All users.\\n[fft a1 b2]")
    '[fft a1 b2]'
    """
    mark = _MARK.search(comment or "")
    return mark.group(0).lstrip("\n") if mark else ""


def with_text(comment: str | None, text: str) -> str:
    """Return a comment with another text and the same mark.

    >>> with_text("All users.\\n[fft a1 b2]", "Users [fft c3 d4]")
    'Users \\n[fft a1 b2]'
    """
    mark = _MARK.search(comment or "")
    return marked(text, *mark.groups()) if mark else unmarked(text)


def stamp_in(comment: str | None, signature: str | None) -> str | None:
    """Return the stamp in a comment; None if the relation's signature has changed since the stamp was written.

    Args:
        comment: A relation's comment.
        signature: The relation's signature now; None if a change of the relation would have removed the comment.
    """
    mark = _MARK.search(comment or "")
    return mark.group(1) if mark and signature in (None, mark.group(2)) else None


def columns_digest(columns: Iterable[tuple[str, str]]) -> str:
    """Return a digest of the names and types of columns, as the signature of a table.

    >>> columns_digest([("id", "BIGINT")])
    '595244f7aef1e51c'
    """
    return hashlib.sha256("\n".join(f"{name} {kind}" for name, kind in columns).encode()).hexdigest()[:16]

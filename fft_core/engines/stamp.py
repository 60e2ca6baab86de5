"""The mark that a build leaves in the comment of a relation, beside what others write there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_MARK = re.compile(r"\n?\[fft ([0-9a-f]+) ([0-9a-f]+)\]")


def marked(text: str, stamp: str, signature: str) -> str:
    """Put the mark of a build behind a text; `signature` says what the relation was made of.

    >>> marked("All users.", "a1", "b2")
    'All users.\\n[fft a1 b2]'
    """
    return "\n".join(part for part in (unmarked(text), f"[fft {stamp} {signature}]") if part)


def unmarked(comment: str | None) -> str:
    """Give what somebody wrote into a comment, without marks.

    >>> unmarked("All users.\\n[fft a1 b2]")
    'All users.'
    """
    return _MARK.sub("", comment or "")


def mark_in(comment: str | None) -> str:
    """Give the mark in a comment without what somebody wrote; nothing if there is none.

    >>> mark_in("All users.\\n[fft a1 b2]")
    '[fft a1 b2]'
    """
    mark = _MARK.search(comment or "")
    return mark.group(0).lstrip("\n") if mark else ""


def with_text(comment: str | None, text: str) -> str:
    """Put another text into a comment, whose mark stays.

    >>> with_text("All users.\\n[fft a1 b2]", "Users [fft c3 d4]")
    'Users \\n[fft a1 b2]'
    """
    mark = _MARK.search(comment or "")
    return marked(text, *mark.groups()) if mark else unmarked(text)


def stamp_in(comment: str | None, signature: str | None) -> str | None:
    """Read the stamp in a comment; None where the relation is made of something else by now.

    Args:
        comment: A relation's comment.
        signature: What the relation is made of; None where a change of that would have taken the comment away.
    """
    mark = _MARK.search(comment or "")
    return mark.group(1) if mark and signature in (None, mark.group(2)) else None


def columns_digest(columns: Iterable[tuple[str, str]]) -> str:
    """Digest names and types of columns, as the signature of a table.

    >>> columns_digest([("id", "BIGINT")])
    '595244f7aef1e51c'
    """
    return hashlib.sha256("\n".join(f"{name} {kind}" for name, kind in columns).encode()).hexdigest()[:16]

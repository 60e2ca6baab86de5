"""Text of users for a terminal or a log: control characters are shown as escapes."""

from __future__ import annotations

import re
from functools import cache

# Control characters of terminals (C0, DEL and C1), and characters that are invisible or change the direction of text.
_HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
)
_SURROGATES = "\ud800-\udfff"
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def visible(text: str) -> str:
    r"""Replace control characters by escapes; line breaks and tabs stay, as layout.

    >>> visible("a\x1b[31mb\r\nc")
    'a\\x1b[31mb\nc'
    """
    return text if _is_plain(text) else _any_of(_SURROGATES).sub(_escape, text.replace("\r\n", "\n"))


def visible_line(text: str) -> str:
    r"""Replace control characters by escapes, and line breaks and tabs as well, for a text on one line, such as a name.

    >>> visible_line("a\nb\u202e")
    'a\\nb\\u202e'
    """
    return text if _is_plain(text) else _any_of(f"{_SURROGATES}\t\n").sub(_escape, text)


def json_escaped(text: str) -> str:
    r"""Replace the control characters in JSON text by JSON's own escapes; parsed values stay the same.

    >>> json_escaped('{"a": "\u202e\x9b"}')
    '{"a": "\\u202e\\u009b"}'
    """
    return text if _is_plain(text) else _any_of("").sub(_escape_in_json, text)


def _is_plain(text: str) -> bool:
    """Return whether a text has only printable ASCII characters, as most lines do."""
    return text.isascii() and text.isprintable()


@cache  # on first use: each takes 0.4 ms to compile
def _any_of(more: str) -> re.Pattern[str]:
    """Return a pattern of all hidden characters, and of some more."""
    return re.compile(f"[{_HIDDEN}{more}]")


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    number = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _escape_in_json(found: re.Match[str]) -> str:
    units = found.group().encode("utf-16-be")
    return "".join(f"\\u{units[i] * 256 + units[i + 1]:04x}" for i in range(0, len(units), 2))

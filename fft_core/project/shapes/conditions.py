"""SQL conditions in YAML, which must stand in parentheses without changing the query around them."""

from __future__ import annotations

import re

_REST = r'"(?:[^"]|"")*"|`[^`]*`|--[^\n]*|/\*.*?\*/'
_QUOTED = (
    re.compile(rf"'(?:[^']|'')*'|{_REST}", re.DOTALL),
    re.compile(rf"'(?:[^'\\]|\\.|'')*'|{_REST}", re.DOTALL),  # for engines in which a backslash escapes a quote
)


def whole_condition(text: str) -> str:
    """Return a condition that can stand in parentheses. Raises ValueError for one that cannot.

    Quoted text and comments are skipped, whether a backslash escapes a quote or not.

    >>> whole_condition("a > (1) and b <> ')'")
    "a > (1) and b <> ')'"
    """
    if not any(_is_whole(quoted.sub("", text)) for quoted in _QUOTED):
        raise ValueError(f"{text!r} is not one condition: its parentheses do not match")
    return text


def _is_whole(text: str) -> bool:
    depth = 0
    for sign in re.findall(r"[()]", text):
        depth += 1 if sign == "(" else -1
        if depth < 0:
            return False
    return depth == 0

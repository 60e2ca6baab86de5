"""SQL conditions that a file holds: what cannot stand in parentheses would change the query around it."""

from __future__ import annotations

import re

_REST = r'"(?:[^"]|"")*"|`[^`]*`|--[^\n]*|/\*.*?\*/'
_QUOTED = (
    re.compile(rf"'(?:[^']|'')*'|{_REST}", re.DOTALL),
    re.compile(rf"'(?:[^'\\]|\\.|'')*'|{_REST}", re.DOTALL),  # as engines read it to which a backslash escapes
)


def whole_condition(text: str) -> str:
    """Return a condition that can stand in parentheses. Raises ValueError for one that cannot.

    What is quoted, and comments, do not count, whether the engine takes a backslash for an escape or not.

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

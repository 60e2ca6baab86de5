"""The nesting of JSON documents, limited, because the limit of Python's parser differs between versions."""

from __future__ import annotations

import re

DEEPEST = 200  # levels; readers of JSON in other languages stop at 64 to 1,000
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def is_too_deep(text: str) -> bool:
    """Return whether a document of JSON has lists and objects in more than `DEEPEST` levels.

    The text need not be valid.

    >>> is_too_deep("[" * 201 + "]" * 201), is_too_deep("[" * 200), is_too_deep('["' + "[" * 201 + '"]')
    (True, False, False)
    """
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    depth = 0
    for token in _TOKEN.finditer(text):
        first = token[0][0]
        depth += first in "[{"
        depth -= first in "]}"
        if depth > DEEPEST:
            return True
    return False

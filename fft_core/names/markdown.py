"""Text of users in the Markdown of metadata: shown as it is, it cannot become a link or HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fft_core.names.text import visible, visible_line

_ACTS = re.compile(r"[\\`*\[\]<>|&~]|(?<!\w)_|_(?!\w)")


def inline(text: str) -> str:
    r"""Return a text as one line of Markdown.

    >>> inline("a <b> [c](d)\ne_f")
    'a \\<b\\> \\[c\\](d)\\ne_f'
    """
    return _ACTS.sub(lambda found: "\\" + found.group(), visible_line(text))


def fenced(text: str, language: str = "sql") -> str:
    """Return a text as a block of code, with a fence that is longer than any in the text."""
    longest = max((len(run) for run in re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{visible(text)}\n{fence}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> str:
    """Return rows as a table in Markdown."""
    head = "| " + " | ".join(map(inline, columns)) + " |"
    rule = "|" + " --- |" * len(columns)
    return "\n".join([head, rule, *("| " + " | ".join(map(_cell, row)) + " |" for row in rows)])


def _cell(text: str | None) -> str:
    return "NULL" if text is None else inline(text.replace("\n", " "))

"""Text that others wrote, in the Markdown of metadata: it is shown as it is, and cannot become a link or HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fft_core.names.text import visible, visible_line

_ACTS = re.compile(r"[\\`*\[\]<>|&~]|(?<!\w)_|_(?!\w)")


def inline(text: str) -> str:
    r"""Write a text as one line of Markdown.

    >>> inline("a <b> [c](d)\ne_f")
    'a \\<b\\> \\[c\\](d)\\ne_f'
    """
    return _ACTS.sub(lambda found: "\\" + found.group(), visible_line(text))


def fenced(text: str, language: str = "sql") -> str:
    """Write a text as a block of code, whose fence is longer than any that the text has."""
    longest = max((len(run) for run in re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{visible(text)}\n{fence}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> str:
    """Write rows as a table."""
    head = "| " + " | ".join(map(inline, columns)) + " |"
    rule = "|" + " --- |" * len(columns)
    return "\n".join([head, rule, *("| " + " | ".join(map(_cell, row)) + " |" for row in rows)])


def _cell(text: str | None) -> str:
    return "NULL" if text is None else inline(text.replace("\n", " "))

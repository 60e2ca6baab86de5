"""Docstrings as Markdown: paragraphs, arguments, errors and examples."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from itertools import groupby

_SECTION = re.compile(r"(Args|Attributes|Returns|Yields|Raises):$")
_ITEM = re.compile(r"([\w*][\w, *]*): (.*)")
_TITLES = {"Args": "Arguments"}


def as_markdown(docstring: str) -> str:
    """Render a docstring in the style of Google.

    >>> print(as_markdown("Add two numbers.\\n\\nArgs:\\n    x: One.\\n    y: The other\\n        one."))
    Add two numbers.
    <BLANKLINE>
    Arguments:
    <BLANKLINE>
    - `x`: One.
    - `y`: The other one.
    """
    return "\n\n".join(_rendered(block) for block in _blocks(inspect.cleandoc(docstring).splitlines()))


def summary(docstring: str) -> str:
    """Render the first paragraph of a docstring."""
    return _text(inspect.cleandoc(docstring).partition("\n\n")[0])


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Split the lines at empty ones. A section stays one block; the example after it is another."""
    for is_empty, group in groupby(lines, key=lambda line: not line.strip()):
        if not is_empty:
            yield list(group)


def _rendered(block: Sequence[str]) -> str:
    first = block[0]
    if first.startswith(">>> "):
        return _fence("pycon", block)
    if match := _SECTION.match(first):
        title = match.group(1)
        return f"{_TITLES.get(title, title)}:\n\n{_items(block[1:])}"
    if first.startswith("    "):
        return _fence("py", [line.removeprefix("    ") for line in block])
    if first.startswith("- "):
        return "\n".join(_text(line) for line in block)
    return _text("\n".join(block))


def _fence(language: str, lines: Sequence[str]) -> str:
    return "\n".join([f"```{language}", *lines, "```"])


def _items(lines: Sequence[str]) -> str:
    """Render the lines of a section: a list of named items, or a text."""
    items = list[list[str]]()
    for line in lines:
        if line.startswith("     ") and items:
            items[-1].append(line.strip())
        else:
            items.append([line.strip()])
    texts = [" ".join(item) for item in items]
    if not all(_ITEM.match(text) for text in texts):
        return _text(" ".join(texts))
    return "\n".join(_item(text) for text in texts)


def _item(text: str) -> str:
    name, _, said = text.partition(": ")
    return f"- {', '.join(f'`{one}`' for one in name.split(', '))}: {_text(said)}"


def _text(text: str) -> str:
    """Escape Markdown in a text, except its `code`, and join its lines."""
    parts = " ".join(text.split()).split("`")
    return "`".join(part if i % 2 else _escaped(part) for i, part in enumerate(parts))


def _escaped(text: str) -> str:
    return re.sub(r"([*<\\[\]]|(?<!\w)_(?=\w))", r"\\\1", text)

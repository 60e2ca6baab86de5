"""Generated parts of hand-written pages: the lines between two comments that name the part."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

Maker = Callable[[], str]


def with_parts(path: Path, makers: Mapping[str, Maker], new: str = "") -> str:
    """Return the text of a page with its parts made again.

    Args:
        path: The page. `<!-- generated: NAME -->` is the line before a part, `<!-- end: NAME -->` the line after it.
        makers: For each name, the function that returns the lines of the part.
        new: The text of a page that does not exist yet.

    Raises:
        ValueError: a part is missing in the page.
    """
    text = path.read_text(encoding="utf-8") if path.exists() or not new else new
    for name, make in makers.items():
        begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
        pattern = re.compile(rf"^{re.escape(begin)}\n.*?^{re.escape(end)}$", re.MULTILINE | re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"{path}: the page has no part {begin} ... {end}")
        lines = make().strip("\n")
        text = pattern.sub(lambda _, new=f"{begin}\n\n{lines}\n\n{end}": new, text)  # type: ignore[misc]
    return text

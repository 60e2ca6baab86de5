"""The pages for those who work on FFT: the allowed imports, and the list of decisions."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAYOUT = ROOT / "tests" / "core" / "test_layout.py"
DECISIONS = ROOT / "docs" / "decisions"


def rooms() -> str:
    """Return the table of allowed imports that the layout test verifies."""
    layout = runpy.run_path(str(LAYOUT))
    ground, found = layout["GROUND"], layout["ROOMS"]
    lines = ["| room of `fft_core` | may import |", "|---|---|"]
    lines += [f"| {', '.join(f'`{name}`' for name in ground)} | each other; all rooms may import them |"]
    lines += [
        f"| `{room}` | {', '.join(f'`{name}`' for name in others) or 'none'} |"
        for room, others in found.items()
        if room not in ground
    ]
    return "\n".join(lines)


def decisions() -> str:
    """Return a list of the decision records, by title."""
    titles = {}
    for path in DECISIONS.glob("*.md"):
        if path.name != "index.md":
            title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
            titles[title.partition(": ")[2] if title[:4].isdigit() else title] = path.name
    lines = [f"- [{title[0].upper()}{title[1:]}]({titles[title]})" for title in sorted(titles, key=str.lower)]
    return "\n".join(lines)

"""The pages of the documentation, and the blocks of code in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
GENERATED = sorted((DOCS / "reference" / "commands").glob("*.md"))
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
TUTORIAL = sorted((DOCS / "tutorial").glob("*.md"))  # they continue each other: see test_tutorial.py
PAGES = [README, *sorted({*DOCS.rglob("*.md")} - {*GENERATED, *DECISIONS})]
# Pages outside of docs/: those of the examples, and the one for contributors.
READMES = [*sorted(ROOT.glob("example*/**/README.md")), ROOT / "CONTRIBUTING.md"]
ALL_PAGES = [*PAGES, *GENERATED, *DECISIONS]


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line where it begins."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The file that the block is: its first line is a comment that names it."""
        match = re.match(r"(?:#|--) ([\w./-]+\.(?:py|sql|yml|yaml|toml))\n", self.text)
        return match.group(1) if match else None


@cache
def blocks_of(page: Path) -> tuple[Block, ...]:
    text = page.read_text(encoding="utf-8")
    fences = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return tuple(Block(f.group(1), f.group(2), text[: f.start()].count("\n") + 1) for f in fences)


def commands_of(block: Block) -> list[str]:
    return [line for line in block.text.splitlines() if line.strip() and not line.startswith("#")]


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()

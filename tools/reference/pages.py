"""All generated pages, and the pages with generated parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tools.reference import api, commands, development, errors, exit_codes, project_files, variables
from tools.reference.parts import Maker, with_parts

DOCS = Path(__file__).parents[2] / "docs"
COMMANDS = "reference/commands"
# a page below docs/ -> its generated parts
PARTS: Mapping[str, Mapping[str, Maker]] = {
    "decisions/index.md": {"decisions": development.decisions},
    "development/architecture.md": {"rooms": development.rooms},
    "reference/environment-variables.md": {"engines": variables.engines},
    "reference/exit-codes.md": {"codes": exit_codes.codes, "commands": commands.codes_of_commands},
    **api.PARTS,
}


def make_pages() -> dict[str, str]:
    """Return the text of all generated pages and pages with generated parts, by path below docs/."""
    pages = {f"{COMMANDS}/{name}": text for name, text in commands.make_pages().items()}
    pages[project_files.NAME] = project_files.make_page()
    pages["reference/errors.md"] = errors.page()
    return pages | {name: with_parts(DOCS / name, makers) for name, makers in PARTS.items()}

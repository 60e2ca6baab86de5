"""`python -m tools.reference`: write the generated pages again."""

from __future__ import annotations

import sys

from tools.reference.pages import COMMANDS, DOCS, make_pages


def main() -> None:
    """Write all generated pages, and remove those of commands that no longer exist."""
    pages = make_pages()
    for path in sorted((DOCS / COMMANDS).glob("*.md")):
        if path.relative_to(DOCS).as_posix() not in pages:
            path.unlink()
    for name, text in pages.items():
        path = DOCS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(pages)} pages\n")


if __name__ == "__main__":
    main()

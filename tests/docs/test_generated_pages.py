"""Generated pages are those that `make docs` would write."""

from __future__ import annotations

import pytest

from tools.reference.pages import COMMANDS, DOCS, make_pages

PAGES = make_pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name], "run: make docs"


def test_there_are_no_pages_of_former_commands() -> None:
    assert {f"{COMMANDS}/{path.name}" for path in (DOCS / COMMANDS).iterdir()} <= set(PAGES)

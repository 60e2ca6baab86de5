"""The pages of the Python API have every public name, as it is in the code."""

from __future__ import annotations

import doctest
import re
from importlib import import_module

import pytest

from tools.reference import api, docstrings, signatures
from tools.reference.pages import DOCS

# The pages, with the packages on each and the first words of their headings.
PAGES = {
    "fft_core": ("python-api.md", ""),
    "fft_core.streaming": ("python-api.md", "streaming."),
    "fft_core.testing": ("python-api.md", "testing."),
    "fft_dagster": ("dagster-api.md", ""),
    "fft_prefect": ("prefect-api.md", ""),
}


def text_of(package: str) -> str:
    return (DOCS / "reference" / PAGES[package][0]).read_text(encoding="utf-8")


@pytest.mark.parametrize("package", PAGES)
def test_each_public_name_has_one_section(package: str) -> None:
    prefix = PAGES[package][1]
    part = text_of(package).partition(f"<!-- generated: {package} -->")[2].partition(f"<!-- end: {package} -->")[0]
    found = re.findall(rf"^### (?:class )?{re.escape(prefix)}(\w+)(?:\(\))?$", part, re.MULTILINE)
    assert sorted(found) == sorted(import_module(package).__all__)
    assert len(re.findall(r"^```py\n", part, re.MULTILINE)) == len(found)


@pytest.mark.parametrize("package", ["fft_dagster", "fft_prefect"])
def test_each_section_has_an_example(package: str) -> None:
    sections = text_of(package).split("\n### ")[1:]
    assert [section.partition("\n")[0] for section in sections if "```pycon\n>>> " not in section] == []


@pytest.mark.parametrize("package", PAGES)
def test_no_signature_has_the_address_of_an_object(package: str) -> None:
    assert re.findall(r".*(?: at 0x|<factory>|<class ).*", text_of(package)) == []


def test_a_name_that_is_in_no_group_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"fft_prefect: these names are in one place only: \{'FftTranslator'\}"):
        api.grouped("fft_prefect", {"Flows": "project_flow"})


@pytest.mark.parametrize("module", [docstrings, signatures], ids=lambda module: module.__name__)
def test_examples_of_the_tool(module: object) -> None:
    ran = doctest.testmod(module)  # type: ignore[arg-type]
    assert ran.attempted
    assert ran.failed == 0


def test_docstrings_as_markdown() -> None:
    text = docstrings.as_markdown(
        """Return the sum of *all* numbers, as in `a * b`.

        It reads _ff_meta,
        and nothing else.

        - a point

        Args:
            first, second: The numbers
                to add.

        Returns:
            The sum. It is
            exact.

        Raises:
            ValueError: they are too large.

            with this: code

        >>> total(1, 2)
        3
        """
    )
    assert text.split("\n\n") == [
        "Return the sum of \\*all\\* numbers, as in `a * b`.",
        "It reads \\_ff_meta, and nothing else.",
        "- a point",
        "Arguments:",
        "- `first`, `second`: The numbers to add.",
        "Returns:",
        "The sum. It is exact.",
        "Raises:",
        "- `ValueError`: they are too large.",
        "```py\nwith this: code\n```",
        "```pycon\n>>> total(1, 2)\n3\n```",
    ]

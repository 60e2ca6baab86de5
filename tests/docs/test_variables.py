"""The page of environment variables has all variables that the packages read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tools.reference.project_files import our_specs

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "environment-variables.md"
PACKAGES = ("fft_core", "fft_cli", "fft_dagster", "fft_prefect", "fft_pytest")
OURS = re.compile(r"(?:FF|FFT|FLOWFORGE|DAGSTER|PREFECT)_[A-Z0-9_]*[A-Z0-9]")
# git.py removes them from the environment of git; the page describes them together
OF_GIT = re.compile(r"GIT_[A-Z_]+")


def names_in(code: str) -> Iterator[str]:
    """Yield the variables of ours and of the schedulers in a code, and all others that it reads from the process."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Constant(value=str(text)) if OURS.fullmatch(text):
                yield text
            case ast.Call(func=ast.Attribute(value=read), args=[ast.Constant(value=str(text)), *_]):
                yield from [text] if ast.unparse(read) in ("os.environ", "os") else []
            case ast.Subscript(value=read, slice=ast.Constant(value=str(text))):
                yield from [text] if ast.unparse(read) == "os.environ" else []


def test_the_search_finds_each_way_to_read() -> None:
    code = (
        'import os\nA = "FFT_A"\nos.environ.get("B", "")\nos.environ["C"]\nos.getenv("D")\nx.get("FF_E")\n{}.get("F")'
    )
    assert sorted(names_in(code)) == ["B", "C", "D", "FFT_A", "FF_E"]


def test_each_variable_that_is_read_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    documented = set(re.findall(r"`(\w+)(?:=\w+)?`", text))
    read = {
        name
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for name in names_in(path.read_text(encoding="utf-8"))
    }
    read |= {f"{spec.variables}MAX_BYTES" for spec in our_specs()}
    assert len(read) > 40
    assert {name for name in read if not OF_GIT.fullmatch(name)} - documented == set()


def test_each_variable_of_ours_on_the_page_is_read() -> None:
    text = PAGE.read_text(encoding="utf-8")
    code = "".join(path.read_text("utf-8") for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    made = {f"{spec.variables}MAX_BYTES" for spec in our_specs()} | {"_FFT_COMPLETE"}  # click makes the last one
    documented = set(re.findall(r"`(_?(?:FF|FFT|FLOWFORGE)_\w+)`", text)) - made - {"FF_"}
    assert {name for name in documented if name not in code} == set()

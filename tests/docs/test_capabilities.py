"""What engines can do, in the docs as the code says it: `FFT_WRITE_DOCS=1 pytest tests/docs/test_capabilities.py`."""

from __future__ import annotations

import ast
import inspect
import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import test_contract

from fft_core.engines.spec import Capabilities
from fft_core.engines.spec.layout import LAYOUT_KEYS
from fft_core.engines.spec.registry import installed_specs
from fft_core.testing import matrix

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "engines.md"
BEGIN, END = "<!-- begin: capabilities, made from code -->\n", "<!-- end: capabilities -->"


def said_of_fields() -> dict[str, str]:
    """The text below each field of Capabilities."""
    (definition,) = ast.parse(inspect.getsource(Capabilities)).body
    assert isinstance(definition, ast.ClassDef)
    said = {}
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                said[name] = words
    return said


def table() -> Iterator[str]:
    specs = installed_specs()
    yield f"| | {' | '.join(specs)} |"
    yield f"| --- | {' | '.join('---' for _ in specs)} |"
    for field in fields(Capabilities):
        can = [str(getattr(spec.can, field.name)) for spec in specs.values()]
        yield f"| {said_of_fields()[field.name]} | {' | '.join(can)} |"


def layouts() -> list[str]:
    """The effect of each key of the layout of a table."""
    specs = installed_specs()
    rows = [[f"`{key}`", *(getattr(spec.layout, key) or "none" for spec in specs.values())] for key in LAYOUT_KEYS]
    head = [f"| | {' | '.join(specs)} |", f"| --- | {' | '.join('---' for _ in specs)} |"]
    said = "The effect of each key of the [layout](layout.md) of a table (`EngineSpec.layout`):"
    return [said, "", *head, *(f"| {' | '.join(row)} |" for row in rows)]


def levels() -> list[str]:
    """What the engines claim to the contract suite."""
    ours = (
        test_contract.TestBigQuery,
        test_contract.TestSpark,
        test_contract.TestDuckDB,
        test_contract.TestPostgres,
        test_contract.TestSnowflake,
    )
    return ["What each claims to the contract suite, which its tests hold it to:", "", *matrix(ours).splitlines()]


def test_the_table_of_capabilities_is_the_one_of_the_code() -> None:
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    written, _, after = rest.partition(END)
    made = "".join(f"{line}\n" for line in [*table(), "", *layouts(), "", *levels(), ""])
    if os.environ.get("FFT_WRITE_DOCS"):
        PAGE.write_text(f"{before}{BEGIN}{made}{END}{after}", "utf-8")
        return
    assert written == made

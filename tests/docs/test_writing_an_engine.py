"""The tutorial shows what is in the files of the package, word for word."""

from __future__ import annotations

import pytest
from pages import DOCS, ROOT, Block, blocks_of

PAGE = DOCS / "guides" / "write-an-engine.md"
PACKAGE = ROOT / "examples" / "fft-sqlite"
SHOWN = [block for block in blocks_of(PAGE) if block.language in ("python", "toml")]


@pytest.mark.parametrize("block", SHOWN, ids=lambda block: f"{block.file}:{block.line}")
def test_a_block_is_a_part_of_its_file(block: Block) -> None:
    assert block.file is not None, "its first line names the file"
    _, _, shown = block.text.partition("\n")
    text = (PACKAGE / block.file).read_text(encoding="utf-8")
    assert f"\n{shown}" in text


def test_every_file_of_the_package_is_shown() -> None:
    files = {path.relative_to(PACKAGE).as_posix() for path in (PACKAGE / "src").rglob("*.py")}
    assert files | {"pyproject.toml", "tests/test_contract.py"} == {block.file for block in SHOWN}


def test_every_part_of_an_engine_is_named() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for named in ("EngineSpec", "Spelling", "BaseSession", "StandardTypes", "SqlFrames", "EngineContract", "inspect"):
        assert named in text

"""The tool that holds the table of words in CONTRIBUTING.md finds them in all kinds of prose, and in no code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "prose.py"


def found(path: Path, text: str) -> list[str]:
    """Return the places that the tool prints for a file with a text, without its path."""
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, str(TOOL), str(path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    lines = [line.partition(f"{path.name}:")[2] for line in ended.stdout.splitlines()[:-1]]
    assert ended.returncode == (1 if lines else 0)
    return lines


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('def f():\n    """Give the rows."""\n', ["2: 'Give'"]),
        ('def f():\n    """Return the rows.\n\n    They are read anew.\n    """\n', ["4: 'anew'"]),
        ('def f():\n    """What was written."""\n', ["2: 'What'"]),
        ("x = 1  # built anew\n", ["1: 'anew'"]),
        ('raise ValueError("this is no table at all")\n', ["1: 'is no table'"]),
        ('def f():\n    """Return `anew`.\n\n    >>> print("anew")\n    anew\n    """\n', []),
        ("anew = 'anew'\n", []),
        ("x = 'built anew here'  # prose: quoted\n", []),
    ],
)
def test_words_in_python(text: str, places: list[str], tmp_path: Path) -> None:
    lines = found(tmp_path / "example.py", text)
    assert [line.partition(": write")[0] for line in lines] == places


def test_words_in_markdown_but_not_in_its_code(tmp_path: Path) -> None:
    text = "# Title\n\nIt is built anew, where it does not exist, and `anew` is code.\n\n```text\nanew\n```\n"
    lines = found(tmp_path / "page.md", text)
    assert [line.partition(": write")[0] for line in lines] == ["3: 'anew'", "3: 'where it does'"]

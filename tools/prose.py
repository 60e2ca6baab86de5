"""Find words that CONTRIBUTING.md replaces, in documentation, docstrings, comments and messages.

Run as `python tools/prose.py [FILE ...]`; without files, on all files in git. It prints file:line for each place, and
exits with 1 if there is one. A line with `prose: quoted` is skipped: it quotes another text.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORDS = ROOT / "CONTRIBUTING.md"
SKIPPED = ("tests/", "CONTRIBUTING.md", "example_project/seeds/")
QUOTED = "prose: quoted"
SHORTEST_MESSAGE = 3  # words of a text in code that counts as a message
_CODE = re.compile(r"`[^`\n]*`|``[^`]+``")
_DOCTEST = re.compile(r"^\s*>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)


@dataclass(frozen=True)
class Rule:
    """Words to replace; with `is_first`, only as the first words of a docstring."""

    instead: str
    pattern: re.Pattern[str]
    is_first: bool


@dataclass(frozen=True)
class Passage:
    """A piece of prose and its first line; `is_docstring` distinguishes docstrings from all other prose."""

    line: int
    text: str
    is_docstring: bool = False


def rules_of(text: str) -> list[Rule]:
    """Return the rules of the table under "## Words" in CONTRIBUTING.md."""
    table = text.partition("## Words")[2]
    rules = []
    for row in re.findall(r"^\| (.+?) \| (.+?) \| `(.+)` \|$", table, re.MULTILINE):
        _, write, pattern = row
        rules.append(Rule(write, re.compile(pattern), pattern.startswith("^")))
    return rules


def passages_of(path: Path) -> Iterator[Passage]:
    """Yield the prose of a file: in Markdown everything except code, in Python docstrings, comments and messages."""
    text = path.read_text(encoding="utf-8")
    yield from _markdown(text) if path.suffix == ".md" else _python(text)


def findings(passages: Iterator[Passage], rules: Sequence[Rule]) -> Iterator[tuple[int, str]]:
    """Yield the line of each word to replace, with the advice for it."""
    for passage in passages:
        text = _CODE.sub("`x`", _DOCTEST.sub("", passage.text))
        for rule in rules:
            if rule.is_first and not passage.is_docstring:
                continue
            for found in rule.pattern.finditer(text):
                line = passage.line + text.count("\n", 0, found.start())
                yield line, f"{found.group()!r}: write {rule.instead}"


def _markdown(text: str) -> Iterator[Passage]:
    is_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code and QUOTED not in line:
            yield Passage(number, line)


def _python(text: str) -> Iterator[Passage]:
    lines = text.splitlines()
    tree, docstrings = ast.parse(text), set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring is not None and isinstance(node.body[0], ast.Expr):
                docstrings.add(id(node.body[0].value))
                yield Passage(node.body[0].lineno, docstring, is_docstring=True)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            is_message = len(node.value.split()) >= SHORTEST_MESSAGE and QUOTED not in lines[node.lineno - 1]
            if is_message:
                yield Passage(node.lineno, node.value)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and QUOTED not in token.line:
            yield Passage(token.start[0], token.string)


def _files() -> list[Path]:
    known = subprocess.run(["git", "ls-files", "*.py", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in known.stdout.splitlines() if not name.startswith(SKIPPED)]


def main(arguments: Sequence[str]) -> int:
    """Print the words to replace in files; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    given = parser.parse_args(arguments).files
    rules = rules_of(WORDS.read_text(encoding="utf-8"))
    count = 0
    for path in [path.resolve() for path in given] or _files():
        for line, said in sorted(set(findings(passages_of(path), rules))):
            _print(f"{_shown(path)}:{line}: {said}")
            count += 1
    if count:
        _print(f"{count} places; see CONTRIBUTING.md, Words")
    return 1 if count else 0


def _shown(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

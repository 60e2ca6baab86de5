"""The names of functions in models/macros_py, which templates use as functions and filters; nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from fft_core.errors import Problem
from fft_core.project.read.python_file import parsed

# Names in templates that FFT itself defines, and no file can replace.
_OURS = frozenset({"ref", "source", "this", "config", "var", "env", "is_incremental"})


def public_names(text: str, path: Path, problems: list[Problem]) -> list[str]:
    """Return the public names of a module. Names other than functions are reported when the module is imported."""
    tree, found = parsed(text, path)
    problems.extend(found)
    names = _bound(tree.body) if tree else ()
    return [name for name in dict.fromkeys(names) if not name.startswith("_") and name not in _OURS]


def _bound(statements: list[ast.stmt]) -> Iterator[str]:
    for statement in statements:
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name.partition(".")[0] for alias in names)
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.If() | ast.Try() | ast.ExceptHandler():
                for part in ("body", "orelse", "handlers", "finalbody"):
                    yield from _bound(getattr(statement, part, []))

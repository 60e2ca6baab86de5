"""The code that a Python model is made of: its file, and every module of the project that it imports, transitively."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PythonSources:
    """Canonical code by path below the root, and the environment variables that it reads by literal name."""

    code: dict[str, str]
    environment: frozenset[str]


def python_sources(root: Path, path: Path) -> PythonSources:
    """Read a model's file and the project's modules that it imports, from the root and from models/.

    The code is canonical: no comments, docstrings, formatting, or decorators of models. "*" stands in `environment` for
    a variable whose name is computed.
    """
    code: dict[str, str] = {}
    names: set[str] = set()
    frontier = [path]
    while frontier:
        current = frontier.pop()
        if current.as_posix() in code:
            continue
        tree = ast.parse((root / current).read_text(encoding="utf-8-sig"))
        names.update(_environment(tree))
        frontier.extend(_imported_files(tree, root, current))
        code[current.as_posix()] = ast.unparse(_without_what_does_not_count(tree))
    return PythonSources(dict(sorted(code.items())), frozenset(names))


def _imported_files(tree: ast.Module, root: Path, current: Path) -> Iterator[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files_of(alias.name, root, [Path(), Path("models")])
        elif isinstance(node, ast.ImportFrom):
            folders = [current.parents[node.level - 1]] if node.level else [Path(), Path("models")]
            module = node.module or ""
            yield from _files_of(module, root, folders)
            for alias in node.names:  # `from package import module`
                yield from _files_of(f"{module}.{alias.name}".strip("."), root, folders)


def _files_of(module: str, root: Path, folders: list[Path]) -> Iterator[Path]:
    """The files that importing a dotted name runs: the packages on the way, and the module."""
    parts = [part for part in module.split(".") if part]
    for folder in folders:
        for end in range(len(parts) + 1):
            base = folder.joinpath(*parts[:end])
            for candidate in (base / "__init__.py", base.with_suffix(".py") if end else base):
                if candidate.suffix == ".py" and (root / candidate).is_file():
                    yield candidate


def _without_what_does_not_count(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = node.body[0] if node.body else None
            is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            if is_docstring and isinstance(first.value.value, str):  # type: ignore[union-attr]
                node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef):
            # what the decorator says of rows is part of the model's config
            node.decorator_list = [d for d in node.decorator_list if not _is_model(d)]
    return tree


def _is_model(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return getattr(called, "id", getattr(called, "attr", "")) == "model"


def _environment(tree: ast.Module) -> Iterator[str]:
    """Names in os.environ["X"], os.environ.get("X"), os.getenv("X"), environ["X"], getenv("X")."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _ends(node.value, "environ"):
            yield _literal(node.slice)
        elif isinstance(node, ast.Call):
            is_get = isinstance(node.func, ast.Attribute) and _ends(node.func.value, "environ")
            if is_get or _ends(node.func, "getenv"):
                yield _literal(node.args[0]) if node.args else "*"


def _ends(node: ast.expr, name: str) -> bool:
    return getattr(node, "id", getattr(node, "attr", "")) == name


def _literal(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "*"

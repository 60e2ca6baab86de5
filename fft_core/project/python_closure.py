"""The code that a Python model is made of: its file, and every module of the project that it imports, transitively."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fft_core.errors import Location, ModelError
from fft_core.names import PYTHON_SUFFIX
from fft_core.project.model import Home


@dataclass(frozen=True)
class PythonSources:
    """Canonical code by path below the home, and the environment variables that it reads by literal name."""

    code: dict[str, str]
    environment: frozenset[str]


def python_sources(home: Home, path: Path, function: str) -> PythonSources:
    """Read a model's file and the modules of its project or package that it imports: from the root, from the folder of
    models, and from folders below the root that Python searches, such as src/.

    The code is canonical: no comments, docstrings, formatting, decorators of models, or other models of the same file.
    "*" stands in `environment` for variables whose names are computed.

    Args:
        home: The project's folder, or the package's.
        path: The model's file, as shown.
        function: The model's function.

    Raises:
        ModelError: a file is not Python.
    """
    code: dict[str, str] = {}
    names: set[str] = set()
    own = path.relative_to(home.shown)
    frontier = [own]
    while frontier:
        current = frontier.pop()
        if current.as_posix() in code:
            continue
        tree = _parsed(home, current)
        if current == own:
            tree.body = [statement for statement in tree.body if not _is_another_model(statement, tree, function)]
        names.update(_environment(tree))
        frontier.extend(_imported_files(tree, home, current))
        code[current.as_posix()] = ast.unparse(_without_what_does_not_count(tree, current))
    return PythonSources(dict(sorted(code.items())), frozenset(names))


def _parsed(home: Home, path: Path) -> ast.Module:
    shown = home.shown / path
    try:
        return ast.parse((home.root / path).read_bytes())
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise ModelError(f"invalid Python: {getattr(error, 'msg', error)}", where=Location(shown, line)) from error
    except OSError as error:
        raise ModelError(f"the file cannot be read: {error.strerror}", where=Location(shown)) from error


def _is_another_model(statement: ast.stmt, tree: ast.Module, function: str) -> bool:
    """Whether a statement is the function of another model, which nothing else in the file mentions."""
    if not isinstance(statement, ast.FunctionDef) or statement.name == function:
        return False
    if not any(_is_model(decorator) for decorator in statement.decorator_list):
        return False
    return not any(isinstance(node, ast.Name) and node.id == statement.name for node in ast.walk(tree))


def _imported_files(tree: ast.Module, home: Home, current: Path) -> Iterator[Path]:
    root, folders = home.root, _searched(home)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files_of(alias.name, root, folders)
        elif isinstance(node, ast.ImportFrom):
            # a model's file has no package: what it imports relatively is searched like all else
            own = [current.parents[node.level - 1]] if 0 < node.level <= len(current.parents) else []
            module = node.module or ""
            for name in (module, *(f"{module}.{alias.name}".strip(".") for alias in node.names)):
                yield from _files_of(name, root, [*own, *folders])
        elif isinstance(node, ast.Call) and _is_import(node.func):
            yield from _files_of(_literal(node.args[0]) if node.args else "*", root, folders)


def _searched(home: Home) -> list[Path]:
    """The folders where its modules are found, below the root."""
    root = home.root
    paths = [Path(path) for path in sys.path if path]
    own = [path.relative_to(root) for path in paths if path.is_relative_to(root) and "site-packages" not in path.parts]
    return list(dict.fromkeys([Path(), home.models, *own]))


def _is_import(called: ast.expr) -> bool:
    return _ends(called, "import_module") or _ends(called, "__import__")


def _files_of(module: str, root: Path, folders: list[Path]) -> Iterator[Path]:
    """The files that importing a dotted name runs: the packages on the way, and the module."""
    parts = [part for part in module.split(".") if part]
    for folder in folders:
        if parts[-1:] == ["*"]:
            yield from _listed(root, folder.joinpath(*parts[:-1]))
        for end in range(len(parts) + 1):
            base = folder.joinpath(*parts[:end])
            for candidate in (base / "__init__.py", base.with_suffix(".py") if end else base):
                if candidate.suffix == ".py" and (root / candidate).is_file():
                    yield candidate


def _listed(root: Path, package: Path) -> Iterator[Path]:
    """The modules that a package may name in its __all__, and `import *` then imports."""
    init = root / package / "__init__.py"
    if init.is_file() and "__all__" in init.read_text(encoding="utf-8"):
        yield from (path.relative_to(root) for path in sorted(init.parent.glob("*.py")))


def _without_what_does_not_count(tree: ast.Module, path: Path) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = node.body[0] if node.body else None
            is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            if is_docstring and isinstance(first.value.value, str):  # type: ignore[union-attr]
                node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef) and path.name.endswith(PYTHON_SUFFIX):
            # what the decorator says of rows is part of the model's config
            node.decorator_list = [d for d in node.decorator_list if not _is_model(d)]
    return tree


def _is_model(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return getattr(called, "id", getattr(called, "attr", "")) == "model"


def _environment(tree: ast.Module) -> Iterator[str]:
    """Names in os.environ["X"], os.environ.get("X"), "X" in os.environ, os.getenv("X"); "*" for any other use."""
    understood: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _ends(node.value, "environ"):
            place, name = node.value, _literal(node.slice)
        elif isinstance(node, ast.Compare) and _ends(node.comparators[0], "environ"):
            place, name = node.comparators[0], _literal(node.left)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _ends(node.func.value, "environ"):
            place, name = node.func.value, _literal(node.args[0]) if node.args else "*"
        elif isinstance(node, ast.Call) and _ends(node.func, "getenv"):
            place, name = node.func, _literal(node.args[0]) if node.args else "*"
        else:
            is_renamed = isinstance(node, ast.alias) and node.name in ("environ", "getenv") and node.asname
            is_other = isinstance(node, ast.expr) and (_ends(node, "environ") or _ends(node, "getenv"))
            if is_renamed or (is_other and id(node) not in understood):
                yield "*"
            continue
        understood.add(id(place))
        yield name


def _ends(node: ast.expr, name: str) -> bool:
    return getattr(node, "id", getattr(node, "attr", "")) == name


def _literal(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "*"

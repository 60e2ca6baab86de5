"""The code of a Python model: its file, and every module of the project that it imports, transitively."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import resolve_name
from pathlib import Path

from fft_core.compile.python_environment import environment_read
from fft_core.compile.python_search import Found, Search
from fft_core.errors import Location, ModelError
from fft_core.names import PYTHON_SUFFIX
from fft_core.plan.python_names import IMPORTERS, Names
from fft_core.project.model import Home
from fft_core.project.read.python_file import MODEL_DECORATORS, decorator_name


@dataclass(frozen=True)
class PythonSources:
    """The code of a model.

    Attributes:
        code: All the code that counts, by path below the home.
        modules: The canonical text of each module.
        environment: The environment variables that it reads by literal name; "*" if a name is computed.
    """

    code: Mapping[str, str]
    modules: Mapping[str, str]
    environment: frozenset[str]


class PythonReader:
    """Reader of the code of models. A module that several models import is read once."""

    def __init__(self) -> None:
        self._searches: dict[Home, Search] = {}
        self._files: dict[tuple[Home, str], _File] = {}

    def sources(self, home: Home, path: Path, function: str) -> PythonSources:
        """Read a model's file and the modules that it imports from its project or package: from the root, from the
        folder of models, and from the folders that Python searches, except those with installed packages.

        The code is canonical: without comments, docstrings, formatting, decorators of models, and other models of the
        same file. Docstrings count if the code mentions them, and the text as it is if the code reads source code.

        Args:
            home: The project's folder, or the package's.
            path: The model's file, as shown.
            function: The model's function.

        Raises:
            ModelError: a file is not Python.
        """
        search = self._searches.setdefault(home, Search(home))
        start = search.own(path.relative_to(home.shown))
        files = {start.key: _model_file(start, home, function)}
        frontier = list(files[start.key].imported(search))
        while frontier:
            found = frontier.pop()
            if found.key not in files:
                files[found.key] = self._file(found, home)
                frontier.extend(files[found.key].imported(search))
        return _joined(dict(sorted(files.items())))

    def _file(self, found: Found, home: Home) -> _File:
        key = home, found.key
        if key not in self._files:
            self._files[key] = _File(found, *_parsed(found, home))
        return self._files[key]


@dataclass
class _File:
    """One file, and the facts about it, each found on first use."""

    found: Found
    text: bytes
    tree: ast.Module | None  # None: a compiled module, which counts as it is
    _imported: tuple[Found, ...] | None = field(default=None)

    def imported(self, search: Search) -> tuple[Found, ...]:
        """Return the files of the modules that it imports."""
        if self._imported is None:
            self._imported = tuple(self._imports(search)) if self.tree else ()
        return self._imported

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes of its syntax tree."""
        return list(ast.walk(self.tree)) if self.tree else []

    @cached_property
    def environment(self) -> frozenset[str]:
        return frozenset(environment_read(self.nodes))

    @cached_property
    def mentioned(self) -> frozenset[str]:
        """The words in it that make docstrings or source code a part of its behaviour."""
        return frozenset(_words(self.nodes)) & (_READS_DOCSTRINGS | _READS_SOURCE)

    @cached_property
    def with_docstrings(self) -> str:
        assert self.tree  # the caller has checked it
        with _without_model_decorators(self.nodes, self.found.path):
            return ast.unparse(self.tree)

    @cached_property
    def canonical(self) -> str:
        assert self.tree  # the caller has checked it
        with _without_model_decorators(self.nodes, self.found.path), _without_docstrings(self.nodes):
            return ast.unparse(self.tree)

    def _imports(self, search: Search) -> Iterator[Found]:
        assert self.tree  # the caller has checked it
        by_name = b"importlib" in self.text or b"__import__" in self.text or b"import_module" in self.text
        names = Names(self.tree) if by_name else None
        for node in self.nodes:
            match node:
                case ast.Import(names=imported):
                    for alias in imported:
                        yield from search.files_of(alias.name)
                case ast.ImportFrom(module=module, names=imported, level=level):
                    base = module or ""
                    for name in (base, *(f"{base}.{alias.name}".strip(".") for alias in imported)):
                        yield from search.files_of(name, self.found, level)
                case ast.Call(func=called) if names and _imports_by_name(called, names):
                    for name in _named(node):
                        yield from search.files_of(name.lstrip("."), self.found, _dots(name))


def _imports_by_name(called: ast.expr, names: Names) -> bool:
    last = getattr(called, "id", getattr(called, "attr", ""))
    return last in ("import_module", "__import__") or bool(names.origins(called) & IMPORTERS)


def _named(call: ast.Call) -> Iterator[str]:
    """Yield the modules that import_module(".sub", "package") or __import__("package", fromlist=["sub"]) may import."""
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    texts = [value.value for value in arguments if isinstance(value, ast.Constant) and isinstance(value.value, str)]
    inner = [
        item.value
        for value in arguments
        if isinstance(value, ast.List | ast.Tuple)
        for item in value.elts
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    ]
    for text in texts:
        yield text
        yield from (f"{text}.{name}" for name in inner)
        if text.startswith("."):
            yield from (resolve_name(text, package) for package in texts if package.count(".") >= _dots(text) - 1)


def _dots(name: str) -> int:
    return len(name) - len(name.lstrip("."))


_READS_DOCSTRINGS = frozenset({"__doc__", "getdoc", "pydoc", "doctest", "help"})
_READS_SOURCE = frozenset(
    "inspect linecache traceback dis tokenize getsource getsourcelines getcomments findsource _getframe __code__ "
    "co_firstlineno co_positions co_lines tb_lineno f_lineno currentframe extract_tb extract_stack".split()
)


def _joined(files: Mapping[str, _File]) -> PythonSources:
    mentioned = frozenset[str]().union(*(file.mentioned for file in files.values()))
    modules = {key: file.canonical for key, file in files.items() if file.tree}
    code = dict(modules)
    if mentioned & _READS_DOCSTRINGS:
        code = {key: file.with_docstrings for key, file in files.items() if file.tree}
    for key, file in files.items():
        if not file.tree or mentioned & _READS_SOURCE:
            code[f"{key}, as text" if file.tree else key] = hashlib.sha256(file.text).hexdigest()
    environment = frozenset[str]().union(*(file.environment for file in files.values()))
    return PythonSources(code, modules, environment)


def _words(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.Constant(value=str(word)):
                yield word
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (part for alias in names for part in alias.name.split("."))
                yield from (getattr(node, "module", None) or "").split(".")


def _model_file(found: Found, home: Home, function: str) -> _File:
    text, tree = _parsed(found, home)
    others = [f for f in _models_in(tree) if f.name != function and _only_defines(f)] if tree else []
    if tree and others:
        nodes = list(ast.walk(tree))
        mentioned = {node.id for node in nodes if isinstance(node, ast.Name)}
        mentioned |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        apart = [other for other in others if other.name not in mentioned]
        tree.body = [statement for statement in tree.body if statement not in apart]
    return _File(found, text, tree)


def _models_in(tree: ast.Module) -> list[ast.FunctionDef]:
    functions = [statement for statement in tree.body if isinstance(statement, ast.FunctionDef)]
    return [function for function in functions if any(map(_is_model, function.decorator_list))]


def _only_defines(function: ast.FunctionDef) -> bool:
    """Return whether the definition of a model's function has no effect on the rest of its file."""
    defaults = [*function.args.defaults, *(default for default in function.args.kw_defaults if default)]
    does_something = any(isinstance(node, ast.Call) for default in defaults for node in ast.walk(default))
    return all(map(_is_model, function.decorator_list)) and not does_something


def _parsed(found: Found, home: Home) -> tuple[bytes, ast.Module | None]:
    shown = home.shown / found.key if found.is_own else Path(found.key)
    try:
        text = found.path.read_bytes()
        return text, ast.parse(text) if found.path.suffix == ".py" else None
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise ModelError(
            f"invalid Python: {getattr(error, 'msg', error)}", where=Location(shown, line), code="FFT-140"
        ) from error
    except OSError as error:
        raise ModelError(f"the file cannot be read: {error.strerror}", where=Location(shown), code="FFT-103") from error


@contextmanager
def _without_model_decorators(nodes: Iterable[ast.AST], path: Path) -> Iterator[None]:
    """Remove the decorators of models for a while: their arguments are part of the model's config."""
    taken = [(node, node.decorator_list) for node in nodes if isinstance(node, ast.FunctionDef) and node.decorator_list]
    if path.name.endswith(PYTHON_SUFFIX):
        for node, decorators in taken:
            node.decorator_list = [decorator for decorator in decorators if not _is_model(decorator)]
    yield
    for node, decorators in taken:
        node.decorator_list = decorators


@contextmanager
def _without_docstrings(nodes: Iterable[ast.AST]) -> Iterator[None]:
    """Remove the docstrings for a while."""
    taken = []
    for node in nodes:
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            match node.body[:1]:
                case [ast.Expr(value=ast.Constant(value=str()))]:
                    taken.append((node, node.body))
                    node.body = node.body[1:] or [ast.Pass()]
    yield
    for node, body in taken:
        node.body = body


def _is_model(decorator: ast.expr) -> bool:
    return decorator_name(decorator) in MODEL_DECORATORS

"""The annotations in a Python file as dotted names: read from its syntax tree, without importing anything."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

_NOTHING_SAID = frozenset({"typing.Any", "builtins.object", "types.NoneType"})
_UNIONS = frozenset({"typing.Optional", "typing.Union"})
_FIRST = frozenset({"typing.Annotated", "typing.Final"})
_MAPPINGS = frozenset(
    {f"typing.{name}" for name in ("Dict", "Mapping", "MutableMapping")}
    | {f"collections.abc.{name}" for name in ("Mapping", "MutableMapping")}
    | {"builtins.dict"}
)


@dataclass(frozen=True)
class Annotation:
    """The annotation of one parameter.

    Attributes:
        names: The dotted names of the annotated types; of an optional type and of a mapping's values, the type inside.
            Empty if the annotation is open, such as `Any` or `dict`. A name that the file does not define stays as
            written.
        text: The annotation as written.
        line: Its line.
    """

    names: tuple[str, ...]
    text: str
    line: int


class AnnotationReader:
    """A resolver of the annotations of one file, through its imports, aliases and constants."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree

    @cached_property
    def _names(self) -> _Names:
        names = _Names()
        names.bind(self._tree.body)
        return names  # many files have no annotation

    def read(self, node: ast.expr | None) -> Annotation | None:
        """Resolve an annotation; return None for a parameter that has none.

        >>> tree = ast.parse("import polars as pl\\ndef f(x: 'dict[str, pl.DataFrame] | None'): ...")
        >>> AnnotationReader(tree).read(tree.body[1].args.args[0].annotation).names
        ('polars.DataFrame',)
        """
        if node is None:
            return None
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ast.unparse(node)
        found = dict.fromkeys(name for name in self._types(node, frozenset()) if name not in _NOTHING_SAID)
        return Annotation(tuple(found), text, node.lineno)

    def _types(self, node: ast.expr, seen: frozenset[str]) -> Iterator[str]:
        match node:
            case ast.Constant(value=None):
                return
            case ast.Constant(value=str(text)):
                yield from self._types_in_text(text, seen)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                yield from self._types(left, seen)
                yield from self._types(right, seen)
            case ast.Subscript(value=value, slice=inner):
                yield from self._types_of_generic(value, inner, seen)
            case ast.Call(args=[_, kind]) if "typing.NewType" in self._names.origins(node.func):
                yield from self._types(kind, seen)
            case ast.Call(keywords=[*_, ast.keyword(arg="bound", value=kind)]):  # a TypeVar
                yield from self._types(kind, seen)
            case ast.Name(id=name) if name not in seen:
                yield from self._types_of_name(node, seen | {name})
            case _:
                yield from self._told(node) - _MAPPINGS

    def _types_in_text(self, text: str, seen: frozenset[str]) -> Iterator[str]:
        try:
            parsed = ast.parse(text.strip(), mode="eval").body
        except SyntaxError:
            yield text
            return
        yield from self._types(parsed, seen)

    def _types_of_generic(self, value: ast.expr, inner: ast.expr, seen: frozenset[str]) -> Iterator[str]:
        arguments = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        origins = self._names.origins(value)
        if origins & _MAPPINGS:
            arguments = arguments[1:]
        elif origins & _FIRST:
            arguments = arguments[:1]
        elif not origins & _UNIONS:
            arguments = [value]  # `DataFrame[Schema]` is a DataFrame
        for argument in arguments:
            yield from self._types(argument, seen)

    def _types_of_name(self, node: ast.Name, seen: frozenset[str]) -> Iterator[str]:
        values = self._names.values.get(node.id, ())
        if not values:
            yield from self._told(node) - _MAPPINGS
            return
        yield from map(_as_typing, self._names.imported.get(node.id, ()))
        for value in values:
            yield from self._types(value, seen)

    def _told(self, node: ast.expr) -> frozenset[str]:
        """Return the dotted names of an expression, or its text if the file does not define it."""
        return self._names.origins(node) or frozenset({ast.unparse(node)})


class _Names:
    """The names at module level: what each is imported as, and the expressions assigned to it.

    `python_names` also covers names inside functions, and takes ten times as long.
    """

    def __init__(self) -> None:
        self.imported: dict[str, list[str]] = {}
        self.values: dict[str, list[ast.expr]] = {}
        self._stars: list[str] = []
        self._defined: set[str] = set()

    def bind(self, statements: Iterable[ast.AST]) -> None:
        """Add the names that statements bind, including those below `if`, `try` and `with`."""
        for statement in statements:
            self._bind(statement)
            for part in ("body", "orelse", "handlers", "finalbody"):
                if isinstance(statement, ast.If | ast.Try | ast.ExceptHandler | ast.With):
                    self.bind(getattr(statement, part, []))

    def origins(self, node: ast.AST, depth: int = 0) -> frozenset[str]:
        """Return the dotted names that an expression may stand for; empty if the module does not define it."""
        match node:
            case ast.Attribute(value=value, attr=name):
                return frozenset(_as_typing(f"{origin}.{name}") for origin in self.origins(value, depth))
            case ast.Name(id=name) if depth < _DEPTH:
                found = {*map(_as_typing, self.imported.get(name, ()))}
                return frozenset(
                    found.union(*(self.origins(value, depth + 1) for value in self.values.get(name, ())))
                    or self._of_others(name)
                )
        return frozenset()

    def _of_others(self, name: str) -> set[str]:
        if name in self._defined or name in self.values:
            return set()
        return {f"builtins.{name}"} if hasattr(builtins, name) else {f"{module}.{name}" for module in self._stars}

    def _bind(self, statement: ast.AST) -> None:
        match statement:
            case ast.Import(names=names):
                for alias in names:
                    top = alias.name.partition(".")[0]
                    self._import(alias.asname or top, alias.name if alias.asname else top)
            case ast.ImportFrom(names=names):
                module = "." * statement.level + (statement.module or "")
                for alias in names:
                    if alias.name == "*":
                        self._stars.append(module)
                    else:
                        dot = "" if module.endswith(".") else "."
                        self._import(alias.asname or alias.name, f"{module}{dot}{alias.name}")
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self._defined.add(name)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._set(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._set(target, value)
            case _ if type(statement).__name__ == "TypeAlias":  # `type Frame = ...`, new in Python 3.12
                self._set(getattr(statement, "name"), getattr(statement, "value"))  # noqa: B009

    def _import(self, name: str, origin: str) -> None:
        self.imported.setdefault(name, []).append(origin)

    def _set(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.values.setdefault(target.id, []).append(value)


_DEPTH = 9  # of names that stand for names


def _as_typing(origin: str) -> str:
    return f"typing.{origin.rpartition('.')[2]}" if origin.startswith("typing_extensions.") else origin

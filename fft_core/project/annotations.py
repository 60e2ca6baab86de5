"""What the annotations in a Python file stand for, as dotted names: read from its syntax tree, nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from fft_core.python_names import UNKNOWN, Names

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
        names: The dotted names of the types that it names: of an optional one and of the values of a mapping, those of
            the type inside. Empty if it says nothing, as `Any` and `dict` do. What the file does not tell stands as it
            is written.
        text: How it is written.
        line: Where.
    """

    names: tuple[str, ...]
    text: str
    line: int


class AnnotationReader:
    """Resolves the annotations of one file through its imports, aliases and constants."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._parsed: list[ast.expr] = []  # kept alive, as `Names` knows them by their identity
        self._aliases = {  # `type Frame = ...`, which Python 3.11 has not
            getattr(node, "name").id: getattr(node, "value")  # noqa: B009 - 3.11 has no such class
            for node in tree.body
            if type(node).__name__ == "TypeAlias"
        }

    @cached_property
    def _names(self) -> Names:
        return Names(self._tree)  # many files have no annotation

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
            case ast.Call(args=[_, kind]) if "typing.NewType" in self._origins(node.func):
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
        self._parsed.append(parsed)
        yield from self._types(parsed, seen)

    def _types_of_generic(self, value: ast.expr, inner: ast.expr, seen: frozenset[str]) -> Iterator[str]:
        arguments = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        origins = self._origins(value)
        if origins & _MAPPINGS:
            arguments = arguments[1:]
        elif origins & _FIRST:
            arguments = arguments[:1]
        elif not origins & _UNIONS:
            arguments = [value]  # `DataFrame[Schema]` is a DataFrame
        for argument in arguments:
            yield from self._types(argument, seen)

    def _types_of_name(self, node: ast.Name, seen: frozenset[str]) -> Iterator[str]:
        scope = self._names.scope_of(node)
        values = [*self._names.bindings(node)]
        if node.id in self._aliases:
            values.append(self._aliases[node.id])
        if scope is None or not (values or node.id in scope.imported):
            yield from self._told(node) - _MAPPINGS
            return
        yield from map(_as_typing, scope.imported.get(node.id, ()))
        for value in values:
            yield from self._types(value, seen)

    def _told(self, node: ast.expr) -> frozenset[str]:
        """The dotted names of an expression; its text if the file tells none."""
        return frozenset(o for o in self._origins(node) if not o.startswith(UNKNOWN)) or frozenset({ast.unparse(node)})

    def _origins(self, node: ast.expr) -> frozenset[str]:
        return frozenset(map(_as_typing, self._names.origins(node)))


def _as_typing(origin: str) -> str:
    return f"typing.{origin.rpartition('.')[2]}" if origin.startswith("typing_extensions.") else origin

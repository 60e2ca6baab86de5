"""The environment variables that a Python module reads, by name."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

_MAPPINGS = ("environ", "environb")
_FUNCTIONS = ("getenv", "getenvb")
_WORDS = frozenset((*_MAPPINGS, *_FUNCTIONS))


def environment_read(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield X of os.environ["X"], os.environ.get("X"), "X" in os.environ, os.getenv("X"); "*" for any other use."""
    understood: set[int] = set()
    for node in nodes:
        if isinstance(node, ast.Subscript) and _ends(node.value, _MAPPINGS):
            used, name = node.value, _literal(node.slice)
        elif isinstance(node, ast.Compare) and _ends(node.comparators[0], _MAPPINGS):
            used, name = node.comparators[0], _literal(node.left)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _ends(node.func.value, _MAPPINGS):
            used, name = node.func.value, _literal(node.args[0]) if node.args else "*"
        elif isinstance(node, ast.Call) and _ends(node.func, _FUNCTIONS):
            used, name = node.func, _literal(node.args[0]) if node.args else "*"
        else:
            is_renamed = isinstance(node, ast.alias) and node.name in _WORDS and node.asname not in (None, node.name)
            is_named = isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in _WORDS
            is_other = isinstance(node, ast.expr) and _ends(node, (*_MAPPINGS, *_FUNCTIONS))
            if is_renamed or is_named or (is_other and id(node) not in understood):
                yield "*"
            continue
        understood.add(id(used))
        yield name


def _ends(node: ast.expr, names: tuple[str, ...]) -> bool:
    return getattr(node, "id", getattr(node, "attr", "")) in names


def _literal(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "*"

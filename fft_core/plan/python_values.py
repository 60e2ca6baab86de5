"""Values of the names in the modules of a model, as far as they decide whether there is a seed, or a time."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fft_core.plan.python_names import Names, Scope

_HOUR = re.compile(r"\d\d?:\d\d(:\d\d)?( ?[ap]m)?", re.IGNORECASE)
NAMED = ast.Name | ast.Attribute | ast.Subscript


def is_none(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def is_now(node: ast.AST) -> bool:
    """Return whether an expression is a text that stands for the current time, or for today at an hour."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return False
    return node.value.strip().lower() in ("now", "today") or _HOUR.fullmatch(node.value) is not None


@dataclass(frozen=True)
class Values:
    """The values of names in all modules of a model.

    Attributes:
        own: The names of each module, by each name that it may be imported as.
    """

    own: Mapping[str, Names]
    _every: Mapping[int, Names] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_every", {id(names): names for names in self.own.values()})

    def may_be_none(self, node: ast.expr, names: Names) -> bool:
        """Return whether an expression that is passed as a seed may turn out to be None, which is not a seed."""
        return self._may_be_none(node, names, set())

    def may_be_now(self, node: ast.expr, names: Names) -> bool:
        """Return whether a name may stand for a text that is read as the current time."""
        return self._may_be_now(node, names, set())

    def _may_be_none(self, node: ast.expr, names: Names, seen: set[int]) -> bool:
        if id(node) in seen:
            return False
        seen.add(id(node))
        parts: list[ast.expr] = []
        match node:
            case ast.Constant(value=value):
                return value is None
            case ast.BoolOp(op=ast.Or(), values=values):
                parts = values[-1:]
            case ast.BoolOp(values=values):
                parts = values
            case ast.IfExp(body=first, orelse=second):
                parts = [first, second]
            case ast.NamedExpr(value=value):
                parts = [value]
            case ast.Call():
                return self._may_give_none(node, names, seen)
            case _:
                return any(self._may_be_none(value, where, seen) for value, where in self._followed(node, names))
        return any(self._may_be_none(part, names, seen) for part in parts)

    def _may_be_now(self, node: ast.expr, names: Names, seen: set[int]) -> bool:
        if id(node) in seen:
            return False
        seen.add(id(node))
        for value, where in self._followed(node, names):
            if isinstance(value, ast.Call):
                continue  # the result of a call is not followed
            inner = [part for part in ast.walk(value) if isinstance(part, ast.expr)]
            is_text = isinstance(value, ast.Constant | ast.List | ast.Tuple | ast.IfExp | ast.BoolOp)
            if is_text and any(map(is_now, inner)):
                return True
            if any(self._may_be_now(part, where, seen) for part in inner if isinstance(part, NAMED)):
                return True
        return False

    def _followed(self, node: ast.expr, names: Names) -> Iterator[tuple[ast.expr, Names]]:
        """Yield the expressions that a name, an attribute or an entry of a dictionary is set to."""
        match node:
            case ast.Name(id=name):
                scope = names.scope_of(node)
                if scope:
                    yield from ((value, names) for value in scope.assigned.get(name, ()))
                    if name in scope.parameters:
                        yield from self._given(name, scope, names)
            case ast.Attribute(attr=name):
                yield from ((value, names) for value in (*names.members(name), *names.attributes.get(name, ())))
            case ast.Subscript(value=value, slice=ast.Constant(value=key)):
                for one, where in self._followed(value, names):
                    if isinstance(one, ast.Dict):
                        pairs = zip(one.keys, one.values, strict=True)
                        yield from ((v, where) for k, v in pairs if isinstance(k, ast.Constant) and k.value == key)
        if isinstance(node, ast.Name | ast.Attribute):
            for origin in names.origins(node):
                yield from self._elsewhere(origin.lstrip("."))

    def _elsewhere(self, origin: str) -> Iterator[tuple[ast.expr, Names]]:
        """Yield the values of a name of another module; for a class of that module, those of its members."""
        parts = origin.split(".")
        for end in range(len(parts) - 1, 0, -1):
            names = self.own.get(".".join(parts[:end]))
            if names is not None:
                name, rest = parts[end], parts[end + 1 :]
                values = names.members(rest[-1]) if rest else iter(names.module.assigned.get(name, ()))
                yield from ((value, names) for value in values)
                for further in names.module.imported.get(name, ()) if not rest else ():
                    if further != origin:
                        yield from self._elsewhere(further.lstrip("."))
                return

    def _given(self, parameter: str, scope: Scope, names: Names) -> Iterator[tuple[ast.expr, Names]]:
        """Yield the values of a parameter in the calls of its function, and its default if a call omits it."""
        default = scope.parameters[parameter]
        order = list(scope.parameters)
        is_method = order[0] in ("self", "cls")
        found = [(call, where) for where in self._every.values() for call in where.calls.get(scope.function, ())]
        for call, where in found:
            by_name = {keyword.arg: keyword.value for keyword in call.keywords}
            index = order.index(parameter) - is_method
            if parameter in by_name:
                yield by_name[parameter], where
            elif 0 <= index < len(call.args) and not any(
                isinstance(arg, ast.Starred) for arg in call.args[: index + 1]
            ):
                yield call.args[index], where
            elif default is not None:
                yield default, names
        if not found and default is not None:
            yield default, names

    def _may_give_none(self, call: ast.Call, names: Names, seen: set[int]) -> bool:
        match call:
            case ast.Call(func=ast.Name(id="getattr"), args=[value, ast.Constant(value=str(name)), *default]):
                found = list(self._followed(ast.Attribute(value, name, ast.Load()), names))
                found += [(one, names) for one in default]
            case ast.Call(func=ast.Attribute(attr="get", value=value), args=[key, *default]):
                found = list(self._followed(ast.Subscript(value, key, ast.Load()), names))
                found += [(one, names) for one in default]
                if not found:
                    return True
            case ast.Call(func=ast.Name(id="getenv") | ast.Attribute(attr="getenv"), args=[_, *default]):
                if not default:
                    return True
                found = [(one, names) for one in default]
            case _:
                return any(self._returns_none(function, where, seen) for function, where in self._functions(call))
        return any(self._may_be_none(one, where, seen) for one, where in found)

    def _functions(self, call: ast.Call) -> Iterator[tuple[ast.AST, Names]]:
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        for names in self._every.values():
            yield from ((function, names) for function in names.functions.get(name, ()))

    def _returns_none(self, function: ast.AST, names: Names, seen: set[int]) -> bool:
        if not isinstance(function, ast.FunctionDef) or id(function) in seen:
            return False
        seen.add(id(function))
        returns = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
        return not returns or any(value is None or self._may_be_none(value, names, seen) for value in returns)

"""Meanings of the names in a Python module, as far as its syntax tree shows them: imports, aliases, builtins."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field

UNKNOWN = "?"  # the first part of a dotted name if the text does not show which object it is
IMPORTERS = frozenset({"importlib.import_module", "importlib.__import__", "builtins.__import__"})
_BUILTINS = frozenset(dir(builtins))
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Scoped = _Function | ast.ClassDef | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass
class Scope:
    """The names that one function, class, comprehension or module binds.

    `imported` has the meanings of names by imports, `assigned` the expressions that they are set to. A name that is
    only in `bound` is anything else: a parameter, a function, a loop variable.
    """

    outer: Scope | None = None
    is_class: bool = False
    imported: dict[str, list[str]] = field(default_factory=dict)
    assigned: dict[str, list[ast.expr]] = field(default_factory=dict)
    annotated: dict[str, ast.expr] = field(default_factory=dict)
    parameters: dict[str, ast.expr | None] = field(default_factory=dict)  # of a function, with their defaults
    function: str = ""  # the name of the function
    stored: list[str] = field(default_factory=list)  # each name, once for each assignment
    bound: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)  # declared global or nonlocal


class Names:
    """The names of one module."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope()
        self.stars: list[str] = []  # modules of which everything is imported
        self.functions: dict[str, list[ast.AST]] = {}  # all functions, methods and classes, by name
        self.calls: dict[str, list[ast.Call]] = {}  # by the last part of the called name
        self.attributes: dict[str, list[ast.expr]] = {}  # the values that attributes are set to, of any object
        self._classes: list[Scope] = []
        self.parents: dict[int, ast.AST] = {}
        self._scopes: dict[int, Scope] = {}
        self._origins: dict[int, frozenset[str]] = {}
        self._visit(tree, self.module)

    def origins(self, node: ast.AST) -> frozenset[str]:
        """Return the dotted names that an expression may stand for; those of unknown objects begin with "?".

        >>> tree = ast.parse("import numpy as np\\nr = np.random\\nr.rand")
        >>> sorted(Names(tree).origins(tree.body[2].value))
        ['numpy.random.rand']
        """
        known = self._origins.get(id(node))
        if known is None:
            self._origins[id(node)] = frozenset({UNKNOWN})  # an alias of itself
            known = self._origins[id(node)] = frozenset(self._worked_out(node))
        return known

    def exported(self, name: str) -> frozenset[str]:
        """Return the dotted names that a name of the module stands for in a module that imports it."""
        return frozenset(self._bound_to(name, self.module))

    def bindings(self, node: ast.Name) -> Iterator[ast.expr]:
        """Yield the expressions that a name may have been set to when it is read."""
        scope = self._scope_of(node.id, self._scopes.get(id(node), self.module))
        yield from scope.assigned.get(node.id, ()) if scope else ()

    def bound_once(self, node: ast.Name) -> ast.expr | None:
        """Return the expression that a name is set to, if it is set only once."""
        scope = self.scope_of(node)
        is_single = scope is not None and scope.stored.count(node.id) == 1 and node.id not in scope.parameters
        values = scope.assigned.get(node.id, []) if scope and is_single else []
        return values[0] if len(values) == 1 else None

    def scope_of(self, node: ast.Name) -> Scope | None:
        """Return the scope that binds a name that is read."""
        return self._scope_of(node.id, self._scopes.get(id(node), self.module))

    def members(self, name: str) -> Iterator[ast.expr]:
        """Yield the expressions that classes of the module set a name to."""
        for scope in self._classes:
            yield from scope.assigned.get(name, ())

    def annotation(self, node: ast.Name) -> ast.expr | None:
        """Return the type annotation of a name."""
        scope = self._scope_of(node.id, self._scopes.get(id(node), self.module))
        return scope.annotated.get(node.id) if scope else None

    def _worked_out(self, node: ast.AST) -> set[str]:
        match node:
            case ast.Name(id=name):
                return self._bound_to(name, self._scopes.get(id(node), self.module))
            case ast.Attribute(value=value, attr=name):
                bases = self.origins(value)
                found = {f"{origin}.{name}" for origin in bases}
                if UNKNOWN in bases:  # an object may be of any class of the module
                    found |= {o for scope in self._classes if name in scope.bound for o in self._bound_in(name, scope)}
                return found
            case ast.Call(func=ast.Name(id="getattr"), args=[value, ast.Constant(value=str(name)), *_]):
                return {f"{origin}.{name}" for origin in self.origins(value)}
            case ast.Call(args=[ast.Constant(value=str(name)), *_]) if self.origins(node.func) & IMPORTERS:
                is_top = any(origin.endswith("__import__") for origin in self.origins(node.func)) and not node.keywords
                return {name.partition(".")[0] if is_top else name}
            case ast.IfExp(body=first, orelse=second):
                return {*self.origins(first), *self.origins(second)}
            case ast.BoolOp(values=values):
                return {origin for value in values for origin in self.origins(value)}
            case ast.NamedExpr(value=value):
                return set(self.origins(value))
        return {UNKNOWN}

    def _bound_to(self, name: str, scope: Scope) -> set[str]:
        found = self._scope_of(name, scope)
        if found is None:
            if name in _BUILTINS:
                return {f"builtins.{name}"}
            return {f"{module}.{name}" for module in self.stars} or {UNKNOWN}
        return self._bound_in(name, found)

    def _bound_in(self, name: str, scope: Scope) -> set[str]:
        origins = set(scope.imported.get(name, ()))
        for value in scope.assigned.get(name, ()):
            origins |= self.origins(value)
        return origins or {UNKNOWN}

    def _scope_of(self, name: str, scope: Scope) -> Scope | None:
        here: Scope | None = scope
        while here:
            is_hidden = here.is_class and here is not scope  # from the methods of the class
            if name in here.elsewhere:
                return self.module if name in self.module.bound else None
            if name in here.bound and not is_hidden:
                return here
            here = here.outer
        return None

    def _visit(self, node: ast.AST, scope: Scope) -> None:
        for child in ast.iter_child_nodes(node):
            self.parents[id(child)] = node
            self._bind(child, scope)
            if isinstance(child, _Scoped):
                self._visit_scope(child, scope)
            else:
                self._visit(child, scope)

    def _visit_scope(self, node: _Scoped, scope: Scope) -> None:
        """Visit a scope: its body has names of its own; decorators, defaults and the like are read outside of it."""
        inner = Scope(scope, is_class=isinstance(node, ast.ClassDef), function=getattr(node, "name", ""))
        if inner.is_class:
            self._classes.append(inner)
        if isinstance(node, _Function):
            self._bind_parameters(node.args, inner)
        own = {id(part) for name in ("body", "elt", "key", "value", "generators") for part in _listed(node, name)}
        for child in ast.iter_child_nodes(node):
            self.parents[id(child)] = node
            where = inner if id(child) in own else scope
            self._bind(child, where)
            if isinstance(child, _Scoped):
                self._visit_scope(child, where)
            else:
                self._visit(child, where)

    def _bind_parameters(self, parameters: ast.arguments, scope: Scope) -> None:
        by_position = [*parameters.posonlyargs, *parameters.args]
        given = [*by_position, *parameters.kwonlyargs]
        defaults = [
            *[None] * (len(by_position) - len(parameters.defaults)),
            *parameters.defaults,
            *parameters.kw_defaults,
        ]
        scope.parameters.update({one.arg: default for one, default in zip(given, defaults, strict=True)})
        for argument in [*given, parameters.vararg, parameters.kwarg]:
            if argument:
                scope.bound.add(argument.arg)
                if argument.annotation:
                    scope.annotated[argument.arg] = argument.annotation

    def _bind(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.Name(id=name, ctx=context):
                self._scopes[id(node)] = scope
                if not isinstance(context, ast.Load):
                    self._target(scope, name).bound.add(name)
                    self._target(scope, name).stored.append(name)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                self.calls.setdefault(name, []).append(node)
            case ast.Import(names=names):
                for alias in names:
                    name = alias.asname or alias.name.partition(".")[0]
                    self._import(scope, name, alias.name if alias.asname else name)
            case ast.ImportFrom(names=names):
                module = "." * node.level + (node.module or "")
                for alias in names:
                    if alias.name == "*":
                        self.stars.append(module)
                    else:
                        dot = "" if module.endswith(".") or not module else "."
                        self._import(scope, alias.asname or alias.name, f"{module}{dot}{alias.name}")
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                self._target(scope, name).bound.add(name)
                self.functions.setdefault(name, []).append(node)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                scope.bound.add(name)
            case ast.Global(names=declared) | ast.Nonlocal(names=declared):
                scope.elsewhere.update(declared)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, value, scope)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                scope.annotated[name] = annotation
                if value:
                    self._assign(node.target, value, scope)
            case (
                ast.NamedExpr(target=target, value=value)
                | ast.withitem(optional_vars=ast.expr() as target, context_expr=value)
            ):
                self._assign(target, value, scope)
            case (ast.For() | ast.comprehension()) as loop if isinstance(loop.iter, ast.List | ast.Tuple | ast.Set):
                for value in loop.iter.elts:
                    self._assign(loop.target, value, scope)

    def _assign(self, target: ast.expr, value: ast.expr, scope: Scope) -> None:
        match target, value:
            case ast.Name(id=name), _:
                self._target(scope, name).assigned.setdefault(name, []).append(value)
            case ast.Attribute(attr=name), _:
                self.attributes.setdefault(name, []).append(value)
            case ((ast.Tuple(elts=targets) | ast.List(elts=targets)), (ast.Tuple(elts=values) | ast.List(elts=values))):
                for inner, part in zip(targets, values, strict=False):
                    self._assign(inner, part, scope)

    def _import(self, scope: Scope, name: str, origin: str) -> None:
        target = self._target(scope, name)
        target.bound.add(name)
        target.imported.setdefault(name, []).append(origin)

    def _target(self, scope: Scope, name: str) -> Scope:
        """Return the scope that binds a name: the module's, if the name is declared global."""
        return self.module if name in scope.elsewhere else scope


def _listed(node: ast.AST, name: str) -> list[ast.AST]:
    value = getattr(node, name, [])
    return value if isinstance(value, list) else [value]

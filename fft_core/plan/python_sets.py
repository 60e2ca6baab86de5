"""Sets whose order reaches the result: hashes of texts, and with them the order, differ between processes."""

from __future__ import annotations

import ast

from fft_core.plan.python_names import Names

REASON = "the order of a set, which differs in each process: use sorted()"
_COMBINE = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})
# Functions and methods (of any object) whose result does not depend on the order of their argument.
_UNORDERED = frozenset({"sorted", "min", "max", "sum", "any", "all", "len", "set", "frozenset", "Counter", "bool"})
_UNORDERED_METHODS = frozenset(
    "isin is_in drop issubset issuperset isdisjoint union intersection difference symmetric_difference update "
    "intersection_update difference_update exclude by_name drop_columns".split()
)
_ORDERED = frozenset(
    "list tuple iter next enumerate zip map filter reduce chain islice str repr format print DataFrame Series Index "
    "array asarray deque dict accumulate cycle product permutations combinations starmap from_iterable".split()
)
_ORDERED_METHODS = frozenset({"join", "extend", "fromkeys", "map", "submit", "select", "format"})


def shows_order(tree: ast.Module, names: Names, sets_elsewhere: frozenset[str] = frozenset()) -> bool:
    """Return whether the code shows the order of a set of anything but numbers.

    `sets_elsewhere` has the sets of other modules, by the dotted names that they have there.

    >>> tree = ast.parse("first = list({'a', 'b'})[0]")
    >>> shows_order(tree, Names(tree))
    True
    """
    sets = _Sets(names, sets_elsewhere)
    return any(sets.shows_order(node) for node in ast.walk(tree))


def sets_of(names: Names) -> frozenset[str]:
    """Return the names of a module that stand for sets, as modules that import them see them."""
    sets = _Sets(names, frozenset())
    return frozenset(name for name, values in names.module.assigned.items() if any(map(sets.is_set, values)))


class _Sets:
    def __init__(self, names: Names, elsewhere: frozenset[str]) -> None:
        self._names, self._elsewhere = names, elsewhere
        self._known: dict[int, bool] = {}

    def is_set(self, node: ast.AST | None) -> bool:
        if node is None:
            return False
        if id(node) not in self._known:
            self._known[id(node)] = False  # a name that is set to itself
            self._known[id(node)] = self._is_set(node)
        return self._known[id(node)]

    def shows_order(self, node: ast.AST) -> bool:
        """Return whether a node iterates over a set, and its result has an order."""
        match node:
            case ast.For(iter=iterated, body=body):
                return self.is_set(iterated) and not all(map(_only_looks, body))
            case ast.ListComp() | ast.GeneratorExp() | ast.DictComp():
                return any(self.is_set(g.iter) for g in node.generators) and not self._is_taken_unordered(node)
            case ast.Starred(value=value) | ast.YieldFrom(value=value) | ast.FormattedValue(value=value):
                return self.is_set(value) and not self._is_taken_unordered(node)
            case ast.Assign(targets=[ast.Tuple() | ast.List()], value=value):
                return self.is_set(value)
            case ast.Call(func=ast.Attribute(value=value, attr="pop" | "__iter__"), args=[]):
                return self.is_set(value)
            case ast.Name(id="set" | "frozenset", ctx=ast.Load()):
                return self._is_handed_over(node)
            case ast.BinOp(left=ast.Constant(value=str()), op=ast.Mod(), right=value):
                return self.is_set(value)
            case ast.keyword(arg="columns" | "index" | "data", value=value):
                called = getattr(self._names.parents.get(id(node)), "func", None)
                return self.is_set(value) and getattr(called, "attr", "") not in _UNORDERED_METHODS
            case ast.Call(func=called, args=args) if any(map(self.is_set, args)):
                name = getattr(called, "id", getattr(called, "attr", ""))
                is_ordered = name in (_ORDERED_METHODS if isinstance(called, ast.Attribute) else _ORDERED)
                is_ordered |= isinstance(called, ast.Attribute) and name in _ORDERED
                is_ordered |= name in _UNORDERED and not _has_no_ties(node)
                return is_ordered and not self._is_taken_unordered(node)
        return False

    def _is_set(self, node: ast.AST) -> bool:
        match node:
            case ast.Set(elts=elements):
                return not all(isinstance(e, ast.Constant) and isinstance(e.value, int | float) for e in elements)
            case ast.SetComp():
                return True
            case ast.Call(func=ast.Name(id="set" | "frozenset"), args=args):
                return not args or not self._is_of_numbers(args[0])
            case ast.Call(func=ast.Name(id=name)) if name in self._names.functions:
                return any(map(self._gives_set, self._names.functions[name]))
            case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in _COMBINE:
                return self.is_set(value)
            case ast.BinOp(left=left, op=ast.Sub() | ast.BitOr() | ast.BitAnd() | ast.BitXor(), right=right):
                return (
                    self.is_set(left) or self.is_set(right) or (_is_keys(left) and not isinstance(node.op, ast.BitOr))
                )
            case ast.IfExp(body=first, orelse=second):
                return self.is_set(first) or self.is_set(second)
            case ast.Attribute(attr=attr):
                is_elsewhere = bool(self._elsewhere and self._names.origins(node) & self._elsewhere)
                return is_elsewhere or any(map(self.is_set, self._names.members(attr)))
            case ast.Name(ctx=ast.Load()):
                if self._names.origins(node) & self._elsewhere:
                    return True
                annotation = self._names.annotation(node)
                says_set = annotation is not None and _is_set_type(annotation)
                return says_set or any(map(self.is_set, self._names.bindings(node)))
        return False

    def _gives_set(self, function: ast.AST) -> bool:
        if not isinstance(function, ast.FunctionDef):
            return False
        says_so = function.returns is not None and _is_set_type(function.returns)
        return says_so or any(self.is_set(n.value) for n in ast.walk(function) if isinstance(n, ast.Return))

    def _is_handed_over(self, node: ast.AST) -> bool:
        """Return whether `set` itself is an argument, as in `agg(set)`: the result has sets, not just their sizes."""
        call = self._names.parents.get(id(node))
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or node not in call.args:
            return False
        chained = self._names.parents.get(id(call))
        then = self._names.parents.get(id(chained)) if isinstance(chained, ast.Attribute) else None
        is_taken = isinstance(then, ast.Call) and bool(then.args) and getattr(then.args[0], "id", "") in _UNORDERED
        return call.func.attr in ("map", "apply", "agg", "aggregate", "transform", "map_elements") and not is_taken

    def _is_of_numbers(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"

    def _is_taken_unordered(self, node: ast.AST) -> bool:
        parent = self._names.parents.get(id(node))
        match parent:
            case ast.keyword():
                return self._is_taken_unordered(parent)
            case ast.Call(func=ast.Name(id=name)) if parent.func is not node:
                is_unordered = name in _UNORDERED and _has_no_ties(parent)
                return is_unordered or (name in ("list", "tuple") and self._is_taken_unordered(parent))
            case ast.Call(func=ast.Attribute(attr=name)) if parent.func is not node:
                return name in _UNORDERED_METHODS
            case ast.Compare() | ast.SetComp():
                return True
            case ast.Set() | ast.comprehension():
                return isinstance(parent, ast.Set) or self._is_taken_unordered(self._names.parents[id(parent)])
        return False


def _has_no_ties(call: ast.Call) -> bool:
    """Return whether the order of equal values has no effect on a sort, or on a search for the largest."""
    keys = [keyword.value for keyword in call.keywords if keyword.arg == "key"]
    return all(getattr(key, "attr", getattr(key, "id", "")) in ("index", "str", "repr") for key in keys)


def _only_looks(statement: ast.stmt) -> bool:
    """Return whether a statement in a loop can do no more than raise an error."""
    match statement:
        case ast.Raise() | ast.Assert() | ast.Pass() | ast.Continue():
            return True
        case ast.If(body=body, orelse=orelse):
            return all(map(_only_looks, [*body, *orelse]))
    return False


def _is_keys(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("keys", "items")


def _is_set_type(annotation: ast.expr) -> bool:
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    name = getattr(annotation, "id", getattr(annotation, "attr", ""))
    return name in ("set", "frozenset", "Set", "FrozenSet", "AbstractSet", "MutableSet")

"""The variables that a template reads, and the parts that change with each rendering, from Jinja's syntax tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jinja2 import nodes

# The only ones of Jinja's filters, tests and globals whose result changes each time.
_UNSTEADY_FILTERS = frozenset({"random"})
_UNSTEADY_GLOBALS = frozenset({"lipsum"})
# Methods of dates, which variables from YAML may be. Other values of templates have no clock.
_CLOCKS = frozenset({"now", "utcnow", "today", "fromtimestamp", "timestamp", "astimezone"})


@dataclass(frozen=True)
class Reads:
    """The variables and environment variables by name, "*" for computed names, and volatile parts."""

    variables: frozenset[str]
    environment: frozenset[str]
    volatile: tuple[str, ...]


def reads_of(trees: Sequence[nodes.Node]) -> Reads:
    """Find the variables of templates. Names that are not literals of a direct call count as "*"."""
    found: dict[str, set[str]] = {"var": set(), "env": set()}
    for tree in trees:
        for name, read in _read(tree):
            found[name].add(read)
    volatile = dict.fromkeys(said for tree in trees for said in _volatile(tree))
    return Reads(frozenset(found["var"]), frozenset(found["env"]), tuple(volatile))


def _read(tree: nodes.Node) -> Iterator[tuple[str, str]]:
    understood = set()
    for call in _all(tree, nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in ("var", "env") and call.args:
            understood.add(id(call.node))
            yield call.node.name, literal(call.args[0])
    for name in _all(tree, nodes.Name):
        if name.name in ("var", "env") and id(name) not in understood:
            yield name.name, "*"  # under another name it may read any variable
    for filtered in _all(tree, nodes.Filter):
        if filtered.name in ("var", "env"):
            yield filtered.name, literal(filtered.node) if filtered.node else "*"
        if filtered.name == "map":
            yield from ((name, "*") for name in ("var", "env") if name in _mapped(filtered) or "*" in _mapped(filtered))


def _volatile(tree: nodes.Node) -> Iterator[str]:
    for filtered in _all(tree, nodes.Filter):
        used = {filtered.name, *(_mapped(filtered) if filtered.name == "map" else ())}
        yield from (f"the filter {name}" for name in sorted(used & _UNSTEADY_FILTERS))
        if "*" in used:
            yield "a filter whose name is computed"
    yield from (f"{name.name}()" for name in _all(tree, nodes.Name) if name.name in _UNSTEADY_GLOBALS)
    yield from _clocks(tree)


def _mapped(filtered: nodes.Filter) -> set[str]:
    """Return the filters that `map` may apply, by its arguments; a filter of filters has several."""
    is_of_attributes = not filtered.args and not filtered.dyn_args and not filtered.dyn_kwargs
    if is_of_attributes:
        return set()
    names = {literal(arg) for arg in filtered.args[:1]}
    if "map" in names:
        names = {literal(arg) for arg in filtered.args}
    return names | ({"*"} if filtered.dyn_args or filtered.dyn_kwargs else set())


def _clocks(tree: nodes.Node) -> Iterator[str]:
    """Find calls of methods that read a clock, and calls of computed names if the template mentions such a method."""
    mentioned = {attribute.attr for attribute in _all(tree, nodes.Getattr)}
    mentioned |= {const.value for const in _all(tree, nodes.Const) if isinstance(const.value, str)}
    computed = any(literal(item.arg) == "*" for item in _all(tree, nodes.Getitem))
    computed |= any(literal(a) == "*" for f in _all(tree, nodes.Filter) if f.name == "attr" for a in f.args)
    given = {name.name for name in _all(tree, nodes.Name) if name.ctx in ("store", "param")}
    for call in _all(tree, nodes.Call):
        match call.node:
            case nodes.Getattr(attr=name):
                method: str | None = name
            case nodes.Getitem(arg=nodes.Const(value=str(name))):
                method = name
            case nodes.Name(name=name) if name not in given:
                continue
            case _:
                method = None
        if method in _CLOCKS:
            yield f"{method}()"
        elif method is None and (computed or mentioned & _CLOCKS):
            yield "a call of something that is computed"


def literal(node: nodes.Node) -> str:
    """Return the text of a literal node; "*" for any other node."""
    return node.value if isinstance(node, nodes.Const) and isinstance(node.value, str) else "*"


def _all(tree: nodes.Node, kind: type[nodes.Node]) -> Iterator:  # type: ignore[type-arg]
    if isinstance(tree, kind):
        yield tree
    yield from tree.find_all(kind)

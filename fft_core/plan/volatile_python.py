"""Reasons why the rows of a Python model change although no tracked input did."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from fft_core.plan import python_steady as known
from fft_core.plan.python_forms import times_by_name, volatile_by_form
from fft_core.plan.python_names import IMPORTERS, UNKNOWN, Names
from fft_core.plan.python_sets import REASON, sets_of, shows_order
from fft_core.plan.python_values import Values, is_none


def volatile_in_python(modules: Mapping[str, str]) -> tuple[str, ...]:
    """Return the uses of clocks, chance, files, services and the network in the modules of a model, in words.

    Args:
        modules: The text of each module of the model, by its path.

    >>> volatile_in_python({"m.py": "from random import choice as one_of\\npick = one_of"})
    ('random.choice()',)
    """
    read = {path: _module(text) for path, text in modules.items()}
    own = {name: module for path, module in read.items() for name in _module_names(path)}
    defined = frozenset(name for module in read.values() for name in module.names.functions)
    with_paths = any(module.deals_with_paths for module in read.values())
    sets = frozenset(f"{name}.{one}" for name, module in own.items() for one in module.sets)
    values = Values({name: module.names for name, module in own.items()})
    found: dict[str, None] = {}
    for path, module in read.items():
        found |= dict.fromkeys(module.found)
        if _shows_order(modules[path], sets):
            found[REASON] = None
        unseeded = tuple(use for use in module.seeded if use.seed and values.may_be_none(use.seed, module.names))
        found |= dict.fromkeys(said for use in unseeded for said in _known(replace(use, is_seeded=False)))
        for use in (*module.uses, *(replace(use, is_seeded=False) for use in unseeded)):
            if known.is_foreign(use.origin):
                found |= dict.fromkeys(_said_of(use, own, defined, with_paths=with_paths))
        found |= {said: None for said, node in module.times if values.may_be_now(node, module.names)}
    return tuple(found)


@dataclass(frozen=True)
class _Use:
    """A name that is read, and how it is used.

    Attributes:
        origin: The dotted name that it stands for.
        is_called: Whether it is called, or passed to a function that calls it.
        is_own_method: Whether it is a method of the object that the code belongs to.
        is_seeded: Whether it is called with a seed.
        seed: The expression of the seed, if it consists of names, whose values must be known.
    """

    origin: str
    is_called: bool
    is_own_method: bool = False
    is_seeded: bool = False
    seed: ast.expr | None = None


@dataclass(frozen=True)
class _Module:
    """One module: its volatile expressions, and the names whose meaning depends on other modules."""

    tree: ast.Module
    names: Names
    found: tuple[str, ...]
    uses: tuple[_Use, ...]
    seeded: tuple[_Use, ...]
    times: tuple[tuple[str, ast.expr], ...]
    deals_with_paths: bool
    sets: frozenset[str]


@lru_cache(maxsize=1024)  # a helper module of many models is read once
def _module(text: str) -> _Module:
    tree = ast.parse(text)
    names = Names(tree)
    uses = dict.fromkeys(_uses(tree, names))
    found = (*volatile_by_form(tree, names), *(said for use in uses for said in _known(use)))
    foreign = tuple(use for use in uses if known.is_foreign(use.origin))
    roots = {use.origin.partition(".")[0] for use in uses}
    with_paths = bool(roots & {"pathlib", "os", "upath", "anyio"})
    seeded = tuple(use for use in uses if use.seed)
    times = tuple(times_by_name(tree, names))
    return _Module(tree, names, tuple(dict.fromkeys(found)), foreign, seeded, times, with_paths, sets_of(names))


@lru_cache(maxsize=4096)
def _shows_order(text: str, sets_elsewhere: frozenset[str]) -> bool:
    module = _module(text)
    return shows_order(module.tree, module.names, sets_elsewhere)


def _uses(tree: ast.Module, names: Names) -> Iterator[_Use]:
    annotations = {id(part) for node in ast.walk(tree) for part in _annotation(node)}
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if id(node) in annotations:
            continue
        stack.extend(ast.iter_child_nodes(node))
        is_read = isinstance(node, ast.Attribute) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))
        if is_read or _is_getattr(node) or (isinstance(node, ast.Call) and names.origins(node.func) & IMPORTERS):
            parent = names.parents.get(id(node))
            if isinstance(parent, ast.Attribute):
                continue  # the whole dotted name is examined
            if _is_renamed(parent) and all(known.is_module(o) or o in known.SEEDED for o in names.origins(node)):
                continue  # another name for it, which is examined instead
            call = parent if isinstance(parent, ast.Call) and parent.func is node else None
            is_called = call is not None or _is_handed_over(node, parent, names)
            for origin in map(known.followed, names.origins(node)):
                seed = _seed(origin, call) if call else None
                is_seeded = (seed is not None and not is_none(seed)) or _is_harmless(origin, call, names)
                open_seed = seed if is_seeded and not isinstance(seed, ast.Constant) else None
                yield _Use(origin, is_called, _is_own_method(node), is_seeded, open_seed)


def _is_renamed(parent: ast.AST | None) -> bool:
    """Return whether something is assigned to a name, or getattr() reads a name of it."""
    match parent:
        case ast.Assign(targets=[ast.Name()]):
            return True
        case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(), *_]):
            return True
    return False


def _annotation(node: ast.AST) -> Iterator[ast.AST]:
    for name in ("annotation", "returns"):
        if isinstance(part := getattr(node, name, None), ast.AST):
            yield part


def _is_getattr(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr"


def _is_handed_over(node: ast.AST, parent: ast.AST | None, names: Names) -> bool:
    """Return whether something is an argument of a function that calls it, as in `map(path.read_text, names)`."""
    if isinstance(parent, ast.ClassDef):
        return True  # a base class
    if isinstance(parent, ast.keyword):
        return parent.arg in ("default_factory", "key", "func", "function", "target", "factory")
    if not isinstance(parent, ast.Call) or node not in parent.args:
        return False
    return any(known.last_of(origin) in known.CALL_THEIR_ARGUMENTS for origin in names.origins(parent.func))


def _is_own_method(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def _seed(origin: str, call: ast.Call) -> ast.expr | None:
    """Return the argument of a call that is its seed."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    last = known.last_of(origin)
    if origin not in known.SEEDED:
        seeds = [value for name, value in keywords.items() if name in known.SEED_KEYWORDS]
        return seeds[0] if seeds and last not in known.CLOCKS | known.READERS else None
    if call.args:
        return None if isinstance(call.args[0], ast.Starred) else call.args[0]
    return next((value for name, value in keywords.items() if name in known.SEED_PARAMETERS), None)


def _is_harmless(origin: str, call: ast.Call | None, names: Names) -> bool:
    """Return whether the arguments of a call remove the chance, the clock or the file from it."""
    if call is None:
        return False
    last = known.last_of(origin)
    if origin in ("datetime.datetime.fromtimestamp", f"{UNKNOWN}.fromtimestamp"):  # without a zone: the local clock
        return len(call.args) > 1 or any(keyword.arg == "tz" for keyword in call.keywords)
    if last.startswith("read_"):
        return any(_is_in_memory(argument, names) for argument in _first(call))
    if origin in ("numpy.empty", "numpy.empty_like"):  # an array of objects is full of None
        types = [keyword.value for keyword in call.keywords if keyword.arg == "dtype"]
        return any("builtins.object" in names.origins(one) for one in types) or any(map(_is_zero, call.args[:1]))
    return False


def _first(call: ast.Call) -> list[ast.expr]:
    names = ("filepath_or_buffer", "path_or_buf", "path_or_buffer", "source", "io")
    return call.args[:1] or [keyword.value for keyword in call.keywords if keyword.arg in names]


def _is_in_memory(node: ast.expr, names: Names) -> bool:
    """Return whether the input is in memory: an io.StringIO or io.BytesIO, directly or by a name that is set once."""
    if isinstance(node, ast.Name):
        value = names.bound_once(node)
        return value is not None and not isinstance(value, ast.Name) and _is_in_memory(value, names)
    return isinstance(node, ast.Call) and bool(names.origins(node.func) & {"io.StringIO", "io.BytesIO"})


def _is_zero(node: ast.expr) -> bool:
    parts = node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
    return any(isinstance(part, ast.Constant) and part.value == 0 for part in parts)


def _known(use: _Use) -> Iterator[str]:
    """Yield the volatile uses that the tables list: the standard library, and known packages."""
    origin, last = use.origin, known.last_of(use.origin)
    if use.is_seeded or origin in IMPORTERS:
        return
    if origin in known.TYPES and not use.is_called:
        return
    if origin in known.SEEDED:
        yield f"{origin}()"
        return
    if last in known.OUTWARD or (last == "__dict__" and not origin.startswith(UNKNOWN)):
        yield last
    elif known.is_unsteady(origin):
        said = origin.removeprefix("builtins.")
        yield said if known.is_module(origin) or origin.startswith("sys.") else f"{said}()"
    elif use.is_called and last in known.CLOCKS and "." in origin and not known.is_foreign(origin):
        yield f"{origin}()"


def _said_of(
    use: _Use, own: Mapping[str, _Module], defined: frozenset[str], *, with_paths: bool, depth: int = 0
) -> Iterator[str]:
    """Yield the volatile uses of a name of another module, or of an unknown object."""
    resolved = _resolved(use.origin, own) if depth < 9 else frozenset()
    if resolved:
        for origin in map(known.followed, resolved - {use.origin}):
            inner = replace(use, origin=origin)
            if known.is_foreign(origin):
                yield from _said_of(inner, own, defined, with_paths=with_paths, depth=depth + 1)
            else:
                yield from _known(inner)
        return
    if use.origin in known.TYPES | known.SEEDED:
        return
    is_package = not use.origin.startswith((UNKNOWN, ".")) and "." in use.origin
    last = known.last_of(use.origin)
    if last == use.origin or use.is_seeded or (use.is_own_method and last in defined):
        return
    if not use.is_called and not is_package:
        return
    of_anything = known.CLOCKS | known.CHANCE | known.READERS | (known.PATHS if with_paths else frozenset())
    if is_package:
        of_anything |= known.CHANCE_OF_PACKAGES
    is_random = is_package and (".random." in use.origin or _learns(use.origin))
    is_reader = is_package and last.startswith(known.READING)
    if last in of_anything or is_random or is_reader or (last in known.WITH_SEED and use.is_called):
        yield f"{last if not is_package else use.origin}()"


def _learns(origin: str) -> bool:
    """Return whether a name is of scikit-learn or a related package, and draws random numbers if it gets no seed."""
    return origin.partition(".")[0] in known.LEARNING and known.last_of(origin) in known.LEARN_BY_CHANCE


def _resolved(origin: str, own: Mapping[str, _Module]) -> frozenset[str]:
    """Return the dotted names that a name of a module of the project stands for there; empty if unknown."""
    name = origin.lstrip(".")
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        module = own.get(".".join(parts[:end]))
        if module is not None:
            rest = "".join(f".{part}" for part in parts[end + 1 :])
            found = module.names.exported(parts[end])
            if found == {UNKNOWN} and parts[end] in module.names.module.bound and not rest:
                return frozenset({origin})  # a function or value of that module, which is read there
            return frozenset(f"{target}{rest}" for target in found)
    return frozenset()


def _module_names(path: str) -> Iterator[str]:
    """Yield the names by which a file may be imported: from the root, and from each folder on the way to it."""
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    yield from (".".join(parts[start:]) for start in range(len(parts)))

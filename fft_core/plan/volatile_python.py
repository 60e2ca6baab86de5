"""What makes the rows of a Python model change although nothing that we track did."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from fft_core.plan import python_steady as known
from fft_core.plan.python_sets import escaping_orders
from fft_core.python_names import IMPORTERS, UNKNOWN, Names

_COMPUTED = "a module by a computed name"


def volatile_in_python(modules: Mapping[str, str]) -> tuple[str, ...]:
    """Name what in the modules of a model reads a clock, chance, files, services or the network.

    Args:
        modules: The text of each module that the model is made of, by its path.

    >>> volatile_in_python({"m.py": "from random import choice as one_of\\npick = one_of"})
    ('random.choice()',)
    """
    read = {path: _module(text) for path, text in modules.items()}
    own = {name: module for path, module in read.items() for name in _module_names(path)}
    defined = frozenset[str]().union(*(module.names.functions for module in read.values()))
    with_paths = any(module.deals_with_paths for module in read.values())
    found: dict[str, None] = {}
    for module in read.values():
        found |= dict.fromkeys(module.found)
        for use in module.uses:
            found |= dict.fromkeys(_said_of(use, own, defined, with_paths=with_paths))
    return tuple(found)


@dataclass(frozen=True)
class _Use:
    """A name that is read, and how.

    Attributes:
        origin: What it stands for.
        is_called: Whether it is called, or handed to something that calls it.
        is_own_method: Whether it is a method of the object that the code is a part of.
        is_seeded: Whether it is called with a seed.
    """

    origin: str
    is_called: bool
    is_own_method: bool = False
    is_seeded: bool = False


@dataclass(frozen=True)
class _Module:
    """One module: what is volatile in it by itself, and the names whose meaning depends on others."""

    names: Names
    found: tuple[str, ...]
    uses: tuple[_Use, ...]
    deals_with_paths: bool


@lru_cache(maxsize=1024)  # a helper of many models is read once
def _module(text: str) -> _Module:
    tree = ast.parse(text)
    names = Names(tree)
    uses = dict.fromkeys(_uses(tree, names))
    found = (*_of_itself(tree, names), *(said for use in uses for said in _known(use)))
    foreign = tuple(use for use in uses if _is_foreign(use.origin))
    roots = {use.origin.partition(".")[0] for use in uses}
    return _Module(names, tuple(dict.fromkeys(found)), foreign, bool(roots & {"pathlib", "os", "upath", "anyio"}))


def _uses(tree: ast.Module, names: Names) -> Iterator[_Use]:
    annotations = {id(part) for node in ast.walk(tree) for part in _annotation(node)}
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if id(node) in annotations:
            continue
        stack.extend(ast.iter_child_nodes(node))
        is_read = isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load)
        if is_read or _is_getattr(node):
            parent = names.parents.get(id(node))
            if isinstance(parent, ast.Attribute):
                continue  # the whole of a dotted name is looked at
            if _is_renamed(parent) and all(map(_is_module, names.origins(node))):
                continue  # another name of a module
            call = parent if isinstance(parent, ast.Call) and parent.func is node else None
            is_called = call is not None or _is_handed_over(node, parent, names)
            is_seeded = call is not None and _is_seeded(call)
            for origin in names.origins(node):
                yield _Use(origin, is_called, _is_own_method(node), is_seeded or _is_harmless(origin, call, names))


def _is_renamed(parent: ast.AST | None) -> bool:
    """Whether something is set to a name, or a name of it is got by getattr()."""
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
    """Whether something is an argument of a function that calls it, as in `map(path.read_text, names)`."""
    if isinstance(parent, ast.keyword):
        return parent.arg in ("default_factory", "key", "func", "function", "target", "factory")
    if not isinstance(parent, ast.Call) or node not in parent.args:
        return False
    return any(_last(origin) in known.CALL_THEIR_ARGUMENTS for origin in names.origins(parent.func))


def _is_own_method(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def _is_seeded(call: ast.Call) -> bool:
    return any(keyword.arg in known.SEED_KEYWORDS and not _is_none(keyword.value) for keyword in call.keywords)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_harmless(origin: str, call: ast.Call | None, names: Names) -> bool:
    """Whether the arguments of a call take the chance, the clock or the file out of it."""
    if call is None:
        return False
    last = _last(origin)
    if origin in known.SEEDED:
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        return bool(given) and not _is_none(given[0])
    if origin in ("datetime.datetime.fromtimestamp", f"{UNKNOWN}.fromtimestamp"):  # else by the clock of this machine
        return len(call.args) > 1 or any(keyword.arg == "tz" for keyword in call.keywords)
    if last.startswith("read_") and call.args and isinstance(call.args[0], ast.Call):
        return bool(names.origins(call.args[0].func) & {"io.StringIO", "io.BytesIO"})
    return False


# --- by name ----------------------------------------------------------------------------------------------------------


def _is_foreign(origin: str) -> bool:
    """Whether only the project can tell what a name is."""
    root = origin.partition(".")[0]
    return root == UNKNOWN or (root not in sys.stdlib_module_names and root != "builtins")


def _known(use: _Use) -> Iterator[str]:
    """What is volatile by the tables: the standard library, and packages that we know."""
    origin, last = use.origin, _last(use.origin)
    if use.is_seeded or origin in IMPORTERS:
        return
    if origin in known.SEEDED and use.is_called:
        yield f"{origin}()"
    if origin in known.TYPES:
        return
    if last in known.OUTWARD or (last == "__dict__" and not origin.startswith(UNKNOWN)):
        yield last
    elif _is_unsteady(origin):
        said = origin.removeprefix("builtins.")
        yield said if _is_module(origin) or origin.startswith("sys.") else f"{said}()"


def _is_unsteady(origin: str) -> bool:
    parts = origin.split(".")
    prefixes = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    if parts[0] == UNKNOWN or not parts[0]:
        return False
    if any(prefix in known.UNSTEADY_PACKAGES for prefix in prefixes):
        return True
    for prefix in prefixes:
        rest = origin[len(prefix) + 1 :]
        if prefix in known.UNSTEADY_NAMES:
            return (not rest and prefix in _CLOCK_MODULES) or _is_below(rest, known.UNSTEADY_NAMES[prefix])
        if prefix in known.STEADY_NAMES:
            return not rest or not _is_steady_name(prefix, rest)
        if prefix in known.STEADY_MODULES:
            return False
    return parts[0] in sys.stdlib_module_names


_CLOCK_MODULES = frozenset({"datetime", "builtins"})


def _is_steady_name(module: str, rest: str) -> bool:
    first, _, method = rest.partition(".")
    if module == "pathlib":
        return first in known.STEADY_NAMES[module] and method not in known.PATHS | known.READERS
    return _is_below(rest, known.STEADY_NAMES[module])


def _is_below(name: str, listed: Iterable[str]) -> bool:
    return any(name == entry or name.startswith(f"{entry}.") for entry in listed)


def _is_module(origin: str) -> bool:
    return origin in sys.stdlib_module_names or origin in known.STEADY_NAMES or origin in known.UNSTEADY_NAMES


def _last(origin: str) -> str:
    return origin.rpartition(".")[2]


def _said_of(
    use: _Use, own: Mapping[str, _Module], defined: frozenset[str], *, with_paths: bool, depth: int = 0
) -> Iterator[str]:
    """What is volatile in the use of a name of another module, or of an object that is not known."""
    resolved = _resolved(use.origin, own) if depth < 9 else frozenset()
    if resolved:
        for origin in resolved - {use.origin}:
            inner = _Use(origin, use.is_called, use.is_own_method, use.is_seeded)
            if _is_foreign(origin):
                yield from _said_of(inner, own, defined, with_paths=with_paths, depth=depth + 1)
            else:
                yield from _known(inner)
        return
    is_package = not use.origin.startswith((UNKNOWN, ".")) and "." in use.origin
    last = _last(use.origin)
    if last == use.origin or use.is_seeded or (use.is_own_method and last in defined):
        return
    if not use.is_called and not is_package:
        return
    of_anything = known.CLOCKS | known.CHANCE | known.READERS | (known.PATHS if with_paths else frozenset())
    if is_package:
        of_anything |= known.CHANCE_OF_PACKAGES
    is_random = ".random." in use.origin and is_package
    if last in of_anything or is_random or (last in known.WITH_SEED and use.is_called):
        yield f"{last if not is_package else use.origin}()"


def _resolved(origin: str, own: Mapping[str, _Module]) -> frozenset[str]:
    """What a name of a module of the project stands for there; empty if it is not known."""
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
    """The names by which a file may be imported: from the root, and from each folder on the way to it."""
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    yield from (".".join(parts[start:]) for start in range(len(parts)))


# --- by form ----------------------------------------------------------------------------------------------------------


def _of_itself(tree: ast.Module, names: Names) -> Iterator[str]:
    """What is volatile by the form of the code."""
    yield from (said for star in names.stars for said in _of_star(star))
    for node in ast.walk(tree):
        match node:
            case ast.Call():
                yield from _of_call(node, names)
            case ast.Name(id="__file__", ctx=ast.Load()) | ast.Attribute(attr="__file__"):
                yield "__file__"
            case ast.Name(id="__name__" | "__spec__" | "__path__", ctx=ast.Load()) if not _is_usual(node, names):
                yield f"{node.id}, which is another in each process"
            case ast.Name(id="__loader__" | "__builtins__" | "__cached__", ctx=ast.Load()):
                yield node.id
            case ast.Attribute(attr="__module__"):
                yield "__module__, which is another in each process"
            case ast.Name() | ast.Attribute() if names.origins(node) & IMPORTERS and not _is_call_of(node, names):
                yield _COMPUTED
    yield from escaping_orders(tree, names)


def _of_star(module: str) -> Iterator[str]:
    if module in known.UNSTEADY_PACKAGES or (_is_unsteady(module) and module not in known.STEADY_NAMES):
        yield f"from {module} import *"


def _of_call(call: ast.Call, names: Names) -> Iterator[str]:
    origins = names.origins(call.func)
    lasts = {_last(origin) for origin in origins}
    is_import = origins & IMPORTERS or lasts & {"import_module", "__import__"}
    if is_import and not _is_literal_import(call):
        yield _COMPUTED
    if lasts & known.TAKE_NOW and any(_is_now(part) for part in ast.walk(call)):
        yield f"{min(lasts & known.TAKE_NOW)}('now')"
    if lasts & {"methodcaller", "attrgetter"} and not all(map(_is_plain_name, call.args[:1])):
        yield f"{min(lasts & {'methodcaller', 'attrgetter'})}()"
    if "builtins.getattr" in origins:
        yield from _of_getattr(call, names)
    if "astimezone" in lasts and not call.args and not call.keywords:
        yield "astimezone(), in the zone of this machine"
    if lasts & {"query", "eval"} and not origins & {"builtins.eval"}:
        yield from _of_expression(call, names)


def _is_literal_import(call: ast.Call) -> bool:
    """Whether it says which module; the package of a relative name may be that of the file itself."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    name = call.args[0] if call.args else keywords.get("name")
    package = call.args[1] if len(call.args) > 1 else keywords.get("package")
    if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
        return False
    if package is None or not name.value.startswith("."):
        return True
    return isinstance(package, ast.Constant) or ast.unparse(package) in ("__name__", "__package__")


def _is_now(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower() in ("now", "today")


def _is_plain_name(node: ast.expr) -> bool:
    every = known.CLOCKS | known.CHANCE | known.READERS | known.WITH_SEED | known.OUTWARD
    return isinstance(node, ast.Constant) and node.value not in every


def _of_getattr(call: ast.Call, names: Names) -> Iterator[str]:
    """A name of a module that is computed may be any of it."""
    if len(call.args) > 1 and not isinstance(call.args[1], ast.Constant):
        for origin in names.origins(call.args[0]):
            is_standard = not _is_foreign(origin) and origin not in known.STEADY_MODULES
            if is_standard or origin in ("numpy", "pandas", "polars"):
                yield f"a computed name of {origin}"


def _of_expression(call: ast.Call, names: Names) -> Iterator[str]:
    """Calls in the text of df.query() and df.eval(), where @ marks the names of the code around."""
    for text in (arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)):
        try:
            inner = ast.parse(text.replace("@", ""))
        except SyntaxError:
            continue
        for node in ast.walk(inner):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                for origin in _origins_of_text(ast.unparse(node.func), names):
                    last = _last(origin)
                    if _is_unsteady(origin) or last in known.CLOCKS | known.CHANCE | known.READERS:
                        yield f"{origin.removeprefix('?.')}()"


def _origins_of_text(dotted: str, names: Names) -> Iterator[str]:
    first, dot, rest = dotted.partition(".")
    yield from (f"{origin}{dot}{rest}" for origin in names.exported(first))


def _is_call_of(node: ast.AST, names: Names) -> bool:
    parent = names.parents.get(id(node))
    return isinstance(parent, ast.Attribute) or (isinstance(parent, ast.Call) and parent.func is node)


def _is_usual(node: ast.AST, names: Names) -> bool:
    """Whether __name__ stands where it names a logger, asks for __main__, or is the package of an import."""
    parent = names.parents.get(id(node))
    if isinstance(parent, ast.Compare):
        return True
    return isinstance(parent, ast.Call) and any(
        _last(origin) in ("getLogger", "get_logger", "import_module") for origin in names.origins(parent.func)
    )

"""Volatile code in a Python module that is found by its form, whichever module its names come from."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from fft_core.plan import python_steady as known
from fft_core.plan.python_names import IMPORTERS, Names
from fft_core.plan.python_values import NAMED, is_now

_COMPUTED = "a module by a computed name"
_ADDRESS = "the text of an object, which has its address in memory"
_NOW = "the text 'now', which means the current time"


def volatile_by_form(tree: ast.Module, names: Names) -> Iterator[str]:
    """Yield the volatile expressions that are found by the form of the code, in words."""
    yield from (said for star in names.stars for said in _of_star(star))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    if texts & {"now", "today"} and any(text.startswith(("datetime64", "M8[")) for text in texts):
        yield _NOW
    for node in ast.walk(tree):
        match node:
            case ast.Call():
                yield from _of_call(node, names)
            case ast.Compare(ops=[ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE(), *_]) | ast.Slice():
                yield from (_NOW for part in ast.iter_child_nodes(node) if is_now(part))
            case ast.FormattedValue(value=value) | ast.BinOp(left=ast.Constant(value=str()), right=value) if (
                _has_address(value, names)
            ):
                yield _ADDRESS
            case ast.Name(id="__file__", ctx=ast.Load()) | ast.Attribute(attr="__file__"):
                yield "__file__"
            case ast.Name(id="__name__" | "__spec__" | "__path__", ctx=ast.Load()) if not _is_usual(node, names):
                yield f"{node.id}, which differs in each process"
            case ast.Name(id="__loader__" | "__builtins__" | "__cached__", ctx=ast.Load()):
                yield node.id
            case ast.Attribute(attr="__module__"):
                yield "__module__, which differs in each process"
            case ast.Name() | ast.Attribute() if names.origins(node) & IMPORTERS and not _is_call_of(node, names):
                yield _COMPUTED


def times_by_name(tree: ast.Module, names: Names) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that are read as a time, each with a message for the case that it stands for the text "now"."""
    for node in ast.walk(tree):
        match node:
            case ast.Call() if taker := _takes_now(node, names):
                arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
                inner = [part for argument in arguments for part in ast.walk(argument)]
                yield from ((f"{taker}('now')", part) for part in inner if isinstance(part, NAMED))
            case ast.Compare(ops=[ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE(), *_]) | ast.Slice():
                parts = ast.iter_child_nodes(node)
                yield from ((_NOW, part) for part in parts if isinstance(part, NAMED))


def _takes_now(call: ast.Call, names: Names) -> str:
    """Return the function that reads a text such as "now" as a time, if a call is one or hands it an argument."""
    if any(keyword.arg == "format" for keyword in call.keywords):
        return ""
    origins = set(names.origins(call.func))
    if {known.last_of(origin) for origin in origins} & known.CALL_THEIR_ARGUMENTS:
        origins |= {origin for arg in call.args for origin in names.origins(arg)}
    return min({known.last_of(origin) for origin in origins} & known.TAKE_NOW, default="")


def _has_address(node: ast.AST, names: Names) -> bool:
    """Return whether the text of an object is its memory address: functions, and objects without __str__."""
    match node:
        case ast.Lambda():
            return True
        case ast.Call(func=ast.Name(id=name), args=[], keywords=[]) if "builtins.object" in names.origins(node.func):
            return name == "object"
        case ast.Call(func=ast.Name(id=name)):
            made = names.functions.get(name, [])
            return len(made) == 1 and isinstance(made[0], ast.ClassDef) and _is_plain(made[0])
        case ast.Name():
            value = names.bound_once(node)
            return value is not None and not isinstance(value, ast.Name) and _has_address(value, names)
    return False


def _is_plain(node: ast.ClassDef) -> bool:
    """Return whether a class has no base, decorator or method that could change the text of its objects."""
    stored = {getattr(part, "name", getattr(part, "id", "")) for part in ast.walk(node)}
    return not (node.bases or node.keywords or node.decorator_list or stored & {"__repr__", "__str__", "__format__"})


def _of_star(module: str) -> Iterator[str]:
    if module in known.UNSTEADY_PACKAGES or (known.is_unsteady(module) and module not in known.STEADY_NAMES):
        yield f"from {module} import *"


def _of_call(call: ast.Call, names: Names) -> Iterator[str]:
    origins = frozenset(map(known.followed, names.origins(call.func)))
    lasts = {known.last_of(origin) for origin in origins}
    is_import = origins & IMPORTERS or lasts & {"import_module", "__import__"}
    if is_import and not _is_literal_import(call):
        yield _COMPUTED
    if (taker := _takes_now(call, names)) and any(is_now(part) for part in ast.walk(call)):
        yield f"{taker}('now')"
    if lasts & {"str", "repr", "ascii", "format"} and any(_has_address(arg, names) for arg in call.args):
        yield _ADDRESS
    if "dateutil.parser.parse" in origins and not any(keyword.arg == "default" for keyword in call.keywords):
        yield "dateutil.parser.parse() without a default, which fills missing parts from today's date"
    if "arrow.get" in origins and not call.args and not call.keywords:
        yield "arrow.get()"
    if lasts & known.CALL_THEIR_ARGUMENTS:
        yield from (f"{name}()" for arg in call.args for name in known.WITH_SEED if _is_text(arg, name))
    if origins & {"builtins.vars", "inspect.getmembers"} and call.args:
        yield from (f"vars({origin})" for origin in names.origins(call.args[0]) if _is_namespace(origin))
    if lasts & {"methodcaller", "attrgetter"} and not all(map(_is_plain_name, call.args[:1])):
        yield f"{min(lasts & {'methodcaller', 'attrgetter'})}()"
    if "builtins.getattr" in origins:
        yield from _of_getattr(call, names)
    if "astimezone" in lasts and not call.args and not call.keywords:
        yield "astimezone(), in the zone of this machine"
    if lasts & {"query", "eval"} and not origins & {"builtins.eval"}:
        yield from _of_expression(call, names)


def _is_namespace(origin: str) -> bool:
    return "." in origin.strip("?.") or origin in sys.stdlib_module_names


def _is_literal_import(call: ast.Call) -> bool:
    """Return whether an import names its module literally; a relative name needs the package as well."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    name = call.args[0] if call.args else keywords.get("name")
    package = call.args[1] if len(call.args) > 1 else keywords.get("package")
    if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
        return False
    if package is None or not name.value.startswith("."):
        return True
    return isinstance(package, ast.Constant) or ast.unparse(package) in ("__name__", "__package__")


def _is_text(node: ast.expr, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def _is_plain_name(node: ast.expr) -> bool:
    every = known.CLOCKS | known.CHANCE | known.READERS | known.WITH_SEED | known.OUTWARD
    return isinstance(node, ast.Constant) and node.value not in every


def _of_getattr(call: ast.Call, names: Names) -> Iterator[str]:
    """Yield a reason for getattr() on a module with a computed name, which may be any name of the module."""
    if len(call.args) > 1 and not isinstance(call.args[1], ast.Constant):
        for origin in names.origins(call.args[0]):
            is_standard = not known.is_foreign(origin) and origin not in known.STEADY_MODULES
            if is_standard or origin in ("numpy", "pandas", "polars"):
                yield f"a computed name of {origin}"


def _of_expression(call: ast.Call, names: Names) -> Iterator[str]:
    """Yield the calls in the text of df.query() and df.eval(), which names variables of the surrounding code by @."""
    for text in (arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)):
        try:
            inner = ast.parse(text.replace("@", ""))
        except SyntaxError:
            continue
        for node in ast.walk(inner):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                for origin in _origins_of_text(ast.unparse(node.func), names):
                    last = known.last_of(origin)
                    if known.is_unsteady(origin) or last in known.CLOCKS | known.CHANCE | known.READERS:
                        yield f"{origin.removeprefix('?.')}()"


def _origins_of_text(dotted: str, names: Names) -> Iterator[str]:
    first, dot, rest = dotted.partition(".")
    yield from (f"{origin}{dot}{rest}" for origin in names.exported(first))


def _is_call_of(node: ast.AST, names: Names) -> bool:
    parent = names.parents.get(id(node))
    return isinstance(parent, ast.Attribute) or (isinstance(parent, ast.Call) and parent.func is node)


def _is_usual(node: ast.AST, names: Names) -> bool:
    """Return whether __name__ names a logger, is compared with "__main__", or is the package of an import."""
    parent = names.parents.get(id(node))
    if isinstance(parent, ast.Compare):
        return True
    return isinstance(parent, ast.Call) and any(
        known.last_of(origin) in ("getLogger", "get_logger", "import_module") for origin in names.origins(parent.func)
    )

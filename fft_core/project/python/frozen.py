"""Python at a frozen time: all clocks in a copy of a project's modules show one time.

The syntax tree of each module is rewritten before it is compiled: `datetime.now` becomes
`__fft_frozen__(datetime.now)`, which returns a function with the frozen time as its result. Nothing is patched for
the rest of the process: other threads, FFT and its scheduler, which measure durations, keep their clocks.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from types import ModuleType
from typing import Any, TypeVar

from fft_core.errors import ModelError

FROZEN, FROM_TEXT = "__fft_frozen__", "__fft_from_text__"
_NOW = frozenset({"now", "utcnow", "today"})
_OF_TIME = frozenset({"time", "time_ns", "gmtime", "localtime", "ctime", "asctime", "strftime"})
_NAMES = _NOW | _OF_TIME
_CLOCK_TEXTS = frozenset({"now", "today"})
_AS_SQL = frozenset({"ibis"})  # its now() becomes SQL, which is frozen as well
_READ_TEXTS = frozenset({"pandas", "numpy"})
_HINT = "Use datetime.now(), date.today(), time.time() or pandas.Timestamp.now(), or give the time as a column."
_Node = TypeVar("_Node", bound=ast.AST)


def frozen_tree(source: bytes, path: str) -> ast.Module:
    """Parse a module, and pass everything that may be a clock through the functions of `frozen_names`."""
    tree = ast.parse(source, path)
    imported = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname and alias.name in _NAMES
    }
    rewritten: ast.Module = _Rewriting(_NAMES | imported).visit(tree)
    return ast.fix_missing_locations(rewritten)


def frozen_names(at: datetime, package: str) -> Mapping[str, Callable[[Any], Any]]:
    """Return the functions that a rewritten module calls, by their names.

    Args:
        at: The frozen time; in UTC if the code asks for no zone.
        package: The prefix of the names of the project's own modules, whose functions are rewritten themselves.
    """
    clocks = FrozenClocks(at, package)
    return {FROZEN: clocks.frozen, FROM_TEXT: clocks.from_text}


class _Rewriting(ast.NodeTransformer):
    """A rewriter that wraps names of clocks in a call. Annotations and patterns stay, as they contain no calls."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return _in_call(node, FROZEN) if isinstance(node.ctx, ast.Load) and node.id in self._names else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        return _in_call(node, FROZEN) if isinstance(node.ctx, ast.Load) and node.attr in self._names else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(name)), *_]) if name in _NAMES:
                return _in_call(node, FROZEN)
            case ast.Call(args=[ast.Constant(value=str(text)), *_]) if text in _CLOCK_TEXTS:
                node.func = _in_call(node.func, FROM_TEXT)
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.match_case:
        if node.guard is not None:
            node.guard = self.visit(node.guard)
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        node.target = self.visit(node.target)
        node.value = self.visit(node.value) if node.value is not None else None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        return self._function(node)

    def _function(self, node: _Node) -> _Node:
        returns, node.returns = getattr(node, "returns", None), None  # type: ignore[attr-defined]
        self.generic_visit(node)
        node.returns = returns  # type: ignore[attr-defined]
        return node


def _in_call(node: ast.expr, name: str) -> ast.Call:
    return ast.copy_location(ast.Call(ast.copy_location(ast.Name(name, ast.Load()), node), [node], []), node)


class FrozenClocks:
    """Clocks that show one time.

    >>> clocks = FrozenClocks(datetime(2026, 1, 31, 12, tzinfo=UTC), "")
    >>> clocks.frozen(date.today)(), clocks.frozen(datetime.now)(), clocks.frozen(time.time)()
    (datetime.date(2026, 1, 31), datetime.datetime(2026, 1, 31, 12, 0), 1769860800.0)
    """

    def __init__(self, at: datetime, package: str = "") -> None:
        self._at, self._package = at.astimezone(UTC), package

    def frozen(self, value: Any) -> Any:  # Any: any value of the user's
        """Return a function with the frozen time as its result in place of a clock; anything else as it is."""
        name = getattr(value, "__name__", None) if callable(value) else None
        if not isinstance(name, str) or name not in _NAMES or isinstance(value, type):
            return value
        owner = getattr(value, "__self__", None)
        if owner is time or getattr(time, name, None) is value:
            return getattr(self, f"_{name}", value) if name in _OF_TIME else value
        if name not in _NOW:
            return value
        if isinstance(owner, type) and issubclass(owner, datetime):
            return getattr(self, f"_datetime_{name}")(owner)
        if isinstance(owner, type) and issubclass(owner, date):
            return lambda: owner(self._at.year, self._at.month, self._at.day)
        return self._refused(value, name) if self._is_foreign(value, owner) else value

    def from_text(self, value: Any) -> Any:  # Any: any function
        """Return a function that rejects the texts `now` and `today`, in place of one that reads the clock for them."""
        home = str(getattr(value, "__module__", "")).partition(".")[0]
        if home in _READ_TEXTS and not getattr(value, "__self__", None):
            return self._refused(value, f"{getattr(value, '__name__', 'it')}('now')")
        return value

    def _is_foreign(self, value: Any, owner: object) -> bool:
        """Return whether a function named like a clock belongs to an installed package, which reads the real clock."""
        home = str(getattr(value, "__module__", None) or getattr(owner, "__module__", None) or "")
        is_own = bool(self._package) and home.startswith(self._package)
        is_of_value = owner is not None and not isinstance(owner, type | ModuleType)
        return bool(home) and not is_own and not is_of_value and home.partition(".")[0] not in _AS_SQL

    def _refused(self, value: Any, name: str) -> Callable[..., Any]:
        home = str(getattr(value, "__module__", None) or "").partition(".")[0]
        said = f"{home}.{name}" if home else name
        said = said if said.endswith(")") else f"{said}()"

        def refuse(*_: object, **__: object) -> Any:
            raise ModelError(f"freeze: time cannot be frozen in {said}", hint=_HINT, code="FFT-511")

        return refuse

    def _datetime_now(self, owner: type[datetime]) -> Callable[..., datetime]:
        def now(tz: Any = None) -> datetime:  # Any: a tzinfo; for pandas, also the name of a zone
            zone = UTC if tz is None else tz
            is_plain = owner is datetime
            shown = self._at.astimezone(zone) if is_plain else owner.fromtimestamp(self._at.timestamp(), zone)
            return shown if tz is not None else shown.replace(tzinfo=None)

        return now

    def _datetime_today(self, owner: type[datetime]) -> Callable[..., datetime]:
        return self._datetime_now(owner)

    def _datetime_utcnow(self, owner: type[datetime]) -> Callable[[], datetime]:
        now = self._datetime_now(owner)
        return now if owner is datetime else lambda: now(UTC)  # the Timestamp of pandas has a zone

    def _time(self) -> float:
        return self._at.timestamp()

    def _time_ns(self) -> int:
        return int(self._at.timestamp()) * 10**9 + self._at.microsecond * 1000

    def _gmtime(self, seconds: float | None = None) -> time.struct_time:
        return time.gmtime(self._time() if seconds is None else seconds)

    def _localtime(self, seconds: float | None = None) -> time.struct_time:
        return self._gmtime(seconds)

    def _ctime(self, seconds: float | None = None) -> str:
        return time.asctime(self._gmtime(seconds))

    def _asctime(self, shown: Any = None) -> str:  # Any: a struct_time, or a tuple
        return time.asctime(self._gmtime() if shown is None else shown)

    def _strftime(self, form: str, shown: Any = None) -> str:
        return time.strftime(form, self._gmtime() if shown is None else shown)

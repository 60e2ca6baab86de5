"""The code of a function that the caller passes: its files, and the values of its closure."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from fft_core.project.model import Home, Project

_PLAIN = (type(None), bool, int, float, complex, str, bytes, Decimal, date, time, timedelta)


@dataclass(frozen=True)
class FunctionCode:
    """The code of a function.

    Attributes:
        files: The file of each function in it, with the arguments of `PythonReader.sources`: home, path, name.
        values: The values of its defaults and of the names around it, as text.
        unread: Those of these values that cannot be compared with later ones, in words; empty if all can.
    """

    files: tuple[tuple[Home, Path, str], ...]
    values: Mapping[str, str]
    unread: tuple[str, ...]


def function_code(project: Project, function: Callable[..., Any]) -> FunctionCode:
    """Find the files of a function and of the functions in its defaults and closure, such as one under a decorator."""
    found, values, unread = dict[tuple[Home, Path, str], None](), dict[str, str](), dict[str, None]()
    todo, seen = [function], set[int]()
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if not isinstance(one, FunctionType):
            unread[f"{getattr(one, '__name__', one)!s} is not a plain function"] = None
            continue
        place = _place(project, one)
        if place is None:
            unread[f"the file of {one.__qualname__} does not exist"] = None
        else:
            found[place] = None
        for name, value in _made_with(one):
            if isinstance(value, FunctionType):
                todo.append(value)
            elif (text := _text(value)) is not None:
                values[f"{one.__qualname__}.{name}"] = text
            else:
                unread[f"{one.__name__}() is created with {name}, {_type_of(value)}"] = None
    return FunctionCode(tuple(found), values, tuple(unread))


def _place(project: Project, function: FunctionType) -> tuple[Home, Path, str] | None:
    """Find the file of a function: below the project, or below the folder that its module is imported from."""
    path = Path(function.__code__.co_filename).resolve()
    if not path.is_file():
        return None
    if path.is_relative_to(project.root):
        shown = path.relative_to(project.root)
        home = project.home_of(shown)
        return home, shown, function.__name__
    parts = function.__module__.split(".")
    is_module = [*path.with_suffix("").parts[-len(parts) :]] == parts
    root = path.parents[len(parts) - 1] if is_module else path.parent
    return Home(root), path.relative_to(root), function.__name__


def _made_with(function: FunctionType) -> Iterator[tuple[str, object]]:
    for name, parameter in inspect.signature(function, follow_wrapped=False).parameters.items():
        if parameter.default is not parameter.empty:
            yield name, parameter.default
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # a variable that is not assigned yet
            continue


def _text(value: object) -> str | None:
    """Return a plain value or collection as text that is equal in each process; None for other values."""
    match value:
        case list() | tuple():
            return _joined("[]", [_text(item) for item in value])
        case set() | frozenset():
            texts = [_text(item) for item in value]
            return _joined("{}", sorted(texts, key=str))
        case dict():
            texts = [_joined("()", [_text(key), _text(item)]) for key, item in value.items()]
            return _joined("{}", sorted(texts, key=str))
        case type() | ModuleType():
            return f"{getattr(value, '__module__', '')}.{value.__name__}"
    return f"{type(value).__name__}:{value!r}" if type(value) in _PLAIN else None


def _joined(brackets: str, texts: list[str | None]) -> str | None:
    known = [text for text in texts if text is not None]
    return f"{brackets[0]}{', '.join(known)}{brackets[1]}" if len(known) == len(texts) else None


def _type_of(value: object) -> str:
    return f"which is of the type {type(value).__qualname__}"

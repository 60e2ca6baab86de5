"""The project as last read, kept in the user's cache folder: a load of unchanged files needs no parsing.

It is a pickle of plain values only: it can name no class and no function. Each value of the project's own types stands
in it as the number of its type and its fields, and is made here by setting them: nothing is called.
"""

from __future__ import annotations

import inspect
import io
import pickle
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

from fft_core.engines.spec.csv_format import CsvFormat
from fft_core.errors import Location
from fft_core.names.numbers import WrittenNumber
from fft_core.project import model
from fft_core.project.model import Project
from fft_core.project.read.cache_folder import ProjectCache
from fft_core.project.read.files import find_package_files
from fft_core.version import VERSION

FILE = "project.pickle"
FORMAT = 24  # counted up when the types of a project change
_UNREADABLE = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)


def _dataclasses(module: object) -> list[type]:
    found = [kind for _, kind in sorted(vars(module).items()) if inspect.isclass(kind) and is_dataclass(kind)]
    return [kind for kind in found if kind.__module__ == getattr(module, "__name__", "")]


_MODULES = (
    model.checks,
    model.extras,
    model.materialization,
    model.nodes,
    model.project,
    model.rules,
    model.streams,
    model.unit_test,
)
_OTHERS = (Location, CsvFormat, model.Attachment)
_TYPES: tuple[type, ...] = (*_OTHERS, *(kind for module in _MODULES for kind in _dataclasses(module)))
_FIELDS = tuple(tuple(field.name for field in fields(kind)) for kind in _TYPES)
_NUMBERS = {kind: number for number, kind in enumerate(_TYPES)}
_PATH = -1
# Values of Python's own that YAML can give, by what makes them from a text or a number.
_SPELLED: dict[type, tuple[int, Callable[[Any], Any], Callable[[Any], Any]]] = {
    datetime: (-2, datetime.isoformat, datetime.fromisoformat),
    date: (-3, date.isoformat, date.fromisoformat),
    time: (-4, time.isoformat, time.fromisoformat),
    timedelta: (-5, lambda value: (value.days, value.seconds, value.microseconds), lambda parts: timedelta(*parts)),
    timezone: (-6, lambda value: value.utcoffset(None).total_seconds(), lambda s: timezone(timedelta(seconds=s))),
    complex: (-7, str, complex),
    WrittenNumber: (-8, str, WrittenNumber),
}
_MADE = {number: make for number, _, make in _SPELLED.values()}


def cached_project(root: Path, key: str) -> Project | None:
    """Give the project that was kept under this key; None where it is another one, or cannot be read."""
    head, _, body = (ProjectCache(root).read(FILE) or b"").partition(b"\n")
    project = _loaded(body) if head == _head(root, key) else None
    return project if project is not None and _packages_are_unchanged(project) else None


def last_loaded(root: Path | str) -> Project | None:
    """Give the project as last loaded, whatever has changed since; None where none was kept. Its environment is empty.

    For what must be quick and need not be right, as a shell's completion.
    """
    root = Path(root).resolve()
    head, _, body = (ProjectCache(root).read(FILE) or b"").partition(b"\n")
    return _loaded(body) if head.startswith(_head(root, "")) else None


def keep_project(project: Project, key: str) -> None:
    """Keep a project, which has no environment yet, where the user's cache folder can be written to."""
    content = io.BytesIO()
    try:
        _Pickler(content, protocol=5).dump(project)
    except (pickle.PicklingError, TypeError):  # a value in `vars` that only YAML knows: it is read anew each time
        return
    ProjectCache(project.root).write(FILE, _head(project.root, key) + b"\n" + content.getvalue())


def _packages_are_unchanged(project: Project) -> bool:
    """Whether the files of packages say what they said: which packages there are is part of the key."""
    return all(find_package_files(package.home).digest() == package.digest for package in project.packages.values())


def _head(root: Path, key: str) -> bytes:
    return f"{FORMAT} {VERSION} {sys.version_info[:2]} {root} {key}".encode(errors="surrogateescape")


class _Pickler(pickle.Pickler):
    """Writes plain values; refuses what is neither one, nor of the project's types."""

    def persistent_id(self, value: object) -> tuple[int, object] | None:
        kind = type(value)
        number = _NUMBERS.get(kind)
        if number is not None:
            state = vars(value)  # with what it has cached beside its fields
            return number, {name: state[name] for name in _FIELDS[number]}
        if isinstance(value, Path):
            return _PATH, str(value)
        if kind in _SPELLED:
            return _SPELLED[kind][0], _SPELLED[kind][1](value)
        return None

    def reducer_override(self, value: object) -> Any:  # Any: it gives nothing
        raise pickle.PicklingError(f"{type(value).__name__} is no part of a project")


class _Unpickler(pickle.Unpickler):
    """Reads what `_Pickler` has written; knows no other class or function."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self._paths: dict[str, Path] = {}

    def find_class(self, module: str, name: str) -> Any:  # Any: it gives nothing
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a project")

    def persistent_load(self, pid: Any) -> object:  # Any: whatever is in the file
        number, said = pid
        if number >= 0:
            made: object = object.__new__(_TYPES[number])
            made.__dict__.update(said)
            return made
        if number == _PATH:
            if said not in self._paths:
                self._paths[said] = Path(said)
            return self._paths[said]
        return _MADE[number](said)


def _loaded(body: bytes) -> Project | None:
    try:
        project = _Unpickler(io.BytesIO(body)).load()
    except _UNREADABLE:
        return None
    is_whole = isinstance(project, Project) and vars(project).keys() == set(_FIELDS[_NUMBERS[Project]])
    return project if is_whole else None

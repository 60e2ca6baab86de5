"""Plain values of a project as bytes: a pickle that can name no class, and only one function, which makes plain values.

Each value of the project's own types is stored as the number of its type and its fields, and is restored by setting
the fields: nothing else is called.
"""

from __future__ import annotations

import inspect
import io
import pickle
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

from fft_core.engines.spec.csv_format import CsvFormat
from fft_core.engines.spec.layout import Cluster, Layout, Partition
from fft_core.errors import Location, Problem
from fft_core.names.numbers import WrittenNumber
from fft_core.project import model
from fft_core.project.read.template import Mention, Template

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
    model.check_types,
    model.checks,
    model.extras,
    model.materialization,
    model.nodes,
    model.project,
    model.rules,
    model.streams,
    model.unit_test,
)
_OTHERS = (Location, Problem, CsvFormat, model.Attachment, Layout, Partition, Cluster, Mention, Template)
_TYPES: tuple[type, ...] = (*_OTHERS, *(kind for module in _MODULES for kind in _dataclasses(module)))
_FIELDS = tuple(tuple(field.name for field in fields(kind)) for kind in _TYPES)
_NUMBERS = {kind: number for number, kind in enumerate(_TYPES)}
_PATH = -1
# Values of Python's own types that YAML can produce, with the functions that restore them from a text or a number.
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


def plain_bytes(value: object) -> bytes | None:
    """Return a value as bytes; None if a part of it is neither plain nor of the project's types."""
    content = io.BytesIO()
    try:
        _Pickler(content, protocol=5).dump(value)
    except (pickle.PicklingError, TypeError):  # a value in `vars` that only YAML knows, for example
        return None
    return content.getvalue()


def plain_value(content: bytes) -> object | None:
    """Return the value of bytes; None if they cannot be read."""
    try:
        value: object = _Unpickler(io.BytesIO(content)).load()
    except _UNREADABLE:
        return None
    return value


def is_whole(value: object, kind: type) -> bool:
    """Return whether a value is of one of the project's types, with all its fields."""
    return type(value) is kind and vars(value).keys() == set(_FIELDS[_NUMBERS[kind]])


def made(number: int, said: object) -> object:
    """Mark the place of a project's value in the pickle; reading never calls this function, see `_Maker`."""
    raise NotImplementedError


class _Pickler(pickle.Pickler):
    """A pickler that refuses values that are neither plain nor of the project's types."""

    def reducer_override(self, value: object) -> Any:  # Any: the signature of pickle
        kind = type(value)
        number = _NUMBERS.get(kind)
        if number is not None:
            state = vars(value)  # including cached properties beside its fields
            return made, (number, tuple([state[name] for name in _FIELDS[number]]))
        if isinstance(value, Path):
            return made, (_PATH, str(value))
        if kind in _SPELLED:
            return made, (_SPELLED[kind][0], _SPELLED[kind][1](value))
        if value is made:
            return NotImplemented
        raise pickle.PicklingError(f"{kind.__name__} is not a part of a project")


class _Unpickler(pickle.Unpickler):
    """An unpickler for the output of `_Pickler`; it knows no other class or function."""

    def find_class(self, module: str, name: str) -> Any:  # Any: it returns one thing
        if (module, name) != (made.__module__, made.__name__):
            raise pickle.UnpicklingError(f"{module}.{name} is not a part of a project")
        return _Maker()

    def persistent_load(self, pid: Any) -> object:  # Any: any content of the file
        raise pickle.UnpicklingError("a project has no persistent values")


class _Maker:
    """The callable that restores values of the project's types; a pickle cannot change it."""

    __slots__ = ()

    def __call__(self, number: int, said: Any) -> object:  # Any: any content of the file
        if number >= 0:
            value: object = object.__new__(_TYPES[number])
            value.__dict__.update(zip(_FIELDS[number], said, strict=True))
            return value
        return Path(said) if number == _PATH else _MADE[number](said)

"""The base of all shapes, a mapping whose unknown keys are errors, and types for texts and numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from fft_core.names.text import visible_line


@dataclass(frozen=True)
class Words:
    """The type of a value in words, for the reference; annotations with converters need it."""

    text: str


class Shape(BaseModel):
    """A mapping in a file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty_keys(cls, content: object) -> object:
        """Drop keys without a value, as when all items of a list are commented out."""
        if not isinstance(content, dict) or None not in content.values():
            return content
        fields = cls.model_fields.items()
        optional = {f.alias or name for name, f in fields if not f.is_required() and f.default is not None}
        return {key: value for key, value in content.items() if value is not None or key not in optional}


class SettingsShape(Shape):
    """A mapping of settings that is merged with others of the same keys."""

    def written(self) -> dict[str, Any]:
        """Return the keys that are set, with aliases resolved."""
        names = {"schema_": "schema", "database": "catalog"}
        said = {names.get(name, name): getattr(self, name) for name in self.model_fields_set}
        return {name: value for name, value in said.items() if value is not None}


def known_keys(shape: Any, location: Sequence[str | int]) -> list[str]:
    """Return the valid keys of a mapping inside a shape, for an unknown key that pydantic found there.

    Args:
        shape: The shape: anything that a TypeAdapter takes.
        location: The place of the mapping, as pydantic reports it: keys and indices, with names of members of unions.
    """
    shapes = [shape]
    for part in location:
        shapes = [inner for outer in shapes for inner in _inside(outer, part)]
    mappings = [kind for outer in shapes for kind in _members(outer) if _is_mapping(kind)]
    keys = [field.alias or name for kind in mappings for name, field in kind.model_fields.items()]
    return list(dict.fromkeys(keys))


def _inside(shape: Any, part: str | int) -> Iterator[Any]:
    for kind in _members(shape):
        arguments = get_args(kind)
        if _is_mapping(kind):
            yield from [kind] if _is_called(kind, part) else ()
            yield from (f.annotation for name, f in kind.model_fields.items() if part in (f.alias, name))
        elif get_origin(kind) in (list, dict):
            yield arguments[-1]


def _members(shape: Any) -> Iterator[Any]:
    """Return the members of a union without their annotations; another shape is its own only member."""
    if get_origin(shape) is Annotated:
        yield from _members(get_args(shape)[0])
    elif get_origin(shape) in (Union, UnionType):
        yield from (inner for member in get_args(shape) for inner in _members(member))
    else:
        yield shape


def _is_mapping(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _is_called(kind: type[BaseModel], part: str | int) -> bool:
    """Return whether pydantic means a member of a union.

    It names the member by its class, as in `function-after[check(), PlaceShape]`, or by its `type`.
    """
    told_by = kind.model_fields.get("type")
    return kind.__name__ in re.findall(r"\w+", str(part)) or part in get_args(told_by and told_by.annotation)


def _owner(text: str) -> str:
    if not re.fullmatch(r"team:.+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}", text):
        raise ValueError(f"{text!r} is not an owner; write an e-mail address, or team:name")
    return text


def _name(text: str) -> str:
    if visible_line(text) != text:
        raise ValueError(f"{visible_line(text)!r} contains a control character or an invisible character")
    return text


Name = Annotated[str, AfterValidator(_name)]
Owner = Annotated[str, AfterValidator(_owner)]


def _finite(value: Any, read: ValidatorFunctionWrapHandler) -> Any:  # Any: any value of YAML
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is not a number (YAML reads yes and no as true and false)")
    number = read(value)
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError("must be a finite number, not .nan or .inf")
    return value if isinstance(value, int) else number  # a large integer is not the nearest float


Number = WrapValidator(_finite)
Filled = Annotated[str, Field(min_length=1)]
TEXTS = Words("text, or list of texts")
Names = Annotated[
    list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else as_list(value)), TEXTS
]


def as_list(value: object) -> object:
    return list(value) if isinstance(value, tuple | set | frozenset) else value


_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def milliseconds(value: Any) -> Any:  # Any: any value of YAML
    """Return the milliseconds of a time with its unit, as 30s; values other than text stay. Raises ValueError."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*", value)
    if match is None:
        raise ValueError(f"{value!r} is not a time; write milliseconds, or a text as 500ms, 30s, 2m, 1h or 7d")
    return round(float(match[1]) * _UNITS[match[2] or "ms"])


def plain_value(value: object) -> object:
    """Return a value of a shape as plain YAML: mappings, lists, texts and numbers."""
    match value:
        case BaseModel():
            return value.model_dump(exclude_unset=True, by_alias=True)
        case tuple() | list():
            return [plain_value(item) for item in value]
        case dict():
            return {key: plain_value(item) for key, item in value.items()}
    return value

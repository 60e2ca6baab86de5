"""YAML with line numbers: plain values, where each key stands, and pydantic's complaints as problems with a place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from fft_core.errors import Location, Problem, nearest

Key = str | int
Shape = TypeVar("Shape")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class YamlFile:
    """A parsed file: `content` as plain values, `lines` the line of each key path."""

    path: Path
    content: Any  # whatever YAML holds; shaped by pydantic before anyone else sees it
    lines: Mapping[tuple[Key, ...], int] = field(default_factory=dict)

    def location(self, keys: tuple[Key, ...] = ()) -> Location:
        """Where a key stands, or the nearest key around it."""
        for end in range(len(keys), -1, -1):
            if keys[:end] in self.lines:
                return Location(self.path, self.lines[keys[:end]])
        return Location(self.path)


def parse_yaml(text: str, path: Path) -> YamlFile | Problem:
    """Parse one YAML document; an empty one is an empty mapping."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        content = loader.construct_document(node) if node else {}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return Problem(f"invalid YAML: {error.problem}", Location(path, mark.line + 1 if mark else None))
    except (yaml.YAMLError, ValueError) as error:
        return Problem(f"invalid YAML: {error}", Location(path))
    finally:
        loader.dispose()
    return YamlFile(path, content, dict(_lines(node, ())) if node else {})


def _lines(node: yaml.Node, keys: tuple[Key, ...]) -> Iterator[tuple[tuple[Key, ...], int]]:
    yield keys, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = key.value
            yield from _lines(value, (*keys, name))
            yield (*keys, name), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, (*keys, index))


def shaped(shape: Any, content: object, file: YamlFile, at: tuple[Key, ...] = ()) -> Any | list[Problem]:
    """Validate plain values against a pydantic shape: the shape's value, or every complaint with its line.

    `shape` is anything that a pydantic TypeAdapter takes; `at` is where in the file the content stands.
    """
    adapter = TypeAdapter(shape)
    try:
        return adapter.validate_python(content)
    except ValidationError as error:
        return [_problem(shape, complaint, content, file, at) for complaint in error.errors(include_url=False)]


def _problem(shape: Any, complaint: Any, content: object, file: YamlFile, at: tuple[Key, ...]) -> Problem:
    keys = _keys_in(content, complaint["loc"])
    where = file.location((*at, *keys))
    name = ".".join(str(key) for key in (*at, *keys))
    match complaint["type"]:
        case "extra_forbidden":
            known = _known_keys(shape, content, complaint["loc"][:-1])
            message = f"unknown key {str(complaint['loc'][-1])!r}" + (f" in {_parent(at, keys)}" if name else "")
            hint = nearest(str(complaint["loc"][-1]), known) or (f"Known keys: {', '.join(known)}" if known else None)
            return Problem(message, where, hint)
        case "missing":
            return Problem(f"missing key {complaint['loc'][-1]!r}" + (f" in {name}" if name else ""), where)
        case "union_tag_invalid":
            context = complaint["ctx"]
            key = context["discriminator"].strip("'")
            known = [tag.strip("' ") for tag in context["expected_tags"].split(",")]
            hint = nearest(context["tag"], known)
            return Problem(
                f"unknown {key} {context['tag']!r}",
                file.location((*at, *keys, key)),
                hint or f"Known: {', '.join(known)}",
            )
        case "union_tag_not_found":
            return Problem(f"missing key {complaint['ctx']['discriminator']} in {name}", where)
        case _:
            message = complaint["msg"].removeprefix("Value error, ")
            return Problem(f"{name}: {message}" if name else message, where)


def _parent(at: tuple[Key, ...], keys: tuple[Key, ...]) -> str:
    return ".".join(str(key) for key in (*at, *keys)[:-1]) or "the file"


def _keys_in(content: object, loc: tuple[Key, ...]) -> tuple[Key, ...]:
    """Keep those parts of pydantic's location that are keys of the content (it adds the names of union members)."""
    keys: list[Key] = []
    for part in loc:
        if isinstance(content, list):
            content = dict(enumerate(content))
        if isinstance(content, Mapping) and part in content:
            keys.append(part)
            content = content[part]
    return tuple(keys)


def _known_keys(shape: Any, content: object, loc: tuple[Key, ...]) -> list[str]:
    """Find the keys that the shape at a location would accept."""
    for part in loc:
        shape = _step(shape, part)
    return [
        (info.alias or name) for model in _models(shape) for name, info in model.model_fields.items() if name != "type"
    ]


def _step(shape: Any, part: Key) -> Any:
    for model in _models(shape):
        fields = {(info.alias or name): info for name, info in model.model_fields.items()}
        if part in fields:
            return fields[str(part)].annotation
        if any(part in get_args(info.annotation) for info in model.model_fields.values()):
            return model  # the name of a union's member
    return get_args(shape)[-1] if get_args(shape) and not isinstance(shape, UnionType) else shape


def _models(shape: Any) -> list[type[BaseModel]]:
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        return [shape]
    return [model for part in get_args(shape) for model in _models(part)]

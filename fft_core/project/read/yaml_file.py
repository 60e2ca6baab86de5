"""YAML with line numbers: plain values, the place of each key, and validation errors of pydantic as problems."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from fft_core.errors import Location, Problem, nearest
from fft_core.names.numbers import read_number

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Key = str | int
ANCHORS = "x-"  # the begin of ignored keys, as in other YAML formats
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_QUOTE = "Put it in quotes."
_MERGE = "tag:yaml.org,2002:merge"
_NUMBER = re.compile(r"[-+]?[0-9_]*\.?[0-9_]*([eE][-+]?[0-9]+)?")


class _ExactLoader(_Loader):  # type: ignore[misc, valid-type]  # chosen when it runs
    """A YAML loader that keeps all digits of numbers."""


def _number(loader: Any, node: yaml.ScalarNode) -> object:
    plain: object = loader.construct_yaml_float(node)
    return read_number(node.value) if _NUMBER.fullmatch(node.value) else plain


_ExactLoader.add_constructor("tag:yaml.org,2002:float", _number)


@dataclass(frozen=True)
class YamlFile:
    """A parsed file: `content` as plain values, `lines` the line of each key path."""

    path: Path
    content: Any  # any value of YAML; validated by pydantic before use
    lines: Mapping[tuple[Key, ...], int] = field(default_factory=dict)

    def location(self, keys: tuple[Key, ...] = ()) -> Location:
        """Return the place of a key, or of the nearest key around it."""
        for end in range(len(keys), -1, -1):
            if keys[:end] in self.lines:
                return Location(self.path, self.lines[keys[:end]])
        return Location(self.path)


def parse_yaml(text: str, path: Path, *, keep_digits: bool = False) -> YamlFile | Problem:
    """Parse one YAML document; an empty one is an empty mapping. Keys `x-...` at its top, for anchors, are left out.

    `keep_digits` returns a number with more digits than a double as `WrittenNumber`.
    """
    loader = (_ExactLoader if keep_digits else _Loader)(text)
    try:
        node = loader.get_single_node()
        if node and (repeated := next(_repeated_keys(node, loader, set()), None)):
            key, first = repeated
            return Problem(
                f"invalid YAML: duplicate key {key.value!r}, first on line {first.start_mark.line + 1}",
                Location(path, key.start_mark.line + 1),
                "Put both under one key, or remove one: YAML keeps only the last.",
                code="FFT-104",
            )
        content = loader.construct_document(node) if node else {}
        lines = dict(_lines(node, ())) if node else {}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return Problem(
            f"invalid YAML: {error.problem}", Location(path, mark.line + 1 if mark else None), code="FFT-104"
        )
    except (yaml.YAMLError, ValueError) as error:
        return Problem(f"invalid YAML: {error}", Location(path), code="FFT-104")
    except RecursionError:
        return Problem("invalid YAML: an anchor contains itself", Location(path), code="FFT-104")
    finally:
        loader.dispose()
    if isinstance(content, dict):
        content = {key: value for key, value in content.items() if not str(key).startswith(ANCHORS)}
    return YamlFile(path, content, lines)


def _repeated_keys(
    node: yaml.Node, loader: Any, seen: set[yaml.Node]
) -> Iterator[tuple[yaml.ScalarNode, yaml.ScalarNode]]:
    """Yield the keys that a mapping has more than once, each with its first occurrence. Merge keys may repeat."""
    if node in seen:  # an alias
        return
    seen.add(node)
    if isinstance(node, yaml.MappingNode):
        firsts: dict[object, yaml.ScalarNode] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                first = firsts.setdefault(loader.construct_object(key), key)
                if first is not key:
                    yield key, first
            yield from _repeated_keys(value, loader, seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated_keys(item, loader, seen)


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


def shaped_in_part(shape: Any, file: YamlFile) -> tuple[Any | None, list[Problem]]:
    """Validate a whole file; unknown keys are problems, and do not hide the rest of the file.

    The value is None if something else is wrong as well.
    """
    value = shaped(shape, file.content, file)
    if not isinstance(value, list):
        return value, []
    known_part = _without_unknown_keys(shape, file.content)
    rest = value if known_part is None else shaped(shape, known_part, file)
    return (None if isinstance(rest, list) else rest), value


def _without_unknown_keys(shape: Any, content: object) -> object | None:
    """Return plain values without the keys that the shape does not know; None if they have other errors, too."""
    from pydantic import ValidationError

    content = deepcopy(content)
    try:
        _adapter(shape).validate_python(content)
    except ValidationError as error:
        for complaint in error.errors(include_url=False, include_input=False, include_context=False):
            if complaint["type"] != "extra_forbidden":
                return None
            keys, holder = _keys_in(content, complaint["loc"])
            if isinstance(holder, dict) and keys:
                holder.pop(keys[-1], None)
    return content


def shaped(
    shape: Any, content: object, file: YamlFile, at: tuple[Key, ...] = (), also: Sequence[str] = ()
) -> Any | list[Problem]:
    """Validate plain values against a pydantic shape; return the shape's value, or all problems with their lines.

    Args:
        shape: Anything that a pydantic TypeAdapter takes.
        content: The values.
        file: The file of the values, for the lines of problems.
        at: The place of the content in the file.
        also: Keys that the shape lacks, and that the caller has taken out of the content: hints name them, too.
    """
    from pydantic import ValidationError  # slow to import: only files outside of the parse cache are validated

    adapter = _adapter(shape)
    try:
        return adapter.validate_python(content)
    except ValidationError as error:
        return [_problem(complaint, shape, content, file, at, also) for complaint in error.errors(include_url=False)]


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    """Return the adapter of a shape. Making one costs a hundred times as much as using it."""
    from pydantic import TypeAdapter

    return TypeAdapter(shape)


def _problem(
    complaint: Any, shape: Any, content: object, file: YamlFile, at: tuple[Key, ...], also: Sequence[str]
) -> Problem:
    from fft_core.project.shapes.dbt_keys import hint_for_dbt
    from fft_core.project.shapes.shape import known_keys

    keys, _ = _keys_in(content, complaint["loc"])
    where = file.location((*at, *keys))
    name = ".".join(str(key) for key in (*at, *keys))
    match complaint["type"]:
        case "extra_forbidden":
            key, known = str(complaint["loc"][-1]), known_keys(shape, complaint["loc"][:-1])
            known = [*also, *known] if len(complaint["loc"]) == 1 else known
            parent = ".".join(str(key) for key in (*at, *keys)[:-1]) or "the file"
            return Problem(
                f"unknown key {key!r} in {parent}",
                where,
                hint_for_dbt(key, known) or nearest(key, known) or f"Known keys: {', '.join(known)}",
                code="FFT-101",
            )
        case "missing":
            return Problem(
                f"missing key {complaint['loc'][-1]!r}" + (f" in {name}" if name else ""), where, code="FFT-105"
            )
        case "model_type" | "model_attributes_type" | "dict_type":
            return Problem(f"{name or 'the file'} must be a mapping", where, code="FFT-106")
        case "list_type":
            return Problem(f"{name or 'the file'} must be a list", where, code="FFT-106")
        case "union_tag_invalid":
            context = complaint["ctx"]
            key = context["discriminator"].strip("'")
            known = [tag.strip("' ") for tag in context["expected_tags"].split(",")]
            hint = nearest(context["tag"], known)
            return Problem(
                f"unknown {key} {context['tag']!r}",
                file.location((*at, *keys, key)),
                hint or f"Known: {', '.join(known)}",
                code="FFT-106",
            )
        case "literal_error":
            known = _literals(complaint["ctx"]["expected"])
            hint = nearest(str(complaint["input"]), known) or f"Known: {', '.join(known)}"
            return Problem(f"{name}: unknown value {complaint['input']!r}", where, hint, code="FFT-106")
        case "string_type" if isinstance(complaint["input"], bool | int | float | date):
            read_as = ", but YAML reads it as another type" if file.path.suffix in (".yml", ".yaml") else ""
            return Problem(f"{name} must be text{read_as}", where, _QUOTE, code="FFT-106")
        case "union_tag_not_found":
            return Problem(f"missing key {complaint['ctx']['discriminator']} in {name}", where, code="FFT-105")
        case _:
            message = complaint["msg"].removeprefix("Value error, ")
            return Problem(f"{name}: {message}" if name else message, where, code="FFT-106")


def _literals(expected: str) -> list[str]:
    """Return the values that pydantic lists for a Literal.

    >>> _literals("'rw', 'ro' or 'off'")
    ['rw', 'ro', 'off']
    """
    return [value.strip("'") for value in expected.replace(" or ", ", ").split(", ")]


def _keys_in(content: object, loc: tuple[Key, ...]) -> tuple[tuple[Key, ...], object]:
    """Return the parts of pydantic's location that are keys of the content; the others are names of union members.

    The second value is the mapping or list that contains the last key.
    """
    keys: list[Key] = []
    holder: object = None
    for part in loc:
        inner = dict(enumerate(content)) if isinstance(content, list) else content
        if isinstance(inner, Mapping) and part in inner:
            keys.append(part)
            holder, content = content, inner[part]
    return tuple(keys), holder

"""The page of all keys: a table for each file of a project, from the shapes of the files."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fft_core.project.shapes.shape import Words

ANY, EACH = "*", "[]"  # in a path: any key of a mapping, each item of a list
Path = tuple[str, ...]
Links = Mapping[tuple[type, str], str]  # to the table of the values of a field
LONGEST = 60  # characters of an example in a table
_PLAIN = {str: "text", bool: "true or false", int: "whole number", float: "number", Any: "any value"}
_DEFAULT = re.compile(r"\s*\[default: (.+)\]$")


@dataclass(frozen=True)
class Row:
    """A key, or several keys of equal meaning.

    Attributes:
        paths: The places of the keys in the file.
        words: The type in words.
        default: The default as Markdown.
        meaning: The description as Markdown.
        has_rows: Whether the keys inside of its value have rows of their own.
        example: A value as YAML; empty without a short one.
    """

    paths: tuple[Path, ...]
    words: str
    default: str
    meaning: str
    has_rows: bool = False
    example: str = ""

    @property
    def names(self) -> str:
        """The keys as Markdown."""
        return ", ".join(f"`{shown(path)}`" for path in self.paths)


def shown(path: Path) -> str:
    """Return a path as people write it.

    >>> shown(("rules", "[]", "set")), shown(("targets", "*", "table"))
    ('rules[].set', 'targets.NAME.table')
    """
    return ".".join("NAME" if part == ANY else part for part in path).replace(".[]", "[]")


def rows_of(
    shape: type[BaseModel],
    elsewhere: Mapping[type, str],
    links: Links = MappingProxyType({}),
    path: Path = (),
    left_out: Path = (),
) -> Iterator[Row]:
    """Yield the rows of a mapping, with those of the mappings in it.

    Args:
        shape: The shape of the mapping.
        elsewhere: The links to the tables of other shapes, whose keys are not repeated.
        links: The links to the tables of values that have no shape of their own.
        path: The place of the mapping in the file.
        left_out: The names of fields without a row.
    """
    texts = field_texts(shape)
    for name, field in shape.model_fields.items():
        if name in left_out or field.annotation is NoneType:
            continue
        key = field.alias if field.alias and name.endswith("_") else name
        inner = list(_shapes_in(field.annotation, (*path, key)))
        see = dict.fromkeys(elsewhere[kind] for kind, _ in inner if kind in elsewhere)
        see |= {links[base, name]: None for base in shape.__mro__ if (base, name) in links}
        own = [(kind, at) for kind, at in inner if kind not in elsewhere]
        meaning, default = split_default(texts.get(name, ""))
        meaning = " ".join([meaning, *(f"See {link}." for link in see)])
        yield Row(((*path, key),), words_of(field), default or _default(field), meaning, has_rows=bool(inner))
        for kind, at in own:
            yield from rows_of(kind, elsewhere, links, at)


@cache
def field_texts(shape: type) -> Mapping[str, str]:
    """Return the texts below the fields of a class and of its bases; that of the nearest class wins."""
    found: dict[str, str] = {}
    for base in reversed(shape.__mro__):
        if base.__module__.startswith("fft_core."):
            found |= _own_texts(base)
    return found


def _own_texts(shape: type) -> Iterator[tuple[str, str]]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(shape))).body
    assert isinstance(definition, ast.ClassDef)
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                yield name, " ".join(words.split())


def split_default(text: str) -> tuple[str, str]:
    """Split a description that ends in its default.

    >>> split_default("The name. [default: `main`]"), split_default("The name.")
    (('The name.', '`main`'), ('The name.', ''))
    """
    match = _DEFAULT.search(text)
    return (text[: match.start()], match[1]) if match else (text, "")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or value in ("", [], {}) or isinstance(value, BaseModel) or field.default_factory:
        return ""
    return f"`{flow(value)}`"


def words_of(field: FieldInfo) -> str:
    """Return the type of a field in words."""
    marks = [mark.text for mark in field.metadata if isinstance(mark, Words)]
    return marks[0] if marks else _words(field.annotation)


def _words(kind: Any) -> str:
    arguments = get_args(kind)
    if get_origin(kind) is Annotated:
        marks = [mark.text for mark in arguments[1:] if isinstance(mark, Words)]
        return marks[0] if marks else _words(arguments[0])
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(dict.fromkeys(_words(member) for member in arguments if member is not NoneType))
    if get_origin(kind) is Literal:
        return _listed([f"`{value}`" for value in arguments])
    if get_origin(kind) is list:
        return f"list of {_plural(_words(arguments[0]))}"
    if get_origin(kind) is dict:
        inner = "" if arguments[1] is Any else f" of {_plural(_words(arguments[1]))}"
        return f"mapping{inner}"
    return "mapping" if isinstance(kind, type) and issubclass(kind, BaseModel) else _PLAIN[kind]


def _listed(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _plural(words: str) -> str:
    """Return words for several values.

    >>> _plural("text or mapping"), _plural("mapping of texts"), _plural("true or false")
    ('texts or mappings', 'mappings of texts', 'true or false')
    """
    if words == "any value":
        return "values"
    if words.startswith("mapping of"):
        return words.replace("mapping", "mappings", 1)
    return re.sub(r"\b(text|mapping|number|value)\b(?!s)", r"\1s", words) if "`" not in words else words


def _shapes_in(kind: Any, path: Path) -> Iterator[tuple[type[BaseModel], Path]]:
    """Yield the mappings inside of a type, each with its place."""
    arguments = get_args(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind, path
    elif get_origin(kind) is Annotated:
        yield from _shapes_in(arguments[0], path)
    elif get_origin(kind) in (Union, UnionType):
        yield from (found for member in arguments for found in _shapes_in(member, path))
    elif get_origin(kind) is list:
        yield from _shapes_in(arguments[0], (*path, EACH))
    elif get_origin(kind) is dict:
        yield from _shapes_in(arguments[1], (*path, ANY))


def values_at(content: object, path: Path) -> Iterator[object]:
    """Yield the values at a place of a file.

    >>> list(values_at({"a": [{"b": 1}, {"b": 2}]}, ("a", "[]", "b")))
    [1, 2]
    """
    if not path:
        yield content
        return
    items: Iterable[object] = ()
    if path[0] == EACH:
        items = content if isinstance(content, list) else [content]
    elif isinstance(content, Mapping):
        items = content.values() if path[0] == ANY else [content[path[0]]] if path[0] in content else []
    for item in items:
        yield from values_at(item, path[1:])


def with_example(row: Row, contents: Iterable[object]) -> Row:
    """Return a row with a value of the examples, if one is short."""
    values = [value for content in contents for path in row.paths for value in values_at(content, path)]
    shorts = [text for value in values if len(text := flow(value)) <= LONGEST]
    return row if row.has_rows or not shorts else replace(row, example=shorts[0])


def flow(value: object) -> str:
    """Return a value as YAML in one line."""
    if isinstance(value, str) and "'" in value and '"' not in value:
        return f'"{value}"'
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def grouped(rows: Iterable[Row]) -> list[Row]:
    """Join rows of equal meaning, such as other names of a key, in the place of the first one."""
    found: dict[tuple[str, str, bool], Row] = {}
    for row in rows:
        same = (row.meaning, row.default, row.has_rows)
        other = found.get(same)
        words = row.words if other is None or other.words == row.words else f"{other.words} or {row.words}"
        found[same] = row if other is None else replace(other, paths=(*other.paths, *row.paths), words=words)
    return list(found.values())


def table(rows: Iterable[Row], first: str = "key") -> str:
    """Return rows as a table in Markdown."""
    lines = [f"| {first} | type | default | meaning | example |", "|---|---|---|---|---|"]
    for row in rows:
        example = f"`{row.example}`" if row.example else ""
        cells = (row.names, row.words, row.default, row.meaning, example)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines)

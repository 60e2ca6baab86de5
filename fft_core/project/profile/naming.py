"""The templates of `naming` in a profile: profiles.yml is a template itself, whose rendering must leave them alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fft_core.errors import ProfileError, nearest
from fft_core.project.model.nodes import Naming
from fft_core.project.read.yaml_file import YamlFile

if TYPE_CHECKING:
    import jinja2

KEY = "naming"
_KEYS = ("schema", "alias")
_NAMES = frozenset(("schema", "default_schema", "name", "alias", "project", "env_var"))
_BEGIN, _END = "\ufdd0template:", "\ufdd0"  # noncharacters, which nobody types
_MARK = re.compile(f"{_BEGIN}([0-9a-f]*){_END}")


def set_aside(text: str, jinja: jinja2.Environment) -> str:
    """Replace each expression of profiles.yml about the place of a node by a mark, which rendering keeps."""
    if not re.search(rf"\b{KEY}['\"]?\s*:", text):
        return text
    pieces, expression = list[str](), list[str]()
    for _, kind, value in jinja.lex(text):
        target = expression if kind == "variable_begin" or expression else pieces
        target.append(value)
        if kind == "variable_end":
            written = "".join(expression)
            pieces.append(_marked(written) if _is_about_places(written, jinja) else written)
            expression.clear()
    return "".join([*pieces, *expression])


def _is_about_places(expression: str, jinja: jinja2.Environment) -> bool:
    from jinja2 import meta, nodes

    tree = jinja.parse(expression)
    called = [call.node for call in tree.find_all(nodes.Call)]
    bare_env = any(name.name == "env" and name not in called for name in tree.find_all(nodes.Name))
    return bare_env or bool(meta.find_undeclared_variables(tree) & _NAMES)


def _marked(expression: str) -> str:
    return f"{_BEGIN}{expression.encode().hex()}{_END}"


def template_in(value: object) -> str | None:
    """Return the first expression that a mark in a value replaces; None if there is none."""
    match = _MARK.search(value) if isinstance(value, str) else None
    return bytes.fromhex(match[1]).decode() if match else None


def naming_of(content: Mapping[str, object], file: YamlFile, profile: str) -> Naming:
    """Read the templates of a profile. Raises ProfileError for texts that are not templates."""
    said, at = content.get(KEY), (profile, KEY)
    if said is None:
        return Naming()
    if not isinstance(said, dict):
        hint = 'As in naming: {schema: "{{ default_schema }}_{{ schema }}"}.'
        raise ProfileError(f"{profile}.{KEY} must be a mapping", where=file.location(at), hint=hint, code="FFT-205")
    for key, value in said.items():
        where = file.location((*at, key))
        if key not in _KEYS:
            hint = nearest(str(key), _KEYS) or f"Known keys: {', '.join(_KEYS)}"
            raise ProfileError(f"unknown key {key!r} in {profile}.{KEY}", where=where, hint=hint, code="FFT-101")
        if not isinstance(value, str) or not value:
            raise ProfileError(f"{profile}.{KEY}.{key} must be a template, as a text", where=where, code="FFT-205")
    schema, alias = (_restored(said.get(key)) for key in _KEYS)
    return Naming(schema, alias, file.location(at))


def _restored(template: str | None) -> str | None:
    return _MARK.sub(lambda match: bytes.fromhex(match[1]).decode(), template) if template is not None else None

"""Signatures as people read them: short names of types, one line for each parameter if there are many."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

_LONGEST_LINE = 100
_LONGEST_DEFAULT = 40
_OF_DAGSTER = re.compile(r"\bdagster(?:\.\w+)*\.(?=\w+\b)")
_MODULES = re.compile(r"\b(?:typing|collections\.abc|pathlib|fft_\w+(?:\.\w+)*)\.(?=\w)")


def signature_of(name: str, value: Any, *, prefix: str = "") -> str:
    """Render the signature of a function or class.

    Args:
        name: The name.
        value: The function or class.
        prefix: The text before the name: "def " or "class ".

    >>> def add(x: int, *, y: int | None = None) -> int: ...
    >>> signature_of("add", add, prefix="def ")
    'def add(x: int, *, y: int | None = None) -> int'
    """
    signature = inspect.signature(value)
    names = getattr(value, "__globals__", {})
    parameters = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
    texts = _marked(parameters, names)
    is_function = not inspect.isclass(value) and signature.return_annotation is not inspect.Signature.empty
    returns = f" -> {_returned(value, signature.return_annotation)}" if is_function else ""
    if not texts and inspect.isclass(value):
        return f"{prefix}{name}"
    line = f"{prefix}{name}({', '.join(texts)}){returns}"
    if len(line) <= _LONGEST_LINE:
        return line
    return "\n".join([f"{prefix}{name}(", *(f"    {text}," for text in texts), f"){returns}"])


def _marked(parameters: list[inspect.Parameter], names: Mapping[str, Any]) -> list[str]:
    """Render parameters, with a star before the first one that is passed by its name only."""
    texts = list[str]()
    starred = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            texts.append("*")
            starred = True
        texts.append(_parameter(parameter, names))
    return texts


def _parameter(parameter: inspect.Parameter, names: Mapping[str, Any]) -> str:
    kind = parameter.kind
    stars = "*" if kind is parameter.VAR_POSITIONAL else "**" if kind is parameter.VAR_KEYWORD else ""
    annotation = "" if parameter.annotation is parameter.empty else f": {_type(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return f"{stars}{parameter.name}{annotation}"
    equals = " = " if annotation else "="
    return f"{stars}{parameter.name}{annotation}{equals}{_default(parameter.default, names)}"


def _returned(value: Any, annotation: Any) -> str:
    """Render the annotation of a result; that of a context manager is written for its generator."""
    shown = _type(annotation)
    inner = getattr(value, "__wrapped__", None)
    if inner is not None and inspect.isgeneratorfunction(inner) and not inspect.isgeneratorfunction(value):
        return shown.replace("Iterator[", "AbstractContextManager[", 1)
    return shown


def _type(annotation: Any) -> str:
    """Render an annotation without the modules of its names, except `dg`.

    >>> import collections.abc
    >>> _type(collections.abc.Collection[str]), _type("pa.Table")
    ('Collection[str]', 'pa.Table')
    """
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return _MODULES.sub("", _OF_DAGSTER.sub("dg.", text))


def _default(value: Any, names: Mapping[str, Any]) -> str:
    match value:
        case Enum():
            return f"{type(value).__name__}.{value.name}"
        case PurePath():
            return f"Path({str(value)!r})"
        case None | bool() | int() | float() | str() | tuple() | dict() | list() | frozenset():
            return repr(value)
    for name, other in names.items():
        if other is value:
            return name
    text = repr(value)
    if text == "<factory>":
        return "..."
    if text.startswith("<"):
        raise ValueError(f"a default without a readable text: {text}")
    return text if len(text) <= _LONGEST_DEFAULT else f"{type(value).__name__}(...)"

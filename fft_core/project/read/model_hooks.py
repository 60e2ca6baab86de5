"""`pre_hook` and `post_hook` of a model: SQL that runs in the transaction of its build."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import jinja2

from fft_core.errors import Location, Problem, nearest
from fft_core.project.model import ModelHook, SourceName
from fft_core.project.read.macro_calls import MacroIndex, reached_macros
from fft_core.project.read.settings import Settings
from fft_core.project.read.sql_file import parse_template


def model_hooks(
    settings: Settings,
    key: str,
    inputs: Collection[str | SourceName],
    path: Path,
    jinja: jinja2.Environment,
    macros: MacroIndex,
    python_macros: Collection[str],
    engine: str,
    problems: list[Problem],
) -> tuple[ModelHook, ...]:
    """Read the hooks of a model. They may refer to the model's inputs and to `this`; other names are problems.

    Args:
        settings: The settings of the model.
        key: pre_hook or post_hook.
        inputs: The inputs of the model.
        path: Its file.
        jinja: The environment that parses templates.
        macros: The macros of the project.
        python_macros: The names of its functions for templates.
        engine: The engine's name.
        problems: The list to which problems are added.
    """
    where = settings.place_of(key, Location(path))
    found = []
    for text in settings.get(key, ()):
        template = parse_template(text, where.path, jinja, engine)
        problems.extend(replace(problem, where=where) for problem in template.problems)
        reached = reached_macros(template.calls, macros)
        templates = [template, *(macros[name].template for name in sorted(reached))]
        problems.extend(_unread([m.target for t in templates for m in t.mentions], inputs, key, where))
        named = {name for t in templates for name in (*t.calls, *t.filters)}
        functions = frozenset(named & set(python_macros))
        found.append(ModelHook(key, template.text, where, frozenset(reached), functions))
    return tuple(found)


def _unread(
    mentioned: Collection[str | SourceName], inputs: Collection[str | SourceName], key: str, where: Location
) -> Iterator[Problem]:
    for target in dict.fromkeys(mentioned):
        if target not in inputs:
            known = "A hook may name inputs of its model, and the model itself as {{ this }}."
            hint = nearest(str(target), map(str, inputs)) or known
            yield Problem(f"{key} names {str(target)!r}, which the model does not read", where, hint, code="FFT-162")

"""The reader of `hooks` in project.yml and of the files in hooks/."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import jinja2

from fft_core.errors import Location, Problem, nearest
from fft_core.project.model import Hook, NoVersion, Phase, Source, SourceName
from fft_core.project.read.decorators import MODEL_PHASES, RUN_PHASES
from fft_core.project.read.macro_calls import MacroIndex, reached_macros
from fft_core.project.read.python_file import (
    Constants,
    decorator_name,
    functions_of,
    named_arguments,
    parsed,
    value_of,
)
from fft_core.project.read.sql_file import parse_template
from fft_core.project.read.yaml_file import YamlFile
from fft_core.project.shapes.hooks import HookShape, HooksShape

PHASES: tuple[Phase, ...] = ("on_run_start", "on_run_end", "before_model", "after_model")


@dataclass(frozen=True)
class HookFunction:
    """A function of a file in hooks/; `when` is its phase, None: all phases."""

    name: str
    when: str | None
    function: str
    path: Path


@dataclass(frozen=True)
class HookFiles:
    """The files of hooks/: the texts of SQL by their stems, the functions, and the text of each Python file."""

    texts: Mapping[str, tuple[Path, str]]
    functions: tuple[HookFunction, ...]
    code: Mapping[Path, str]


def hook_functions(text: str, path: Path, problems: list[Problem]) -> Iterator[HookFunction]:
    """Read the functions of a file that are decorated with @fft_hook."""
    tree, found = parsed(text, path)
    problems.extend(found)
    constants = Constants(tree) if tree else None
    for function in functions_of(tree.body) if tree else ():
        for decorator in function.decorator_list:
            if decorator_name(decorator) == "fft_hook" and constants:
                yield from _function(function, decorator, constants, path, problems)


def _function(
    function: ast.FunctionDef, decorator: ast.expr, constants: Constants, path: Path, problems: list[Problem]
) -> Iterator[HookFunction]:
    where = Location(path, function.lineno)
    try:
        said = {name: value_of(value, constants) for name, value in named_arguments(decorator, ("name", "when"))}
    except ValueError:
        hint = "Hooks are found by their names, without running their code."
        problems.append(
            Problem(
                "the arguments of @fft_hook must be literals, or constants of this file", where, hint, code="FFT-131"
            )
        )
        return
    when = said.get("when")
    if when is not None and when not in PHASES:
        hint = nearest(str(when), PHASES) or f"Phases: {', '.join(PHASES)}."
        problems.append(Problem(f"@fft_hook(when={when!r}) is not a phase", where, hint, code="FFT-162"))
    yield HookFunction(str(said.get("name") or function.name), when, function.name, path)


@dataclass(frozen=True)
class HookReading:
    """A reader of hooks with the parts of the project that it needs; problems are added to `problems`."""

    engine: str
    env: str
    jinja: jinja2.Environment
    macros: MacroIndex
    python_macros: Collection[str]
    problems: list[Problem]


def hooks_of(shape: HooksShape, file: YamlFile, files: HookFiles, reading: HookReading) -> tuple[Hook, ...]:
    """Return the hooks of one engine and environment."""
    found: list[Hook] = []
    for phase in PHASES:
        hooks: list[HookShape] = getattr(shape, phase)
        for index, said in enumerate(hooks):
            where = file.location(("hooks", phase, index))
            hook = (
                _python_hook(said, phase, files, where)
                if said.kind == "python"
                else _sql_hook(said, phase, files, where)
            )
            if isinstance(hook, Problem):
                reading.problems.append(hook)
            elif _is_for(said.engines, reading.engine) and _is_for(said.envs, reading.env):
                found.append(_with_template(hook, reading))
            if said.select and phase in RUN_PHASES:
                hint = f"Selectors are for {' and '.join(MODEL_PHASES)}."
                reading.problems.append(
                    Problem(f"hook {said.name!r} of {phase} has `select`", where, hint, code="FFT-162")
                )
    return tuple(found)


def _with_template(hook: Hook, reading: HookReading) -> Hook:
    """Read the template of a hook in SQL. Problems in a text of project.yml have the place of the hook."""
    if hook.sql is None:
        return hook
    path = hook.path or hook.location.path
    template = parse_template(hook.sql, path, reading.jinja, reading.engine)
    reading.problems.extend(p if hook.path else replace(p, where=hook.location) for p in template.problems)
    reached = reached_macros(template.calls, reading.macros)
    templates = [template, *(reading.macros[name].template for name in sorted(reached))]
    named = {name for t in templates for name in (*t.calls, *t.filters)}
    return replace(
        hook,
        sql=template.text,
        inputs=tuple(dict.fromkeys(mention.target for t in templates for mention in t.mentions)),
        macros=frozenset(reached),
        python_macros=frozenset(named & set(reading.python_macros)),
    )


def tables_of(hooks: Iterable[Hook], files: HookFiles, tables: Iterable[str]) -> dict[SourceName, Source]:
    """Return those of `tables` that the text of a hook names, as sources, because only hooks fill them."""
    found: dict[SourceName, Source] = {}
    for table in dict.fromkeys(tables):
        for hook in hooks:
            text = hook.sql or files.code.get(hook.path or Path(), "")
            if re.search(rf"\b{re.escape(table)}\b", text):
                name, said = SourceName("hooks", table), f"Written by the hook {hook.name}."
                source = Source(name, table, hook.location, description=said, version=NoVersion(), is_of_hooks=True)
                found.setdefault(name, source)
    return found


def _is_for(names: list[str], name: str) -> bool:
    return not names or name.lower() in {other.lower() for other in names}


def _sql_hook(said: HookShape, phase: Phase, files: HookFiles, where: Location) -> Hook | Problem:
    path, text = files.texts.get(said.name, (None, None))
    if said.sql is not None:
        path, text = None, said.sql
    if text is None:
        hint = nearest(said.name, files.texts) or f"Set its `sql`, or write the file hooks/{said.name}.sql."
        return Problem(f"hook {said.name!r} has no SQL", where, hint, code="FFT-162")
    return Hook(phase, said.name, where, text, path, None, tuple(said.select), dict(said.params))


def _python_hook(said: HookShape, phase: Phase, files: HookFiles, where: Location) -> Hook | Problem:
    named = [f for f in files.functions if f.name == said.name]
    fitting = [f for f in named if f.when in (None, phase)]
    if not fitting:
        known = nearest(said.name, [f.name for f in files.functions])
        hint = f"It is for {named[0].when}." if named else known or "Decorate a function in hooks/ with @fft_hook."
        return Problem(f"there is no Python hook {said.name!r} for {phase}", where, hint, code="FFT-162")
    if len(fitting) > 1:
        both = " and ".join(str(f.path) for f in fitting)
        return Problem(
            f"there are several Python hooks {said.name!r} for {phase}: {both}",
            where,
            "Keep one of them.",
            code="FFT-162",
        )
    hook = fitting[0]
    return Hook(phase, said.name, where, None, hook.path, hook.function, tuple(said.select), dict(said.params))

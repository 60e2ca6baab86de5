"""The parser of *.ff.sql (and macro) files: their config, references and variables, from Jinja's syntax tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.sandbox import SandboxedEnvironment

from fft_core.engines.spec.registry import lexis_of
from fft_core.errors import Location, Problem
from fft_core.names import model_name
from fft_core.project.model import Mentioned, SourceName
from fft_core.project.read.sql_comments import comment_problems, without_jinja_in_comments
from fft_core.project.read.template import Mention, Template
from fft_core.project.read.template_reads import literal, reads_of


@dataclass(frozen=True)
class Macro:
    """A macro, with its file and its template."""

    name: str
    path: Path
    line: int
    template: Template


def new_environment() -> jinja2.Environment:
    """Make the Jinja environment that all SQL is parsed and rendered with.

    Its sandbox keeps templates from the internals of Python objects, through which they could read anything.
    """
    jinja = SandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.do"],
        keep_trailing_newline=True,
    )
    jinja.globals["range"] = range  # of any length
    jinja.filters["var"] = jinja2.pass_context(lambda context, name, *default: context["var"](name, *default))
    jinja.filters["env"] = jinja2.pass_context(lambda context, name, *default: context["env"](name, *default))
    return jinja


def parse_template(text: str, path: Path, jinja: jinja2.Environment, engine: str) -> Template:
    """Read a model's file. Problems are collected, not raised; `text` comes back without Jinja in SQL comments."""
    visible = without_jinja_in_comments(text, lexis_of(engine))
    tree, problems = _parsed(text, visible, path, jinja, engine)
    if tree is None:
        return Template(visible, problems=tuple(problems))
    template = _read([tree], visible, path)
    return replace(template, pieces=_pieces(tree), problems=(*template.problems, *problems))


def _parsed(
    text: str, visible: str, path: Path, jinja: jinja2.Environment, engine: str
) -> tuple[nodes.Template | None, list[Problem]]:
    problems = comment_problems(text, path, lexis_of(engine))
    try:
        tree = jinja.parse(visible)
    except jinja2.TemplateSyntaxError as error:
        hint = None if visible == text else "Jinja in SQL comments is ignored; this file has some: write {# ... #}."
        syntax = Problem(f"template error: {error.message}", Location(path, error.lineno), hint, code="FFT-130")
        return None, problems or [syntax]
    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        tag = "from" if isinstance(node, nodes.FromImport) else type(node).__name__.lower()
        hint = "Write a macro: those in models/macros/ are known in all models and macros."
        problems.append(Problem(f"{{% {tag} %}} is not supported", Location(path, node.lineno), hint, code="FFT-130"))
    return tree, problems


def _pieces(tree: nodes.Template) -> tuple[str | Mentioned, ...] | None:
    """Split a template into pieces, if it is only text, ref('...'), source('...', '...'), this and config(...)."""
    if any(not isinstance(statement, nodes.Output) for statement in tree.body):
        return None
    pieces = [_piece(node) for output in tree.find_all(nodes.Output) for node in output.nodes]
    return None if None in pieces else tuple(piece for piece in pieces if piece)


def _piece(node: nodes.Node) -> str | Mentioned | None:
    match node:
        case nodes.TemplateData():
            return node.data
        case nodes.Name(name="this"):
            return Mentioned(None)
        case nodes.Call(node=nodes.Name(name="config")):
            return ""
        case nodes.Call(node=nodes.Name(name="ref" | "source" as name)):
            target = _target(name, node)
            return Mentioned(target) if target else None
    return None


def parse_macros(text: str, path: Path, jinja: jinja2.Environment, engine: str) -> tuple[list[Macro], list[Problem]]:
    """Read the macros of a file. Variables that the file sets beside them are set for each of them."""
    visible = without_jinja_in_comments(text, lexis_of(engine))
    tree, problems = _parsed(text, visible, path, jinja, engine)
    if tree is None:
        return [], problems
    beside = [node for node in tree.body if not isinstance(node, nodes.Macro)]
    macros = []
    for node in tree.find_all(nodes.Macro):
        given = {arg.name for tree in (node, *beside) for macro in _macros(tree) for arg in macro.args}
        template = _read([node, *beside], visible, path, local_names=given, is_macro=True)
        macros.append(Macro(node.name, path, node.lineno, template))
    problems += [problem for macro in macros for problem in macro.template.problems]
    return macros, list(dict.fromkeys(problems))


def _read(
    trees: list[nodes.Node], text: str, path: Path, *, local_names: Iterable[str] = (), is_macro: bool = False
) -> Template:
    config: dict[str, Any] = {}
    config_line = 1
    mentions: list[Mention] = []
    problems: list[Problem] = []
    # a macro may be mentioned without being called: `{% set f = some_macro %}`
    names = {name.name for tree in trees for name in tree.find_all(nodes.Name) if name.ctx == "load"}
    for call, name in _calls(trees):
        where = Location(path, call.lineno)
        match name:
            case "config" if not is_macro:
                config_line = call.lineno
                config.update(_keywords(call, where, problems))
            case "ref" | "source":
                target = _target(name, call)
                if target is not None:
                    mentions.append(Mention(target, where))
                elif not is_macro or not _passes_on(call, local_names):
                    problems.append(_not_literal(name, where))
    reads = reads_of(trees)
    return Template(
        text=text,
        config=config,
        config_line=config_line,
        mentions=tuple(mentions),
        calls=frozenset(names),
        variables=reads.variables,
        environment=reads.environment,
        problems=tuple(problems),
        volatile=reads.volatile,
        filters=frozenset(name for tree in trees for name in _filters(tree)),
    )


def _filters(tree: nodes.Node) -> Iterator[str]:
    for node in tree.find_all(nodes.Filter):
        yield node.name
        if node.name == "map":
            yield from (const.value for const in node.find_all(nodes.Const) if isinstance(const.value, str))


def _macros(tree: nodes.Node) -> Iterator[nodes.Macro]:
    if isinstance(tree, nodes.Macro):
        yield tree
    yield from tree.find_all(nodes.Macro)


def _calls(trees: Iterable[nodes.Node]) -> Iterator[tuple[nodes.Call, str]]:
    for tree in trees:
        for call in tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name):
                yield call, call.node.name


def _keywords(call: nodes.Call, where: Location, problems: list[Problem]) -> dict[str, Any]:
    if call.args or call.dyn_args or call.dyn_kwargs:
        problems.append(Problem("config() takes keyword arguments only", where, code="FFT-131"))
    values = {}
    for keyword in call.kwargs:
        try:
            values[keyword.key] = keyword.value.as_const()
        except nodes.Impossible:
            problems.append(
                Problem(
                    f"config({keyword.key}=...) must be a literal",
                    Location(where.path, keyword.lineno),
                    "The settings of a model are read before it is rendered; set the rest in a profile or project.yml.",
                    code="FFT-131",
                )
            )
    return values


def _target(name: str, call: nodes.Call) -> str | SourceName | None:
    """Return the literal arguments of ref() or source(); None for other expressions."""
    arguments = [literal(arg) for arg in call.args]
    if "*" in arguments or call.kwargs or call.dyn_args or call.dyn_kwargs:
        return None
    if name == "ref" and len(arguments) == 1:
        return model_name(arguments[0])
    return SourceName(*arguments) if name == "source" and len(arguments) == 2 else None


def _passes_on(call: nodes.Call, local_names: Iterable[str]) -> bool:
    """Return whether a macro passes one of its own arguments to ref() or source(): its caller then has the name."""
    return any(node.name in local_names for node in call.find_all(nodes.Name))


def _not_literal(name: str, where: Location) -> Problem:
    takes = "one name" if name == "ref" else "a group and a table"
    return Problem(
        f"{name}() takes {takes}, as literal text",
        where,
        "The graph is read without rendering. To choose by a variable, write each name out: "
        "{'a': ref('a'), 'b': ref('b')}[var('which')].",
        code="FFT-131",
    )

"""One *.ff.sql (or macro) file: what it configures, refers to and reads, from Jinja's syntax tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes

from fft_core.errors import Location, Problem
from fft_core.names import model_name
from fft_core.project.model import Mentioned, SourceName


@dataclass(frozen=True)
class Mention:
    """A model, seed or source that a template names, and the line."""

    target: str | SourceName
    line: int


@dataclass(frozen=True)
class Template:
    """What one template says, without rendering it."""

    text: str
    config: Mapping[str, Any]  # keyword arguments of config(), as literals; shaped by pydantic in the loader
    config_line: int
    mentions: tuple[Mention, ...]
    calls: frozenset[str]
    variables: frozenset[str]
    environment: frozenset[str]
    problems: tuple[Problem, ...]
    pieces: tuple[str | Mentioned, ...] | None = None


@dataclass(frozen=True)
class Macro:
    """A macro, by where it is and what it says."""

    name: str
    path: Path
    line: int
    template: Template


def new_environment() -> jinja2.Environment:
    """Make the Jinja environment that all SQL is parsed and rendered with."""
    jinja = jinja2.Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.do"],
        keep_trailing_newline=True,
    )
    jinja.filters["var"] = jinja2.pass_context(lambda context, name, *default: context["var"](name, *default))
    jinja.filters["env"] = jinja2.pass_context(lambda context, name, *default: context["env"](name, *default))
    return jinja


def parse_template(text: str, path: Path, jinja: jinja2.Environment) -> Template:
    """Read a model's file. Problems are collected, not raised; `text` comes back without Jinja in SQL comments."""
    visible = without_jinja_in_comments(text)
    try:
        tree = jinja.parse(visible)
    except jinja2.TemplateSyntaxError as error:
        problem = Problem(f"template error: {error.message}", Location(path, error.lineno))
        return Template(visible, {}, 1, (), frozenset(), frozenset(), frozenset(), (problem,))
    return replace(_read(tree, visible, path), pieces=_pieces(tree))


def _pieces(tree: nodes.Template) -> tuple[str | Mentioned, ...] | None:
    """Take a template apart, where it is only text, ref('...'), source('...', '...'), this and config(...)."""
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


def parse_macros(text: str, path: Path, jinja: jinja2.Environment) -> tuple[list[Macro], list[Problem]]:
    """Read the macros of a file."""
    try:
        tree = jinja.parse(text)
    except jinja2.TemplateSyntaxError as error:
        return [], [Problem(f"template error: {error.message}", Location(path, error.lineno))]
    macros = []
    environment = _read(tree, text, path).environment  # what the file sets beside its macros runs with each of them
    for node in tree.find_all(nodes.Macro):
        arguments = {arg.name for arg in node.args}
        template = replace(_read(node, text, path, local_names=arguments), environment=environment)
        macros.append(Macro(node.name, path, node.lineno, template))
    return macros, [problem for macro in macros for problem in macro.template.problems]


def _read(tree: nodes.Node, text: str, path: Path, *, local_names: Iterable[str] = ()) -> Template:
    config: dict[str, Any] = {}
    config_line = 1
    mentions: list[Mention] = []
    problems: list[Problem] = []
    read: dict[str, set[str]] = {"var": set(), "env": set()}
    calls: set[str] = set()
    strict = not isinstance(tree, nodes.Macro)
    for call, name in _calls(tree):
        where = Location(path, call.lineno)
        calls.add(name)
        match name:
            case "config" if strict:
                config_line = call.lineno
                config.update(_keywords(call, where, problems))
            case "ref" | "source":
                target = _target(name, call)
                if target is not None:
                    mentions.append(Mention(target, call.lineno))
                elif strict or not _passes_on(call, local_names):
                    problems.append(_not_literal(name, where))
            case "var" | "env":
                read[name].add(_literal(call.args[0]) if call.args else "*")
    # a macro may be mentioned without being called: `{% set f = some_macro %}`
    calls |= {node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"}
    called = {id(call.node) for call, _ in _calls(tree)}
    if any(node.name == "env" and id(node) not in called for node in tree.find_all(nodes.Name)):
        read["env"].add("*")  # under another name it reads whatever it is asked for
    return Template(
        text,
        config,
        config_line,
        tuple(mentions),
        frozenset(calls),
        frozenset(read["var"]),
        frozenset(read["env"]),
        tuple(problems),
    )


def _calls(tree: nodes.Node) -> Iterator[tuple[nodes.Call, str]]:
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name):
            yield call, call.node.name
    for filtered in tree.find_all(nodes.Filter):
        if filtered.name in ("var", "env") and filtered.node is not None:
            yield nodes.Call(nodes.Name(filtered.name, "load"), [filtered.node], [], None, None), filtered.name


def _keywords(call: nodes.Call, where: Location, problems: list[Problem]) -> dict[str, Any]:
    if call.args or call.dyn_args or call.dyn_kwargs:
        problems.append(Problem("config() takes keyword arguments only", where))
    values = {}
    for keyword in call.kwargs:
        try:
            values[keyword.key] = keyword.value.as_const()
        except nodes.Impossible:
            problems.append(
                Problem(
                    f"config({keyword.key}=...) must be a literal",
                    Location(where.path, keyword.lineno),
                    "What a model is has to be known before it is rendered; use a profile or project.yml for the rest.",
                )
            )
    return values


def _target(name: str, call: nodes.Call) -> str | SourceName | None:
    """Read the literal arguments of ref() or source(); None where there is something else."""
    arguments = [_literal(arg) for arg in call.args]
    if "*" in arguments or call.kwargs or call.dyn_args or call.dyn_kwargs:
        return None
    if name == "ref" and len(arguments) == 1:
        return model_name(arguments[0])
    return SourceName(*arguments) if name == "source" and len(arguments) == 2 else None


def _literal(node: nodes.Node) -> str:
    return node.value if isinstance(node, nodes.Const) and isinstance(node.value, str) else "*"


def _passes_on(call: nodes.Call, local_names: Iterable[str]) -> bool:
    """Whether a macro hands one of its own arguments to ref() or source(): the caller then names it elsewhere."""
    return any(node.name in local_names for node in call.find_all(nodes.Name))


def _not_literal(name: str, where: Location) -> Problem:
    takes = "one name" if name == "ref" else "a group and a table"
    return Problem(
        f"{name}() takes {takes}, as literal text",
        where,
        "The graph is read without rendering. To choose by a variable, write each name out: "
        "{'a': ref('a'), 'b': ref('b')}[var('which')].",
    )


_PIECES = re.compile(
    r"""
      (?P<jinja>\{\{.*?\}\}|\{%.*?%\}|\{\#.*?\#\})
    | (?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<comment>--[^\n]*|/\*(?!\+).*?\*/)
    """,
    re.DOTALL | re.VERBOSE,
)
_MARKS = re.compile(r"\{\{|\{%|\{#")


def without_jinja_in_comments(text: str) -> str:
    """Blank the SQL comments that hold Jinja: what is commented out is not referred to. Lines keep their numbers.

    >>> without_jinja_in_comments("select 1 -- from {{ ref('old') }}")
    'select 1 '
    """

    def blank(match: re.Match[str]) -> str:
        piece = match.group()
        if match.lastgroup == "comment" and _MARKS.search(piece):
            return "\n" * piece.count("\n")
        return piece

    return _PIECES.sub(blank, text)

"""The custom checks in tests/: their types and parameters."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeAlias

import jinja2

from fft_core.errors import Location, Problem, nearest
from fft_core.project.model import CheckParam, CheckType, PythonCheck, Rule, SqlCheck
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
from fft_core.project.read.yaml_file import Key, YamlFile, shaped
from fft_core.project.shapes.check_keys import CheckShape
from fft_core.project.shapes.checks import CustomCheckShape

_HINT = 'Begin it with {{ config(type="my_check", params=["where"]) }}.'
Described: TypeAlias = tuple[tuple[CheckParam, ...] | None, str | None]
CONFIG_KEYS = {  # the keys of config() in a check of SQL, with their meaning
    "type": "The value of `type` in the checks that use the file.",
    "params": "The names of its parameters. [default: none]",
    "description": "The description of the type. [default: the comment at the start of the file]",
}
_OWN_KEYS = frozenset(CustomCheckShape.model_fields)


@dataclass(frozen=True)
class CustomCheck:
    """A file, or a function in one, that judges the tests of one type.

    Attributes:
        type: The value of `type` in tests.
        location: The file and line of its definition.
        rule: The rule, without the column and the parameters of a test.
        params: The parameters that a test may have; None: any.
        described: The parameters and the description of the file, for documentation.
        fields: The parameters that the model of a function takes; None: unknown, or any.
    """

    type: str
    location: Location
    rule: SqlCheck | PythonCheck
    params: frozenset[str] | None = None
    described: Described = ((), None)
    fields: frozenset[str] | None = None

    @property
    def known(self) -> frozenset[str] | None:
        """The parameters that a test may have; None: any."""
        return self.fields if self.params is None else self.params

    @property
    def documented(self) -> CheckType:
        """Return its entry for the documentation of the project."""
        return CheckType(self.type, self.location, *self.described)


def sql_check(
    text: str,
    path: Path,
    jinja: jinja2.Environment,
    macros: MacroIndex,
    python_macros: Mapping[str, Path],
    engine: str,
    problems: list[Problem],
) -> CustomCheck | None:
    """Read a *.ff.sql file below tests/; None, and a problem, if it lacks a type."""
    template = parse_template(text, path, jinja, engine)
    problems.extend(template.problems)
    where = Location(path, template.config_line)
    kind, params = template.config.get("type"), template.config.get("params")
    for key in template.config.keys() - {*CONFIG_KEYS}:
        problems.append(Problem(f"config(): unknown key {key!r}", where, nearest(key, CONFIG_KEYS), code="FFT-101"))
    said = template.config.get("description")
    if said is not None and not isinstance(said, str):
        problems.append(Problem("config(description=...) must be a text", where, code="FFT-150"))
    if not isinstance(kind, str) or not kind:
        problems.append(Problem("a custom check needs a type", where, _HINT, code="FFT-150"))
        return None
    if params is not None and not (isinstance(params, list | tuple) and all(isinstance(p, str) for p in params)):
        problems.append(Problem("config(params=...) must be a list of names", where, _HINT, code="FFT-150"))
        params = None
    reached = reached_macros(template.calls, macros)
    templates = [template, *(macros[name].template for name in sorted(reached))]
    rule = SqlCheck(
        path,
        template=template.text,
        inputs=tuple(dict.fromkeys(mention.target for t in templates for mention in t.mentions)),
        macros=frozenset(reached),
        python_macros=frozenset(n for t in templates for n in (*t.calls, *t.filters) if n in python_macros),
        volatile=tuple(dict.fromkeys(said for t in templates for said in t.volatile)),
    )
    described = tuple(CheckParam(name) for name in params or ()), _first_comment(text) if said is None else said
    return CustomCheck(kind, where, rule, frozenset(params or ()), described)


def _first_comment(text: str) -> str | None:
    """Return the comment at the beginning of a template, before or after its config, in Jinja or SQL."""
    rest = text.removeprefix("\ufeff").lstrip()
    while rest.startswith("{{") and "}}" in rest:
        rest = rest.partition("}}")[2].lstrip()
    if rest.startswith("{#"):
        return _text(rest[2:].partition("#}")[0].strip("- \n"))
    lines = takewhile(lambda line: line.startswith("--"), map(str.strip, rest.splitlines()))
    return _text("\n".join(line.removeprefix("--").strip() for line in lines))


def _text(text: str) -> str | None:
    """Return a text without its indentation; None if there is none."""
    return inspect.cleandoc(text) or None


def python_checks(text: str, path: Path, problems: list[Problem]) -> Iterator[CustomCheck]:
    """Read the functions of a *.ff.py file below tests/ that are decorated with @dq_test."""
    tree, found = parsed(text, path)
    problems.extend(found)
    if tree is None:
        return
    checks = list(_decorated(tree, path, problems))
    if not checks and not problems:
        hint = (
            "Decorate a function with @dq_test (from fastflowtransform.decorators import dq_test), or rename the file."
        )
        problems.append(Problem("no custom check in this file", Location(path), hint, code="FFT-141"))
    yield from checks


def _decorated(tree: ast.Module, path: Path, problems: list[Problem]) -> Iterator[CustomCheck]:
    constants = Constants(tree)
    for function in functions_of(tree.body):
        for decorator in function.decorator_list:
            if decorator_name(decorator) != "dq_test":
                continue
            said, where = dict(named_arguments(decorator, ("name", "params_model"))), Location(path, function.lineno)
            kind = _literal(said.get("name"), constants)
            model = said.get("params_model")
            if not isinstance(kind, str):
                hint = "Checks are found by their names, without running their code."
                problems.append(Problem("@dq_test needs a name, as literal text", where, hint, code="FFT-131"))
                continue
            rule = PythonCheck(path, function=function.name, params_model=_name(model))
            described = _params_in(tree, rule.params_model), _text(ast.get_docstring(function) or "")
            yield CustomCheck(kind, where, rule, described=described, fields=_fields_in(tree, rule.params_model))


def _params_in(tree: ast.Module, model: str | None) -> tuple[CheckParam, ...] | None:
    """Read the parameters of a pydantic model in the file; None without a model, or if it is in another file."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    if model not in classes:
        return None
    return tuple(
        CheckParam(field.target.id, ast.unparse(field.annotation), ast.unparse(field.value) if field.value else None)
        for field in classes[model].body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    )


def _fields_in(tree: ast.Module, model: str | None) -> frozenset[str] | None:
    """Name all that a model takes, beside the condition of a test; None if it may be more than its class tells."""
    found = _params_in(tree, model)
    if found is None:
        return None
    (*_, node) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == model)
    is_plain = [ast.unparse(base).rpartition(".")[2] for base in node.bases] == ["BaseModel"] and not node.keywords
    says_all = all(isinstance(said, ast.AnnAssign | ast.FunctionDef | ast.Expr) for said in node.body)
    is_renamed = any("alias" in (param.default or "") or "alias" in (param.type or "") for param in found)
    has_settings = any(param.name == "model_config" for param in found)
    if not is_plain or not says_all or is_renamed or has_settings or any(_is_hook(said) for said in node.body):
        return None
    return frozenset({*(param.name for param in found), "where"})


def _is_hook(node: ast.stmt) -> bool:
    """Whether a method sees what is given before it is validated, and so may take other names."""
    return isinstance(node, ast.FunctionDef) and (bool(node.decorator_list) or node.name.startswith("__"))


def _literal(node: ast.expr | None, constants: Constants) -> object:
    try:
        return value_of(node, constants) if node is not None else None
    except ValueError:
        return None


def _name(node: ast.expr | None) -> str | None:
    """Return the dotted name of a class."""
    is_none = node is None or (isinstance(node, ast.Constant) and node.value is None)
    return None if node is None or is_none else ast.unparse(node)


def custom_test(
    test: Mapping[str, Any], check: CustomCheck, file: YamlFile, keys: tuple[Key, ...], problems: list[Problem]
) -> tuple[CustomCheckShape, Rule] | None:
    """Read a test of a custom type: unknown flat keys are parameters, like those in `params`."""
    flat = {str(key): value for key, value in test.items() if key not in _OWN_KEYS}
    shape = shaped(CustomCheckShape, {key: value for key, value in test.items() if key in _OWN_KEYS}, file, keys)
    if isinstance(shape, list):
        problems.extend(shape)
        return None
    given = {**shape.params, **flat}
    for name in given:
        if check.known is not None and name not in check.known:
            where = file.location((*keys, *(() if name in flat else ("params",)), name))
            known = nearest(name, check.known) or f"Parameters: {', '.join(sorted(check.known)) or 'none'}."
            problems.append(
                Problem(f"{name!r} is not a parameter of {check.type} ({check.location})", where, known, code="FFT-150")
            )
    params = {**dict.fromkeys(sorted(check.params or ())), **given}
    if shape.where is not None:
        params["where"] = shape.where
    rule = check.rule.of(shape.column, params)
    problems.extend(refused_shares(shape, rule, file, keys))
    return shape, rule


def refused_shares(shape: CheckShape, rule: Rule, file: YamlFile, keys: tuple[Key, ...]) -> Iterator[Problem]:
    """Report thresholds that are shares, if the rule finds one fault or none."""
    for key, threshold in (("warn_if", shape.warn_if), ("error_if", shape.error_if)):
        if threshold is not None and threshold.is_share and rule.counts is None:
            message = f"{key}: a check of type {shape.type} counts no rows, so a share of rows cannot be used"  # type: ignore[attr-defined]
            yield Problem(
                message, file.location((*keys, key)), "Remove it: the check passes or fails as a whole.", code="FFT-150"
            )

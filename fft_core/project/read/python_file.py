"""The parser of *.ff.py files: it reads decorated functions from the syntax tree, without running user code."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, overload

from fft_core.errors import Location, Problem
from fft_core.names import model_name
from fft_core.project.model import SourceName
from fft_core.project.read.annotations import Annotation, AnnotationReader

Function = TypeVar("Function", bound=Callable[..., Any])

MODEL_DECORATORS = ("model", "engine_model")
POSITIONAL = ("name", "deps", "require", "requires")
DECORATOR_ARGUMENTS = (*POSITIONAL, "meta", "only", "env_match")  # besides the settings of config()
GIVEN_BY_NAME = ("this", "is_incremental")
_HELPERS = ("ref", "relation_for", "source")


@overload
def model(name: Function) -> Function: ...
@overload
def model(
    name: str | None = None,
    deps: Any = None,
    require: Any = None,
    requires: Any = None,
    *,
    materialized: str | None = None,
    tags: Any = None,
    owners: Any = None,
    description: str | None = None,
    volatile: bool | None = None,
    ttl: str | float | None = None,
    early_cutoff: bool = True,
    serve: Any = None,
    kind: str | None = None,
    meta: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Callable[[Function], Function]: ...
def model(name: Any = None, *arguments: Any, **keywords: Any) -> Any:
    """Mark a function as a model. The function comes back unchanged: nothing is registered.

    Args:
        name: The model's name; None: the file's stem.
        deps: Names of its inputs (models, seeds and sources), in the order of its parameters. A function of one
            parameter and several deps takes a mapping from physical relation name to frame.
        require: Another name of `requires`.
        requires: The columns that each input must have, as {"users": {"id", "email"}}; a bare list with one dep.
        materialized: "table", which is the default, "incremental" or "snapshot".
        unique_key: The columns that identify a row; the settings of incremental models and snapshots are as in
            `config()`.
        tags: Tags of the model.
        owners: E-mail addresses, or "team:..." names.
        description: The description of the model; None: the function's docstring.
        volatile: True: build it always. False: reuse it although it uses clocks, randomness, files or the network.
        ttl: The time for which rows that change by themselves are reused: seconds, or a text as 30s, 2m, 1h or 7d.
        early_cutoff: False: do not compare its rows after a build; all models that depend on it are then rebuilt, too.
        publish: "in_place" or "swap": the way in which a table replaces the previous one on Postgres; None: by its
            size.
        serve: True: `fft serve` serves its rows; a mapping has `where`, which limits them by claims of the reader.
        kind: Accepted without effect.
        meta: The same settings as a mapping; the arguments beside it win.
        settings: All other settings of `config()`.

    The annotation of a parameter determines the type of its frame: pandas (default), Polars, pyarrow or narwhals; or
    Ibis tables, which have no rows: the function then returns a query, which the database runs.

    >>> from fft_core import model
    >>> @model(name="loud_users", deps=["users.ff"], requires={"users": {"id", "email"}})
    ... def build(users):
    ...     return users.assign(email=users["email"].str.upper())
    """
    if callable(name):
        return name
    return lambda function: function


def relation_for(name: str) -> str:
    """Return the key for a model's or seed's frame in the mapping that a Python model of several inputs takes.

    `ref` is another name for it.

    >>> from fft_core import ref, relation_for
    >>> relation_for("users.ff"), ref("users")
    ('users', 'users')
    """
    return model_name(name)


ref = relation_for


def source(group: str, table: str) -> str:
    """Return the name of a source table for `deps`, which is also its key in the mapping of several inputs.

    >>> from fft_core import source
    >>> source("crm", "users")
    'crm.users'
    """
    return f"{group}.{table}"


@dataclass(frozen=True)
class Declaration:
    """A decorated function: the arguments of the decorator as literals, and the parameters of the function."""

    function: str
    line: int
    arguments: Mapping[str, Any]  # keyword arguments as literals; validated by the loader
    parameters: tuple[str, ...]
    required: int
    takes_any_number: bool
    docstring: str | None
    by_name: tuple[str, ...] = ()  # parameters that can only be given by name, and have no default
    annotations: Mapping[str, Annotation] = field(default_factory=dict)  # by parameter; "*" is for `*frames`
    computed: Mapping[str, int] = field(default_factory=dict)  # arguments that are not literals; "" for a condition
    first_line: int = 0  # line of its decorators


def parse_python(text: str, path: Path) -> tuple[list[Declaration], list[Problem]]:
    """Read the models of a file. Arguments of decorators may be literals, and names of constants in the module."""
    tree, problems = parsed(text, path)
    if tree is None:
        return [], problems
    constants, found = Constants(tree), list[Declaration]()
    annotations = AnnotationReader(tree)
    for function in functions_of(tree.body):
        for decorator in function.decorator_list:
            if decorator_name(decorator) in MODEL_DECORATORS:
                declared = _declaration(function, decorator, constants)
                if function not in tree.body:  # the condition is only known when the file is imported
                    declared = replace(declared, computed={**declared.computed, "": function.lineno})
                found.append(replace(declared, annotations=_annotations(function.args, annotations)))
    if not found:
        problems.append(
            Problem(
                "no model in this file",
                Location(path),
                "Decorate a function with @model (from fft_core import model), or rename the file: *.ff.py are models.",
                code="FFT-141",
            )
        )
    return found, problems


def parsed(text: str, path: Path) -> tuple[ast.Module | None, list[Problem]]:
    """Return the syntax tree of a file; None, and the problem, if it is not valid Python."""
    try:
        return ast.parse(text), []
    except SyntaxError as error:
        return None, [Problem(f"invalid Python: {error.msg}", Location(path, error.lineno), code="FFT-140")]
    except ValueError as error:
        return None, [Problem(f"invalid Python: {error}", Location(path), code="FFT-140")]


def functions_of(statements: list[ast.stmt]) -> Iterator[ast.FunctionDef]:
    """Yield the functions of a module, including those below `if` and `try`."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef):
            yield statement
        for part in ("body", "orelse", "handlers", "finalbody"):
            if isinstance(statement, ast.If | ast.Try | ast.ExceptHandler):
                yield from functions_of(getattr(statement, part, []))


def decorator_name(decorator: ast.expr) -> str:
    """Return the last name of a decorator."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return str(getattr(called, "id", getattr(called, "attr", "")))


def _declaration(function: ast.FunctionDef, decorator: ast.expr, constants: Constants) -> Declaration:
    arguments: dict[str, Any] = {}
    computed: dict[str, int] = {}
    for name, value in named_arguments(decorator, POSITIONAL):
        try:
            arguments[name] = value_of(value, constants)
        except ValueError:
            computed[name] = value.lineno
    parameters = function.args
    positional = tuple(arg.arg for arg in (*parameters.posonlyargs, *parameters.args))
    return Declaration(
        function.name,
        function.lineno,
        arguments,
        positional,
        len(positional) - len(parameters.defaults),
        parameters.vararg is not None,
        ast.get_docstring(function),
        _by_name(parameters),
        computed=computed,
        first_line=min(decorator.lineno for decorator in function.decorator_list),
    )


def _by_name(parameters: ast.arguments) -> tuple[str, ...]:
    pairs = zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)
    return tuple(argument.arg for argument, default in pairs if default is None or argument.arg in GIVEN_BY_NAME)


def _annotations(parameters: ast.arguments, reader: AnnotationReader) -> dict[str, Annotation]:
    named = {arg.arg: arg for arg in (*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs)}
    if parameters.vararg is not None:
        named["*"] = parameters.vararg
    read = {name: reader.read(arg.annotation) for name, arg in named.items()}
    return {name: annotation for name, annotation in read.items() if annotation is not None}


def named_arguments(decorator: ast.expr, positional: Sequence[str]) -> Iterator[tuple[str, ast.expr]]:
    """Return the arguments of a decorator by name; `positional` names those in front. `**more` has the name "**"."""
    if isinstance(decorator, ast.Call):
        yield from zip(positional, decorator.args, strict=False)
        for keyword in decorator.keywords:
            yield keyword.arg or "**", keyword.value


class Constants:
    """The constants of a module: names that are assigned once, outside of functions and blocks, and not changed."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree

    def get(self, name: str) -> ast.expr | None:
        """Return the expression of a constant; None for any other name."""
        return self._values.get(name)

    @cached_property
    def _values(self) -> Mapping[str, ast.expr]:
        """The constants by name. Few files need them, and finding them takes a walk through the whole file."""
        nodes = list(ast.walk(self._tree))
        stored = Counter(node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load))
        changed = {name for node in nodes for name in _changed(node)}
        found = dict(_assigned(self._tree.body))
        return {name: value for name, value in found.items() if stored[name] == 1 and name not in changed}


def _assigned(statements: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for statement in statements:
        match statement:
            case ast.Assign(targets=targets, value=value):
                yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value


def _changed(node: ast.AST) -> Iterator[str]:
    """Return the name of an object that a method call or an assignment to a part may change."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
            yield name
        case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
            yield name
        case ast.Global(names=names):
            yield from names


def value_of(node: ast.expr, constants: Constants, seen: frozenset[str] = frozenset()) -> Any:
    """Evaluate a literal, a constant of the file, or a call of ref/relation_for/source. Raises ValueError."""
    match node:
        case ast.Constant():
            return node.value
        case ast.List() | ast.Tuple():
            return [value_of(item, constants, seen) for item in node.elts]
        case ast.Set():
            return {value_of(item, constants, seen) for item in node.elts}
        case ast.Dict() if None not in node.keys:
            keys = [value_of(key, constants, seen) for key in node.keys if key]
            return dict(zip(keys, (value_of(item, constants, seen) for item in node.values), strict=True))
        case ast.Name(id=name) if name not in seen and (value := constants.get(name)) is not None:
            return value_of(value, constants, seen | {name})
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in (*_HELPERS, "set", "frozenset"):
            return _called(name, [value_of(arg, constants, seen) for arg in args])
    raise ValueError


def _called(name: str, arguments: list[Any]) -> Any:
    if name in ("set", "frozenset"):
        return set(*arguments)
    if not arguments or not all(isinstance(argument, str) for argument in arguments):
        raise ValueError
    return SourceName(*arguments) if name == "source" and len(arguments) == 2 else arguments[0]

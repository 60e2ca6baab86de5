"""One *.ff.py file: its decorated functions, read from the syntax tree so that loading a project runs no user code."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, overload

from fft_core.errors import Location, Problem
from fft_core.names import model_name
from fft_core.project.model import SourceName
from fft_core.project.read.annotations import Annotation, AnnotationReader

Function = TypeVar("Function", bound=Callable[..., Any])

_ARGUMENTS = ("name", "deps", "require", "requires")
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
    early_cutoff: bool = True,
    kind: str | None = None,
    meta: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Callable[[Function], Function]: ...
def model(name: Any = None, *arguments: Any, **keywords: Any) -> Any:
    """Mark a function as a model. The function comes back unchanged: nothing is registered.

    Args:
        name: The model's name; the file's stem where None.
        deps: Names of the models, seeds and sources that it reads, in the order of its parameters. A function of one
            parameter and several deps gets a mapping from physical relation name to frame.
        requires: The columns that each input must have, as {"users": {"id", "email"}}; a bare list with one dep.
        materialized: "table", which is the default, "incremental" or "snapshot".
        unique_key: The columns that tell rows apart; the settings of these two are those of `config()` in SQL.
        tags: Tags of the model.
        owners: E-mail addresses, or "team:..." names.
        description: What the model is; the function's docstring where None.
        volatile: True: build it always. False: reuse it although it calls clocks, chance, files or the network.
        early_cutoff: False: do not compare its rows after a build; whatever reads it is then built, too.
        publish: "in_place" or "swap": how a table replaces the last one on Postgres; by its size if not given.

    The frames are of the type that the parameter is annotated with: pandas (default), Polars, pyarrow, narwhals; or
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
    """Give the key under which a Python model of several inputs finds a model's or seed's frame.

    `ref` is another name for it.

    >>> from fft_core import ref, relation_for
    >>> relation_for("users.ff"), ref("users")
    ('users', 'users')
    """
    return model_name(name)


ref = relation_for


def source(group: str, table: str) -> str:
    """Name a source table in `deps`, and find its frame in a model of several inputs.

    >>> from fft_core import source
    >>> source("crm", "users")
    'crm.users'
    """
    return f"{group}.{table}"


@dataclass(frozen=True)
class Declaration:
    """A decorated function: what the decorator says, as literals, and how the function takes its inputs."""

    function: str
    line: int
    arguments: Mapping[str, Any]  # keyword arguments as literals; shaped by pydantic in the loader
    parameters: tuple[str, ...]
    required: int
    takes_any_number: bool
    docstring: str | None
    by_name: tuple[str, ...] = ()  # parameters that can only be given by name, and have no default
    annotations: Mapping[str, Annotation] = field(default_factory=dict)  # of those that have one; "*" is for `*frames`


def parse_python(text: str, path: Path) -> tuple[list[Declaration], list[Problem]]:
    """Read the models of a file. Names of modules' constants and plain literals are understood in the decorator."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        return [], [Problem(f"invalid Python: {error.msg}", Location(path, error.lineno))]
    except ValueError as error:
        return [], [Problem(f"invalid Python: {error}", Location(path))]
    constants, problems, found = _constants(tree), list[Problem](), list[Declaration]()
    annotations = AnnotationReader(tree)
    for function in _functions(tree.body):
        for decorator in function.decorator_list:
            if _is_model(decorator):
                declared = _declaration(function, decorator, constants, path, problems)
                found.append(replace(declared, annotations=_annotations(function.args, annotations)))
    if not found and not problems:
        problems.append(
            Problem(
                "no model in this file",
                Location(path),
                "Decorate a function with @model (from fft_core import model), or rename the file: *.ff.py are models.",
            )
        )
    return found, problems


def _functions(statements: list[ast.stmt]) -> Iterator[ast.FunctionDef]:
    """The functions of a module, those under `if` and `try` too."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef):
            yield statement
        for part in ("body", "orelse", "handlers", "finalbody"):
            if isinstance(statement, ast.If | ast.Try | ast.ExceptHandler):
                yield from _functions(getattr(statement, part, []))


def _is_model(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return getattr(called, "id", getattr(called, "attr", "")) == "model"


def _declaration(
    function: ast.FunctionDef,
    decorator: ast.expr,
    constants: Mapping[str, ast.expr],
    path: Path,
    problems: list[Problem],
) -> Declaration:
    arguments: dict[str, Any] = {}
    for name, value in _named(decorator):
        try:
            arguments[name] = _value(value, constants)
        except ValueError:
            problems.append(
                Problem(
                    f"@model({name}=...) must be a literal, or a constant of this file",
                    Location(path, value.lineno),
                    "Projects are read without running their code.",
                )
            )
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


def _named(decorator: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(decorator, ast.Call):
        yield from zip(_ARGUMENTS, decorator.args, strict=False)
        for keyword in decorator.keywords:
            yield keyword.arg or "**", keyword.value


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    found = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            found.update({target.id: statement.value for target in statement.targets if isinstance(target, ast.Name)})
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            found[statement.target.id] = statement.value
    return found


def _value(node: ast.expr, constants: Mapping[str, ast.expr]) -> Any:
    """Evaluate a literal, a constant of the file, or a call of ref/relation_for/source. Raises ValueError."""
    match node:
        case ast.Constant():
            return node.value
        case ast.List() | ast.Tuple():
            return [_value(item, constants) for item in node.elts]
        case ast.Set():
            return {_value(item, constants) for item in node.elts}
        case ast.Dict() if None not in node.keys:
            keys = [_value(key, constants) for key in node.keys if key]
            return dict(zip(keys, (_value(item, constants) for item in node.values), strict=True))
        case ast.Name(id=name) if name in constants:
            return _value(constants[name], {key: value for key, value in constants.items() if key != name})
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in (*_HELPERS, "set", "frozenset"):
            return _called(name, [_value(arg, constants) for arg in args])
    raise ValueError


def _called(name: str, arguments: list[Any]) -> Any:
    if name in ("set", "frozenset"):
        return set(*arguments)
    if not arguments or not all(isinstance(argument, str) for argument in arguments):
        raise ValueError
    return SourceName(*arguments) if name == "source" and len(arguments) == 2 else arguments[0]

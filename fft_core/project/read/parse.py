"""The parser of model files: one file becomes Model values, not yet linked to the rest of the project."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jinja2

from fft_core.engines.spec.frames import LIBRARY_FRAMES, FrameKind
from fft_core.errors import Location, ModelError, Problem
from fft_core.names import is_plain, logical_name, model_name
from fft_core.project.model import (
    Ephemeral,
    Incremental,
    MaterializedView,
    Model,
    PythonBody,
    Retries,
    Serve,
    SourceName,
    SqlBody,
    StepSettings,
)
from fft_core.project.python.evaluate import Evaluated
from fft_core.project.read.attachments import attached
from fft_core.project.read.layout import laid_out
from fft_core.project.read.macro_calls import MacroIndex, reached_macros
from fft_core.project.read.materialized import materialization_of
from fft_core.project.read.model_hooks import model_hooks
from fft_core.project.read.python_file import DECORATOR_ARGUMENTS, GIVEN_BY_NAME, Declaration, parse_python
from fft_core.project.read.python_frames import frames_of
from fft_core.project.read.scope import Scope
from fft_core.project.read.settings import Layer, Nearness, Settings
from fft_core.project.read.sql_file import new_environment, parse_template
from fft_core.project.read.template import Template
from fft_core.project.read.template_cache import TemplateCache
from fft_core.project.read.yaml_file import YamlFile, shaped
from fft_core.project.shapes.model_config import ModelConfigShape

PLACE = ("schema", "alias", "catalog")
_STEP = ("pool", "priority", "concurrency_key", "op_tags", "retries", "timeout")


@dataclass(frozen=True)
class Draft:
    """A model as its own file declares it, without settings from elsewhere.

    Attributes:
        name: Its name.
        path: The path of its file.
        location: The place of its declaration.
        own: The settings in its file.
        make: A function that makes the model with all settings; problems are added to the list.
    """

    name: str
    path: Path
    location: Location
    own: Layer
    make: Callable[[Settings, list[Problem]], Model]

    def alone(self, problems: list[Problem]) -> Model:
        """Return the model with the settings of its own file only."""
        return self.make(Settings((self.own,)), problems)


def sql_draft(text: str, path: Path, reading: Reading) -> list[Draft]:
    """Read a *.ff.sql file: one model, or none if it is for other engines, or its name is invalid."""
    problems = reading.problems
    template = reading.template(text, path)
    name, where = model_name(logical_name(path)), Location(path, template.config_line)
    if not reading.scope.has(template.config.get("engines") or None, None, where, problems):
        reading.scope.elsewhere.add(name)
        return []
    problems.extend(template.problems)
    own = Layer(_config(template.config, where, problems).written(), where, Nearness.OWN)
    if not usable_name(logical_name(path), Location(path), problems):
        return []

    def make(settings: Settings, problems: list[Problem]) -> Model:
        return _sql_model(name, _SqlFile(path, template, reading), settings, problems)

    return [Draft(name, path, Location(path), own, make)]


@dataclass(frozen=True)
class _SqlFile:
    """A *.ff.sql file, with the parts of the project that reading needs."""

    path: Path
    template: Template
    reading: Reading

    @property
    def config_location(self) -> Location:
        return Location(self.path, self.template.config_line)

    def delta(self, text: str, problems: list[Problem]) -> Template:
        """Read the query of a delta, which is in the config."""
        delta = parse_template(text, self.path, self.reading.jinja, self.reading.scope.engine)
        problems.extend(replace(problem, where=self.config_location) for problem in delta.problems)
        return replace(delta, mentions=tuple(replace(m, where=self.config_location) for m in delta.mentions))


def _sql_model(name: str, file: _SqlFile, settings: Settings, problems: list[Problem]) -> Model:
    template, own = file.template, [file.template]
    materialization = materialization_of(settings, file.config_location, problems)
    if isinstance(materialization, Incremental) and materialization.delta_sql is not None:
        own.append(file.delta(materialization.delta_sql, problems))
        materialization = replace(materialization, delta_sql=own[-1].text)
    macros, functions = file.reading.macros, file.reading.python_macros
    reached = reached_macros(frozenset().union(*(t.calls for t in own)), macros)
    templates = [*own, *(macros[name].template for name in sorted(reached))]
    inputs = tuple(dict.fromkeys(mention.target for t in templates for mention in t.mentions))
    return Model(
        name=name,
        path=file.path,
        body=SqlBody(
            template.text,
            frozenset(reached),
            frozenset().union(*(t.variables for t in templates)),
            frozenset().union(*(t.environment for t in templates)),
            template.pieces if not reached and len(own) == 1 else None,
            tuple(dict.fromkeys(said for t in templates for said in t.volatile)),
            frozenset(name for t in templates for name in (*t.calls, *t.filters) if name in functions),
        ),
        inputs=inputs,
        input_places=_input_places(templates),
        materialization=materialization,
        config_line=template.config_line,
        description=settings.get("description"),
        **model_settings(name, settings, inputs, file.path, file.reading, problems),
    )


def model_settings(
    name: str,
    settings: Settings,
    inputs: tuple[str | SourceName, ...],
    path: Path,
    reading: Reading,
    problems: list[Problem],
) -> dict[str, Any]:  # Any: a value of each kind
    """Return the fields that every model has, from its settings."""
    tools = (reading.jinja, reading.macros, reading.python_macros, reading.scope.engine, problems)
    return {
        "pre_hooks": model_hooks(settings, "pre_hook", inputs, path, *tools),
        "post_hooks": model_hooks(settings, "post_hook", inputs, path, *tools),
        "tags": settings.get("tags"),
        "owners": settings.get("owners"),
        "volatile": settings.get("volatile"),
        "ttl_seconds": settings.get("ttl"),
        "early_cutoff": settings.get("early_cutoff", True),
        "publish": settings.get("publish"),
        "serve": served(settings, path, problems),
        "step": step_settings(settings),
        **{key: settings.get(key) for key in PLACE},
        **attached(settings, name, Location(path)),
        **laid_out(settings, reading.scope.engine, Location(path), problems),
    }


def served(settings: Settings, path: Path, problems: list[Problem]) -> Serve | None:
    """Return how the rows are served; views have no rows of a version, so they are refused."""
    said = settings.get("serve")
    if said is None or not said.enabled:
        return None
    if (kind := settings.get("materialized")) in ("view", "ephemeral"):
        hint = f"Build it as a table, or write serve=false for this model: a model that is {kind!r} stores no rows."
        where = settings.place_of("serve", Location(path))
        problems.append(
            Problem(f"serve: the rows of a model that is {kind!r} have no version", where, hint, code="FFT-107")
        )
        return None
    return Serve(said.where)


def step_settings(settings: Settings) -> StepSettings:
    """Return the settings of the step of a model or seed; its tags are those of all places together."""
    found = StepSettings()
    for layer in settings.layers:
        said = {key: layer.said[key] for key in _STEP if layer.said.get(key) is not None}
        retries = said.pop("retries", None)
        found = found.filled_from(StepSettings(retries=Retries(**dict(retries)) if retries else None, **said))
    return found


@dataclass(frozen=True)
class Reading:
    """The parts of a project that reading its models needs.

    Attributes:
        problems: The list to which problems are added.
        scope: The engine and environment; models for others are left out.
        kinds: The kinds of frames that Python models can take.
        evaluate: A function that imports a Python file with computed decorator arguments. Raises ModelError.
        python_macros: The names of macros_py.
        macros: The macros in Jinja, by name.
        jinja: The environment that parses templates.
        templates: A cache of parsed templates.
    """

    problems: list[Problem]
    scope: Scope
    kinds: Sequence[FrameKind] = LIBRARY_FRAMES
    evaluate: Callable[[Path], Evaluated] | None = None
    python_macros: Collection[str] = ()
    macros: MacroIndex = field(default_factory=dict)
    jinja: jinja2.Environment = field(default_factory=new_environment)
    templates: TemplateCache | None = None

    def template(self, text: str, path: Path) -> Template:
        """Read a *.ff.sql file."""
        if self.templates is None:
            return parse_template(text, path, self.jinja, self.scope.engine)
        return self.templates.parse(text, path, self.jinja)


def python_drafts(text: str, path: Path, reading: Reading) -> list[Draft]:
    """Read a *.ff.py file: one model for each decorated function that is for the project's engine."""
    declarations, found = parse_python(text, path)
    reading.problems.extend(found)
    drafts = []
    for declaration in declarations:
        declared = _in_scope(declaration, path, reading)
        draft = _python_draft(declared, path, reading) if declared is not None else None
        drafts += [draft] if draft is not None else []
    return drafts


def _in_scope(declaration: Declaration, path: Path, reading: Reading) -> Declaration | None:
    """Return a declaration with all of its arguments; None if the model is for other engines."""
    where = Location(path, declaration.line)
    if not _is_of_scope(declaration, where, reading):
        return None
    if not declaration.computed or reading.evaluate is None:
        return declaration
    try:
        given = reading.evaluate(path).arguments.get((declaration.function, declaration.first_line))
    except ModelError as error:
        if error.problem not in reading.problems:
            reading.problems.append(error.problem)
        return None
    if given is None:  # such as a function below an `if` whose condition is false
        return None
    whole = replace(declaration, arguments=given, computed={})
    return whole if _is_of_scope(whole, where, reading) else None


def _is_of_scope(declaration: Declaration, where: Location, reading: Reading) -> bool:
    said = declaration.arguments
    if reading.scope.has(said.get("only"), said.get("env_match"), where, reading.problems):
        return True
    name = said.get("name") or logical_name(where.path)
    reading.scope.elsewhere.add(model_name(str(name)))
    return False


def _python_draft(declaration: Declaration, path: Path, reading: Reading) -> Draft | None:
    problems = reading.problems
    arguments = {name: said for name, said in declaration.arguments.items() if name not in ("only", "env_match")}
    where = Location(path, declaration.line)
    logical = arguments.pop("name", None) or logical_name(path)
    deps, requires = arguments.pop("deps", None), arguments.pop("requires", None)
    require = arguments.pop("require", None)
    if require is not None and requires is not None:
        problems.append(
            Problem("require and requires are the same argument", where, "Use requires only.", code="FFT-107")
        )
    requires = require if requires is None else requires
    arguments.pop("kind", None)
    meta = arguments.pop("meta", None)
    if not isinstance(meta, Mapping | None):
        hint = "As in meta={'materialized': 'table', 'tags': ['daily']}."
        problems.append(Problem("meta must be a mapping", where, hint, code="FFT-142"))
        meta = None
    own = _config({**(meta or {}), **arguments}, where, problems, called="@model").written()
    inputs = _inputs(deps, where, problems)
    _refuse_wrong_parameters(declaration, len(inputs), where, problems)
    body = PythonBody(
        declaration.function,
        declaration.line,
        _requires(requires, inputs, where, problems),
        declaration.by_name,
        **frames_of(declaration, len(inputs), path, problems, reading.kinds),
    )
    if not isinstance(logical, str) or not usable_name(logical, where, problems):
        return None
    name = model_name(logical)

    def make(settings: Settings, problems: list[Problem]) -> Model:
        model = _python_model(name, path, declaration, body, inputs, settings, problems)
        return replace(model, **model_settings(name, settings, inputs, path, reading, problems))

    return Draft(name, path, where, Layer(own, where, Nearness.OWN), make)


def _python_model(
    name: str,
    path: Path,
    declaration: Declaration,
    body: PythonBody,
    inputs: tuple[str | SourceName, ...],
    settings: Settings,
    problems: list[Problem],
) -> Model:
    where = Location(path, declaration.line)
    materialization = materialization_of(settings, where, problems)
    if isinstance(materialization, Ephemeral) or (isinstance(materialization, MaterializedView) and not body.is_lazy):
        hint = "A Python function returns its rows: use 'table' or 'view'."
        message = f"a Python model cannot be {materialization.name!r}"
        problems.append(Problem(message, settings.place_of("materialized", where), hint, code="FFT-107"))
    if isinstance(materialization, Incremental) and materialization.delta_sql is not None:
        hint = "Add a keyword-only parameter `is_incremental` or `this` to the function, and return only the new rows."
        problems.append(Problem("delta_sql is for SQL models", where, hint, code="FFT-107"))
    _refuse_unknown_requests(declaration, materialization, where, problems)
    return Model(
        name=name,
        path=path,
        body=body,
        inputs=inputs,
        input_places=dict.fromkeys(inputs, where),
        materialization=materialization,
        config_line=declaration.line,
        description=settings.get("description") or declaration.docstring,
        line=declaration.line,
    )


def _config(
    content: Mapping[str, Any], where: Location, problems: list[Problem], called: str = "config"
) -> ModelConfigShape:
    """Validate the keyword arguments of config() or @model; all have the same line."""
    file = YamlFile(where.path, content, {(): where.line or 1})
    value = shaped(ModelConfigShape, dict(content), file, also=DECORATOR_ARGUMENTS if called == "@model" else ())
    if not isinstance(value, list):
        settings: ModelConfigShape = value
        return settings
    for problem in value:
        message = problem.message.replace(" in the file", "")
        problems.append(Problem(f"{called}(): {message}", problem.where, problem.hint, code=problem.code))
    return ModelConfigShape()


def _refuse_unknown_requests(
    declaration: Declaration, materialization: object, where: Location, problems: list[Problem]
) -> None:
    """Report keyword-only parameters without a default that FFT does not provide for this model."""
    for name in declaration.by_name:
        if name not in GIVEN_BY_NAME:
            hint = f"Known keyword-only parameters: {', '.join(GIVEN_BY_NAME)}. Inputs are passed by position."
            message = f"{declaration.function}() has the unknown keyword-only parameter {name!r}"
            problems.append(Problem(message, where, hint, code="FFT-142"))
        elif not isinstance(materialization, Incremental):
            hint = "Write materialized='incremental', or remove the parameter."
            message = f"{declaration.function}() takes {name!r}, which only incremental models receive"
            problems.append(Problem(message, where, hint, code="FFT-142"))


def usable_name(logical: str, where: Location, problems: list[Problem]) -> bool:
    """Return whether a model can have a name; a problem is added if not."""
    if is_plain(model_name(logical)):
        return True
    hint = "Use letters, digits and underscores, not starting with a digit."
    problems.append(Problem(f"{logical!r} cannot be the name of a model", where, hint, code="FFT-121"))
    return False


def _input_places(templates: Iterable[Template]) -> dict[str | SourceName, Location]:
    """Return the place of the first mention of each input: in the model's own file, if it is mentioned there."""
    places: dict[str | SourceName, Location] = {}
    for mention in (mention for template in templates for mention in template.mentions):
        places.setdefault(mention.target, mention.where)
    return places


def _inputs(deps: object, where: Location, problems: list[Problem]) -> tuple[str | SourceName, ...]:
    names = [deps] if isinstance(deps, str | SourceName) else deps or []
    if not isinstance(names, list) or not all(isinstance(name, str | SourceName) for name in names):
        problems.append(
            Problem(
                "deps must be a list of names",
                where,
                "As in deps=['users.ff', source('crm', 'orders')].",
                code="FFT-142",
            )
        )
        return ()
    return tuple(dict.fromkeys(model_name(name) if isinstance(name, str) else name for name in names))


def _requires(
    requires: object, inputs: tuple[str | SourceName, ...], where: Location, problems: list[Problem]
) -> dict[str, frozenset[str]]:
    if isinstance(requires, list | set | frozenset) and len(inputs) == 1:
        requires = {str(inputs[0]): requires}
    if requires is None:
        return {}
    if not isinstance(requires, dict) or not all(isinstance(v, list | set | frozenset) for v in requires.values()):
        hint = "As in requires={'users': {'id', 'email'}}; a bare list is enough if there is one dep."
        problems.append(Problem("requires must map an input to its columns", where, hint, code="FFT-142"))
        return {}
    found = {model_name(str(name)): frozenset(map(str, columns)) for name, columns in requires.items()}
    known = [str(name) for name in inputs]
    for name in found:
        if name not in known:
            problems.append(
                Problem(
                    f"requires names {name!r}, which is not in deps", where, f"deps: {', '.join(known)}", code="FFT-142"
                )
            )
    return found


def _refuse_wrong_parameters(declaration: Declaration, inputs: int, where: Location, problems: list[Problem]) -> None:
    count = len(declaration.parameters)
    by_position = declaration.required <= inputs and (inputs <= count or declaration.takes_any_number)
    as_mapping = inputs != 1 and declaration.required == 1
    if not by_position and not as_mapping:
        names = ", ".join(declaration.parameters) or "none"
        hint = "One parameter for each dep, in their order; or one parameter, which receives a dict of all frames."
        message = f"{declaration.function}() has {count} parameter(s) ({names}) for {inputs} dep(s)"
        problems.append(Problem(message, where, hint, code="FFT-142"))

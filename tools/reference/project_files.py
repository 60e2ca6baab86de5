"""The page of all keys of all files of a project."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, get_args, get_overloads

import yaml
from pydantic import BaseModel

from fft_core.engines.spec import EngineSpec, Setting
from fft_core.engines.spec.registry import installed_specs
from fft_core.project.profile.profiles import KEYS
from fft_core.project.read.custom_checks import CONFIG_KEYS
from fft_core.project.read.decorators import dq_test, engine_model, fft_hook
from fft_core.project.read.python_file import model
from fft_core.project.shapes.check_keys import CheckShape
from fft_core.project.shapes.checks import AnyCheck
from fft_core.project.shapes.model_config import ModelConfigShape
from tools.reference.key_tables import PARTS, Part, example_texts, links
from tools.reference.keys import ANY, Row, flow, grouped, rows_of, split_default, table, with_example

NAME = "reference/project-files.md"
TYPES = "check_types.yml"
DECORATORS: tuple[Callable[..., Any], ...] = (model, engine_model, dq_test, fft_hook)
_MADE = "<!-- Written by `make docs` from the code: edit the descriptions there, and run that again. -->"
_INTRO = """\
This page lists every key of every file of a project, and every argument of `config()` and `@model`. \
[The project format](project.md) explains the files. An unknown key is an error with its file and line. \
At the top of a file, keys that begin with `x-` are ignored: a place for YAML anchors.

In the first column, `a.b` is the key `b` inside of `a`, `a[].b` is the key `b` of each entry of the list `a`, \
and NAME stands for a name of your own. In the third column, *required* marks a key without which the mapping around \
it is invalid; an empty cell means that nothing is set. `yes`, `no`, `on` and `off` are true or false in YAML: write \
such a text in quotes."""
_OF_DECORATORS = {
    "model": "A [Python model](project.md#python-models). The other arguments are [settings](#settings-of-models).",
    "engine_model": "A Python model of some engines. It has the arguments of `@model`, and",
    "dq_test": "A function that is [a type of checks](checks.md#your-own-types).",
    "fft_hook": "A function of a file in `hooks/`; see [Hooks](#hooks).",
}
_OF_PROFILES = """\
A mapping of profiles by name; [it is a template](project.md#profilesyml). A profile has these keys, and the settings \
of its engine below the engine's name. The variable of a setting wins over the key."""
_WORDS = {"engine": "text", "naming": "mapping", "max_workers": "whole number"}
_KINDS = {
    "text": "text",
    "whole number": "whole number",
    "truth": "true or false",
    "path": "text",
    "paths": "mapping of texts",
    "mapping": "mapping of texts",
}


def make_page() -> str:
    """Return the page."""
    sections = [_section(part) for part in PARTS]
    titles = [part.title for part in PARTS]
    sections.insert(titles.index("Checks of your own types"), check_types())
    sections.insert(titles.index("YAML below models/"), decorators())
    return "\n\n".join(["# Keys of all files", _MADE, _INTRO, *sections, profiles()]) + "\n"


def _section(part: Part) -> str:
    heading = f"{'##' if part.is_file else '###'} {part.title}"
    first = next(other for other in PARTS if other.example == part.example)
    example = map(_block, part.texts) if first is part else [f"The example is that of {first.link}."]
    return "\n\n".join([heading, part.says, table(grouped(with_examples(part))), *example])


def _block(text: str) -> str:
    return f"```yaml\n{text}\n```"


def _elsewhere(part: Part) -> Mapping[type, str]:
    """Return the links to the tables of other shapes than that of a part."""
    return {other.shape: other.link for other in PARTS if other.shape is not part.shape}


def with_examples(part: Part) -> list[Row]:
    """Return the rows of a part, with their examples."""
    rows = rows_of(part.shape, _elsewhere(part), links(), left_out=part.left_out)
    return [with_example(row, part.mappings) for row in rows]


def type_rows(kind: type[BaseModel]) -> list[Row]:
    """Return the rows of the keys that a type of checks has besides those of all checks, with their examples."""
    (name,) = get_args(kind.model_fields["type"].annotation)
    fields = kind.model_fields.items()
    common = [key for key, field in fields if key in CheckShape.model_fields and not field.is_required()]
    tests = yaml.safe_load(example_texts(TYPES)[0])["tests"]
    rows = rows_of(kind, {}, left_out=(*common, "type"))
    return [with_example(row, [test for test in tests if test["type"] == name]) for row in rows]


def check_types() -> str:
    """Return the table of the keys of each type of checks."""
    lines = ["| `type` | key | type | default | meaning | example |", "|---|---|---|---|---|---|"]
    for kind in get_args(AnyCheck):
        (name,) = get_args(kind.model_fields["type"].annotation)
        rows = table(grouped(row for row in type_rows(kind) if not row.has_rows)).splitlines()[2:]
        lines += [f"| `{name}` {row}" for row in rows]
    says = "The keys of each type besides those of all checks. [Checks](checks.md#types) describes the types."
    return "\n\n".join(["### Types of checks", says, "\n".join(lines), *map(_block, example_texts(TYPES))])


def decorators() -> str:
    """Return the tables of the arguments of decorators, and of `config()` in a check of SQL."""
    texts = [f"### @{function.__name__}\n\n{_arguments(function)}" for function in DECORATORS]
    rows = [(key, *split_default(text)) for key, text in CONFIG_KEYS.items()]
    lines = [f"| `{key}` | {default or 'required'} | {meaning} |" for key, meaning, default in rows]
    says = "The file of [a type of checks](checks.md#your-own-types) in SQL."
    head = "| argument | default | meaning |\n|---|---|---|"
    return "\n\n".join([*texts, "### config() of a type of checks", says, "\n".join([head, *lines])])


def _arguments(function: Callable[..., Any]) -> str:
    lines = [f"| `{name}` | {default} | {text} |" for name, (default, text) in arguments_of(function).items()]
    head = "| argument | default | meaning |\n|---|---|---|"
    return "\n\n".join([_OF_DECORATORS[function.__name__], "\n".join([head, *lines])])


def arguments_of(function: Callable[..., Any]) -> dict[str, tuple[str, str]]:
    """Return the default and the meaning of each argument that is not a setting of models, from the docstring."""
    texts = dict(_documented(inspect.getdoc(function) or ""))
    parameters = inspect.signature([function, *get_overloads(function)][-1]).parameters
    settings = ModelConfigShape.model_fields.keys() - {"kind"}
    return {
        name: (_default_of(parameter), texts[name])
        for name, parameter in parameters.items()
        if name not in settings and parameter.kind is not parameter.VAR_KEYWORD
    }


def _default_of(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return "required"
    return "" if parameter.default is None else f"`{parameter.default!r}`"


def _documented(text: str) -> Iterator[tuple[str, str]]:
    """Yield the arguments that a docstring describes below `Args:`."""
    part = text.partition("Args:\n")[2].partition("\n\n")[0]
    for name, said in re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", part, re.MULTILINE):
        yield name, " ".join(said.split())


def our_specs() -> list[EngineSpec]:
    """Return the engines of FFT itself."""
    return [spec for spec in installed_specs().values() if spec.module.startswith("fft_core.")]


def profiles() -> str:
    """Return the tables of profiles: the keys of all, and those of each engine."""
    specs = our_specs()
    plain = next(spec for spec in specs if spec.needs_no_server)
    rows = [profile_row((ANY, key), text, _WORDS[key], plain) for key, text in KEYS.items()]
    texts = ["## profiles.yml", _OF_PROFILES, table(rows)]
    for spec in specs:
        examples = map(_block, example_texts(f"profiles_{spec.name}.yml"))
        texts += [f"### {spec.title} in profiles.yml", engine_table(spec), *examples]
    return "\n\n".join(texts)


def profile_row(path: tuple[str, ...], text: str, words: str, spec: EngineSpec) -> Row:
    """Return the row of a key of a profile, with a value of the example of its engine."""
    meaning, default = split_default(text)
    contents = [yaml.safe_load(text) for text in example_texts(f"profiles_{spec.name}.yml")]
    return replace(with_example(Row((path,), words, default, meaning), contents), paths=(path[-1:],))


def engine_table(spec: EngineSpec) -> str:
    """Return the table of the settings of an engine, with the variables that override them."""
    lines = ["| key | variable | type | default | meaning | example |", "|---|---|---|---|---|---|"]
    for key, setting in spec.settings.items():
        row = profile_row((ANY, spec.name, key), setting.description, _KINDS[setting.kind], spec)
        cells = (row.names, f"`{setting.variable}`", row.words, row.default or default_of(setting), row.meaning)
        lines.append(f"| {' | '.join(cells)} | {f'`{row.example}`' if row.example else ''} |")
    return "\n".join(lines)


def default_of(setting: Setting) -> str:
    """Return the default of a setting as Markdown."""
    if setting.required:
        return "required"
    return "" if setting.default is None else f"`{flow(setting.default)}`"

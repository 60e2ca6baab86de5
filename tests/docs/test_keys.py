"""The page of all keys: every key has a description and an example, and the examples are valid."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter

from fft_core.engines.spec import EngineSpec
from fft_core.project import shapes
from fft_core.project.profile.profiles import load_profile
from fft_core.project.shapes.checks import BUILT_IN, AnyCheck, CheckUnion
from fft_core.project.shapes.project import ProjectShape
from fft_core.project.shapes.shape import Shape
from tools.reference.key_tables import PARTS, Part, example_texts
from tools.reference.keys import Row, field_texts, grouped, values_at
from tools.reference.project_files import DECORATORS, TYPES, arguments_of, our_specs, type_rows, with_examples

WITHOUT_EXAMPLE = re.compile("Another name of|The same as|Read and ignored|Read without effect|Not supported")
# bases of other shapes, whose keys are those of the shapes
BASES = {
    "SettingsShape",
    "PlacedKeys",
    "LayoutKeys",
    "StepKeys",
    "IncrementalKeys",
    "IncrementalOverlayShape",
    "ReconcileShape",
}


def all_shapes() -> Iterator[type[BaseModel]]:
    for module in pkgutil.iter_modules(shapes.__path__):
        found = vars(importlib.import_module(f"{shapes.__name__}.{module.name}"))
        yield from (
            kind
            for kind in found.values()
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind.__module__.endswith(f".{module.name}")
        )


SHAPES = [kind for kind in all_shapes() if kind is not Shape]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_every_key_has_a_description(shape: type[BaseModel]) -> None:
    texts = field_texts(shape)
    fields = {name for name, field in shape.model_fields.items() if field.annotation is not type(None)}
    assert {name for name in fields if not texts.get(name)} == set(), "write it as a text below the field"
    assert [text for name, text in texts.items() if not re.search(r"[.\]]$", text)] == []


def test_every_shape_is_on_the_page() -> None:
    shown: set[str] = {part.shape.__name__ for part in PARTS}
    for part in PARTS:
        shown |= shapes_in(part.shape)
    for member in AnyCheck.__args__:
        shown |= {member.__name__, *shapes_in(member)}
    shown |= {"TotalsShape"}  # the base of three of them
    assert {kind.__name__ for kind in SHAPES} - shown - BASES == set()


def shapes_in(shape: type[BaseModel]) -> set[str]:
    """The names of the shapes inside of one, at any depth."""
    text = repr([field.annotation for field in shape.model_fields.values()])
    found = {kind for kind in SHAPES if re.search(rf"\.{kind.__name__}\b", text)}
    return {kind.__name__ for kind in found}.union(*(shapes_in(kind) for kind in found if kind is not shape))


def lacking(rows: list[Row]) -> list[str]:
    return [row.names for row in rows if not row.has_rows and not row.example]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.title)
def test_the_example_of_a_table_is_valid(part: Part) -> None:
    for text in part.texts:
        content = yaml.safe_load(text)
        for shape, at in part.loads or ((part.shape, part.at),):
            for value in values_at(content, at):
                TypeAdapter(shape).validate_python(value)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.title)
def test_the_example_of_a_table_has_all_keys(part: Part) -> None:
    rows = [row for row in with_examples(part) if not WITHOUT_EXAMPLE.match(row.meaning)]
    expected = [row for row in rows if not (row.has_rows and "See [" in row.meaning)]  # others have tables of their own
    assert [row.names for row in expected if not any(values_in(part, row))] == []


def values_in(part: Part, row: Row) -> Iterator[bool]:
    for content in part.mappings:
        for path in row.paths:
            yield from (True for _ in values_at(content, path))


def test_the_examples_of_checks_are_valid_and_have_all_types_and_keys() -> None:
    (text,) = example_texts(TYPES)
    content = yaml.safe_load(text)
    ProjectShape.model_validate(content)
    tests = [TypeAdapter(CheckUnion).validate_python(test) for test in content["tests"]]
    assert {test.type for test in tests} == BUILT_IN
    for member in AnyCheck.__args__:
        assert lacking(grouped(type_rows(member))) == []


@pytest.mark.parametrize("spec", our_specs(), ids=lambda spec: spec.name)
def test_the_profiles_of_an_engine_are_valid_and_have_all_keys(spec: EngineSpec, tmp_path: Path) -> None:
    texts = example_texts(f"profiles_{spec.name}.yml")
    names = ("FF_SF_PASSWORD", "FF_SF_TOKEN", "FF_SF_PRIVATE_KEY_PASSPHRASE", "FF_DBR_TOKEN")
    secrets = {"FF_PG_DSN": "postgresql://ann@db.example.com/shop", **dict.fromkeys(names, "a")}
    for text in texts:
        (tmp_path / "profiles.yml").write_text(text, encoding="utf-8")
        assert load_profile(tmp_path, "dev", secrets).engine == spec.name
    written = {key for text in texts for key in yaml.safe_load(text)["dev"][spec.name]}
    assert written == set(spec.settings)
    assert [key for key, setting in spec.settings.items() if not setting.description] == []


def test_every_argument_of_a_decorator_is_described() -> None:
    """A missing one is a KeyError."""
    names = [list(arguments_of(function)) for function in DECORATORS]
    assert names == [
        ["name", "deps", "require", "requires", "kind", "meta"],
        ["only", "env_match"],
        ["name", "params_model"],
        ["name", "when"],
    ]

"""Tests and descriptions: `project.yml -> tests`, and the dbt-style schema files below models/ and in sources.yml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fft_core.errors import Location, Problem
from fft_core.project.model import Column, StepSettings
from fft_core.project.read.yaml_file import Key, YamlFile, shaped, shaped_in_part
from fft_core.project.shapes.checks import AnyCheck, CheckUnion
from fft_core.project.shapes.schema import ColumnShape, ModelSchemaShape, SchemaShape

Keys = tuple[Key, ...]


@dataclass(frozen=True)
class CheckDraft:
    """A test as written, its node still a text."""

    node: str
    shape: AnyCheck
    location: Location


@dataclass(frozen=True)
class SchemaEntry:
    """What a schema file says of one model or seed."""

    name: str
    location: Location
    description: str | None
    tags: tuple[str, ...]
    owners: tuple[str, ...]
    columns: tuple[Column, ...]
    checks: tuple[CheckDraft, ...]
    step: StepSettings


def read_checks(tests: list[Any], file: YamlFile, problems: list[Problem]) -> list[CheckDraft]:
    """Read the flat list of project.yml; every test names its table."""
    drafts = []
    for index, test in enumerate(tests):
        keys: Keys = ("tests", index)
        if isinstance(test, Mapping) and "table" not in test:
            problems.append(Problem(f"missing key 'table' in tests.{index}", file.location(keys)))
            continue
        drafts += _draft("", test, file, keys, problems)
    return drafts


def read_schema(files: list[YamlFile], problems: list[Problem]) -> list[SchemaEntry]:
    """Read the `version: 2` files below models/."""
    entries: list[SchemaEntry] = []
    for file in files:
        shape, found = shaped_in_part(SchemaShape, file)
        problems.extend(found)
        if shape is None:
            continue
        for section, models in (("models", shape.models), ("seeds", shape.seeds)):
            entries += [_entry(model, file, (section, i), problems) for i, model in enumerate(models)]
    return entries


def table_checks(node: str, table: Any, file: YamlFile, keys: Keys, problems: list[Problem]) -> list[CheckDraft]:
    """Read the tests of one table and of its columns, in the dbt-style form."""
    drafts = []
    for at, test in _tests(table, keys):
        drafts += _draft(node, _flat(test, None), file, at, problems)
    for index, column in enumerate(table.columns):
        for at, test in _tests(column, (*keys, "columns", index)):
            drafts += _draft(node, _flat(test, column.name), file, at, problems)
    return drafts


def columns_of(columns: list[ColumnShape]) -> tuple[Column, ...]:
    """What is said about columns, without their tests."""
    return tuple(Column(column.name, column.description, column.data_type) for column in columns)


def _entry(model: ModelSchemaShape, file: YamlFile, keys: Keys, problems: list[Problem]) -> SchemaEntry:
    return SchemaEntry(
        name=model.name,
        location=file.location((*keys, "name")),
        description=model.description,
        tags=tuple(model.tags),
        owners=tuple(model.owners),
        columns=columns_of(model.columns),
        checks=tuple(table_checks(model.name, model, file, keys, problems)),
        step=model.step(),
    )


def _tests(holder: Any, keys: Keys) -> Iterator[tuple[Keys, object]]:
    for section in ("tests", "data_tests"):
        for index, test in enumerate(getattr(holder, section)):
            yield (*keys, section, index), test


def _flat(test: object, column: str | None) -> object:
    """Turn `not_null` and `{accepted_values: {values: [...], config: {severity: warn}}}` into the flat form."""
    if isinstance(test, str):
        test = {test: {}}
    if not isinstance(test, Mapping) or len(test) != 1:
        return test
    ((kind, said),) = test.items()
    if not isinstance(said, Mapping | None):
        return said  # no test: the shape says so
    said = dict(said or {})
    inner = [said.pop(key) or {} for key in ("arguments", "config") if isinstance(said.get(key, 0), Mapping | None)]
    flat = {"type": kind, **{key: value for part in inner for key, value in part.items()}, **said}
    return {"column": column, **flat} if column is not None else flat


def _draft(node: str, test: object, file: YamlFile, keys: Keys, problems: list[Problem]) -> list[CheckDraft]:
    shape = shaped(CheckUnion, test, file, keys)
    if isinstance(shape, list):
        problems.extend(shape)
        return []
    return [CheckDraft(node or shape.table, shape, file.location(keys))]

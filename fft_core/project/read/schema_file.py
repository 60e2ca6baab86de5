"""Tests and descriptions: `project.yml -> tests`, and the dbt-style schema files below models/ and in sources.yml."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fft_core.errors import Location, Problem, nearest
from fft_core.project.model import Column, Reconciliation, Rule, StepSettings
from fft_core.project.read.custom_checks import CustomCheck, custom_test, refused_shares
from fft_core.project.read.settings import Layer, Nearness, read_layer
from fft_core.project.read.yaml_file import Key, YamlFile, shaped, shaped_in_part
from fft_core.project.shapes.checks import RECONCILE, CheckShapes, CheckUnion
from fft_core.project.shapes.model_config import ModelConfigShape, SeedConfigShape
from fft_core.project.shapes.schema import ColumnShape, ModelSchemaShape, SchemaShape

Keys = tuple[Key, ...]
Customs = Mapping[str, CustomCheck]


@dataclass(frozen=True)
class CheckDraft:
    """A test as written; its node is still a text."""

    node: str
    shape: CheckShapes
    location: Location
    rule: Rule

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that it names, as written."""
        if isinstance(self.rule, Reconciliation):
            return (str(self.rule.left.table), str(self.rule.right.table))
        return (self.node,)


@dataclass(frozen=True)
class SchemaEntry:
    """The entry of a schema file for one model or seed."""

    name: str
    location: Location
    description: str | None
    tags: tuple[str, ...]
    owners: tuple[str, ...]
    columns: tuple[Column, ...]
    checks: tuple[CheckDraft, ...]
    step: StepSettings
    config: Layer | None = None


def read_checks(tests: list[Any], file: YamlFile, customs: Customs, problems: list[Problem]) -> list[CheckDraft]:
    """Read the flat list of project.yml; every test names its table, unless it compares two."""
    drafts = []
    for index, test in enumerate(tests):
        keys: Keys = ("tests", index)
        if isinstance(test, Mapping) and "table" not in test and test.get("type") not in RECONCILE:
            problems.append(Problem(f"missing key 'table' in tests.{index}", file.location(keys), code="FFT-105"))
            continue
        drafts += _draft("", test, file, keys, customs, problems)
    return drafts


def read_schema(files: list[YamlFile], customs: Customs, problems: list[Problem]) -> list[SchemaEntry]:
    """Read the `version: 2` files below models/."""
    entries: list[SchemaEntry] = []
    for file in files:
        if not file.content:
            continue
        shape, found = shaped_in_part(SchemaShape, file)
        problems.extend(found)
        if shape is None:
            continue
        for section, models in (("models", shape.models), ("seeds", shape.seeds)):
            entries += [_entry(model, file, (section, i), customs, problems) for i, model in enumerate(models)]
    return entries


def table_checks(
    node: str, table: Any, file: YamlFile, keys: Keys, customs: Customs, problems: list[Problem]
) -> list[CheckDraft]:
    """Read the tests of one table and of its columns, in the dbt-style form."""
    drafts = []
    for at, test in _tests(table, keys):
        drafts += _draft(node, _flat(test, None), file, at, customs, problems)
    for index, column in enumerate(table.columns):
        for at, test in _tests(column, (*keys, "columns", index)):
            drafts += _draft(node, _flat(test, column.name), file, at, customs, problems)
    return drafts


def columns_of(columns: list[ColumnShape]) -> tuple[Column, ...]:
    """Return the declarations of columns, without their tests."""
    return tuple(_column(column) for column in columns)


def _column(column: ColumnShape) -> Column:
    return Column(column.name, column.description, column.data_type, tuple(column.tags), column.meta)


def _entry(
    model: ModelSchemaShape, file: YamlFile, keys: Keys, customs: Customs, problems: list[Problem]
) -> SchemaEntry:
    return SchemaEntry(
        name=model.name,
        location=file.location((*keys, "name")),
        description=model.description,
        tags=tuple(model.tags),
        owners=tuple(model.owners),
        columns=columns_of(model.columns),
        checks=tuple(table_checks(model.name, model, file, keys, customs, problems)),
        step=model.step(),
        config=_config(model.config, file, keys, problems) if model.config else None,
    )


def _config(said: object, file: YamlFile, keys: Keys, problems: list[Problem]) -> Layer | None:
    """Read the block `config` of a model or seed, with the settings that its own file may also have."""
    at, shape = (*keys, "config"), ModelConfigShape if keys[0] == "models" else SeedConfigShape
    if not isinstance(said, Mapping):
        problems.append(Problem(f"{'.'.join(map(str, at))} must be a mapping", file.location(at), code="FFT-106"))
        return None
    return read_layer(shape, said, file, at, Nearness.BESIDE, problems)


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
        return said  # not a test: validation reports it
    said = dict(said or {})
    inner = [said.pop(key) or {} for key in ("arguments", "config") if isinstance(said.get(key, 0), Mapping | None)]
    flat = {"type": kind, **{key: value for part in inner for key, value in part.items()}, **said}
    return {"column": column, **flat} if column is not None else flat


def _draft(
    node: str, test: object, file: YamlFile, keys: Keys, customs: Customs, problems: list[Problem]
) -> list[CheckDraft]:
    custom = customs.get(str(test.get("type"))) if isinstance(test, Mapping) else None
    if custom is not None and isinstance(test, Mapping):
        read = custom_test(test, custom, file, keys, problems)
        return [CheckDraft(node or read[0].table, read[0], file.location(keys), read[1])] if read else []
    shape = shaped(CheckUnion, test, file, keys)
    if isinstance(shape, list):
        problems.extend(_with_types(problem, customs) for problem in shape)
        return []
    table = node or shape.table
    rule = shape.rule_of(table)
    problems.extend(refused_shares(shape, rule, file, keys))
    return [CheckDraft(table, shape, file.location(keys), rule)]


def _with_types(problem: Problem, customs: Customs) -> Problem:
    """Add the nearest type to the hint, among those that the project defines, too; and the codes of checks."""
    match = re.fullmatch(r"unknown type '(.*)'", problem.message)
    if match is None:
        return replace(problem, code="FFT-150") if problem.code == "FFT-106" else problem
    return replace(problem, hint=nearest(match[1], customs) or problem.hint, code="FFT-151")

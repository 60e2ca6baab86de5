"""An unknown key is named with those that its mapping may have, wherever the mapping is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from fft_core.project.read.yaml_file import YamlFile, shaped
from fft_core.project.shapes import dbt_keys
from fft_core.project.shapes.checks import CheckUnion, RelationshipsShape
from fft_core.project.shapes.model_config import IncrementalShape, ModelConfigShape, ServeShape, SnapshotShape
from fft_core.project.shapes.packages import DependencyShape, LockedShape, LockShape, ManifestShape, PackageShape
from fft_core.project.shapes.project import DocsShape, FingerprintShape, ProjectShape
from fft_core.project.shapes.schema import ColumnShape, ModelSchemaShape, RetriesShape, SchemaShape
from fft_core.project.shapes.seeds import SeedColumnShape, SeedFileShape, SeedsShape, SeedTargetShape
from fft_core.project.shapes.sources import (
    DataVersionShape,
    OldSources,
    OldSourceShape,
    PeriodShape,
    PlaceShape,
    SourceFreshnessShape,
    SourceGroupShape,
    SourcesShape,
    SourceTableShape,
)
from fft_core.project.shapes.unit_tests import CaseShape, GivenShape, UnitTestsShape

PERIOD = {"count": 1, "period": "hour"}
TABLE = {
    "name": "users",
    "columns": [{"name": "id"}],
    "overrides": {"duckdb": {"schema": "raw"}},
    "data_version": {"query": "select 1"},
    "freshness": {"loaded_at_field": "at", "warn_after": PERIOD},
}
# a shape, a text that it takes, and the shapes of the mappings in it, by their place
READ: list[tuple[Any, Any, dict[tuple[str | int, ...], type[BaseModel]]]] = [
    (
        ProjectShape,
        {"name": "p", "version": "1", "docs": {}, "fingerprint": {}},
        {(): ProjectShape, ("docs",): DocsShape, ("fingerprint",): FingerprintShape},
    ),
    (
        SourcesShape,
        {"version": 2, "sources": [{"name": "crm", "tables": [TABLE]}]},
        {
            (): SourcesShape,
            ("sources", 0): SourceGroupShape,
            ("sources", 0, "tables", 0): SourceTableShape,
            ("sources", 0, "tables", 0, "columns", 0): ColumnShape,
            ("sources", 0, "tables", 0, "overrides", "duckdb"): PlaceShape,
            ("sources", 0, "tables", 0, "data_version"): DataVersionShape,
            ("sources", 0, "tables", 0, "freshness"): SourceFreshnessShape,
            ("sources", 0, "tables", 0, "freshness", "warn_after"): PeriodShape,
        },
    ),
    (OldSources, {"crm": {"users": {"schema": "raw"}}}, {("crm", "users"): OldSourceShape}),
    (
        SchemaShape,
        {"version": 2, "models": [{"name": "m", "columns": [{"name": "id"}], "retries": {"max": 1}}]},
        {
            (): SchemaShape,
            ("models", 0): ModelSchemaShape,
            ("models", 0, "columns", 0): ColumnShape,
            ("models", 0, "retries"): RetriesShape,
        },
    ),
    (
        SeedsShape,
        {"targets": {"a": {"table": "b"}}, "files": {"a": {}}, "columns": {"a": {"id": {"type": "int"}}}},
        {
            (): SeedsShape,
            ("targets", "a"): SeedTargetShape,
            ("files", "a"): SeedFileShape,
            ("columns", "a", "id"): SeedColumnShape,
        },
    ),
    (
        ModelConfigShape,
        {"incremental": {}, "snapshot": {"strategy": "timestamp"}, "retries": {"max": 1}, "serve": {}},
        {
            (): ModelConfigShape,
            ("serve",): ServeShape,
            ("incremental",): IncrementalShape,
            ("snapshot",): SnapshotShape,
            ("retries",): RetriesShape,
        },
    ),
    (CheckUnion, {"type": "relationships", "column": "a", "to": "b"}, {(): RelationshipsShape}),
    (dict[str, list[PackageShape]], {"packages": [{"name": "a", "path": "../a"}]}, {("packages", 0): PackageShape}),
    (
        LockShape,
        {"lock_version": 1, "packages": {"a": {"git": "g", "revision": "", "commit": "a" * 40}}},
        {(): LockShape, ("packages", "a"): LockedShape},
    ),
    (ManifestShape, {"name": "p", "dependencies": [{"name": "q"}]}, {("dependencies", 0): DependencyShape}),
    (
        UnitTestsShape,
        {"model": "m", "cases": [{"name": "c", "inputs": {"u": {"rows": []}}, "expect": {"rows": []}}]},
        {(): UnitTestsShape, ("cases", 0): CaseShape, ("cases", 0, "inputs", "u"): GivenShape},
    ),
]


def places() -> Iterator[Any]:
    for shape, content, mappings in READ:
        for place, kind in mappings.items():
            yield pytest.param(shape, content, place, kind, id=f"{kind.__name__}-{'.'.join(map(str, place))}")


@pytest.mark.parametrize(("shape", "content", "place", "kind"), list(places()))
def test_an_unknown_key_is_named_with_the_known_ones(
    shape: Any, content: Any, place: tuple[str | int, ...], kind: type[BaseModel]
) -> None:
    assert not isinstance(shaped(shape, content, YamlFile(Path("a.yml"), content)), list)
    content = deepcopy(content)
    mapping = content
    for part in place:
        mapping = mapping[part]
    mapping["qqqqqq"] = 1
    found = shaped(shape, content, YamlFile(Path("a.yml"), content))
    known = ", ".join(field.alias or name for name, field in kind.model_fields.items())
    name = ".".join(map(str, place)) or "the file"
    problems = [problem for problem in found if problem.message == f"unknown key 'qqqqqq' in {name}"]
    assert [problem.hint for problem in problems] == [f"Known keys: {known}"]  # other members of a union may complain


def test_what_takes_the_place_of_a_key_that_only_dbt_has() -> None:
    for key, hint in dbt_keys.HINTS.items():
        found = shaped(ModelConfigShape, {key: 1}, YamlFile(Path("models/a.ff.sql"), {}))
        assert [(problem.message, problem.hint) for problem in found] == [(f"unknown key {key!r} in the file", hint)]
    (problem,) = shaped(ProjectShape, {"name": "shop", "version": "1", "meta": {}}, YamlFile(Path("project.yml"), {}))
    assert problem.hint != dbt_keys.HINTS["meta"]
    named = {name for hint in dbt_keys.HINTS.values() for name in re.findall(r"`([a-z_]+)`", hint)}
    known = {field.alias or name for name, field in ModelConfigShape.model_fields.items()}
    assert named <= known | {"column_types", "meta"}
    of_snapshots = {key for key, hint in dbt_keys.HINTS.items() if hint == "It is a key of `snapshot`."}
    assert of_snapshots
    assert of_snapshots <= SnapshotShape.model_fields.keys()

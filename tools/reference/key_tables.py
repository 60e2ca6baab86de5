"""The tables of the page of all keys: the shape and the examples of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import yaml
from pydantic import BaseModel

from fft_core.project.shapes.budgets import BudgetShape, BudgetsShape
from fft_core.project.shapes.check_keys import CheckSettingsShape, CheckShape
from fft_core.project.shapes.checks import CheckUnion, CustomCheckShape
from fft_core.project.shapes.hooks import HookShape, HooksShape
from fft_core.project.shapes.model_config import (
    ConstraintShape,
    IncrementalKeys,
    IncrementalShape,
    IndexShape,
    ModelConfigShape,
    PartitionShape,
    SeedConfigShape,
    SnapshotShape,
)
from fft_core.project.shapes.packages import LockShape, ManifestShape, PackageShape
from fft_core.project.shapes.project import ProjectShape, RuleShape
from fft_core.project.shapes.schema import ColumnShape, ModelSchemaShape, SchemaShape
from fft_core.project.shapes.seeds import SeedsShape
from fft_core.project.shapes.sources import (
    OldSources,
    OldSourceShape,
    PlaceShape,
    SourceGroupShape,
    SourceSettingsShape,
    SourcesShape,
    SourceTableShape,
)
from fft_core.project.shapes.streams import FilesShape, KafkaShape, S3Shape, StreamShape
from fft_core.project.shapes.unit_tests import ExpectShape, FixtureShape, GivenShape, UnitTestsShape
from tools.reference.keys import ANY, EACH, Links, Path, values_at

EXAMPLES = FilePath(__file__).parent / "examples"


def example_texts(name: str) -> list[str]:
    """Return the documents of an example, which `---` separates."""
    return [text.strip() for text in (EXAMPLES / name).read_text(encoding="utf-8").split("\n---\n")]


@dataclass(frozen=True)
class Part:
    """A table of keys below a heading.

    Attributes:
        title: The heading.
        says: The text below the heading, in Markdown.
        shape: The shape of the mapping.
        example: The name of the example's file.
        at: The place of the mapping in the example.
        loads: The shapes of the example, each with its place; empty: `shape` at `at`.
        inherited: The shape whose keys are left out, because `says` names their table.
        is_file: Whether the part begins a file, instead of being about a mapping in one.
    """

    title: str
    says: str
    shape: type[BaseModel]
    example: str
    at: Path = ()
    loads: tuple[tuple[Any, Path], ...] = ()
    inherited: type[BaseModel] | None = None
    is_file: bool = False

    @property
    def texts(self) -> list[str]:
        """The documents of the example."""
        return example_texts(self.example)

    @property
    def mappings(self) -> list[object]:
        """The mappings of the example that the table is about."""
        return [value for text in self.texts for value in values_at(yaml.safe_load(text), self.at)]

    @property
    def left_out(self) -> Path:
        """The fields without a row."""
        return tuple(self.inherited.model_fields) if self.inherited else ()

    @property
    def link(self) -> str:
        """The link to the table."""
        anchor = "".join(sign for sign in self.title.lower() if sign.isalnum() or sign in "-_ ").replace(" ", "-")
        return f"[{self.title}](#{anchor})"


_CONFIG = ("models", EACH, "config")
PARTS = (
    Part(
        "project.yml",
        "The file is required. [The project format](project.md) describes its use.",
        ProjectShape,
        "project.yml",
        is_file=True,
    ),
    Part(
        "Hooks",
        "An entry of `hooks.on_run_start`, `on_run_end`, `before_model` or `after_model`; "
        "[their effects](../guides/from-fft.md#projects-written-for-fft).",
        HookShape,
        "hooks.yml",
        at=("hooks", ANY, EACH),
        loads=((HooksShape, ("hooks",)), (ProjectShape, ())),
    ),
    Part(
        "Settings of models",
        "The keys of `config()` and `@model`, of the block `config` of a model in YAML, and of `models`, `snapshots` "
        "and `rules[].set` in project.yml, where a `+` may stand before each key. In `config()` they are arguments "
        "with values of Python: `config(materialized='view')`. If several places have the same key, "
        "[the nearest one wins](folders-and-schemas.md#settings-by-folder). `engines` is read in `config()` only.",
        ModelConfigShape,
        "settings_of_models.yml",
        at=_CONFIG,
        loads=((SchemaShape, ()), (ModelConfigShape, _CONFIG)),
        is_file=True,
    ),
    Part(
        "The block incremental",
        "The block has the keys of incremental models of the table above (`strategy`, `unique_key`, `partition_by`, "
        "`updated_at_columns`, `lookback`, `on_schema_change`, `delta_sql`, and their other names), and",
        IncrementalShape,
        "incremental.yml",
        at=(*_CONFIG, "incremental"),
        inherited=IncrementalKeys,
    ),
    Part(
        "The block snapshot",
        "See [snapshots](snapshots.md).",
        SnapshotShape,
        "snapshot.yml",
        at=(*_CONFIG, "snapshot"),
        loads=((ModelConfigShape, _CONFIG),),
    ),
    Part(
        "The mapping partition_by",
        "See [layout of tables](layout.md).",
        PartitionShape,
        "settings_of_models.yml",
        at=(*_CONFIG, "partition_by"),
        loads=((ModelConfigShape, _CONFIG),),
    ),
    Part("Indexes", "An entry of `indexes`.", IndexShape, "attachments.yml", at=(*_CONFIG, "indexes", EACH)),
    Part(
        "Constraints",
        "An entry of `constraints`; see [their effects](folders-and-schemas.md#grants-indexes-and-constraints).",
        ConstraintShape,
        "attachments.yml",
        at=(*_CONFIG, "constraints", EACH),
    ),
    Part(
        "Settings of seeds",
        "The keys of the block `config` of a seed in YAML, and of `seeds` in project.yml.",
        SeedConfigShape,
        "settings_of_seeds.yml",
        at=("seeds", EACH, "config"),
        loads=((SchemaShape, ()), (SeedConfigShape, ("seeds", EACH, "config"))),
    ),
    Part(
        "Settings of sources",
        "The keys of `sources` in project.yml, for a group or a table of it.",
        SourceSettingsShape,
        "settings_of_sources.yml",
        at=("sources", ANY),
    ),
    Part(
        "Settings of checks",
        "The keys of `checks` in project.yml, for all checks of a folder, and of `rules[].set` beside `checks`.",
        CheckSettingsShape,
        "settings_of_checks.yml",
        at=("checks", ANY),
    ),
    Part(
        "YAML below models/",
        "Any `.yml` or `.yaml` file below `models/`, except the files of streams.",
        SchemaShape,
        "schema.yml",
        is_file=True,
    ),
    Part(
        "Models and seeds in YAML",
        "An entry of `models` or `seeds`.",
        ModelSchemaShape,
        "schema.yml",
        at=("models", EACH),
    ),
    Part(
        "Columns",
        "An entry of `columns` of a model, a seed or a source.",
        ColumnShape,
        "schema.yml",
        at=("models", EACH, "columns", EACH),
    ),
    Part(
        "Keys of all checks",
        "A check is an entry of `tests` in project.yml. Beside a table or column, an entry is the type alone, or the "
        "type with a mapping of keys, as in `- unique: {severity: warn}`. See [checks](checks.md).",
        CheckShape,
        "checks.yml",
        at=("tests", EACH),
        loads=((ProjectShape, ()), (CheckUnion, ("tests", EACH))),
        is_file=True,
    ),
    Part(
        "Checks of your own types",
        "A check whose type is [a file below `tests/`](checks.md#your-own-types) has the keys of all checks, and",
        CustomCheckShape,
        "custom_checks.yml",
        at=("tests", EACH),
        inherited=CheckShape,
    ),
    Part(
        "sources.yml",
        "The long form; the other form is [the short one](#the-short-form-of-sourcesyml).",
        SourcesShape,
        "sources.yml",
        is_file=True,
    ),
    Part("Groups of sources", "An entry of `sources`.", SourceGroupShape, "sources.yml", at=("sources", EACH)),
    Part(
        "Tables of sources",
        "An entry of `tables`.",
        SourceTableShape,
        "sources.yml",
        at=("sources", EACH, "tables", EACH),
    ),
    Part(
        "Places of sources",
        "The value of `overrides` for an engine, in a group or a table.",
        PlaceShape,
        "sources.yml",
        at=("sources", EACH, "overrides", ANY),
    ),
    Part(
        "The short form of sources.yml",
        "A mapping of groups to mappings of tables. A table has these keys, or nothing.",
        OldSourceShape,
        "short_sources.yml",
        at=(ANY, ANY),
        loads=((OldSources, ()),),
    ),
    Part(
        "seeds/schema.yml",
        "See [seeds](project.md#seeds).",
        SeedsShape,
        "seeds.yml",
        is_file=True,
    ),
    Part(
        "Files of streams",
        "`models/**/*.ff.yml` is [a stream](../guides/streaming.md). The file may also have `tags`, `owners`, "
        "`description`, `pre_hook`, `post_hook`, `on_schema_change`, and the "
        "[settings of models](#settings-of-models) that are about the place, the step and the table.",
        StreamShape,
        "stream.yml",
        inherited=ModelConfigShape,
        is_file=True,
    ),
    Part("Files as a source", "The value of `source`.", FilesShape, "stream_of_files.yml", at=("source",)),
    Part("Kafka as a source", "The value of `source`.", KafkaShape, "stream_of_kafka.yml", at=("source",)),
    Part("S3 as a source", "The value of `source`.", S3Shape, "stream_of_s3.yml", at=("source",)),
    Part(
        "Files of unit tests",
        "`tests/unit/*.yml`: see [unit tests](../guides/unit-tests.md).",
        UnitTestsShape,
        "unit_tests.yml",
        is_file=True,
    ),
    Part("Given rows", "The value of an input.", GivenShape, "unit_tests.yml", at=("cases", EACH, "inputs", ANY)),
    Part("Expected rows", "The value of `expect`.", ExpectShape, "unit_tests.yml", at=("cases", EACH, "expect", EACH)),
    Part(
        "Files of fixtures",
        "`tests/fixtures/*.yml`: rows that several unit tests share.",
        FixtureShape,
        "fixture.yml",
        is_file=True,
    ),
    Part(
        "packages.yml",
        "An entry of the list `packages`, which may also be a mapping of names to these keys, to a path, or to a "
        "repository. See [packages](../guides/packages.md).",
        PackageShape,
        "packages.yml",
        at=("packages", EACH),
        is_file=True,
    ),
    Part(
        "project.yml of a package",
        "These keys are read, and others are ignored.",
        ManifestShape,
        "package.yml",
    ),
    Part(
        "packages.lock.yml",
        "`fft deps` writes the file.",
        LockShape,
        "lock.yml",
        is_file=True,
    ),
    Part(
        "budgets.yml",
        "See [budgets](../guides/from-fft.md#projects-written-for-fft).",
        BudgetsShape,
        "budgets.yml",
        is_file=True,
    ),
    Part(
        "Budgets",
        "The value of `total`, and of an entry of `models` or `tags`.",
        BudgetShape,
        "budgets.yml",
        at=("total",),
    ),
)
_LINKED = {
    "Keys of all checks": (
        (ProjectShape, "tests"),
        *(
            (shape, key)
            for shape in (ModelSchemaShape, ColumnShape, SourceTableShape)
            for key in ("tests", "data_tests")
        ),
    ),
    "Settings of models": (
        (ProjectShape, "models"),
        (ProjectShape, "snapshots"),
        (RuleShape, "set"),
        (ModelSchemaShape, "config"),
    ),
    "Settings of seeds": ((ProjectShape, "seeds"), (ModelSchemaShape, "config")),
    "Settings of sources": ((ProjectShape, "sources"),),
    "Settings of checks": ((ProjectShape, "checks"), (RuleShape, "set")),
}


def links() -> Links:
    """Return the links to the tables of values that have no shape of their own."""
    found: dict[tuple[type, str], list[str]] = {}
    for part in PARTS:
        for field in _LINKED.get(part.title, ()):
            found.setdefault(field, []).append(part.link)
    return {field: " and ".join(several) for field, several in found.items()}

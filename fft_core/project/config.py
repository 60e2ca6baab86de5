"""The shapes of project.yml, sources.yml, seeds/schema.yml, schema YAML and profiles.yml. Pydantic stays here."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from fft_core.project import model as m


class Shape(BaseModel):
    """A mapping in a file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _tell_known_keys(cls, content: Any, info: ValidationInfo) -> Any:
        """Note which keys this mapping may have, for the hint beside an unknown one."""
        if info.context is not None:
            info.context[id(content)] = [field.alias or name for name, field in cls.model_fields.items()]
        return content


def _owner(text: str) -> str:
    if not re.fullmatch(r"team:.+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}", text):
        raise ValueError(f"{text!r} is not an owner; write an e-mail address, or team:name")
    return text


Owner = Annotated[str, AfterValidator(_owner)]


# --- checks -----------------------------------------------------------------------------------------------------------


class CheckShape(Shape):
    """What every check may say."""

    table: str = ""
    name: str | None = None
    severity: m.Severity = "error"
    where: str | None = None
    tags: list[str] = []
    description: str | None = None


class NotNullShape(CheckShape):
    type: Literal["not_null"]
    column: str

    def rule(self) -> m.Rule:
        return m.NotNull(self.column)


class UniqueShape(CheckShape):
    type: Literal["unique"]
    column: str | list[str]

    def rule(self) -> m.Rule:
        return m.Unique((self.column,) if isinstance(self.column, str) else tuple(self.column))


class AcceptedValuesShape(CheckShape):
    type: Literal["accepted_values"]
    column: str
    values: list[str | bool | int | float] = Field(min_length=1)

    @field_validator("values", mode="before")
    @classmethod
    def _dates_as_text(cls, values: Any) -> Any:
        return [str(v) if isinstance(v, date) else v for v in values] if isinstance(values, list) else values

    def rule(self) -> m.Rule:
        return m.AcceptedValues(self.column, tuple(self.values))


class RowCountBetweenShape(CheckShape):
    type: Literal["row_count_between"]
    column: None = None
    min_rows: int = Field(default=1, ge=0)
    max_rows: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _bounds_in_order(self) -> RowCountBetweenShape:
        if self.max_rows is not None and self.max_rows < self.min_rows:
            raise ValueError(f"max_rows ({self.max_rows}) is below min_rows ({self.min_rows})")
        return self

    def rule(self) -> m.Rule:
        return m.RowCountBetween(self.min_rows, self.max_rows)


class GreaterEqualShape(CheckShape):
    type: Literal["greater_equal"]
    column: str
    threshold: float = 0

    def rule(self) -> m.Rule:
        return m.GreaterEqual(self.column, self.threshold)


class NonNegativeSumShape(CheckShape):
    type: Literal["non_negative_sum"]
    column: str

    def rule(self) -> m.Rule:
        return m.NonNegativeSum(self.column)


class FreshnessShape(CheckShape):
    type: Literal["freshness"]
    column: str
    max_delay_minutes: float = Field(gt=0)

    def rule(self) -> m.Rule:
        return m.Freshness(self.column, self.max_delay_minutes)


class RelationshipsShape(CheckShape):
    """`to` is a name, or a name written as ref('...') or source('...', '...'); the loader resolves it."""

    type: Literal["relationships"]
    column: str
    to: str
    field: str = Field(alias="to_field", default="id")  # both spellings are read

    def rule(self) -> m.Rule:
        return m.Relationships(self.column, self.to, self.field)


AnyCheck: TypeAlias = (
    NotNullShape
    | UniqueShape
    | AcceptedValuesShape
    | RowCountBetweenShape
    | GreaterEqualShape
    | NonNegativeSumShape
    | FreshnessShape
    | RelationshipsShape
)
CheckUnion = Annotated[AnyCheck, Field(discriminator="type")]


# --- project.yml ------------------------------------------------------------------------------------------------------


class DocsShape(Shape):
    dag_dir: str = "site/dag"


class FingerprintShape(Shape):
    environment: Literal["all", "used"] = "all"
    digest_max_rows: int = Field(default=1_000_000, ge=0)

    def settings(self) -> m.FingerprintSettings:
        return m.FingerprintSettings(self.environment, self.digest_max_rows)


class ProjectShape(Shape):
    """project.yml; `tests` are validated one by one so that one bad test does not hide another."""

    name: str = Field(min_length=1)
    version: str
    vars: dict[str, Any] = {}
    models_dir: str = "models"
    docs: DocsShape = DocsShape()
    tests: list[Any] = []
    models: dict[str, Any] = {}
    seeds: dict[str, Any] = {}
    fingerprint: FingerprintShape = FingerprintShape()

    @field_validator("version", mode="before")
    @classmethod
    def _version_as_text(cls, version: object) -> object:
        return str(version) if isinstance(version, int | float) else version

    @field_validator("models", "seeds")
    @classmethod
    def _nothing_is_ignored(cls, content: dict[str, Any]) -> dict[str, Any]:
        if content:
            raise ValueError(f"{', '.join(content)}: not supported yet; say it in the model's config()")
        return content

    @field_validator("vars", "tests", "models", "seeds", mode="before")
    @classmethod
    def _empty_key(cls, content: object, info: Any) -> object:
        return ([] if info.field_name == "tests" else {}) if content is None else content


# --- sources.yml ------------------------------------------------------------------------------------------------------


class ColumnShape(Shape):
    """A column of a model, seed or source; its tests are read by the loader."""

    name: str
    description: str | None = None
    data_type: str | None = None
    tests: list[Any] = []
    data_tests: list[Any] = []
    tags: list[str] = []


class PlaceShape(Shape):
    """Where a source lies; None falls back to the group's, then to the profile's."""

    identifier: str | None = None
    schema_: str | None = Field(default=None, alias="schema")
    catalog: str | None = None
    database: str | None = None

    @property
    def catalog_name(self) -> str | None:
        return self.catalog or self.database


class DataVersionShape(Shape):
    """How a source's version is found: exactly one of these."""

    loaded_at_field: str | None = None
    query: str | None = None
    digest_max_rows: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _exactly_one(self) -> DataVersionShape:
        if sum(value is not None for value in (self.loaded_at_field, self.query, self.digest_max_rows)) != 1:
            raise ValueError("give exactly one of loaded_at_field, query and digest_max_rows")
        return self


class SourceTableShape(PlaceShape):
    name: str
    description: str | None = None
    columns: list[ColumnShape] = []
    tests: list[Any] = []
    data_tests: list[Any] = []
    tags: list[str] = []
    overrides: dict[str, PlaceShape] = {}
    data_version: Literal["none", "digest"] | DataVersionShape = "digest"

    def version(self) -> m.SourceVersion:
        match self.data_version:
            case "none":
                return m.NoVersion()
            case DataVersionShape(loaded_at_field=str(column)):
                return m.VersionByColumn(column)
            case DataVersionShape(query=str(sql)):
                return m.VersionByQuery(sql)
            case DataVersionShape(digest_max_rows=limit):
                return m.VersionByDigest(limit)
        return m.VersionByDigest()


class SourceGroupShape(PlaceShape):
    name: str
    identifier: None = None
    description: str | None = None
    tags: list[str] = []
    overrides: dict[str, PlaceShape] = {}
    tables: list[SourceTableShape] = Field(min_length=1)


class SourcesShape(Shape):
    version: Literal[2]
    sources: list[SourceGroupShape] = []


class OldSourceShape(PlaceShape):
    description: str | None = None
    overrides: dict[str, PlaceShape] = {}


OldSources = dict[str, dict[str, OldSourceShape | None]]


# --- seeds/schema.yml -------------------------------------------------------------------------------------------------


class SeedTargetShape(Shape):
    schema_: str | None = Field(default=None, alias="schema")
    table: str | None = None
    schema_by_engine: dict[str, str] = {}


class SeedColumnShape(Shape):
    type: str


class SeedsShape(Shape):
    version: int | None = None
    targets: dict[str, SeedTargetShape] = {}
    columns: dict[str, dict[str, str | SeedColumnShape]] = {}


# --- models/**/*.yml --------------------------------------------------------------------------------------------------


class ModelSchemaShape(Shape):
    name: str
    description: str | None = None
    tags: list[str] = []
    owners: list[Owner] = []
    columns: list[ColumnShape] = []
    tests: list[Any] = []
    data_tests: list[Any] = []


class SchemaShape(Shape):
    version: Literal[2]
    models: list[ModelSchemaShape] = []
    seeds: list[ModelSchemaShape] = []


# --- config() and @model ----------------------------------------------------------------------------------------------


class ModelConfigShape(Shape):
    """What a model may say of itself, in `config(...)` or in the decorator."""

    materialized: Literal["table", "view", "ephemeral"] | None = None
    tags: list[str] = []
    owners: list[Owner] = []
    description: str | None = None
    volatile: bool | None = None
    early_cutoff: bool = True

    @field_validator("tags", "owners", mode="before")
    @classmethod
    def _tuple_as_list(cls, value: object) -> object:
        if isinstance(value, str):
            return [value]
        return [] if value is None else list(value) if isinstance(value, tuple | set | frozenset) else value

    def materialization(self) -> m.Materialization | None:
        match self.materialized:
            case "table":
                return m.Table()
            case "view":
                return m.View()
            case "ephemeral":
                return m.Ephemeral()
            case None:
                return None


# --- profiles.yml -----------------------------------------------------------------------------------------------------


def variable(name: str, **field: Any) -> Any:
    """Declare a setting that the environment variable `name` overrides."""
    return Field(json_schema_extra={"variable": name}, **field)


class DuckDBSettings(Shape):
    """`path` is relative to the project's folder; `:memory:` keeps nothing."""

    path: str = variable("FF_DUCKDB_PATH", default=":memory:", min_length=1)
    schema_: str | None = variable("FF_DUCKDB_SCHEMA", default=None, alias="schema")
    catalog: str | None = variable("FF_DUCKDB_CATALOG", default=None)
    threads: int | None = variable("FF_DUCKDB_THREADS", default=None, ge=1)
    memory_limit: str | None = variable("FF_DUCKDB_MEMORY_LIMIT", default=None)


class PostgresSettings(Shape):
    """`dsn` as libpq or SQLAlchemy spells it; it may hold a password, and is never shown."""

    dsn: str = variable("FF_PG_DSN", min_length=1)
    db_schema: str | None = variable("FF_PG_SCHEMA", default=None, min_length=1)


ENGINES: dict[str, type[Shape]] = {"duckdb": DuckDBSettings, "postgres": PostgresSettings}

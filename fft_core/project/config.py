"""The shapes of project.yml, sources.yml, seeds/schema.yml and schema YAML. Pydantic stays here."""

from __future__ import annotations

import codecs
import math
import re
from datetime import date, timedelta
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)

from fft_core.csv_format import CsvFormat
from fft_core.errors import nearest
from fft_core.foreign_text import visible_line
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


def _name(text: str) -> str:
    if visible_line(text) != text:
        raise ValueError(f"{visible_line(text)!r} has a control character in it, or one that is not seen")
    return text


Name = Annotated[str, AfterValidator(_name)]
_Materialized: TypeAlias = Literal["table", "view", "materialized_view", "ephemeral", "incremental", "snapshot"]
Owner = Annotated[str, AfterValidator(_owner)]


# --- checks -----------------------------------------------------------------------------------------------------------


class CheckShape(Shape):
    """What every check may say."""

    table: str = ""
    name: Name | None = None
    severity: m.Severity = "error"
    where: str | None = None
    tags: list[str] = []
    description: str | None = None
    scope: m.Scope = "table"


def _finite(value: Any, read: ValidatorFunctionWrapHandler) -> Any:  # Any: whatever YAML holds
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is not a number (YAML reads yes and no as true and false)")
    number = read(value)
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError("a finite number is wanted: .nan and .inf are none")
    return value if isinstance(value, int) else number  # a large one is not the nearest float


Number = WrapValidator(_finite)


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


def _accepted(value: Any) -> Any:  # Any: whatever YAML holds
    if value is None:
        raise ValueError("null is no value to list: NULL passes anyway; a check of type not_null forbids it")
    if isinstance(value, list | dict):
        raise ValueError(f"{value!r} is no plain value; write it as a text")
    return str(value) if isinstance(value, date) else value


class AcceptedValuesShape(CheckShape):
    type: Literal["accepted_values"]
    column: str
    values: list[str | bool | int | float] = Field(min_length=1)

    @field_validator("values", mode="before")
    @classmethod
    def _plain_values(cls, values: Any) -> Any:
        return [_accepted(value) for value in values] if isinstance(values, list) else values

    def rule(self) -> m.Rule:
        return m.AcceptedValues(self.column, tuple(self.values))


class RowCountBetweenShape(CheckShape):
    type: Literal["row_count_between"]
    column: None = None
    min_rows: Annotated[int, Number] = Field(default=1, ge=0)
    max_rows: Annotated[int | None, Number] = Field(default=None, ge=0)

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
    threshold: Annotated[float, Number] = 0

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
    max_delay_minutes: Annotated[float, Number] = Field(gt=0, le=1_000_000_000)

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
    dag_dir: str = Field(default="site/dag", min_length=1)


class FingerprintShape(Shape):
    environment: Literal["all", "used"] = "all"
    digest_max_rows: int = Field(default=1_000_000, ge=0)

    def settings(self) -> m.FingerprintSettings:
        return m.FingerprintSettings(self.environment, self.digest_max_rows)


def _secret(text: str) -> str:
    """Take the name of a variable, or a glob that says more than "all of them"."""
    if not re.sub(r"\[[^\]]*\]|[*?]", "", text).strip() or text.strip() != text:
        raise ValueError(f"{text!r} names no variable; write a name, or a glob such as CRM_*")
    return text


class ProjectShape(Shape):
    """project.yml; `tests` are validated one by one so that one bad test does not hide another."""

    name: Name = Field(min_length=1)
    version: str
    vars: dict[str, Any] = {}
    models_dir: str = "models"
    docs: DocsShape = DocsShape()
    tests: list[Any] = []
    models: dict[str, Any] = {}
    seeds: dict[str, Any] = {}
    fingerprint: FingerprintShape = FingerprintShape()
    secrets: list[Annotated[str, AfterValidator(_secret)]] = []
    lint: dict[str, Annotated[m.LintSetting, BeforeValidator(lambda value: "off" if value is False else value)]] = {}

    @field_validator("version", mode="before")
    @classmethod
    def _version_as_text(cls, version: object) -> object:
        return str(version) if isinstance(version, int | float) else version

    @field_validator("models", "seeds")
    @classmethod
    def _nothing_is_ignored(cls, content: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        others = [key for key in content if (info.field_name, key) != ("models", "incremental")]
        if others:
            raise ValueError(f"{', '.join(others)}: not supported yet; say it in the model's config()")
        return content

    @field_validator("vars", "tests", "models", "seeds", "lint", "secrets", mode="before")
    @classmethod
    def _empty_key(cls, content: object, info: Any) -> object:
        return ([] if info.field_name in ("tests", "secrets") else {}) if content is None else content


# --- packages.yml, packages.lock.yml, and the project.yml of a package -----------------------------------------------


Filled = Annotated[str, Field(min_length=1)]


class PackageShape(Shape):
    """One package: a folder, or a git repository at some revision."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    path: Filled | None = None
    git: Filled | None = None
    subdir: Filled | None = None
    branch: Filled | None = None
    tag: Filled | None = None
    rev: Filled | None = None
    ref: Filled | None = None
    models_dir: Filled | None = None
    version: Filled | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> PackageShape:
        if (self.path is None) == (self.git is None):
            raise ValueError("give exactly one of path and git")
        said = [key for key in ("branch", "tag", "rev", "ref") if getattr(self, key) is not None]
        if self.path is not None and (said or self.subdir is not None):
            raise ValueError(f"{(said or ['subdir'])[0]} is for git packages")
        if len(said) > 1:
            raise ValueError(f"give one of {', '.join(said)}")
        return self

    @property
    def revision(self) -> tuple[str, str] | None:
        """What is wanted of the repository, as kind and name; None for its default branch."""
        kinds = [(kind, getattr(self, kind)) for kind in ("branch", "tag", "rev", "ref")]
        return next(((kind, name) for kind, name in kinds if name is not None), None)


class DependencyShape(Shape):
    name: str
    version: str | None = None
    optional: bool = False


class ManifestShape(BaseModel):
    """The project.yml of a package: what is not asked for is not looked at."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    name: str = Field(min_length=1)
    version: str | None = None
    models_dir: str | None = None
    fft_version: str | None = None
    dependencies: list[DependencyShape] = []

    @field_validator("version", mode="before")
    @classmethod
    def _version_as_text(cls, version: object) -> object:
        return str(version) if isinstance(version, int | float) else version

    @field_validator("dependencies", mode="before")
    @classmethod
    def _short_forms(cls, content: object) -> object:
        """A list of names is enough, and so is a mapping of names to version ranges."""
        if isinstance(content, dict):
            return [
                {"name": name, **(said if isinstance(said, dict) else {"version": said})}
                for name, said in content.items()
            ]
        return (
            [{"name": item} if isinstance(item, str) else item for item in content]
            if isinstance(content, list)
            else content or []
        )


class LockedShape(Shape):
    git: str
    revision: str
    commit: str = Field(pattern=r"^[0-9a-f]{40,64}$")


class LockShape(Shape):
    """packages.lock.yml."""

    lock_version: Literal[1]
    packages: dict[str, LockedShape] = {}


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


class PeriodShape(Shape):
    """A time, as so many minutes, hours or days."""

    count: float = Field(ge=0)
    period: Literal["minute", "hour", "day"]

    def time(self) -> timedelta:
        return timedelta(**{f"{self.period}s": self.count})


class SourceFreshnessShape(Shape):
    """The block `freshness` of a source."""

    loaded_at_field: str = Field(min_length=1)
    warn_after: PeriodShape | None = None
    error_after: PeriodShape | None = None

    @model_validator(mode="after")
    def _limits_in_order(self) -> SourceFreshnessShape:
        if self.warn_after is None and self.error_after is None:
            raise ValueError("give warn_after, error_after, or both")
        if self.warn_after and self.error_after and self.error_after.time() < self.warn_after.time():
            raise ValueError("error_after is shorter than warn_after")
        return self

    def value(self) -> m.SourceFreshness:
        warn, error = (limit.time() if limit else None for limit in (self.warn_after, self.error_after))
        return m.SourceFreshness(self.loaded_at_field, warn, error)


PartitionBy: TypeAlias = Filled | Annotated[dict[str, Filled], Field(min_length=1)]


class SourceTableShape(PlaceShape):
    name: Name
    description: str | None = None
    columns: list[ColumnShape] = []
    tests: list[Any] = []
    data_tests: list[Any] = []
    tags: list[str] = []
    overrides: dict[str, PlaceShape] = {}
    data_version: Literal["none", "digest"] | DataVersionShape = "digest"
    freshness: SourceFreshnessShape | None = None
    partition_by: PartitionBy | None = None

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
    name: Name
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
    partition_by: PartitionBy | None = None
    overrides: dict[str, PlaceShape] = {}


OldSources = dict[Name, dict[Name, OldSourceShape | None]]


# --- seeds/schema.yml -------------------------------------------------------------------------------------------------


class SeedTargetShape(Shape):
    schema_: str | None = Field(default=None, alias="schema")
    table: str | None = None
    schema_by_engine: dict[str, str] = {}


class SeedColumnShape(Shape):
    type: str


def _one_character(text: str) -> str:
    if len(text) != 1 or not text.isascii() or text.isalnum() or text in ".-+\r\n":
        raise ValueError(
            f"{text!r} is not one ASCII character; write one as ';', '|' or \"\\t\"; no letter, digit or sign"
        )
    return text


def _encoding(name: str) -> str:
    try:
        is_text = codecs.lookup(name)._is_text_encoding
    except LookupError:
        is_text = False
    if not is_text:
        known = nearest(name.lower(), ("utf-8", "utf-16", "latin-1", "cp1250", "cp1252", "cp437", "cp850", "mac-roman"))
        raise ValueError(f"{name!r} is not an encoding. {known or 'Write one as utf-8, utf-16, latin-1 or cp1252.'}")
    return name.lower()


def _quoted_texts(values: object) -> object:
    """YAML makes NULL, NO and 1.50 something else than text, and what was written is lost."""
    listed = [values] if isinstance(values, str) else values
    if not isinstance(listed, list) or not all(isinstance(value, str) for value in listed):
        raise ValueError("write a list of texts, each in quotes, as ['NULL', '-999']")
    return listed


class SeedFileShape(Shape):
    """How a CSV is written."""

    delimiter: (
        Annotated[str, BeforeValidator(lambda value: "\t" if value == r"\t" else value), AfterValidator(_one_character)]
        | None
    ) = None
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    quote: Annotated[str, AfterValidator(_one_character)] | None = '"'
    null_values: Annotated[list[str], BeforeValidator(_quoted_texts)] = []
    header: bool | list[str] = True

    @field_validator("quote", mode="before")
    @classmethod
    def _no_quotes(cls, value: object) -> object:
        return None if value in ("none", "", False) else value

    @field_validator("header", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        if isinstance(value, bool):
            return value
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise ValueError("write true, false, or a list of names, in quotes where YAML needs them")
        names = [name.strip() for name in value]
        if not names or not all(names):
            raise ValueError("name each column")
        if len({name.lower() for name in names}) < len(names):
            raise ValueError("two columns have one name")
        return names

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> SeedFileShape:
        if self.quote is not None and self.quote == self.delimiter:
            raise ValueError("delimiter and quote are the same character")
        return self

    def value(self) -> CsvFormat:
        names = tuple(self.header) if isinstance(self.header, list) else self.header
        return CsvFormat(self.delimiter, self.encoding, self.quote, tuple(self.null_values), names)


class SeedsShape(Shape):
    version: int | None = None
    targets: dict[str, SeedTargetShape] = {}
    files: dict[str, SeedFileShape] = {}
    columns: dict[str, dict[str, str | SeedColumnShape]] = {}


# --- how a step is run, in schema files and in config() ---------------------------------------------------------------


class RetriesShape(Shape):
    """The block `retries`; a number alone is `max`."""

    max: int = Field(ge=1)
    delay: float | None = Field(default=None, ge=0)
    backoff: Literal["linear", "exponential"] | None = None
    jitter: Literal["full", "plus_minus"] | None = None

    @model_validator(mode="after")
    def _what_varies_is_there(self) -> RetriesShape:
        if self.delay is None and (self.backoff or self.jitter):
            raise ValueError(f"{'backoff' if self.backoff else 'jitter'} changes the delay: give delay, in seconds")
        return self


class StepKeys(Shape):
    """What a model or seed may say of its step."""

    pool: Annotated[str, Field(pattern=r"^[A-Za-z0-9_/]+$")] | None = None
    priority: int | None = None
    concurrency_key: Filled | None = None
    op_tags: dict[str, Any] = {}
    retries: (
        Annotated[RetriesShape, BeforeValidator(lambda value: {"max": value} if type(value) is int else value)] | None
    ) = None
    timeout: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_limit(self) -> StepKeys:
        if self.pool and self.concurrency_key and self.pool != self.concurrency_key:
            raise ValueError("pool and concurrency_key are two names for one limit: give one of them")
        return self

    def step(self) -> m.StepSettings:
        retries = m.Retries(**dict(self.retries)) if self.retries else None
        return m.StepSettings(self.pool, self.priority, self.concurrency_key, dict(self.op_tags), retries, self.timeout)


# --- models/**/*.yml --------------------------------------------------------------------------------------------------


class ModelSchemaShape(StepKeys):
    name: Name
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


Names = Annotated[list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else _as_list(value))]


def _as_list(value: object) -> object:
    return list(value) if isinstance(value, tuple | set | frozenset) else value


def _lookback(value: str | int) -> str | int:
    if isinstance(value, str) and not re.fullmatch(r"\d+ (second|minute|hour|day|week|month|year)s?", value):
        raise ValueError(f"{value!r} is not a time; write it as '3 days', or as a number for a column of numbers")
    if isinstance(value, int) and value < 0:
        raise ValueError("must not be negative")
    return value


_KEYS = ("unique_key", "primary_key")
_UPDATED = ("updated_at_columns", "updated_at_column", "updated_at", "timestamp_columns", "delta_columns")


class IncrementalKeys(Shape):
    """What an incremental model may say, in `config(...)` itself or in its block `incremental`."""

    strategy: m.IncrementalStrategy | None = None
    unique_key: Names | None = None
    primary_key: Names | None = None
    partition_by: Names | None = None
    updated_at: Names | None = None
    updated_at_column: Names | None = None
    updated_at_columns: Names | None = None
    timestamp_columns: Names | None = None
    delta_columns: Names | None = None
    lookback: Annotated[str | int, AfterValidator(_lookback)] | None = None
    on_schema_change: m.OnSchemaChange | None = None
    schema_sync: m.OnSchemaChange | None = None
    delta_sql: str | None = None
    delta: str | None = None

    def said(self) -> dict[str, Any]:
        """What is said, under one name each."""
        said = {
            "strategy": self.strategy,
            "unique_key": self._first(_KEYS),
            "partition_by": self.partition_by,
            "updated_at": self._first(_UPDATED),
            "lookback": self.lookback,
            "on_schema_change": self._first(("on_schema_change", "schema_sync")),
            "delta_sql": self._first(("delta_sql", "delta")),
        }
        return {
            key: tuple(value) if isinstance(value, list) else value for key, value in said.items() if value is not None
        }

    def _first(self, names: tuple[str, ...]) -> Any:
        return next((value for name in names if (value := getattr(self, name)) is not None), None)


class IncrementalShape(IncrementalKeys):
    """The block `incremental`."""

    enabled: bool = True


class SnapshotShape(Shape):
    """The block `snapshot`."""

    strategy: m.SnapshotStrategy
    unique_key: Names | None = None
    updated_at: str | None = None
    check_cols: Names | None = None
    hard_deletes: m.HardDeletes = "ignore"
    keep_last: int | None = Field(default=None, ge=1)
    on_schema_change: Literal["ignore", "fail", "append_new_columns"] = "append_new_columns"

    @model_validator(mode="after")
    def _columns_of_the_strategy(self) -> SnapshotShape:
        if self.strategy == "check" and not self.check_cols:
            raise ValueError("strategy 'check' needs check_cols: a list of columns, or 'all'")
        if self.strategy == "timestamp" and self.check_cols:
            raise ValueError("strategy 'timestamp' takes updated_at, not check_cols")
        if self.strategy == "check" and self.updated_at:
            raise ValueError("strategy 'check' takes check_cols, not updated_at")
        return self


class IncrementalOverlayShape(IncrementalKeys):
    """What project.yml says of an incremental model: the model's own config wins, key by key."""

    materialized: Literal["incremental"] | None = None
    incremental: IncrementalShape | None = None
    tags: list[str] = []

    @field_validator("incremental", mode="before")
    @classmethod
    def _switch_as_block(cls, value: object) -> object:
        return {"enabled": value} if isinstance(value, bool) else value

    def all_said(self) -> dict[str, Any]:
        """What is said in both places."""
        block = self.incremental.said() if self.incremental else {}
        return {**block, **self.said()}


class ModelConfigShape(IncrementalOverlayShape, StepKeys):
    """What a model may say of itself, in `config(...)` or in the decorator."""

    materialized: _Materialized | None = None  # type: ignore[assignment]
    snapshot: SnapshotShape | None = None
    owners: list[Owner] = []
    description: str | None = None
    volatile: bool | None = None
    early_cutoff: bool = True
    publish: m.PublishMode | None = None

    @field_validator("tags", "owners", mode="before")
    @classmethod
    def _tuple_as_list(cls, value: object) -> object:
        if isinstance(value, str):
            return [value]
        return [] if value is None else _as_list(value)

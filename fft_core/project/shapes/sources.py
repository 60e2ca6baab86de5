"""The shapes of sources.yml."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from fft_core.project import model as m
from fft_core.project.shapes.schema import ColumnShape
from fft_core.project.shapes.shape import Filled, Name, Names, SettingsShape, Shape


class PlaceShape(Shape):
    """The place of a source; None: the group's, then the profile's.

    The keys from `project` on are read and ignored: they are for other engines.
    """

    identifier: str | None = None
    schema_: str | None = Field(default=None, alias="schema")
    catalog: str | None = None
    database: str | None = None
    project: str | None = None
    dataset: str | None = None
    format: str | None = None
    location: str | None = None
    options: dict[str, Any] | None = None
    meta: Any = None

    @property
    def catalog_name(self) -> str | None:
        return self.catalog or self.database


class SourceSettingsShape(SettingsShape):
    """The settings of sources by folder, for all tables of a group, or for one."""

    schema_: Filled | None = Field(default=None, alias="schema")
    catalog: Filled | None = None
    database: Filled | None = None
    tags: Names = []


class DataVersionShape(Shape):
    """The way to find a source's version: exactly one of these."""

    loaded_at_field: str | None = None
    query: str | None = None
    digest_max_rows: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _exactly_one(self) -> DataVersionShape:
        if sum(value is not None for value in (self.loaded_at_field, self.query, self.digest_max_rows)) != 1:
            raise ValueError("set exactly one of loaded_at_field, query and digest_max_rows")
        return self


class PeriodShape(Shape):
    """A duration in minutes, hours or days."""

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
            raise ValueError("set warn_after, error_after, or both")
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
    tags: Names = []
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
    tags: Names = []
    overrides: dict[str, PlaceShape] = {}
    tables: list[SourceTableShape] | None = None


class SourcesShape(Shape):
    version: Literal[2]
    sources: list[SourceGroupShape] | None = None


class OldSourceShape(PlaceShape):
    description: str | None = None
    partition_by: PartitionBy | None = None
    overrides: dict[str, PlaceShape] = {}


OldSources = dict[Name, dict[Name, OldSourceShape | None]]

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
    """The name of the relation. [default: the name of the table]"""
    schema_: str | None = Field(default=None, alias="schema")
    """The schema of the relation. [default: the group's, or the profile's]"""
    catalog: str | None = None
    """The database of the relation. [default: the group's, or the profile's]"""
    database: str | None = None
    """Another name of `catalog`."""
    project: str | None = None
    """Read and ignored: it is for other engines."""
    dataset: str | None = None
    """Read and ignored: it is for other engines."""
    format: str | None = None
    """Read and ignored: it is for other engines."""
    location: str | None = None
    """Read and ignored: it is for other engines."""
    options: dict[str, Any] | None = None
    """Read and ignored: it is for other engines."""
    meta: Any = None
    """Read and ignored."""

    @property
    def catalog_name(self) -> str | None:
        return self.catalog or self.database


class SourceSettingsShape(SettingsShape):
    """The settings of sources by folder, for all tables of a group, or for one."""

    schema_: Filled | None = Field(default=None, alias="schema")
    """The schema of the relation."""
    catalog: Filled | None = None
    """The database of the relation."""
    database: Filled | None = None
    """Another name of `catalog`."""
    tags: Names = []
    """Tags of the source."""


class DataVersionShape(Shape):
    """The way to find a source's version: exactly one of these."""

    loaded_at_field: str | None = None
    """The version is the maximum of this column, and the number of rows."""
    query: str | None = None
    """The version is the result of this query."""
    digest_max_rows: int | None = Field(default=None, ge=0)
    """The version is a digest of all rows of a table with at most so many rows."""

    @model_validator(mode="after")
    def _exactly_one(self) -> DataVersionShape:
        if sum(value is not None for value in (self.loaded_at_field, self.query, self.digest_max_rows)) != 1:
            raise ValueError("set exactly one of loaded_at_field, query and digest_max_rows")
        return self


class PeriodShape(Shape):
    """A duration in minutes, hours or days."""

    count: float = Field(ge=0)
    """The number of periods."""
    period: Literal["minute", "hour", "day"]
    """The unit."""

    def time(self) -> timedelta:
        return timedelta(**{f"{self.period}s": self.count})


class SourceFreshnessShape(Shape):
    """The block `freshness` of a source."""

    loaded_at_field: str = Field(min_length=1)
    """A column, or an expression: its largest value is the time of the newest row."""
    warn_after: PeriodShape | None = None
    """The age of the newest row above which the source is reported with a warning."""
    error_after: PeriodShape | None = None
    """The age of the newest row above which the source is in error."""

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
    """The name of the table, as in `source('group', 'table')`."""
    description: str | None = None
    """The description of the table."""
    columns: list[ColumnShape] = []
    """The described columns."""
    tests: list[Any] = []
    """Checks of the table."""
    data_tests: list[Any] = []
    """The same as `tests`."""
    tags: Names = []
    """Tags of the source, in addition to those of the group."""
    overrides: dict[str, PlaceShape] = {}
    """Another place for single engines, by engine."""
    data_version: Literal["none", "digest"] | DataVersionShape = "digest"
    """The way to find out whether the rows changed: `digest`, `none`, or a mapping with exactly one key."""
    freshness: SourceFreshnessShape | None = None
    """The greatest age of the newest row."""
    partition_by: PartitionBy | None = None
    """The column with the partition of a row, if a partitioned asset fills the source; for several dimensions, a
    mapping of dimensions to columns.
    """

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
    """The name of the group, as in `source('group', 'table')`."""
    identifier: None = None
    description: str | None = None
    """The description of the group."""
    tags: Names = []
    """Tags of all sources of the group."""
    overrides: dict[str, PlaceShape] = {}
    """Another place for single engines, by engine."""
    tables: list[SourceTableShape] | None = None
    """The tables of the group."""


class SourcesShape(Shape):
    version: Literal[2]
    """The version of the format."""
    sources: list[SourceGroupShape] | None = None
    """The groups of sources."""


class OldSourceShape(PlaceShape):
    description: str | None = None
    """The description of the table."""
    partition_by: PartitionBy | None = None
    """The column with the partition of a row, if a partitioned asset fills the source."""
    overrides: dict[str, PlaceShape] = {}
    """Another place for single engines, by engine."""


OldSources = dict[Name, dict[Name, OldSourceShape | None]]

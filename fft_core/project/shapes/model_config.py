"""The shapes of config() and @model, and of `models.incremental` in project.yml."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from fft_core.engines.spec.attachments import ConstraintType
from fft_core.engines.spec.layout import Granularity, OptionValue
from fft_core.names import model_name
from fft_core.project import model as m
from fft_core.project.shapes.schema import StepKeys
from fft_core.project.shapes.shape import (
    TEXTS,
    Filled,
    Names,
    Owner,
    SettingsShape,
    Shape,
    Words,
    as_list,
    milliseconds,
)

_Materialized: TypeAlias = Literal["table", "view", "materialized_view", "ephemeral", "incremental", "snapshot"]


def _lookback(value: str | int) -> str | int:
    if isinstance(value, str) and not re.fullmatch(r"\d+ (second|minute|hour|day|week|month|year)s?", value):
        raise ValueError(f"{value!r} is not a time; write it as '3 days', or as a number for a column of numbers")
    if isinstance(value, int) and value < 0:
        raise ValueError("must not be negative")
    return value


_KEYS = ("unique_key", "primary_key")
_UPDATED = ("updated_at_columns", "updated_at_column", "updated_at", "timestamp_columns", "delta_columns")


def _texts_of(value: object) -> list[str]:
    """Return the texts of a hook setting: one, a list, or dbt's form `{sql: ...}`. Raises ValueError for others."""
    found = []
    for item in value if isinstance(value, list | tuple) else [value]:
        text = item.get("sql") if isinstance(item, Mapping) and item.keys() <= {"sql", "transaction"} else item
        if not isinstance(text, str):
            raise ValueError("must be SQL, as a text or a list of texts")
        if isinstance(item, Mapping) and item.get("transaction", True) is not True:
            raise ValueError("transaction: false is not supported: a hook is part of the build of its model")
        found += [text] if text.strip() else []
    return found


def _listed(value: object) -> object:
    if isinstance(value, str):
        return [value]
    return [] if value is None else as_list(value)


class RangeShape(Shape):
    """The ranges of whole numbers of `partition_by`."""

    start: int
    """The first value."""
    end: int
    """The value after the last one."""
    interval: int = Field(ge=1)
    """The length of the range of one partition."""


class PartitionShape(Shape):
    """A column of partitions that hold several of its values."""

    field: Filled
    """The column."""
    granularity: Granularity | None = None
    """The time span of a partition. [default: `day` on BigQuery, each value on Spark]"""
    range: RangeShape | None = None
    """The ranges of a column of whole numbers."""

    @model_validator(mode="after")
    def _one_size(self) -> PartitionShape:
        if self.granularity and self.range:
            raise ValueError("granularity is for times and range is for whole numbers: set one of them")
        return self


def _partitions(value: object) -> object:
    """Return a list of mappings for a column, a mapping, or a list of both."""
    listed = [value] if isinstance(value, str | Mapping) else as_list(value)
    if not isinstance(listed, list):
        return value
    if any(not isinstance(one, str | Mapping) for one in listed):
        raise ValueError("must be columns, each as text, or as a mapping with `field`")
    return [{"field": one} if isinstance(one, str) else one for one in listed]


PartitionBy: TypeAlias = Annotated[
    list[PartitionShape],
    BeforeValidator(_partitions),
    Field(min_length=1),
    Words("text or mapping, or list of them"),
]


class IncrementalKeys(Shape):
    """The keys of an incremental model, in `config(...)` itself or in its block `incremental`."""

    strategy: m.IncrementalStrategy | None = None
    """The way in which new rows are combined with the existing ones. [default: `merge`]"""
    unique_key: Names | None = None
    """The columns that identify a row."""
    primary_key: Names | None = None
    """Another name of `unique_key`."""
    partition_by: PartitionBy | None = None
    """The columns of the table's partitions, if the engine has partitions. With `insert_overwrite`, on all engines: the
    columns whose values are replaced as a whole.
    """
    updated_at: Names | None = None
    """Another name of `updated_at_columns`."""
    updated_at_column: Names | None = None
    """Another name of `updated_at_columns`."""
    updated_at_columns: Names | None = None
    """The columns with the time of the last change of a row; `lookback` reads them."""
    timestamp_columns: Names | None = None
    """Another name of `updated_at_columns`."""
    delta_columns: Names | None = None
    """Another name of `updated_at_columns`."""
    lookback: Annotated[str | int, AfterValidator(_lookback)] | None = None
    """Take only rows that are at most this much older than the newest stored row: `3 days`, or a number for a column of
    numbers.
    """
    on_schema_change: m.OnSchemaChange | None = None
    """The treatment of columns that only the new rows or only the table have. [default: `ignore`]"""
    schema_sync: m.OnSchemaChange | None = None
    """Another name of `on_schema_change`."""
    delta_sql: str | None = None
    """The query for the new rows, with Jinja. [default: the model's own query]"""
    delta: str | None = None
    """Another name of `delta_sql`."""

    def said(self) -> dict[str, Any]:
        """Return the keys that are set, with aliases resolved."""
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
    """`false`: the model is not incremental."""


class SnapshotShape(Shape):
    """The block `snapshot`."""

    strategy: m.SnapshotStrategy
    """The way to recognise a new version of a row: a later `updated_at`, or a changed column of `check_cols`."""
    unique_key: Names | None = None
    """The columns that identify a row, if they are not named beside the block."""
    updated_at: str | None = None
    """With `timestamp`: the column with the time of the last change of a row."""
    check_cols: Names | None = None
    """With `check`: the columns to compare, or `all`."""
    hard_deletes: m.HardDeletes = "ignore"
    """`invalidate`: close the current versions of rows that are no longer in the query."""
    keep_last: int | None = Field(default=None, ge=1)
    """The number of versions of a row to keep. [default: all]"""
    on_schema_change: Literal["ignore", "fail", "append_new_columns"] = "append_new_columns"
    """The treatment of columns that only the query has."""

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
    """The settings of an incremental model in project.yml; the model's own config wins, key by key."""

    materialized: Literal["incremental"] | None = None
    """Always `incremental`."""
    incremental: Annotated[IncrementalShape, Words("true or false, or mapping")] | None = None
    """`true`, or a block with the keys of incremental models: the model is incremental."""
    tags: Annotated[list[str], TEXTS] = []
    """Tags; those of all places are joined."""

    @field_validator("incremental", mode="before")
    @classmethod
    def _switch_as_block(cls, value: object) -> object:
        return {"enabled": value} if isinstance(value, bool) else value

    def all_said(self) -> dict[str, Any]:
        """Return the settings of both places together."""
        block = self.incremental.said() if self.incremental else {}
        return {**block, **self.said()}

    def overlay(self) -> dict[str, Any]:
        """Return the settings below `models.incremental`; a model named there is incremental."""
        enabled = self.incremental.enabled if self.incremental else True
        tags = {"tags": self.tags} if self.tags else {}
        return {**self.all_said(), **tags, "incremental": enabled}


class IndexShape(Shape):
    """An index of a table."""

    columns: Annotated[Names, Field(min_length=1)]
    """The columns of the index."""
    unique: bool = False
    """`true`: the values are unique."""
    type: Annotated[str, Field(pattern="^[a-z]+$")] | None = None
    """The engine's name of the method, such as `hash`. [default: the engine's]"""
    name: Filled | None = None
    """The name of the index. [default: made from its definition]"""

    def attachment(self, node: str) -> m.Attachment:
        columns = tuple(self.columns)
        name = self.name or attachment_name("ix", node, columns, self.unique, self.type)
        return m.Attachment("index", name, columns, self.type or "", self.unique)


class ConstraintShape(Shape):
    """A constraint of a table; `to` is the model or seed of a foreign key, as a name or as ref('...')."""

    type: ConstraintType
    """The type of the constraint."""
    columns: Names = []
    """The columns; required, except for `check`."""
    expression: Filled | None = None
    """For `check`: the condition in SQL."""
    to: Filled | None = None
    """For `foreign_key`: the model or seed that it refers to, which this model must read."""
    to_columns: Names = []
    """For `foreign_key`: the columns of the other table, one for each of `columns`. [default: the same names]"""
    name: Filled | None = None
    """The name of the constraint. [default: made from its definition]"""

    @model_validator(mode="after")
    def _has_what_its_type_needs(self) -> ConstraintShape:
        if (self.type == "check") != (self.expression is not None):
            raise ValueError("expression is for constraints of type check, which need it")
        if self.type != "check" and not self.columns:
            raise ValueError(f"a constraint of type {self.type} needs columns")
        if (self.type == "foreign_key") != (self.to is not None) or (self.to_columns and not self.to):
            raise ValueError("`to` is for constraints of type foreign_key, which need it")
        if self.to_columns and len(self.to_columns) != len(self.columns):
            raise ValueError("columns and to_columns are pairs: set as many of both")
        return self

    def attachment(self, node: str) -> m.Attachment:
        columns, to = tuple(self.columns), referred(self.to or "")
        said = (self.type, columns, self.expression, to, tuple(self.to_columns))
        name = self.name or attachment_name("c", node, *said)
        expression, to_columns = self.expression or "", tuple(self.to_columns)
        return m.Attachment("constraint", name, columns, self.type, False, expression, to, to_columns)


def attachment_name(kind: str, *said: object) -> str:
    """Return the name of an index or constraint without a name: equal definitions get equal names."""
    return f"_ff_{kind}_{hashlib.sha256(repr(said).encode()).hexdigest()[:16]}"


def referred(text: str) -> str:
    """Return the name in `ref('name')`, or the text itself."""
    match = re.fullmatch(r"""\s*(?:\{\{)?\s*ref\(\s*['"](.+?)['"]\s*\)\s*(?:\}\})?\s*""", text)
    return model_name(match[1] if match else text.strip())


_Privilege: TypeAlias = Annotated[str, Field(pattern="^[a-z]+$")]


class ServeShape(Shape):
    """The settings for serving the rows of a model over HTTP."""

    enabled: bool = True
    """Whether `fft serve` serves the rows."""
    where: Filled | None = None
    """A condition in SQL on each row; `:name` is a claim of the reader."""


class LayoutKeys(Shape):
    """The keys for the layout of a table. A key that an engine does not have has no effect there."""

    partition_by: PartitionBy | None = None
    """The columns of the table's partitions, if the engine has partitions."""
    cluster_by: Annotated[Names, Field(min_length=1)] | None = None
    """The columns or expressions by which rows lie together, if the engine has clusters."""
    table_format: Filled | None = None
    """On Spark, the format of the table. [default: the profile's]"""
    table_options: dict[Filled, OptionValue] | None = None
    """On BigQuery, OPTIONS of the table. On Spark, table properties, which are merged over those of the profile."""
    labels: dict[Filled, str] | None = None
    """On BigQuery, the labels of the table."""
    transient: bool | None = None
    """On Snowflake, whether the table has no fail-safe. [default: the profile's]"""


class PlacedKeys(LayoutKeys, StepKeys, SettingsShape):
    """The keys for the schema and name of a model or seed, for the layout of its table, and for grants and the like."""

    schema_: Filled | None = Field(default=None, alias="schema")
    """The schema of the table or view. [default: the profile's]"""
    alias: Filled | None = None
    """The name of the table or view. [default: the name of the model or seed]"""
    catalog: Filled | None = None
    """The database of the table or view; on DuckDB, an attached file. [default: the profile's]"""
    database: Filled | None = None
    """Another name of `catalog`."""
    enabled: bool | None = None
    """`false`: the model or seed, and its checks, are left out of the project. [default: `true`]"""
    grants: Annotated[dict[_Privilege, Names], Words("mapping of texts or lists of texts")] | None = None
    """The roles that get each privilege, by the name of the privilege."""
    indexes: list[IndexShape] | None = None
    """The indexes of the table."""
    constraints: list[ConstraintShape] | None = None
    """The constraints of the table."""
    tags: Annotated[list[str], TEXTS] = []
    """Tags; those of all places are joined."""
    owners: Annotated[list[Owner], TEXTS] = []
    """E-mail addresses, or `team:name`; those of all places are joined."""

    @model_validator(mode="after")
    def _one_catalog(self) -> PlacedKeys:
        if self.catalog and self.database and self.catalog != self.database:
            raise ValueError("catalog and database are two names for the same setting: set one of them")
        return self

    @field_validator("tags", "owners", mode="before", check_fields=False)
    @classmethod
    def _one_as_list(cls, value: object) -> object:
        return _listed(value)


class SeedConfigShape(PlacedKeys):
    """The config of a seed, in YAML and by folders."""


class ModelConfigShape(IncrementalOverlayShape, PlacedKeys):
    """The config of a model, in `config(...)`, in the decorator, in YAML and by folders.

    `storage`, `http` and `api` are read and ignored: they are for other engines, and for get_df.
    """

    materialized: _Materialized | None = None  # type: ignore[assignment]
    """The way in which the rows are stored. [default: `table`]"""
    snapshot: SnapshotShape | None = None
    """The settings of a snapshot."""
    kind: Literal["sql", "python"] | None = None
    """Read and ignored: the file decides."""
    engines: Names = []
    """In `config()`: the engines that have this model. [default: all]"""
    pre_hook: Annotated[list[str], BeforeValidator(_texts_of), TEXTS] | None = None
    """SQL that runs before the rows of the model are written, in the same transaction."""
    post_hook: Annotated[list[str], BeforeValidator(_texts_of), TEXTS] | None = None
    """SQL that runs after the relation has its rows and its name, in the same transaction."""
    storage: dict[str, Any] | None = None
    """Read and ignored: it is for other engines."""
    delta_python: Any = None
    """Not supported; any value is an error."""
    http: dict[str, Any] | None = None
    """Read and ignored."""
    api: dict[str, Any] | None = None
    """Read and ignored."""
    description: str | None = None
    """The description of the model. [default: for a Python model, the docstring]"""
    volatile: bool | None = None
    """`true`: build the model in each run. `false`: reuse it although it calls `now()` or similar functions. [default:
    detected]
    """
    ttl: Annotated[float, Words("number of seconds, or text with a unit")] | None = Field(default=None, gt=0)
    """The time for which rows that change by themselves are reused: seconds, or a text such as `30s`, `2m`, `1h`, `7d`.
    """
    early_cutoff: bool = True
    """`false`: do not compare the rows with the previous ones after a build."""
    publish: m.PublishMode | None = None
    """The way in which a table replaces the previous one on Postgres. [default: by size]"""
    serve: ServeShape | None = None
    """Whether `fft serve` serves the rows; a mapping has `where`, which limits them by claims of the reader."""

    @field_validator("serve", mode="before")
    @classmethod
    def _served_as_block(cls, value: object) -> object:
        return {"enabled": value} if isinstance(value, bool) else value

    @field_validator("ttl", mode="before")
    @classmethod
    def _seconds(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if not re.search("[a-z]", value):
            raise ValueError(f"{value!r} has no unit; write a number of seconds, or a text as 30s, 2m, 1h or 7d")
        return float(milliseconds(value)) / 1000

    @field_validator("delta_python")
    @classmethod
    def _no_delta_python(cls, value: object) -> object:
        if value is not None:
            raise ValueError("not supported; write a Python model that takes `is_incremental` by name")
        return value

    @field_validator("engines", mode="before")
    @classmethod
    def _tuple_as_list(cls, value: object) -> object:
        return _listed(value)

    def written(self) -> dict[str, Any]:
        """Return the settings that are set, with aliases resolved; `incremental` is whether it is switched on."""
        said = {key: value for key, value in super().written().items() if key not in IncrementalKeys.model_fields}
        if self.incremental is not None:
            said["incremental"] = self.incremental.enabled
        return {**said, **self.all_said()}
